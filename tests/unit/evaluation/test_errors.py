"""Every error gets one name, told from positions and strings alone."""

import re
from collections.abc import Callable

import pytest
from drawops_vision.evaluation.errors import Difference, Kind, differences, errors, kind_of
from drawops_vision.evaluation.predictions import Prediction
from drawops_vision.evaluation.scoring import DONT_CARE, Label, Quad, match
from drawops_vision.sheets import generate
from hypothesis import given
from hypothesis import strategies as st
from shapely import Polygon

from tests.unit.evaluation.shapes import box


@pytest.mark.parametrize(
    ("stands", "read", "kind"),
    [
        ("HV 1001", "HV1001", Kind.SPACE_LOST),
        ("80/50", "80 / 50", Kind.SPACE_ADDED),
        ("Date", "DATE", Kind.CASE),
        ("20 °C", "20 ℃", Kind.SYMBOL),
        ("5 m³", "5 m3", Kind.SYMBOL),
        ("Ø50", "050", Kind.SYMBOL),
        ('4"', "4", Kind.SYMBOL),
        ("HV-1O1", "HV-101", Kind.SIMILAR),
        ("OPERATION", "OPERAT10N", Kind.SIMILAR),
        ("DN80", "DNB0", Kind.SIMILAR),
        ("ring", "nng", Kind.OTHER),
        ("/ / bar", "I / bar", Kind.SIMILAR),
        ("modem", "modern", Kind.SIMILAR),
        ("DWG NO.", "DWG NO", Kind.PUNCTUATION_LOST),
        ("50", "50_", Kind.PUNCTUATION_ADDED),
        ("0,3", "0.3", Kind.PUNCTUATION_WRONG),
        ("COVPIL1-V999", "COVPIL1", Kind.CLIPPED),
        ("COVPIL1-V999", "V999", Kind.CLIPPED),
        ("PI", "PI 4711", Kind.EXTENDED),
        ("Pump", "Valve", Kind.OTHER),
        ("h = 30 m", "H=30m", Kind.OTHER),  # spaces and case at once
    ],
)
def test_the_difference_of_two_strings_has_a_name(stands: str, read: str, kind: Kind) -> None:
    assert kind_of(stands, read) is kind


def test_equal_strings_do_not_differ() -> None:
    with pytest.raises(ValueError, match="no difference"):
        kind_of("A", "A")


def test_neighbouring_edits_are_one_stretch() -> None:
    assert differences("20 °C", "20 ℃") == [Difference("°C", "℃")]
    assert differences("HV-1O1", "HU-101") == [Difference("V", "U"), Difference("O", "0")]


coordinates = st.integers(0, 60).map(float)
items = st.lists(
    st.builds(
        Label,
        st.sampled_from(["HV-1", "HV-2", "PI", "pi", "P I", 'Ø4"', DONT_CARE]),
        st.builds(box, coordinates, coordinates, st.sampled_from([10, 20, 40]), st.sampled_from([6, 10, 30])),
    ),
    max_size=12,
)


@given(items, items)
def test_what_is_not_right_belongs_to_exactly_one_error(truths: list[Label], reads: list[Label]) -> None:
    matching = match(truths, reads)
    found = errors(matching)
    labels = [label for error in found for label in error.labels]
    predictions = [prediction for error in found for prediction in error.predictions]
    right = [matching.labels[row] for row, _ in matching.correct]
    answers = [matching.predictions[column] for _, column in matching.correct]
    assert sorted([*labels, *right]) == sorted(matching.labels)
    assert sorted([*predictions, *answers]) == sorted(matching.predictions)


@given(items)
def test_a_perfect_reading_has_no_errors(truths: list[Label]) -> None:
    assert errors(match(truths, truths)) == []


