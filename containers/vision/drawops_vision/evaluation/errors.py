"""Kinds of error, told mechanically from positions and strings.

Every label that was not read right and every prediction that is not right belongs to exactly one error. They
are taken up in this order, each by the first that fits:

1. **merged**: one prediction covers at least two labels (half of each one's area);
2. **split**: one label covers at least two predictions (half of each one's area), none of which fills it
   alone (IoU >= 0.7);
3. a **pair** with IoU >= 0.5, most pairs first: the difference of its strings names the kind (`kind_of`);
4. a pair that overlaps less (half of the smaller one's area): **box off** when the strings agree, else the
   difference names the kind, if there is something in common (`SAME_TEXT`);
5. a prediction that lies on a label another prediction has answered: **read twice**;
6. what is left: **missed** labels, **false** predictions.
"""

import math
import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from typing import Generic

import numpy as np
import shapely
from rapidfuzz.distance import Levenshtein

from drawops_vision.evaluation.scoring import MIN_IOU, STRICT_IOU, Labelled, Matching, P, Pair, T, most_pairs
from drawops_vision.evaluation.slices import SYMBOLS

COVERED = 0.5
SAME_TEXT = 0.5
"""Similarity (1 - edits / longer length) from which two strings that overlap badly are the same text."""
TURNED = 45.0
"""Degrees between the reading directions from which a text was read the wrong way."""


class Kind(StrEnum):
    """What went wrong; the value is its name in tables."""

    MISSED = "missed text"
    FALSE = "false text"
    TWICE = "read twice"
    MERGED = "merged texts"
    SPLIT = "split text"
    BOX = "box off"
    TURNED = "turned"
    SPACE_LOST = "space lost"
    SPACE_ADDED = "space added"
    CASE = "case"
    SYMBOL = "symbol"
    SIMILAR = "similar characters"
    PUNCTUATION_LOST = "punctuation lost"
    PUNCTUATION_ADDED = "punctuation added"
    PUNCTUATION_WRONG = "punctuation wrong"
    CLIPPED = "clipped"
    EXTENDED = "extended"
    OTHER = "other substitution"


MEANINGS: Mapping[Kind, str] = {
    Kind.MISSED: "nothing was read where a text stands",
    Kind.FALSE: "something was read where no text stands",
    Kind.TWICE: "read again on top of a text that another prediction answers",
    Kind.MERGED: "one prediction over several texts",
    Kind.SPLIT: "several predictions on one text",
    Kind.BOX: "the right string, but its quad overlaps the text's with an IoU under 0.5",
    Kind.TURNED: "read in another direction (by more than 45 degrees)",
    Kind.SPACE_LOST: "only spaces differ, and there are no more of them",
    Kind.SPACE_ADDED: "only spaces differ, and there are more of them",
    Kind.CASE: "only upper and lower case differ",
    Kind.SYMBOL: 'only characters at symbols such as °, Ø, ², ½, " differ',
    Kind.SIMILAR: "only characters of similar shape differ: O/0, I/1/l, 5/S, 8/B",
    Kind.PUNCTUATION_LOST: "only punctuation is missing",
    Kind.PUNCTUATION_ADDED: "only punctuation was added",
    Kind.PUNCTUATION_WRONG: "only punctuation differs",
    Kind.CLIPPED: "only a part of the text was read",
    Kind.EXTENDED: "more was read than the text",
    Kind.OTHER: "characters differ in another way or in several ways",
}

_SIMILAR_GROUPS = (
    *("0OoQD", "1Iil|!/\\[]jtJ", "17T", "5Ss", "8B3", "8S", "2Zz", "6Gb", "9gq", "4A", "UVYvuy", "CG(", "Cc"),
    *("ce", "EF", "PR", "MN", "hn", "nmr", "Xx", "Kk"),
)
_SIMILAR = frozenset(frozenset(pair) for group in _SIMILAR_GROUPS for pair in combinations(group, 2))
_SIMILAR_STRINGS = frozenset(
    frozenset(pair) for pair in (("rn", "m"), ("cl", "d"), ("vv", "w"), ("VV", "W"), ("ii", "u"), ("II", "H"))
)
_PUNCTUATION = frozenset(string.punctuation + "–—‐‑−·•…‘’“”„´¨。，、；：（）")


@dataclass(frozen=True)
class Error(Generic[T, P]):
    """One thing that went wrong.

    Attributes:
        kind: what.
        labels: the texts concerned, in the direction of reading.
        predictions: what was read, likewise.
        edits: edit distance of a pair; characters of missed or false texts; the labels' edits otherwise.
    """

    kind: Kind
    labels: tuple[T, ...]
    predictions: tuple[P, ...]
    edits: int


