"""The reconciler: what hangs is resumed, restarted, started or given up; what lives is left alone."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import boto3
import pytest
from drawops.catalog import Catalog, Inference, Status
from drawops.contracts.workflow import Outcome, ReconcileReport, Registered
from drawops.intake.reconciliation import Reconciler
from drawops.intake.registration import register
from drawops.intake.start import Start, start
from drawops.limits import Limits

from tests.unit.core.conftest import DATA, RAW, Put

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_stepfunctions import SFNClient

Reconcile = Callable[..., ReconcileReport]
DEFINITION = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 3600, "End": True}}}


@pytest.fixture
def stepfunctions(aws: None) -> "SFNClient":
    return boto3.client("stepfunctions")


@pytest.fixture
def machine(stepfunctions: "SFNClient") -> str:
    return stepfunctions.create_state_machine(
        name="processing", definition=json.dumps(DEFINITION), roleArn="arn:aws:iam::123456789012:role/r"
    )["stateMachineArn"]


@pytest.fixture
def reconcile(s3: "S3Client", stepfunctions: "SFNClient", catalog: Catalog, machine: str) -> Reconcile:
    def reconcile(*, sweep: bool = False, grace: int = 0, attempts: int = 3) -> ReconcileReport:
        return Reconciler(
            s3=s3,
            stepfunctions=stepfunctions,
            catalog=catalog,
            state_machine_arn=machine,
            raw_bucket=RAW,
            data_bucket=DATA,
            grace=timedelta(seconds=grace),
            max_attempts=attempts,
        ).reconcile(sweep=sweep)

    return reconcile


@pytest.fixture
def registered(put: Put, s3: "S3Client", catalog: Catalog) -> Registered:
    return register(put(), s3=s3, catalog=catalog, data_bucket=DATA, limits=Limits())


def names(stepfunctions: "SFNClient", machine: str) -> list[str]:
    found = stepfunctions.list_executions(stateMachineArn=machine)["executions"]
    return sorted(execution["name"].rsplit("-", 1)[1] for execution in found)


def test_a_repeated_event_starts_one_execution(put: Put, stepfunctions: "SFNClient", machine: str) -> None:
    upload = put()
    for _ in range(3):
        start(upload, stepfunctions=stepfunctions, state_machine_arn=machine)
    assert names(stepfunctions, machine) == ["0"]


def test_an_ended_execution_is_told_apart_from_a_running_one(
    put: Put, stepfunctions: "SFNClient", machine: str
) -> None:
    upload = put()
    start(upload, stepfunctions=stepfunctions, state_machine_arn=machine)
    (execution,) = stepfunctions.list_executions(stateMachineArn=machine)["executions"]
    stepfunctions.stop_execution(executionArn=execution["executionArn"])
    changed = upload.model_copy(update={"size": upload.size + 1})
    assert start(changed, stepfunctions=stepfunctions, state_machine_arn=machine) is Start.ENDED


def test_a_drawing_whose_workflow_broke_is_started_again(
    reconcile: Reconcile, registered: Registered, stepfunctions: "SFNClient", machine: str
) -> None:
    report = reconcile()
    assert report.restarted == (f"{registered.drawing_id}/{registered.revision}",)
    assert names(stepfunctions, machine) == ["1"]


def test_a_drawing_that_moved_lately_is_left_alone(reconcile: Reconcile, registered: Registered) -> None:
    assert reconcile(grace=60) == ReconcileReport()


def test_a_drawing_whose_workflow_runs_is_left_alone(
    reconcile: Reconcile, registered: Registered, stepfunctions: "SFNClient", machine: str
) -> None:
    start(registered.upload, stepfunctions=stepfunctions, state_machine_arn=machine)
    assert reconcile() == ReconcileReport()


def test_a_drawing_that_breaks_every_time_goes_to_quarantine(
    reconcile: Reconcile, registered: Registered, catalog: Catalog
) -> None:
    report = reconcile(attempts=1)
    assert report.quarantined == (f"{registered.drawing_id}/{registered.revision}",)
    known = catalog.revision(registered.drawing_id, registered.revision)
    assert known is not None
    assert (known.status, known.code) == (Status.QUARANTINED, "INTERNAL_ERROR")


@pytest.mark.parametrize("place", ["output", "failure"])
def test_a_lost_notification_is_made_up_for(
    place: str, reconcile: Reconcile, registered: Registered, catalog: Catalog, s3: "S3Client",
    stepfunctions: "SFNClient", machine: str,
) -> None:  # fmt: skip
    start(registered.upload, stepfunctions=stepfunctions, state_machine_arn=machine)
    inference = Inference(
        inference_id="i",
        task_token="token",
        output_location=f"s3://{DATA}/inference/output/1",
        failure_location=f"s3://{DATA}/inference/failure/1",
    )
    catalog.start_reading(registered.drawing_id, registered.revision, inference)
    assert reconcile().resumed == ()
    s3.put_object(Bucket=DATA, Key=f"inference/{place}/1", Body=b"{}")
    assert reconcile().resumed == (f"{registered.drawing_id}/{registered.revision}",)


def test_the_sweep_starts_uploads_that_no_workflow_saw(
    reconcile: Reconcile, put: Put, stepfunctions: "SFNClient", machine: str
) -> None:
    upload = put("lost.png")
    assert reconcile(sweep=False).started == ()
    assert reconcile(sweep=True).started == ("lost.png",)
    (execution,) = stepfunctions.list_executions(stateMachineArn=machine)["executions"]
    found = stepfunctions.describe_execution(executionArn=execution["executionArn"])
    assert json.loads(found["input"]) == upload.model_dump(mode="json")


def test_the_sweep_leaves_known_uploads_alone(
    reconcile: Reconcile, registered: Registered, catalog: Catalog
) -> None:
    assert registered.outcome is Outcome.TO_READ
    catalog.finish(registered.drawing_id, registered.revision, pages=1)
    assert reconcile(sweep=True) == ReconcileReport()


def test_the_sweep_gets_past_an_execution_that_broke_before_it_registered(
    reconcile: Reconcile, put: Put, stepfunctions: "SFNClient", machine: str
) -> None:
    start(put("lost.png"), stepfunctions=stepfunctions, state_machine_arn=machine)
    (execution,) = stepfunctions.list_executions(stateMachineArn=machine)["executions"]
    stepfunctions.stop_execution(executionArn=execution["executionArn"])
    assert reconcile(sweep=True).started == ("lost.png",)
    assert names(stepfunctions, machine) == ["0", "1"]
