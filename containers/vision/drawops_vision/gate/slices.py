"""The gate's table: every slice of every set, approved model against candidate."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from drawops.contracts.training import GateReason, GateRow, ReasonCode

from drawops_vision.gate.allowances import Allowances
from drawops_vision.gate.counts import Counted, slice_order
from drawops_vision.gate.statistics import Difference, Figure, detectable, difference, holm

Set = Literal["new", "regression", "general"]
ONE_FIGURE = "all"
"""Only the whole of a set is judged by CER too; for its slices the two would say the same twice."""


@dataclass(frozen=True)
class Judged:
    """One line of the table with what led to it; `p` is corrected, None where the slice is only shown."""

    row: GateRow
    found: Difference
    p: float | None
    detectable: float | None


def table(sets: Mapping[Set, Counted], allowances: Allowances) -> list[Judged]:
    """Compare on all slices.

    A slice fails when its loss is beyond the allowance with the significance, corrected (Holm) for all slices
    that have enough texts to be judged.
    """
    raw: list[tuple[Set, str, str, Figure, Difference]] = []
    for name, counted in sets.items():
        for axis, part in slice_order(counted.rows):
            figures: tuple[Figure, ...] = (
                ("f1",) if name != "general" and axis != "characters" else ("recall",)
            )
            if axis == ONE_FIGURE:
                figures = (*figures, "cer")
            for figure in figures:
                found = difference(counted.rows[axis, part], figure, allowances.slice_points)
                raw.append((name, axis, part, figure, found))
    judged = [
        place
        for place, one in enumerate(raw)
        if one[4].labels >= allowances.min_labels and one[4].delta is not None
    ]
    adjusted = dict(zip(judged, holm([raw[place][4].p_loss for place in judged]), strict=True))
    made = []
    for place, (name, axis, part, figure, found) in enumerate(raw):
        p = adjusted.get(place)
        row = GateRow(
            set=name,
            axis=axis,
            slice=part,
            figure=figure,
            labels=found.labels,
            approved=found.approved,
            candidate=found.candidate,
            delta=found.delta,
            low=found.low,
            high=found.high,
            allowance=allowances.slice_points if p is not None else None,
            passed=p is None or p >= allowances.significance,
        )
        power = detectable(found.error, allowances.slice_points, allowances.significance, len(judged))
        made.append(Judged(row, found, p, power if p is not None else None))
    return made


def worse(judged: list[Judged]) -> list[GateReason]:
    """A reason for each slice that is worse, the worst first."""
    failed = [one for one in judged if not one.row.passed]
    failed.sort(key=lambda one: -abs(one.found.delta or 0.0))
    return [GateReason(code=ReasonCode.SLICE_WORSE, sentence=_sentence(one)) for one in failed]


def whole(judged: list[Judged], name: Set, figure: Figure) -> Judged | None:
    """The line of a whole set; None when it has no texts."""
    for one in judged:
        if one.row.set == name and one.row.axis == "all" and one.row.figure == figure:
            return one if one.found.delta is not None else None
    return None


def _sentence(one: Judged) -> str:
    row, figure = one.row, {"f1": "F1", "recall": "recall", "cer": "CER"}[one.row.figure]
    where = f"{row.set} data" if row.axis == "all" else f"{row.set} data, {row.axis} {row.slice}"
    interval = (
        f" (95 % {row.low:+.1f} to {row.high:+.1f})" if row.low is not None and row.high is not None else ""
    )
    return (
        f"{where}: {figure} goes from {row.approved:.1f} to {row.candidate:.1f} %{interval} on {row.labels} "
        f"texts; {row.allowance:g} points are allowed (p = {one.p:.2g}, corrected for all slices)."
    )
