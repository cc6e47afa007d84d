"""A report as one HTML file: crops and plots inside, nothing to fetch, no script.

Whatever a drawing says reaches the page through Jinja's escaping; only our own SVG and data addresses are
trusted (`Markup`).
"""

import base64
from collections.abc import Callable, Iterator
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from drawops_vision.evaluation import markdown
from drawops_vision.evaluation.crops import Pixels, crop
from drawops_vision.evaluation.errors import MEANINGS
from drawops_vision.evaluation.plots import plots
from drawops_vision.evaluation.report import Change, Example, Report
from drawops_vision.evaluation.slices import CLASSES

Pictures = Callable[[str], Pixels | None]
"""Sheet name -> its pixels (H x W grey or H x W x 3 BGR), None when there is no picture."""

_Shown = Example | Change


def html(report: Report, pictures: Pictures) -> str:
    """Render a report.

    Args:
        report: what to show.
        pictures: asked once for every sheet that a crop is taken from; one sheet is held at a time.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        number=markdown.number, interval=markdown.interval, visible=visible, points=markdown.code_points
    )
    crops = _crops(report, pictures)
    return environment.get_template("report.html.j2").render(
        report=report,
        crop_of=lambda shown: crops.get(_key(shown)),
        plots={name: Markup(svg) for name, svg in plots(report).items()},
        classes=CLASSES,
        meanings=MEANINGS,
    )


def visible(text: str) -> str:
    """A string with its otherwise invisible characters shown."""
    if text.strip(" ") != text or "  " in text:
        text = text.replace(" ", "␣")
    return text.replace("\n", "␊").replace("\r", "␍").replace("\t", "␉")


def _shown(report: Report) -> Iterator[_Shown]:
    for kind in report.kinds:
        yield from kind.examples
    yield from report.worst
    if report.comparison:
        yield from report.comparison.changes


def _key(shown: _Shown) -> str:
    return shown.model_dump_json()


def _crops(report: Report, pictures: Pictures) -> dict[str, Markup]:
    """Data addresses of the crops, by what they show."""
    by_sheet: dict[str, list[_Shown]] = {}
    for shown in _shown(report):
        by_sheet.setdefault(shown.sheet, []).append(shown)
    made = {}
    for sheet, wanted in by_sheet.items():
        pixels = pictures(sheet)
        if pixels is None:
            continue
        for shown in wanted:
            if isinstance(shown, Change):
                labels, predictions = [shown.label.quad], [item.quad for item in shown.a + shown.b]
            else:
                labels = [item.quad for item in shown.labels]
                predictions = [item.quad for item in shown.predictions]
            data = base64.b64encode(crop(pixels, labels, predictions)).decode()
            made[_key(shown)] = Markup(f"data:image/png;base64,{data}")
    return made
