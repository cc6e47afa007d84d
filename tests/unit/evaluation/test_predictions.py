"""Predictions are found wherever they were written down, and never taken for another sheet's."""

import json
from pathlib import Path
from typing import Any

import pytest
from drawops_vision.evaluation.predictions import load

from tests.unit.evaluation.shapes import box


def reading(text: str, pages: int = 1) -> dict[str, Any]:
    page = {
        "width": 100,
        "height": 100,
        "dpi_source": "unknown",
        "tiles": [],
        "texts": [
            {"id": "t", "quad": box(0, 0), "text": text, "confidence": 0.75, "angle": 0, "source": "ocr"}
        ],
        "timings": {"decode": 0, "detect": 0, "recognise": 0},
    }
    return {
        "media_type": "image/png",
        "model": {"name": "m", "version": "1.0", "sha256": "0" * 64},
        "pages": [{**page, "number": number + 1} for number in range(pages)],
        "timings": {"total": 2.5},
    }


def result(text: str, key: str) -> dict[str, Any]:
    source = {"bucket": "b", "key": key, "version_id": None, "sha256": "0" * 64, "size": 1}
    return {**reading(text), "drawing_id": "d", "revision": "r", "source": source}


def write(path: Path, document: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document), encoding="utf-8")


@pytest.mark.parametrize(
    "place", ["plan.png/result.json", "plan/result.json", "plan.png.json", "images/plan.json"]
)
def test_a_reading_is_found_by_its_path(tmp_path: Path, place: str) -> None:
    write(tmp_path / place, reading("HV-1"))
    (found,) = load(tmp_path, ["images/plan.png"]).values()
    assert [(text.text, text.confidence) for text in found.texts] == [("HV-1", 0.75)]
    assert (found.seconds, found.model) == (2.5, "m 1.0")


def test_a_result_of_the_platform_is_found_by_its_key(tmp_path: Path) -> None:
    write(tmp_path / "x" / "result.json", result("HV-1", "dexpi/plan.png"))
    write(tmp_path / "y" / "result.json", result("HV-2", "dexpi/floor-plan.png"))
    assert load(tmp_path, ["images/plan.png"])["images/plan.png"].texts[0].text == "HV-1"


def test_json_that_is_no_reading_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path / "plan.json", {"image": "plan.png", "texts": []})
    write(tmp_path / "list.json", [])
    write(tmp_path / "plan" / "result.json", reading("HV-1"))
    assert load(tmp_path, ["plan.png"])["plan.png"].texts[0].text == "HV-1"


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({}, "no result for plan.png"),
        ({"plan.json": reading("A"), "plan/result.json": reading("B")}, "two results for plan.png"),
        ({"plan.json": reading("A", pages=2)}, "2 pages"),
        ({"plan.json": {"pages": "none"}}, "is not a reading"),
    ],
)
def test_a_folder_that_does_not_say_what_was_read_is_refused(
    tmp_path: Path, files: dict[str, Any], reason: str
) -> None:
    for name, document in files.items():
        write(tmp_path / name, document)
    with pytest.raises(ValueError, match=reason):
        load(tmp_path, ["plan.png"])


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text("{", encoding="utf-8")
    with pytest.raises(ValueError, match=r"plan\.json is not JSON"):
        load(tmp_path, ["plan.png"])


def label_file(path: Path, name: str, **entry: object) -> Path:
    line = json.dumps([{"transcription": "HV-1", "points": box(0, 0), **entry}])
    path.write_text(f"{name}\t{line}\n", encoding="utf-8")
    return path


def test_a_label_file_may_state_confidences(tmp_path: Path) -> None:
    with_score = label_file(tmp_path / "a.txt", "images/plan.png", score=0.5)
    assert load(with_score, ["images/plan.png"])["images/plan.png"].texts[0].confidence == 0.5
    without = label_file(tmp_path / "b.txt", "elsewhere/plan.png")
    assert load(without, ["images/plan.png"])["images/plan.png"].texts[0].confidence is None


@pytest.mark.parametrize("score", [1.5, -0.1, "high"])
def test_a_score_that_is_no_confidence_is_refused(tmp_path: Path, score: object) -> None:
    with pytest.raises(ValueError, match="line 1: a score is"):
        load(label_file(tmp_path / "a.txt", "plan.png", score=score), ["plan.png"])


def test_a_sheet_without_a_line_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no line for plan\.png"):
        load(label_file(tmp_path / "a.txt", "other.png"), ["plan.png"])
