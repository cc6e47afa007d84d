"""Cleaning finds what is wrong with labels, says it in a sentence, and leaves good ones alone."""

import random
import time
from collections.abc import Sequence

import pytest
from drawops.contracts.cleaning import MEANINGS, CleanedPage, Rule
from drawops.contracts.labels import Label, LabelSource, PageLabels
from drawops.contracts.reading import Quad, Text, TextSource
from drawops.datasets.cleaning import clean_page
from drawops.datasets.geometry import angle
from hypothesis import given, settings
from hypothesis import strategies as st

WIDTH, HEIGHT = 2000, 1200
Point = tuple[float, float]


def quad(x: float, y: float, text: str = "", width: float = 0, height: float = 20) -> Quad:
    """A box as wide as a usual text in it."""
    right = x + (width or 0.8 * height * len(text))
    return (x, y), (right, y), (right, y + height), (x, y + height)


def upwards(x: float, y: float, text: str, height: float = 20) -> Quad:
    """The same for a text that reads bottom to top; x and y are its upper left corner on the page."""
    long = 0.8 * height * len(text)
    return (x, y + long), (x, y), (x + height, y), (x + height, y + long)


def label(text: str, points: Sequence[Point] = (), **fields: object) -> Label:
    return Label.model_validate(
        {"id": "bad", "points": points or quad(900, 900, text), "text": text} | fields
    )


GOOD = [label(text, quad(100, 40.0 * n, text), id=f"good{n}") for n, text in enumerate(
    ("P-101", "T-2040", "DN 50", "DRAIN", "LIC 4001", "150 mm", "SEE NOTE 3", "V-12", "PSV-7", "10.5 barg"), 1
)]  # fmt: skip


def cleaned(*labels: Label, reading: Sequence[Text] = (), dictionary: str | None = None) -> CleanedPage:
    """Clean these labels among good ones, which must stay as they are."""
    page = PageLabels(width=WIDTH, height=HEIGHT, labels=(*GOOD, *labels))
    found = clean_page(page, reading, dictionary)
    assert found.labels.labels[: len(GOOD)] == tuple(GOOD)
    return found


def read(text: str, place: Sequence[Point], confidence: float = 0.98, number: int = 1) -> Text:
    return Text.model_validate(
        {
            "id": f"p1-t{number}",
            "quad": place,
            "text": text,
            "confidence": confidence,
            "angle": angle(place),
            "source": TextSource.OCR,
        }
    )


READ = [read(each.text, each.points, number=n) for n, each in enumerate(GOOD, 100)]


@pytest.mark.parametrize(
    ("bad", "rule", "sentence"),
    [
        (label("P-1", quad(2500, 100, "P-1")), Rule.OUTSIDE_PAGE, "none of it"),
        (label("P-1000", quad(1950, 100, "P-1000")), Rule.OUTSIDE_PAGE, "only 52% of it"),
        (label("P-1", [(1e300, 1e300), (1e301, 1e300), (1e301, 1e301)]), Rule.OUTSIDE_PAGE, "off the page"),
        (label("P-1", [(5, 5)] * 4), Rule.ZERO_SIZE, "0.0 square pixels"),
        (label("P-1", [(5, 5), (50, 5), (90, 5), (10, 5)]), Rule.ZERO_SIZE, "0.0 square pixels"),
        (label("P-1", [(9, 9), (80, 9), (9, 30), (80, 30)]), Rule.CROSSES_ITSELF, "draw the box again"),
        (label("P-1", [(n, n * n) for n in range(300)]), Rule.TOO_MANY_POINTS, "300 points"),
        (label("", quad(900, 900, "P-1")), Rule.EMPTY, "no string"),
        (label(" \t ", quad(900, 900, "P-1")), Rule.CONTROL_CHARACTERS, "U+0009"),
        (label("   ", quad(900, 900, "P-1")), Rule.EMPTY, "only blanks"),
        (label("P\u200b-1"), Rule.CONTROL_CHARACTERS, "U+200B"),
        (label("PUMP STATION 4 WEST", quad(900, 900, width=20)), Rule.ASPECT_MISMATCH, "too short"),
        (label("A", quad(900, 900, width=150)), Rule.ASPECT_MISMATCH, "too long"),
    ],
)  # fmt: skip
def test_a_dirty_label_is_rejected_with_its_reason(bad: Label, rule: Rule, sentence: str) -> None:
    found = cleaned(bad)
    (rejected,) = found.rejected
    assert rejected.label == bad
    assert rejected.rule is rule
    assert sentence in rejected.reason
    assert found.counts() == {rule.value: 1}


def test_characters_outside_the_dictionary_are_named() -> None:
    letters = "".join({letter for each in GOOD for letter in each.text})
    found = cleaned(label("T-2☃"), label("T-2", quad(500, 500, "T-2"), id="ok"), dictionary=letters)
    (rejected,) = found.rejected
    assert rejected.rule is Rule.OUTSIDE_DICTIONARY
    assert "'☃'" in rejected.reason


