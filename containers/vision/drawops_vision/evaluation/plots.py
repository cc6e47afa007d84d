"""Plots of a report as SVG for one HTML page: no script, no outside address, colours of the page's theme."""

import io
import re
import warnings
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.typing import RcKeyType

from drawops_vision.evaluation.report import (
    CalibrationReport,
    ComparisonReport,
    KindRow,
    Report,
    SliceRow,
)

# Colours that stand for the page's own: replaced in the SVG, so that light and dark both work.
INK, MUTED, ACCENT, BAD, GRID = "#010101", "#020202", "#030303", "#040404", "#050505"
_THEME = {INK: "--ink", MUTED: "--muted", ACCENT: "--accent", BAD: "--bad", GRID: "--line"}
MAX_ROWS = 40
STYLE: dict[RcKeyType, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "drawops",
    "font.family": "sans-serif",
    "font.size": 10,
    # Names of sheets and strings are text, whatever dollar signs they hold.
    "text.parse_math": False,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "grid.color": GRID,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
}


def plots(report: Report) -> dict[str, str]:
    """SVG elements by name: sheets, slices, calibration, kinds, comparison (those that there is data for)."""
    made = {"sheets": sheets(report), "slices": slices(report)}
    if report.calibration:
        made["calibration"] = reliability(report.calibration)
    if report.kinds:
        made["kinds"] = kinds(report.kinds)
    if report.comparison:
        made["comparison"] = comparison(report.comparison)
    return made


def sheets(report: Report) -> str:
    """End-to-end F1 of every sheet (the worst when there are many), with the total and its interval."""
    rows = sorted(report.sheets, key=lambda row: row.f1)[:MAX_ROWS][::-1]
    with mpl.rc_context(STYLE):
        canvas, (axes,) = canvas_of(7.2, 0.9 + 0.26 * len(rows))
        total = report.overall.end_to_end.f1
        if total.low is not None and total.high is not None:
            axes.axvspan(total.low, total.high, color=ACCENT, alpha=0.15, linewidth=0)
        axes.axvline(total.value or 0.0, color=ACCENT, linewidth=1.5)
        axes.plot([row.f1 for row in rows], range(len(rows)), "o", color=INK)
        axes.set_yticks(range(len(rows)), [short(row.name) for row in rows])
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.set_xlim(min(0.5, *(row.f1 - 0.05 for row in rows), total.value or 0.0), 1.01)
        axes.set_xlabel("F1 (line: all sheets, band: 95 % interval)")
        return as_svg(canvas, "sheets", "F1 of each sheet")


def slices(report: Report) -> str:
    """Recall by class, angle and glyph height."""
    axes_of: Sequence[tuple[str, Sequence[SliceRow]]] = (
        ("class", report.by_class),
        ("angle", report.by_angle),
        ("glyph height, px", report.by_height),
    )
    tallest = max(len([row for row in rows if row.labels]) for _, rows in axes_of)
    with mpl.rc_context(STYLE):
        canvas, panels = canvas_of(10.5, 0.9 + 0.26 * max(3, tallest), 3)
        for panel, (title, rows) in zip(panels, axes_of, strict=True):
            shown = [row for row in rows if row.labels][::-1]
            values = [row.recall.value or 0.0 for row in shown]
            panel.barh(range(len(shown)), values, color=ACCENT, height=0.6)
            for place, row in enumerate(shown):
                if row.recall.low is not None and row.recall.high is not None:
                    panel.plot([row.recall.low, row.recall.high], [place, place], color=INK, linewidth=1.2)
            panel.set_yticks(range(len(shown)), [f"{row.name} ({row.labels})" for row in shown])
            panel.set_ylim(-0.6, max(3, len(shown)) - 0.4)
            panel.set_xlim(0, 1.01)
            panel.grid(axis="y", visible=False)
            panel.set_title(f"recall by {title}")
        return as_svg(canvas, "slices", "Recall by class, angle and glyph height")


def reliability(found: CalibrationReport) -> str:
    """Reliability diagram: share right against mean confidence of each bin."""
    with mpl.rc_context(STYLE):
        canvas, (axes,) = canvas_of(4.6, 4.2)
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle="--")
        confidence = [each.confidence for each in found.bins]
        accuracy = [each.accuracy for each in found.bins]
        axes.vlines(confidence, confidence, accuracy, color=BAD, linewidth=2)
        axes.plot(confidence, accuracy, "o-", color=ACCENT, linewidth=1.2, markersize=5)
        low = max(0.0, min(*confidence, *accuracy) - 0.05)
        axes.set_xlim(low, 1.01)
        axes.set_ylim(low, 1.01)
        axes.set_xlabel("mean confidence of a bin")
        axes.set_ylabel("share that is right")
        return as_svg(canvas, "calibration", "Reliability diagram")


def kinds(rows: Sequence[KindRow]) -> str:
    """Errors by kind."""
    shown = list(rows)[::-1]
    with mpl.rc_context(STYLE):
        canvas, (axes,) = canvas_of(7.2, 0.7 + 0.26 * len(shown))
        axes.barh(range(len(shown)), [row.count for row in shown], color=BAD, height=0.6)
        axes.set_yticks(range(len(shown)), [row.kind.value for row in shown])
        axes.set_ylim(-0.6, len(shown) - 0.4)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel("errors")
        return as_svg(canvas, "kinds", "Errors by kind")


def comparison(found: ComparisonReport) -> str:
    """F1 of each sheet on both sides, joined by a line."""
    rows = sorted(found.sheets, key=lambda row: row.f1_b - row.f1_a)
    if len(rows) > MAX_ROWS:
        rows = [*rows[: MAX_ROWS // 2], *rows[-MAX_ROWS // 2 :]]
    with mpl.rc_context(STYLE):
        canvas, (axes,) = canvas_of(7.2, 1.1 + 0.26 * len(rows))
        places = range(len(rows))
        axes.hlines(
            places, [row.f1_a for row in rows], [row.f1_b for row in rows], color=MUTED, linewidth=1.2
        )
        axes.plot([row.f1_a for row in rows], places, "o", color=BAD, label="A")
        axes.plot([row.f1_b for row in rows], places, "D", color=ACCENT, label="B")
        axes.set_yticks(places, [short(row.name) for row in rows])
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.set_xlabel("F1")
        axes.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 1), ncols=2)
        return as_svg(canvas, "comparison", "F1 of A and B on each sheet")


def canvas_of(width: float, height: float, panels: int = 1) -> tuple[Canvas, list[Axes]]:
    """A figure without pyplot's global state; sizes in inches of 72 px."""
    canvas = Canvas(figsize=(width, height), layout="constrained")
    return canvas, [canvas.add_subplot(1, panels, place + 1) for place in range(panels)]


def short(name: str) -> str:
    """A name that fits an axis."""
    file = name.rsplit("/", 1)[-1]
    return file if len(file) <= 36 else f"{file[:20]}…{file[-15:]}"


def as_svg(canvas: Canvas, name: str, title: str) -> str:
    """The figure as an element for HTML.

    Args:
        canvas: the figure.
        name: goes before all ids, which must be unique in a page.
        title: what a screen reader says.
    """
    file = io.StringIO()
    with warnings.catch_warnings():
        # Letters are drawn by the browser; that our layout font lacks Chinese does not matter.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        canvas.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    svg = file.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<style.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", svg)
    for colour, variable in _THEME.items():
        svg = svg.replace(colour, f"var({variable})")
    return svg.replace("<svg ", f'<svg role="img" aria-label="{title}" ', 1)
