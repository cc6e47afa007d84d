"""Intervals, tests and their power for two models that read the same sheets.

**Loss of a slice.** Two questions must both be answered yes, so the larger of two p-values counts:

- paired bootstrap (Efron 1979; paired as in Koehn 2004): sheets are drawn with replacement, both sides are
  scored on the same draw; p is the share of draws in which the difference is not below
  -allowance. It asks whether the loss is larger than the allowance whichever sheets had been at hand.
- exact tests on events: labels that only one side has right (McNemar 1947, exact binomial form) and false
  reads of either side. It keeps few sheets, on which the bootstrap is too sure, from accusing on one event.

The p-values of all slices together are corrected by Holm (1979): the chance that a candidate that has lost
nothing is accused at all stays below the significance, whatever the slices have to do with each other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from drawops_vision.gate.counts import FIELDS, Row

DRAWS = 10_000
SEED = 1979
POWER = 0.8
Figure = Literal["f1", "recall", "cer"]
Floats = NDArray[np.float64]
_AT = {name: place for place, name in enumerate(FIELDS)}


@dataclass(frozen=True)
class Difference:
    """Candidate against approved model on one slice; figures in percent, delta = candidate - approved.

    Attributes:
        labels: texts (or characters) of the slice.
        sheets: sheets or groups that have any.
        low: lower bound of delta, 95 % paired bootstrap; None with fewer than two sheets.
        high: upper bound.
        p_loss: that chance alone shows such a loss beyond the allowance; see the module's text.
        error: standard error of delta.
    """

    labels: int
    sheets: int
    approved: float | None
    candidate: float | None
    delta: float | None
    low: float | None
    high: float | None
    p_loss: float
    error: float | None


def difference(rows: Mapping[str, Row], figure: Figure, allowance: float) -> Difference:
    """Compare on one slice.

    Args:
        rows: counts by sheet.
        figure: what to compare; of CER a rise is a loss.
        allowance: points that it may get worse.
    """
    counts = np.array([row for row in rows.values() if row.any()], np.int64).reshape(-1, len(FIELDS))
    total = counts.sum(axis=0)
    a, b = (_figure(total[None], figure, side)[0] for side in "ab")
    sheets = int((counts[:, _AT["labels"]] > 0).sum())
    labels = int(total[_AT["labels"]])
    if np.isnan(a) or np.isnan(b):
        return Difference(labels, sheets, None, None, None, None, None, 1.0, None)
    worse = -1.0 if figure == "cer" else 1.0
    p_events = _events(total)
    low = high = error = None
    p = p_events
    if sheets >= 2:
        drawn = _draws(len(counts)) @ counts
        deltas = _figure(drawn, figure, "b") - _figure(drawn, figure, "a")
        deltas = deltas[~np.isnan(deltas)]
        low, high = (float(one) for one in np.quantile(deltas, [0.025, 0.975]))
        error = float(deltas.std())
        fine = int((worse * deltas >= -allowance).sum())
        p = max(p_events, (fine + 1) / (len(deltas) + 1))
    elif worse * (b - a) >= -allowance:
        p = 1.0
    return Difference(labels, sheets, float(a), float(b), float(b - a), low, high, p, error)


def lost(only_a: int, only_b: int) -> float:
    """One-sided exact McNemar test: that chance alone has the candidate miss so much more."""
    if only_a + only_b == 0:
        return 1.0
    return float(binomtest(only_a, only_a + only_b, 0.5, alternative="greater").pvalue)


def holm(values: Sequence[float]) -> list[float]:
    """p-values adjusted for their number (Holm 1979), in the order given."""
    order = sorted(range(len(values)), key=lambda index: values[index])
    adjusted = [0.0] * len(values)
    highest = 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(values) - rank) * values[index]))
        adjusted[index] = highest
    return adjusted


def detectable(error: float | None, allowance: float, significance: float, slices: int) -> float | None:
    """The loss in points that is found with a probability of 80 %, were all other slices unchanged.

    Normal approximation: allowance + (z(1 - significance / slices) + z(0.8)) * standard error.
    """
    if error is None:
        return None
    normal = NormalDist()
    return allowance + (normal.inv_cdf(1 - significance / max(1, slices)) + normal.inv_cdf(POWER)) * error


def gain_gap(known: Mapping[str, Row], new: Mapping[str, Row]) -> tuple[float, float] | None:
    """How much more F1 a candidate gained on one set of sheets than on another, and a lower 99 % bound.

    None where one has fewer than two sheets.
    """
    gains: list[Floats] = []
    totals: list[float] = []
    for rows in (known, new):
        counts = np.array(list(rows.values()), np.int64).reshape(-1, len(FIELDS))
        if len(counts) < 2:
            return None
        drawn = _draws(len(counts), SEED + len(gains)) @ counts
        gains.append(_figure(drawn, "f1", "b") - _figure(drawn, "f1", "a"))
        total = counts.sum(axis=0)[None]
        totals.append(float((_figure(total, "f1", "b") - _figure(total, "f1", "a"))[0]))
    return totals[0] - totals[1], float(np.nanquantile(gains[0] - gains[1], 0.01))


def _events(total: Row) -> float:
    """p of the events: more labels lost than won, or more false reads; the smaller of the two, doubled."""
    labels = lost(int(total[_AT["only_a"]]), int(total[_AT["only_b"]]))
    false_a, false_b = (
        max(0, int(total[_AT[f"read_{side}"]] - total[_AT[f"right_{side}"]])) for side in "ab"
    )
    return min(1.0, 2 * min(labels, lost(false_b, false_a)))


def _figure(counts: NDArray[np.int64], figure: Figure, side: str) -> Floats:
    """Percentages of n x FIELDS counts; NaN where not defined."""
    labels, characters = counts[:, _AT["labels"]], counts[:, _AT["characters"]]
    read, right, edits = (counts[:, _AT[f"{name}_{side}"]] for name in ("read", "right", "edits"))
    with np.errstate(divide="ignore", invalid="ignore"):
        if figure == "cer":
            found = np.where(characters > 0, 100 * edits / characters, np.nan)
        elif figure == "recall":
            found = np.where(labels > 0, 100 * right / labels, np.nan)
        else:
            found = np.where(labels > 0, 200 * right / (labels + read), np.nan)
    return np.asarray(found, np.float64)


_KEPT: dict[tuple[int, int], NDArray[np.int64]] = {}


def _draws(sheets: int, seed: int = SEED) -> NDArray[np.int64]:
    """How often each sheet is in each draw: DRAWS x sheets; the same for all slices, so that they compare."""
    if (sheets, seed) not in _KEPT:
        random = np.random.default_rng(seed)
        _KEPT[sheets, seed] = random.multinomial(sheets, np.full(sheets, 1 / sheets), size=DRAWS)
    return _KEPT[sheets, seed]
