"""What a lost event or a crash left hanging gets moving again, or ends with a reason."""

import json
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from drawops.contracts.events import TrainingFailed
from drawops.contracts.training import (
    Consideration,
    ReconciledTrainings,
    RunState,
    TrainingRun,
    Trigger,
)
from drawops.errors import Transient
from drawops.keys import training_job
from drawops.training.announcing import announce_failure
from drawops.training.consideration import Cause
from drawops.training.reconciliation import Reconciler
from drawops.training.runs import WaitingJob

from tests.unit.core.conftest import client_of
from tests.unit.core.training.conftest import PROJECT, STACK, Publish, Stack, asked
from tests.unit.core.training.test_conclusion import Stopped


class Events:
    """The event bus, and what was said on it."""

    def __init__(self) -> None:
        self.events, self.sqs = boto3.client("events"), boto3.client("sqs")
        self.queue = self.sqs.create_queue(QueueName="said")["QueueUrl"]
        self.events.put_rule(Name="all", EventPattern=json.dumps({"source": ["drawops.training"]}))
        arn = "arn:aws:sqs:us-east-1:123456789012:said"
        self.events.put_targets(Rule="all", Targets=[{"Id": "queue", "Arn": arn}])

    def said(self) -> list[tuple[str, dict[str, Any]]]:
        found = self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages", [])
        bodies = [json.loads(each["Body"]) for each in found]
        return [(body["detail-type"], body["detail"]) for body in bodies]


@pytest.fixture
def events(aws: None) -> Events:
    return Events()


@pytest.fixture
def hanging(stack: Stack, publish: Publish, monkeypatch: pytest.MonkeyPatch) -> TrainingRun:
    """A run that began; SageMaker can stop training jobs, which moto cannot."""
    stopped = Stopped()
    for name in ("stop_training_job", "stop_processing_job"):
        monkeypatch.setattr(stack.sagemaker, name, getattr(stopped, name), raising=False)
    publish(range(6))
    stack.considerer().consider(Cause(request=asked()))
    (run,) = stack.started()
    return run


def reconcile(stack: Stack, events: Events, grace: float = 0) -> ReconciledTrainings:
    return Reconciler(
        stack.considerer(), events=events.events, bus="default", prefix=STACK, grace=timedelta(seconds=grace)
    ).reconcile()


def end_execution(stack: Stack, run: TrainingRun) -> None:
    arn = stack.machine.replace(":stateMachine:", ":execution:") + f":{run.run_id}"
    stack.stepfunctions.stop_execution(executionArn=arn, cause="somebody stopped it")


def test_what_goes_well_is_left_alone(stack: Stack, events: Events, hanging: TrainingRun) -> None:
    assert reconcile(stack, events) == ReconciledTrainings()
    assert reconcile(stack, events, grace=600) == ReconciledTrainings()
    assert stack.store.project(PROJECT).active == hanging.run_id


def test_a_run_whose_start_got_lost_is_started(stack: Stack, events: Events, publish: Publish) -> None:
    publish(range(6))
    lost = stack.considerer(training_state_machine_arn=stack.machine.replace("training", "gone"))
    with pytest.raises(stack.stepfunctions.exceptions.StateMachineDoesNotExist):
        lost.consider(Cause(request=asked()))
    done = reconcile(stack, events)
    (run,) = stack.started()
    assert done.restarted == (run.run_id,)


def test_a_job_whose_event_got_lost_is_resumed(
    stack: Stack, events: Events, hanging: TrainingRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = training_job(STACK, hanging.run_id)
    stack.store.await_job(WaitingJob(job=job, run_id=hanging.run_id, task_token="token"))
    stack.store.move(hanging.run_id, RunState.TRAINING, job)
    monkeypatch.setattr(
        stack.sagemaker,
        "describe_training_job",
        lambda TrainingJobName: {"TrainingJobStatus": "Failed", "FailureReason": "no label"},  # noqa: N803
    )
    told: list[dict[str, Any]] = []
    monkeypatch.setattr(stack.stepfunctions, "send_task_failure", lambda **given: told.append(given))
    assert reconcile(stack, events).resumed == (hanging.run_id,)
    assert told[0]["taskToken"] == "token"
    assert "no label" in told[0]["cause"]


def test_a_run_whose_workflow_was_stopped_ends_and_says_so(
    stack: Stack, events: Events, hanging: TrainingRun
) -> None:
    end_execution(stack, hanging)
    assert reconcile(stack, events).failed == (hanging.run_id,)
    run = stack.store.run(hanging.run_id)
    assert run is not None
    assert run.state is RunState.STOPPED
    ((kind, detail),) = events.said()
    assert kind == "TrainingFailed"
    assert (detail["run_id"], detail["state"]) == (hanging.run_id, "STOPPED")
    assert stack.store.project(PROJECT).active is None
    assert reconcile(stack, events) == ReconciledTrainings()


def test_a_request_that_waits_for_nothing_any_more_is_looked_at(
    stack: Stack, events: Events, hanging: TrainingRun
) -> None:
    request = asked(trigger=Trigger.COMMAND, force=True, request="again")
    assert stack.considerer().consider(Cause(request=request)).decision is Consideration.WAITING
    end_execution(stack, hanging)
    done = reconcile(stack, events)
    assert (done.failed, done.considered) == ((hanging.run_id,), (PROJECT,))
    assert len(stack.started()) == 2
    assert stack.store.project(PROJECT).active not in (None, hanging.run_id)


def test_an_event_that_is_not_taken_is_tried_again() -> None:
    bus = Stubber(boto3.client("events"))
    bus.add_response("put_events", {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure"}]})

    event = TrainingFailed(
        id="t", run_id="t", project=PROJECT, dataset_version=f"v-{1:020x}", state="FAILED", reason="r"
    )
    with bus, pytest.raises(Transient):
        announce_failure(event, client_of(bus))
