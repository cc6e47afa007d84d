"""A data set is cleaned into a new folder; what was left out lies beside it with reasons and pictures."""

import json
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import pytest
from drawops.contracts.cleaning import Rule
from drawops.contracts.labels import Label
from drawops_vision.datasets import cleaning
from drawops_vision.datasets.cleaning import CleaningReport, LabelReader, clean_folder, clean_labels
from drawops_vision.datasets.folder import About, BadDataset, DatasetFolder
from numpy.typing import NDArray

from tests.unit.vision.conftest import model_dir as model_dir

Pixels = NDArray[np.uint8]
STRINGS = ("P-101", "T-2040", "DRAIN", "LIC 4001", "150 mm", "V-12", "PSV-73", "SEE NOTE", "GATE", "FLOW")


def drawn(*strings: str, seed: int = 0) -> tuple[Pixels, list[Label]]:
    """A small sheet with these strings, one below the other, and lines that differ from seed to seed."""
    pixels = np.full((700, 900), 255, np.uint8)
    labels = []
    draw = np.random.default_rng(seed)
    for _ in range(12):
        a, b = ((int(draw.integers(430, 890)), int(draw.integers(10, 690))) for _ in range(2))
        cv2.line(pixels, a, b, (0,), 2)
    for number, text in enumerate(strings):
        y = 60 + 60 * number
        (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 1.0, 2)
        cv2.putText(pixels, text, (40, y), cv2.FONT_HERSHEY_SIMPLEX, 1.0, (0,), 2, cv2.LINE_AA)
        labels.append(label(text, 40, y - height, 40 + width, y, id=f"t{number + 1}"))
    return pixels, labels


def label(text: str, left: float, top: float, right: float, bottom: float, **fields: object) -> Label:
    points = ((left, top), (right, top), (right, bottom), (left, bottom))
    return Label.model_validate({"id": "bad", "points": points, "text": text} | fields)


def png(pixels: Pixels) -> bytes:
    return cv2.imencode(".png", pixels)[1].tobytes()


def data_set(path: Path, pages: Iterable[tuple[str, bytes, list[Label]]]) -> DatasetFolder:
    with DatasetFolder.create(path, About(name="plant", licence="CC-BY-4.0")) as folder:
        for name, content, labels in pages:
            folder.write(name, content, labels, {"symbols": [1]} if name == "a.png" else None)
    return DatasetFolder.open(path)


def texts(folder: Path) -> dict[str, list[str]]:
    return {page.name: [each.text for each in page.labels] for page in DatasetFolder.open(folder).pages()}


@pytest.fixture
def dirty(tmp_path: Path) -> DatasetFolder:
    pixels, labels = drawn(*STRINGS)
    other, others = drawn(*STRINGS[::-1], seed=5)
    labels.append(label("NOTHING", 40, 650, 190, 680, id="blank"))
    labels.append(label("", 40, 10, 100, 30, id="empty"))
    small = np.asarray(cv2.resize(pixels, None, fx=0.8, fy=0.8, interpolation=cv2.INTER_AREA), np.uint8)
    return data_set(
        tmp_path / "dirty",
        [
            ("a.png", png(pixels), labels),
            ("b.png", png(other), others),
            ("again.png", png(pixels), labels[:2]),
            ("small.png", png(small), labels[:3]),
            ("cut.png", png(pixels)[:200], labels[:1]),
        ],
    )


def test_the_cleaned_folder_holds_the_good_and_rejected_holds_the_rest(
    dirty: DatasetFolder, tmp_path: Path
) -> None:
    out = tmp_path / "clean"
    report = clean_folder(dirty, out)
    assert texts(out) == {"images/a.png": list(STRINGS), "images/b.png": list(STRINGS[::-1])}
    assert texts(out / "rejected") == {
        "images/a.png": ["", "NOTHING"],
        "images/again.png": list(STRINGS[:2]),
        "images/small.png": list(STRINGS[:3]),
        "images/cut.png": list(STRINGS[:1]),
    }
    reasons = [json.loads(line) for line in (out / "rejected" / "reasons.jsonl").read_text().splitlines()]
    assert {(each["page"], each.get("id"), each["rule"]) for each in reasons} == {
        ("images/a.png", "blank", "NO_INK"),
        ("images/a.png", "empty", "EMPTY"),
        ("images/again.png", None, "DUPLICATE_SHEET"),
        ("images/small.png", None, "NEAR_DUPLICATE_SHEET"),
        ("images/cut.png", None, "UNREADABLE_PICTURE"),
    }
    assert all(each["reason"].endswith(".") for each in reasons)
    assert (report.pages, report.kept_pages, report.labels, report.kept_labels) == (5, 2, 28, 20)
    assert sum(report.rejected.values()) == report.labels - report.kept_labels
    assert DatasetFolder.open(out).about.licence == "CC-BY-4.0"
    assert DatasetFolder.open(out).about.counts.texts == 20
    (objects,) = DatasetFolder.open(out).objects()
    assert objects == next(iter(dirty.objects()))


def test_the_report_is_written_for_machines_and_for_people(dirty: DatasetFolder, tmp_path: Path) -> None:
    report = clean_folder(dirty, tmp_path / "clean")
    assert CleaningReport.model_validate_json((tmp_path / "clean" / "cleaning.json").read_bytes()) == report
    page = (tmp_path / "clean" / "cleaning.html").read_text()
    assert "NEAR_DUPLICATE_SHEET" in page
    assert "Nothing is drawn where &#39;NOTHING&#39; is labelled." in page
    # Two labels, and both sheets of two pairs; the cut one cannot be shown.
    assert page.count('src="data:image/png;base64,') >= 6


