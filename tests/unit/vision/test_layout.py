"""From patches of ink to texts: where they are cut, and how tight their quads are."""

from collections.abc import Sequence

import cv2
import numpy as np
import pytest
from drawops_vision import ink, layout
from drawops_vision.layout import Quad
from numpy.typing import NDArray

from tests.unit.vision.drawings import FONT

Pixels = NDArray[np.uint8]
Box = tuple[int, int, int, int]
SLACK = 3  # pixels by which a detected patch is larger than its ink


def paper(width: int = 900, height: int = 300) -> Pixels:
    return np.full((height, width), 255, np.uint8)


def put(page: Pixels, text: str, x: int, y: int, size: int = 32) -> Box:
    """Write a text; the box (left, top, right, bottom) of its ink."""
    before = page.copy()
    cv2.putText(page, text, (x, y), (0, 0, 0), FONT, size)
    return box_of(np.asarray((page < before) * np.uint8(255), np.uint8))


def box_of(inked: Pixels) -> Box:
    rows, columns = np.nonzero(inked > 127)
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


def around(*boxes: Box, slack: int = SLACK) -> Quad:
    """The patch that a detector would report for ink in these boxes."""
    corners = np.array(boxes)
    left, top = corners[:, :2].min(axis=0) - slack
    right, bottom = corners[:, 2:].max(axis=0) + slack
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)


def ways(page: Pixels, quad: Quad) -> list[list[Box]]:
    """All ways to cut a patch, as upright boxes in pixels."""
    (found,) = layout.cut(page, np.array([quad]))
    return [[upright(one) for one in way] for way in found.ways]


def upright(quad: Quad) -> Box:
    (left, top), (right, bottom) = quad.min(axis=0), quad.max(axis=0)
    return round(float(left)), round(float(top)), round(float(right)), round(float(bottom))


def near(expected: Sequence[Box]) -> object:
    return pytest.approx(np.array(expected), abs=2)


def has(found: list[list[Box]], expected: Sequence[Box]) -> bool:
    return any(len(way) == len(expected) and np.array(way) == near(expected) for way in found)


def test_a_quad_is_tight_to_the_ink() -> None:
    page = paper()
    box = put(page, "PUMP P-1234", 50, 100)
    assert has(ways(page, around(box, slack=7)), [box])


def test_neighbours_a_capitals_height_apart_are_cut() -> None:
    page = paper()
    first = put(page, "TANK", 50, 100)
    second = put(page, "PUMP", first[2] + (first[3] - first[1]), 100)
    assert np.array(ways(page, around(first, second))[0]) == near([first, second])


@pytest.mark.parametrize("text", ["TANK PUMP 12", "NOTE 7 BOLTS", "A 1", "SEE SHEET NO. 4", "6 mm"])
def test_words_a_space_apart_are_one_text(text: str) -> None:
    page = paper()
    box = put(page, text, 50, 100)
    assert has(ways(page, around(box))[:1], [box])


@pytest.mark.parametrize("space", [0.8, 1.0])
def test_wide_single_stroke_lettering_is_not_cut_at_its_spaces(space: float) -> None:
    """Such lettering has 0.3 of a capital's height between letters and up to 1.0 between words."""
    page, x, capital, boxes = paper(), 50.0, 24, []
    for letter in "TANK NO 12":
        if letter == " ":
            x += (space - 0.3) * capital
            continue
        boxes.append(put(page, letter, round(x), 100))
        x = boxes[-1][2] + 0.3 * capital
    whole = upright(around(*boxes, slack=0))
    assert has(ways(page, around(whole))[:1], [whole])


def test_the_side_of_a_cell_parts_texts_that_a_space_would_not() -> None:
    page = paper()
    first = put(page, "TANK", 50, 100)
    capital = first[3] - first[1]
    second = put(page, "PUMP", first[2] + round(0.7 * capital), 100)
    assert has(ways(page, around(first, second))[:1], [(first[0], first[1], second[2], second[3])])
    cv2.line(page, (first[2] + round(0.35 * capital), 20), (first[2] + round(0.35 * capital), 200), (0,), 2)
    assert has(ways(page, around(first, second))[:1], [first, second])


def test_rows_in_a_wide_patch_are_texts_of_their_own() -> None:
    page = paper()
    boxes = [put(page, "NOTE 7 BOLTS", 50, 100), put(page, "SEE SHEET 22", 50, 140)]
    assert has(ways(page, around(*boxes))[:1], boxes)


def test_short_rows_in_a_tall_patch_are_offered_beside_one_text_that_runs_up() -> None:
    page = paper()
    boxes = [put(page, text, 50, y) for text, y in (("12", 100), ("34", 140), ("56", 180))]
    found = ways(page, around(*boxes))
    assert has(found, boxes)
    assert has(found, [upright(around(*boxes, slack=0))])


