"""Invoking the endpoint, waking the workflow, keeping the result."""

import csv
import io
import json
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.stub import ANY, Stubber
from drawops.catalog import Catalog, Inference, Status
from drawops.contracts.events import InferenceNotification
from drawops.contracts.reading import (
    DpiSource,
    DrawingResult,
    MediaType,
    Model,
    Page,
    PageTimings,
    Reading,
    Text,
    TextSource,
    Tile,
    Timings,
)
from drawops.contracts.workflow import Checked, Invoked, InvokeRequest, Registered, StoreRequest
from drawops.errors import Conflict, InvalidResult, NotReady
from drawops.intake.registration import register
from drawops.keys import RevisionKeys
from drawops.limits import Limits
from drawops.reading.invocation import invoke
from drawops.reading.results import store, texts_csv
from drawops.reading.resumption import resume

from tests.unit.core.conftest import DATA, Put, client_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

OUT, ERR = f"s3://{DATA}/inference/output/1.out", f"s3://{DATA}/inference/failure/1.out"


def text(string: str, confidence: float = 0.9) -> Text:
    return Text(
        id="p1-t1", quad=((1, 2), (30, 2), (30, 12), (1, 12)), text=string, confidence=confidence, angle=0,
        source=TextSource.OCR,
    )  # fmt: skip


def reading(*texts: Text) -> Reading:
    return Reading(
        media_type=MediaType.PNG,
        model=Model(name="m", version="1", sha256="0" * 64),
        pages=(
            Page(
                number=1, width=100, height=50, dpi_source=DpiSource.UNKNOWN,
                tiles=(Tile(x=0, y=0, width=100, height=50),), texts=texts,
                timings=PageTimings(decode=0, detect=0, recognise=0),
            ),
        ),
        timings=Timings(total=1.5),
    )  # fmt: skip


@pytest.fixture
def registered(put: Put, s3: "S3Client", catalog: Catalog) -> Registered:
    return register(put(), s3=s3, catalog=catalog, data_bucket=DATA, limits=Limits())


@pytest.fixture
def request_(registered: Registered) -> InvokeRequest:
    return InvokeRequest(
        registered=registered, checked=Checked(media_type=MediaType.PNG, pages=1), task_token="token"
    )


def invoke_with(stub: Stubber, request: InvokeRequest, catalog: Catalog) -> str:
    with stub:
        return invoke(
            request,
            runtime=client_of(stub),
            catalog=catalog,
            endpoint="ocr",
            data_bucket=DATA,
            timeout_seconds=60,
        )


def test_a_drawing_is_queued_with_its_immutable_copy(request_: InvokeRequest, catalog: Catalog) -> None:
    stub = Stubber(boto3.client("sagemaker-runtime"))
    stub.add_response(
        "invoke_endpoint_async",
        {"InferenceId": "i", "OutputLocation": OUT, "FailureLocation": ERR},
        {
            "EndpointName": "ocr",
            "ContentType": "image/png",
            "Accept": "application/json",
            "InferenceId": ANY,
            "InputLocation": f"s3://{DATA}/"
            + RevisionKeys(request_.registered.drawing_id, request_.registered.revision).source,
            "InvocationTimeoutSeconds": 60,
        },
    )
    inference_id = invoke_with(stub, request_, catalog)
    assert len(inference_id) <= 64
    waiting = catalog.inference(inference_id)
    assert waiting == Inference(
        inference_id=inference_id, task_token="token", output_location=OUT, failure_location=ERR
    )


def test_a_missing_endpoint_is_waited_for(request_: InvokeRequest, catalog: Catalog) -> None:
    stub = Stubber(boto3.client("sagemaker-runtime"))
    stub.add_client_error("invoke_endpoint_async", "ValidationError", "Endpoint ocr not found")
    with pytest.raises(NotReady, match="Deploy a model"):
        invoke_with(stub, request_, catalog)


def test_a_revision_that_has_ended_is_not_sent(request_: InvokeRequest, catalog: Catalog) -> None:
    catalog.finish(request_.registered.drawing_id, request_.registered.revision, pages=1)
    with pytest.raises(Conflict):
        invoke_with(Stubber(boto3.client("sagemaker-runtime")), request_, catalog)


