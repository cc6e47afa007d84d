"""What was read, from wherever it was written down: result documents, readings, or a label file."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from drawops.contracts.reading import DrawingResult, Reading
from pydantic import ValidationError

from drawops_vision.datasets.label_file import string_of
from drawops_vision.evaluation.scoring import Quad, quad_of, read_label_file


@dataclass(frozen=True)
class Prediction:
    """A string that was read, its quad in pixels, and how sure the reader was (0 to 1, None: not said)."""

    text: str
    quad: Quad
    confidence: float | None = None


@dataclass(frozen=True)
class SheetPredictions:
    """Everything that was read on one sheet.

    Attributes:
        texts: what was read.
        seconds: how long that took, None when not known.
        peak_bytes: the reading process's peak memory so far, None when not known.
        model: name and version of what read.
    """

    texts: tuple[Prediction, ...]
    seconds: float | None = None
    peak_bytes: int | None = None
    model: str | None = None


def of_reading(reading: Reading, seconds: float | None = None, peak: int | None = None) -> SheetPredictions:
    """The texts of a reading of one page.

    Args:
        reading: of a drawing with one page.
        seconds: measured from outside; by default what the reader wrote down.
        peak: bytes, see `SheetPredictions`.

    Raises:
        ValueError: there are more pages; labels are of one.
    """
    if len(reading.pages) != 1:
        raise ValueError(f"the reading has {len(reading.pages)} pages, labels are of one")
    return SheetPredictions(
        tuple(Prediction(text.text, text.quad, text.confidence) for text in reading.pages[0].texts),
        reading.timings.total if seconds is None else seconds,
        peak,
        f"{reading.model.name} {reading.model.version}",
    )


def load(path: Path, sheets: Iterable[str]) -> dict[str, SheetPredictions]:
    """Read the predictions of the given sheets (names as in the label file).

    A folder is searched for JSON files that are a `Reading` or a `DrawingResult`. One belongs to a sheet when
    its path, relative to the folder, has a part that is the sheet's file name or that name without its ending
    (`plan.png/result.json`, `plan/result.json`, `plan.png.json`), or when its `source.key` ends in the
    sheet's file name. A file is taken for a label file, whose entries may have a `score`, the confidence.

    Raises:
        FileNotFoundError: there is no such file or folder.
        ValueError: a sheet has no predictions or two, or a file is not what it claims to be.
    """
    if path.is_dir():
        return _of_readings(path, sheets)
    return _of_label_file(path, sheets)


def _of_label_file(path: Path, sheets: Iterable[str]) -> dict[str, SheetPredictions]:
    lines = read_label_file(path, _entry)
    by_file = _unique(lines)
    found = {}
    for sheet in sheets:
        name = sheet if sheet in lines else by_file.get(PurePosixPath(sheet).name)
        if name is None:
            raise ValueError(f"{path} has no line for {sheet}")
        found[sheet] = SheetPredictions(tuple(lines[name]))
    return found


def _unique(names: Iterable[str]) -> dict[str, str]:
    """File name -> name, of those that no other one shares."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(PurePosixPath(name).name, []).append(name)
    return {file: same[0] for file, same in found.items() if len(same) == 1}


def _entry(entry: dict[str, Any]) -> Prediction:
    score = entry.get("score")
    if score is not None and not (isinstance(score, int | float) and 0 <= score <= 1):
        raise ValueError(f"a score is a number from 0 to 1, not {score!r}")
    return Prediction(string_of(entry), quad_of(entry["points"]), None if score is None else float(score))


def _of_readings(folder: Path, sheets: Iterable[str]) -> dict[str, SheetPredictions]:
    stored: dict[Path, Reading] = {}
    for file in sorted(folder.rglob("*.json")):
        try:
            document = json.loads(file.read_bytes())
            if not isinstance(document, Mapping) or "pages" not in document:
                continue
            kind = DrawingResult if "drawing_id" in document else Reading
            stored[file.relative_to(folder)] = kind.model_validate(document, strict=False)
        except ValidationError as error:
            raise ValueError(f"{file} is not a reading: {error}") from error
        except ValueError as error:
            raise ValueError(f"{file} is not JSON: {error}") from error
    found = {}
    for sheet in sheets:
        name = PurePosixPath(sheet).name
        matching = [place for place, reading in stored.items() if _is_of(place, reading, name)]
        if not matching:
            raise ValueError(f"{folder} has no result for {sheet}")
        if len(matching) > 1:
            raise ValueError(f"{folder} has two results for {sheet}: {matching[0]} and {matching[1]}")
        try:
            found[sheet] = of_reading(stored[matching[0]])
        except ValueError as error:
            raise ValueError(f"{folder / matching[0]}: {error}") from error
    return found


def _is_of(place: Path, reading: Reading, name: str) -> bool:
    if isinstance(reading, DrawingResult) and PurePosixPath(reading.source.key).name == name:
        return True
    parts = {part.removesuffix(".json") for part in place.parts}
    return bool(parts & {name, PurePosixPath(name).stem})
