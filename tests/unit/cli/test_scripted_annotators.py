"""Scripted annotators leave a task as somebody does who sees what stands there."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime

from drawops.contracts.labeling import Area, Box, BoxState, Pyramid, TaskDocument, TaskSheet, TaskState
from drawops_cli.label.scripted import corrected

Quad = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Text:
    text: str
    quad: Quad


def quad(x: float, y: float) -> tuple[tuple[float, float], ...]:
    return ((x, y), (x + 50, y), (x + 50, y + 10), (x, y + 10))


def task(*boxes: Box) -> TaskDocument:
    return TaskDocument(
        task_id="l-00000000000000000000-r1a000s1",
        labeling_id="l-00000000000000000000",
        state=TaskState.CLAIMED,
        annotator="mei",
        lease_expires_at=datetime(2026, 1, 1, tzinfo=UTC),
        revision=0,
        sheet=TaskSheet(
            drawing_id="d",
            revision="r",
            page=1,
            name="plan.png",
            width=400,
            height=200,
            pyramid=Pyramid(tiles="t", format="webp", tile_size=512, overlap=1),
        ),
        area=Area(x=0, y=0, width=200, height=200),
        boxes=boxes,
    )


def box(name: str, text: str, x: float, y: float) -> Box:
    a, b, c, d = quad(x, y)
    return Box(id=name, quad=(a, b, c, d), text=text, state=BoxState.UNSURE, confidence=0.5)


def test_right_strings_are_accepted_wrong_ones_edited_boxes_on_nothing_deleted_missing_ones_drawn() -> None:
    given = task(box("a", "P-101", 10, 10), box("b", "P-IO2", 10, 50), box("c", "dirt", 10, 90))
    stands = [
        Text("P-101", quad(11, 10)),
        Text("P-102", quad(10, 51)),
        Text("NEW", quad(100, 100)),
        Text("of another area", quad(300, 100)),
    ]
    left = corrected(given, stands, 1.0, random.Random(1))
    assert [(one.id, one.text, one.state) for one in left] == [
        ("a", "P-101", BoxState.ACCEPTED),
        ("b", "P-102", BoxState.EDITED),
        ("c", "dirt", BoxState.DELETED),
        ("new-2", "NEW", BoxState.DRAWN),
    ]


def test_of_two_boxes_on_one_text_the_better_one_stays() -> None:
    given = task(box("near", "P-101", 15, 12), box("best", "P-101", 10, 10))
    left = corrected(given, [Text("P-101", quad(10, 10))], 1.0, random.Random(1))
    assert [one.state for one in left] == [BoxState.DELETED, BoxState.ACCEPTED]


def test_somebody_with_98_percent_accuracy_mistypes_about_2_percent() -> None:
    given = task(*(box(f"b{n}", "4711-B", 3, 12 * n) for n in range(1, 16)))
    stands = [Text("4711-B", quad(3, 12 * n)) for n in range(1, 16)]
    wrong = sum(
        one.text != "4711-B"
        for seed in range(100)
        for one in corrected(given, stands, 0.98, random.Random(seed))
    )
    assert 15 <= wrong <= 50  # of 1,500
