"""Which place a command works on, and what it says when there is none."""

import json
from pathlib import Path

import pytest

from tests.unit.cli.conftest import DeployedStack, Run


@pytest.fixture
def no_cloud(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DRAWOPS_STATE", str(tmp_path / "cloud"))
    monkeypatch.delenv("DRAWOPS_STACK", raising=False)


@pytest.mark.parametrize("verb", [["results"], ["show", "d-1"], ["reconcile"], ["logs"]])
@pytest.mark.usefixtures("no_cloud")
def test_without_a_cloud_one_line_names_both_ways_to_go_on(run: Run, verb: list[str]) -> None:
    done = run(*verb)

    assert done.exit_code == 1
    assert done.stdout == ""
    assert "drawops up" in done.stderr
    assert "--stack" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.usefixtures("no_cloud")
def test_a_profile_alone_asks_for_the_stack(run: Run) -> None:
    done = run("results", "--profile", "work")

    assert done.exit_code == 1
    assert "--stack NAME" in done.stderr


def test_a_stack_that_does_not_exist_is_named(run: Run, stack: DeployedStack) -> None:
    done = run("results", "--stack", "nowhere")

    assert done.exit_code == 1
    assert "There is no stack nowhere" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_profile_is_one_line(run: Run, stack: DeployedStack) -> None:
    done = run("results", "--profile", "no-such-profile")

    assert done.exit_code == 1
    assert "no-such-profile" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.usefixtures("no_cloud")
def test_status_of_a_cloud_that_is_down_fails(run: Run) -> None:
    done = run("status")

    assert done.exit_code == 1
    assert "drawops up" in done.stderr


@pytest.mark.usefixtures("no_cloud")
def test_status_of_a_cloud_that_is_down_is_json_when_asked(run: Run) -> None:
    done = run("status", "--json")

    assert done.exit_code == 1
    assert json.loads(done.stdout)["running"] is False


@pytest.mark.usefixtures("no_cloud")
def test_down_has_nothing_to_do_when_nothing_runs(run: Run) -> None:
    done = run("down")

    assert done.exit_code == 0
    assert "Nothing to stop" in done.stderr


def test_status_of_a_stack_counts_drawings_and_messages(run: Run, stack: DeployedStack) -> None:
    drawing, revision = stack.drop("a.png", b"a")
    stack.quarantine(drawing, revision, "CORRUPT_FILE", "Export it again.")
    stack.drop("b.png", b"b")

    report = json.loads(run("status", "--json").stdout)

    assert report["drawings"] == {"REGISTERED": 1, "READING": 0, "PROCESSED": 0, "QUARANTINED": 1}
    assert report["queues"]["UploadQueue"]["waiting"] == 0
    assert report["endpoint"]["status"] == "missing"
