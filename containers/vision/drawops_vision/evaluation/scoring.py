"""How well a drawing was read: the yardstick that every figure of this project is measured with.

A prediction is right when its quad overlaps a labelled quad with IoU >= 0.5 (of the turned quads, not of
their upright boxes) **and** its string is the label's string, character for character, case and spaces
included. Pairs are one to one: of two predictions on one label one is a false read.

**Assignment.** Each figure is the optimum of an assignment problem, solved exactly, not greedily:

- detected: the most pairs with IoU >= 0.5 (and, told apart, with IoU >= 0.7);
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

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
import shapely
from rapidfuzz.distance import Levenshtein
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from shapely.geometry.base import BaseGeometry

from drawops_vision.datasets.label_file import Line, Problem, read_lines, string_of

MIN_IOU = 0.5
STRICT_IOU = 0.7
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


T = TypeVar("T", bound=Labelled)
P = TypeVar("P", bound=Labelled)
Pair = tuple[int, int]
"""A label and a prediction, as positions in `Matching.labels` and `Matching.predictions`."""


@dataclass(frozen=True)
class Matching(Generic[T, P]):
    """Which prediction answers which label on one sheet.

    Attributes:
        labels: those to be read, without don't-care regions, in canonical order.
        predictions: those that count, in canonical order.
        iou: of every pair that overlaps at all.
        detected: the most pairs with IoU >= 0.5.
        detected_strict: the most pairs with IoU >= 0.7.
        correct: the most pairs with IoU >= 0.5 and equal strings.
        edits: of each label, in the pairing with the fewest in all; a missed label needs its length.
    """

    labels: tuple[T, ...]
    predictions: tuple[P, ...]
    iou: dict[Pair, float]
    detected: tuple[Pair, ...]
    detected_strict: tuple[Pair, ...]
    correct: tuple[Pair, ...]
    edits: tuple[int, ...]

    def score(self) -> "Score":
        """The counts of this sheet."""
        near = {column for (_, column), iou in self.iou.items() if iou >= MIN_IOU}
        angles = [angle_class(label.quad) for label in self.labels]
        right = {row for row, _ in self.correct}
        return Score(
            labels=len(self.labels),
            predictions=len(self.predictions),
            detected=len(self.detected),
            detected_strict=len(self.detected_strict),
            correct=len(self.correct),
            characters=sum(len(label.text) for label in self.labels),
            edits=sum(self.edits),
            false_characters=sum(
                len(prediction.text)
                for column, prediction in enumerate(self.predictions)
                if column not in near
            ),
            by_angle={
                angle: Tally(angles.count(angle), sum(angles[row] == angle for row in right))
                for angle in ANGLES
            },
        )


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
        detected_strict: pairs with IoU >= 0.7.
    """

    labels: int = 0
    predictions: int = 0
    detected: int = 0
    correct: int = 0
    characters: int = 0
    edits: int = 0
    false_characters: int = 0
    by_angle: dict[str, Tally] = field(default_factory=lambda: {angle: Tally() for angle in ANGLES})
    detected_strict: int = 0

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
            self.detected_strict + other.detected_strict,
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
    def strict_detection_precision(self) -> float:
        """Share of the predictions that lie on a label with IoU >= 0.7."""
        return self._share(self.detected_strict, self.predictions)

    @property
    def strict_detection_recall(self) -> float:
        """Share of the labels that a prediction lies on with IoU >= 0.7."""
        return self._share(self.detected_strict, self.labels)

    @property
    def strict_detection_f1(self) -> float:
        """Harmonic mean of detection precision and recall at IoU 0.7."""
        return self._share(2 * self.detected_strict, self.predictions + self.labels)

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
    return match(labels, predictions).score()


def match(labels: Iterable[T], predictions: Iterable[P]) -> Matching[T, P]:
    """Pair the predictions on one sheet (or page) with its labels.

    Of equal predictions the one with the higher `confidence`, where they have any, comes first.

    Raises:
        ValueError: a quad does not have four finite points.
    """
    given = _canonical(labels)
    regions = shapely.union_all(_polygons([label for label in given if label.text == DONT_CARE]))
    truths = _outside(regions, [label for label in given if label.text != DONT_CARE])
    reads = _outside(regions, _canonical(predictions))
    iou = _iou(truths, reads)
    near = {pair: value for pair, value in iou.items() if value >= MIN_IOU}
    strict = {pair: value for pair, value in iou.items() if value >= STRICT_IOU}
    equal = {
        (row, column): value
        for (row, column), value in near.items()
        if truths[row].text == reads[column].text
    }
    return Matching(
        labels=tuple(truths),
        predictions=tuple(reads),
        iou=iou,
        detected=most_pairs(near),
        detected_strict=most_pairs(strict),
        correct=most_pairs(equal),
        edits=_fewest_edits(truths, reads, near),
    )


def most_pairs(iou: Mapping[Pair, float]) -> tuple[Pair, ...]:
    """One-to-one pairs among the given ones: as many as can be, then with the largest sum of IoU."""
    return tuple(_best_pairs({pair: 1.0 + TIE_WEIGHT * value for pair, value in iou.items()}))


def read_labels(path: Path) -> dict[str, list[Label]]:
    """Read PaddleOCR's ``Label.txt``: image name -> labels, in the file's order.

    Raises:
        ValueError: a line is not ``name<TAB>json`` with four points an entry; says which.
    """
    return read_label_file(path, lambda entry: Label(string_of(entry), quad_of(entry["points"])))


