"""Two models on the same pages and lines: what both read, and how it differs."""

from collections.abc import Sequence
from dataclasses import dataclass

from drawops_vision.evaluation import comparison, report
from drawops_vision.evaluation.calibration import calibration, chance
from drawops_vision.evaluation.predictions import Prediction
from drawops_vision.evaluation.report import CalibrationReport, ComparisonReport, SheetResult
from drawops_vision.gate.artifacts import Opened
from drawops_vision.gate.counts import Counted, of_lines, of_pages
from drawops_vision.gate.general import Line, Picture
from drawops_vision.gate.pages import GatePage
from drawops_vision.gate.readings import PageReadings, Progress, read_lines, read_pages
from drawops_vision.gate.seen import RememberingDetector, Seen
from drawops_vision.gate.slices import Set
from drawops_vision.reader import Reader
from drawops_vision.recognise import Recogniser

APPROVED, CANDIDATE = "approved", "candidate"


@dataclass(frozen=True)
class LineChange:
    """A line that only one side reads right."""

    line: Line
    approved: str
    candidate: str


class Side:
    """A model that reads, and what it has read."""

    def __init__(self, opened: Opened, threads: int = 0, beside: "Side | None" = None) -> None:
        """Load its networks; what `beside` has found on pages is not searched again by the same detector."""
        self.opened = opened
        self.seen: Seen = beside.seen if beside else Seen()
        self.reader = Reader(
            opened.folder,
            threads,
            detector=lambda model, count: RememberingDetector(model, count, self.seen),
        )
        self.recogniser = Recogniser(opened.model, threads)
        self.pages = PageReadings({}, 0.0)
        self.lines: list[Prediction] = []

    def read(self, pages: Sequence[GatePage], lines: Sequence[Line], done: Progress) -> "Side":
        """Read pages and lines; what was read already is kept."""
        if not self.pages.pages:
            self.pages = read_pages(self.reader, pages, done)
        if not self.lines:
            self.lines = read_lines(self.recogniser, [line.picture for line in lines])
            done(f"{len(lines)} general lines")
        return self

    def of_pictures(self, pictures: Sequence[Picture]) -> list[Prediction]:
        """Read further lines."""
        return read_lines(self.recogniser, pictures)


@dataclass(frozen=True)
class Compared:
    """Everything that both models read.

    Attributes:
        counted: counts by set.
        sheets: results by set: of the approved model, of the candidate.
        reports: A/B of the sets that have pages.
        changes: general lines that changed.
    """

    pages: Sequence[GatePage]
    lines: Sequence[Line]
    counted: dict[Set, Counted]
    sheets: dict[Set, tuple[list[SheetResult], list[SheetResult]]]
    reports: dict[Set, ComparisonReport]
    changes: tuple[LineChange, ...]


def compare(
    pages: Sequence[GatePage],
    lines: Sequence[Line],
    approved: Side,
    candidate: Side,
    names: tuple[str, str] = (APPROVED, CANDIDATE),
) -> Compared:
    """Compare two sides that have read the same."""
    counted: dict[Set, Counted] = {}
    sheets: dict[Set, tuple[list[SheetResult], list[SheetResult]]] = {}
    reports: dict[Set, ComparisonReport] = {}
    parts: tuple[Set, ...] = ("new", "regression")
    for part in parts:
        own = [page for page in pages if page.part == part]
        if not own:
            continue
        labels = {page.name: list(page.labels) for page in own}
        a, b = (report.results(labels, side.pages.pages) for side in (approved, candidate))
        sheets[part] = (a, b)
        counted[part] = of_pages(
            list(labels),
            {one.name: one.matching for one in a},
            {one.name: one.matching for one in b},
            {page.name: page.source for page in own},
        )
        reports[part] = comparison.compare(a, b, *names)
    if lines:
        counted["general"] = of_lines(lines, approved.lines, candidate.lines)
    changes = tuple(
        LineChange(line, left.text, right.text)
        for line, left, right in zip(lines, approved.lines, candidate.lines, strict=True)
        if (left.text == line.text) != (right.text == line.text)
    )
    return Compared(pages, lines, counted, sheets, reports, changes)


@dataclass(frozen=True)
class Reliability:
    """Calibration of one side on all pages: error, and what chance alone would show."""

    report: CalibrationReport
    chance: float

    @property
    def excess(self) -> float:
        """Error beyond chance."""
        return max(0.0, self.report.ece - self.chance)


def reliability(compared: Compared, side: str) -> Reliability | None:
    """Calibration over new pages and regression set; `side` is "a" or "b". None when nothing was read."""
    pairs = [pair for counted in compared.counted.values() for pair in counted.confidences.get(side, [])]
    confidences = [confidence for confidence, _ in pairs]
    found = calibration(confidences, [right for _, right in pairs])
    if found is None:
        return None
    made = CalibrationReport(
        count=found.count,
        ece=found.ece,
        ece_equal_width=found.ece_equal_width,
        brier=found.brier,
        bins=tuple(
            report.CalibrationBin(
                low=one.low,
                high=one.high,
                count=one.count,
                confidence=one.confidence,
                accuracy=one.accuracy,
            )
            for one in found.bins
        ),
    )
    return Reliability(made, chance(confidences))
