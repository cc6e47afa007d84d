"""Clean a data set: what its labels alone give away (`drawops.datasets.cleaning`), and what its pictures do.

    sheets   the same one twice; a picture that cannot be read
    labels   nothing drawn in the box, too faint, too small; with a model: text that starts at another corner,
             and labels that the model reads otherwise (kept, but listed)

The cleaned data set is a folder like the one it came from, with three things more:

    cleaning.json    everything that was found (`CleaningReport`)
    cleaning.html    the same with pictures (`cleaning_report`)
    rejected/        a data set of what was left out; reasons.jsonl says why, one JSON object a label or page
"""

import json
import math
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from drawops.contracts.cleaning import CleanedPage, CorrectedLabel, RejectedLabel, Rule, SuspectLabel
from drawops.contracts.labels import Label, PageLabels
from drawops.contracts.reading import Contract, Text, TextSource
from drawops.datasets import geometry
from drawops.datasets.cleaning import Habits, clean_page, count_habits, rescored
from drawops.errors import InvalidInput
from numpy.typing import NDArray
from pydantic import Field

from drawops_vision import recognise
from drawops_vision.artifact import Model
from drawops_vision.datasets import sheet_duplicates
from drawops_vision.datasets.folder import BadDataset, DatasetFolder, LabelledPage
from drawops_vision.datasets.label_file import Problem
from drawops_vision.rasterise import render_page

REPORT = "cleaning.json"
REJECTED = "rejected"
REASONS = "reasons.jsonl"

NOTHING = 24
"""Grey levels: less is no ink but the paper's own unevenness (as in `layout`)."""
FAINT = 40
"""Grey levels: less cannot be told from dirt."""
SMALLEST = recognise.SMALLEST_TEXT
"""Pixels across a text with letters or digits."""
_RIM = 3.0
"""Pixels around a box that is hardly wider."""
_TURNED_SURELY = 0.9
_FAR = 1e6
"""Pixels; what lies so far off the page is not looked at."""

Pixels = NDArray[np.uint8]
Advance = Callable[[str, int, int], None]
"""Called before each page with what is done, its number from 0, and how many there are."""


class SheetFinding(Contract):
    """A whole page that was left out."""

    page: str
    rule: Rule
    reason: str
    other: str | None = Field(default=None, description="The page that shows the same.")


class PageFindings(Contract):
    """What was found on one page that was kept, or that was left out as a duplicate."""

    page: str
    rejected: tuple[RejectedLabel, ...] = ()
    corrected: tuple[CorrectedLabel, ...] = ()
    suspects: tuple[SuspectLabel, ...] = Field(default=(), description="Likeliest first.")


class CleaningReport(Contract):
    """`cleaning.json`: what cleaning a data set found, and what became of it."""

    schema_version: Literal["1.0"] = "1.0"
    dataset: str = Field(description="Its name in dataset.json.")
    model: str | None = Field(description="Name and version of the model that was asked.")
    pages: int = Field(description="Before.")
    labels: int = Field(description="Before.")
    kept_pages: int
    kept_labels: int
    rejected: dict[Rule, int] = Field(
        description="Labels left out, by rule; those of left out pages included."
    )
    corrected: dict[Rule, int]
    suspects: dict[Rule, int]
    sheets: tuple[SheetFinding, ...]
    findings: tuple[PageFindings, ...] = Field(description="Pages on which something was found.")
    problems: tuple[str, ...] = Field(description="Lines and labels of Label.txt that cannot be read at all.")


class LabelReader:
    """Reads what stands in labelled boxes, with the recognition network of a model."""

    def __init__(self, folder: Path, threads: int = 0) -> None:
        """Load a model.

        Raises:
            drawops.errors.Misconfigured: the folder is not an intact model artifact.
        """
        model = Model(folder)
        self.name = f"{model.manifest.name} {model.manifest.version}"
        self._lines = recognise.Recogniser(model, threads).line_reader().lines
        self._padding = model.manifest.preprocessing.crop_padding

    def read(self, pixels: Pixels, labels: Sequence[Label]) -> dict[str, Text]:
        """What is read in the boxes, by label id; labels with shapes that cannot be cut out are left out.

        A box is read as its label says, and when that gives another string, turned as well. `Text.quad`
        begins where the string that was read does. Confidences are the network's own: most of what a model's
        calibration weighs is known of texts that were found on a page, not of boxes that somebody drew.
        """
        readable = [label for label in labels if _can_be_cut(label, pixels)]
        images = [recognise.crop(pixels, _quad(label), self._padding) for label in readable]
        upright = self._lines(images)
        reads = dict(zip((label.id for label in readable), ((0, *read) for read in upright), strict=True))
        turned = [
            (label, first, np.ascontiguousarray(np.rot90(image, first)))
            for label, image, (text, _) in zip(readable, images, upright, strict=True)
            if not label.unreadable and _plain(text) != _plain(label.text)
            for first in (1, 2, 3)
        ]
        others = self._lines([image for _, _, image in turned])
        for (label, first, _), (text, confidence) in zip(turned, others, strict=True):
            _, known, before = reads[label.id]
            says_it = len(_plain(text)) > 1 and _plain(text) == _plain(label.text)
            surer = confidence >= _TURNED_SURELY and before < recognise.SURE and len(text) > 1
            if _plain(known) != _plain(label.text) and (says_it or (surer and confidence > before)):
                reads[label.id] = (first, text, confidence)
        found = {}
        for label in readable:
            first, text, confidence = reads[label.id]
            if not text:
                continue
            quad = np.roll(_quad(label), -first, axis=0).tolist()
            found[label.id] = Text.model_validate(
                {
                    "id": label.id,
                    "quad": quad,
                    "text": text,
                    "confidence": confidence,
                    "angle": geometry.angle([tuple(point) for point in quad]),
                    "source": TextSource.OCR,
                }
            )
        return found


