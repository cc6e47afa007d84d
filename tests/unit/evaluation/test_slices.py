"""Scores by class of text, angle and glyph height."""

import pytest
from drawops_vision.evaluation.predictions import Prediction
from drawops_vision.evaluation.scoring import Label, Quad, match
from drawops_vision.evaluation.slices import AXES, CLASSES, glyph_height, height_class, slices, text_class
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.evaluation.shapes import box, read


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("阀门 HV-1", "chinese"),
        ("7", "character"),
        ("-", "character"),
        ("°", "character"),
        ('4"-WATER-1001-A1', "line number"),
        ("MNb-47121-75HB13-80", "line number"),
        ("TA99-LR003.22010-80-10CA01B1 NU 104", "line number"),
        (".A20.C03.A80.", "line number"),
        ("20 °C", "symbol"),
        ("5.0 bar / 100 °C", "symbol"),
        ("Ø50", "symbol"),
        ("1.4306", "number"),
        ("25 25", "number"),
        ("2018-02-20", "number"),
        ("1:50", "number"),
        ("-45,5", "number"),
        ("60.0 barg", "quantity"),
        ("1400.00 1/min", "quantity"),
        ("25%", "quantity"),
        ("HV-1001", "tag"),
        ("TV 4750.03", "tag"),
        ("PICSA4712.02", "tag"),
        ("Behälter", "word"),
        ("Location:", "word"),
        ("DO NOT SCALE DRAWING", "words"),
        ("Design Temp. max. Chamber 1 / 2", "words"),
        ("???", "other"),
    ],
)
def test_a_string_has_one_class(text: str, expected: str) -> None:
    assert text_class(text) == expected


@given(st.text(min_size=1, max_size=20))
def test_every_string_has_a_class(text: str) -> None:
    assert text_class(text) in CLASSES


def test_the_glyph_height_is_the_side_across_the_reading_direction() -> None:
    across = box(0, 0, 100, 16)
    upwards: Quad = ((0, 100), (0, 0), (16, 0), (16, 100))
    assert glyph_height(across) == glyph_height(upwards) == 16


@pytest.mark.parametrize(
    ("height", "expected"), [(13.9, "<14"), (14, "14-20"), (19.9, "14-20"), (20, "20-30"), (30, ">30")]
)
def test_a_border_belongs_to_the_upper_height(height: float, expected: str) -> None:
    assert height_class(box(0, 0, 100, height)) == expected


def test_a_prediction_counts_where_the_label_that_it_answers_counts() -> None:
    number, tag = Label("100", box(0, 0)), Label("HV-1", box(0, 100, height=13))
    loose = Prediction("1001", box(0, 99, height=16))
    false = Prediction("200", box(0, 500))
    matching = match([number, tag], [read(number), loose, false])
    found = slices(matching, "class")
    assert (found["tag"].precision, found["tag"].recall, found["tag"].f1) == (0, 0, 0)
    assert (found["tag"].detection_recall, found["tag"].cer) == (1, 0.75)
    assert (found["number"].precision, found["number"].recall) == (0.5, 1)  # the false one is a number
    assert found["word"].f1 is None
    assert slices(matching, "height")["<14"].predictions == 3


@given(
    st.lists(
        st.builds(
            Label,
            st.sampled_from(["7", "HV-1", "20 °C", "bar"]),
            st.builds(
                box, *[st.integers(0, 60).map(float)] * 2, st.just(30), st.sampled_from([10, 15, 25, 40])
            ),
        ),
        max_size=8,
    )
)
def test_the_slices_of_each_axis_add_up_to_the_whole(labels: list[Label]) -> None:
    matching = match(labels, labels[::2])
    score = matching.score()
    for axis in AXES:
        parts = slices(matching, axis).values()
        assert sum(part.labels for part in parts) == score.labels
        assert sum(part.predictions for part in parts) == score.predictions
        assert sum(part.correct for part in parts) == score.correct
        assert sum(part.edits for part in parts) == score.edits
        assert sum(part.detected for part in parts) == score.detected
