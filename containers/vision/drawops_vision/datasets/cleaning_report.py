"""What cleaning found, as one HTML file with pictures: the first few of every rule; suspects by score."""

import base64
import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from drawops.contracts.cleaning import MEANINGS, Rule
from drawops.contracts.labels import Label
from drawops.datasets.geometry import bounds
from drawops.errors import InvalidInput
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from numpy.typing import NDArray

from drawops_vision.datasets.cleaning import CleaningReport
from drawops_vision.evaluation import html as evaluation_html
from drawops_vision.evaluation.crops import crop
from drawops_vision.evaluation.scoring import Quad
from drawops_vision.rasterise import render_page

PICTURES = 24
"""Of each rule."""
_THUMBNAIL = 420
_FAR = 200.0
"""Pixels off the page beyond which there is nothing to show."""


@dataclass
class Shown:
    """One finding with its picture."""

    page: str
    text: str
    reason: str
    label: Label | None = None
    score: float | None = None
    read: str = ""
    picture: Markup | None = None
    other: Markup | None = None


@dataclass
class Section:
    """The findings of one rule."""

    rule: Rule
    meaning: str
    outcome: str
    count: int = 0
    shown: list[Shown] = field(default_factory=list)


def html(report: CleaningReport, folder: Path) -> str:
    """Render a report.

    Args:
        report: what to show.
        folder: the data set that was cleaned; its pictures are shown.
    """
    sections = _sections(report)
    _add_pictures((shown for section in sections for shown in section.shown), folder)
    for section in sections:
        if section.outcome == "sheets":
            others = {finding.page: finding.other for finding in report.sheets}
            for shown in section.shown:
                shown.picture = _thumbnail(folder / shown.page)
                other = others[shown.page]
                shown.other = _thumbnail(folder / other) if other else None
    places = [Path(__file__).parent, Path(evaluation_html.__file__).parent]
    environment = Environment(
        loader=FileSystemLoader(places),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["visible"] = evaluation_html.visible
    return environment.get_template("cleaning.html.j2").render(report=report, sections=sections)


def _sections(report: CleaningReport) -> list[Section]:
    found: dict[tuple[str, Rule], Section] = {}

    def add(outcome: str, rule: Rule, shown: Shown) -> None:
        section = found.setdefault((outcome, rule), Section(rule, MEANINGS[rule], outcome))
        section.count += 1
        if len(section.shown) < PICTURES:
            section.shown.append(shown)

    for sheet in report.sheets:
        add("sheets", sheet.rule, Shown(sheet.page, "", sheet.reason))
    whole = {sheet.page for sheet in report.sheets}
    for page in report.findings:
        if page.page in whole:
            continue
        for rejected in page.rejected:
            label = rejected.label
            add("rejected", rejected.rule, Shown(page.page, label.text, rejected.reason, label))
        for corrected in page.corrected:
            label = corrected.before
            add("corrected", corrected.rule, Shown(page.page, label.text, corrected.reason, label))
    suspects = [(page.page, suspect) for page in report.findings for suspect in page.suspects]
    for name, suspect in sorted(suspects, key=lambda pair: -pair[1].score):
        shown = Shown(
            name, suspect.label.text, suspect.reason, suspect.label, score=suspect.score, read=suspect.read
        )
        add("suspects", suspect.rule, shown)
    order = {"sheets": 0, "rejected": 1, "corrected": 2, "suspects": 3}
    rules = list(Rule)
    return sorted(found.values(), key=lambda each: (order[each.outcome], rules.index(each.rule)))


def _add_pictures(every: Iterable[Shown], folder: Path) -> None:
    """Cut out what is shown; one sheet is held at a time."""
    labelled = sorted((shown for shown in every if shown.label is not None), key=lambda shown: shown.page)
    for name, group in itertools.groupby(labelled, key=lambda shown: shown.page):
        pixels = _pixels(folder / name)
        if pixels is None:
            continue
        height, width = pixels.shape[:2]
        for shown in group:
            assert shown.label is not None  # those without were left out
            left, top, right, bottom = bounds(shown.label.points)
            if left < -_FAR or top < -_FAR or right > width + _FAR or bottom > height + _FAR:
                continue
            shown.picture = _address(crop(pixels, [_four(shown.label)], []))


def _four(label: Label) -> Quad:
    points = label.points
    half = len(points) // 2 if len(points) > 3 else 2
    return points[0], points[half - 1], points[half], points[-1]


def _thumbnail(path: Path) -> Markup | None:
    pixels = _pixels(path)
    if pixels is None:
        return None
    scale = min(1.0, _THUMBNAIL / pixels.shape[1])
    small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return _address(cv2.imencode(".png", small)[1].tobytes())


def _pixels(path: Path) -> NDArray[np.uint8] | None:
    try:
        return render_page(path.read_bytes(), 1)
    except (OSError, InvalidInput):
        return None


def _address(png: bytes) -> Markup:
    return Markup(f"data:image/png;base64,{base64.b64encode(png).decode()}")
