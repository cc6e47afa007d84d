"""The export for PaddleOCR: upright crops, as many as lines, splits by sheet."""

import json
import math
import shutil
from pathlib import Path

import cv2
import hypothesis.strategies as st
import numpy as np
import pytest
from drawops.contracts.datasets import Split
from drawops.contracts.labels import Label
from drawops_vision.datasets.folder import About, BadDataset, DatasetFolder
from drawops_vision.datasets.paddleocr import (
    Options,
    check,
    export,
    group_of,
    quad_of,
    read_dictionary,
    recognition_lines,
    side_of,
    write_dictionary,
)
from drawops_vision.sheets.faces import vera
from drawops_vision.sheets.model import Drawing, Text
from drawops_vision.sheets.raster import Transform, render
from hypothesis import given, settings
from numpy.typing import NDArray

from tests.unit.datasets.conftest import label, png

Image = NDArray[np.uint8]
DPI = 300
SAME = 0.8
"""Not 1: a crop of turned text is half a pixel off, in PaddleOCR's warp as in ours."""
WORD = "P-10R4F"
"""No letter of it looks the same turned round."""


def sheet(angle: float, word: str = WORD) -> tuple[bytes, tuple[tuple[float, float], ...]]:
    """A picture of a word at an angle (degrees clockwise), and its quad from the text's own top-left."""
    drawing = Drawing(60, 60, items=[Text((30, 30), word, 4.0, vera(), angle)])
    transform = Transform.of(drawing, DPI)
    quad = tuple(transform.point(corner) for corner in drawing.texts[0].ink_quad())
    return cv2.imencode(".png", render(drawing, transform))[1].tobytes(), quad


def likeness(one: Image, other: Image) -> float:
    """Correlation of two pictures, brought to one size."""
    size = (160, 48)
    a, b = (
        cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(float).ravel() for image in (one, other)
    )
    return float(np.corrcoef(a, b)[0, 1])


def as_paddleocr_crops(image: Image, points: NDArray[np.float32]) -> Image:
    """As get_rotate_crop_image (tools/infer/utility.py, PPOCRLabel) cuts: warp, turn what is tall."""
    width = int(max(np.linalg.norm(points[0] - points[1]), np.linalg.norm(points[2] - points[3])))
    height = int(max(np.linalg.norm(points[0] - points[3]), np.linalg.norm(points[1] - points[2])))
    target = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    matrix = cv2.getPerspectiveTransform(points, target)
    cut = cv2.warpPerspective(
        image, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE, flags=cv2.INTER_CUBIC
    )
    return np.asarray(np.rot90(cut) if height >= 1.5 * width else cut, np.uint8)


def upright() -> Image:
    picture, quad = sheet(0)
    (x0, y0), _, (x1, y1), _ = quad
    page = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_GRAYSCALE)
    return np.asarray(page[round(y0) : round(y1), round(x0) : round(x1)], np.uint8)


def grey(path: Path) -> Image:
    return np.asarray(
        cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_GRAYSCALE), np.uint8
    )


@pytest.mark.parametrize("angle", [0, 90, 180, 270, 17, 64, 123, 201, 305])
def test_text_stands_upright_in_its_crop_whichever_way_it_runs(
    dataset: DatasetFolder, tmp_path: Path, angle: float
) -> None:
    picture, quad = sheet(angle)
    dataset.write("sheet.png", picture, [label(WORD, quad)])

    export(dataset, tmp_path / "out")

    ((name, text),) = recognition_lines(tmp_path / "out" / "rec_gt.txt")
    crop, expected = grey(tmp_path / "out" / name), upright()
    assert text == WORD
    assert likeness(crop, expected) > SAME
    for turns in (1, 2, 3):
        assert likeness(np.asarray(np.rot90(crop, turns), np.uint8), expected) < 0.5
    # What PaddleOCR's own tools cut from our Label.txt is the same.
    theirs = as_paddleocr_crops(grey(tmp_path / "out" / "images" / "sheet.png"), np.array(quad, np.float32))
    assert likeness(theirs, expected) > SAME


@pytest.mark.parametrize("angle", [0, 90, 180, 270])
def test_a_lone_1_stands_upright_though_paddleocr_would_lay_it_down(
    dataset: DatasetFolder, tmp_path: Path, angle: float
) -> None:
    picture, quad = sheet(angle, "1")
    dataset.write("sheet.png", picture, [label("1", quad)])

    export(dataset, tmp_path / "out")

    ((name, _),) = recognition_lines(tmp_path / "out" / "rec_gt.txt")
    crop = grey(tmp_path / "out" / name)
    assert crop.shape[0] > 1.5 * crop.shape[1]
    # Its foot is wider than its head, whichever way the sheet is turned.
    ink = (crop < 128).sum(axis=1)
    assert ink[-3:].mean() > ink[:3].mean()


def test_the_points_themselves_decide_so_a_wrong_first_point_turns_the_crop(
    dataset: DatasetFolder, tmp_path: Path
) -> None:
    """The tests above can fail."""
    picture, quad = sheet(270)
    dataset.write("sheet.png", picture, [label(WORD, (*quad[2:], *quad[:2]))])

    export(dataset, tmp_path / "out")

    ((name, _),) = recognition_lines(tmp_path / "out" / "rec_gt.txt")
    assert likeness(grey(tmp_path / "out" / name), upright()) < 0.5