@pytest.fixture
def waiting(registered: Registered, catalog: Catalog) -> Inference:
    inference = Inference(inference_id="i-1", task_token="token", output_location=OUT, failure_location=ERR)
    catalog.start_reading(registered.drawing_id, registered.revision, inference)
    return inference


def notification(
    status: str, inference_id: str = "i-1", more: dict[str, object] | None = None
) -> InferenceNotification:
    return InferenceNotification.model_validate(
        {"invocationStatus": status, "inferenceId": inference_id, **(more or {})}
    )


COMPLETED: dict[str, object] = {
    "responseParameters": {"contentType": "application/json", "outputLocation": OUT}
}


def test_success_wakes_the_workflow_with_the_place_of_the_answer(
    waiting: Inference, s3: "S3Client", catalog: Catalog
) -> None:
    stub = Stubber(boto3.client("stepfunctions"))
    stub.add_response(
        "send_task_success",
        {},
        {"taskToken": "token", "output": json.dumps({"output_location": OUT}, separators=(",", ":"))},
    )
    with stub:
        assert resume(
            notification("Completed", more=COMPLETED), s3=s3, stepfunctions=client_of(stub), catalog=catalog
        )


@pytest.mark.parametrize("code", ["TaskDoesNotExist", "TaskTimedOut", "InvalidToken"])
def test_a_second_notification_is_swallowed(
    code: str, waiting: Inference, s3: "S3Client", catalog: Catalog
) -> None:
    stub = Stubber(boto3.client("stepfunctions"))
    stub.add_client_error("send_task_success", code)
    with stub:
        assert not resume(
            notification("Completed", more=COMPLETED), s3=s3, stepfunctions=client_of(stub), catalog=catalog
        )


def test_a_foreign_notification_wakes_nobody(s3: "S3Client", catalog: Catalog) -> None:
    stub = Stubber(boto3.client("stepfunctions"))
    with stub:
        assert not resume(
            notification("Completed", "other", COMPLETED),
            s3=s3,
            stepfunctions=client_of(stub),
            catalog=catalog,
        )


def fail(s3: "S3Client", catalog: Catalog, error: str, cause: str, reason: str = "") -> None:
    stub = Stubber(boto3.client("stepfunctions"))
    stub.add_response("send_task_failure", {}, {"taskToken": "token", "error": error, "cause": cause})
    with stub:
        assert resume(
            notification("Failed", more={"failureReason": reason}),
            s3=s3,
            stepfunctions=client_of(stub),
            catalog=catalog,
        )


def test_what_the_container_refused_keeps_its_code(
    waiting: Inference, s3: "S3Client", catalog: Catalog
) -> None:
    body = json.dumps({"code": "ENCRYPTED_PDF", "message": "Locked."}).encode()
    s3.put_object(Bucket=DATA, Key="inference/failure/1.out", Body=body)
    fail(s3, catalog, "InvalidInput", "ENCRYPTED_PDF: Locked.")


def test_the_code_is_found_in_the_notification_when_the_failure_object_is_missing(
    waiting: Inference, s3: "S3Client", catalog: Catalog
) -> None:
    said = json.dumps({"code": "TRUNCATED_FILE", "message": "Too short."})
    reason = f'ClientError: Received client error (400) from primary with message "{said}".'
    fail(s3, catalog, "InvalidInput", "TRUNCATED_FILE: Too short.", reason)


def test_a_fault_of_the_container_is_a_failed_job(
    waiting: Inference, s3: "S3Client", catalog: Catalog
) -> None:
    fail(s3, catalog, "JobFailed", "ModelError: no answer", "ModelError: no answer")


def answer(s3: "S3Client", registered: Registered, body: bytes) -> StoreRequest:
    s3.put_object(Bucket=DATA, Key="inference/output/1.out", Body=body)
    return StoreRequest(registered=registered, invoked=Invoked(output_location=OUT))


