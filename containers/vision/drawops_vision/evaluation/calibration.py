"""Whether a confidence means what it says: of the texts read with 0.9, nine in ten should be right.

A prediction is right when it is end-to-end right (IoU >= 0.5 and the exact string). Bins are of equal mass:
the confidences of a good reader crowd near 1, and bins of equal width would put nearly all of them into one.
Equal confidences stay in one bin, so there can be fewer than ten.

Expected calibration error (Naeini et al. 2015): the mean over predictions of |share right - mean confidence|
of their bin. It cannot be 0 for few predictions: `chance` says what a perfectly calibrated reader would show.
Brier score (1950): mean squared difference between confidence and 1 (right) or 0 (wrong). AUROC: the chance
that a right prediction has more confidence than a wrong one, ties counting half.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

BINS = 10
DRAWS = 200
SEED = 0


@dataclass(frozen=True)
class Bin:
    """Predictions of similar confidence.

    Attributes:
        low: smallest confidence.
        high: largest confidence.
        count: predictions.
        confidence: their mean confidence.
        accuracy: share of them that is right.
    """

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Calibration:
    """Reliability of confidences; `ece_equal_width` is the same error in ten bins of equal width."""

    bins: tuple[Bin, ...]
    count: int
    ece: float
    ece_equal_width: float
    brier: float


def calibration(confidences: Sequence[float], right: Sequence[bool], bins: int = BINS) -> Calibration | None:
    """Measure the calibration of predictions; None when there are none.

    Args:
        confidences: of the predictions, 0 to 1.
        right: whether each is end-to-end right.
        bins: at most so many.
    """
    if not len(confidences):
        return None
    # In order, so that sums do not depend on the order given.
    values, truth = np.array(sorted(zip(confidences, right, strict=True)), np.float64).T
    edges = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1], method="lower"))
    equal_mass = _bins(values, truth, np.searchsorted(edges, values, side="right").tolist())
    equal_width = _bins(values, truth, np.minimum(np.floor(values * bins), bins - 1).astype(int).tolist())
    return Calibration(
        bins=equal_mass,
        count=len(values),
        ece=_error(equal_mass),
        ece_equal_width=_error(equal_width),
        brier=float(np.mean((values - truth) ** 2)),
    )


def chance(confidences: Sequence[float], bins: int = BINS, draws: int = DRAWS) -> float:
    """Expected calibration error that a perfectly calibrated reader shows with such confidences, by chance.

    Mean over `draws` samples in which each is right with the probability that its confidence states.
    """
    stated = np.sort(np.asarray(confidences, np.float64))
    edges = np.unique(np.quantile(stated, np.linspace(0, 1, bins + 1)[1:-1], method="lower"))
    places = np.searchsorted(edges, stated, side="right")
    generator = np.random.default_rng(SEED)
    total = 0.0
    for _ in range(draws):
        gaps = (generator.random(len(stated)) < stated) - stated
        total += float(np.abs(np.bincount(places, gaps)).sum())
    return total / draws / len(stated)


def auroc(confidences: Sequence[float], right: Sequence[bool]) -> float | None:
    """How well confidence tells right from wrong predictions: 1 always, 0.5 not at all; None without both."""
    truth = np.asarray(right, bool)
    good, bad = int(truth.sum()), int((~truth).sum())
    if not good or not bad:
        return None
    ranks = rankdata(np.asarray(confidences, np.float64))
    return float((ranks[truth].sum() - good * (good + 1) / 2) / (good * bad))


def _bins(
    values: npt.NDArray[np.float64], truth: npt.NDArray[np.float64], places: Sequence[int]
) -> tuple[Bin, ...]:
    where = np.asarray(places)
    made = []
    for place in np.unique(where):
        inside = where == place
        made.append(
            Bin(
                low=float(values[inside].min()),
                high=float(values[inside].max()),
                count=int(inside.sum()),
                confidence=float(values[inside].mean()),
                accuracy=float(truth[inside].mean()),
            )
        )
    return tuple(made)


def _error(bins: Sequence[Bin]) -> float:
    count = sum(each.count for each in bins)
    return sum(each.count * abs(each.accuracy - each.confidence) for each in bins) / count