def test_a_tall_text_keeps_the_order_of_its_corners() -> None:
    page = paper()
    put(page, "PUMP P-1", 50, 100)
    page = np.asarray(cv2.rotate(page, cv2.ROTATE_90_COUNTERCLOCKWISE), np.uint8)
    box = box_of(255 - page)
    (found,) = layout.cut(page, np.array([around(box)]))
    ((quad,), *_) = found.ways
    assert quad == pytest.approx(around(box, slack=0), abs=2)


@pytest.mark.parametrize(("text", "depth"), [("Spray pg", -2), ("PUMP P-12", -1), ("fillj", -3)])
def test_text_glued_to_a_line_below_keeps_all_its_letters(text: str, depth: int) -> None:
    page = paper()
    box = put(page, text, 50, 100)
    cv2.line(page, (10, box[3] + depth), (850, box[3] + depth), (0,), 2)
    (left, top, right, bottom), *others = ways(page, around(box))[0]
    assert others == []
    assert left <= box[0] + 1
    assert right >= box[2] - 1
    assert top <= box[1] + 1
    assert bottom >= box[3] - 1


@pytest.mark.parametrize("degrees", [-60, -30, 20, 45])
def test_slanted_neighbours_are_cut_and_tight_too(degrees: float) -> None:
    page = paper(900, 900)
    first = put(page, "TANK", 300, 450)
    second = put(page, "PUMP", first[2] + (first[3] - first[1]), 450)
    matrix = cv2.getRotationMatrix2D((450, 450), -degrees, 1)
    page = np.asarray(cv2.warpAffine(page, matrix, (900, 900), borderValue=(255,)), np.uint8)

    def turned(quad: Quad) -> Quad:
        return np.asarray(cv2.transform(quad[None], matrix)[0], np.float32)

    (found,) = layout.cut(page, np.array([turned(around(first, second))]))
    back = cv2.invertAffineTransform(matrix)
    boxes = [upright(np.asarray(cv2.transform(quad[None], back)[0], np.float32)) for quad in found.ways[0]]
    # A patch steeper than 45 degrees has no side that is surely the top, but the texts are the same.
    assert np.array(sorted(boxes)) == near([first, second])


def test_a_patch_without_ink_stays_as_it_is() -> None:
    quad = around((100, 100, 200, 130))
    assert ways(paper(), quad) == [[upright(quad)]]


def test_no_patches_give_no_texts() -> None:
    assert layout.cut(paper(), np.zeros((0, 4, 2), np.float32)) == []


def test_glyphs_in_a_column_are_a_stack_from_top_to_bottom() -> None:
    quads = [around((100, y, 120, y + 24), slack=0) for y in (130, 100, 160)]
    ((members, whole),) = layout.stacks(quads)
    assert members == [1, 0, 2]
    assert upright(whole) == (100, 100, 120, 184)


@pytest.mark.parametrize(
    ("why", "second"),
    [
        ("too far below", (100, 140, 120, 164)),
        ("to the side", (115, 130, 135, 154)),
        ("of another size", (100, 130, 155, 190)),
        ("a word", (100, 130, 180, 154)),
    ],
)
def test_what_is_no_column_of_glyphs_is_no_stack(why: str, second: Box) -> None:
    assert layout.stacks([around((100, 100, 120, 124), slack=0), around(second, slack=0)]) == [], why


def overlooked(page: Pixels, *known: Quad) -> list[Box]:
    height, width = page.shape
    return [upright(quad) for quad in layout.overlooked(ink.find(page), known, width, height)]


def zoned() -> tuple[Pixels, Box, Quad]:
    """A page with a known text, and a zone's letter in the frame: page, letter, the known text's quad."""
    page = paper(1200, 600)
    known = put(page, "PUMP P-1234", 300, 300)
    for x in (20, 60):
        cv2.line(page, (x, 20), (x, 580), (0,), 2)
    return page, put(page, "B", 30, 310), around(known)


def test_a_zones_letter_in_the_frame_is_found() -> None:
    page, letter, known = zoned()
    assert np.array(overlooked(page, known)) == near([letter])


def test_what_is_known_already_is_not_found_again() -> None:
    page, letter, known = zoned()
    assert overlooked(page, known, around(letter)) == []


def test_hatching_looks_like_no_character() -> None:
    page, _, known = zoned()
    for x in range(700, 1000, 10):
        cv2.line(page, (x, 330), (x + 14, 306), (0,), 2)
    assert len(overlooked(page, known)) == 1


def test_bare_paper_has_nothing_overlooked() -> None:
    assert overlooked(paper()) == []
