"""What a data set is said to hold, and what in it is said to look wrong."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from drawops_vision.datasets.folder import DatasetFolder
from drawops_vision.datasets.inspection import KINDS, inspect, overview, pictures, suspicious

from tests.unit.datasets.conftest import Points, label, png

WIDE: Points = ((10, 10), (90, 10), (90, 30), (10, 30))
UP: Points = ((10, 90), (10, 10), (30, 10), (30, 90))


def test_what_is_there_is_counted(dataset: DatasetFolder) -> None:
    polygon = ((10, 10), (50, 8), (90, 10), (90, 30), (50, 28), (10, 30))
    labels = [
        label("P-101", WIDE, "a").model_copy(update={"kind": "tag", "difficult": True}),
        label("V-7", UP, "b"),
        label("curved", polygon, "c"),
        label("###", ((150, 10), (190, 10), (190, 20), (150, 20)), "d"),
    ]
    dataset.write("a.png", png(), labels, {"symbols": [1, 2, 3]})
    dataset.write("b.png", png(50, 40), [])
    (dataset.path / "images" / "more.png").write_bytes(png())
    dataset.close()

    found = inspect(dataset)

    assert (found.counts.pages, found.counts.texts, found.counts.unreadable) == (2, 3, 1)
    assert found.angles == {"0": 2, "270": 1}
    assert sum(found.heights.values()) == 3
    assert found.sizes == {"200 x 100": 1, "50 x 40": 1}
    assert found.charset == "-017PVcderuv"
    assert (found.kinds, found.difficult, found.polygons, found.unlisted) == ({"tag": 1}, 1, 1, 1)
    assert found.objects == {"symbols": 3}
    assert [(one.what, one.examples) for one in found.suspicions] == [
        ("pages without labels", ("images/b.png",))
    ]
    assert found.problems == ()


@pytest.mark.parametrize(
    ("text", "points", "word"),
    [
        ("x", ((10, 10), (90, 10), (90, 10), (10, 10)), "without area"),
        ("x", ((150, 10), (250, 10), (250, 90), (150, 90)), "beyond"),
        (" ", WIDE, "without a string"),
        ("P-101 ", WIDE, "blanks"),
        ("P\t101", WIDE, "control"),
        ("P\ufffd01", WIDE, "encoding"),
        ("P-101", ((10, 10), (30, 10), (30, 90), (10, 90)), "higher than wide"),
        ("-", ((10, 10), (190, 10), (190, 20), (10, 20)), "too long"),
    ],
)
def test_what_looks_wrong_is_said(text: str, points: Points, word: str) -> None:
    assert word in " ".join(suspicious(label(text, points), (200, 100)))


@pytest.mark.parametrize(
    ("text", "points"),
    [
        ("P-101", WIDE),
        ("V-7", UP),
        ("1", ((10, 10), (14, 10), (14, 30), (10, 30))),
        ("###", UP),
        ("11", ((0, 0), (12, 0), (12, 20), (0, 20))),
    ],
)
def test_what_is_all_right_is_not(text: str, points: Points) -> None:
    assert suspicious(label(text, points), (200, 100)) == []


def test_labels_that_are_there_twice_are_found(dataset: DatasetFolder) -> None:
    dataset.write(
        "a.png", png(), [label("P-101", WIDE, "a"), label("P-101", WIDE, "b"), label("P-102", WIDE, "c")]
    )

    assert [(one.what, one.count) for one in inspect(dataset).suspicions] == [
        ("labels that are there twice", 1)
    ]


def test_overview_pictures_show_every_kind_of_label(dataset: DatasetFolder, tmp_path: Path) -> None:
    labels = [
        label("good", ((10, 10), (90, 10), (90, 30), (10, 30)), "a"),
        label("###", ((10, 40), (90, 40), (90, 60), (10, 60)), "b"),
        label("hard", ((110, 10), (190, 10), (190, 30), (110, 30)), "c").model_copy(
            update={"difficult": True}
        ),
        label(" ", ((110, 40), (190, 40), (190, 60), (110, 60)), "d"),
    ]
    page = dataset.write("ü.png", png(), labels)

    picture = cv2.imdecode(np.frombuffer(overview(page), np.uint8), cv2.IMREAD_COLOR)

    assert picture.shape == (124, 200, 3)
    for colour in KINDS.values():
        assert (np.abs(picture[24:].astype(int) - colour).sum(axis=2) < 20).any(), colour
    assert [path.name for path in pictures(dataset, tmp_path / "out", 5)] == ["0001-ü.png"]


def test_a_damaged_picture_has_no_overview(dataset: DatasetFolder, tmp_path: Path) -> None:
    dataset.write("a.png", png(2000, 2000)[:300], [label("x")])
    dataset.write("b.png", png(), [label("x")])

    assert [path.name for path in pictures(dataset, tmp_path / "out", 5)] == ["0002-b.png"]