def test_a_result_is_stored_with_its_evidence(
    registered: Registered, s3: "S3Client", catalog: Catalog
) -> None:
    body = reading(text("P-101", 0.8), text("P-102", 1.0)).model_dump_json().encode()
    event = store(answer(s3, registered, body), s3=s3, catalog=catalog, data_bucket=DATA)
    assert (event.texts, event.mean_confidence) == (2, 0.9)
    stored = s3.get_object(Bucket=DATA, Key=event.result_key)["Body"].read()
    result = DrawingResult.model_validate_json(stored)
    assert result.source.sha256 == registered.sha256
    assert result.source.key == registered.upload.key
    known = catalog.revision(registered.drawing_id, registered.revision)
    assert known is not None
    assert (known.status, known.texts, known.seconds) == (Status.PROCESSED, 2, 1.5)


def test_a_result_takes_away_the_reason_of_an_earlier_quarantine(
    registered: Registered, s3: "S3Client", catalog: Catalog
) -> None:
    reason = RevisionKeys(registered.drawing_id, registered.revision).quarantine_reason
    s3.put_object(Bucket=DATA, Key=reason, Body=b"{}")
    store(
        answer(s3, registered, reading().model_dump_json().encode()), s3=s3, catalog=catalog, data_bucket=DATA
    )
    assert s3.list_objects_v2(Bucket=DATA, Prefix=reason)["KeyCount"] == 0


def test_a_later_attempt_is_woken_by_the_answer_to_an_earlier_one(
    request_: InvokeRequest, catalog: Catalog
) -> None:
    ids = []
    for attempt in (0, 1):
        upload = request_.registered.upload.model_copy(update={"attempt": attempt})
        registered = request_.registered.model_copy(update={"upload": upload})
        stub = Stubber(boto3.client("sagemaker-runtime"))
        stub.add_response("invoke_endpoint_async", {"InferenceId": "i", "OutputLocation": OUT})
        changes = {"registered": registered, "task_token": f"token-{attempt}"}
        ids.append(invoke_with(stub, request_.model_copy(update=changes), catalog))
    assert ids[0] == ids[1]
    waiting = catalog.inference(ids[0])
    assert waiting is not None
    assert waiting.task_token == "token-1"


def test_storing_twice_gives_the_same_event(registered: Registered, s3: "S3Client", catalog: Catalog) -> None:
    request = answer(s3, registered, reading(text("A")).model_dump_json().encode())
    first = store(request, s3=s3, catalog=catalog, data_bucket=DATA)
    assert store(request, s3=s3, catalog=catalog, data_bucket=DATA) == first


def test_a_late_result_does_not_overrule_quarantine(
    registered: Registered, s3: "S3Client", catalog: Catalog
) -> None:
    catalog.quarantine(registered.drawing_id, registered.revision, "READING_TIMED_OUT", "Too slow.")
    request = answer(s3, registered, reading(text("A")).model_dump_json().encode())
    with pytest.raises(Conflict):
        store(request, s3=s3, catalog=catalog, data_bucket=DATA)


@pytest.mark.parametrize("body", [b"", b"{}", b'{"schema_version": "2.0"}', b"\xff\xfe"])
def test_an_answer_that_breaks_the_contract_is_refused(
    body: bytes, registered: Registered, s3: "S3Client", catalog: Catalog
) -> None:
    with pytest.raises(InvalidResult):
        store(answer(s3, registered, body), s3=s3, catalog=catalog, data_bucket=DATA)


def test_a_missing_answer_is_refused(registered: Registered, s3: "S3Client", catalog: Catalog) -> None:
    request = StoreRequest(registered=registered, invoked=Invoked(output_location=OUT))
    with pytest.raises(InvalidResult, match="no answer"):
        store(request, s3=s3, catalog=catalog, data_bucket=DATA)


def test_the_table_opens_in_a_spreadsheet_without_running_anything() -> None:
    strings = [
        "=1+1",
        "@x",
        "+cmd|' /C calc'!A0",
        "-5.5",
        '4"-P-1001',
        "Ø 10 ±0,1 °C 锅炉",
        'say "hi", twice',
    ]
    table = texts_csv(reading(*(text(string) for string in strings)))
    assert table.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(table.decode("utf-8-sig"))))
    assert [row["text"] for row in rows] == ["'=1+1", "'@x", "'+cmd|' /C calc'!A0", *strings[3:]]
    assert rows[0]["x3"] == "30.0"