def test_unreadable_marks_stay_whatever_their_box() -> None:
    found = cleaned(
        label("###", quad(900, 900, width=500, height=10)), dictionary="".join(map(chr, range(128)))
    )
    assert not found.rejected


@pytest.mark.parametrize(
    ("bad", "rule", "points", "text"),
    [
        (label("P-101", quad(900, 900, "P-101")[::-1]), Rule.COUNTER_CLOCKWISE, None, "P-101"),
        (label("P-101", quad(-4, 900, "P-101")), Rule.OUTSIDE_PAGE, quad(0, 900, width=76), "P-101"),
        (label(" P-101 ", quad(900, 900, "P-101")), Rule.OUTER_SPACE, quad(900, 900, "P-101"), "P-101"),
    ],
)
def test_what_can_be_put_right_is_put_right_and_listed(
    bad: Label, rule: Rule, points: Quad | None, text: str
) -> None:
    found = cleaned(bad)
    assert not found.rejected
    assert found.corrected[0].rule is rule
    after = found.labels.labels[-1]
    assert after.text == text
    assert points is None or after.points == points


@pytest.mark.parametrize("shift", [1, 3])
def test_a_box_that_begins_at_another_corner_is_turned_back(shift: int) -> None:
    right = quad(900, 900, "PUMP-101")
    found = cleaned(label("PUMP-101", [*right[shift:], *right[:shift]]))
    (corrected,) = found.corrected
    assert corrected.rule is Rule.WRONG_START
    assert found.labels.labels[-1].points == right


def test_an_upright_text_in_an_upright_frame_gets_the_direction_that_the_model_reads() -> None:
    right = upwards(900, 500, "PUMP-101")
    wrong = label("PUMP-101", [right[1], right[2], right[3], right[0]])
    (rejected,) = cleaned(wrong).rejected
    assert rejected.rule is Rule.ASPECT_MISMATCH
    found = cleaned(wrong, reading=[read("PUMP-101", right)])
    assert found.labels.labels[-1].points == right
    down = (right[2], right[3], right[0], right[1])
    assert cleaned(wrong, reading=[read("PUMP-101", down)]).labels.labels[-1].points == down


def test_without_a_model_it_gets_the_direction_of_the_pages_other_upright_texts() -> None:
    others = [label(text, upwards(1200 + 50.0 * n, 300, text), id=f"up{n}")
              for n, text in enumerate(("V-1001", "V-1002", "V-1003"))]  # fmt: skip
    right = upwards(900, 500, "PUMP-101")
    found = cleaned(*others, label("PUMP-101", [right[1], right[2], right[3], right[0]]))
    assert found.labels.labels[-1].points == right


def test_chinese_set_in_a_column_fits_its_box() -> None:
    assert not cleaned(label("安全阀", quad(900, 500, width=20, height=70))).rejected


def test_what_the_model_reads_in_the_very_box_fits_however_it_looks() -> None:
    place = quad(900, 900, width=400)
    spread = label("TITLE", place)
    assert cleaned(spread).rejected
    assert not cleaned(spread, reading=[read("TITLE", place)]).rejected


@pytest.mark.parametrize(
    ("dx", "rule"), [(0.0, Rule.EXACT_DUPLICATE), (0.5, Rule.EXACT_DUPLICATE), (6.0, Rule.NEAR_DUPLICATE)]
)
def test_of_duplicates_one_stays(dx: float, rule: Rule) -> None:
    twice = [label("P-77", quad(900 + shift, 900, "P-77"), id=name) for shift, name in ((0, "a"), (dx, "b"))]
    found = cleaned(*twice)
    (rejected,) = found.rejected
    assert (rejected.label.id, rejected.rule, rejected.other) == ("b", rule, "a")


def test_a_person_knows_better_than_a_model_and_a_sure_model_better_than_an_unsure_one() -> None:
    place = quad(900, 900, "P-77")
    model = label("P-71", place, id="m", source=LabelSource.MODEL, confidence=0.9)
    unsure = label("P-11", place, id="u", source=LabelSource.MODEL, confidence=0.4)
    person = label("P-77", place, id="p")
    assert [each.label.id for each in cleaned(model, person).rejected] == ["m"]
    assert [each.label.id for each in cleaned(unsure, model).rejected] == ["u"]


def test_two_strings_in_one_place_are_both_rejected_unless_the_model_reads_one_of_them() -> None:
    place = quad(900, 900, "P-77")
    one, other = label("P-77", place, id="a"), label("X-12", place, id="b")
    found = cleaned(one, other)
    assert {each.label.id: each.rule for each in found.rejected} == {
        "a": Rule.CONTRADICTION,
        "b": Rule.CONTRADICTION,
    }
    (rejected,) = cleaned(one, other, reading=[read("X-12", place)]).rejected
    assert (rejected.label.id, rejected.other) == ("a", "b")