def test_cleaning_again_changes_nothing(dirty: DatasetFolder, tmp_path: Path) -> None:
    def content(folder: Path) -> dict[str, bytes]:
        return {
            str(path.relative_to(folder)): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }

    clean_folder(dirty, tmp_path / "one")
    before = content(tmp_path / "one")
    clean_folder(dirty, tmp_path / "one")
    assert content(tmp_path / "one") == before
    again = clean_folder(DatasetFolder.open(tmp_path / "one"), tmp_path / "two")
    assert (again.rejected, again.corrected, again.sheets) == ({}, {}, ())
    assert texts(tmp_path / "two") == texts(tmp_path / "one")


def test_only_looking_writes_nothing(dirty: DatasetFolder, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    report = clean_folder(dirty, None)
    assert report.rejected[Rule.NO_INK] == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_that_is_something_else_is_not_overwritten(dirty: DatasetFolder, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").touch()
    with pytest.raises(BadDataset, match="no result of cleaning"):
        clean_folder(dirty, tmp_path / "mine")
    for target in (dirty.path, tmp_path):
        with pytest.raises(BadDataset, match="name another folder"):
            clean_folder(dirty, target)
    assert (tmp_path / "mine" / "letter.txt").exists()


def test_a_run_that_breaks_off_leaves_what_was_there(
    dirty: DatasetFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "clean"
    clean_folder(dirty, out)
    before = texts(out)

    def broken(*_: object, **__: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(cleaning, "clean_labels", broken)
    with pytest.raises(OSError, match="No space"):
        clean_folder(dirty, out)
    assert texts(out) == before
    assert not list(tmp_path.glob(".cleaning-*"))


def test_strings_of_strangers_stay_strings_in_the_report(tmp_path: Path) -> None:
    pixels, labels = drawn(*STRINGS)
    labels.append(label("<script>alert(1)</script>", 40, 650, 440, 675))
    clean_folder(data_set(tmp_path / "d", [("a.png", png(pixels), labels)]), tmp_path / "c")
    page = (tmp_path / "c" / "cleaning.html").read_text()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize(
    ("bad", "rule"),
    [
        (label("P-7", 40, 650, 100, 670), Rule.NO_INK),
        (label("FAINT", 500, 600, 590, 622), Rule.LOW_CONTRAST),
        (label("DRAIN", 40, 178, 58, 181.5), Rule.TOO_SMALL),
        (label("VALVE", 1e5, 1e5, 1e5 + 90, 1e5 + 22), Rule.OUTSIDE_PAGE),
    ],
)
def test_the_picture_speaks_against_a_label(bad: Label, rule: Rule) -> None:
    pixels, labels = drawn(*STRINGS)
    pixels[590:640, 480:600] = 255
    cv2.putText(pixels, "FAINT", (500, 622), cv2.FONT_HERSHEY_SIMPLEX, 1.0, (222,), 2)
    found = clean_labels([*labels, bad], pixels)
    assert [(each.label.id, each.rule) for each in found.rejected] == [("bad", rule)]
    assert list(found.labels.labels) == labels


def test_thin_strokes_and_dashes_have_ink_enough() -> None:
    pixels, labels = drawn(*STRINGS)
    cv2.line(pixels, (300, 600), (300, 625), (0,), 2)
    cv2.line(pixels, (340, 612), (360, 612), (0,), 2)
    fine = [label("I", 299, 600, 301, 625, id="i"), label("-", 340, 611, 360, 613, id="dash")]
    assert not clean_labels([*labels, *fine], pixels).rejected


@pytest.fixture(scope="module")
def reader(model_dir: Path) -> LabelReader:
    return LabelReader(model_dir, threads=1)


def test_a_label_that_the_model_reads_otherwise_is_kept_but_suspected(reader: LabelReader) -> None:
    pixels, labels = drawn(*STRINGS)
    wrong = labels[1].model_copy(update={"text": "T-2940"})
    found = clean_labels([labels[0], wrong, *labels[2:]], pixels, reader=reader)
    assert wrong in found.labels.labels
    first = found.suspects[0]
    assert (first.label.id, first.rule, first.read) == ("t2", Rule.MODEL_DISAGREES, "T-2040")


def test_a_text_labelled_upside_down_is_turned_when_the_model_reads_it_so(reader: LabelReader) -> None:
    pixels, labels = drawn(*STRINGS)
    right = labels[1]
    upside_down = right.model_copy(update={"points": right.points[2:] + right.points[:2]})
    found = clean_labels([upside_down, *labels[2:]], pixels, reader=reader)
    (corrected,) = found.corrected
    assert corrected.rule is Rule.WRONG_START
    assert found.labels.labels[0].points == right.points


def test_of_two_strings_in_one_place_the_model_tells_which_is_right(reader: LabelReader) -> None:
    pixels, labels = drawn(*STRINGS)
    rival = labels[1].model_copy(update={"text": "X-9999", "id": "rival"})
    assert {each.label.id for each in clean_labels([*labels, rival], pixels).rejected} == {"t2", "rival"}
    found = clean_labels([*labels, rival], pixels, reader=reader)
    assert [each.label.id for each in found.rejected] == ["rival"]
