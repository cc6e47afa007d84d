"""Several processes, one training: what they learn together, and how they end."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

import pytest
import torch
from drawops.errors import Misconfigured
from drawops_training import candidate, job, workers
from drawops_training.graph import Graph
from drawops_training.report import Failure
from drawops_training.stop import Stop

from tests.training.root import Root

pytestmark = [pytest.mark.training, pytest.mark.timeout(600)]

MOST_SECONDS_TO_STOP = 30
ROUGH = 1e-4


Start = Callable[[Root, int], "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts the program with so many workers; none outlives the test."""
    started: list[subprocess.Popen[str]] = []

    def begin(root: Root, number: int) -> "subprocess.Popen[str]":
        own = {"OMP_NUM_THREADS": "1", "DRAWOPS_ML_ROOT": str(root.path), workers.SIZE: str(number)}
        started.append(
            subprocess.Popen(
                [sys.executable, "-m", "drawops_training.program"],
                env={**os.environ, **own},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
        return started[-1]

    yield begin
    for one in started:
        one.kill()
        one.wait()


def wait_for(lines: IO[str], text: str) -> None:
    said = ""
    for line in lines:
        said += line
        if text in line:
            return
    pytest.fail(f"never said {text}: {said}")


def processes_of(root: Root) -> list[int]:
    """Processes that were started with this root."""
    found = []
    for one in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"DRAWOPS_ML_ROOT={root.path}".encode() in one.read_bytes():
                found.append(int(one.parent.name))
        except OSError:
            continue  # it has just ended, or is somebody else's
    return found


def weights(root: Root) -> list[torch.Tensor]:
    state = torch.load(root.path / "checkpoints" / "recognition.pt")["state"]["tuning"]
    assert state["step"] == 4
    learnt: list[torch.Tensor] = state["learning"]
    return learnt


def difference(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one - other).detach().abs().max())


@pytest.mark.usefixtures("_signals")
@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_two_that_are_stopped_and_go_on_learn_what_one_learns(
    start: Start, root: Root, fresh: Root, released: Path, tmp_path: Path
) -> None:
    alone = fresh.copy(tmp_path / "alone")
    for one in (root, alone):
        one.tell(networks="recognition", evaluate_every=4)
    # The export is not what is looked at: the one process is stopped there.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.setenv("DRAWOPS_ML_ROOT", str(alone.path))
        patch.setattr(candidate, "line_inputs", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
        assert job.main() == 143

    pair = start(root, 2)
    assert pair.stdout is not None
    wait_for(pair.stdout, "val_exact")  # the first look is done, the first batch is being learnt
    assert len(processes_of(root)) == 3
    pair.send_signal(signal.SIGTERM)
    asked = time.monotonic()
    pair.communicate()
    assert pair.returncode == 143
    assert time.monotonic() - asked < MOST_SECONDS_TO_STOP
    assert not processes_of(root)
    assert torch.load(root.path / "checkpoints" / "recognition.pt")["state"]["tuning"]["step"] < 4

    again = start(root, 2)
    said, _ = again.communicate()
    assert again.returncode == 0, said
    assert "resumed recognition at batch" in said
    assert not list((root.path / "output").iterdir())
    together, by_one = weights(root), weights(alone)
    assert max(map(difference, together, by_one)) < ROUGH
    untrained = Graph(released / "rec.onnx")
    moved = [difference(one, untrained.get_parameter(f"p{n}")) for n, one in enumerate(together[:20])]
    print(f"largest difference {max(map(difference, together, by_one)):.2g}, least moved {min(moved):.2g}")
    assert min(moved) > ROUGH
    assert (root.path / "model" / "manifest.json").exists()


def ended(commands: Sequence[str], tmp_path: Path) -> tuple[int, str]:
    """What `lead` answers when worker n runs the n-th piece of Python; and the reason that it leaves."""
    program = "import os, signal, sys, time\n" + "\n".join(
        f"if os.environ['{workers.NUMBER}'] == '{number}': {piece}" for number, piece in enumerate(commands)
    )
    failure = Failure(tmp_path / "output")
    code = workers.lead(len(commands), [sys.executable, "-c", program], Stop(), failure)
    file = tmp_path / "output" / "failure"
    return code, file.read_text() if file.exists() else ""


def test_when_the_system_kills_a_worker_memory_is_named(tmp_path: Path) -> None:
    code, reason = ended(["time.sleep(60)", "os.kill(os.getpid(), signal.SIGKILL)"], tmp_path)
    assert code == 1
    assert "memory is probably not enough" in reason


def test_who_lost_another_does_not_cover_up_why(tmp_path: Path) -> None:
    wrote = f"open({str(tmp_path / 'output' / 'failure')!r}, 'w').write('the reason'); sys.exit(1)"
    code, reason = ended([f"sys.exit({workers.LOST})", f"time.sleep(1); {wrote}"], tmp_path)
    assert code == 1
    assert reason == "the reason"


def test_the_first_worker_answers_for_all(tmp_path: Path) -> None:
    began = time.monotonic()
    assert ended(["sys.exit(0)", "time.sleep(60)"], tmp_path) == (0, "")
    assert ended(["sys.exit(143)", "time.sleep(60)"], tmp_path) == (143, "")
    assert time.monotonic() - began < MOST_SECONDS_TO_STOP


def test_sagemaker_says_how_many_gpus_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(workers.SIZE, raising=False)
    monkeypatch.setenv("SM_NUM_GPUS", "4")
    assert workers.wanted() == 4
    monkeypatch.setenv("SM_NUM_GPUS", "0")
    assert workers.wanted() == 1
    monkeypatch.setenv("SM_NUM_GPUS", "many")
    with pytest.raises(Misconfigured, match="whole number"):
        workers.wanted()
