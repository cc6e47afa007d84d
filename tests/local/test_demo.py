"""`drawops demo` as a stranger runs it: it ends with results and leaves nothing running, whatever ends it."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from drawops.contracts.reading import DrawingResult
from drawops_local import processes
from PIL import Image

ROOT = Path(__file__).parents[2]
STATE = ROOT / ".drawops" / "demo"


@pytest.fixture
def temporary(tmp_path: Path) -> Iterator[Path]:
    """A folder for temporary files that must be empty again afterwards."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    yield folder
    assert sorted(folder.rglob("*")) == []


def start(folder: Path, temporary: Path) -> "subprocess.Popen[str]":
    """Start the demo in a process group of its own, as a shell does."""
    return subprocess.Popen(
        [sys.executable, "-m", "drawops_cli.main", "demo", "--out", str(folder)],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        # A shell that started the tests in the background made them, and us, deaf to Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def assert_nothing_is_left(ports: list[int]) -> None:
    assert processes.processes_of(STATE) == []
    assert not STATE.exists()
    listening = {
        each.laddr.port
        for each in psutil.net_connections("tcp")
        if each.laddr and each.status == psutil.CONN_LISTEN
    }
    assert listening.isdisjoint(ports)


def test_the_demo_reads_its_drawings_and_leaves_only_their_results(tmp_path: Path, temporary: Path) -> None:
    process = start(tmp_path / "out", temporary)
    printed, _ = process.communicate(timeout=800)

    assert process.returncode == 0, printed
    assert printed.count(" processed") >= 3
    paths = [Path(line.strip()) for line in printed.splitlines() if line.startswith("  /")]
    assert len(paths) == 9
    assert all(str(path).startswith(str(tmp_path / "out")) for path in paths)
    for folder in {path.parent for path in paths}:
        result = DrawingResult.model_validate_json((folder / "result.json").read_bytes())
        [page] = result.pages
        assert len(page.texts) > 100, folder.name
        with open(folder / "texts.csv", encoding="utf-8-sig", newline="") as table:
            assert len(list(csv.DictReader(table))) == len(page.texts)
        with Image.open(folder / "page-1.png") as overlay:
            assert min(overlay.size) > 1000
    sources = {
        text["source"]
        for text in json.loads((tmp_path / "out/feed-section.pdf/result.json").read_text())["pages"][0][
            "texts"
        ]
    }
    assert "text-layer" in sources
    assert_nothing_is_left(ports_in(printed))


def ports_in(printed: str) -> list[int]:
    found = [int(port) for port in re.findall(r"127\.0\.0\.1:(\d+)", printed)]
    assert found, printed
    return found


def read_until(process: "subprocess.Popen[str]", wanted: str) -> str:
    """Read the output up to the line that holds `wanted`."""
    assert process.stdout is not None
    printed = ""
    for line in process.stdout:
        printed += line
        if wanted in line:
            return printed
    raise AssertionError(f"{wanted!r} was never printed:\n{printed}")


@pytest.mark.parametrize(
    ("moment", "number"),
    [
        pytest.param("... stack", signal.SIGTERM, id="SIGTERM while sam works"),
        pytest.param(": reading", signal.SIGINT, id="Ctrl-C while a drawing is read"),
    ],
)
def test_an_interrupted_demo_leaves_nothing(
    tmp_path: Path, temporary: Path, moment: str, number: signal.Signals
) -> None:
    process = start(tmp_path / "out", temporary)
    try:
        printed = read_until(process, moment)
        if number is signal.SIGINT:
            # Ctrl-C reaches the whole group of a terminal, children included.
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
        rest, _ = process.communicate(timeout=60)
    finally:
        process.kill()

    assert process.returncode == 128 + number, printed + rest
    assert "Traceback" not in rest
    assert_nothing_is_left(ports_in(printed))
    # What was installed is kept: an interruption must not cost the next run its downloads.
    assert (ROOT / ".drawops" / "envs" / "ministack").is_dir()
