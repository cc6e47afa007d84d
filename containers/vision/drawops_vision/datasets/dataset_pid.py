"""Dataset-P&ID: 500 synthetic P&IDs of Paliwal et al., "Digitize-PID", PAKDD 2021 (arXiv 2109.03794).

    image_2/N.jpg       the sheet
    N/N_words.npy       (n, 4)   ['word_k', [x1, y1, x2, y2], text, rotation flag]
    N/N_symbols.npy     (n, 3)   ['symbol_k', [x1, y1, x2, y2], class 1 to 32]
    N/N_lines.npy       (n, 4)   ['line_k', [x1, y1, x2, y2], pipe tag, 'solid' or 'dashed']
    N/N_lines2.npy      (n, 5)   x1, y1, x2, y2, kind
    N/N_linker.npy      (n, 2)   ['symbol_k', [ids of words and lines]]
    N/N_KeyValue.npy    (10, 2)  the title block
    N/N_Table.npy       (5, 6)   the revision table

The files may also lie flat, or a level deeper; the archive's folders 245 to 247 hold some of them twice.
Corners come in any order. Words become labels, everything else goes to `objects.jsonl`.

A word whose flag is set stands vertically. The flag says no direction; the sheets are drawn with one, from
bottom to top, as ISO 129-1 wants it for vertical text. So its quad begins at the box's bottom-left, the
text's own top-left, and goes up.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from drawops.contracts.labels import Label, LabelSource
from pydantic import ValidationError

from drawops_vision.datasets import npy
from drawops_vision.datasets.conversion import Conversion, box_of, files, natural, short, shown, upright
from drawops_vision.datasets.folder import BadDataset

_FILE = re.compile(
    r"(\d+)_(symbols|words|lines|lines2|linker|keyvalue|table)( ?\(\d+\))?\.npy", re.IGNORECASE
)
_IMAGES = "image_2"
_KINDS = ("symbols", "lines", "lines2", "linker", "keyvalue", "table")
_NAMES = {"keyvalue": "key_values"}
Row = list[Any]


def convert(sources: Sequence[Path], conversion: Conversion) -> None:
    """Convert the unpacked data set, which may lie in several folders.

    Raises:
        BadDataset: there are no sheets with their arrays below `sources`.
    """
    pictures = _pictures(sources)
    arrays = _arrays(sources, conversion)
    if not pictures or not arrays:
        raise BadDataset(
            f"{shown(sources)} does not look like Dataset-P&ID: pictures are expected in {_IMAGES}/N.jpg, "
            "arrays in N/N_words.npy, N/N_symbols.npy …"
        )
    conversion.expect(len(pictures))
    for number in sorted(set(arrays) - set(pictures)):
        conversion.problem(f"{number}", "there are arrays, but no picture of this sheet")
    for number, picture in pictures.items():
        _sheet(number, picture, arrays.get(number, {}), conversion)


def _pictures(sources: Sequence[Path]) -> dict[int, Path]:
    found = [path for path in files(sources, ".jpg", ".jpeg", ".png") if path.stem.isdecimal()]
    inside = [path for path in found if path.parent.name == _IMAGES] or found
    return {int(path.stem): path for path in sorted(inside, key=natural)}


def _arrays(sources: Sequence[Path], conversion: Conversion) -> dict[int, dict[str, Path]]:
    """Number of the sheet -> kind -> file; of several the one that lies as published."""
    found: dict[int, dict[str, Path]] = {}
    for path in sorted(files(sources, ".npy"), key=_preferred):
        match = _FILE.fullmatch(path.name)
        if not match:
            conversion.note("files with other names left out")
            continue
        number, kind = int(match[1]), match[2].lower()
        kinds = found.setdefault(number, {})
        if kind not in kinds:
            kinds[kind] = path
        elif kinds[kind].read_bytes() == path.read_bytes():
            conversion.note("copies of a file left out")
        else:
            kept = short(kinds[kind])
            conversion.problem(short(path), f"differs from {kept}, which was taken")
    return found


def _preferred(path: Path) -> tuple[bool, bool, int, str]:
    match = _FILE.fullmatch(path.name)
    copy = bool(match and match[3])
    return copy, not (match and path.parent.name == match[1]), len(path.parts), str(path)


def _sheet(number: int, picture: Path, arrays: dict[str, Path], conversion: Conversion) -> None:
    if "words" not in arrays:
        conversion.problem(picture.name, f"left out: there is no {number}_words.npy")
        return
    labels: list[Label] = []
    taken: set[str] = set()
    try:
        rows = npy.read(arrays["words"])
    except npy.BadArray as error:
        conversion.problem(arrays["words"].name, f"the sheet is left out: {error}")
        return
    for place, row in enumerate(rows, start=1):
        try:
            label = _word(row, place)
        except (ValueError, TypeError) as error:
            conversion.problem(arrays["words"].name, f"row {place}: {_reason(error)}")
            continue
        if label.id in taken:
            label = label.model_copy(update={"id": f"{label.id[:50]}-{place}"})
            conversion.note("words with the id of another one got their own")
        taken.add(label.id)
        labels.append(label)
    objects: dict[str, Any] = {}
    for kind in _KINDS:
        if kind not in arrays:
            conversion.note(f"sheets without {kind}")
            continue
        try:
            found = npy.read(arrays[kind])
        except npy.BadArray as error:
            conversion.problem(arrays[kind].name, str(error))
            continue
        objects[_NAMES.get(kind, kind)] = _objects(found, _OBJECTS[kind], arrays[kind].name, conversion)
    conversion.page(picture.name, picture, labels, objects)


def _word(row: Any, place: int) -> Label:  # noqa: ANN401 - a stranger's row
    _, box, text, flag = _row(row, 4)
    return Label(
        id=_identifier(row[0], place),
        points=_points(box, vertical=_is_set(flag)),
        text=text if isinstance(text, str) else str(text),
        source=LabelSource.DATASET,
    )


def _points(box: object, vertical: bool) -> tuple[tuple[float, float], ...]:
    a, b, c, d = upright(*box_of(box))
    return (d, a, b, c) if vertical else (a, b, c, d)


def _is_set(flag: object) -> bool:
    try:
        return bool(float(flag))  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise ValueError(f"the rotation flag is a number, not {str(flag)[:40]!r}") from error


def _identifier(value: object, place: int) -> str:
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9._:-]{1,64}", value):
        return value
    return f"word_{place}"


def _row(row: Any, length: int) -> Row:  # noqa: ANN401
    if not isinstance(row, list) or len(row) != length:
        raise ValueError(f"a row has {length} columns, not {len(row) if isinstance(row, list) else 'one'}")
    return row


def _objects(rows: list[Any], make: Callable[[Any], Any], file: str, conversion: Conversion) -> list[Any]:
    made = []
    for place, row in enumerate(rows, start=1):
        try:
            made.append(make(row))
        except (ValueError, TypeError) as error:
            conversion.problem(file, f"row {place}: {_reason(error)}")
    return made


def _symbol(row: Any) -> dict[str, Any]:  # noqa: ANN401
    name, box, kind = _row(row, 3)
    (x0, y0), _, (x1, y1), _ = upright(*box_of(box))
    return {"id": str(name), "box": [x0, y0, x1, y1], "class": int(kind)}


def _line(row: Any) -> dict[str, Any]:  # noqa: ANN401
    name, box, pipe, style = _row(row, 4)
    return {"id": str(name), "points": list(box_of(box)), "pipe": str(pipe), "style": str(style)}


def _piece(row: Any) -> dict[str, Any]:  # noqa: ANN401
    *points, kind = _row(row, 5)
    return {"points": list(box_of(points)), "kind": kind}


def _link(row: Any) -> dict[str, Any]:  # noqa: ANN401
    name, linked = _row(row, 2)
    return {
        "id": str(name),
        "linked": [str(one) for one in (linked if isinstance(linked, list) else [linked])],
    }


def _cells(row: Any) -> list[str]:  # noqa: ANN401
    if not isinstance(row, list):
        raise TypeError("a row is a list")
    return ["" if cell is None else str(cell) for cell in row]


_OBJECTS: dict[str, Callable[[Any], Any]] = {
    "symbols": _symbol,
    "lines": _line,
    "lines2": _piece,
    "linker": _link,
    "keyvalue": _cells,
    "table": _cells,
}


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    return str(error)
