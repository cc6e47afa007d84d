"""`drawops submit`: what is uploaded under which key, and how it is followed to its end."""

import hashlib
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from drawops import keys
from drawops.catalog import Status
from drawops.contracts.workflow import Upload
from drawops_cli import tracking

from tests.unit.cli.conftest import DeployedStack, Run


def submission(stack: DeployedStack, key: str, content: bytes) -> tracking.Submission:
    """An upload that no workflow has seen yet."""
    put = stack.s3.put_object(Bucket="test-raw", Key=key, Body=content)
    return tracking.Submission(
        key=key,
        drawing_id=keys.drawing_id("test-raw", key),
        version_id=put["VersionId"],
        etag=put["ETag"].strip('"'),
        sha256=hashlib.sha256(content).hexdigest(),
    )


def test_a_file_goes_under_prefix_and_name(run: Run, stack: DeployedStack, tmp_path: Path) -> None:
    (tmp_path / "plan 7+%.png").write_bytes(b"bytes")

    done = run("submit", tmp_path / "plan 7+%.png", "--prefix", "plant/", "--no-wait", "--json")

    assert done.exit_code == 0
    [outcome] = json.loads(done.stdout)
    assert outcome["key"] == "plant/plan 7+%.png"
    assert outcome["drawing_id"] == keys.drawing_id("test-raw", "plant/plan 7+%.png")
    assert outcome["status"] == "WAITING"
    assert stack.s3.get_object(Bucket="test-raw", Key="plant/plan 7+%.png")["Body"].read() == b"bytes"


def test_a_folder_is_walked_with_r(run: Run, stack: DeployedStack, tmp_path: Path) -> None:
    (tmp_path / "deep" / ".hidden").mkdir(parents=True)
    for name in ("a.PDF", "deep/b.tif", "deep/notes.txt", "deep/.hidden/c.png"):
        (tmp_path / name).write_bytes(name.encode())

    done = run("submit", "-r", tmp_path, "--no-wait", "--json")

    assert [outcome["key"] for outcome in json.loads(done.stdout)] == ["a.PDF", "deep/b.tif"]


def test_a_folder_without_r_is_refused_with_the_fix(run: Run, stack: DeployedStack, tmp_path: Path) -> None:
    done = run("submit", tmp_path)

    assert done.exit_code == 1
    assert "Add -r" in done.stderr


def test_a_missing_file_is_refused_before_anything_is_uploaded(
    run: Run, stack: DeployedStack, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(b"a")

    done = run("submit", tmp_path / "a.png", tmp_path / "b.png")

    assert done.exit_code == 1
    assert "There is no file" in done.stderr
    assert stack.s3.list_objects_v2(Bucket="test-raw")["KeyCount"] == 0


def test_two_files_of_one_name_are_refused(run: Run, stack: DeployedStack, tmp_path: Path) -> None:
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.png").write_bytes(folder.encode())

    done = run("submit", tmp_path / "x/a.png", tmp_path / "y/a.png")

    assert done.exit_code == 1
    assert "--prefix" in done.stderr


def test_a_key_longer_than_s3_allows_is_refused(run: Run, stack: DeployedStack, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"a")

    done = run("submit", tmp_path / "a.png", "--prefix", "p" * 1024)

    assert done.exit_code == 1
    assert "1,024 bytes" in done.stderr


def in_background(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def when_uploaded(stack: DeployedStack, key: str) -> tuple[str, str]:
    """Wait for the upload as the event rule does; returns version and ETag."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        found = stack.s3.list_object_versions(Bucket="test-raw", Prefix=key).get("Versions", [])
        if found:
            return found[0]["VersionId"], found[0]["ETag"].strip('"')
        time.sleep(0.02)
    raise AssertionError(f"{key} was not uploaded")


def test_waiting_ends_with_the_table(
    run: Run, stack: DeployedStack, tmp_path: Path, reading: dict[str, Any]
) -> None:
    (tmp_path / "a.png").write_bytes(b"a")

    def workflow() -> None:
        drawing, revision = stack.register("a.png", b"a", *when_uploaded(stack, "a.png"))
        stack.process(drawing, revision, reading)

    thread = in_background(workflow)
    done = run("submit", tmp_path / "a.png", "--timeout", "30")
    thread.join()

    assert done.exit_code == 0, done.stderr
    [row] = [line.split() for line in done.stdout.splitlines() if "a.png" in line]
    assert row[:4] == ["a.png", "1", "2", "0.900"]
    assert row[-1] == "processed"
    assert "\x1b" not in done.output


def test_a_drawing_in_quarantine_fails_the_command_and_says_why(
    run: Run, stack: DeployedStack, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(b"a")

    def workflow() -> None:
        drawing, revision = stack.register("a.png", b"a", *when_uploaded(stack, "a.png"))
        stack.quarantine(drawing, revision, "UNSUPPORTED_TYPE", "Export it as PNG.")

    thread = in_background(workflow)
    done = run("submit", tmp_path / "a.png", "--timeout", "30")
    thread.join()

    assert done.exit_code == 1
    assert "a.png: UNSUPPORTED_TYPE: Export it as PNG." in done.stdout


def test_running_out_of_time_says_that_the_drawing_goes_on(
    run: Run, stack: DeployedStack, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(b"a")

    done = run("submit", tmp_path / "a.png", "--timeout", "0", "--json")

    assert done.exit_code == 1
    assert "1 of 1 drawings have not ended" in done.stderr
    assert json.loads(done.stdout)[0]["status"] == "WAITING"


def test_the_quarantine_of_an_earlier_upload_is_not_taken_for_this_one(stack: DeployedStack) -> None:
    drawing, revision = stack.drop("a.png", b"a")
    stack.quarantine(drawing, revision, "READING_FAILED", "Try again.")
    again = submission(stack, "a.png", b"a")

    [progress] = tracking.follow(stack.catalog, [again], timeout=0)

    assert progress.status == tracking.WAITING


def test_an_unchanged_drawing_ends_at_once_with_its_earlier_result(
    stack: DeployedStack, reading: dict[str, Any]
) -> None:
    drawing, revision = stack.drop("a.png", b"a")
    stack.process(drawing, revision, reading)
    again = submission(stack, "a.png", b"a")

    [progress] = tracking.follow(stack.catalog, [again], timeout=0)

    assert progress.status == Status.PROCESSED


def test_a_file_that_the_workflow_could_not_hash_is_found_by_its_upload(stack: DeployedStack) -> None:
    sent = submission(stack, "a.png", b"a")
    name = keys.upload_revision(sent.version_id, sent.etag)
    upload = Upload(bucket="test-raw", key="a.png", version_id=sent.version_id, etag=sent.etag, size=1)
    assert stack.catalog.register(upload, sent.drawing_id, name, None)
    stack.catalog.quarantine(sent.drawing_id, name, "FILE_TOO_LARGE", "Split it.")

    [progress] = tracking.follow(stack.catalog, [sent], timeout=0)

    assert progress.revision is not None
    assert progress.revision.code == "FILE_TOO_LARGE"


def test_every_change_of_status_is_reported_once(stack: DeployedStack, reading: dict[str, Any]) -> None:
    sent = submission(stack, "a.png", b"a")
    seen: list[str] = []

    def note(progress: tracking.Progress) -> None:
        seen.append(progress.status)
        if progress.revision and progress.status == Status.REGISTERED:
            stack.process(sent.drawing_id, progress.revision.revision, reading)

    stack.register("a.png", b"a", sent.version_id, sent.etag)
    tracking.follow(stack.catalog, [sent], timeout=20, changed=note)

    assert seen == ["REGISTERED", "PROCESSED"]