class Sheet:
    """A generated sheet that was read perfectly, to plant errors in texts that touch no other."""

    def __init__(self) -> None:
        self.labels = [Label(text.text, text.quad) for text in generate(3, "A5", dpi=150).truth]
        self.read = {
            place: [Prediction(label.text, label.quad, 0.99)] for place, label in enumerate(self.labels)
        }
        shapes = [Polygon(label.quad).buffer(1) for label in self.labels]
        self.free = [
            place
            for place, shape in enumerate(shapes)
            if not any(shape.intersects(other) for i, other in enumerate(shapes) if i != place)
        ]

    def take(self, characters: str = "", length: int = 1) -> tuple[int, Label]:
        """A text that nothing was planted in yet, of some length, with one of the characters."""
        for place in self.free:
            text = self.labels[place].text
            if len(text) >= length and (not characters or set(characters) & set(text)):
                self.free.remove(place)
                return place, self.labels[place]
        raise AssertionError(
            f"the sheet has no text of {length} or more characters with one of {characters!r}"
        )

    def misread(self, change: Callable[[str], str], characters: str = "", length: int = 3) -> None:
        """Read one text, where it stands, as something else."""
        place, label = self.take(characters, length)
        assert change(label.text) != label.text
        self.read[place] = [Prediction(change(label.text), label.quad, 0.5)]

    def kinds(self) -> list[Kind]:
        predictions = [prediction for read in self.read.values() for prediction in read]
        return sorted(error.kind for error in errors(match(self.labels, predictions)))


def between(quad: Quad, start: float, end: float) -> Quad:
    """The part of a quad between two fractions of its width."""

    def point(a: tuple[float, float], b: tuple[float, float], t: float) -> tuple[float, float]:
        return a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t

    a, b, c, d = quad
    return point(a, b, start), point(a, b, end), point(d, c, end), point(d, c, start)


def test_each_error_planted_in_a_generated_sheet_is_counted_once_under_its_name() -> None:
    sheet = Sheet()
    assert sheet.kinds() == []

    merged = next(
        (i, j)
        for i in sheet.free
        for j in sheet.free
        if sheet.labels[i].quad[1][0] < sheet.labels[j].quad[0][0]
        and abs(sheet.labels[i].quad[0][1] - sheet.labels[j].quad[0][1]) < 1
        and abs(sheet.labels[i].quad[3][1] - sheet.labels[j].quad[3][1]) < 1
        and sum(
            Polygon(
                (*sheet.labels[i].quad[:1], *sheet.labels[j].quad[1:3], *sheet.labels[i].quad[3:])
            ).intersects(Polygon(label.quad))
            for label in sheet.labels
        )
        == 2
    )
    left, right = (sheet.labels[place] for place in merged)
    for place in merged:
        sheet.free.remove(place)
        sheet.read[place] = []
    around: Quad = (left.quad[0], right.quad[1], right.quad[2], left.quad[3])
    sheet.read[merged[0]] = [Prediction(f"{left.text} {right.text}", around, 0.7)]

    swap = str.maketrans("O0I15S8B", "0O1IS5B8")
    sheet.misread(lambda text: text.replace("°", "o", 1), "°")
    sheet.misread(lambda text: text.replace(" ", "", 1), " ")
    sheet.misread(lambda text: text.replace("-", "", 1), "-")
    sheet.misread(lambda text: text.translate(swap), "O0I15S8B")
    sheet.misread(str.swapcase, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    sheet.misread(lambda text: f"{text[0]} {text[1:]}")
    sheet.misread(lambda text: text + ".")
    sheet.misread(lambda text: re.sub("[./]", ";", text, count=1), "./")
    sheet.misread(lambda text: text + "XY")
    sheet.misread(lambda text: "你好")
    place, label = sheet.take(length=6)
    sheet.read[place] = [
        Prediction(label.text[:3], between(label.quad, 0, 0.48), 0.8),
        Prediction(label.text[3:], between(label.quad, 0.52, 1), 0.8),
    ]
    place, label = sheet.take(length=6)
    sheet.read[place] = [Prediction(label.text[:2], between(label.quad, 0, 0.3), 0.8)]
    place, label = sheet.take(length=3)
    a, b, c, d = label.quad
    sheet.read[place] = [Prediction("XH", (c, d, a, b), 0.3)]
    place, label = sheet.take(length=3)
    sheet.read[place] = [Prediction(label.text, between(label.quad, -0.45, 0.55), 0.9)]
    place, _ = sheet.take()
    sheet.read[place] = []
    place, _ = sheet.take()
    sheet.read[place] *= 2
    sheet.read[-1] = [Prediction("GHOST", box(-500, -500), 0.4)]

    assert sheet.kinds() == sorted(Kind)
