from pathlib import Path

import cv2
import numpy as np
import pytest
from drawops_vision.artifact import Model
from drawops_vision.layout import Alternatives, Quad
from drawops_vision.recognise import (
    CELLS,
    SILENCE,
    Recognised,
    Recogniser,
    canonical,
    certainty,
    crop,
    decode,
)
from numpy.typing import NDArray

from tests.unit.vision.drawings import sheet

Pixels = NDArray[np.uint8]


def steps(*classes: int, confidence: float = 0.9) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    probabilities = np.full((len(classes), 4), (1 - confidence) / 3, np.float32)
    probabilities[np.arange(len(classes)), classes] = confidence
    return probabilities


CLASSES = ["", "A", "1", " "]


def test_repeats_merge_unless_a_blank_is_between_them() -> None:
    assert decode(steps(1, 1, 0, 1, 2, 2), CLASSES).text == "AA1"


def test_confidence_is_the_mean_over_the_characters_not_the_blanks() -> None:
    probabilities = np.vstack([steps(1, confidence=0.8), steps(0, confidence=0.5), steps(2, confidence=0.6)])
    assert decode(probabilities, CLASSES).confidence == pytest.approx(0.7)


def test_blanks_alone_say_nothing() -> None:
    assert decode(steps(0, 0, 0), CLASSES) == SILENCE


def marked_page() -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    page = np.full((200, 300), 255, np.uint8)
    page[50:60, 100:110] = 0  # the top-left corner of the quad below
    return page


QUAD = np.array([[100, 50], [200, 50], [200, 90], [100, 90]], np.float32)


def test_a_crop_holds_the_quad_with_padding_all_around() -> None:
    cut = crop(marked_page(), QUAD, 0.25)
    assert cut.shape == (60, 120)  # 40 + 2 * 10, 100 + 2 * 10
    assert cut[12:18, 12:18].max() < 60
    assert cut[:8].min() > 200


def test_a_crop_begins_at_the_quads_first_corner() -> None:
    upside_down = np.roll(QUAD, -2, axis=0)
    cut = crop(marked_page(), upside_down, 0)
    assert cut[-8:-2, -8:-2].max() < 60
    assert cut[:20].min() > 200


def test_a_quad_beyond_the_page_is_filled_with_its_border() -> None:
    cut = crop(marked_page(), QUAD - (150, 100), 0.3)
    assert cut.size
    assert cut.min() > 200


def test_a_page_wider_than_opencv_can_warp_is_no_obstacle() -> None:
    page = np.full((64, 50_000), 255, np.uint8)
    page[20:40, 45_000:45_100] = 0
    quad = np.array([[44_990, 15], [45_110, 15], [45_110, 45], [44_990, 45]], np.float32)
    assert crop(page, quad, 0).min() < 50


def test_an_enormous_quad_gives_a_small_crop() -> None:
    page = np.zeros((6000, 9000), np.uint8)
    quad = np.array([[0, 0], [9000, 0], [9000, 6000], [0, 6000]], np.float32)
    assert crop(page, quad, 0.3).size < 1_000_000


@pytest.mark.parametrize(
    ("read", "written"),
    [
        ("85 ℃", "85 °C"),
        ("185℉", "185°F"),
        ("⌀12", "Ø12"),
        ("∅12", "Ø12"),
        ("45°°", "45°"),
        ("45º", "45°"),
        ("–5 − 3", "-5 - 3"),
        ("10 μm", "10 µm"),
        ("3″ 5′", "3\" 5'"),
        ("  two   words ", "two words"),
        ("Rohrstück 阀门 ±0.1 m² m³ ½", "Rohrstück 阀门 ±0.1 m² m³ ½"),
    ],
)
def test_what_can_be_shown_in_one_way_only_is_written_in_one_way(read: str, written: str) -> None:
    assert canonical(read) == written
    assert canonical(written) == written


@pytest.fixture(scope="module")
def recogniser(model_dir: Path) -> Recogniser:
    return Recogniser(Model(model_dir), threads=2)


def written(text: str, first: int = 0) -> tuple[Pixels, Quad]:
    """A page with one text that was turned by quarter turns, and its upright quad on the page.

    `first`: the corner of the upright quad that is the text's own top-left.
    """
    page = sheet((text, 100, 300), width=500, height=500, size=40)
    page = np.ascontiguousarray(np.rot90(page, -first))
    rows, columns = np.nonzero(page[:, :, 0] < 128)
    left, top, right, bottom = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    return page, np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)