@dataclass
class _Work:
    """What accumulates over the pages."""

    habits: Habits = field(default_factory=Habits)
    findings: list[PageFindings] = field(default_factory=list)
    sheets: list[SheetFinding] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    pages: int = 0
    labels: int = 0
    kept_pages: int = 0
    kept_labels: int = 0


def clean_folder(
    source: DatasetFolder,
    out: Path | None,
    *,
    reader: LabelReader | None = None,
    dictionary: Collection[str] | None = None,
    advance: Advance = lambda *_: None,
) -> CleaningReport:
    """Clean a data set.

    Args:
        source: the data set; it is not changed.
        out: where the cleaned one goes, as a whole or not at all. A folder that this function wrote before is
            replaced. None: only look.
        reader: asked what stands in the boxes.
        dictionary: characters that strings may have; None: any.
        advance: told how far it is.

    Raises:
        BadDataset: `out` is something else than an earlier result, or the source itself.
        OSError: the disk says no.
    """
    work = _Work()
    pages: list[LabelledPage] = []
    for item in source.scan():
        if isinstance(item, Problem):
            work.problems.append(str(item))
        else:
            pages.append(item)
    work.pages, work.labels = len(pages), sum(len(page.labels) for page in pages)
    if out is not None:
        _check_target(source.path, out)
        out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".cleaning-", dir=out.parent if out else None) as scratch:
        target = _Target(Path(scratch), source) if out is not None else None
        _clean(pages, work, target, reader, dictionary, advance)
        report = _report(source, work, reader)
        if target is not None and out is not None:
            target.finish(report)
            _replace(target.path, out)
    return report


def _clean(
    pages: Sequence[LabelledPage],
    work: _Work,
    target: "_Target | None",
    reader: LabelReader | None,
    dictionary: Collection[str] | None,
    advance: Advance,
) -> None:
    left_out = _sheets(pages, work, advance)
    for number, page in enumerate(pages):
        advance("labels", number, len(pages))
        if page.name in left_out:
            finding = left_out[page.name]
            rejected = [
                RejectedLabel(label=label, rule=finding.rule, reason=finding.reason) for label in page.labels
            ]
            if rejected:
                work.findings.append(PageFindings(page=page.name, rejected=tuple(rejected)))
            if target is not None:
                target.reject_page(page, finding)
            continue
        pixels = render_page(page.image.read_bytes(), 1)
        cleaned = clean_labels(page.labels, pixels, reader=reader, dictionary=dictionary, habits=work.habits)
        work.kept_pages += 1
        work.kept_labels += len(cleaned.labels.labels)
        if cleaned.rejected or cleaned.corrected or cleaned.suspects:
            work.findings.append(
                PageFindings(
                    page=page.name,
                    rejected=cleaned.rejected,
                    corrected=cleaned.corrected,
                    suspects=cleaned.suspects,
                )
            )
        if target is not None:
            target.keep(page, cleaned)
    # Only now the model's habits are known from all pages.
    work.findings = [
        each.model_copy(update={"suspects": tuple(rescored(each.suspects, work.habits))})
        for each in work.findings
    ]


