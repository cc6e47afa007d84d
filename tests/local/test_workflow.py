"""One drawing, one result: whatever is repeated, lost or comes in the wrong order."""

import csv
import io
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from drawops.catalog import Revision, Status
from drawops.contracts.events import DrawingProcessed, DrawingQuarantined
from drawops.contracts.workflow import ReconcileReport, ReconcileRequest
from drawops.keys import inference_id
from drawops.labeling.failure import TIMED_OUT
from drawops_cli.bring_up import reconcile
from drawops_cli.failures import FunctionFailed
from drawops_local import credentials, environments

from benchmarks.cold_import import function_folders, import_seconds
from benchmarks.local_stack import ROOT, Dropped, Stack, eventually
from tests.local import drawings

EVENTS = ROOT / "events"
AT_ONCE = ReconcileRequest(sweep=True, grace_seconds=0)


def assert_one_result(stack: Stack, dropped: Dropped) -> Revision:
    """PROCESSED by one execution, with one event, and written once."""
    revision = stack.ended(dropped)
    assert revision.status is Status.PROCESSED, revision.reason
    assert stack.event(dropped)["detail-type"] == "DrawingProcessed"
    assert [item.status for item in stack.executions()[dropped.drawing_id]] == ["SUCCEEDED"]
    assert written(stack, revision) == 1
    return revision


def written(stack: Stack, revision: Revision) -> int:
    """How often the result of a revision was stored: the data bucket keeps every version."""
    assert revision.result_key is not None
    found = stack.target.s3.list_object_versions(Bucket=stack.target.data_bucket, Prefix=revision.result_key)
    return len(found.get("Versions", []))


# -- the same, again --------------------------------------------------------------------------------


def test_a_drawing_becomes_a_result_a_table_and_an_event(stack: Stack) -> None:
    dropped = stack.drop("workflow/happy.png", drawings.png("VALVE HV-101"))
    revision = assert_one_result(stack, dropped)

    event = DrawingProcessed.model_validate(stack.event(dropped)["detail"])
    assert (event.drawing_id, event.revision) == (revision.drawing_id, revision.revision)
    assert (event.bucket, event.key) == (stack.target.raw_bucket, dropped.key)
    assert (event.pages, event.texts) == (1, 1)
    result = stack.result(revision)
    assert [text.text for text in result.pages[0].texts] == ["VALVE HV-101"]
    assert revision.texts_csv_key is not None
    table = csv.DictReader(io.StringIO(stack.data(revision.texts_csv_key).decode("utf-8-sig")))
    assert [row["text"] for row in table] == ["VALVE HV-101"]
    drawing = stack.target.catalog.drawing(dropped.drawing_id)
    assert drawing is not None
    assert drawing.current_revision == revision.revision


def test_the_same_bytes_at_the_same_key_change_nothing(stack: Stack) -> None:
    data = drawings.png("SAME")
    first = stack.drop("workflow/same.png", data)
    revision = assert_one_result(stack, first)

    again = stack.drop("workflow/same.png", data)
    eventually(lambda: stack.execution_status(again) == "SUCCEEDED", 30)
    assert again.version_id != first.version_id
    assert stack.target.catalog.revisions(first.drawing_id) == [revision]
    assert written(stack, revision) == 1
    assert stack.event(first)["detail"]["revision"] == revision.revision


def test_the_same_bytes_under_two_keys_are_two_drawings(stack: Stack) -> None:
    data = drawings.png("TWINS")
    pair = [stack.drop(f"workflow/twin {number}.png", data) for number in (1, 2)]
    for dropped in pair:
        assert_one_result(stack, dropped)


def test_other_bytes_at_the_same_key_are_a_new_revision(stack: Stack) -> None:
    first = stack.drop("workflow/changed.png", drawings.png("REV A"))
    assert stack.ended(first).status is Status.PROCESSED
    second = stack.drop("workflow/changed.png", drawings.png("REV B"))
    assert stack.ended(second).status is Status.PROCESSED

    revisions = stack.target.catalog.revisions(first.drawing_id)
    assert [revision.revision for revision in revisions] == [first.revisions[0], second.revisions[0]]
    assert [stack.result(item).pages[0].texts[0].text for item in revisions] == ["REV A", "REV B"]
    drawing = stack.target.catalog.drawing(first.drawing_id)
    assert drawing is not None
    assert drawing.current_revision == second.revisions[0]


