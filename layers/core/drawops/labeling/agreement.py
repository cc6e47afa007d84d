"""How far people agree, and what that says of their errors.

**Observed**: the share of units (see `drawops.labeling.consolidation`) on which two people say the same. A
box that one of them does not have is a disagreement, as is another string, a case or a blank inside it.

**Corrected for chance**: Krippendorff's alpha for nominal values (Krippendorff, "Computing Krippendorff's
Alpha-Reliability", 2011; Hayes and Krippendorff, Communication Methods and Measures 1, 2007). It takes any
number of people, areas that not everybody worked on, and any number of values; and it takes the chance
of agreeing from the values that were really given, so that `150` all over a sheet counts as the easy match
that it is. Cohen's kappa is for exactly two people with fixed classes. Gwet's AC1 takes chance from the
number of classes, which free strings do not have.

Two alphas, because two people who both accept whatever the model reads agree perfectly:

    of strings    do they read the same?
    of changes    do they find the same errors of the model? 0 when they find errors by chance

**Errors**: once disputes are settled, who differs from the verdict was wrong. What people get wrong together
is not seen, so the figure is a lower bound; units still disputed are left out. The interval is Wilson's
(Journal of the American Statistical Association 22, 1927), which also holds at 0 of n.
"""

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from drawops.contracts.labeling import BoxState
from drawops.labeling.consolidation import Kind, Unit, Vote

_Z = 1.959964
"""Of a two-sided interval of 95 %."""


@dataclass(frozen=True)
class Rate:
    """A share with its interval of 95 %."""

    of: int = 0
    count: int = 0

    @property
    def value(self) -> float | None:
        """The share; None of nothing."""
        return self.count / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's score interval; 0 to 1 of nothing."""
        if not self.of:
            return 0.0, 1.0
        share, square = self.count / self.of, _Z * _Z
        middle = (share + square / (2 * self.of)) / (1 + square / self.of)
        half = (
            _Z
            * math.sqrt(share * (1 - share) / self.of + square / (4 * self.of * self.of))
            / (1 + square / self.of)
        )
        return max(0.0, middle - half), min(1.0, middle + half)

    def __add__(self, other: "Rate") -> "Rate":
        return Rate(self.of + other.of, self.count + other.count)


@dataclass
class Agreement:
    """Figures over units that two or more people decided on.

    Attributes:
        observed: pairs of votes that say the same, of all pairs.
        strings: Krippendorff's alpha of what is said; None when it is not defined.
        changes: Krippendorff's alpha of whether the model was right.
        by_annotator: for each person the pairs with others.
        errors: for each person the votes that differ from the verdict, of those with one.
        disputed: units without a verdict.
    """

    units: int = 0
    observed: Rate = Rate()
    strings: float | None = None
    changes: float | None = None
    by_annotator: dict[str, Rate] = field(default_factory=dict)
    errors: dict[str, Rate] = field(default_factory=dict)
    disputed: int = 0


def measure(first: Sequence[Unit], settled: Sequence[Unit] | None = None) -> Agreement:
    """Agreement of the first, independent answers.

    Args:
        first: units before anybody saw what others say; a later round would only show who gave in.
        settled: the same units with later rounds, for the verdicts; `first` itself when None.
    """
    shared = [unit for unit in first if len(unit.cast) > 1]
    verdicts = {unit.id: unit.winner for unit in (settled if settled is not None else first)}
    found = Agreement(units=len(shared))
    for unit in shared:
        for (one, vote), (two, other) in combinations(sorted(unit.cast.items()), 2):
            pair = Rate(1, int(vote.key == other.key))
            found.observed += pair
            for who in (one, two):
                found.by_annotator[who] = found.by_annotator.get(who, Rate()) + pair
        verdict = verdicts.get(unit.id)
        if verdict is None:
            found.disputed += 1
            continue
        for who, vote in unit.cast.items():
            said = Rate(1, int(vote.key != verdict))
            found.errors[who] = found.errors.get(who, Rate()) + said
    found.strings = alpha([vote.key for vote in unit.cast.values()] for unit in shared)
    found.changes = alpha([_changed(vote) for vote in unit.cast.values()] for unit in shared)
    return found


def alpha(values: Iterable[Sequence[Hashable]]) -> float | None:
    """Krippendorff's alpha for nominal values.

    Args:
        values: for each unit what those who judged it say; units with fewer than two values do not count.

    Returns:
        1 for full agreement, 0 for what chance gives, below 0 for less. None when nothing can be said:
        fewer than two values in all, or always the same one.
    """
    coincidences: Counter[Hashable] = Counter()
    disagreements = 0.0
    for unit in values:
        count = len(unit)
        if count < 2:
            continue
        coincidences.update(unit)
        same = sum(times * (times - 1) for times in Counter(unit).values())
        disagreements += (count * (count - 1) - same) / (count - 1)
    total = coincidences.total()
    expected = total * total - sum(times * times for times in coincidences.values())
    if total < 2 or expected == 0:
        return None
    return 1 - (total - 1) * disagreements / expected


def merged(parts: Iterable[Mapping[str, Rate]]) -> dict[str, Rate]:
    """Rates of several pages by person."""
    total: dict[str, Rate] = {}
    for part in parts:
        for who, rate in part.items():
            total[who] = total.get(who, Rate()) + rate
    return total


def _changed(vote: Vote) -> bool:
    """Whether a person says that the model was wrong here."""
    return vote.kind is not Kind.TEXT or vote.box is None or vote.box.state is not BoxState.ACCEPTED
