"""Registering uploads: identity, revisions, repetition, order, deletion."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from drawops.catalog import Catalog, Status
from drawops.contracts.workflow import Outcome, Registered, Upload
from drawops.errors import Code, InvalidInput
from drawops.intake.registration import register
from drawops.keys import RevisionKeys, drawing_id
from drawops.limits import Limits

from tests.unit.core.conftest import DATA, RAW, Put

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Run = Callable[..., Registered]


@pytest.fixture
def run(s3: "S3Client", catalog: Catalog) -> Run:
    def run(upload: Upload, limits: Limits | None = None) -> Registered:
        return register(upload, s3=s3, catalog=catalog, data_bucket=DATA, limits=limits or Limits())

    return run


def finish(catalog: Catalog, registered: Registered) -> None:
    catalog.finish(registered.drawing_id, registered.revision, pages=1)


def test_a_new_drawing_is_to_be_read_and_its_bytes_are_kept(
    run: Run, put: Put, s3: "S3Client", catalog: Catalog
) -> None:
    registered = run(put(body=b"content"))
    assert registered.outcome is Outcome.TO_READ
    kept = s3.get_object(Bucket=DATA, Key=RevisionKeys(registered.drawing_id, registered.revision).source)[
        "Body"
    ].read()
    assert kept == b"content"
    known = catalog.revision(registered.drawing_id, registered.revision)
    assert known is not None
    assert known.status is Status.REGISTERED


def test_the_same_bytes_at_the_same_key_are_a_no_op(run: Run, put: Put, catalog: Catalog) -> None:
    first = run(put())
    finish(catalog, first)
    again = run(put())
    assert again.outcome is Outcome.UNCHANGED
    assert len(catalog.revisions(first.drawing_id)) == 1


def test_the_same_bytes_are_a_no_op_while_they_are_being_read(run: Run, put: Put) -> None:
    run(put())
    assert run(put()).outcome is Outcome.UNCHANGED


def test_the_same_bytes_at_another_key_are_another_drawing(run: Run, put: Put) -> None:
    first, second = run(put("a.png")), run(put("b.png"))
    assert second.outcome is Outcome.TO_READ
    assert first.drawing_id != second.drawing_id


def test_changed_bytes_are_a_new_current_revision(run: Run, put: Put, catalog: Catalog) -> None:
    first = run(put(body=b"rev A"))
    finish(catalog, first)
    second = run(put(body=b"rev B"))
    assert second.outcome is Outcome.TO_READ
    assert len(catalog.revisions(first.drawing_id)) == 2
    drawing = catalog.drawing(first.drawing_id)
    assert drawing is not None
    assert drawing.current_revision == second.revision


def test_going_back_to_earlier_bytes_reuses_their_result(run: Run, put: Put, catalog: Catalog) -> None:
    first = run(put(body=b"rev A"))
    finish(catalog, first)
    finish(catalog, run(put(body=b"rev B")))
    back = run(put(body=b"rev A"))
    assert back.outcome is Outcome.UNCHANGED
    drawing = catalog.drawing(first.drawing_id)
    assert drawing is not None
    assert drawing.current_revision == first.revision


def test_a_late_workflow_does_not_make_an_old_upload_current(run: Run, put: Put, catalog: Catalog) -> None:
    old, new = put(body=b"rev A"), put(body=b"rev B")
    newest = run(new)
    run(old)
    drawing = catalog.drawing(newest.drawing_id)
    assert drawing is not None
    assert drawing.current_revision == newest.revision


def test_an_overwritten_upload_is_still_read_as_it_was(run: Run, put: Put, s3: "S3Client") -> None:
    old = put(body=b"rev A")
    put(body=b"rev B")
    registered = run(old)
    kept = s3.get_object(Bucket=DATA, Key=RevisionKeys(registered.drawing_id, registered.revision).source)[
        "Body"
    ].read()
    assert kept == b"rev A"


def test_a_retried_lambda_keeps_its_claim(run: Run, put: Put) -> None:
    upload = put()
    run(upload)
    assert run(upload).outcome is Outcome.TO_READ


def test_a_later_attempt_takes_over_and_an_earlier_one_is_turned_away(run: Run, put: Put) -> None:
    upload = put()
    run(upload.model_copy(update={"attempt": 1}))
    assert run(upload).outcome is Outcome.UNCHANGED
    assert run(upload.model_copy(update={"attempt": 2})).outcome is Outcome.TO_READ


def test_dropping_a_quarantined_drawing_again_tries_once_more(run: Run, put: Put, catalog: Catalog) -> None:
    first = run(put())
    catalog.quarantine(first.drawing_id, first.revision, "READING_TIMED_OUT", "Too slow.")
    again = run(put())
    assert again.outcome is Outcome.TO_READ
    known = catalog.revision(again.drawing_id, again.revision)
    assert known is not None
    assert known.code is None


def test_an_empty_file_is_refused_with_its_code(run: Run, put: Put) -> None:
    with pytest.raises(InvalidInput) as refused:
        run(put(body=b""))
    assert refused.value.code is Code.EMPTY_FILE


def test_a_file_over_the_limit_is_refused_before_it_is_read(run: Run, put: Put, s3: "S3Client") -> None:
    with pytest.raises(InvalidInput, match="Split it") as refused:
        run(put(body=b"12345"), Limits(max_bytes=4))
    assert refused.value.code is Code.FILE_TOO_LARGE
    assert s3.list_objects_v2(Bucket=DATA)["KeyCount"] == 0


def test_a_deleted_drawing_is_not_read_although_its_version_exists(
    run: Run, put: Put, s3: "S3Client"
) -> None:
    upload = put()
    s3.delete_object(Bucket=RAW, Key=upload.key)
    with pytest.raises(InvalidInput) as refused:
        run(upload)
    assert refused.value.code is Code.DRAWING_DELETED


def test_a_purged_version_is_refused_as_deleted(run: Run, put: Put, s3: "S3Client") -> None:
    upload = put(body=b"old")
    assert upload.version_id
    put(body=b"new")
    s3.delete_object(Bucket=RAW, Key=upload.key, VersionId=upload.version_id)
    with pytest.raises(InvalidInput) as refused:
        run(upload)
    assert refused.value.code is Code.DRAWING_DELETED


@pytest.mark.parametrize("key", ["a b.png", "a+b.png", "100%.png", "图纸/锅炉.png", "🛠.png", "é" * 450])
def test_unusual_keys_are_registered(key: str, run: Run, put: Put) -> None:
    registered = run(put(key))
    assert registered.outcome is Outcome.TO_READ
    assert registered.drawing_id == drawing_id(RAW, key)
