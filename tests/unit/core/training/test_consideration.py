"""When a run begins, and when not; and that nothing ever trains the same twice by itself."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from drawops.contracts.training import Consideration, RunState, TrainingRequest, Trigger
from drawops.dynamodb import now, serialize
from drawops.errors import Misconfigured, NotReady
from drawops.registry.packages import APPROVED
from drawops.training.consideration import Cause, cause_of
from drawops.training.policy import TrainingPolicy, judge

from tests.unit.core.conftest import DATA, TABLE
from tests.unit.core.training.conftest import GROUP, PROJECT, Publish, Stack, asked, publish_model

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

EVENTS = Path(__file__).parents[4] / "events"


def consider(stack: Stack, request: TrainingRequest | None = None, **settings: Any) -> Any:  # noqa: ANN401
    return stack.considerer(**settings).consider(Cause(request=request or asked()))


def by_person(**values: Any) -> TrainingRequest:  # noqa: ANN401
    return asked(trigger=Trigger.COMMAND, **values)


def test_enough_new_labels_start_a_run_from_the_approved_model(stack: Stack, publish: Publish) -> None:
    version = publish(range(6))
    considered = consider(stack)
    assert considered.decision is Consideration.STARTED
    assert "60 labels are new" in considered.sentence
    (run,) = stack.started()
    assert run.run_id == considered.run_id
    assert (run.dataset_version, run.parent.version) == (version, "1.2.0")
    assert run.candidate_version == f"1.2.0-{run.run_id[:12]}"
    assert run.parent.package_arn is not None


def test_few_new_labels_start_nothing_unless_a_person_insists(stack: Stack, publish: Publish) -> None:
    publish(range(4))
    assert consider(stack).decision is Consideration.DECLINED
    assert consider(stack, by_person()).decision is Consideration.DECLINED
    assert stack.started() == []
    insisting = by_person(force=True, reason="new lettering", allow_lost_characters="⌀")
    assert consider(stack, insisting).decision is Consideration.STARTED
    (run,) = stack.started()
    assert (run.reason, run.allow_lost_characters) == ("new lettering", "⌀")


def test_only_what_is_new_since_the_approved_model_counts(stack: Stack, publish: Publish) -> None:
    first = publish(range(6))
    publish_model(stack.s3, stack.sagemaker, "1.2.0-t-1", APPROVED, parent="1.2.0", dataset=first)
    publish(range(6, 9))
    considered = consider(stack)
    assert considered.decision is Consideration.DECLINED
    assert "30 labels are new" in considered.sentence
    publish(range(2), text="corrected")
    assert consider(stack).decision is Consideration.STARTED
    (run,) = stack.started()
    assert run.parent.dataset_version == first


def test_the_same_event_again_starts_nothing(stack: Stack, publish: Publish) -> None:
    version = publish(range(6))
    first = consider(stack, asked(version=version))
    again = consider(stack, asked(version=version))
    assert (again.decision, again.run_id) == (Consideration.KNOWN, first.run_id)
    daily = consider(stack, asked(trigger=Trigger.SCHEDULE))
    assert daily.run_id == first.run_id
    stack.store.end(stack.started()[0], RunState.REJECTED)
    assert consider(stack, asked(version=version)).decision is Consideration.KNOWN
    assert len(stack.started()) == 1


def test_a_start_that_got_lost_is_made_up_for_by_the_next_trigger(stack: Stack, publish: Publish) -> None:
    publish(range(6))
    considerer = stack.considerer()
    lost = stack.considerer(training_state_machine_arn=stack.machine.replace("training", "gone"))
    with pytest.raises(stack.stepfunctions.exceptions.StateMachineDoesNotExist):
        lost.consider(Cause(request=asked()))
    assert stack.started() == []
    assert considerer.consider(Cause(request=asked())).decision is Consideration.KNOWN
    assert len(stack.started()) == 1


def test_a_trigger_while_a_run_is_under_way_follows_it_with_the_newest_version(
    stack: Stack, publish: Publish
) -> None:
    publish(range(6))
    consider(stack)
    (first,) = stack.started()
    second = publish(range(6, 12))
    waiting = consider(stack, asked(version=second))
    assert waiting.decision is Consideration.WAITING
    third = publish(range(12, 18))
    assert len(stack.started()) == 1

    ended = Cause(ended_project=PROJECT)
    assert stack.considerer().consider(ended).decision is Consideration.DECLINED
    stack.store.end(first, RunState.REJECTED)
    assert stack.considerer().consider(ended).decision is Consideration.STARTED
    assert {run.dataset_version for run in stack.started()} == {first.dataset_version, third}
    assert stack.store.project(PROJECT).request is None


def test_what_waited_is_dropped_when_there_is_nothing_to_learn_any_more(
    stack: Stack, publish: Publish
) -> None:
    version = publish(range(6))
    consider(stack)
    (run,) = stack.started()
    assert consider(stack, by_person(request="mei")).decision is Consideration.WAITING
    stack.store.end(run, RunState.REGISTERED)
    publish_model(stack.s3, stack.sagemaker, "1.2.0-t-1", APPROVED, parent="1.2.0", dataset=version)
    considered = stack.considerer().consider(Cause(ended_project=PROJECT))
    assert considered.decision is Consideration.DECLINED
    assert list(stack.store.waiting()) == []


def test_without_a_training_image_nothing_is_trained_and_it_says_so(stack: Stack, publish: Publish) -> None:
    publish(range(6))
    considered = consider(stack, by_person(force=True), training_image="")
    assert considered.decision is Consideration.OFF
    assert "TrainingImage" in considered.sentence
    assert stack.started() == []


def test_a_person_is_told_what_is_missing_and_an_event_fails_nothing(stack: Stack) -> None:
    with pytest.raises(NotReady, match="no dataset version yet"):
        consider(stack, by_person())
    with pytest.raises(NotReady, match="no dataset version v-"):
        consider(stack, by_person(version=f"v-{1:020x}"))
    assert consider(stack).decision is Consideration.DECLINED


def test_without_an_approved_model_there_is_nothing_to_train_from(stack: Stack, publish: Publish) -> None:
    publish(range(6))
    with pytest.raises(NotReady, match="No version of the model is approved"):
        consider(stack, by_person(), model_package_group="empty")


def serve(stack: Stack, key: str) -> None:
    stack.sagemaker.create_model(
        ModelName="m", ExecutionRoleArn="arn:aws:iam::123456789012:role/r",
        PrimaryContainer={"Image": "i", "ModelDataUrl": f"s3://{DATA}/{key}"},
    )  # fmt: skip
    stack.sagemaker.create_endpoint_config(
        EndpointConfigName="c",
        ProductionVariants=[
            {
                "VariantName": "primary",
                "ModelName": "m",
                "InitialInstanceCount": 1,
                "InstanceType": "ml.m5.large",
            }
        ],
    )
    stack.sagemaker.create_endpoint(EndpointName=GROUP, EndpointConfigName="c")


def test_the_parent_is_what_serves(stack: Stack, publish: Publish) -> None:
    publish(range(6))
    serve(stack, "models/ppocr-v6-small/1.2.0/model.tar.gz")
    publish_model(stack.s3, stack.sagemaker, "1.3.0", APPROVED)
    with pytest.raises(NotReady, match=r"1\.3\.0.* is approved, but models/ppocr-v6-small/1\.2\.0"):
        consider(stack, by_person(force=True))
    assert stack.started() == []


def read_badly(dynamodb: "DynamoDBClient", version: str, count: int, confidence: float) -> None:
    for number in range(count):
        item = {
            "pk": f"DRAWING#{number}", "sk": "REVISION#1", "status": "PROCESSED", "updated_at": now(),
            "model_version": version, "mean_confidence": confidence,
        }  # fmt: skip
        dynamodb.put_item(TableName=TABLE, Item=serialize(item))


def test_drawings_read_worse_than_the_gate_promised_start_a_run_when_there_is_something_to_learn(
    stack: Stack, publish: Publish, dynamodb: "DynamoDBClient"
) -> None:
    first = publish(range(6))
    publish_model(
        stack.s3, stack.sagemaker, "1.3.0", APPROVED, dataset=first, metrics={"new_f1": 95.0}
    )  # fmt: skip
    read_badly(dynamodb, "1.3.0", 30, 0.8)
    declined = consider(stack, asked(trigger=Trigger.SCHEDULE))
    assert declined.decision is Consideration.DECLINED
    assert "15.0 points worse" in declined.sentence
    publish(range(6, 8))
    considered = consider(stack, asked(trigger=Trigger.SCHEDULE))
    assert considered.decision is Consideration.STARTED
    assert "15.0 points worse" in considered.sentence


def test_readings_of_other_models_and_too_few_readings_say_nothing_about_drift(
    stack: Stack, publish: Publish, dynamodb: "DynamoDBClient"
) -> None:
    first = publish(range(6))
    publish_model(stack.s3, stack.sagemaker, "1.3.0", APPROVED, dataset=first, metrics={"new_f1": 95.0})
    publish(range(6, 8))
    read_badly(dynamodb, "1.2.0", 30, 0.5)
    assert consider(stack).decision is Consideration.DECLINED
    read_badly(dynamodb, "1.3.0", 5, 0.5)
    assert consider(stack).decision is Consideration.DECLINED


def test_force_outranks_everything() -> None:
    assert judge(by_person(force=True), 0, None, TrainingPolicy()) == (True, "A person asked for it.")


def test_a_hyperparameter_out_of_range_is_refused_by_name_before_anything_is_paid() -> None:
    with pytest.raises(Misconfigured, match=r"hyperparameters\.iterations.*greater than or equal to 1"):
        cause_of({"project": PROJECT, "hyperparameters": {"iterations": 0}})


def test_events_are_told_apart() -> None:
    created = json.loads((EVENTS / "drawops/dataset_version_created.json").read_text())
    request = cause_of(created).request
    assert request is not None
    assert (request.project, request.trigger) == (created["detail"]["project"], Trigger.DATASET_VERSION)
    assert request.version == created["detail"]["version"]
    for name in ("candidate_registered", "candidate_rejected", "training_failed"):
        event = json.loads((EVENTS / f"drawops/{name}.json").read_text())
        assert cause_of(event) == Cause(ended_project=event["detail"]["project"])
    scheduled = json.loads((EVENTS / "schedule/consider_training.json").read_text())
    assert cause_of(scheduled).request == TrainingRequest(project="drawings", trigger=Trigger.SCHEDULE)
