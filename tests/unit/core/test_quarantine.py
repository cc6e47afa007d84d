"""Quarantine: every failure becomes a code and a sentence, once."""

import json
from typing import TYPE_CHECKING

import pytest
from drawops.catalog import Catalog, Status
from drawops.contracts.events import DrawingQuarantined
from drawops.contracts.workflow import Failure, Registered, Upload
from drawops.errors import Code, InvalidInput
from drawops.intake.quarantine import explain, quarantine
from drawops.intake.registration import register
from drawops.keys import RevisionKeys
from drawops.limits import Limits

from tests.unit.core.conftest import DATA, Put

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CAUSE = json.dumps({"errorMessage": "TRUNCATED_FILE: The file ends too early.", "errorType": "InvalidInput"})


@pytest.fixture
def registered(put: Put, s3: "S3Client", catalog: Catalog) -> Registered:
    return register(put(), s3=s3, catalog=catalog, data_bucket=DATA, limits=Limits())


def run(failure: Failure, s3: "S3Client", catalog: Catalog) -> DrawingQuarantined | None:
    return quarantine(failure, s3=s3, catalog=catalog, data_bucket=DATA)


def failed(registered: Registered, error: str = "InvalidInput", cause: str = CAUSE) -> Failure:
    return Failure(upload=registered.upload, registered=registered, error=error, cause=cause)


def test_a_refused_drawing_is_recorded_with_code_and_sentence(
    registered: Registered, s3: "S3Client", catalog: Catalog
) -> None:
    event = run(failed(registered), s3, catalog)
    assert event is not None
    assert (event.code, event.reason) == ("TRUNCATED_FILE", "The file ends too early.")
    known = catalog.revision(registered.drawing_id, registered.revision)
    assert known is not None
    assert (known.status, known.code) == (Status.QUARANTINED, "TRUNCATED_FILE")
    reason = s3.get_object(
        Bucket=DATA, Key=RevisionKeys(registered.drawing_id, registered.revision).quarantine_reason
    )
    assert json.loads(reason["Body"].read())["key"] == registered.upload.key


def test_repeating_the_step_sends_the_same_event_again(
    registered: Registered, s3: "S3Client", catalog: Catalog
) -> None:
    assert run(failed(registered), s3, catalog) == run(failed(registered), s3, catalog)


def test_a_revision_that_has_a_result_stays_processed(
    registered: Registered, s3: "S3Client", catalog: Catalog
) -> None:
    catalog.finish(registered.drawing_id, registered.revision, pages=1)
    assert run(failed(registered), s3, catalog) is None
    known = catalog.revision(registered.drawing_id, registered.revision)
    assert known is not None
    assert known.status is Status.PROCESSED


def test_an_upload_that_was_never_registered_still_appears_in_the_catalog(
    put: Put, s3: "S3Client", catalog: Catalog
) -> None:
    upload: Upload = put(body=b"")
    event = run(Failure(upload=upload, error="InvalidInput", cause="EMPTY_FILE: No content."), s3, catalog)
    assert event is not None
    (known,) = catalog.revisions(event.drawing_id)
    assert (known.status, known.code) == (Status.QUARANTINED, "EMPTY_FILE")


@pytest.mark.parametrize(
    ("error", "cause", "code"),
    [
        ("InvalidInput", CAUSE, Code.TRUNCATED_FILE),
        ("InvalidInput", "NO_PAGES: The PDF has no pages.", Code.NO_PAGES),
        ("States.Timeout", "", Code.READING_TIMED_OUT),
        ("JobFailed", "out of memory", Code.READING_FAILED),
        ("NotReady", '{"errorMessage": "Endpoint x takes no requests"}', Code.READING_FAILED),
        ("InvalidResult", '{"errorMessage": "3 faults"}', Code.INVALID_RESULT),
        ("KeyError", '{"errorMessage": "\'x\'"}', Code.INTERNAL_ERROR),
        ("", "", Code.INTERNAL_ERROR),
    ],
)
def test_every_error_of_the_workflow_has_a_code(error: str, cause: str, code: Code) -> None:
    explained = explain(error, cause)
    assert explained.code is code
    assert explained.sentence


@pytest.mark.parametrize("code", Code)
def test_a_refusal_survives_its_way_through_step_functions(code: Code) -> None:
    parsed = InvalidInput.parse(str(InvalidInput(code, "Do this: then that.")))
    assert parsed is not None
    assert (parsed.code, parsed.sentence) == (code, "Do this: then that.")
