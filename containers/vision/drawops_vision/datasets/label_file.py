"""The one reader and writer of lines in PaddleOCR's detection format: ``name<TAB>json``.

Reading loses nothing in silence: a line that cannot be read gives a `Problem` with its number and the reason,
and all other lines are read.

Writing takes care of the tools that read such files in ways of their own:

- PaddleOCR's loader splits a line at its tabs and takes what stands between the first two. JSON escapes tabs
  inside strings, so only names could break it: they hold no control characters (`check_name`).
- PPOCRLabel replaces ``true`` and ``false`` by ``True`` and ``False`` in the whole line and evaluates it as
  Python. A text that says "true" would change, and a ``null`` would fail. So the last letter of these words
  is escaped inside strings (``tru\\u0065``), which JSON and Python read alike, and ``null`` is never written.
- Python reads a pair of surrogate escapes as two characters, JSON as one: beyond ASCII nothing is escaped.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drawops.contracts.labels import Label
from pydantic import ValidationError

MAX_LINE = 64 * 2**20
"""Bytes; a sheet with 100,000 texts needs a quarter of it."""
MAX_NAME_BYTES = 1000
NO_KIND = ("", "None")
"""What PPOCRLabel writes as `key_cls` where nobody chose a class."""
_WORDS = (("true", "tru\\u0065"), ("false", "fals\\u0065"))
_MOST_EXACT = 2**53
"""Up to here a float holds whole numbers exactly."""


@dataclass(frozen=True)
class Problem:
    """Something in a data set that could not be used.

    Attributes:
        file: its name in the data set.
        reason: one sentence.
        line: its number from 1, None when it is not about a line.
    """

    file: str
    reason: str
    line: int | None = None

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}, line {self.line}"
        return f"{place}: {self.reason}"


@dataclass(frozen=True)
class Line:
    """One page of a label file: its name, and its entries as they stand there."""

    number: int
    name: str
    entries: list[Any]


def read_lines(path: Path) -> Iterator[Line | Problem]:
    """The lines of a label file in their order, one in memory at a time; empty lines are skipped.

    A name that comes a second time is a problem; the first line counts.

    Raises:
        OSError: the file cannot be read.
    """
    known: dict[str, int] = {}
    with path.open("rb") as file:
        number = 0
        # Only a line feed ends a line: strings may hold what `str.splitlines` would cut at.
        while raw := file.readline(MAX_LINE + 1):
            number += 1
            if len(raw) > MAX_LINE:
                while raw and not raw.endswith(b"\n"):
                    raw = file.readline(MAX_LINE)
                yield Problem(path.name, f"longer than {MAX_LINE // 2**20} MB", number)
                continue
            if number == 1:
                raw = raw.removeprefix(b"\xef\xbb\xbf")
            if not raw.strip():
                continue
            try:
                name, entries = _split(raw)
                if name in known:
                    raise ValueError(f"{name!r} is labelled twice, first in line {known[name]}")
            except (ValueError, TypeError, RecursionError) as error:
                yield Problem(path.name, _sentence(error), number)
                continue
            known[name] = number
            yield Line(number, name, entries)


def _split(raw: bytes) -> tuple[str, list[Any]]:
    name, tab, entries = raw.decode("utf-8").partition("\t")
    if not tab:
        raise ValueError("no tab between name and labels")
    check_name(name)
    found = json.loads(entries, parse_constant=_no_constant)
    if not isinstance(found, list):
        raise TypeError(f"the labels are a list, not {_shown(found)}")
    return name, found


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


def _sentence(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "the labels are nested too deep"
    if isinstance(error, UnicodeDecodeError):
        return f"not UTF-8: {error.reason} at byte {error.start}"
    return str(error)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:59] + "…"


def check_name(name: str) -> None:
    """Refuse names of pictures that could lead out of the folder or break a line.

    Raises:
        ValueError: it is empty, absolute or too long, has a part ``..``, a backslash or a control character.
    """
    parts = name.split("/")
    if not name.strip() or any(part in ("", ".", "..") for part in parts):
        raise ValueError(f"{name!r} is no name of a picture inside the folder")
    if "\\" in name or any(ord(letter) < 32 or ord(letter) == 127 for letter in name):
        raise ValueError(f"{name!r} has a backslash or a control character")
    if len(name.encode()) > MAX_NAME_BYTES:
        raise ValueError(f"the name has more than {MAX_NAME_BYTES} bytes")


def labels_of(line: Line, file: str) -> tuple[tuple[Label, ...], tuple[Problem, ...]]:
    """The labels of a line, and what is wrong with the entries that are none.

    An entry without `id` gets one from its place: `t1`, `t2` … So does one whose id was there before.
    """
    labels, problems = [], []
    taken: set[str] = set()
    for place, entry in enumerate(line.entries, start=1):
        try:
            label = label_of(entry, place)
        except (ValueError, TypeError, KeyError) as error:
            problems.append(Problem(file, f"label {place}: {_reason(error)}", line.number))
            continue
        if label.id in taken:
            reason = f"label {place}: the id {label.id!r} was there before; it gets another one"
            if "id" in entry:
                problems.append(Problem(file, reason, line.number))
            count = 0
            while label.id in taken:
                count += 1
                label = label.model_copy(update={"id": f"t{place}-{count}"})
        taken.add(label.id)
        labels.append(label)
    return tuple(labels), tuple(problems)


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"it has no {error.args[0]!r}"
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        return f"{place}: {first['msg']}"
    return str(error)


def label_of(entry: object, place: int) -> Label:
    """One entry of a line as a label.

    Args:
        entry: as JSON gives it: `transcription` and `points`, perhaps `difficult`, `key_cls` (PPOCRLabel),
            and `id`, `source`, `score` (ours).
        place: of the entry on its page, from 1.

    Raises:
        TypeError, KeyError, ValueError: it is none; says why.
    """
    if not isinstance(entry, Mapping):
        raise TypeError(f"a label is an object, not {_shown(entry)}")
    difficult = entry.get("difficult", False)
    if not isinstance(difficult, bool):
        raise TypeError(f"difficult is true or false, not {_shown(difficult)}")
    kind = entry.get("key_cls") or ""
    if not isinstance(kind, str):
        raise TypeError(f"a key_cls is a string, not {_shown(kind)}")
    fields: dict[str, Any] = {
        "id": entry.get("id", f"t{place}"),
        "points": points_of(entry["points"]),
        "text": string_of(entry),
        "difficult": difficult,
        "kind": "" if kind in NO_KIND else kind,
    }
    if "source" in entry:
        fields["source"] = entry["source"]
    if entry.get("score") is not None:
        fields["confidence"] = entry["score"]
    return Label(**fields)


def string_of(entry: Mapping[str, Any]) -> str:
    """The string of one entry of a label file.

    Raises:
        KeyError: it has none.
        TypeError: it is no string.
    """
    text = entry["transcription"]
    if not isinstance(text, str):
        raise TypeError(f"a transcription is a string, not {text!r}")
    return text


def points_of(points: object) -> tuple[tuple[float, float], ...]:
    """The points of one entry.

    Raises:
        TypeError: they are no list of pairs of numbers.
        ValueError: there are fewer than three.
    """
    if not isinstance(points, Sequence) or isinstance(points, str):
        raise TypeError(f"points are a list, not {_shown(points)}")
    found = []
    for point in points:
        if (
            not isinstance(point, Sequence)
            or isinstance(point, str)
            or len(point) != 2
            or not all(isinstance(value, int | float) and not isinstance(value, bool) for value in point)
        ):
            raise TypeError(f"a point is two numbers, not {_shown(point)}")
        try:
            found.append((float(point[0]), float(point[1])))
        except OverflowError as error:
            raise ValueError("a coordinate is out of range") from error
    if len(found) < 3:
        raise ValueError(f"a shape has at least three points, not {len(found)}")
    return tuple(found)


def line_of(name: str, labels: Sequence[Label]) -> str:
    """A page as a line, with its line feed; `read_lines` and `labels_of` give back the very same.

    Raises:
        ValueError: `name` breaks a line (see `check_name`), or two labels have one id.
    """
    check_name(name)
    if len({label.id for label in labels}) != len(labels):
        raise ValueError(f"two labels of {name} have the same id")
    entries = [entry_of(label, place) for place, label in enumerate(labels, start=1)]
    return f"{name}\t{json_of(entries)}\n"


def entry_of(label: Label, place: int | None = None) -> dict[str, Any]:
    """A label as an entry of a line.

    Fields that PaddleOCR does not know are left out where they say nothing: the id when it is that of the
    label's `place` on its page, `source` when it is a person.
    """
    entry: dict[str, Any] = {
        "transcription": label.text,
        "points": [[_number(x), _number(y)] for x, y in label.points],
        "difficult": label.difficult,
    }
    if label.kind not in NO_KIND:
        entry["key_cls"] = label.kind
    if label.id != f"t{place}":
        entry["id"] = label.id
    if label.source is not Label.model_fields["source"].default:
        entry["source"] = label.source.value
    if label.confidence is not None:
        entry["score"] = label.confidence
    return entry


def json_of(value: object) -> str:
    """JSON in one line that PPOCRLabel's replacing and evaluating reads as the same; see the module's text.

    Raises:
        ValueError: `value` holds an infinite number or NaN.
    """
    if isinstance(value, str):
        text = json.dumps(value, ensure_ascii=False)
        for word, escaped in _WORDS:
            text = text.replace(word, escaped)
        return text
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json_of(key)}: {json_of(item)}" for key, item in value.items()) + "}"
    if isinstance(value, Sequence):
        return "[" + ", ".join(json_of(item) for item in value) + "]"
    return json.dumps(value, allow_nan=False)


def _number(value: float) -> int | float:
    """Whole numbers as such: many tools draw on whole pixels and print what they read."""
    if not math.isfinite(value):
        raise ValueError("a coordinate is a finite number")
    return int(value) if value.is_integer() and abs(value) < _MOST_EXACT else value