@dataclass(frozen=True)
class Difference:
    """A stretch of a label (`stands`) and what was read in its place (`read`); one of them may be empty."""

    stands: str
    read: str


def differences(stands: str, read: str) -> list[Difference]:
    """Where two strings differ, by an alignment with the fewest edits; neighbouring edits are one stretch."""
    found: list[list[str]] = []
    end = None
    for code in Levenshtein.opcodes(stands, read):
        if code.tag == "equal":
            continue
        if end != (code.src_start, code.dest_start):
            found.append(["", ""])
        found[-1][0] += stands[code.src_start : code.src_end]
        found[-1][1] += read[code.dest_start : code.dest_end]
        end = code.src_end, code.dest_end
    return [Difference(*each) for each in found]


def kind_of(stands: str, read: str) -> Kind:
    """The kind of difference between a label's string and another one that was read for it.

    Raises:
        ValueError: the strings are equal.
    """
    if stands == read:
        raise ValueError(f"there is no difference between {stands!r} and itself")
    if _without_space(stands) == _without_space(read):
        return Kind.SPACE_ADDED if _spaces(read) > _spaces(stands) else Kind.SPACE_LOST
    kinds = {_kind_of_stretch(each) for each in differences(stands, read)}
    punctuation = {Kind.PUNCTUATION_LOST, Kind.PUNCTUATION_ADDED, Kind.PUNCTUATION_WRONG}
    if len(kinds) == 1 and Kind.OTHER not in kinds:
        return kinds.pop()
    if kinds <= punctuation:
        return Kind.PUNCTUATION_WRONG
    if read in stands:
        return Kind.CLIPPED
    if stands in read:
        return Kind.EXTENDED
    return Kind.OTHER


def _kind_of_stretch(difference: Difference) -> Kind:
    stands, read = difference.stands, difference.read
    both = set(stands + read)
    if not both - set(string.whitespace):
        return Kind.SPACE_ADDED if len(read) > len(stands) else Kind.SPACE_LOST
    if both & SYMBOLS:
        return Kind.SYMBOL
    if stands.lower() == read.lower():
        return Kind.CASE
    same_length = len(stands) == len(read)
    if frozenset((stands, read)) in _SIMILAR_STRINGS or (
        same_length
        and all(a == b or frozenset((a, b)) in _SIMILAR for a, b in zip(stands, read, strict=True))
    ):
        return Kind.SIMILAR
    if both <= _PUNCTUATION | set(string.whitespace):
        if same_length:
            return Kind.PUNCTUATION_WRONG
        return Kind.PUNCTUATION_LOST if len(stands) > len(read) else Kind.PUNCTUATION_ADDED
    return Kind.OTHER


def _without_space(text: str) -> str:
    return re.sub(r"\s+", "", text)


def _spaces(text: str) -> int:
    return len(text) - len(_without_space(text))


def errors(matching: Matching[T, P]) -> list[Error[T, P]]:
    """All errors of a sheet; see the module's text for how they are told apart."""
    return _Sorting(matching).errors()


