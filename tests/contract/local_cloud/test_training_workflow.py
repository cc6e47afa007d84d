"""The `training` state machine as it stands, run by Step Functions; functions say what tests tell them to."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from drawops_local.cloud import Cloud

from tests.contract.local_cloud.conftest import Make

ROOT = Path(__file__).parents[3]
RUN: dict[str, Any] = json.loads((ROOT / "events/workflow/prepare_training.json").read_text())
FUNCTIONS = {
    "PrepareTraining": """
    class NotReady(Exception):
        pass

    def handler(event, context):
        if event["reason"] == "nothing to learn":
            raise NotReady("It has no pages.")
        return {"training_bytes": 1, "gate_bytes": 2, "parent_dataset_version": None}
    """,
    "StartTrainingJob": """
    import boto3, json

    def handler(event, context):
        assert event["prepared"]["training_bytes"] == 1
        client, token = boto3.client("stepfunctions"), event["task_token"]
        if event["run"]["reason"] == "job fails":
            client.send_task_failure(taskToken=token, error="JobFailed", cause="no label")
        else:
            client.send_task_success(taskToken=token, output=json.dumps({"job": "j", "artifact_key": "k"}))
        return {"job": "j"}
    """,
    "StartGateJob": """
    import boto3, json

    def handler(event, context):
        assert (event["candidate_key"], event["prepared"]["gate_bytes"]) == ("k", 2)
        client, token = boto3.client("stepfunctions"), event["task_token"]
        if event["run"]["reason"] == "gate stops":
            client.send_task_failure(taskToken=token, error="JobStopped", cause="somebody stopped it")
        else:
            client.send_task_success(taskToken=token, output=json.dumps({"job": "g", "artifact_key": None}))
        return {"job": "g"}
    """,
    "RegisterCandidate": """
    def handler(event, context):
        assert event["candidate_key"] == "k"
        passed = event["run"]["reason"] != "worse"
        return {
            "outcome": "PASSED" if passed else "REJECTED",
            "detail_type": "CandidateRegistered" if passed else "CandidateRejected",
            "event": {"run_id": event["run"]["run_id"], "why": event["run"]["reason"]},
        }
    """,
    "FailTraining": """
    def handler(event, context):
        if event["run"]["reason"] == "gate stops":
            return {"event": None}
        return {"event": {"run_id": event["run"]["run_id"], "reason": event["error"] + "/" + event["cause"]}}
    """,
}
Start = Callable[[str], dict[str, Any]]


@pytest.fixture(scope="module")
def said(cloud: Cloud) -> str:
    """URL of a queue with everything that `drawops.training` says."""
    make = Make(cloud)
    url, arn = make.queue("training-said")
    make.rule("training-said", {"source": ["drawops.training"]}, arn)
    return url


@pytest.fixture(scope="module")
def start(cloud: Cloud) -> Start:
    """Run the machine for a reason that the functions know."""
    make = Make(cloud)
    given = {
        f"{name}FunctionArn": make.function(f"training-{name}", source) for name, source in FUNCTIONS.items()
    } | {"TrainingMaximumSeconds": "60", "EventBusName": "default"}
    text = (ROOT / "statemachines/training.asl.yaml").read_text()
    definition = yaml.safe_load(re.sub(r"\$\{(\w+)\}", lambda found: given[found[1]], text))
    machine = cloud.client("stepfunctions").create_state_machine(
        name="training", definition=json.dumps(definition), roleArn="arn:aws:iam::000000000000:role/r"
    )["stateMachineArn"]
    return lambda reason: make.run(machine, {**RUN, "reason": reason}, seconds=40)


def event(make: Make, said: str) -> tuple[str, dict[str, Any]]:
    body = json.loads(make.receive(said))
    return body["detail-type"], body["detail"]


@pytest.mark.parametrize(
    ("reason", "outcome", "kind"),
    [("better", "PASSED", "CandidateRegistered"), ("worse", "REJECTED", "CandidateRejected")],
)
def test_a_verdict_is_a_good_end_whatever_it_says(
    make: Make, start: Start, said: str, reason: str, outcome: str, kind: str
) -> None:
    ended = start(reason)
    assert ended["status"] == "SUCCEEDED", ended
    assert json.loads(ended["output"]) == {"outcome": outcome}
    assert event(make, said) == (kind, {"run_id": RUN["run_id"], "why": reason})


@pytest.mark.parametrize(
    ("reason", "cause"),
    [("nothing to learn", "NotReady/.*It has no pages"), ("job fails", "JobFailed/no label")],
)
def test_a_run_without_a_verdict_fails_with_its_reason(
    make: Make, start: Start, said: str, reason: str, cause: str
) -> None:
    ended = start(reason)
    assert (ended["status"], ended["error"]) == ("FAILED", "TrainingFailed"), ended
    assert re.search(cause, ended["cause"])
    kind, detail = event(make, said)
    assert kind == "TrainingFailed"
    assert re.search(cause, detail["reason"])


def test_a_run_that_had_ended_otherwise_is_not_told_of_again(start: Start) -> None:
    ended = start("gate stops")
    assert (ended["status"], ended["error"]) == ("FAILED", "TrainingFailed"), ended
    assert ended["cause"] == "The run had ended otherwise."
