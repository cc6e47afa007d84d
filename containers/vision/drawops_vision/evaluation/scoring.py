"""How well a drawing was read: the yardstick that every figure of this project is measured with.

A prediction is right when its quad overlaps a labelled quad with IoU >= 0.5 (of the turned quads, not of
their upright boxes) **and** its string is the label's string, character for character, case and spaces
included. Pairs are one to one: of two predictions on one label one is a false read.

**Assignment.** Each figure is the optimum of an assignment problem, solved exactly, not greedily:

- detected: the most pairs with IoU >= 0.5;
- correct: the most pairs with IoU >= 0.5 and equal strings;
- edits (for CER): the pairs with IoU >= 0.5 that need the fewest edits in all.

Greedy matching by IoU depends on the order of ties, and pairs a label with a wrong string of IoU 0.9 when
the right string of IoU 0.8 is there too. An optimum has one value whatever the order. Which pairs reach it
can still be open when several do, and per-angle recall looks at pairs: ties go to the larger sum of IoU, and
labels and predictions are put in a canonical order first, so the whole score is a function of the two sets.

**Don't care.** Labels whose string is ``###`` ask for nothing. Predictions with at least half of their area
inside such regions are dropped before matching, as ICDAR 2015 does: neither right nor wrong. The same holds
for labels, so that reading every label perfectly always scores 1.

**CER** = edits / characters of the labels. A miss is a full deletion: all its characters are edits, which is
also the most that a bad match can cost, so CER <= 1. False reads are not insertions here: they already cost
precision, and one logo read as 200 characters would drown the figure. They are reported as
`false_characters`, the characters of predictions that overlap no label.
"""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import shapely
from rapidfuzz.distance import Levenshtein
from scipy.optimize import linear_sum_assignment
from shapely.geometry.base import BaseGeometry

MIN_IOU = 0.5
DONT_CARE = "###"
INSIDE = 0.5
ANGLES = ("0", "90", "180", "270", "other")
ANGLE_TOLERANCE = 5.0
TIE_WEIGHT = 1e-6
"""Weight of one IoU against one pair: too light to buy a pair on any sheet of fewer than a million texts."""

Point = tuple[float, float]
Quad = tuple[Point, Point, Point, Point]


class Labelled(Protocol):
    """Anything with a string and a quad: a `Label`, a generated `TruthText`, a `Text` of a reading."""

    @property
    def text(self) -> str:
        """The string."""

    @property
    def quad(self) -> Quad:
        """Pixels, clockwise from the text's own top-left."""


@dataclass(frozen=True, order=True)
class Label:
    """A string and its quad in pixels, clockwise from the text's own top-left."""

    text: str
    quad: Quad


@dataclass(frozen=True)
class Tally:
    """Labels of one angle class, and how many of them were read correctly."""

    labels: int = 0
    correct: int = 0

    @property
    def recall(self) -> float:
        """Share of the labels that were read correctly; 1 when there are none."""
        return self.correct / self.labels if self.labels else 1.0


@dataclass(frozen=True)
class Score:
    """Counts of one sheet, or of several: scores add up (`a + b`), which gives micro averages.

    Attributes:
        labels: texts to be read (don't-care regions excluded).
        predictions: texts that were read (those in don't-care regions excluded).
        detected: pairs with IoU >= 0.5.
        correct: pairs with IoU >= 0.5 and equal strings.
        characters: characters of the labels.
        edits: edit distance from the predictions to the labels, misses counted in full.
        false_characters: characters of predictions that overlap no label with IoU >= 0.5.
        by_angle: labels and correct reads by the label's angle.
    """

    labels: int = 0
    predictions: int = 0
    detected: int = 0
    correct: int = 0
    characters: int = 0
    edits: int = 0
    false_characters: int = 0
    by_angle: dict[str, Tally] = field(default_factory=lambda: {angle: Tally() for angle in ANGLES})

    def __add__(self, other: "Score") -> "Score":
        return Score(
            self.labels + other.labels,
            self.predictions + other.predictions,
            self.detected + other.detected,
            self.correct + other.correct,
            self.characters + other.characters,
            self.edits + other.edits,
            self.false_characters + other.false_characters,
            {
                angle: Tally(
                    self.by_angle[angle].labels + other.by_angle[angle].labels,
                    self.by_angle[angle].correct + other.by_angle[angle].correct,
                )
                for angle in ANGLES
            },
        )

    @property
    def precision(self) -> float:
        """Share of the predictions that are right; without any, 1 if nothing was to be read, else 0."""
        return self._share(self.correct, self.predictions)

    @property
    def recall(self) -> float:
        """Share of the labels that were read right."""
        return self._share(self.correct, self.labels)

    @property
    def f1(self) -> float:
        """Harmonic mean of end-to-end precision and recall."""
        return self._share(2 * self.correct, self.predictions + self.labels)

    @property
    def detection_precision(self) -> float:
        """Share of the predictions that lie on a label, whatever they say."""
        return self._share(self.detected, self.predictions)

    @property
    def detection_recall(self) -> float:
        """Share of the labels that a prediction lies on."""
        return self._share(self.detected, self.labels)

    @property
    def detection_f1(self) -> float:
        """Harmonic mean of detection precision and recall."""
        return self._share(2 * self.detected, self.predictions + self.labels)

    @property
    def cer(self) -> float:
        """Character error rate in [0, 1]; see the module's text for misses and false reads."""
        return self.edits / self.characters if self.characters else 0.0

    def _share(self, part: int, whole: int) -> float:
        if whole:
            return part / whole
        return 1.0 if self.labels == self.predictions == 0 else 0.0


