"""How far a figure could be off because it was measured on these sheets and not on others.

Percentile bootstrap (Efron 1979) over sheets: sheets are drawn with replacement, as many as there are, the
figure is taken of each draw, and the middle 95 % of the draws is the interval. Texts of one sheet share font,
scan and draughtsman, so drawing texts instead of sheets would promise far too much.

Few sheets make the interval too narrow rather than too wide, and from one sheet none can be taken.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

RESAMPLES = 2000
SEED = 1979
LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """Lower and upper bound."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


def interval(
    counts: npt.NDArray[np.int64],
    figure: Callable[[Sequence[int]], float | None],
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Interval | None:
    """95 % percentile interval of a figure that is taken of summed counts.

    Args:
        counts: (sheets, k) integers that add up over sheets.
        figure: of k summed counts; None where it is not defined, such draws are left out.
        resamples: how many draws.
        seed: the same seed gives the same interval.

    Returns:
        None when fewer than two sheets have a figure of their own: their spread is unknown.
    """
    sheets = len(counts)
    if sum(figure(row) is not None for row in counts.tolist()) < 2:
        return None
    random = np.random.default_rng(seed)
    times = random.multinomial(sheets, np.full(sheets, 1 / sheets), size=resamples)
    # Few sheets give few different draws.
    totals, repeats = np.unique(times @ counts, axis=0, return_counts=True)
    values = [figure(total) for total in totals.tolist()]
    drawn = np.repeat(
        np.array([np.nan if value is None else value for value in values], dtype=np.float64), repeats
    )
    low, high = np.nanquantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(low), float(high))