@pytest.mark.parametrize("angle", [0, 45, 90, 180, 250])
@pytest.mark.parametrize("points", [3, 6, 8, 14])
def test_a_polygon_is_cut_as_its_smallest_rectangle_the_right_way_up(angle: float, points: int) -> None:
    turn = math.radians(angle)
    half = max(1, points // 2)
    top = (
        [(100 * step / max(1, half - 1), 0.0) for step in range(half)]
        if points > 3
        else [(0.0, 0.0), (100.0, 0.0)]
    )
    bottom = [(x, 20.0) for x, _ in reversed(top)] if points > 3 else [(100.0, 20.0)]
    polygon = [
        (300 + x * math.cos(turn) - y * math.sin(turn), 300 + x * math.sin(turn) + y * math.cos(turn))
        for x, y in (*top, *bottom)
    ]

    quad = quad_of(label("x", polygon))

    along = quad[1] - quad[0]
    assert math.degrees(math.atan2(along[1], along[0])) % 360 == pytest.approx(
        angle, abs=15 if points == 3 else 1
    )
    assert np.linalg.norm(along) == pytest.approx(100, rel=0.05)
    down = quad[3] - quad[0]
    assert along[0] * down[1] - along[1] * down[0] > 0, "clockwise"


def dirty(dataset: DatasetFolder) -> None:
    """A page with everything that has no crop, and what has."""
    box = ((10, 10), (90, 10), (90, 30), (10, 30))
    texts = ["good", "###", "", " \t ", "two\nlines", "a\tb", "*", "true", "\x07"]
    labels = [label(text, box, f"t{place}") for place, text in enumerate(texts, start=1)]
    labels.append(label("flat", ((10, 10), (90, 10), (90, 10), (10, 10)), "t10"))
    labels.append(label("outside", ((500, 10), (590, 10), (590, 30), (500, 30)), "t11"))
    labels.append(label("huge", ((0, 0), (1e30, 0), (1e30, 30), (0, 30)), "t12"))
    labels.append(label("hard", box, "t13").model_copy(update={"difficult": True}))
    dataset.write("a.png", png(), labels)


def test_every_label_has_a_crop_or_a_reason(dataset: DatasetFolder, tmp_path: Path) -> None:
    dirty(dataset)

    made = export(dataset, tmp_path / "out")

    assert dict(recognition_lines(tmp_path / "out" / "rec_gt.txt")) == {
        "crop_img/a_crop_1.png": "good",
        "crop_img/a_crop_6.png": "a b",
        "crop_img/a_crop_7.png": "*",
        "crop_img/a_crop_8.png": "true",
        "crop_img/a_crop_13.png": "hard",
    }
    left_out = [json.loads(line) for line in (tmp_path / "out" / "left_out.jsonl").read_text().splitlines()]
    assert {entry["id"]: entry["reason"] for entry in left_out} == {
        "t2": "unreadable (###)",
        "t3": "no string",
        "t4": "no string",
        "t5": "more than one line, or a control character",
        "t9": "more than one line, or a control character",
        "t10": "no area",
        "t11": "outside the picture",
        "t12": "larger than the picture",
    }
    assert made.labels == 13 == made.crops + sum(made.left_out.values())
    assert len(made.notes) == 2, made.notes
    # The detection labels are all there, as they were.
    assert [page.labels for page in DatasetFolder.open(tmp_path / "out").pages()] == [
        page.labels for page in dataset.pages()
    ]


def test_without_difficult_ones_they_are_dont_care_regions(dataset: DatasetFolder, tmp_path: Path) -> None:
    dirty(dataset)

    made = export(dataset, tmp_path / "out", Options(difficult=False))

    (page,) = DatasetFolder.open(tmp_path / "out").pages()
    assert page.labels[-1].text == "###"
    assert made.left_out["difficult"] == 1


def test_padding_makes_crops_larger(dataset: DatasetFolder, tmp_path: Path) -> None:
    dataset.write("a.png", png(), [label("x", ((50, 40), (90, 40), (90, 60), (50, 60)))])

    export(dataset, tmp_path / "bare")
    export(dataset, tmp_path / "padded", Options(padding=0.25))

    assert grey(tmp_path / "bare" / "crop_img" / "a_crop_1.png").shape == (20, 40)
    assert grey(tmp_path / "padded" / "crop_img" / "a_crop_1.png").shape == (30, 50)


def test_pages_of_one_stem_do_not_overwrite_each_others_crops(dataset: DatasetFolder, tmp_path: Path) -> None:
    for name in ("plan.png", "sub/plan.png", "PLAN.png", "图 plan.png"):
        dataset.write(name, png(), [label("x")])

    made = export(dataset, tmp_path / "out")

    assert made.crops == 4 == len(list((tmp_path / "out" / "crop_img").iterdir()))


def test_an_export_that_does_not_agree_with_itself_is_refused(dataset: DatasetFolder, tmp_path: Path) -> None:
    dataset.write("a.png", png(), [label("x"), label("y", name="t2")])
    out = tmp_path / "out"
    export(dataset, out)
    shutil.copy(out / "crop_img" / "a_crop_1.png", out / "crop_img" / "more.png")

    with pytest.raises(BadDataset, match=r"3 crops for 2 lines"):
        check(out)

    (out / "crop_img" / "more.png").unlink()
    with (out / "rec_gt.txt").open("a") as file:
        file.write("crop_img/a_crop_1.png\tx\n")
    with pytest.raises(BadDataset, match="twice"):
        check(out)


def test_a_damaged_picture_is_a_problem_and_its_labels_are_left_out(
    dataset: DatasetFolder, tmp_path: Path
) -> None:
    dataset.write("a.png", png(2000, 2000)[:400], [label("x")])
    dataset.write("b.png", png(), [label("y")])

    made = export(dataset, tmp_path / "out")

    assert made.crops == 1
    assert made.left_out == {"the picture cannot be read": 1}
    assert "cannot be drawn" in str(made.problems[0])


def test_pages_without_labels_are_in_no_list_that_is_trained_on(
    dataset: DatasetFolder, tmp_path: Path
) -> None:
    dataset.write("a.png", png(), [])
    dataset.write("b.png", png(), [label("y")])

    made = export(dataset, tmp_path / "out")

    lists = "".join((tmp_path / "out" / f"det_{split}.txt").read_text() for split in Split)
    assert "images/b.png" in lists
    assert "images/a.png" not in lists
    assert made.pages == 2


def test_pages_of_one_file_and_all_their_crops_stand_on_one_side(
    dataset: DatasetFolder, tmp_path: Path
) -> None:
    for number in range(40):
        for page in (1, 2):
            dataset.write(f"plan{number}#{page}.png", png(), [label("x"), label("y", name="t2")])

    made = export(dataset, tmp_path / "out")

    sides: dict[str, set[str]] = {}
    for split in Split:
        for name, _ in recognition_lines(tmp_path / "out" / f"rec_{split}.txt"):
            sides.setdefault(name.split("#")[0], set()).add(split)
    assert len(sides) == 40
    assert all(len(side) == 1 for side in sides.values())
    assert sum(made.by_split.values()) == 160
    assert made.by_split[Split.TRAIN] > 80


def test_a_page_never_changes_sides() -> None:
    assert group_of("images/plan#2.png") == "plan"
    assert side_of("images/plan#1.png") is side_of("other/plan#2.png")
    shares = [side_of(f"images/sheet {number}.png") for number in range(5000)]
    assert shares.count(Split.TRAIN) / 5000 == pytest.approx(0.8, abs=0.03)
    assert shares.count(Split.VAL) / 5000 == pytest.approx(0.1, abs=0.02)


def test_a_page_in_a_folder_named_like_a_split_stands_there() -> None:
    assert [side_of(f"images/{split}/plan.png") for split in Split] == list(Split)


@given(st.sets(st.characters(blacklist_categories=["Cs"], blacklist_characters="\r\n"), max_size=60))
@settings(max_examples=300, deadline=None)
def test_a_dictionary_gives_back_its_characters(
    tmp_path_factory: pytest.TempPathFactory, characters: set[str]
) -> None:
    path = tmp_path_factory.getbasetemp() / "dict.txt"

    write_dictionary(characters, path)

    assert read_dictionary(path) == tuple(sorted(characters - {" "}))
    # As PaddleOCR's BaseRecLabelEncode reads it.
    with path.open("rb") as file:
        theirs = [line.decode("utf-8").strip("\n").strip("\r\n") for line in file.readlines()]
    assert theirs == sorted(characters - {" "})


def test_a_dictionary_of_words_is_refused(tmp_path: Path) -> None:
    (tmp_path / "dict.txt").write_text("a\nbc\n")

    with pytest.raises(ValueError, match="line 2"):
        read_dictionary(tmp_path / "dict.txt")


words = st.text(st.characters(blacklist_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=12)


@given(st.lists(words, max_size=6))
@settings(max_examples=40, deadline=None)
def test_lines_for_recognition_give_back_the_strings(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("rec")
    labels = [Label(id=f"n{place}", points=label("x").points, text=text) for place, text in enumerate(texts)]
    with DatasetFolder.create(folder / "data", About(name="data")) as source:
        source.write("a.png", png(), labels)

    export(source, folder / "out")

    expected = [text for text in texts if text.strip() and text != "###"]
    assert [text for _, text in recognition_lines(folder / "out" / "rec_gt.txt")] == expected
    # As SimpleDataSet reads it: bytes, split at line feeds and tabs.
    with (folder / "out" / "rec_gt.txt").open("rb") as file:
        theirs = [line.decode("utf-8").strip("\n").split("\t")[1] for line in file.readlines()]
    assert theirs == expected
    # As gen_ocr_train_val_test.py and PPOCRLabel read it: text mode.
    with (folder / "out" / "rec_gt.txt").open(encoding="utf-8") as file:
        assert [line.split("\t")[1].rstrip("\n") for line in file.readlines()] == expected