def score(labels: Iterable[Labelled], predictions: Iterable[Labelled]) -> Score:
    """Score the predictions on one sheet (or page) against its labels.

    Raises:
        ValueError: a quad does not have four finite points.
    """
    given = _canonical(labels)
    regions = shapely.union_all(_polygons([label for label in given if label.text == DONT_CARE]))
    truths = _outside(regions, [label for label in given if label.text != DONT_CARE])
    reads = _outside(regions, _canonical(predictions))
    iou = _iou(truths, reads)
    near = iou >= MIN_IOU
    equal = np.array([[truth.text == read.text for read in reads] for truth in truths], dtype=bool)
    correct = _most_pairs(near & equal.reshape(near.shape), iou)
    angles = [angle_class(truth.quad) for truth in truths]
    by_angle = {
        angle: Tally(angles.count(angle), sum(angles[row] == angle for row, _ in correct)) for angle in ANGLES
    }
    return Score(
        labels=len(truths),
        predictions=len(reads),
        detected=len(_most_pairs(near, iou)),
        correct=len(correct),
        characters=sum(len(truth.text) for truth in truths),
        edits=_fewest_edits(truths, reads, near),
        false_characters=sum(len(reads[column].text) for column in np.flatnonzero(~near.any(axis=0))),
        by_angle=by_angle,
    )


def read_labels(path: Path) -> dict[str, list[Label]]:
    """Read PaddleOCR's ``Label.txt``: image name -> labels, in the file's order.

    Raises:
        ValueError: a line is not ``name<TAB>json`` with four points an entry; says which.
    """
    found: dict[str, list[Label]] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        name, tab, entries = line.partition("\t")
        if not tab:
            raise ValueError(f"{path}, line {number}: no tab between name and labels")
        if name in found:
            raise ValueError(f"{path}, line {number}: {name!r} is labelled twice")
        try:
            found[name] = [
                Label(entry["transcription"], _quad(entry["points"])) for entry in json.loads(entries)
            ]
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path}, line {number}: {error}") from error
    return found


def angle_class(quad: Quad) -> str:
    """``0``, ``90``, ``180``, ``270`` (clockwise on screen, +-5 degrees; 270 reads upwards) or ``other``."""
    (x0, y0), (x1, y1) = quad[0], quad[1]
    angle = math.degrees(math.atan2(y1 - y0, x1 - x0)) % 360.0
    for right in (0, 90, 180, 270):
        if abs((angle - right + 180.0) % 360.0 - 180.0) <= ANGLE_TOLERANCE:
            return str(right)
    return "other"


def _quad(points: Sequence[Sequence[float]]) -> Quad:
    if len(points) != 4 or any(len(point) != 2 for point in points):
        raise ValueError(f"a quad has four points of two numbers, not {points!r}")
    a, b, c, d = ((float(x), float(y)) for x, y in points)
    if not all(math.isfinite(value) for point in (a, b, c, d) for value in point):
        raise ValueError(f"a quad has finite coordinates, not {points!r}")
    return a, b, c, d


def _canonical(items: Iterable[Labelled]) -> list[Label]:
    return sorted(Label(item.text, _quad(item.quad)) for item in items)


def _polygons(items: Sequence[Label]) -> npt.NDArray[np.object_]:
    """Polygons of the quads; one whose points are out of order counts as its convex hull."""
    quads = np.array([item.quad for item in items], dtype=np.float64).reshape(-1, 4, 2)
    polygons = np.asarray(shapely.polygons(quads), dtype=object)
    hulls = np.asarray(shapely.convex_hull(polygons), dtype=object)
    return np.where(np.asarray(shapely.is_valid(polygons)), polygons, hulls)


def _outside(regions: BaseGeometry, items: list[Label]) -> list[Label]:
    """The items with less than half of their area inside `regions`."""
    if regions.is_empty or not items:
        return items
    polygons = _polygons(items)
    inside = shapely.area(shapely.intersection(polygons, regions))
    areas = shapely.area(polygons)
    return [
        item
        for item, part, area in zip(items, inside, areas, strict=True)
        if area <= 0 or part < INSIDE * area
    ]


def _iou(truths: Sequence[Label], reads: Sequence[Label]) -> npt.NDArray[np.float64]:
    """(truths, reads) intersection over union; a quad without area overlaps nothing."""
    iou = np.zeros((len(truths), len(reads)))
    a, b = _polygons(truths), _polygons(reads)
    rows, columns = shapely.STRtree(b).query(a, predicate="intersects")
    overlap = shapely.area(shapely.intersection(a[rows], b[columns]))
    union = shapely.area(a[rows]) + shapely.area(b[columns]) - overlap
    iou[rows, columns] = np.divide(overlap, union, out=np.zeros_like(overlap), where=union > 0)
    return iou


def _most_pairs(allowed: npt.NDArray[np.bool_], iou: npt.NDArray[np.float64]) -> list[tuple[int, int]]:
    """One-to-one pairs among the allowed ones: as many as can be, then with the largest sum of IoU."""
    rows, columns = linear_sum_assignment(np.where(allowed, 1.0 + TIE_WEIGHT * iou, 0.0), maximize=True)
    return [
        (int(row), int(column)) for row, column in zip(rows, columns, strict=True) if allowed[row, column]
    ]


def _fewest_edits(truths: Sequence[Label], reads: Sequence[Label], near: npt.NDArray[np.bool_]) -> int:
    """Total edit distance of the cheapest one-to-one pairing; an unpaired label costs its length."""
    saved = np.zeros(near.shape)
    for row, column in np.argwhere(near):
        label = truths[row].text
        saved[row, column] = max(0, len(label) - Levenshtein.distance(label, reads[column].text))
    rows, columns = linear_sum_assignment(saved, maximize=True)
    return sum(len(truth.text) for truth in truths) - round(float(saved[rows, columns].sum()))
