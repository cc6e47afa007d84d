"""Engines run as programs of their own: what becomes of their readings, failures and deaths."""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from drawops_vision.evaluation.scoring import Label

from benchmarks.peers import run as running
from benchmarks.peers.adapters import session
from benchmarks.peers.engines import Launch
from benchmarks.peers.environments import ROOT
from benchmarks.peers.run import EngineRun, run

ReadSheets = Callable[..., tuple[EngineRun, dict[Path, list[Label]], int]]
QUAD = ((10.0, 20.0), (50.0, 20.0), (50.0, 40.0), (10.0, 40.0))
ENGINE = """
import os, time
from pathlib import Path
from benchmarks.peers.adapters.session import FoundText, argument_parser, serve

def read(image):
    name = Path(image).stem
    print("chatter on standard output")
    if name == "unreadable":
        raise ValueError("cannot read this one")
    if name == "deadly":
        os._exit(7)
    if name == "endless":
        time.sleep(60)
    yield FoundText("PI-101", [[10, 20], [50, 20], [50, 40], [10, 40]])
    yield FoundText("lost", [[0, 0], [float("nan"), 0], [1, 1], [0, 1]])

serve(argument_parser(None).parse_args().report, lambda threads: (read, {"threads": str(threads)}))
"""


@pytest.fixture
def read_sheets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ReadSheets:
    monkeypatch.setattr(running, "HOME", tmp_path / "home")
    program = tmp_path / "engine.py"
    program.write_text(ENGINE)
    launch = Launch((sys.executable, str(program)), 0, {"PYTHONPATH": str(ROOT)})

    def read(
        *names: str, minutes: float = 1.0, runs: int = 1
    ) -> tuple[EngineRun, dict[Path, list[Label]], int]:
        sheets = [tmp_path / f"{name}.png" for name in names]
        done: list[int] = []
        result = run(
            "engine",
            launch,
            tmp_path / "warm-up.png",
            sheets,
            threads=2,
            runs=runs,
            minutes=minutes,
            progress=partial(done.append, 1),
        )
        return result, {sheet: [Label("PI-101", QUAD)] for sheet in sheets}, len(done)

    return read


def test_an_engine_reports_texts_times_memory_and_versions(read_sheets: ReadSheets) -> None:
    result, labels, reported = read_sheets("one", "two", runs=3)
    assert reported == 2
    assert result.failure is None
    assert result.versions == {"threads": "2"}
    assert [len(sheet.seconds) for sheet in result.sheets.values()] == [3, 3]
    assert result.seconds is not None
    assert result.peak is not None
    assert 2e6 < result.peak < 2e9
    assert result.score(labels).f1 == 1.0


def test_a_text_without_a_place_is_dropped(read_sheets: ReadSheets) -> None:
    result, _, _ = read_sheets("one")
    assert [text.text for sheet in result.sheets.values() for text in sheet.texts] == ["PI-101"]


def test_a_sheet_that_an_engine_fails_on_counts_as_read_without_a_text(read_sheets: ReadSheets) -> None:
    result, labels, reported = read_sheets("one", "unreadable", "two")
    assert reported == 3
    assert [sheet.error for sheet in result.sheets.values()] == [
        None,
        "ValueError: cannot read this one",
        None,
    ]
    score = result.score(labels)
    assert (score.correct, score.labels, score.predictions) == (2, 3, 2)


def test_no_time_is_given_for_an_engine_that_did_not_read_every_sheet(read_sheets: ReadSheets) -> None:
    assert read_sheets("one", "unreadable")[0].seconds is None
    assert read_sheets("one", "deadly")[0].seconds is None


def test_what_an_engine_read_before_it_died_is_kept(read_sheets: ReadSheets) -> None:
    result, labels, _ = read_sheets("one", "deadly", "two")
    assert result.failure == "ended with 7: chatter on standard output"
    assert result.score(labels).recall == pytest.approx(1 / 3)


def test_an_engine_that_hangs_is_stopped(read_sheets: ReadSheets) -> None:
    result, _, reported = read_sheets("one", "endless", minutes=1 / 60)
    assert reported == 1
    assert result.failure is not None
    assert "more than" in result.failure


def test_an_engine_that_cannot_start_is_named_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "HOME", tmp_path)
    launch = Launch((sys.executable, "-c", "raise SystemExit('no weights')"), 0)
    result = run("engine", launch, tmp_path, [], threads=1, runs=1, minutes=1, progress=lambda: None)
    assert result.failure == "ended with 1: no weights"
    assert result.load is None


def test_peak_memory_is_the_engines_own_not_that_of_the_process_that_started_it(
    read_sheets: ReadSheets,
) -> None:
    ballast = b"x" * 400_000_000
    result, _, _ = read_sheets("one")
    assert session.peak_memory() > len(ballast)
    assert result.peak is not None
    assert result.peak < len(ballast)
