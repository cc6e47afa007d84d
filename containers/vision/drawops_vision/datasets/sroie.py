"""SROIE: 1,000 scanned receipts (ICDAR 2019 competition).

Beside each picture, or in another folder, a text file of its name with a line a text,
``x1,y1,x2,y2,x3,y3,x4,y4,text``: the text may hold commas, so a line is split at the first eight. For task 3
a file of that name holds JSON: company, date, address, total. Copies differ in their folders and endings
(.txt, .csv, .json), some files begin with a byte order mark, and some are not UTF-8; what a file is, is told
by its content.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from drawops.contracts.labels import Label, LabelSource

from drawops_vision.datasets.conversion import PICTURES, Conversion, files, short, shown, text_of
from drawops_vision.datasets.folder import BadDataset


def convert(sources: Sequence[Path], conversion: Conversion) -> None:
    """Convert the unpacked data set, which may lie in several folders.

    Raises:
        BadDataset: there are no pictures with lines of boxes below `sources`.
    """
    boxes, keys = _annotations(sources, conversion)
    pictures: dict[str, Path] = {}
    for path in files(sources, *PICTURES):
        if path.stem in pictures:
            conversion.problem(short(path), "left out: there is a picture of this name already")
        pictures.setdefault(path.stem, path)
    if not boxes or not pictures:
        raise BadDataset(
            f"{shown(sources)} does not look like SROIE: pictures and text files with lines of "
            "x1,y1,x2,y2,x3,y3,x4,y4,text are expected below it."
        )
    conversion.expect(len(pictures))
    for stem in sorted(set(boxes) - set(pictures)):
        conversion.problem(boxes[stem][0].name, "left out: its picture is missing")
    for stem, picture in pictures.items():
        if stem not in boxes:
            conversion.problem(picture.name, "left out: it has no boxes")
            continue
        labels = _labels(*boxes[stem], conversion)
        conversion.page(picture.name, picture, labels, {"keys": keys[stem]} if stem in keys else None)


def _annotations(
    sources: Sequence[Path], conversion: Conversion
) -> tuple[dict[str, tuple[Path, str]], dict[str, dict[str, str]]]:
    boxes: dict[str, tuple[Path, str]] = {}
    keys: dict[str, dict[str, str]] = {}
    for path in files(sources, ".txt", ".csv", ".json"):
        try:
            text, is_utf8 = text_of(path)
        except ValueError as error:
            conversion.problem(path.name, str(error))
            continue
        if not is_utf8:
            conversion.note("files that are not UTF-8, read as Windows-1252")
        if text.lstrip().startswith("{"):
            try:
                found = json.loads(text)
                keys[path.stem] = {str(key): str(value) for key, value in found.items()}
            except (ValueError, RecursionError) as error:
                conversion.problem(path.name, f"not JSON: {error}")
        elif path.suffix.lower() == ".json" or not _looks_like_boxes(text):
            conversion.note("files that are neither boxes nor keys left out")
        elif path.stem in boxes:
            if boxes[path.stem][1] != text:
                conversion.problem(short(path), f"differs from {short(boxes[path.stem][0])}, which was taken")
        else:
            boxes[path.stem] = path, text
    return boxes, keys


def _looks_like_boxes(text: str) -> bool:
    """Whether a line begins with eight numbers; an empty file is a receipt without text."""
    if not text.strip():
        return True
    for line in text.split("\n"):
        head = line.split(",", 8)[:8]
        if len(head) == 8 and all(part.strip().lstrip("-").replace(".", "", 1).isdecimal() for part in head):
            return True
    return False


def _labels(path: Path, text: str, conversion: Conversion) -> list[Label]:
    labels = []
    for number, raw in enumerate(text.split("\n"), start=1):
        line = raw.removesuffix("\r")
        if not line.strip():
            continue
        parts = line.split(",", 8)
        try:
            if len(parts) < 9:
                raise ValueError(f"a line has eight numbers and a text, not {len(parts)} parts")
            numbers = [float(part) for part in parts[:8]]
            label = Label(
                id=f"l{number}",
                points=tuple(zip(numbers[::2], numbers[1::2], strict=True)),
                text=parts[8],
                source=LabelSource.DATASET,
            )
        except ValueError as error:
            conversion.problem(path.name, _reason(error), number)
            continue
        labels.append(label)
    return labels


def _reason(error: ValueError) -> str:
    return str(error).split("\n", 1)[0]
