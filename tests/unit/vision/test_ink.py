"""Where a page bears ink, and which of it the networks look at."""

import cv2
import numpy as np
import pytest
from drawops_vision import ink, sheets
from drawops_vision.ink import CELL, Ink
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from tests.unit.vision.drawings import FONT, sheet

Pixels = NDArray[np.uint8]


def seen(page: Pixels) -> Ink:
    """What is found on a page after it was normalised, in place."""
    ink.normalise(page, ink.paper(page))
    return ink.find(page)


def grain(deviation: float, shape: tuple[int, ...] = (800, 800), level: float = 235) -> Pixels:
    noise = np.random.default_rng(0).normal(level, deviation, shape)
    return np.asarray(noise.clip(0, 255), np.uint8)


@pytest.mark.parametrize("grey", [0, 127, 240, 255])
@pytest.mark.parametrize("shape", [(200, 300), (200, 300, 3), (1, 1), (1, 700), (700, 1)])
def test_bare_paper_is_blank_whatever_its_colour(grey: int, shape: tuple[int, ...]) -> None:
    found = seen(np.full(shape, grey, np.uint8))
    assert not found.any
    assert not found.cells.any()
    assert found.height is None


def test_coloured_paper_is_blank() -> None:
    page = np.empty((200, 300, 3), np.uint8)
    page[:] = (200, 220, 240)
    assert not seen(page).any


@pytest.mark.parametrize("deviation", [1, 2, 5, 8, 12])
@pytest.mark.parametrize("shape", [(800, 800), (800, 800, 3)])
def test_the_noise_of_a_scanner_is_blank(deviation: float, shape: tuple[int, ...]) -> None:
    found = seen(grain(deviation, shape))
    assert not found.any
    assert not found.cells.any()


def test_text_among_grain_keeps_the_grain_low() -> None:
    """Where ink is scarce, most of what differs from the paper is grain: it must not be stretched."""
    page = grain(5, (1500, 1500))
    cv2.putText(page, "P-1234", (600, 700), (20, 20, 20), FONT, 32)
    found = seen(page)
    assert page[:400].std() < 8
    assert 0 < found.cells.mean() < 0.05


@pytest.mark.parametrize("grey", [0, 128, 200])
def test_a_lone_full_stop_is_ink_but_not_worth_a_look(grey: int) -> None:
    page = np.full((1280, 1280), 255, np.uint8)
    page[700:704, 300:304] = grey
    found = seen(page)
    assert found.any
    assert not found.cells.any()


