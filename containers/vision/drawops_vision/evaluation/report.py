"""The report of an evaluation: its published contract, and how it is made of labels and predictions.

`report.json` is a `Report`; `report.md` and `report.html` (modules `markdown` and `html`) show the same.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass
from typing import Literal

import numpy as np
from drawops.contracts.reading import Contract, Quad
from pydantic import Field

from drawops_vision.evaluation import bootstrap
from drawops_vision.evaluation.calibration import calibration
from drawops_vision.evaluation.errors import MEANINGS, Error, Kind, differences, errors
from drawops_vision.evaluation.predictions import Prediction, SheetPredictions
from drawops_vision.evaluation.scoring import Label, Labelled, Matching, Score, match
from drawops_vision.evaluation.slices import AXES, SliceCounts, slices

SCHEMA_VERSION: Literal["1.0"] = "1.0"
COMMONEST_KINDS = 10
EXAMPLES = 6
WORST = 16
CONFUSIONS = 25
FEW_SHEETS = 10
"""Below this number of sheets the report says that its intervals are too narrow."""

SheetMatching = Matching[Label, Prediction]


class Figure(Contract):
    """A figure and its 95 % bootstrap interval over sheets; None where there is none."""

    value: float | None
    low: float | None = None
    high: float | None = None


class Trio(Contract):
    """Precision, recall and their harmonic mean."""

    precision: Figure
    recall: Figure
    f1: Figure


class Overall(Contract):
    """All sheets together: micro averages."""

    labels: int
    predictions: int
    characters: int
    edits: int
    false_characters: int
    detection: Trio = Field(description="IoU >= 0.5, whatever the string.")
    detection_strict: Trio = Field(description="IoU >= 0.7, whatever the string.")
    end_to_end: Trio = Field(description="IoU >= 0.5 and the exact string.")
    cer: Figure


class SheetRow(Contract):
    """One sheet."""

    name: str
    labels: int
    predictions: int
    precision: float
    recall: float
    f1: float
    detection_f1: float
    detection_strict_f1: float
    cer: float
    errors: int
    seconds: float | None
    peak_bytes: int | None


class SliceRow(Contract):
    """One slice of the texts; figures are None where nothing is in it."""

    name: str
    labels: int
    predictions: int
    precision: Figure
    recall: Figure
    f1: Figure
    detection_recall: float | None
    cer: float | None


class Item(Contract):
    """A text that stands, or one that was read; `quad` in pixels of the sheet."""

    text: str
    quad: Quad
    confidence: float | None = None


class Example(Contract):
    """One error; `count` errors of this kind have the same strings."""

    kind: Kind
    sheet: str
    labels: tuple[Item, ...]
    predictions: tuple[Item, ...]
    edits: int
    count: int = 1


class KindRow(Contract):
    """A kind of error and, for the ten commonest, examples."""

    kind: Kind
    meaning: str
    count: int
    share: float = Field(description="Of all errors.")
    examples: tuple[Example, ...]


class Confusion(Contract):
    """Characters and what was read for them, counted over pairs of one label and one prediction."""

    stands: str
    read: str
    count: int


class CalibrationBin(Contract):
    """Predictions of similar confidence."""

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


class CalibrationReport(Contract):
    """Whether confidences mean what they say; see `drawops_vision.evaluation.calibration`."""

    count: int
    ece: float = Field(description="Expected calibration error, ten bins of equal mass.")
    ece_equal_width: float = Field(description="The same with ten bins of equal width.")
    brier: float
    bins: tuple[CalibrationBin, ...] = Field(description="Of equal mass.")


class Bootstrap(Contract):
    """How intervals were taken; `note` says what a reader should know about them."""

    sheets: int
    resamples: int = bootstrap.RESAMPLES
    seed: int = bootstrap.SEED
    level: float = bootstrap.LEVEL
    note: str


class Paired(Contract):
    """One figure of both sides and the difference B - A with its paired 95 % interval."""

    a: float
    b: float
    difference: Figure


class PairedSheet(Contract):
    """One sheet on both sides."""

    name: str
    f1_a: float
    f1_b: float
    cer_a: float
    cer_b: float


class Change(Contract):
    """A label that one side reads right and the other does not; `a` and `b` are what lies on it."""

    sheet: str
    label: Item
    a: tuple[Item, ...]
    b: tuple[Item, ...]
    right: Literal["A", "B"]


class ComparisonReport(Contract):
    """A against B on the same labels."""

    a: str
    b: str
    verdict: Literal["A better", "B better", "no difference beyond the spread", "too few sheets"]
    sentence: str
    f1: Paired
    cer: Paired
    sheets: tuple[PairedSheet, ...]
    only_a_right: int
    only_b_right: int
    changes: tuple[Change, ...]


class Report(Contract):
    """`report.json`."""

    schema_version: Literal["1.0"] = SCHEMA_VERSION
    name: str
    labels: str = Field(description="The label file.")
    predictions: str = Field(description="Where the predictions came from.")
    models: tuple[str, ...] = Field(description="Name and version, where the predictions say so.")
    bootstrap: Bootstrap
    overall: Overall
    seconds: float | None = Field(description="Of all sheets, None when one is not known.")
    sheets: tuple[SheetRow, ...]
    by_class: tuple[SliceRow, ...]
    by_angle: tuple[SliceRow, ...]
    by_height: tuple[SliceRow, ...]
    calibration: CalibrationReport | None = Field(description="None when no prediction has a confidence.")
    kinds: tuple[KindRow, ...] = Field(description="Kinds of error that occurred, the commonest first.")
    confusions: tuple[Confusion, ...]
    worst: tuple[Example, ...] = Field(description="Errors with the most edits, the worst first.")
    comparison: ComparisonReport | None = None


@dataclass(frozen=True)
class SheetResult:
    """One sheet, matched and scored."""

    name: str
    matching: SheetMatching
    score: Score
    errors: tuple[Error[Label, Prediction], ...]
    predictions: SheetPredictions


def results(
    labels: Mapping[str, Sequence[Label]], predictions: Mapping[str, SheetPredictions]
) -> list[SheetResult]:
    """Match and score every labelled sheet.

    Raises:
        KeyError: a sheet has no predictions.
    """
    made = []
    for name, truths in labels.items():
        matching = match(truths, predictions[name].texts)
        made.append(SheetResult(name, matching, matching.score(), tuple(errors(matching)), predictions[name]))
    return made


def build(
    sheets: Sequence[SheetResult],
    *,
    name: str,
    labels: str,
    predictions: str,
    comparison: ComparisonReport | None = None,
) -> Report:
    """Report on scored sheets.

    Args:
        sheets: at least one.
        name: of the evaluation, the report's title.
        labels: where the labels came from, for the reader.
        predictions: where the predictions came from, for the reader.
        comparison: with other predictions (`drawops_vision.evaluation.comparison`).
    """
    seconds = [sheet.predictions.seconds for sheet in sheets]
    known = [value for value in seconds if value is not None]
    found = [(sheet.name, error) for sheet in sheets for error in sheet.errors]
    return Report(
        name=name,
        labels=labels,
        predictions=predictions,
        models=tuple(sorted({sheet.predictions.model for sheet in sheets if sheet.predictions.model})),
        bootstrap=Bootstrap(sheets=len(sheets), note=_note(len(sheets))),
        overall=_overall(sheets),
        seconds=sum(known) if known and len(known) == len(seconds) else None,
        sheets=tuple(_row(sheet) for sheet in sheets),
        by_class=_slices(sheets, "class"),
        by_angle=_slices(sheets, "angle"),
        by_height=_slices(sheets, "height"),
        calibration=_calibration(sheets),
        kinds=_kinds(found),
        confusions=_confusions(error for _, error in found),
        worst=_worst(found),
        comparison=comparison,
    )


def counts_of(score: Score) -> tuple[int, ...]:
    """The counts of a score that add up, without those by angle; `score_of` is the way back."""
    return (
        *(score.labels, score.predictions, score.detected, score.detected_strict),
        *(score.correct, score.characters, score.edits),
    )


def score_of(counts: Sequence[int]) -> Score:
    """A score of the counts that `counts_of` gave."""
    labels, predictions, detected, strict, correct, characters, edits = counts
    return Score(
        labels=labels,
        predictions=predictions,
        detected=detected,
        detected_strict=strict,
        correct=correct,
        characters=characters,
        edits=edits,
    )


def _note(sheets: int) -> str:
    if sheets < 2:
        return "One sheet: no interval can be given, the spread between sheets is unknown."
    note = f"95 % percentile bootstrap over {sheets} sheets."
    return note if sheets >= FEW_SHEETS else f"{note} So few sheets make intervals too narrow."


def _overall(sheets: Sequence[SheetResult]) -> Overall:
    total = sum((sheet.score for sheet in sheets), Score())
    counts = np.array([counts_of(sheet.score) for sheet in sheets], np.int64)

    def figure(of: Callable[[Score], float]) -> Figure:
        found = bootstrap.interval(counts, lambda row: of(score_of(row)))
        return Figure(value=of(total), low=found.low if found else None, high=found.high if found else None)

    return Overall(
        labels=total.labels,
        predictions=total.predictions,
        characters=total.characters,
        edits=total.edits,
        false_characters=total.false_characters,
        detection=Trio(
            precision=figure(lambda score: score.detection_precision),
            recall=figure(lambda score: score.detection_recall),
            f1=figure(lambda score: score.detection_f1),
        ),
        detection_strict=Trio(
            precision=figure(lambda score: score.strict_detection_precision),
            recall=figure(lambda score: score.strict_detection_recall),
            f1=figure(lambda score: score.strict_detection_f1),
        ),
        end_to_end=Trio(
            precision=figure(lambda score: score.precision),
            recall=figure(lambda score: score.recall),
            f1=figure(lambda score: score.f1),
        ),
        cer=figure(lambda score: score.cer),
    )


def _row(sheet: SheetResult) -> SheetRow:
    score = sheet.score
    return SheetRow(
        name=sheet.name,
        labels=score.labels,
        predictions=score.predictions,
        precision=score.precision,
        recall=score.recall,
        f1=score.f1,
        detection_f1=score.detection_f1,
        detection_strict_f1=score.strict_detection_f1,
        cer=score.cer,
        errors=len(sheet.errors),
        seconds=sheet.predictions.seconds,
        peak_bytes=sheet.predictions.peak_bytes,
    )


def _slices(sheets: Sequence[SheetResult], axis: str) -> tuple[SliceRow, ...]:
    per_sheet = [slices(sheet.matching, axis) for sheet in sheets]
    rows = []
    for name in AXES[axis][1]:
        counts = np.array([astuple(each[name]) for each in per_sheet], np.int64)
        total = sum((each[name] for each in per_sheet), SliceCounts())
        if not total.labels and not total.predictions:
            continue

        def figure(
            of: Callable[[SliceCounts], float | None],
            counts: np.ndarray[tuple[int, ...], np.dtype[np.int64]] = counts,
            total: SliceCounts = total,
        ) -> Figure:
            found = bootstrap.interval(counts, lambda row: of(SliceCounts(*row)))
            return Figure(
                value=of(total), low=found.low if found else None, high=found.high if found else None
            )

        rows.append(
            SliceRow(
                name=name,
                labels=total.labels,
                predictions=total.predictions,
                precision=figure(lambda each: each.precision),
                recall=figure(lambda each: each.recall),
                f1=figure(lambda each: each.f1),
                detection_recall=total.detection_recall,
                cer=total.cer,
            )
        )
    return tuple(rows)


def _calibration(sheets: Sequence[SheetResult]) -> CalibrationReport | None:
    confidences, right = [], []
    for sheet in sheets:
        correct = {column for _, column in sheet.matching.correct}
        for column, prediction in enumerate(sheet.matching.predictions):
            if prediction.confidence is not None:
                confidences.append(prediction.confidence)
                right.append(column in correct)
    found = calibration(confidences, right)
    return CalibrationReport.model_validate(asdict(found)) if found else None


Found = tuple[str, Error[Label, Prediction]]


def _kinds(found: Sequence[Found]) -> tuple[KindRow, ...]:
    counts = Counter(error.kind for _, error in found)
    order = sorted(counts, key=lambda kind: (-counts[kind], list(Kind).index(kind)))
    return tuple(
        KindRow(
            kind=kind,
            meaning=MEANINGS[kind],
            count=counts[kind],
            share=counts[kind] / len(found),
            examples=_examples([each for each in found if each[1].kind is kind])
            if place < COMMONEST_KINDS
            else (),
        )
        for place, kind in enumerate(order)
    )


def _examples(found: Sequence[Found]) -> tuple[Example, ...]:
    """One of each of the commonest strings."""
    same: dict[tuple[tuple[str, ...], tuple[str, ...]], list[Found]] = {}
    for sheet, error in found:
        strings = tuple(label.text for label in error.labels), tuple(read.text for read in error.predictions)
        same.setdefault(strings, []).append((sheet, error))
    commonest = sorted(same.values(), key=lambda group: -len(group))[:EXAMPLES]
    return tuple(_example(*group[0], count=len(group)) for group in commonest)


def _example(sheet: str, error: Error[Label, Prediction], count: int = 1) -> Example:
    return Example(
        kind=error.kind,
        sheet=sheet,
        labels=tuple(item(label) for label in error.labels),
        predictions=tuple(item(prediction) for prediction in error.predictions),
        edits=error.edits,
        count=count,
    )


def item(labelled: Labelled) -> Item:
    """A label or prediction as it stands in a report."""
    return Item(text=labelled.text, quad=labelled.quad, confidence=getattr(labelled, "confidence", None))


def _confusions(found: Iterable[Error[Label, Prediction]]) -> tuple[Confusion, ...]:
    counts: Counter[tuple[str, str]] = Counter()
    for error in found:
        if len(error.labels) == len(error.predictions) == 1 and error.kind is not Kind.TURNED:
            for each in differences(error.labels[0].text, error.predictions[0].text):
                counts[each.stands, each.read] += 1
    commonest = sorted(counts.items(), key=lambda each: (-each[1], each[0]))[:CONFUSIONS]
    return tuple(Confusion(stands=stands, read=read, count=count) for (stands, read), count in commonest)


def _worst(found: Sequence[Found]) -> tuple[Example, ...]:
    order = sorted(found, key=lambda each: -each[1].edits)[:WORST]
    return tuple(_example(*each) for each in order)
