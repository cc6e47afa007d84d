"""A verdict, or a comparison of two models, as one HTML file with its pictures, without script."""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from drawops.contracts.training import GateRow
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from drawops_vision.evaluation.crops import PREDICTION, Pixels, crop
from drawops_vision.evaluation.html import visible
from drawops_vision.evaluation.report import Change, ComparisonReport
from drawops_vision.gate import plots
from drawops_vision.gate.comparison import Compared, LineChange
from drawops_vision.gate.judge import Findings
from drawops_vision.gate.pages import GatePage
from drawops_vision.gate.slices import Judged
from drawops_vision.rasterise import render_page

FOLDER = Path(__file__).parent
CROPS = 24
LINE_HEIGHT = 40
GOLDEN_SIDE = 900

Shown = dict[str, Any]


def html(found: Findings) -> str:
    """Render a verdict."""
    verdict = found.verdict
    calibrated = {side: Markup(plots.calibration(one.report, side)) for side, one in found.calibrated.items()}
    return _rendered(
        **_comparison(found.compared, found.judged),
        title=f"{verdict.candidate.name} {verdict.candidate.version}: {verdict.outcome.value}",
        names=("approved", "candidate"),
        verdict=verdict,
        lost=found.lost,
        notes=found.notes,
        calibrated=calibrated,
        reliability=found.calibrated,
        golden=_golden(found),
        allowances=found.allowances,
    )


def comparison_html(
    compared: Compared, judged: Sequence[Judged], names: tuple[str, str], notes: Sequence[str]
) -> str:
    """Render a comparison of any two models."""
    return _rendered(
        **_comparison(compared, judged),
        title=f"{names[0]} against {names[1]}",
        names=names,
        verdict=None,
        lost=(),
        notes=notes,
        calibrated={},
        reliability={},
        golden=(),
        allowances=None,
    )


def _rendered(**shown: object) -> str:
    environment = Environment(
        # The style is the evaluation's.
        loader=FileSystemLoader([FOLDER, FOLDER.parent / "evaluation"]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(visible=visible, figure=_figure, signed=_signed, interval=_interval)
    return str(environment.get_template("verdict.html.j2").render(**shown))


def _comparison(compared: Compared | None, judged: Sequence[Judged]) -> Shown:
    reports: Mapping[Any, ComparisonReport] = compared.reports if compared else {}
    sets = [name for name in ("new", "regression", "general") if any(one.row.set == name for one in judged)]
    return {
        "sets": sets,
        "judged": judged,
        "losses": {name: Markup(plots.losses(judged, name)) for name in sets},
        "sheets": {name: Markup(plots.pages(one, name)) for name, one in reports.items()},
        "reports": reports,
        "changes": _changes(compared) if compared else [],
        "lines": _lines(compared.changes) if compared else [],
    }


def _changes(compared: Compared) -> list[Shown]:
    """Crops of the texts that one side alone has right; the candidate's losses first."""
    pages = {page.name: page for page in compared.pages}
    found: list[tuple[str, Change]] = [
        (name, change) for name, one in compared.reports.items() for change in one.changes
    ]
    found.sort(key=lambda one: one[1].right)
    wanted = _half_each(found, lambda one: one[1].right == "A")
    pictures: dict[str, Pixels] = {}
    made = []
    for name, change in sorted(wanted, key=lambda one: one[1].sheet):
        page = pages[change.sheet]
        if change.sheet not in pictures:
            pictures = {change.sheet: _pixels(page)}  # one page is held at a time
        quads = [item.quad for item in change.a + change.b]
        made.append(
            {
                "set": name,
                "sheet": page.entry.name if page.entry else page.name,
                "lost": change.right == "A",
                "text": change.label.text,
                "a": [item.text for item in change.a],
                "b": [item.text for item in change.b],
                "picture": _png(crop(pictures[change.sheet], [change.label.quad], quads)),
            }
        )
    return sorted(made, key=lambda one: not one["lost"])


def _lines(changes: Sequence[LineChange]) -> list[Shown]:
    wanted = _half_each(list(changes), lambda one: one.approved == one.line.text)
    made = []
    for one in wanted:
        picture = one.line.picture
        scale = LINE_HEIGHT / picture.shape[0]
        size = (max(1, min(460, round(picture.shape[1] * scale))), LINE_HEIGHT)
        small = cv2.imencode(".png", cv2.resize(picture, size, interpolation=cv2.INTER_AREA))[1].tobytes()
        made.append(
            {
                "lost": one.approved == one.line.text,
                "text": one.line.text,
                "a": [one.approved] if one.approved else [],
                "b": [one.candidate] if one.candidate else [],
                "picture": _png(small),
            }
        )
    return made


def _half_each(found: list[Any], is_lost: Any) -> list[Any]:  # noqa: ANN401 - a predicate over the list's items
    lost, won = [one for one in found if is_lost(one)], [one for one in found if not is_lost(one)]
    room = max(CROPS // 2, CROPS - len(won))
    return [*lost[:room], *won[: CROPS - len(lost[:room])]]


def _golden(found: Findings) -> list[Shown]:
    pages = {
        page.entry.page_id: page for page in (found.compared.pages if found.compared else ()) if page.entry
    }
    made = []
    for golden in found.verdict.golden:
        pixels = _pixels(pages[golden.page_id])
        colour = cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR) if pixels.ndim == 2 else pixels.copy()
        scale = min(1.0, GOLDEN_SIDE / max(colour.shape[:2]))
        size = (max(1, round(colour.shape[1] * scale)), max(1, round(colour.shape[0] * scale)))
        small = cv2.resize(colour, size, interpolation=cv2.INTER_AREA)
        quads = [np.round(np.array(text.quad) * scale).astype(np.int32) for text in golden.texts]
        cv2.polylines(small, quads, True, PREDICTION, 1, cv2.LINE_AA)
        data = cv2.imencode(".png", small)[1].tobytes()
        made.append({"name": golden.name, "texts": [one.text for one in golden.texts], "picture": _png(data)})
    return made


def _pixels(page: GatePage) -> Pixels:
    return render_page(page.data(), 1)


def _png(data: bytes) -> Markup:
    return Markup(f"data:image/png;base64,{base64.b64encode(data).decode()}")


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _signed(value: float | None) -> str:
    return "" if value is None else f"{value:+.1f}"


def _interval(row: GateRow) -> str:
    return "" if row.low is None or row.high is None else f"{row.low:+.1f} to {row.high:+.1f}"
