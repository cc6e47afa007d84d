"""Candidates with the approved model's detector do not search the pages again, and read the same."""

from pathlib import Path

import pytest
from drawops_vision import artifact
from drawops_vision.artifact import Model
from drawops_vision.detect import Detector, Found
from drawops_vision.gate.artifacts import open_folder
from drawops_vision.gate.comparison import Side
from drawops_vision.gate.seen import name_of
from drawops_vision.reader import Reader
from drawops_vision.sheets import generate


def test_a_page_is_searched_once_for_both_and_both_read_what_a_reader_reads(
    model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = generate(7, "A5", dpi=100).png()
    alone = Reader(model_dir).read(page)
    searched: list[str] = []
    look = Detector.look

    def counted(*arguments: object) -> Found:
        searched.append("once")
        return look(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Detector, "look", counted)
    approved = Side(open_folder(model_dir))
    candidate = Side(open_folder(model_dir), beside=approved)
    assert approved.reader.read(page).pages[0].texts == alone.pages[0].texts
    assert candidate.reader.read(page).pages[0].texts == alone.pages[0].texts
    assert len(searched) == 1
    assert alone.pages[0].texts


def test_a_detector_that_sees_pages_otherwise_searches_for_itself(model_dir: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for file in model_dir.iterdir():
        if file.is_file():
            (other / file.name).write_bytes(file.read_bytes())
    manifest = artifact.verify(model_dir)
    artifact.write_manifest(
        other,
        name=manifest.name,
        version="9.9.9",
        parent=None,
        preprocessing=manifest.preprocessing.model_copy(update={"tile_size": 640}),
        thresholds=manifest.thresholds,
        calibration=manifest.calibration,
    )
    assert name_of(Model(other)) != name_of(Model(model_dir))
