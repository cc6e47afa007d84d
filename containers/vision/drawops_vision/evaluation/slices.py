"""Parts of a score: by the class of a text, by its angle, by its glyph height.

A label belongs to the slice that its string and quad put it in. A prediction belongs to the slice of the
label that it answers (IoU >= 0.5), whatever it says, and only a false one to that of its own string and quad,
as COCO does with its area ranges: a reader with loose quads would else move its reads to another height than
the labels, and precision and recall of a slice would be about different texts.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass

from drawops_vision.evaluation.scoring import ANGLES, Labelled, Matching, P, Quad, T, angle_class

SYMBOLS = frozenset('°℃℉ØøΦφ⌀∅²³¹½¼¾⅛⅜⅝⅞µμ±≤≥×÷√Ω"″′™®©§∠⊥∥')
"""Characters beyond letters, digits and plain punctuation that drawings use and dictionaries confuse."""

CLASSES = {
    "chinese": "at least one Chinese character",
    "character": "one letter, digit or sign",
    "number": "digits and . , : / - + only: 1.4306, 1:50, 2018-02-20",
    "quantity": "a number and its unit in plain letters: 60.0 barg, 25%",
    "line number": 'three groups joined by - . or /, two of them with digits: 4"-WATER-1001-A1',
    "symbol": 'at least one of ° Ø ² ³ ½ µ ± " and their like',
    "tag": "letters and digits, at most one space: HV-1001, TV 4750.03",
    "word": "one word",
    "words": "anything else with spaces",
    "other": "anything else",
}
"""Classes of text, told by pattern; the first that fits. Value: the pattern in words."""

HEIGHTS = {"<14": (0.0, 14.0), "14-20": (14.0, 20.0), "20-30": (20.0, 30.0), ">30": (30.0, math.inf)}
"""Glyph height in pixels; from the first number on, up to but without the second."""

_CHINESE = re.compile(r"[㐀-䶿一-鿿豈-﫿\U00020000-\U0003134f]")
_NUMBER = re.compile(r"[-+]?\d[\d.,:/+ -]*")
_QUANTITY = re.compile(r"[-+]?\d[\d.,]*( ?[A-Za-z%]{1,5}| [A-Za-z\d/^%]+)")
_WORD = re.compile(r"\S*[^\W\d_]\S*")


def text_class(text: str) -> str:
    """The key of `CLASSES` that a string belongs to."""
    if _CHINESE.search(text):
        return "chinese"
    if len(text.strip()) == 1:
        return "character"
    if _NUMBER.fullmatch(text):
        return "number"
    if _QUANTITY.fullmatch(text):
        return "quantity"
    if any(_is_line_number(part) for part in text.split()):
        return "line number"
    if SYMBOLS & set(text):
        return "symbol"
    letters = any(character.isalpha() for character in text)
    if letters and any(character.isdigit() for character in text) and text.count(" ") <= 1:
        return "tag"
    if _WORD.fullmatch(text):
        return "word"
    return "words" if " " in text.strip() else "other"


def _is_line_number(part: str) -> bool:
    groups = [group for group in re.split(r"[-./]", part) if group]
    numbered = sum(any(character.isdigit() for character in group) for group in groups)
    letters = any(character.isalpha() for character in part)
    return len(part) >= 8 and len(groups) >= 3 and numbered >= 2 and letters


def glyph_height(quad: Quad) -> float:
    """Height of a text as it reads, in pixels: the shorter of the quad's two upright sides.

    Quads are ink-tight, so this is the height of a capital, plus a descender's where there is one.
    """
    return min(math.dist(quad[0], quad[3]), math.dist(quad[1], quad[2]))


def height_class(quad: Quad) -> str:
    """The key of `HEIGHTS` that a quad belongs to."""
    height = glyph_height(quad)
    return next(name for name, (low, high) in HEIGHTS.items() if low <= height < high)


Key = Callable[[Labelled], str]
AXES: Mapping[str, tuple[Key, tuple[str, ...]]] = {
    "class": (lambda item: text_class(item.text), tuple(CLASSES)),
    "angle": (lambda item: angle_class(item.quad), ANGLES),
    "height": (lambda item: height_class(item.quad), tuple(HEIGHTS)),
}
"""Name -> which slice an item is in, and all slices in the order of tables."""


@dataclass(frozen=True)
class SliceCounts:
    """Counts of one slice; they add up over sheets.

    Attributes:
        labels: of this slice.
        predictions: that answer them, and false ones of this slice.
        detected: labels that some prediction lies on (IoU >= 0.5).
        correct: labels that were read right.
        characters: of the labels.
        edits: of the labels.
    """

    labels: int = 0
    predictions: int = 0
    detected: int = 0
    correct: int = 0
    characters: int = 0
    edits: int = 0

    def __add__(self, other: "SliceCounts") -> "SliceCounts":
        return SliceCounts(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    @property
    def recall(self) -> float | None:
        """Share of the labels that were read right; None when there are none."""
        return self.correct / self.labels if self.labels else None

    @property
    def precision(self) -> float | None:
        """Share of the predictions that are right; None when there are none."""
        return self.correct / self.predictions if self.predictions else None

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall; None when there are no labels."""
        return 2 * self.correct / (self.labels + self.predictions) if self.labels else None

    @property
    def detection_recall(self) -> float | None:
        """Share of the labels that a prediction lies on; None when there are none."""
        return self.detected / self.labels if self.labels else None

    @property
    def cer(self) -> float | None:
        """Edits per character of the labels; None when they have none."""
        return self.edits / self.characters if self.characters else None


def slices(matching: Matching[T, P], axis: str) -> dict[str, SliceCounts]:
    """The counts of every slice along an axis (a key of `AXES`), in the order of tables."""
    key, names = AXES[axis]
    detected = {row for row, _ in matching.detected}
    answers = {column: row for row, column in matching.correct}
    correct = set(answers.values())
    for row, column in matching.detected:
        if row not in correct:
            answers.setdefault(column, row)
    counts = dict.fromkeys(names, SliceCounts())
    for row, label in enumerate(matching.labels):
        counts[key(label)] += SliceCounts(
            labels=1,
            detected=row in detected,
            correct=row in correct,
            characters=len(label.text),
            edits=matching.edits[row],
        )
    for column, prediction in enumerate(matching.predictions):
        answered = matching.labels[answers[column]] if column in answers else prediction
        counts[key(answered)] += SliceCounts(predictions=1)
    return counts
