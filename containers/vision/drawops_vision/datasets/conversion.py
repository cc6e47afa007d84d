"""What all converters share: where pages go, and where it is written down what could not be converted."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from drawops.contracts.labels import Label

from drawops_vision.datasets.folder import DatasetFolder, picture_name
from drawops_vision.datasets.label_file import Problem

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff"})
MAX_TEXT_BYTES = 64 * 2**20
"""Of one file of labels."""


@dataclass
class Conversion:
    """One conversion under way.

    Attributes:
        target: where pages are written.
        expect: called with the number of pages to come, once it is known.
        done: called after each page, with its name.
        problems: what could not be converted.
        notes: what was left out or changed by rule, how often.
    """

    target: DatasetFolder
    expect: Callable[[int], None] = lambda pages: None
    done: Callable[[str], None] = lambda name: None
    problems: list[Problem] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)
    _taken: set[str] = field(default_factory=set)

    def page(
        self,
        name: str,
        image: bytes | Path,
        labels: Iterable[Label],
        objects: Mapping[str, Any] | None = None,
    ) -> None:
        """Write a page under a name like `name`; one that cannot be written is a problem."""
        safe = picture_name(name, self._taken)
        try:
            self.target.write(safe, image, labels, objects)
        except ValueError as error:
            self.problem(name, str(error))
            return
        self._taken.add(safe)
        self.done(safe)

    def note(self, what: str, count: int = 1) -> None:
        """Count something that was left out or changed by rule."""
        if count:
            self.notes[what] += count

    def problem(self, file: str, reason: str, line: int | None = None) -> None:
        """Write down something that could not be converted."""
        self.problems.append(Problem(file, reason, line))


def upright(x0: float, y0: float, x1: float, y1: float) -> tuple[tuple[float, float], ...]:
    """The quad of an upright text in a box whose corners may be in any order."""
    left, right, top, bottom = min(x0, x1), max(x0, x1), min(y0, y1), max(y0, y1)
    return (left, top), (right, top), (right, bottom), (left, bottom)


def box_of(value: object) -> tuple[float, float, float, float]:
    """Four numbers.

    Raises:
        ValueError: they are none.
    """
    if isinstance(value, list | tuple) and len(value) == 4:
        numbers = [one for one in value if isinstance(one, int | float) and not isinstance(one, bool)]
        if len(numbers) == 4:
            x0, y0, x1, y1 = (float(one) for one in numbers)
            return x0, y0, x1, y1
    raise ValueError(f"a box is four numbers, not {str(value)[:60]!r}")


def text_of(path: Path) -> tuple[str, bool]:
    """The text of a file, and whether it is UTF-8; what is not is read as Windows-1252, the usual other one.

    Raises:
        ValueError: it is too large for a file of labels.
    """
    if path.stat().st_size > MAX_TEXT_BYTES:
        raise ValueError(f"more than {MAX_TEXT_BYTES // 2**20} MB")
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig"), True
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace"), False


def files(sources: Sequence[Path], *suffixes: str) -> list[Path]:
    """All files below folders with these endings (lower case), by name; links are left out."""
    found = [
        path
        for source in sources
        for path in source.rglob("*")
        if path.suffix.lower() in suffixes and path.is_file() and not path.is_symlink()
    ]
    return sorted((path for path in found if "__MACOSX" not in path.parts), key=natural)


def short(path: Path) -> str:
    """Folder and name of a file, for messages."""
    return "/".join(path.parts[-2:])


def shown(sources: Sequence[Path]) -> str:
    """Several paths, for messages."""
    return ", ".join(str(source) for source in sources)


def natural(path: Path) -> tuple[tuple[int, int, str], ...]:
    """A key that sorts 2 before 10."""
    parts = re.split(r"([0-9]+)", str(path))
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts)
