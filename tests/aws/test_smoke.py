"""Does a deployed stack read a drawing, and refuse what is none? Opt in:

    DRAWOPS_STACK=drawops-dev AWS_PROFILE=… .venv/bin/python -m pytest -m aws tests/aws

Without DRAWOPS_STACK it tries the local cloud of `drawops up`. It uploads two small files under smoke-test/
and leaves them there. An endpoint that sleeps needs some minutes to wake.
"""

import os
import uuid
from pathlib import Path

import pytest
from drawops.catalog import Revision, Status
from drawops.contracts.reading import DrawingResult
from drawops_cli.target import Target, choose
from drawops_cli.tracking import follow, upload
from drawops_vision.sheets import generate

pytestmark = [pytest.mark.aws, pytest.mark.timeout(2400)]
WAIT_SECONDS = 1800.0


@pytest.fixture(scope="module")
def target() -> Target:
    stack = os.environ.get("DRAWOPS_STACK")
    profile = os.environ.get("AWS_PROFILE") if stack else None
    return choose(profile, os.environ.get("AWS_REGION") if stack else None, stack)


def end_of(target: Target, file: Path) -> Revision:
    submission = upload(target, file, f"smoke-test/{uuid.uuid4()}-{file.name}", lambda sent: None)
    (progress,) = follow(target.catalog, [submission], WAIT_SECONDS)
    assert progress.ended, f"{progress.status} after {WAIT_SECONDS:.0f} s"
    assert progress.revision is not None
    return progress.revision


def test_a_drawing_gets_its_texts(target: Target, tmp_path: Path) -> None:
    sheet = generate(uuid.uuid4().int % 10_000, "A5", 150)
    (tmp_path / "sheet.png").write_bytes(sheet.png())
    revision = end_of(target, tmp_path / "sheet.png")
    assert revision.status is Status.PROCESSED, revision.reason
    assert revision.result_key is not None
    stored = target.s3.get_object(Bucket=target.data_bucket, Key=revision.result_key)["Body"].read()
    (page,) = DrawingResult.model_validate_json(stored).pages
    found, wanted = {text.text for text in page.texts}, {text.text for text in sheet.truth}
    assert len(found & wanted) > len(wanted) / 2


def test_what_is_no_drawing_is_refused_with_a_sentence(target: Target, tmp_path: Path) -> None:
    (tmp_path / "fake.png").write_text(f"not a drawing {uuid.uuid4()}")
    revision = end_of(target, tmp_path / "fake.png")
    assert (revision.status, revision.code) == (Status.QUARANTINED, "UNSUPPORTED_TYPE")