def read_label_file(path: Path, make: Callable[[dict[str, Any]], T]) -> dict[str, list[T]]:
    """Read a file in the format of ``Label.txt``: image name -> what `make` makes of its entries.

    Raises:
        ValueError: a line is not ``name<TAB>json``, or `make` refuses an entry; says which line.
    """
    found: dict[str, list[T]] = {}
    for line in read_lines(path, elsewhere=True):
        match line:
            case Problem():
                raise ValueError(f"{path}, line {line.line}: {line.reason}")
            case Line():
                try:
                    found[line.name] = [make(entry) for entry in line.entries]
                except (KeyError, TypeError, ValueError) as error:
                    raise ValueError(f"{path}, line {line.number}: {error}") from error
    return found


def angle_class(quad: Quad) -> str:
    """``0``, ``90``, ``180``, ``270`` (clockwise on screen, +-5 degrees; 270 reads upwards) or ``other``."""
    (x0, y0), (x1, y1) = quad[0], quad[1]
    angle = math.degrees(math.atan2(y1 - y0, x1 - x0)) % 360.0
    for right in (0, 90, 180, 270):
        if abs((angle - right + 180.0) % 360.0 - 180.0) <= ANGLE_TOLERANCE:
            return str(right)
    return "other"


def quad_of(points: Sequence[Sequence[float]]) -> Quad:
    """Four points as a quad.

    Raises:
        ValueError: there are not four of them, or one is not two finite numbers.
    """
    if len(points) != 4 or any(len(point) != 2 for point in points):
        raise ValueError(f"a quad has four points of two numbers, not {points!r}")
    a, b, c, d = ((float(x), float(y)) for x, y in points)
    if not all(math.isfinite(value) for point in (a, b, c, d) for value in point):
        raise ValueError(f"a quad has finite coordinates, not {points!r}")
    return a, b, c, d


def _canonical(items: Iterable[T]) -> list[T]:
    def key(item: T) -> tuple[str, Quad, float]:
        return item.text, quad_of(item.quad), -(getattr(item, "confidence", None) or 0.0)

    return sorted(items, key=key)


def _polygons(items: Sequence[Labelled]) -> npt.NDArray[np.object_]:
    """Polygons of the quads; one whose points are out of order counts as its convex hull."""
    quads = np.array([item.quad for item in items], dtype=np.float64).reshape(-1, 4, 2)
    polygons = np.asarray(shapely.polygons(quads), dtype=object)
    hulls = np.asarray(shapely.convex_hull(polygons), dtype=object)
    return np.where(np.asarray(shapely.is_valid(polygons)), polygons, hulls)


def _outside(regions: BaseGeometry, items: list[T]) -> list[T]:
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


def _iou(truths: Sequence[Labelled], reads: Sequence[Labelled]) -> dict[Pair, float]:
    """Intersection over union of every pair that shares an area; a quad without area overlaps nothing."""
    if not truths or not reads:
        return {}
    a, b = _polygons(truths), _polygons(reads)
    rows, columns = shapely.STRtree(b).query(a, predicate="intersects")
    overlap = shapely.area(shapely.intersection(a[rows], b[columns]))
    union = shapely.area(a[rows]) + shapely.area(b[columns]) - overlap
    return {
        (int(row), int(column)): float(part / whole)
        for row, column, part, whole in zip(rows, columns, overlap, union, strict=True)
        if part > 0
    }


def _best_pairs(weights: Mapping[Pair, float]) -> list[Pair]:
    """One-to-one pairs with the largest sum of weights (all > 0).

    Solved per connected group of pairs: texts that overlap nothing in common do not compete, and the matrix
    of a sheet with 20,000 texts would take gigabytes.
    """
    if not weights:
        return []
    pairs = np.array(sorted(weights), dtype=np.intp)
    truths = int(pairs[:, 0].max()) + 1
    nodes = truths + int(pairs[:, 1].max()) + 1
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], truths + pairs[:, 1])), shape=(nodes, nodes))
    _, group = connected_components(graph, directed=False)
    members: dict[int, list[Pair]] = {}
    for row, column in pairs.tolist():
        members.setdefault(int(group[row]), []).append((row, column))
    best: list[Pair] = []
    for competing in members.values():
        if len(competing) == 1:
            best += competing
            continue
        rows = sorted({row for row, _ in competing})
        columns = sorted({column for _, column in competing})
        matrix = np.zeros((len(rows), len(columns)))
        for row, column in competing:
            matrix[rows.index(row), columns.index(column)] = weights[row, column]
        for i, j in zip(*linear_sum_assignment(matrix, maximize=True), strict=True):
            if matrix[i, j] > 0:
                best.append((rows[int(i)], columns[int(j)]))
    return sorted(best)


def _fewest_edits(
    truths: Sequence[Labelled], reads: Sequence[Labelled], near: Mapping[Pair, float]
) -> tuple[int, ...]:
    """Edits of each label in the cheapest one-to-one pairing; an unpaired label costs its length."""
    saved = {}
    for row, column in near:
        label = truths[row].text
        saving = len(label) - Levenshtein.distance(label, reads[column].text)
        if saving > 0:
            saved[row, column] = float(saving)
    edits = [len(truth.text) for truth in truths]
    for row, column in _best_pairs(saved):
        edits[row] -= round(saved[row, column])
    return tuple(edits)
