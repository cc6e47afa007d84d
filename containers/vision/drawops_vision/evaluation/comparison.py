"""A/B: whether two sets of predictions of the same sheets differ by more than chance.

Paired bootstrap: each draw of sheets scores both sides on the very same sheets, so what makes a sheet hard
for both cancels out. One side is better when the 95 % interval of the difference in F1 leaves out zero.

With fewer than six sheets no verdict for a side is given: were both equally good, all of five sheets would
still favour the same side once in 16 times (2 / 2**5 = 0.06 > 0.05), and the bootstrap would call that sure.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from drawops_vision.evaluation import bootstrap
from drawops_vision.evaluation.report import (
    Change,
    ComparisonReport,
    Figure,
    Item,
    Paired,
    PairedSheet,
    SheetMatching,
    SheetResult,
    counts_of,
    item,
    score_of,
)
from drawops_vision.evaluation.scoring import Score

MIN_SHEETS = 6
MAX_CHANGES = 40
TOUCHES = 0.1
"""IoU from which a prediction is shown as what was read for a label."""


def compare(a: Sequence[SheetResult], b: Sequence[SheetResult], name_a: str, name_b: str) -> ComparisonReport:
    """Compare two evaluations of the same sheets.

    Raises:
        ValueError: the sheets are not the same ones in the same order.
    """
    if [sheet.name for sheet in a] != [sheet.name for sheet in b]:
        raise ValueError("A and B must be of the same sheets")
    counts = np.array(
        [(*counts_of(left.score), *counts_of(right.score)) for left, right in zip(a, b, strict=True)],
        np.int64,
    )
    f1 = _paired(counts, "f1")
    verdict, sentence = _verdict(f1, len(a))
    changes = [
        change
        for left, right in zip(a, b, strict=True)
        for change in _changes(left.name, left.matching, right.matching)
    ]
    return ComparisonReport(
        a=name_a,
        b=name_b,
        verdict=verdict,
        sentence=sentence,
        f1=f1,
        cer=_paired(counts, "cer"),
        sheets=tuple(
            PairedSheet(
                name=left.name,
                f1_a=left.score.f1,
                f1_b=right.score.f1,
                cer_a=left.score.cer,
                cer_b=right.score.cer,
            )
            for left, right in zip(a, b, strict=True)
        ),
        only_a_right=sum(change.right == "A" for change in changes),
        only_b_right=sum(change.right == "B" for change in changes),
        changes=_some(changes),
    )


def _paired(counts: np.ndarray[tuple[int, ...], np.dtype[np.int64]], name: Literal["f1", "cer"]) -> Paired:
    half = counts.shape[1] // 2

    def both(row: Sequence[int]) -> tuple[Score, Score]:
        return score_of(row[:half]), score_of(row[half:])

    def difference(row: Sequence[int]) -> float:
        a, b = both(row)
        return float(getattr(b, name)) - float(getattr(a, name))

    total = counts.sum(axis=0).tolist()
    found = bootstrap.interval(counts, difference)
    a, b = both(total)
    return Paired(
        a=getattr(a, name),
        b=getattr(b, name),
        difference=Figure(
            value=difference(total), low=found.low if found else None, high=found.high if found else None
        ),
    )


Verdict = Literal["A better", "B better", "no difference beyond the spread", "too few sheets"]


def _verdict(f1: Paired, sheets: int) -> tuple[Verdict, str]:
    low, high = f1.difference.low, f1.difference.high
    if low is None or high is None:
        return "too few sheets", "One sheet says nothing about others: no interval, no verdict."
    interval = f"F1 of B minus F1 of A: {f1.difference.value:+.4f}, 95 % interval {low:+.4f} to {high:+.4f}"
    if low <= 0 <= high:
        return "no difference beyond the spread", f"{interval}, which includes zero."
    if sheets < MIN_SHEETS:
        return (
            "too few sheets",
            f"{interval}, but {sheets} sheets all favouring one side happens by chance once in "
            f"{2 ** (sheets - 1)} times; use {MIN_SHEETS} or more.",
        )
    return ("B better" if low > 0 else "A better"), f"{interval}, over {sheets} sheets."


def _changes(sheet: str, a: SheetMatching, b: SheetMatching) -> list[Change]:
    # Both sides keep the same labels in the same order: neither depends on the predictions.
    right_a, right_b = ({row for row, _ in side.correct} for side in (a, b))
    return [
        Change(
            sheet=sheet,
            label=item(a.labels[row]),
            a=_read_for(a, row),
            b=_read_for(b, row),
            right="A" if row in right_a else "B",
        )
        for row in sorted(right_a ^ right_b)
    ]


def _read_for(matching: SheetMatching, row: int) -> tuple[Item, ...]:
    """What one side read for a label: the right prediction, else all that overlap it, most overlap first."""
    correct = dict(matching.correct)
    if row in correct:
        return (item(matching.predictions[correct[row]]),)
    near = [(iou, column) for (other, column), iou in matching.iou.items() if other == row and iou >= TOUCHES]
    return tuple(item(matching.predictions[column]) for _, column in sorted(near, reverse=True))


def _some(changes: Sequence[Change]) -> tuple[Change, ...]:
    """As many changes as a report shows, both directions in turn."""
    better, worse = ([change for change in changes if change.right == side] for side in ("B", "A"))
    half = MAX_CHANGES // 2
    room = max(half, MAX_CHANGES - len(worse))
    return (*better[:room], *worse[: MAX_CHANGES - len(better[:room])])