def test_what_a_sure_model_reads_otherwise_is_kept_but_comes_first_among_the_suspects() -> None:
    wrong, doubtful = (
        label("P-701", quad(900, 900, "P-701"), id="w"),
        label("V-8", quad(900, 500, "V-8"), id="d"),
    )
    reading = [*READ, read("P-101", wrong.points, 0.99), read("V-3", doubtful.points, 0.6, 2)]
    found = cleaned(wrong, doubtful, reading=reading)
    assert not found.rejected
    assert [each.label.id for each in found.suspects] == ["w", "d"]
    assert found.suspects[0].read == "P-101"
    assert found.suspects[0].score > 0.9 > found.suspects[1].score
    assert "'P-701'" in found.suspects[0].reason


def test_a_habit_of_the_model_counts_less_than_a_single_slip() -> None:
    odd = [label(f"O-{n}", quad(700, 60.0 * n, f"O-{n}"), id=f"o{n}") for n in range(1, 9)]
    slip = label("P-701", quad(900, 900, "P-701"), id="slip")
    reading = [
        *READ,
        *(read(each.text.replace("O", "0"), each.points, 0.99, n) for n, each in enumerate(odd)),
    ]
    found = cleaned(*odd, slip, reading=[*reading, read("P-101", slip.points, 0.9, 99)])
    assert found.suspects[0].label.id == "slip"
    assert all(each.score < 0.2 for each in found.suspects[1:])


def test_a_text_that_the_model_cuts_otherwise_is_no_suspect() -> None:
    whole = label("LIC 4001 A", quad(900, 900, "LIC 4001 A"))
    parts = [read("LIC 4001", quad(900, 900, "LIC 4001")), read("A", quad(1044, 900, "A"), number=2)]
    assert not cleaned(whole, reading=parts).suspects
    half = label("LIC 4001", quad(900, 900, "LIC 4001"))
    assert not cleaned(half, reading=[read("LIC 4001 A", quad(900, 900, "LIC 4001 A"))]).suspects


def test_a_box_beside_its_text_is_a_suspect() -> None:
    beside = label("P-555", quad(900, 930, "P-555"))
    found = cleaned(beside, reading=[read("P-555", quad(900, 900, "P-555"))])
    (suspect,) = found.suspects
    assert (suspect.label.id, suspect.rule) == ("bad", Rule.DISPLACED)
    # Another label has that text: then this one is only another text that the model did not see.
    owner = label("P-555", quad(900, 900, "P-555"), id="owner")
    assert not cleaned(owner, beside, reading=[read("P-555", quad(900, 900, "P-555"))]).suspects


@st.composite
def anything(draw: st.DrawFn) -> Label:
    """Labels as they should not be."""
    x, y = draw(st.floats(-200, WIDTH)), draw(st.floats(-200, HEIGHT))
    text = draw(st.text(max_size=12))
    if draw(st.booleans()):
        points: Sequence[Point] = quad(x, y, text or "A", height=draw(st.floats(5, 60)))
        shift = draw(st.integers(0, 3))
        points = [*points[shift:], *points[:shift]]
        if draw(st.booleans()):
            points = points[::-1]
    else:
        corner = st.tuples(st.floats(-100, WIDTH), st.floats(-100, HEIGHT))
        points = draw(st.lists(corner, min_size=3, max_size=6))
    return label(text, points, source=draw(st.sampled_from(LabelSource)))


@settings(max_examples=150, deadline=None)
@given(st.lists(anything(), max_size=14), st.booleans())
def test_no_label_disappears_and_cleaning_what_is_clean_changes_nothing(
    labels: list[Label], model: bool
) -> None:
    page = PageLabels(
        width=WIDTH,
        height=HEIGHT,
        labels=tuple(each.model_copy(update={"id": f"t{n}"}) for n, each in enumerate(labels)),
    )
    reading = [
        read(each.text, each.points[:4]) for each in labels if model and each.text and len(each.points) > 3
    ]
    found = clean_page(page, reading)
    ids = [each.id for each in found.labels.labels] + [each.label.id for each in found.rejected]
    assert sorted(ids) == sorted(each.id for each in page.labels)
    again = clean_page(found.labels, reading)
    assert again.labels == found.labels
    assert not again.rejected
    assert not again.corrected


def test_a_page_of_two_thousand_labels_is_cleaned_within_seconds() -> None:
    draw = random.Random(3)
    labels, reading = [], []
    for n in range(2000):
        text = "".join(draw.choices("ABC0123-", k=draw.randint(2, 12)))
        place = quad(10 + (n % 40) * 260, 10 + (n // 40) * 40, text)
        labels.append(label(text, place, id=f"t{n}"))
        reading.append(read(text if n % 10 else text[::-1], place, number=n))
    started = time.process_time()
    found = clean_page(PageLabels(width=11000, height=2100, labels=tuple(labels)), reading)
    assert time.process_time() - started < 10
    assert not found.rejected
    assert 100 < len(found.suspects) <= 200


def test_every_rule_has_a_meaning() -> None:
    assert set(MEANINGS) == set(Rule)
