"""`drawops invoke`, `logs`, `sheets`: operating what is deployed."""

import io
import json
import time
from pathlib import Path
from typing import Any

import boto3
import pytest
from drawops_cli.failures import Failure, FunctionFailed
from drawops_cli.invoke import folder_name, physical_name
from drawops_cli.target import Target

from tests.unit.cli.conftest import DeployedStack, Run

FUNCTIONS = {
    "RegisterDrawingFunction": "stack-RegisterDrawing-1",
    "StoreResultFunction": "stack-StoreResult-2",
}


@pytest.mark.parametrize(
    "name", ["register_drawing", "RegisterDrawing", "RegisterDrawingFunction", "stack-RegisterDrawing-1"]
)
def test_a_function_is_found_by_folder_or_logical_id(name: str) -> None:
    assert physical_name(name, FUNCTIONS) == "stack-RegisterDrawing-1"


def test_an_unknown_function_lists_those_there_are() -> None:
    with pytest.raises(Failure, match="register_drawing, store_result"):
        physical_name("registerdrawing", FUNCTIONS)


def test_every_function_folder_is_the_name_of_its_logical_id(functions: dict[str, dict[str, Any]]) -> None:
    folders = {logical_id: f"functions/{folder_name(logical_id)}" for logical_id in functions}

    assert folders == {logical_id: each["CodeUri"] for logical_id, each in functions.items()}


def test_an_event_that_is_not_json_is_refused_before_any_call(run: Run) -> None:
    done = run("invoke", "register_drawing", "-", input="{not json")

    assert done.exit_code == 1
    assert "not JSON" in done.stderr


def test_a_missing_event_file_is_one_line(run: Run, tmp_path: Path) -> None:
    done = run("invoke", "register_drawing", tmp_path / "none.json")

    assert done.exit_code == 1
    assert len(done.stderr.splitlines()) == 1


class Lambda:
    """Answers one invocation."""

    def __init__(self, payload: dict[str, Any], error: bool) -> None:
        self._payload, self._error = payload, error

    def invoke(self, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803 - the API's spelling
        answer: dict[str, Any] = {"Payload": io.BytesIO(json.dumps(self._payload).encode())}
        return {**answer, "FunctionError": "Unhandled"} if self._error else answer


def target(service: Lambda) -> Target:
    return Target("test", "test", {}, None, lambda name: service)


def test_an_answer_comes_back_as_it_is() -> None:
    assert json.loads(target(Lambda({"resumed": 1}, error=False)).invoke("f", b"{}")) == {"resumed": 1}


def test_a_raised_error_is_named_in_one_line() -> None:
    raised = {"errorType": "NotReady", "errorMessage": "Endpoint x is Creating;\n  deploy again."}

    with pytest.raises(
        FunctionFailed, match=r"f failed with NotReady: Endpoint x is Creating; deploy again\."
    ) as failed:
        target(Lambda(raised, error=True)).invoke("f", b"{}")

    assert failed.value.kind == "NotReady"


def write_log(stream: str, *messages: str) -> None:
    logs = boto3.client("logs")
    logs.create_log_stream(logGroupName="/drawops/test", logStreamName=stream)
    moment = int(time.time() * 1000)
    events = [{"timestamp": moment + index, "message": message} for index, message in enumerate(messages)]
    logs.put_log_events(logGroupName="/drawops/test", logStreamName=stream, logEvents=events)  # type: ignore[arg-type]


@pytest.fixture
def logged(stack: DeployedStack) -> None:
    write_log(
        "2026/01/01/test-RegisterDrawingFunction-1A[$LATEST]aa",
        "START RequestId: 1 Version: $LATEST",
        json.dumps({"level": "WARNING", "message": "could not start", "error": "Transient"}),
    )
    write_log("2026/01/01/test-CheckDrawingFunction-2B[$LATEST]bb", "plain line [red]as it is[/]")


@pytest.mark.usefixtures("logged")
def test_logs_of_all_functions_are_readable(run: Run) -> None:
    lines = run("logs").stdout.splitlines()

    assert len(lines) == 2
    assert "WARNING" in lines[0]
    assert "register_drawing could not start error=Transient" in lines[0]
    assert "check_drawing plain line [red]as it is[/]" in lines[1]


@pytest.mark.usefixtures("logged")
def test_logs_of_one_function_leave_out_the_others(run: Run) -> None:
    done = run("logs", "check_drawing")

    assert "plain line" in done.stdout
    assert "could not start" not in done.stdout


@pytest.mark.usefixtures("logged")
def test_logs_can_be_had_as_they_were_written(run: Run) -> None:
    lines = run("logs", "register_drawing", "--json").stdout.splitlines()

    assert lines[0] == "START RequestId: 1 Version: $LATEST"
    assert json.loads(lines[1])["error"] == "Transient"


@pytest.mark.usefixtures("logged")
def test_only_the_last_lines_are_printed_when_asked(run: Run) -> None:
    assert len(run("logs", "-n", "1").stdout.splitlines()) == 1


def test_a_wrong_time_span_is_refused_with_the_right_spelling(run: Run, stack: DeployedStack) -> None:
    done = run("logs", "--since", "yesterday")

    assert done.exit_code == 1
    assert "10m" in done.stderr


def test_sheets_are_drawn_with_their_truth(run: Run, tmp_path: Path) -> None:
    done = run(
        "sheets", "--out", tmp_path, "--size", "a5", "--dpi", "100", "--look", "scanned", "--format", "jpeg"
    )

    assert done.exit_code == 0, done.output
    assert (tmp_path / "pid-A5-scanned-0001.jpeg").read_bytes().startswith(b"\xff\xd8\xff")
    assert (tmp_path / "Label.txt").read_text().startswith("pid-A5-scanned-0001.jpeg\t[")
