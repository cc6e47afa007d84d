"""Candidates with the approved model's detector do not search the pages again, and read the same."""

import shutil
from pathlib import Path

import pytest
from drawops_vision import artifact
from drawops_vision.artifact import Model
from drawops_vision.detect import Detector, Found
from drawops_vision.gate.artifacts import open_folder
from drawops_vision.gate.comparison import Side
from drawops_vision.gate.seen import finds, name_of
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
    other = changed(model_dir, tmp_path / "other", preprocessing={"tile_size": 640})
    assert name_of(other) != name_of(Model(model_dir))


def test_a_model_that_lets_more_boxes_in_is_timed_on_a_page(model_dir: Path, tmp_path: Path) -> None:
    """Its detector sees the same, but there is more to read: the seconds of a line would not show that."""
    other = changed(model_dir, tmp_path / "other", thresholds={"box": 0.1})
    assert name_of(other) == name_of(Model(model_dir))
    assert finds(other) != finds(Model(model_dir))


def changed(
    model_dir: Path,
    folder: Path,
    preprocessing: dict[str, int] | None = None,
    thresholds: dict[str, float] | None = None,
) -> Model:
    """The same networks with other settings."""
    folder.mkdir()
    for file in model_dir.iterdir():
        if file.is_file():
            shutil.copyfile(file, folder / file.name)
    manifest = artifact.verify(model_dir)
    artifact.write_manifest(
        folder,
        name=manifest.name,
        version="9.9.9",
        parent=None,
        preprocessing=manifest.preprocessing.model_copy(update=preprocessing),
        thresholds=manifest.thresholds.model_copy(update=thresholds),
        calibration=manifest.calibration,
    )
    return Model(folder)