def test_going_back_to_old_bytes_makes_their_result_current_again(stack: Stack) -> None:
    old, new = drawings.png("OLD"), drawings.png("NEW")
    first = stack.drop("workflow/back.png", old)
    stack.ended(first)
    stack.ended(stack.drop("workflow/back.png", new))
    third = stack.drop("workflow/back.png", old)
    eventually(lambda: stack.execution_status(third) == "SUCCEEDED", 30)

    drawing = stack.target.catalog.drawing(first.drawing_id)
    assert drawing is not None
    assert drawing.current_revision == first.revisions[0]
    assert len(stack.target.catalog.revisions(first.drawing_id)) == 2


def test_dropping_a_quarantined_drawing_again_tries_once_more(stack: Stack) -> None:
    data = b"not a drawing"
    first = stack.drop("workflow/once more.png", data)
    assert stack.ended(first).status is Status.QUARANTINED
    second = stack.drop("workflow/once more.png", data)
    eventually(lambda: stack.execution_status(second) == "FAILED", 30)
    codes = [event["detail"]["code"] for event in stack.events(first.drawing_id)]
    assert codes == ["UNSUPPORTED_TYPE"] * 2


def test_a_repeated_upload_event_starts_nothing(stack: Stack) -> None:
    with stack.uploads_held_back():
        dropped = stack.drop("workflow/repeated event.png", drawings.png("ONCE"))
        for _ in range(2):
            stack.send_upload_event(dropped)
    assert_one_result(stack, dropped)
    stack.send_upload_event(dropped)
    assert_queue_becomes_empty(stack)
    assert_one_result(stack, dropped)


# -- notifications of the endpoint ------------------------------------------------------------------


def topic(stack: Stack, name: str) -> str:
    """ARN of a topic of the stack by the logical id it begins with."""
    (found,) = [
        item["TopicArn"]
        for item in stack.target.client("sns").list_topics()["Topics"]
        if f":{stack.target.stack}-{name}-" in item["TopicArn"]
    ]
    return str(found)


def notification(dropped: Dropped, status: str, output_location: str) -> dict[str, Any]:
    """The SNS event that the endpoint causes when an inference has ended: "Completed" or "Failed"."""
    name = f"inference_{status.lower()}.json"
    event: dict[str, Any] = json.loads((EVENTS / "sns" / name).read_text(encoding="utf-8"))
    message = json.loads(event["Records"][0]["Sns"]["Message"])
    message["inferenceId"] = inference_id(dropped.drawing_id, dropped.revisions[0])
    if status == "Completed":
        message["responseParameters"]["outputLocation"] = output_location
    else:
        message["failureReason"] = "The instance was lost."
    event["Records"][0]["Sns"]["Message"] = json.dumps(message)
    return event


def notify(stack: Stack, dropped: Dropped, status: str) -> int:
    """Deliver a notification as SNS does, but wait for the function: how many workflows it woke."""
    event = notification(dropped, status, output_location(stack, dropped))
    answer = stack.target.invoke(
        stack.target.functions()["ResumeProcessingFunction"], json.dumps(event).encode()
    )
    return int(json.loads(answer)["resumed"])


def output_location(stack: Stack, dropped: Dropped) -> str:
    """Where the endpoint writes its answer for a drawing."""
    inference = stack.target.catalog.inference(inference_id(dropped.drawing_id, dropped.revisions[0]))
    assert inference is not None
    assert inference.output_location is not None
    return inference.output_location


def reading(stack: Stack, dropped: Dropped) -> bool:
    """Whether the endpoint has the drawing and the workflow waits for it."""
    revision = stack.revision_of(dropped)
    if revision is None or revision.status is not Status.READING:
        return False
    inference = stack.target.catalog.inference(revision.inference_id or "")
    return inference is not None and inference.output_location is not None


def answered(stack: Stack, dropped: Dropped) -> bool:
    """Whether the endpoint's answer lies in the data bucket."""
    key = output_location(stack, dropped).removeprefix(f"s3://{stack.target.data_bucket}/")
    found = stack.target.s3.list_objects_v2(Bucket=stack.target.data_bucket, Prefix=key)
    return bool(found["KeyCount"])


@contextmanager
def notifications_lost(stack: Stack) -> Iterator[None]:
    """Inside the block nobody hears of an inference that succeeded."""
    sns, arn = stack.target.client("sns"), topic(stack, "ReadingSucceededTopic")
    (subscription,) = sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]
    sns.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])
    try:
        yield
    finally:
        sns.subscribe(TopicArn=arn, Protocol=subscription["Protocol"], Endpoint=subscription["Endpoint"])


def test_a_notification_that_comes_twice_gives_one_result(stack: Stack) -> None:
    dropped = stack.drop("workflow/notified twice.png", drawings.png("TWICE"))
    assert_one_result(stack, dropped)
    assert notify(stack, dropped, "Completed") == 0
    assert_one_result(stack, dropped)