def test_text_of_the_papers_own_brightness_is_looked_at() -> None:
    page = np.full((400, 400, 3), 90, np.uint8)
    page[100:120, 100:115] = (90, 60, 150)
    assert seen(page).cells[100 // CELL, 100 // CELL]


@pytest.mark.parametrize("size", [9, 20, 60, 150])
def test_a_lone_letter_is_looked_at_with_a_margin_and_nothing_else_is(size: int) -> None:
    found = seen(sheet(("A", 300, 250), size=size))
    rows, columns = np.nonzero(found.cells)
    boxes = found.boxes[(found.boxes[:, 2] - found.boxes[:, 0]) > 0.3 * size]
    left, top, right, bottom = boxes[0]
    assert rows.min() == top // CELL - 1
    assert rows.max() == (bottom - 1) // CELL + 1
    assert columns.min() == left // CELL - 1
    assert columns.max() == (right - 1) // CELL + 1


def test_frames_and_long_lines_alone_are_not_looked_at() -> None:
    page = sheet()
    cv2.rectangle(page, (20, 20), (620, 460), (0, 0, 0), 3)
    cv2.line(page, (20, 300), (620, 300), (0, 0, 0), 1)
    cv2.line(page, (200, 20), (200, 460), (0, 0, 0), 5)
    found = seen(page)
    assert found.any
    assert not found.cells.any()


def test_a_letter_on_a_long_line_is_looked_at() -> None:
    page = sheet(("P", 300, 312))
    cv2.line(page, (20, 300), (620, 300), (0, 0, 0), 2)
    rows, columns = np.nonzero(seen(page).cells)
    assert rows.min() * CELL <= 285
    assert columns.min() * CELL <= 300 < 320 <= (columns.max() + 1) * CELL


def test_a_page_of_white_on_black_is_made_dark_on_light() -> None:
    upright = sheet(("PUMP P-1234", 80, 200))
    inverted = np.asarray(255 - upright, np.uint8)
    assert ink.paper(inverted).inverted
    assert np.array_equal(seen(inverted).cells, seen(upright).cells)
    assert np.array_equal(inverted, upright)


def test_a_faded_page_gets_its_full_range_and_a_crisp_one_stays_as_it_is() -> None:
    crisp = sheet(("PUMP P-1234", 80, 200))
    faded = (crisp * (40 / 255) + 200).astype(np.uint8)  # 200 on 240
    ink.normalise(faded, ink.paper(faded))
    assert faded.max() == 255
    assert faded.min() < 80
    again = crisp.copy()
    ink.normalise(again, ink.paper(again))
    assert np.array_equal(again, crisp)


@pytest.mark.parametrize("deviation", [0, 1, 2, 5])
def test_shading_across_a_scan_is_neither_ink_nor_fading(deviation: float) -> None:
    crisp = sheet(("PUMP P-1234", 80, 200), ("LINE 7", 850, 700), width=1200, height=900)
    shade = np.linspace(0, 90, 1200)[None, :, None]
    scan = np.where(crisp < 128, 30, 250 - shade)
    scan = (scan + np.random.default_rng(0).normal(0, deviation, scan.shape)).clip(0, 255).astype(np.uint8)
    assert ink.paper(scan).contrast > 120  # so it is left as it is
    found = seen(scan)
    assert found.cells.mean() < 0.1
    assert found.height == pytest.approx(24, abs=2)
    for box in seen(crisp).boxes:
        left, top, right, bottom = box // CELL
        assert found.cells[top : bottom + 1, left : right + 1].all()


@pytest.mark.parametrize("kind", list(sheets.Kind))
@pytest.mark.parametrize(
    ("dpi", "tolerance"), [(100, 0.5), (150, 0.34), (300, 0.34)]
)  # at 100 dpi letters merge
def test_the_height_of_text_on_a_sheet_is_estimated(kind: sheets.Kind, dpi: int, tolerance: float) -> None:
    made = sheets.generate(3, "A4", dpi, kind=kind)
    found = seen(made.image.copy())
    heights = [float(np.hypot(*(np.array(one.quad[3]) - np.array(one.quad[0])))) for one in made.truth]
    assert found.height is not None
    assert found.height == pytest.approx(float(np.percentile(heights, 25)), rel=tolerance)


@pytest.mark.parametrize("look", [sheets.Look.CLEAN, sheets.Look.SCANNED])
def test_all_texts_of_a_sheet_are_looked_at(look: sheets.Look) -> None:
    made = sheets.generate(4, "A4", 200, look)
    cells = seen(made.image.copy()).cells
    missed = []
    for one in made.truth:
        x, y = np.mean(one.quad, axis=0)
        if not cells[int(y) // CELL, int(x) // CELL]:
            missed.append(one.text)
    assert missed == []


CELLS = arrays.arrays(bool, st.tuples(st.integers(1, 30), st.integers(1, 30)))


@given(CELLS)
def test_areas_cover_all_inked_cells_without_overlap(cells: NDArray[np.bool_]) -> None:
    owners = np.zeros(cells.shape, int)
    for left, top, right, bottom in ink.areas(cells):
        assert cells[top:bottom, left:right].any()
        owners[top:bottom, left:right] += 1
    assert (owners[cells] == 1).all()
    assert owners.max(initial=0) <= 1


@given(CELLS)
def test_cutting_never_shows_the_network_more_than_not_cutting(cells: NDArray[np.bool_]) -> None:
    around = ink.SEEN_TWICE
    areas = ink.areas(cells)
    shown = sum((right - left + around) * (bottom - top + around) for left, top, right, bottom in areas)
    rows, columns = cells.shape
    assert shown <= (rows + around) * (columns + around)


def test_the_frame_of_a_sheet_is_cut_into_its_sides() -> None:
    cells = np.zeros((40, 60), bool)
    cells[[0, -1]] = True
    cells[:, [0, -1]] = True
    covered = sum((right - left) * (bottom - top) for left, top, right, bottom in ink.areas(cells))
    assert covered < 1.5 * cells.sum()


def test_no_ink_gives_no_areas() -> None:
    assert ink.areas(np.zeros((5, 7), bool)) == []