def clean_labels(
    labels: Sequence[Label],
    pixels: Pixels,
    *,
    reader: LabelReader | None = None,
    dictionary: Collection[str] | None = None,
    habits: Habits | None = None,
) -> CleanedPage:
    """Clean the labels of one page, with its picture (H x W grey or H x W x 3).

    `habits`, when given, learns from this page as well; scores are by what it knows so far.
    """
    height, width = pixels.shape[:2]
    reads = reader.read(pixels, labels) if reader else {}
    started, corrected = _starting_right(labels, reads)
    page = PageLabels(width=width, height=height, labels=started)
    found = clean_page(page, tuple(reads.values()), dictionary, habits)
    kept, rejected = [], list(found.rejected)
    for label in found.labels.labels:
        if (fault := _fault(label, pixels)) is None:
            kept.append(label)
        else:
            rejected.append(RejectedLabel(label=label, rule=fault[0], reason=fault[1]))
    if habits is not None:
        count_habits(kept, tuple(reads.values()), habits)
    ids = {label.id for label in kept}
    return CleanedPage(
        labels=page.model_copy(update={"labels": tuple(kept)}),
        rejected=tuple(rejected),
        corrected=(*corrected, *found.corrected),
        suspects=tuple(suspect for suspect in found.suspects if suspect.label.id in ids),
    )


def _starting_right(
    labels: Sequence[Label], reads: dict[str, Text]
) -> tuple[tuple[Label, ...], list[CorrectedLabel]]:
    """Labels whose string the model reads only when the box is turned begin where it reads it."""
    found, corrected = [], []
    for label in labels:
        text = reads.get(label.id)
        after = label
        if text is not None and len(label.points) == 4 and _plain(text.text) == _plain(label.text):
            points = label.points
            first = min(range(4), key=lambda corner: math.dist(points[corner], text.quad[0]))
            if first:
                after = label.model_copy(update={"points": (*points[first:], *points[:first])})
                reason = f"The model reads {text.text!r} only when it begins at the box's corner {first + 1}."
                corrected.append(
                    CorrectedLabel(before=label, after=after, rule=Rule.WRONG_START, reason=reason)
                )
        found.append(after)
    return tuple(found), corrected


def _fault(label: Label, pixels: Pixels) -> tuple[Rule, str] | None:
    """What the picture says against a label."""
    if label.unreadable or not _can_be_cut(label, pixels):
        return None
    if not any(letter.isalnum() for letter in label.text):
        return None  # a dash may fill its box, and is as flat as it likes
    along, across = geometry.sides(label.points)
    if across < SMALLEST:
        return Rule.TOO_SMALL, f"{label.text!r} is {across:.1f} pixels high; nobody can read that."
    # A stroke that fills a narrow box needs some paper beside it.
    rim = _RIM / along if along < 3 * _RIM else 0.0
    contrast = _contrast(recognise.crop(pixels, _quad(label), rim))
    if contrast < NOTHING:
        return Rule.NO_INK, f"Nothing is drawn where {label.text!r} is labelled."
    if contrast < FAINT:
        return (
            Rule.LOW_CONTRAST,
            f"{label.text!r} is only {contrast:.0f} of 255 grey levels darker than its paper.",
        )
    return None


def _contrast(image: Pixels) -> float:
    """Grey levels between the darkest and the lightest place of a few pixels."""
    grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    # A single pixel may be anything.
    soft = cv2.blur(grey, (2, 2))
    return float(soft.max()) - float(soft.min())


def _sheets(pages: Sequence[LabelledPage], work: _Work, advance: Advance) -> dict[str, SheetFinding]:
    """Pages that can go: not readable, or shown by another page as well."""
    readable: list[LabelledPage] = []
    signatures: list[sheet_duplicates.Signature] = []
    worth: list[float] = []
    for number, page in enumerate(pages):
        advance("sheets", number, len(pages))
        content = page.image.read_bytes()
        try:
            pixels = render_page(content, 1)
        except InvalidInput as error:
            reason = f"The picture cannot be read: {error.sentence}"
            work.sheets.append(SheetFinding(page=page.name, rule=Rule.UNREADABLE_PICTURE, reason=reason))
            continue
        readable.append(page)
        signatures.append(sheet_duplicates.signature(content, pixels))
        # Resolution first, as it cannot be made; then work that was done.
        worth.append(pixels.shape[0] * pixels.shape[1] * 1e6 + len(page.labels))
    found = sheet_duplicates.find(
        signatures, worth, lambda index: render_page(readable[index].image.read_bytes(), 1)
    )
    for duplicate in found:
        kept = readable[duplicate.kept].name
        rule = Rule.DUPLICATE_SHEET if duplicate.exact else Rule.NEAR_DUPLICATE_SHEET
        how = "is the same file" if duplicate.exact else "shows the same sheet"
        work.sheets.append(
            SheetFinding(page=readable[duplicate.index].name, rule=rule, reason=f"{kept} {how}.", other=kept)
        )
    return {finding.page: finding for finding in work.sheets}