def test_two_notifications_at_once_give_one_result(stack: Stack) -> None:
    with notifications_lost(stack):
        dropped = stack.drop("workflow/notified twice at once.png", drawings.png("AT ONCE"))
        eventually(lambda: reading(stack, dropped) and answered(stack, dropped), 30)
    (record,) = notification(dropped, "Completed", output_location(stack, dropped))["Records"]
    for _ in range(2):
        stack.target.client("sns").publish(
            TopicArn=topic(stack, "ReadingSucceededTopic"), Message=record["Sns"]["Message"]
        )
    assert_one_result(stack, dropped)


def test_an_error_after_the_success_changes_nothing(stack: Stack) -> None:
    dropped = stack.drop("workflow/error after success.png", drawings.png("DONE"))
    assert_one_result(stack, dropped)
    assert notify(stack, dropped, "Failed") == 0
    assert_one_result(stack, dropped)


def test_a_success_after_the_error_changes_nothing(stack: Stack) -> None:
    with stack.endpoint_held_up():
        dropped = stack.drop("workflow/success after error.png", drawings.png("LATE"))
        eventually(lambda: reading(stack, dropped), 30)
        assert notify(stack, dropped, "Failed") == 1
        revision = stack.ended(dropped)
        assert (revision.status, revision.code) == (Status.QUARANTINED, "READING_FAILED")
    eventually(lambda: answered(stack, dropped), 30)
    assert notify(stack, dropped, "Completed") == 0

    assert stack.ended(dropped) == revision
    event = DrawingQuarantined.model_validate(stack.event(dropped)["detail"])
    assert (event.code, event.reason) == ("READING_FAILED", revision.reason)
    assert "The instance was lost." in event.reason
    assert [item.status for item in stack.executions()[dropped.drawing_id]] == ["FAILED"]


def test_a_lost_notification_is_made_up_for_by_the_reconciler(stack: Stack) -> None:
    with notifications_lost(stack):
        dropped = stack.drop("workflow/not notified.png", drawings.png("LOST"))
        eventually(lambda: reading(stack, dropped) and answered(stack, dropped), 30)
        assert stack.execution_status(dropped) == "RUNNING"
        report = reconcile(stack.target, AT_ONCE)
    assert label(dropped) in report.resumed
    assert_one_result(stack, dropped)
    assert not touched(reconcile(stack.target, AT_ONCE), dropped)


def test_an_upload_whose_event_was_lost_is_found_by_the_sweep(stack: Stack) -> None:
    with stack.uploads_held_back():
        dropped = stack.drop("workflow/event lost.png", drawings.png("UNSEEN"))
        eventually(lambda: queue_length(stack, "UploadQueue") == 1, 30)
        stack.target.client("sqs").purge_queue(QueueUrl=stack.target.queues()["UploadQueue"])
    assert dropped.key in reconcile(stack.target, AT_ONCE).started
    assert_one_result(stack, dropped)
    assert not touched(reconcile(stack.target, AT_ONCE), dropped)


def test_the_reconciler_leaves_alone_what_is_being_read(stack: Stack) -> None:
    with stack.endpoint_held_up():
        dropped = stack.drop("workflow/being read.png", drawings.png("SLOW"))
        eventually(lambda: reading(stack, dropped), 30)
        assert not touched(reconcile(stack.target, AT_ONCE), dropped)
    assert_one_result(stack, dropped)


def test_a_workflow_that_was_broken_off_is_started_again(stack: Stack) -> None:
    with stack.endpoint_held_up():
        dropped = stack.drop("workflow/broken off.png", drawings.png("AGAIN"))
        eventually(lambda: reading(stack, dropped), 30)
        machine = stack.target.output("DrawingProcessingStateMachineArn")
        stack.target.client("stepfunctions").stop_execution(
            executionArn=f"{machine.replace(':stateMachine:', ':execution:')}:{dropped.execution_name()}"
        )
        assert label(dropped) in reconcile(stack.target, AT_ONCE).restarted
    eventually(lambda: stack.execution_status(dropped, 1) == "SUCCEEDED", 60)
    revision = stack.ended(dropped)
    assert (revision.status, revision.attempt) == (Status.PROCESSED, 1)
    assert written(stack, revision) == 1
    assert stack.event(dropped)["detail-type"] == "DrawingProcessed"


def label(dropped: Dropped) -> str:
    """How the reconciler's report names a drawing."""
    return f"{dropped.drawing_id}/{dropped.revisions[0]}"


