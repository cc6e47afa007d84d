"""Scores by class of text, angle and glyph height."""

import pytest
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
        ("20 °C", "symbol"),
        ("Ø50", "symbol"),
        ("1.4306", "number"),
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


def test_recall_counts_labels_and_precision_predictions_of_a_slice() -> None:
    number, tag = Label("100", box(0, 0)), Label("HV-1", box(0, 100))
    found = slices(match([number, tag], [read(number), read(tag, "1001")]), "class")
    assert (found["number"].recall, found["number"].precision) == (1, 0.5)  # the tag was read as a number
    assert (found["tag"].recall, found["tag"].precision, found["tag"].cer) == (0, None, 0.75)
    assert found["tag"].detection_recall == 1
    assert found["word"].f1 is None


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
        assert sum(part.found for part in parts) == sum(part.right for part in parts) == score.correct
        assert sum(part.edits for part in parts) == score.edits
        assert sum(part.detected for part in parts) == score.detected