@pytest.mark.parametrize("first", [0, 1, 2, 3])
def test_a_text_is_read_in_the_direction_in_which_it_was_written(recogniser: Recogniser, first: int) -> None:
    page, quad = written("PUMP P-1234", first)
    (one,) = recogniser.either_way(page, [quad])
    assert one.text == "PUMP P-1234"
    assert np.array_equal(one.quad, np.roll(quad, -first, axis=0))
    assert one.confidence > 0.9


def narrow_1() -> tuple[Pixels, Quad]:
    """A page with a 1 of two strokes, as CAD writes it, and its tight quad."""
    page = np.full((200, 200), 255, np.uint8)
    cv2.polylines(page, [np.array([(92, 98), (100, 90), (100, 120)], np.int32)], False, (0,), 3, cv2.LINE_AA)
    rows, columns = np.nonzero(page < 128)
    left, top, right, bottom = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    return page, np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)


def test_a_lone_1_that_stands_is_not_read_lying(recogniser: Recogniser) -> None:
    page, quad = narrow_1()
    (one,) = recogniser.either_way(page, [quad])
    assert one.text == "1"
    assert np.array_equal(one.quad, quad)


def test_a_lone_1_is_at_least_as_wide_as_its_cell(recogniser: Recogniser) -> None:
    page, quad = narrow_1()
    (one,) = recogniser.texts(page, [Alternatives(((quad,),))])
    width, height = one.quad[1, 0] - one.quad[0, 0], one.quad[3, 1] - one.quad[0, 1]
    assert quad[1, 0] - quad[0, 0] < CELLS["1"] * height
    assert width == pytest.approx(CELLS["1"] * height, rel=0.01)
    assert one.quad.mean(axis=0) == pytest.approx(quad.mean(axis=0), abs=0.5)


def test_of_two_ways_to_cut_a_patch_the_one_that_reads_surer_is_kept(recogniser: Recogniser) -> None:
    page = sheet(("TANK", 100, 200), ("PUMP", 100, 250), width=500, height=500, size=40)
    whole = np.array([[98, 165], [230, 165], [230, 254], [98, 254]], np.float32)
    upper, lower = whole.copy(), whole.copy()
    upper[2:, 1], lower[:2, 1] = 204, 216
    for patch in (Alternatives(((whole,), (upper, lower))), Alternatives(((upper, lower), (whole,)))):
        assert [one.text for one in recogniser.texts(page, [patch])] == ["TANK", "PUMP"]


def test_paper_says_nothing(recogniser: Recogniser) -> None:
    assert recogniser.texts(np.full((300, 300), 255, np.uint8), [Alternatives(((QUAD,),))]) == []


def test_no_lines_are_no_work(recogniser: Recogniser) -> None:
    assert recogniser.lines([]) == []
    assert recogniser.texts(marked_page(), []) == []


def test_the_answer_for_a_line_hardly_depends_on_its_neighbours(recogniser: Recogniser) -> None:
    pages = [
        sheet((text, 10, 40), width=width, height=56)
        for text, width in (("A-1", 80), ("LINE-4-WATER-1001", 400))
    ]
    alone = [recogniser.lines([page])[0] for page in pages]
    together = recogniser.lines(pages)
    assert [one.text for one in together] == [one.text for one in alone] == ["A-1", "LINE-4-WATER-1001"]
    for one, other in zip(alone, together, strict=True):
        assert one.confidence == pytest.approx(other.confidence, abs=0.05)


def test_certainty_is_weighed_by_characters_and_an_empty_string_counts_against_it() -> None:
    assert certainty([Recognised(QUAD, "ABC", 1.0), Recognised(QUAD, "D", 0.6)]) == pytest.approx(0.9)
    assert certainty([Recognised(QUAD, "ABC", 1.0), Recognised(QUAD, "", 0.0)]) == pytest.approx(0.75)
    assert certainty([]) == 0


def test_giving_up_is_possible_at_every_batch(recogniser: Recogniser) -> None:
    calls = []

    def check() -> None:
        calls.append(1)
        if len(calls) == 2:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        recogniser.lines([np.full((48, 100), 255, np.uint8)] * 40, check)
