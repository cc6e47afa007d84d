import string

import numpy as np
import pytest
from drawops_vision import reconciliation
from drawops_vision.rasterise import LayerText
from drawops_vision.reconciliation import Comparison, choose, judge, not_in_layer, similarity, visible_runs
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

ALPHABET = frozenset(string.ascii_letters + string.digits + string.punctuation)
TAGS = ("P-1234", "V-4502", "T-2044", "W-9134", "X-4123")


def box(left: float, top: float, right: float, bottom: float) -> NDArray[np.float32]:
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)


def texts(*strings: str, font: str = "Arial") -> list[LayerText]:
    return [LayerText(box(0, 30 * row, 90, 30 * row + 20), text, frozenset({font})) for row, text in
            enumerate(strings)]  # fmt: skip


def seen(text: str, read: str, font: str = "Arial", confidence: float = 0.95) -> Comparison:
    return Comparison(frozenset({font}), text, read, confidence)


# --- What is read as a check ---


def test_few_strings_are_read_however_many_there_are() -> None:
    layer = texts(*(f"P-{number}" for number in range(5000)))
    assert len(choose(layer, ALPHABET)) == reconciliation.SAMPLES


def test_every_font_has_its_turn_and_long_strings_come_first() -> None:
    layer = texts(*(f"PUMP {n:04}" for n in range(100))) + texts("A", "VALVE", font="Courier")
    chosen = [layer[position] for position in choose(layer, ALPHABET)]
    assert chosen[0].fonts == {"Arial"}
    assert chosen[1].text == "VALVE"
    assert "A" in [one.text for one in chosen]


def test_one_wording_is_read_once() -> None:
    assert len(choose(texts(*["P-1234"] * 50), ALPHABET)) == 1


def test_a_long_note_is_read_only_when_there_is_nothing_shorter() -> None:
    layer = texts("All dimensions in millimetres", "NOTE 1")
    assert choose(layer, ALPHABET) == [1, 0]


def test_what_the_recogniser_cannot_spell_is_not_asked() -> None:
    assert choose(texts("Ж-12", "P-12"), ALPHABET) == [1]


@given(st.lists(st.tuples(st.text("ABC12 ", min_size=1, max_size=20), st.sampled_from("xyz")), max_size=60))
def test_the_choice_is_the_same_every_time_and_names_strings_that_exist(found: list[tuple[str, str]]) -> None:
    layer = [one for text, font in found for one in texts(text, font=font)]
    chosen = choose(layer, ALPHABET)
    assert chosen == choose(layer, ALPHABET)
    assert len(set(chosen)) == len(chosen) <= reconciliation.SAMPLES
    assert all(0 <= position < len(layer) for position in chosen)


# --- Whether two strings say the same ---


@pytest.mark.parametrize(
    ("text", "read"),
    [("°C", "℃"), ("°C", "°℃"), ("m³/h", "m3/h"), ("Ø 25", "025"), ("DN 50", "DN50"), ("I1l", "l|I"),
     ("µm", "um"), ("Kühlung", "Kuhlung"), ("1½\"", "11⁄2″"), ("PN–16", "PN-16")],
)  # fmt: skip
def test_what_recognisers_confuse_counts_as_agreement(text: str, read: str) -> None:
    assert seen(text, read).agrees


@pytest.mark.parametrize(("text", "read"), [("ABC", "PMP"), ("XQ-8K3", "P-1234"), ("abc", "123"), ("P", "7")])
def test_other_strings_do_not_agree(text: str, read: str) -> None:
    assert not seen(text, read).agrees


@given(st.text(max_size=12), st.text(max_size=12))
def test_similarity_is_a_share_and_does_not_depend_on_the_order(one: str, other: str) -> None:
    assert 0 <= similarity(one, other) <= 1
    assert similarity(one, other) == similarity(other, one)
    assert similarity(one, one) == 1


# --- The verdict ---


def test_a_font_is_believed_when_its_strings_are_read_as_they_are() -> None:
    assert not judge([seen(tag, tag) for tag in TAGS]).distrusted


def test_a_single_misread_string_does_not_cost_a_font_its_name() -> None:
    assert not judge([seen("P-1234", "V--77")] + [seen(tag, tag) for tag in TAGS]).distrusted


