"""What the gate takes for a loss, and what for chance."""

import numpy as np
import pytest
from drawops_vision.gate.counts import FIELDS
from drawops_vision.gate.statistics import detectable, difference, gain_gap, holm, lost

Rows = dict[str, np.ndarray]


def sheet(labels: int, right_a: int, right_b: int, only_a: int, only_b: int, false_b: int = 0) -> np.ndarray:
    made = dict.fromkeys(FIELDS, 0)
    made |= {"labels": labels, "characters": 5 * labels, "read_a": labels, "read_b": labels + false_b}
    made |= {"right_a": right_a, "right_b": right_b, "only_a": only_a, "only_b": only_b}
    return np.array(list(made.values()), np.int64)


def test_a_loss_on_every_sheet_is_a_loss() -> None:
    rows = {f"s{number}": sheet(30, 28, 22, 6, 0) for number in range(8)}
    found = difference(rows, "f1", 0.5)
    assert found.delta == pytest.approx(-20)
    assert found.high is not None
    assert found.high < -0.5
    assert found.p_loss < 0.001


def test_one_unlucky_sheet_is_no_loss() -> None:
    """Ten texts fewer on one sheet of eight: another draw of sheets may not have had it."""
    rows = {f"s{number}": sheet(30, 28, 28, 0, 0) for number in range(7)} | {"bad": sheet(30, 28, 18, 10, 0)}
    assert difference(rows, "f1", 0.5).p_loss > 0.2


def test_a_difference_within_the_allowance_is_no_loss() -> None:
    rows = {f"s{number}": sheet(1000, 900, 897, 3, 0) for number in range(8)}
    assert difference(rows, "recall", 0.5).p_loss > 0.9


def test_on_two_sheets_the_bootstrap_alone_accuses_nobody() -> None:
    """Both sheets lose one text: every draw of them shows a loss, but two events are two events."""
    rows = {name: sheet(30, 28, 27, 1, 0) for name in ("a", "b")}
    assert difference(rows, "f1", 0.5).p_loss >= 0.25


def test_false_reads_are_a_loss_too() -> None:
    rows = {f"s{number}": sheet(30, 28, 28, 0, 0, false_b=12) for number in range(8)}
    assert difference(rows, "f1", 0.5).p_loss < 0.001


def test_a_rise_of_cer_is_a_loss() -> None:
    rows = {}
    for number in range(8):
        row = sheet(30, 28, 22, 6, 0)
        row[FIELDS.index("edits_a")], row[FIELDS.index("edits_b")] = 2, 20
        rows[f"s{number}"] = row
    found = difference(rows, "cer", 0.5)
    assert found.delta == pytest.approx(12)
    assert found.p_loss < 0.001


def test_nothing_to_compare_is_no_loss() -> None:
    assert difference({}, "f1", 0.5).p_loss == 1.0


def test_false_alarms_stay_below_the_significance() -> None:
    """100 gates of 8 slices each, in which nothing is lost: both models err alike, by chance."""
    random = np.random.default_rng(5)
    alarms = 0
    for _ in range(100):
        values = []
        for _ in range(8):
            rows = {}
            for number in range(10):
                flips = random.binomial(12, 0.05, 2)
                rows[f"s{number}"] = sheet(12, 10, 10 - flips[0] + flips[1], flips[0], flips[1])
            values.append(difference(rows, "recall", 0.5).p_loss)
        alarms += min(holm(values)) < 0.05
    assert alarms <= 9  # 0.05 of 100, and what chance adds to that in 1 case of 30


def test_holm_corrects_the_smallest_most_and_keeps_the_order() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


def test_mcnemar_needs_five_lost_of_five() -> None:
    assert lost(5, 0) == pytest.approx(1 / 32)
    assert lost(4, 4) > 0.5
    assert lost(0, 0) == 1.0


def test_more_slices_and_more_spread_find_only_larger_losses() -> None:
    one, many = (detectable(1.0, 0.5, 0.05, slices) for slices in (1, 40))
    assert one == pytest.approx(0.5 + 1.645 + 0.842, abs=0.01)
    assert one is not None
    assert many is not None
    assert many > one
    assert detectable(None, 0.5, 0.05, 1) is None


def test_gaining_only_on_what_was_held_back_is_told() -> None:
    known = {f"k{number}": sheet(40, 30, 39, 0, 9) for number in range(6)}
    new = {f"n{number}": sheet(40, 30, 31, 0, 1) for number in range(6)}
    gap = gain_gap(known, new)
    assert gap is not None
    assert gap[0] == pytest.approx(20, abs=0.5)
    assert gap[1] > 10
    assert gain_gap({"k": sheet(40, 30, 39, 0, 9)}, new) is None