def touched(report: ReconcileReport, dropped: Dropped) -> bool:
    """Whether the reconciler did anything about a drawing (of others it may)."""
    everything = [*report.resumed, *report.restarted, *report.started, *report.quarantined]
    return label(dropped) in everything or dropped.key in everything


# -- the queue --------------------------------------------------------------------------------------


def queue_length(stack: Stack, name: str) -> int:
    """Messages in a queue, waiting and in flight."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = stack.target.client("sqs").get_queue_attributes(
        QueueUrl=stack.target.queues()[name], AttributeNames=names
    )["Attributes"]
    return sum(int(attributes[name]) for name in names)


def assert_queue_becomes_empty(stack: Stack) -> None:
    eventually(lambda: queue_length(stack, "UploadQueue") == 0, 30)
    assert queue_length(stack, "UploadDeadLetterQueue") == 0


def test_a_message_that_cannot_be_understood_ends_in_the_dead_letter_queue(stack: Stack) -> None:
    sqs, queues = stack.target.client("sqs"), stack.target.queues()
    # Five deliveries, one second apart instead of three minutes.
    sqs.set_queue_attributes(QueueUrl=queues["UploadQueue"], Attributes={"VisibilityTimeout": "1"})
    try:
        with stack.uploads_held_back():
            stack.send_upload_message("poison")
            dropped = stack.drop("workflow/beside the poison.png", drawings.png("GOOD"))
        eventually(lambda: queue_length(stack, "UploadDeadLetterQueue") == 1, 60)
    finally:
        sqs.set_queue_attributes(QueueUrl=queues["UploadQueue"], Attributes={"VisibilityTimeout": "180"})
    (message,) = sqs.receive_message(QueueUrl=queues["UploadDeadLetterQueue"])["Messages"]
    sqs.delete_message(QueueUrl=queues["UploadDeadLetterQueue"], ReceiptHandle=message["ReceiptHandle"])
    assert message["Body"] == "poison"
    assert_one_result(stack, dropped)
    assert_queue_becomes_empty(stack)


# -- artifacts, template, samples -------------------------------------------------------------------


@pytest.mark.parametrize("function", function_folders(), ids=lambda folder: folder.name)
def test_a_function_imports_from_its_built_artifact_alone(stack: Stack, function: Path) -> None:
    assert import_seconds(function) < 30


def test_sam_finds_no_fault_with_the_template(stack: Stack, tmp_path: Path) -> None:
    sam = environments.program_of(environments.environment_path(ROOT, "sam"), "sam")
    done = subprocess.run(
        [str(sam), "validate", "--lint"],
        cwd=ROOT,
        env={
            **credentials.without_aws(os.environ),
            "AWS_DEFAULT_REGION": "us-east-1",
            "SAM_CLI_TELEMETRY": "0",
            "__SAM_CLI_APP_DIR": str(tmp_path),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "is a valid SAM Template" in done.stdout


# What each sample does on a stack that knows nothing of it.
ANSWERS: dict[str, tuple[str, Any]] = {
    "sqs/start_processing.json": ("StartProcessingFunction", {"batchItemFailures": []}),
    "sns/inference_completed.json": ("ResumeProcessingFunction", {"resumed": 0}),
    "sns/inference_failed.json": ("ResumeProcessingFunction", {"resumed": 0}),
    "schedule/reconcile_drawings.json": (
        "ReconcileDrawingsFunction",
        ReconcileReport().model_dump(mode="json"),
    ),
    "schedule/reconcile_drawings_sweep.json": (
        "ReconcileDrawingsFunction",
        ReconcileReport().model_dump(mode="json"),
    ),
    "sagemaker/endpoint_in_service.json": (
        "ScaleEndpointFunction",
        {"alarm": "drawops-local-ocr-wake-from-zero"},
    ),
    "workflow/quarantine_drawing.json": ("QuarantineDrawingFunction", {"event": None}),
    "workflow/fail_labeling.json": (
        "FailLabelingFunction",
        {"reason": f"{TIMED_OUT} Ask for the page again with `drawops label request`."},
    ),
    "schedule/reconcile_labelings.json": ("ReconcileLabelingsFunction", {"announced": []}),
    "workflow/abandon_deployment.json": ("AbandonDeploymentFunction", {"event": None}),
    "schedule/abandon_deployment.json": ("AbandonDeploymentFunction", {"event": None}),
    "sagemaker/model_package_approved.json": ("StartDeploymentFunction", {"deployment_id": None}),
}
REFUSALS: dict[str, tuple[str, str, str]] = {
    "workflow/register_drawing.json": ("RegisterDrawingFunction", "InvalidInput", "DRAWING_DELETED: "),
    "workflow/check_drawing.json": ("CheckDrawingFunction", "NoSuchKey", "GetObject"),
    "workflow/invoke_endpoint.json": ("InvokeEndpointFunction", "Conflict", "is not open any more"),
    "workflow/store_result.json": ("StoreResultFunction", "InvalidResult", "There is no answer at s3://"),
    "drawops/drawing_processed.json": ("ConsiderLabelingFunction", "NotReady", "must be read first"),
    "workflow/open_labeling.json": ("OpenLabelingFunction", "NotReady", "must be read first"),
    "workflow/order_picture.json": ("OrderPictureFunction", "Conflict", "no such labeling"),
    "workflow/publish_labeling.json": (
        "PublishLabelingFunction",
        "InvalidResult",
        "There is no picture at s3://",
    ),
    "workflow/create_dataset_version.json": ("CreateDatasetVersionFunction", "Conflict", "no such labeling"),
}
# Requests of a browser: function and status of the answer.
REQUESTS = {
    "http/list_tasks.json": ("AnswerLabelingApiFunction", 401),
    "http/get_console_file.json": ("ServeConsoleFunction", 200),
    "http/show_approval.json": ("AnswerApprovalFunction", 410),
    "http/decide_approval.json": ("AnswerApprovalFunction", 410),
}
# Not the input of a function: what the upload queue wraps, and what workflows send.
NOT_INVOKED = {
    "s3/object_created.json",
    "drawops/drawing_quarantined.json",
    "drawops/labeling_submitted.json",
    "drawops/dataset_version_created.json",
}
# Their functions are there with another backend only, see test_ground_truth.py.
GROUND_TRUTH = {
    "sagemaker/prepare_labeling_task.json",
    "sagemaker/consolidate_annotations.json",
    "sagemaker/labeling_job_completed.json",
    "workflow/start_labeling_job.json",
}
# What a deployment's steps do, is tried by whole deployments: see test_deployment.py.
DEPLOYMENT = {
    "workflow/begin_deployment.json",
    "workflow/start_canary.json",
    "workflow/judge_canary.json",
    "workflow/deploy_model.json",
    "workflow/await_endpoint.json",
    "workflow/start_smoke_test.json",
    "workflow/check_smoke_test.json",
    "workflow/conclude_deployment.json",
    "drawops/model_deployed.json",
    "drawops/deployment_failed.json",
}
# Steps of a training run, and what asks for one: see tests/contract/local_cloud/test_training_workflow.py.
LEARNING = {
    "command/consider_training.json",
    "schedule/consider_training.json",
    "schedule/reconcile_trainings.json",
    "sagemaker/training_job_completed.json",
    "sagemaker/training_job_failed.json",
    "sagemaker/processing_job_completed.json",
    "workflow/prepare_training.json",
    "workflow/start_training_job.json",
    "workflow/start_gate_job.json",
    "workflow/register_candidate.json",
    "workflow/fail_training.json",
    "drawops/candidate_registered.json",
    "drawops/candidate_rejected.json",
    "drawops/training_failed.json",
}


@pytest.mark.parametrize("sample", ANSWERS)
def test_a_sample_event_is_answered(stack: Stack, sample: str) -> None:
    function, answer = ANSWERS[sample]
    assert json.loads(stack.target.invoke(stack.target.functions()[function], read(sample))) == answer


@pytest.mark.parametrize("sample", REFUSALS)
def test_a_sample_event_about_an_unknown_drawing_is_refused(stack: Stack, sample: str) -> None:
    function, kind, words = REFUSALS[sample]
    with pytest.raises(FunctionFailed) as refusal:
        stack.target.invoke(stack.target.functions()[function], read(sample))
    assert refusal.value.kind == kind
    assert words in refusal.value.message


@pytest.mark.parametrize("sample", REQUESTS)
def test_a_sample_request_is_answered(stack: Stack, sample: str) -> None:
    function, status = REQUESTS[sample]
    answer = json.loads(stack.target.invoke(stack.target.functions()[function], read(sample)))
    assert answer["statusCode"] == status


def test_every_sample_event_is_tried() -> None:
    tried = {*ANSWERS, *REFUSALS, *REQUESTS, *NOT_INVOKED, *GROUND_TRUTH, *DEPLOYMENT, *LEARNING}
    assert {path.relative_to(EVENTS).as_posix() for path in EVENTS.rglob("*.json")} == tried


def read(sample: str) -> bytes:
    return (EVENTS / sample).read_bytes()
