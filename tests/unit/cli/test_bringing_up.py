"""Starting: only what changed is done again, and nothing of a demo is left behind."""

import io
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
from drawops.contracts.training import DeploymentMode, ModelRef
from drawops.dynamodb import serialize
from drawops_cli import bring_up, deploying
from drawops_cli.failures import Failure
from drawops_cli.steps import Steps
from drawops_cli.target import Target
from rich.console import Console

MODEL = ModelRef(name="m", version="1", artifact_key="models/m/1/model.tar.gz", artifact_sha256="0" * 64)
REQUEST = deploying.asked(MODEL, DeploymentMode.BASELINE, by="me", reason="")


def project(root: Path) -> Path:
    """The files that `sam` looks at."""
    for name in ("functions/read/handler.py", "layers/core/drawops/a.py", "statemachines/a.asl.yaml"):
        (root / name).parent.mkdir(parents=True)
        (root / name).write_text(name)
    for name in ("template.yaml", "samconfig.toml"):
        (root / name).write_text(name)
    return root


@pytest.mark.parametrize(
    "name", ["template.yaml", "samconfig.toml", "functions/read/handler.py", "layers/new.txt"]
)
def test_a_change_of_what_is_deployed_is_noticed(tmp_path: Path, name: str) -> None:
    before = bring_up._sources_digest(project(tmp_path))

    (tmp_path / name).write_text("changed")

    assert bring_up._sources_digest(tmp_path) != before


def test_what_python_leaves_behind_is_no_change(tmp_path: Path) -> None:
    before = bring_up._sources_digest(project(tmp_path))

    (tmp_path / "functions/read/__pycache__").mkdir()
    (tmp_path / "functions/read/__pycache__/handler.pyc").write_text("x")

    assert bring_up._sources_digest(tmp_path) == before


class Execution:
    """A deployment that goes through `states`; the last one stays."""

    def __init__(self, *states: str, failure: str = "", status: str = "RUNNING") -> None:
        self.states = list(states)
        self.failure = failure
        self.status = status
        self.started: list[str] = []

    def start_execution(self, name: str, **more: Any) -> None:  # noqa: ANN401
        self.started.append(name)

    def describe_execution(self, executionArn: str) -> dict[str, Any]:  # noqa: N803 - the API's spelling
        return {"status": self.status}

    def get_item(self, **asked: Any) -> dict[str, Any]:  # noqa: ANN401
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        item = {
            "deployment_id": REQUEST.deployment_id, "state": f"DEPLOYMENT#{state}", "failure": self.failure,
            "request": REQUEST.model_dump(mode="json"), "endpoint_name": "e", "started_at": "a",
            "updated_at": "a",
        }  # fmt: skip
        return {"Item": serialize(item)}


def target(execution: Execution) -> Target:
    outputs = {
        "EndpointName": "e", "ModelsTableName": "models",
        "DeploymentStateMachineArn": "arn:aws:states:us-east-1:000000000000:stateMachine:deployment",
    }  # fmt: skip
    return Target("test", "test", outputs, None, lambda service: execution)


def test_deploying_waits_until_the_model_serves() -> None:
    execution = Execution("STARTED", "UPDATING", "DEPLOYED")
    notes: list[str] = []

    deploying.deploy(target(execution), REQUEST, notes.append)

    assert execution.started == [REQUEST.deployment_id]
    assert notes == ["1 started", "1 updating"]


def test_a_failed_deployment_is_reported_with_its_reason() -> None:
    execution = Execution("FAILED", failure="Endpoint e is Failed: no memory")

    with pytest.raises(Failure, match="m 1 does not serve: Endpoint e is Failed: no memory"):
        deploying.deploy(target(execution), REQUEST, lambda note: None)


def test_a_deployment_that_breaks_off_is_not_waited_for() -> None:
    with pytest.raises(Failure, match="broke off"):
        deploying.deploy(target(Execution("STARTED", status="ABORTED")), REQUEST, lambda note: None)


def test_another_artifact_under_a_known_version_is_refused(tmp_path: Path) -> None:
    class Storage:
        def head_object(self, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
            return {"Metadata": {"sha256": "other"}}

    stored = Target("test", "test", {"DataBucketName": "data"}, None, lambda service: Storage())

    with pytest.raises(Failure, match="Give it a new VERSION"):
        deploying.upload_once(stored, tmp_path / "model.tar.gz", MODEL, lambda note: None)


def test_steps_are_plain_lines_where_there_is_no_terminal() -> None:
    printed = io.StringIO()
    steps = Steps(Console(file=printed, force_terminal=False))

    with steps.step("stack") as note:
        note("a [b] c")

    assert "\x1b" not in printed.getvalue()
    assert "a [b] c" in printed.getvalue().splitlines()[-1]


CHILD = """
import os, subprocess, sys, tempfile, time
from pathlib import Path
from drawops_cli import demo
from drawops_cli.main import app

def work():
    with demo.clean_ending(Path(sys.argv[1])) as state:
        tempfile.mkdtemp()
        # One child that insists on living, in a session of its own as servers are.
        program = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        program += "print('up', flush=True); time.sleep(600)"
        command = [sys.executable, "-c", program]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
        child.stdout.readline()
        print(child.pid, flush=True)
        if sys.argv[2] == "fail":
            raise RuntimeError("broken")
        time.sleep(600)

try:
    work()
except demo.Interrupted as interrupt:
    sys.exit(128 + interrupt.number)
"""


def hear() -> None:
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@pytest.mark.parametrize("ending", ["SIGINT", "SIGTERM", "SIGHUP", "fail"])
def test_nothing_of_a_demo_outlives_it(tmp_path: Path, ending: str) -> None:
    state = tmp_path / "demo"
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(state), ending],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        # A shell that started the tests in the background, or nohup, made them and us deaf.
        preexec_fn=hear,
    )
    assert process.stdout is not None
    child = int(process.stdout.readline())
    if ending != "fail":
        process.send_signal(signal.Signals[ending])
        # Impatience must not cut the clean-up short.
        process.send_signal(signal.Signals[ending])
    _, said = process.communicate(timeout=60)

    assert process.returncode == (1 if ending == "fail" else 128 + signal.Signals[ending]), said
    assert not psutil.pid_exists(child)
    assert list(tmp_path.iterdir()) == []
