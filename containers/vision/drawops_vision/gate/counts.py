"""Both models' readings as counts that add up over sheets and groups of lines.

A row of counts (`FIELDS`) belongs to one slice on one sheet. Slices of texts are those of
`evaluation.slices` and the blocks of `charsets`; "characters" counts single characters by block.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from drawops_vision.evaluation.predictions import Prediction
from drawops_vision.evaluation.report import SheetMatching
from drawops_vision.evaluation.scoring import Labelled
from drawops_vision.evaluation.slices import AXES, text_class
from drawops_vision.gate.charsets import CHARSETS, charset, charset_of_character
from drawops_vision.gate.general import Line

FIELDS = (
    "labels",
    "characters",
    "read_a",
    "right_a",
    "edits_a",
    "read_b",
    "right_b",
    "edits_b",
    "only_a",
    "only_b",
)
"""A is the approved model, B the candidate; `read`: what was read, `only`: what one side alone has right."""
_AT = {name: place for place, name in enumerate(FIELDS)}

Slice = tuple[str, str]
"""Axis and slice."""
Row = NDArray[np.int64]
HEIGHTS = {"line <14": (0, 14), "line 14-20": (14, 20), "line 20-30": (20, 30), "line >30": (30, 10**9)}


@dataclass
class Counted:
    """Counts of one set of texts.

    Attributes:
        rows: slice -> sheet or group -> counts.
        characters: character -> how often it stands, both right, only A right, only B right.
        confidences: of each side's predictions that count, with whether they are right.
    """

    rows: dict[Slice, dict[str, Row]] = field(default_factory=lambda: defaultdict(dict))
    characters: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    confidences: dict[str, list[tuple[float, bool]]] = field(default_factory=lambda: defaultdict(list))

    def add(self, where: Slice, sheet: str, **counts: int) -> None:
        """Add to the counts of a slice on a sheet."""
        row = self.rows[where].setdefault(sheet, np.zeros(len(FIELDS), np.int64))
        for name, value in counts.items():
            row[_AT[name]] += value


def _keys() -> dict[str, Callable[[Labelled], str]]:
    keys: dict[str, Callable[[Labelled], str]] = {"all": lambda item: "all"}
    keys |= {axis: key for axis, (key, _) in AXES.items()}
    keys["charset"] = lambda item: charset(item.text)
    return keys


def of_pages(
    names: Sequence[str],
    a: Mapping[str, SheetMatching],
    b: Mapping[str, SheetMatching],
    source: Mapping[str, str],
) -> Counted:
    """Count pages that both models have read; all mappings by the names of pages."""
    counted = Counted()
    keys = _keys()
    for name in names:
        sides = {"a": a[name], "b": b[name]}
        by_axis = keys | {"source": lambda item, name=name: source[name]}
        right = {side: {row for row, _ in one.correct} for side, one in sides.items()}
        read = {side: _read_for(one) for side, one in sides.items()}
        for axis, key in by_axis.items():
            for row, label in enumerate(sides["a"].labels):
                counted.add(
                    (axis, key(label)),
                    name,
                    labels=1,
                    characters=len(label.text),
                    edits_a=sides["a"].edits[row],
                    edits_b=sides["b"].edits[row],
                    right_a=row in right["a"],
                    right_b=row in right["b"],
                    only_a=row in right["a"] and row not in right["b"],
                    only_b=row in right["b"] and row not in right["a"],
                )
            for side, matching in sides.items():
                answers = {column: row for row, column in matching.correct}
                for row, column in matching.detected:
                    if row not in right[side]:
                        answers.setdefault(column, row)
                for column, prediction in enumerate(matching.predictions):
                    item = matching.labels[answers[column]] if column in answers else prediction
                    counted.add((axis, key(item)), name, **{f"read_{side}": 1})
        for row, label in enumerate(sides["a"].labels):
            _characters(counted, name, label.text, read["a"].get(row, ""), read["b"].get(row, ""))
        for side, matching in sides.items():
            fine = {column for _, column in matching.correct}
            counted.confidences[side] += [
                (one.confidence, column in fine)
                for column, one in enumerate(matching.predictions)
                if one.confidence is not None
            ]
    return counted


def of_lines(lines: Sequence[Line], a: Sequence[Prediction], b: Sequence[Prediction]) -> Counted:
    """Count lines that both models have read. A line whose string is empty shall be read as nothing."""
    counted = Counted()
    for line, left, right in zip(lines, a, b, strict=True):
        where = [
            ("all", "all"),
            ("height", _height(line)),
            ("charset", _block(line)),
            ("class", _class(line)),
        ]
        ok_a, ok_b = left.text == line.text, right.text == line.text
        size = max(1, len(line.text))
        for one in where:
            counted.add(
                one,
                f"group {line.group}",
                labels=1,
                characters=len(line.text),
                read_a=1,
                read_b=1,
                right_a=ok_a,
                right_b=ok_b,
                edits_a=min(size, Levenshtein.distance(line.text, left.text)) if line.text else 0,
                edits_b=min(size, Levenshtein.distance(line.text, right.text)) if line.text else 0,
                only_a=ok_a and not ok_b,
                only_b=ok_b and not ok_a,
            )
        _characters(counted, f"group {line.group}", line.text, left.text, right.text)
    return counted


def characters_right(text: str, reading: str) -> list[bool]:
    """Which characters of a string a reading has, in the alignment with the fewest edits."""
    right = [False] * len(text)
    for code in Levenshtein.opcodes(text, reading):
        if code.tag == "equal":
            right[code.src_start : code.src_end] = [True] * (code.src_end - code.src_start)
    return right


def _characters(counted: Counted, sheet: str, text: str, a: str, b: str) -> None:
    for character, left, right in zip(
        text, characters_right(text, a), characters_right(text, b), strict=True
    ):
        if character == " ":
            continue
        counted.add(
            ("characters", charset_of_character(character)),
            sheet,
            labels=1,
            characters=1,
            read_a=1,
            read_b=1,
            right_a=left,
            right_b=right,
            edits_a=not left,
            edits_b=not right,
            only_a=left and not right,
            only_b=right and not left,
        )
        tally = counted.characters[character]
        tally["stands"] += 1
        tally["both"] += left and right
        tally["only_a"] += left and not right
        tally["only_b"] += right and not left


def _read_for(matching: SheetMatching) -> dict[int, str]:
    """What was read for each label: the right prediction, else the one that lies on it."""
    found = {row: matching.predictions[column].text for row, column in matching.detected}
    return found | {row: matching.labels[row].text for row, _ in matching.correct}


def _height(line: Line) -> str:
    height = line.picture.shape[0]
    return next(name for name, (low, high) in HEIGHTS.items() if low <= height < high)


def _block(line: Line) -> str:
    return charset(line.text) if line.text else "no text"


def _class(line: Line) -> str:
    return text_class(line.text) if line.text else "no text"


def slice_order(found: Iterable[Slice]) -> list[Slice]:
    """Slices in the order of tables."""
    axes = ("all", *AXES, "charset", "characters", "source")
    names = [
        "all",
        *(name for _, all_names in AXES.values() for name in all_names),
        *CHARSETS,
        *HEIGHTS,
        "no text",
    ]

    def place(one: Slice) -> tuple[int, int, str]:
        return axes.index(one[0]), names.index(one[1]) if one[1] in names else len(names), one[1]

    return sorted(found, key=place)