def _report(source: DatasetFolder, work: _Work, reader: LabelReader | None) -> CleaningReport:
    def by_rule(found: Sequence[Any]) -> dict[Rule, int]:
        counts = Counter(each.rule for each in found)
        return {rule: counts[rule] for rule in Rule if counts[rule]}

    return CleaningReport(
        dataset=source.about.name,
        model=reader.name if reader else None,
        pages=work.pages,
        labels=work.labels,
        kept_pages=work.kept_pages,
        kept_labels=work.kept_labels,
        rejected=by_rule([each for page in work.findings for each in page.rejected]),
        corrected=by_rule([each for page in work.findings for each in page.corrected]),
        suspects=by_rule([each for page in work.findings for each in page.suspects]),
        sheets=tuple(work.sheets),
        findings=tuple(work.findings),
        problems=tuple(work.problems),
    )


class _Target:
    """The cleaned data set while it is made."""

    def __init__(self, scratch: Path, source: DatasetFolder) -> None:
        from drawops.contracts.datasets import Counts

        self.path = scratch / "cleaned"
        about = source.about.model_copy(update={"counts": Counts()})
        self._source = source
        self._folder = DatasetFolder.create(self.path, about)
        self._rejected = DatasetFolder.create(self.path / REJECTED, about)
        self._objects = {
            each.name: each.objects for each in source.objects() if not isinstance(each, Problem)
        }
        (self.path / REJECTED / REASONS).touch()

    def keep(self, page: LabelledPage, cleaned: CleanedPage) -> None:
        """A page, and beside it what was left out of it."""
        self._add(self._folder, page, cleaned.labels.labels, self._objects.get(page.name))
        if cleaned.rejected:
            self._add(self._rejected, page, [each.label for each in cleaned.rejected])
            for each in cleaned.rejected:
                self._reason(page.name, each.rule, each.reason, each.label, each.other)

    def reject_page(self, page: LabelledPage, finding: SheetFinding) -> None:
        """A page as a whole."""
        self._add(self._rejected, page, page.labels, self._objects.get(page.name))
        self._reason(page.name, finding.rule, finding.reason, None, finding.other)

    def finish(self, report: CleaningReport) -> None:
        """Close the two data sets and write the report."""
        from drawops_vision.datasets.cleaning_report import html

        self._folder.close()
        self._rejected.close()
        (self.path / REPORT).write_text(report.model_dump_json(indent=1) + "\n", encoding="utf-8")
        (self.path / "cleaning.html").write_text(html(report, self._source.path), encoding="utf-8")

    def _add(
        self,
        folder: DatasetFolder,
        page: LabelledPage,
        labels: Sequence[Label],
        objects: dict[str, Any] | None = None,
    ) -> None:
        place = folder.path / page.name
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            # The same bytes under another name need no room; cleaning never writes into pictures.
            os.link(page.image.resolve(), place)
        except OSError:
            shutil.copyfile(page.image, place)
        folder.add(page.name, labels, objects)

    def _reason(self, page: str, rule: Rule, reason: str, label: Label | None, other: str | None) -> None:
        line: dict[str, object] = {"page": page, "rule": rule.value, "reason": reason, "other": other}
        if label is not None:
            line |= {"id": label.id, "text": label.text, "points": label.points}
        with (self.path / REJECTED / REASONS).open("a", encoding="utf-8", newline="\n") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


def _check_target(source: Path, out: Path) -> None:
    if out.resolve() == source.resolve() or source.resolve().is_relative_to(out.resolve()):
        raise BadDataset(f"{out} is or holds the data set itself; name another folder.")
    if out.exists() and not (out / REPORT).is_file() and (not out.is_dir() or any(out.iterdir())):
        raise BadDataset(f"{out} is there already and no result of cleaning; name a new folder.")


def _replace(made: Path, out: Path) -> None:
    old = made.with_name("replaced")
    if out.exists():
        os.replace(out, old)
    os.replace(made, out)


def _can_be_cut(label: Label, pixels: Pixels) -> bool:
    left, top, right, bottom = geometry.bounds(label.points)
    height, width = pixels.shape[:2]
    on_page = left < width and top < height and right > 0 and bottom > 0
    return (
        on_page
        and min(left, top) > -_FAR
        and max(right, bottom) < _FAR
        and min(geometry.sides(label.points)) > 0
    )


def _quad(label: Label) -> NDArray[np.float32]:
    """The four outermost points of a label's two long sides, as `recognise.crop` wants them."""
    half = len(label.points) // 2 if len(label.points) > 3 else 2
    corners = (0, half - 1, half, len(label.points) - 1)
    return np.array([label.points[corner] for corner in corners], np.float32)


def _plain(text: str) -> str:
    return "".join(text.split())