class _Sorting(Generic[T, P]):
    """Labels and predictions that are not yet part of an error, and how they overlap."""

    def __init__(self, matching: Matching[T, P]) -> None:
        self._matching = matching
        self._labels = set(range(len(matching.labels))) - {row for row, _ in matching.correct}
        self._predictions = set(range(len(matching.predictions))) - {column for _, column in matching.correct}
        of_labels = _areas(matching.labels)
        of_predictions = _areas(matching.predictions)
        self._of_label: dict[Pair, float] = {}
        self._of_prediction: dict[Pair, float] = {}
        for (row, column), iou in matching.iou.items():
            shared = iou / (1 + iou) * (of_labels[row] + of_predictions[column])
            self._of_label[row, column] = shared / of_labels[row]
            self._of_prediction[row, column] = shared / of_predictions[column]
        self._found: list[Error[T, P]] = []

    def errors(self) -> list[Error[T, P]]:
        self._merged()
        self._split()
        self._pairs()
        self._rest()
        return self._found

    def _open(self) -> dict[Pair, float]:
        return {
            (row, column): iou
            for (row, column), iou in self._matching.iou.items()
            if row in self._labels and column in self._predictions
        }

    def _merged(self) -> None:
        covered: dict[int, list[int]] = {}
        for row, column in self._open():
            if self._of_label[row, column] >= COVERED:
                covered.setdefault(column, []).append(row)
        for column in sorted(covered, key=lambda column: (-len(covered[column]), column)):
            rows = [row for row in covered[column] if row in self._labels]
            if len(rows) >= 2:
                self._add(Kind.MERGED, rows, [column], sum(self._matching.edits[row] for row in rows))

    def _split(self) -> None:
        parts: dict[int, list[int]] = {}
        filled = set()
        for (row, column), iou in self._open().items():
            if iou >= STRICT_IOU:
                filled.add(row)
            elif self._of_prediction[row, column] >= COVERED:
                parts.setdefault(row, []).append(column)
        for row in sorted(parts, key=lambda row: (-len(parts[row]), row)):
            columns = [column for column in parts[row] if column in self._predictions]
            if len(columns) >= 2 and row not in filled:
                self._add(Kind.SPLIT, [row], columns, self._matching.edits[row])

    def _pairs(self) -> None:
        near = {pair: iou for pair, iou in self._open().items() if iou >= MIN_IOU}
        for row, column in most_pairs(near):
            self._add_pair(row, column, self._kind(row, column))
        loose = {}
        for pair, iou in self._open().items():
            stands, read = (item.text for item in self._items(*pair))
            if max(self._of_label[pair], self._of_prediction[pair]) >= COVERED and (
                stands == read
                or self._kind(*pair) is not Kind.OTHER
                or Levenshtein.normalized_similarity(stands, read) >= SAME_TEXT
            ):
                loose[pair] = iou
        for row, column in most_pairs(loose):
            stands, read = (item.text for item in self._items(row, column))
            self._add_pair(row, column, Kind.BOX if stands == read else self._kind(row, column))

    def _rest(self) -> None:
        answered = set(range(len(self._matching.labels))) - self._labels
        lying_on: dict[int, set[int]] = {}
        for (row, column), iou in self._matching.iou.items():
            if iou >= MIN_IOU or self._of_prediction[row, column] >= COVERED:
                lying_on.setdefault(column, set()).add(row)
        for column in sorted(self._predictions):
            rows = lying_on.get(column, set()) & answered
            kind = Kind.TWICE if rows else Kind.FALSE
            self._add(kind, [], [column], len(self._matching.predictions[column].text))
        for row in sorted(self._labels):
            self._add(Kind.MISSED, [row], [], len(self._matching.labels[row].text))

    def _kind(self, row: int, column: int) -> Kind:
        label, prediction = self._items(row, column)
        if abs((_direction(label) - _direction(prediction) + 180) % 360 - 180) > TURNED:
            return Kind.TURNED
        return kind_of(label.text, prediction.text) if label.text != prediction.text else Kind.BOX

    def _items(self, row: int, column: int) -> tuple[T, P]:
        return self._matching.labels[row], self._matching.predictions[column]

    def _add_pair(self, row: int, column: int, kind: Kind) -> None:
        label, prediction = self._items(row, column)
        self._add(kind, [row], [column], Levenshtein.distance(label.text, prediction.text))

    def _add(self, kind: Kind, rows: Sequence[int], columns: Sequence[int], edits: int) -> None:
        self._labels -= set(rows)
        self._predictions -= set(columns)
        labels = [self._matching.labels[row] for row in rows]
        predictions = [self._matching.predictions[column] for column in columns]
        # The one that lies over the others says which way they read.
        whole = (predictions if len(labels) > 1 else labels or predictions)[0]
        labels.sort(key=lambda item: _along(whole, item))
        predictions.sort(key=lambda item: _along(whole, item))
        self._found.append(Error(kind, tuple(labels), tuple(predictions), edits))


def _areas(items: Sequence[Labelled]) -> list[float]:
    quads = np.array([item.quad for item in items], dtype=np.float64).reshape(-1, 4, 2)
    areas = np.atleast_1d(np.asarray(shapely.area(shapely.convex_hull(shapely.polygons(quads)))))
    return [float(area) for area in areas]


def _direction(item: Labelled) -> float:
    (x0, y0), (x1, y1) = item.quad[0], item.quad[1]
    return math.degrees(math.atan2(y1 - y0, x1 - x0))


def _along(whole: Labelled, item: Labelled) -> float:
    """How far an item's middle lies along the reading direction of another one."""
    angle = math.radians(_direction(whole))
    return sum(x * math.cos(angle) + y * math.sin(angle) for x, y in item.quad)