def test_a_font_that_says_other_things_is_named_with_its_evidence() -> None:
    lies = [seen(tag, "QKXZWJ", font="Courier") for tag in TAGS]
    verdict = judge([seen(tag, tag) for tag in TAGS] + lies)
    assert verdict.distrusted == {"Courier"}
    assert (verdict.agreeing, verdict.compared) == (0, 5)


def test_an_unsure_reading_is_no_evidence() -> None:
    assert not judge([seen(tag, "QKXZWJ", confidence=0.3) for tag in TAGS]).distrusted


def test_one_misread_letter_of_a_symbol_font_is_no_evidence_on_an_honest_page() -> None:
    symbol = seen("A", "4", font="Symbol")
    assert not judge([symbol] + [seen(tag, tag) for tag in TAGS]).distrusted
    assert judge([symbol] + [seen(tag, "QKXZWJ") for tag in TAGS]).distrusted == {"Arial", "Symbol"}


def test_a_digit_that_is_steadily_another_gives_its_font_away() -> None:
    assert judge([seen(tag, tag.replace("4", "9")) for tag in TAGS]).distrusted == {"Arial"}


def test_a_digit_that_is_misread_now_and_then_does_not() -> None:
    assert not judge([seen(TAGS[0], TAGS[0].replace("4", "9"))] + [seen(tag, tag) for tag in TAGS]).distrusted


def test_without_evidence_the_layer_is_believed() -> None:
    assert not judge([]).distrusted


# --- What can be seen of a string ---

GLYPHS = np.array([[i / 5 + 0.02, 0, i / 5 + 0.18, 1] for i in range(5)])


def strip(*shown: int) -> NDArray[np.bool_]:
    """Five glyphs of 16 x 30 pixels, of which some have ink."""
    ink = np.zeros((30, 100), np.bool_)
    for glyph in shown:
        ink[:, 20 * glyph + 2 : 20 * glyph + 18] = True
    return ink


PLAIN = np.ones((30, 100), np.bool_)


def runs(ink: NDArray[np.bool_], clear: NDArray[np.bool_] = PLAIN) -> list[tuple[int, int]]:
    return [(run.start, run.stop) for run in visible_runs(ink, clear, GLYPHS)[0]]


def test_a_string_with_all_its_ink_is_whole() -> None:
    assert runs(strip(0, 1, 2, 3, 4)) == [(0, 5)]


def test_hidden_ends_are_cut_off_and_a_hidden_middle_divides() -> None:
    assert runs(strip(1, 2)) == [(1, 3)]
    assert runs(strip(0, 3, 4)) == [(0, 1), (3, 5)]
    assert runs(strip()) == []


def test_a_dash_on_a_line_of_its_colour_is_not_lost() -> None:
    assert runs(strip(0, 1, 3, 4)) == [(0, 5)]
    line = PLAIN.copy()
    line[:, 80:] = False
    assert runs(strip(0, 1, 2, 3), line) == [(0, 5)]


def test_a_cut_glyph_stays_with_the_box_that_is_left_of_it() -> None:
    ink = strip(0, 1, 2)
    ink[:, 48:] = False
    found, boxes = visible_runs(ink, PLAIN, GLYPHS)
    assert [(run.start, run.stop) for run in found] == [(0, 3)]
    assert boxes[2] == pytest.approx([0.42, 0, 0.48, 1])


# --- What is left to read ---


def test_detected_boxes_that_the_layer_covers_are_not_read_again() -> None:
    layer = texts("P-1234", "V-77")
    detected = np.array([box(2, 2, 88, 18), box(0, 18, 90, 32), box(200, 0, 290, 20)])
    assert [tuple(quad[0]) for quad in not_in_layer(detected, layer)] == [(0, 18), (200, 0)]
    assert len(not_in_layer(detected, [])) == 3


def test_overlapping_boxes_are_found_whatever_their_order() -> None:
    boxes = np.array([[50, 0, 60, 10], [0, 0, 20, 10], [15, 5, 30, 12], [15, 20, 30, 30]], np.float64)
    assert reconciliation.overlapping(boxes[:, :2], boxes[:, 2:]).tolist() == [False, True, True, False]
