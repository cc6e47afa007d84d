"""Label Studio's JSON export ("JSON", not "JSON-MIN") of its OCR template.

A task has `data` (which names the picture) and `annotations`, each with a list `result`. Regions are of type
rectangle or polygon (with labels: rectanglelabels, polygonlabels, labels), in percent of the picture's width
and height; a rectangle's `rotation` turns it clockwise about its top-left corner. The string of a region is a
result of type textarea with the same id.

Of several annotations the one marked as ground truth counts, else the one that was changed last. Pictures are
looked for by the last parts of their names below the folder of the export, or another one: a name like
``/data/upload/3/0f3a5c2b-plan.png`` is `plan.png` with what Label Studio puts before it.
"""

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from drawops.contracts.labels import Label, LabelSource

from drawops_vision.datasets.conversion import PICTURES, Conversion, files, text_of
from drawops_vision.datasets.folder import BadDataset, LabelledPage

_UPLOADED = re.compile(r"^[0-9a-f]{8}-(?=.)")
_SHAPES = ("rectangle", "rectanglelabels", "polygon", "polygonlabels")
Entry = Mapping[str, Any]


def convert(source: Path, conversion: Conversion, pictures: Path | None = None) -> None:
    """Convert an export.

    Args:
        source: the JSON file.
        conversion: where pages go.
        pictures: the folder to look for pictures in; by default the export's.

    Raises:
        BadDataset: it is no such export.
    """
    try:
        tasks = json.loads(text_of(source)[0])
    except (ValueError, RecursionError) as error:
        raise BadDataset(f"{source} is no JSON: {error}") from error
    if not isinstance(tasks, list) or not all(isinstance(task, dict) and "data" in task for task in tasks):
        raise BadDataset(
            f"{source} is no JSON export of Label Studio. Export the project as JSON (not JSON-MIN or CSV)."
        )
    index = _Pictures(pictures or source.parent)
    conversion.expect(len(tasks))
    for place, task in enumerate(tasks, start=1):
        _task(task, f"task {task.get('id', place)}", index, conversion)


class _Pictures:
    """All pictures below a folder, by name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._by_name: dict[str, list[Path]] = {}
        for path in files([folder], *PICTURES):
            self._by_name.setdefault(path.name, []).append(path)

    def find(self, name: str) -> Path:
        """The picture that a task names.

        Raises:
            ValueError: there is none, or several fit.
        """
        parts = PurePosixPath(name).parts
        plain = _UPLOADED.sub("", parts[-1]) if parts else ""
        for wanted in dict.fromkeys((parts[-1] if parts else "", plain)):
            found = self._by_name.get(wanted, [])
            # The more parts of the path agree, the better.
            for length in range(len(parts), 0, -1):
                fit = [path for path in found if _ends(path, (*parts[:-1], wanted)[-length:])]
                if len(fit) == 1:
                    return fit[0]
                if fit:
                    raise ValueError(f"{len(fit)} pictures are called {wanted}")
        raise ValueError(f"the picture {plain or name!r} is not below {self._folder}")


def _ends(path: Path, parts: tuple[str, ...]) -> bool:
    return path.parts[-len(parts) :] == parts


def _task(task: Entry, place: str, index: _Pictures, conversion: Conversion) -> None:
    try:
        result = _result(task, place, conversion)
        picture = index.find(_named(task["data"], result))
        size = LabelledPage(picture.name, picture, ()).size
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        conversion.problem(place, f"left out: {error}")
        return
    strings: dict[str, list[str]] = {}
    kinds: dict[str, str] = {}
    regions: dict[str, Entry] = {}
    for entry in result:
        try:
            _sort(entry, strings, kinds, regions, conversion)
        except (KeyError, TypeError, AttributeError) as error:
            conversion.problem(place, f"a result is damaged: {error!r}")
    labels: list[Label] = []
    for identifier, entry in regions.items():
        try:
            if entry.get("image_rotation"):
                raise ValueError("the picture was turned in Label Studio; turn the file itself")
            text = " ".join(strings.get(identifier, ()))
            labels.append(
                Label(
                    id=f"r{len(labels) + 1}",
                    points=_points(entry["value"], size),
                    text=text,
                    kind=kinds.get(identifier, ""),
                    source=LabelSource.PERSON,
                )
            )
        except (ValueError, TypeError, KeyError) as error:
            conversion.problem(place, f"region {identifier}: {str(error).splitlines()[0]}")
            continue
        conversion.note("regions without a string", not text)
    for identifier in strings.keys() - regions.keys():
        conversion.problem(place, f"the string {strings[identifier]!r} belongs to no region")
    conversion.page(picture.name, picture, labels)


def _sort(
    entry: Entry,
    strings: dict[str, list[str]],
    kinds: dict[str, str],
    regions: dict[str, Entry],
    conversion: Conversion,
) -> None:
    """Put one result where it belongs."""
    identifier, kind, value = str(entry["id"]), entry["type"], entry["value"]
    if kind == "textarea":
        text = value["text"]
        strings.setdefault(identifier, []).extend([text] if isinstance(text, str) else map(str, text))
        return
    names = value.get(kind) or value.get("labels")
    if isinstance(names, list) and names:
        kinds[identifier] = str(names[0])
    if kind in _SHAPES:
        regions[identifier] = entry
    elif kind != "labels":
        conversion.note(f"results of type {kind} left out")


def _result(task: Entry, place: str, conversion: Conversion) -> list[Entry]:
    annotations = [one for one in task.get("annotations") or [] if not one.get("was_cancelled")]
    if not annotations:
        raise ValueError("nobody has annotated it")
    if len(annotations) > 1:
        conversion.note("annotations left out, for another one of the task counts", len(annotations) - 1)
    best = max(annotations, key=lambda one: (bool(one.get("ground_truth")), str(one.get("updated_at", ""))))
    result = best["result"]
    if not isinstance(result, list):
        raise TypeError("its result is no list")
    return result


def _named(data: Entry, result: list[Entry]) -> str:
    """The path of the picture as the task says it."""
    sources = [str(entry["source"]).removeprefix("$") for entry in result if "source" in entry]
    candidates = [data[key] for key in (*sources, "ocr", "image", "img") if key in data]
    candidates += [value for value in data.values() if isinstance(value, str)]
    for value in candidates:
        if isinstance(value, str):
            parts = urlsplit(value)
            local = parse_qs(parts.query).get("d", [""])[0]
            name = local or unquote(parts.path)
            if PurePosixPath(name).suffix.lower() in PICTURES:
                return name
    raise ValueError("its data name no picture (PNG, JPEG or TIFF)")


def _points(value: Entry, size: tuple[int, int]) -> tuple[tuple[float, float], ...]:
    """Pixels of a region in percent."""
    width, height = size
    if "points" in value:
        return tuple((float(x) * width / 100, float(y) * height / 100) for x, y in value["points"])
    x, y = float(value["x"]) * width / 100, float(value["y"]) * height / 100
    across, down = float(value["width"]) * width / 100, float(value["height"]) * height / 100
    angle = math.radians(float(value.get("rotation") or 0))
    cosine, sine = math.cos(angle), math.sin(angle)
    corners = ((0.0, 0.0), (across, 0.0), (across, down), (0.0, down))
    # Rotation is of pixels, not of percent.
    turned = ((x + u * cosine - v * sine, y + u * sine + v * cosine) for u, v in corners)
    return tuple((round(one, 3), round(other, 3)) for one, other in turned)
