"""The yardstick: what counts as right, and that no order or duplicate can bend it."""

import json
import random
import tracemalloc
from itertools import permutations
from pathlib import Path

import pytest
from drawops_vision.evaluation.predictions import Prediction
from drawops_vision.evaluation.scoring import (
    DONT_CARE,
    Label,
    Quad,
    Score,
    angle_class,
    match,
    read_labels,
    score,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.evaluation.shapes import box

DEXPI = Path(__file__).parents[4] / "shared" / "data" / "dexpi" / "Label.txt"


def moved_quad(quad: Quad, by: float) -> Quad:
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = quad
    return (x0 + by, y0), (x1 + by, y1), (x2 + by, y2), (x3 + by, y3)


coordinates = st.integers(0, 60).map(float)
labels = st.lists(
    st.builds(
        Label,
        st.sampled_from(["HV-1", "HV-2", "PI", '4"', " ", "Ø50", DONT_CARE]),
        st.builds(box, coordinates, coordinates, st.sampled_from([10, 20, 40]), st.sampled_from([6, 10, 30])),
    ),
    max_size=12,
)


# The same without regions that ask for nothing.
texts = labels.map(lambda items: [item for item in items if item.text != DONT_CARE])


@given(labels, labels, st.randoms(use_true_random=False))
def test_the_order_of_labels_and_predictions_does_not_matter(
    truths: list[Label], reads: list[Label], order: random.Random
) -> None:
    before = score(truths, reads)
    order.shuffle(truths)
    order.shuffle(reads)
    assert score(truths, reads) == before


@given(labels)
def test_reading_every_label_exactly_scores_one(truths: list[Label]) -> None:
    result = score(truths, truths)
    assert (result.precision, result.recall, result.f1, result.detection_f1, result.cer) == (1, 1, 1, 1, 0)
    assert all(tally.recall == 1 for tally in result.by_angle.values())


@given(labels)
def test_a_second_copy_of_a_prediction_is_a_false_read(truths: list[Label]) -> None:
    distinct = [Label(label.text, box(index * 100.0, 0.0)) for index, label in enumerate(truths)]
    once = score(distinct, distinct)
    twice = score(distinct, [*distinct, *distinct])
    assert twice.correct == once.correct
    assert twice.precision == (0.5 if once.labels else 1)


@given(labels, labels)
def test_counts_stay_within_their_bounds(truths: list[Label], reads: list[Label]) -> None:
    result = score(truths, reads)
    assert 0 <= result.correct <= result.detected <= min(result.labels, result.predictions)
    assert 0 <= result.edits <= result.characters
    assert sum(tally.labels for tally in result.by_angle.values()) == result.labels
    assert sum(tally.correct for tally in result.by_angle.values()) == result.correct


@given(labels)
def test_reading_nothing_misses_everything(truths: list[Label]) -> None:
    result = score(truths, [])
    assert result.correct == result.predictions == 0
    if result.labels:
        assert (result.recall, result.precision, result.f1, result.cer) == (0, 0, 0, 1)


@given(labels)
def test_reading_what_is_not_there_is_all_false(reads: list[Label]) -> None:
    result = score([], reads)
    assert result.predictions == len(reads)
    assert result.precision == (0 if reads else 1)
    assert result.cer == 0


@given(labels, labels)
def test_predictions_inside_a_dont_care_region_change_nothing(
    truths: list[Label], reads: list[Label]
) -> None:
    logo = Label(DONT_CARE, box(1000, 1000, 500, 500))
    inside = [Label("ACME", box(1100, 1100)), Label("", box(1200, 1200)), Label("half in", box(980, 1300))]
    assert score([*truths, logo], [*reads, *inside]) == score(truths, reads)


def test_a_prediction_mostly_outside_a_dont_care_region_is_a_false_read() -> None:
    result = score([Label(DONT_CARE, box(0, 0))], [Label("ACME", box(25, 0))])
    assert (result.predictions, result.correct) == (1, 0)


@pytest.mark.parametrize("string", ["hv-1001", "HV-1001 ", "HV - 1001", "HV-10O1", ""])
def test_one_character_case_or_space_off_is_wrong(string: str) -> None:
    result = score([Label("HV-1001", box(0, 0))], [Label(string, box(0, 0))])
    assert (result.detected, result.correct) == (1, 0)


def test_half_overlap_is_enough_and_less_is_not() -> None:
    truth = [Label("A", box(0, 0, 30, 10))]
    assert score(truth, [Label("A", box(10, 0, 30, 10))]).correct == 1  # 20 / 40
    assert score(truth, [Label("A", box(10.5, 0, 30, 10))]).correct == 0


def test_the_turned_quad_counts_and_not_its_upright_box() -> None:
    slanted: Quad = ((0, 0), (70.7, 70.7), (63.6, 77.8), (-7.1, 70.7 - 63.6))
    upright: Quad = ((-7.1, 0), (70.7, 0), (70.7, 77.8), (-7.1, 77.8))
    assert score([Label("A", slanted)], [Label("A", upright)]).detected == 0
    assert score([Label("A", slanted)], [Label("A", slanted)]).correct == 1


def test_the_right_string_wins_over_a_wrong_one_with_more_overlap() -> None:
    truth = [Label("PI-101", box(0, 0))]
    result = score(truth, [Label("PI-1O1", box(0, 0)), Label("PI-101", box(4, 0))])
    assert (result.correct, result.predictions, result.edits) == (1, 2, 0)


def test_a_pair_is_given_up_where_that_pairs_two() -> None:
    """Greedy by IoU takes the middle pair and leaves one label over."""
    truths = [Label("A", box(0, 0, 40, 10)), Label("A", box(12, 0, 40, 10))]
    reads = [Label("A", box(-8, 0, 40, 10)), Label("A", box(4, 0, 40, 10))]
    assert score(truths, reads).correct == 2


def test_misses_are_full_deletions_and_false_reads_are_told_apart() -> None:
    truths = [Label("ABCD", box(0, 0)), Label("EFGHIJ", box(100, 0))]
    reads = [Label("ABXD", box(0, 0)), Label("nonsense", box(500, 0))]
    result = score(truths, reads)
    assert result.edits == 1 + 6
    assert result.cer == pytest.approx(0.7)
    assert result.false_characters == 8


def test_recall_is_told_apart_by_reading_direction() -> None:
    right, down, left, up = box(0, 0), box(100, 0, 10, 40), box(200, 0), box(300, 0, 10, 40)
    truths = [
        Label("A", right),
        Label("B", (down[1], down[2], down[3], down[0])),
        Label("C", (left[2], left[3], left[0], left[1])),
        Label("D", (up[3], up[0], up[1], up[2])),
        Label("E", ((400, 0), (430, 30), (423, 37), (393, 7))),
    ]
    assert [angle_class(label.quad) for label in truths] == ["0", "90", "180", "270", "other"]
    result = score(truths, [truths[0], truths[3]])
    assert {angle: tally.recall for angle, tally in result.by_angle.items()} == {
        "0": 1,
        "90": 0,
        "180": 0,
        "270": 1,
        "other": 0,
    }


def test_scores_of_sheets_add_up_to_micro_averages() -> None:
    one = score([Label("A", box(0, 0))], [Label("A", box(0, 0))])
    other = score([Label("B", box(0, 0)), Label("C", box(99, 0))], [])
    total = one + other
    assert (total.labels, total.correct) == (3, 1)
    assert total.recall == pytest.approx(1 / 3)
    assert one + Score() == one


@given(texts, texts)
def test_swapping_labels_and_predictions_swaps_precision_and_recall(a: list[Label], b: list[Label]) -> None:
    there, back = score(a, b), score(b, a)
    assert (there.precision, there.recall) == (back.recall, back.precision)
    assert (there.detected, there.detected_strict, there.correct) == (
        back.detected,
        back.detected_strict,
        back.correct,
    )


@given(labels, labels)
def test_a_stricter_overlap_never_finds_more(truths: list[Label], reads: list[Label]) -> None:
    result = score(truths, reads)
    assert result.detected_strict <= result.detected
    assert result.strict_detection_f1 <= result.detection_f1


@settings(deadline=None)
@given(st.lists(st.tuples(texts, texts), min_size=2, max_size=4))
def test_sheets_far_apart_on_one_page_score_like_the_sum_of_their_scores(
    sheets: list[tuple[list[Label], list[Label]]],
) -> None:
    def moved(items: list[Label], place: int) -> list[Label]:
        return [Label(item.text, moved_quad(item.quad, 10_000.0 * place)) for item in items]

    total = sum((score(truths, reads) for truths, reads in sheets), Score())
    page = score(
        [label for place, (truths, _) in enumerate(sheets) for label in moved(truths, place)],
        [label for place, (_, reads) in enumerate(sheets) for label in moved(reads, place)],
    )
    assert total == page


@settings(deadline=None)
@given(texts, texts)
def test_no_other_pairing_is_better(truths: list[Label], reads: list[Label]) -> None:
    """Against trying them all, which only few texts allow."""
    truths, reads = truths[:4], reads[:4]
    found = match(truths, reads)
    near = {pair for pair, iou in found.iou.items() if iou >= 0.5}

    def most(allowed: set[tuple[int, int]]) -> int:
        columns = [*range(len(found.predictions)), *(-1 - row for row in range(len(found.labels)))]
        return max(
            sum((row, column) in allowed for row, column in enumerate(chosen))
            for chosen in permutations(columns, len(found.labels))
        )

    equal = {
        (row, column) for row, column in near if found.labels[row].text == found.predictions[column].text
    }
    assert len(found.detected) == most(near)
    assert len(found.correct) == most(equal)


def test_nothing_to_read_and_nothing_read_is_perfect() -> None:
    result = score([], [])
    assert (result.precision, result.recall, result.f1, result.cer) == (1, 1, 1, 0)


def test_of_equal_predictions_the_surer_one_is_the_right_one() -> None:
    label = Label("HV-1", box(0, 0))
    unsure, sure = Prediction("HV-1", label.quad, 0.6), Prediction("HV-1", label.quad, 0.9)
    for given_order in ([unsure, sure], [sure, unsure]):
        found = match([label], given_order)
        assert [found.predictions[column] for _, column in found.correct] == [sure]


def test_a_sheet_with_thousands_of_texts_is_scored_in_little_memory() -> None:
    grid = [Label(str(place), box(50.0 * (place % 200), 20.0 * (place // 200))) for place in range(8_000)]
    tracemalloc.start()
    result = score(grid, grid)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert result.f1 == 1
    assert peak < 100e6  # a full matrix of IoU alone is 512 MB


def test_labels_of_paddleocr_are_read(tmp_path: Path) -> None:
    file = tmp_path / "Label.txt"
    entry = {"transcription": 'Ø4"-P', "points": [[1, 2], [3.5, 2], [3.5, 4], [1, 4]], "difficult": False}
    file.write_text(f"images/a b.png\t{json.dumps([entry], ensure_ascii=False)}\n\n", encoding="utf-8")
    assert read_labels(file) == {"images/a b.png": [Label('Ø4"-P', ((1, 2), (3.5, 2), (3.5, 4), (1, 4)))]}


@pytest.mark.parametrize(
    "line",
    [
        "no tab here",
        "a.png\tnot json",
        'a.png\t[{"points": []}]',
        'a.png\t[{"transcription": "A", "points": [[1, 2]]}]',
    ],
)
def test_a_broken_label_file_is_refused_with_its_line(tmp_path: Path, line: str) -> None:
    file = tmp_path / "Label.txt"
    file.write_text(f"ok.png\t[]\n{line}\n", encoding="utf-8")
    with pytest.raises(ValueError, match="line 2"):
        read_labels(file)


@pytest.mark.skipif(not DEXPI.exists(), reason="the labelled drawings are not here")
def test_the_labels_of_the_shared_drawings_score_one_against_themselves() -> None:
    for labelled in read_labels(DEXPI).values():
        assert score(labelled, labelled).f1 == 1
