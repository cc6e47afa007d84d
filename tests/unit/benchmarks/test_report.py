"""Tables, pages and plots of the comparison, made from a run's measurements alone."""

import json
from itertools import combinations
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from drawops_vision.evaluation.scoring import Label
from rich.console import Console

from benchmarks.peers import __main__ as command
from benchmarks.peers import report
from benchmarks.peers.engines import ENGINES
from benchmarks.peers.run import EngineRun, SheetRead

QUAD = ((10.0, 20.0), (50.0, 20.0), (50.0, 40.0), (10.0, 40.0))
SHEET = Path("sheet.png")
LABELS = {SHEET: [Label("PI-101", QUAD)]}
SVG = "{http://www.w3.org/2000/svg}"


def engine_row(
    name: str, text: str = "PI-101", seconds: float = 2.0, naive: float | None = 10.0
) -> report.Row:
    run = EngineRun({SHEET: SheetRead([Label(text, QUAD)], [seconds])}, load=1.0, peak=500_000_000)
    return report.row(name, run, run.score(LABELS), len(LABELS), 146_000_000, naive)


def document(*sets: tuple[str, list[report.Row]]) -> dict[str, Any]:
    return {
        "when": "2026-01-02",
        "command": "python -m benchmarks.peers",
        "machine": report.machine(),
        "threads": 2,
        "runs": 1,
        "unavailable": {"tesseract": "tesseract is not installed"},
        "sets": [
            {
                "name": name,
                "texts": 1,
                "pixels": 35_000_000,
                "sheets": [],
                "engines": [json.loads(json.dumps(row.__dict__)) for row in rows],
            }
            for name, rows in sets
        ],
    }


@pytest.fixture
def measured() -> dict[str, Any]:
    rows = [engine_row("drawops"), engine_row("rapidocr", text="PI-1O1", seconds=2.01)]
    return document(("dexpi/Label.txt", rows), ("mechanical/Label.txt", rows[:1]))


def test_a_row_says_how_many_times_faster_than_naive_tiles_an_engine_is() -> None:
    assert engine_row("drawops", seconds=2.0, naive=10.0).faster == 5.0
    assert engine_row("drawops", naive=None).faster is None


def test_a_sheet_read_several_times_counts_with_its_median() -> None:
    run = EngineRun({SHEET: SheetRead([], [9.0, 2.0, 3.0])})
    assert run.seconds == 3.0


def test_failures_are_named_and_leave_the_time_open() -> None:
    run = EngineRun({SHEET: SheetRead(error="MemoryError: ")}, failure="ended with -9: it said nothing")
    row = report.row("rapidocr", run, run.score(LABELS), 1, 0, 10.0)
    assert row.f1 == 0.0
    assert row.notes == ("sheet.png: MemoryError: ", "ended with -9: it said nothing")
    assert report.cells(row.__dict__)[6:] == ["–", "–", "–", "–", "–"]


def test_the_terminal_table_shows_every_engine() -> None:
    console = Console(width=140)
    with console.capture() as capture:
        console.print(report.terminal_table("dexpi", [engine_row("drawops"), engine_row("tesseract")]))
    assert "drawops" in capture.get()
    assert "Tesseract 5" in capture.get()


def test_the_pages_hold_the_figures_in_both_languages(measured: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "zh").mkdir()
    report.write(measured, tmp_path / "benchmarks")
    english = (tmp_path / "benchmarks" / "README.md").read_text()
    chinese = (tmp_path / "zh" / "benchmarks.md").read_text()
    row = "| drawops | 1.000 | 1.000 | 1.000 | 1.000 | 0.000 | 2.0 | 2.0 | 5.0 | 500 | 146 |"
    assert english.count(row) == chinese.count(row) == 2
    assert "- Tesseract 5: tesseract is not installed" in english
    assert "- Tesseract 5：tesseract is not installed" in chinese
    assert "2026-01-02" in english


def test_every_link_of_the_pages_leads_to_a_file(measured: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "zh").mkdir()
    written = report.write(measured, tmp_path / "benchmarks")
    pages = [path for path in written if path.suffix == ".md"]
    assert len(pages) == 2
    for page in pages:
        links = [part.partition(")")[0] for part in page.read_text().split("](")[1:]]
        assert len(links) == 3
        assert all((page.parent / link).is_file() for link in links)


def test_what_is_stored_makes_the_same_pages_again(measured: dict[str, Any], tmp_path: Path) -> None:
    report.write(measured, tmp_path)
    files = ("README.md", "README.zh.md", "peers.svg", "peers-mechanical.svg")
    before = {name: (tmp_path / name).read_text(encoding="utf-8") for name in files}
    for name in files:
        (tmp_path / name).unlink()
    assert command.main(["--pages", "--out", str(tmp_path)]) == 0
    assert {name: (tmp_path / name).read_text(encoding="utf-8") for name in files} == before


def test_the_plot_has_a_labelled_point_for_each_engine(measured: dict[str, Any]) -> None:
    root = ElementTree.fromstring(report.plot("dexpi <1>", measured["sets"][0]["engines"]))
    assert len(root.findall(f"{SVG}circle")) == 2
    labels = {text.text: text for text in root.findall(f"{SVG}text")}
    assert {"drawops", "RapidOCR 3.10", "dexpi <1>"} <= labels.keys()


def test_points_stand_further_right_when_slower_and_higher_when_better() -> None:
    rows = [engine_row("drawops", seconds=2.0), engine_row("rapidocr", text="?", seconds=40.0)]
    root = ElementTree.fromstring(report.plot("x", [row.__dict__ for row in rows]))
    better, worse = root.findall(f"{SVG}circle")
    assert float(better.attrib["cx"]) < float(worse.attrib["cx"])
    assert float(better.attrib["cy"]) < float(worse.attrib["cy"])


def test_labels_of_points_that_lie_together_cover_neither_each_other_nor_the_points() -> None:
    names = [engine.name for engine in ENGINES]
    rows = [engine_row(name, seconds=2 + 0.01 * number).__dict__ for number, name in enumerate(names)]
    root = ElementTree.fromstring(report.plot("x", rows))
    boxes = [
        (float(text.attrib["x"]), float(text.attrib["y"]) - 12, 7 * len(text.text or ""), 16)
        for text in root.findall(f"{SVG}text")
        if text.get("text-anchor") == "start"
    ]
    boxes += [
        (float(point.attrib["cx"]) - 5, float(point.attrib["cy"]) - 5, 10, 10)
        for point in root.findall(f"{SVG}circle")[:1]
    ]
    assert len(boxes) == len(names) + 1
    for (x, y, width, height), (left, top, wide, high) in combinations(boxes, 2):
        assert x + width <= left or left + wide <= x or y + height <= top or top + high <= y


def test_a_plot_without_any_time_is_still_a_picture() -> None:
    run = EngineRun(failure="ended with 1: no weights")
    row = report.row("rapidocr", run, run.score(LABELS), 1, 0, None)
    assert ElementTree.fromstring(report.plot("x", [row.__dict__])).findall(f"{SVG}circle") == []
