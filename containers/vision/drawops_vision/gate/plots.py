"""Plots of a verdict as SVG, in the theme of the evaluation's."""

from collections.abc import Sequence

import matplotlib as mpl

from drawops_vision.evaluation.plots import (
    ACCENT,
    BAD,
    INK,
    MUTED,
    STYLE,
    as_svg,
    canvas_of,
    comparison,
    reliability,
)
from drawops_vision.evaluation.report import CalibrationReport, ComparisonReport
from drawops_vision.gate.slices import Judged

MOST_ROWS = 60


def losses(judged: Sequence[Judged], name: str) -> str:
    """Difference of every slice of a set with its interval; what failed is red."""
    shown = [
        one for one in judged if one.row.set == name and one.row.figure != "cer" and one.row.delta is not None
    ][:MOST_ROWS][::-1]
    with mpl.rc_context(STYLE):
        canvas, (axes,) = canvas_of(8.4, 0.9 + 0.24 * max(3, len(shown)))
        for place, one in enumerate(shown):
            row = one.row
            colour = BAD if not row.passed else ACCENT if one.p is not None else MUTED
            if row.low is not None and row.high is not None:
                axes.plot([row.low, row.high], [place, place], color=colour, linewidth=1.4)
            axes.plot([row.delta or 0.0], [place], "o", color=colour, markersize=5)
        axes.axvline(0, color=INK, linewidth=1)
        allowance = next((one.row.allowance for one in shown if one.row.allowance is not None), None)
        if allowance:
            axes.axvline(-allowance, color=MUTED, linewidth=1, linestyle="--")
        axes.set_yticks(
            range(len(shown)), [f"{one.row.axis}: {one.row.slice} ({one.row.labels})" for one in shown]
        )
        axes.set_ylim(-0.6, max(3, len(shown)) - 0.4)
        axes.set_xlabel("candidate - approved, points (bar: 95 % interval, dashed: allowance)")
        return as_svg(canvas, f"losses-{name}", f"Differences by slice, {name}")


def pages(found: ComparisonReport, name: str) -> str:
    """F1 of every page on both sides."""
    return comparison(found).replace("comparison-", f"pages-{name}-")


def calibration(found: CalibrationReport, side: str) -> str:
    """Reliability diagram of one side."""
    return reliability(found).replace("calibration-", f"calibration-{side}-")
