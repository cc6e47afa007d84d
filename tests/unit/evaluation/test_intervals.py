"""Bootstrap intervals, and calibration of confidences."""

import random
from collections.abc import Sequence

import numpy as np
import pytest
from drawops_vision.evaluation import bootstrap
from drawops_vision.evaluation.calibration import auroc, calibration, chance
from hypothesis import given
from hypothesis import strategies as st


def share(row: Sequence[int]) -> float | None:
    return row[0] / row[1] if row[1] else None


def test_one_sheet_gives_no_interval() -> None:
    assert bootstrap.interval(np.array([[9, 10]]), share) is None


def test_sheets_that_agree_leave_no_spread() -> None:
    found = bootstrap.interval(np.array([[9, 10]] * 5), share)
    assert found == bootstrap.Interval(0.9, 0.9)


def test_the_interval_is_the_same_every_time_and_holds_the_figure() -> None:
    counts = np.array([[9, 10], [5, 10], [70, 100], [19, 20]])
    found = bootstrap.interval(counts, share)
    assert found == bootstrap.interval(counts, share)
    assert found is not None
    assert 103 / 140 in found
    assert 0.5 < found.low < found.high < 0.95


def test_the_interval_of_many_sheets_is_that_of_the_normal_distribution() -> None:
    drawn = np.random.default_rng(7)
    right = drawn.binomial(100, 0.8, size=400)
    found = bootstrap.interval(np.stack([right, np.full(400, 100)], axis=1), share)
    assert found is not None
    error = right.std() / 100 / np.sqrt(400)
    assert found.low == pytest.approx(right.mean() / 100 - 1.96 * error, abs=0.15 * error)
    assert found.high == pytest.approx(right.mean() / 100 + 1.96 * error, abs=0.15 * error)


def test_draws_without_a_figure_are_left_out() -> None:
    found = bootstrap.interval(np.array([[1, 2], [1, 2], [0, 0]]), share)
    assert found == bootstrap.Interval(0.5, 0.5)


@pytest.mark.parametrize("counts", [[[1, 2], [0, 0], [0, 0]], [[0, 0], [0, 0]]])
def test_what_occurs_on_one_sheet_only_gets_no_interval(counts: list[list[int]]) -> None:
    assert bootstrap.interval(np.array(counts), share) is None


def test_nothing_predicted_has_no_calibration() -> None:
    assert calibration([], []) is None


def test_a_confidence_that_is_always_right_about_itself_has_no_error() -> None:
    found = calibration([0.8] * 10 + [0.5] * 10, [True] * 8 + [False] * 2 + [True] * 5 + [False] * 5)
    assert found is not None
    assert found.ece == pytest.approx(0)
    assert found.brier == pytest.approx((0.8 * 0.2 + 0.5 * 0.5) / 2)


def test_a_boaster_is_off_by_what_it_overstates() -> None:
    found = calibration([0.9] * 100, [True] * 60 + [False] * 40)
    assert found is not None
    assert found.ece == found.ece_equal_width == pytest.approx(0.3)
    assert len(found.bins) == 1


def test_bins_hold_equally_many_predictions() -> None:
    values = [place / 1000 for place in range(1000)]
    found = calibration(values, [True] * 1000)
    assert found is not None
    assert [each.count for each in found.bins] == pytest.approx([100] * 10, abs=1)


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.3, 0.99, 1.0]), st.booleans()), min_size=1), st.randoms())
def test_calibration_does_not_depend_on_the_order(
    read: list[tuple[float, bool]], order: random.Random
) -> None:
    found = calibration(*zip(*read, strict=True))
    order.shuffle(read)
    shuffled = calibration(*zip(*read, strict=True))
    assert found is not None
    assert shuffled is not None
    assert found.bins == shuffled.bins
    assert sum(each.count for each in found.bins) == len(read)
    assert 0 <= found.ece <= 1
    assert all(a.high < b.low for a, b in zip(found.bins, found.bins[1:], strict=False))


def test_few_predictions_show_an_error_by_chance_and_many_hardly_any() -> None:
    few, many = chance([0.9] * 50), chance([0.9] * 20_000)
    # Of one bin the mean absolute deviation of a share: sqrt(2 p (1 - p) / (pi n)).
    assert few == pytest.approx((2 * 0.09 / np.pi / 50) ** 0.5, rel=0.15)
    assert many < 0.003


def test_what_chance_shows_is_what_calibrated_predictions_measure() -> None:
    generator = np.random.default_rng(1)
    stated = generator.uniform(0.5, 1, 400)
    measured = []
    for _ in range(100):
        found = calibration(stated.tolist(), (generator.random(400) < stated).tolist())
        assert found is not None
        measured.append(found.ece)
    assert chance(stated.tolist()) == pytest.approx(np.mean(measured), rel=0.1)


def test_confidence_that_tells_right_from_wrong_ranks_them_apart() -> None:
    assert auroc([0.9, 0.8, 0.2], [True, True, False]) == 1
    assert auroc([0.1, 0.2, 0.9], [True, True, False]) == 0
    assert auroc([0.5, 0.5, 0.5, 0.5], [True, False, True, False]) == 0.5


def test_without_both_right_and_wrong_predictions_there_is_nothing_to_rank() -> None:
    assert auroc([0.9, 0.8], [True, True]) is None
    assert auroc([], []) is None
