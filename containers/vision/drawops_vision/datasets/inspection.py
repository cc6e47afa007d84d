"""What is in a data set, in figures, and what in it looks wrong.

Nothing is judged here but by the data set itself; finding wrong labels with a model is cleaning's work.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from drawops.contracts.datasets import Counts
from drawops.contracts.labels import Label
from drawops.contracts.reading import Contract
from drawops.errors import InvalidInput
from numpy.typing import NDArray
from pydantic import Field

from drawops_vision.datasets.folder import (
    IMAGES,
    About,
    BadDataset,
    DatasetFolder,
    LabelledPage,
    counts_of,
    sum_of,
)
from drawops_vision.datasets.label_file import Problem
from drawops_vision.datasets.paddleocr import quad_of
from drawops_vision.rasterise import render_page

HEIGHTS = (8, 12, 16, 24, 32, 48, 64)
"""Pixels: edges of the classes of text heights."""
RIGHT = 5.0
"""Degrees within which an angle counts as a right one."""
TALL = 1.5
NARROW = frozenset("1Iijl|.,:;'`!()[]")
MAX_SIDE = 2000
"""Pixels of an overview picture's longer side."""
KINDS: dict[str, tuple[int, int, int]] = {
    "text": (60, 150, 0),
    "unreadable": (40, 40, 230),
    "difficult": (0, 140, 255),
    "suspicious": (200, 0, 200),
}
"""Blue, green, red of a label's outline."""


class Suspicion(Contract):
    """Something that a person should look at."""

    what: str
    count: int = Field(ge=1)
    examples: tuple[str, ...] = Field(description="Page, id and string of the first few.")


class Inspection(Contract):
    """What `drawops dataset inspect` shows."""

    about: About
    counts: Counts = Field(description="Counted now; those in `about` are what its maker counted.")
    sources: dict[str, int] = Field(description="Labels by who says so.")
    kinds: dict[str, int] = Field(description="Labels by class of text; empty: none given.")
    difficult: int
    polygons: int = Field(description="Labels with more than four points.")
    sizes: dict[str, int] = Field(description="Pages by size in pixels.")
    heights: dict[str, int] = Field(description="Labels by height of the text in pixels.")
    median_height: float | None
    angles: dict[str, int] = Field(description="Labels by angle, clockwise; 270 reads upwards.")
    lengths: dict[str, int] = Field(description="Labels by characters.")
    charset: str = Field(description="All characters, in the order of code points.")
    rare: dict[str, int] = Field(description="Characters with fewer than ten occurrences.")
    objects: dict[str, int] = Field(description="Objects besides texts, by kind.")
    unlisted: int = Field(description="Pictures in images/ that Label.txt does not name.")
    suspicions: tuple[Suspicion, ...]
    problems: tuple[str, ...]


class _Suspicions:
    """Counts, with the first few examples."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._examples: dict[str, list[str]] = {}

    def add(self, what: str, page: LabelledPage, label: Label | None = None) -> None:
        self._counts[what] += 1
        examples = self._examples.setdefault(what, [])
        if len(examples) < 3:
            examples.append(page.name if label is None else f"{page.name} {label.id} {label.text[:40]!r}")

    def listed(self) -> tuple[Suspicion, ...]:
        return tuple(
            Suspicion(what=what, count=count, examples=tuple(self._examples[what]))
            for what, count in self._counts.most_common()
        )


def inspect(folder: DatasetFolder, done: Callable[[LabelledPage], None] = lambda page: None) -> Inspection:
    """Count what is in a data set. Of pictures only the heads are read.

    Raises:
        OSError: it cannot be read.
    """
    suspicions = _Suspicions()
    problems: list[Problem] = []
    counts: list[Counts] = []
    sources: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    angles: Counter[str] = Counter()
    lengths: Counter[str] = Counter()
    characters: Counter[str] = Counter()
    heights: list[float] = []
    names: set[str] = set()
    difficult = polygons = 0
    for page in folder.scan():
        if isinstance(page, Problem):
            problems.append(page)
            continue
        names.add(page.name)
        counts.append(counts_of(page.labels))
        try:
            size = page.size
            sizes[f"{size[0]} x {size[1]}"] += 1
        except BadDataset as error:
            problems.append(Problem(page.name, str(error)))
            size = (0, 0)
        if not page.labels:
            suspicions.add("pages without labels", page)
        for label in page.labels:
            sources[label.source.value] += 1
            kinds[label.kind] += bool(label.kind)
            difficult += label.difficult
            polygons += len(label.points) > 4
            for what in suspicious(label, size):
                suspicions.add(what, page, label)
            if label.unreadable:
                continue
            characters.update(label.text)
            lengths[_length_class(len(label.text))] += 1
            width, height, angle = _measured(label)
            angles[_angle_class(angle)] += 1
            if width and height:
                heights.append(height)
        _overlaps(page, suspicions)
        done(page)
    images = folder.path / IMAGES
    files = (path for path in images.rglob("*") if path.is_file()) if images.is_dir() else ()
    unlisted = sum(path.relative_to(folder.path).as_posix() not in names for path in files)
    return Inspection(
        about=folder.about,
        counts=sum_of(counts),
        sources=dict(sources.most_common()),
        kinds={kind: count for kind, count in kinds.most_common() if kind},
        difficult=difficult,
        polygons=polygons,
        sizes=dict(sizes.most_common()),
        heights=_height_classes(heights),
        median_height=float(np.median(heights)) if heights else None,
        angles={angle: angles[angle] for angle in ("0", "90", "180", "270", "other") if angles[angle]},
        lengths={name: lengths[name] for name in ("0", "1", "2-5", "6-10", "11-25", "26+") if lengths[name]},
        charset="".join(sorted(characters)),
        rare={letter: count for letter, count in sorted(characters.items()) if count < 10},
        objects=_objects(folder, problems),
        unlisted=unlisted,
        suspicions=suspicions.listed(),
        problems=tuple(map(str, problems)),
    )


def suspicious(label: Label, size: tuple[int, int]) -> list[str]:
    """What looks wrong with a label on a page of that width and height (0: not known), by itself."""
    found = []
    width, height, _ = _measured(label)
    xs, ys = zip(*label.points, strict=True)
    if min(width, height) < 1:
        found.append("boxes without area")
    if all(size) and (min(xs) < -1 or min(ys) < -1 or max(xs) > size[0] + 1 or max(ys) > size[1] + 1):
        found.append("boxes beyond the picture's edge")
    if not label.text.strip():
        found.append("labels without a string")
    elif label.text != label.text.strip():
        found.append("strings with blanks at an end")
    if any(not letter.isprintable() for letter in label.text):
        found.append("strings with tabs, line breaks or control characters")
    if "\N{REPLACEMENT CHARACTER}" in label.text:
        found.append("strings with characters lost in a wrong encoding")
    if _stands_on_end(label, width, height):
        found.append("boxes higher than wide with several characters: they may begin at the wrong corner")
    if not label.unreadable and width and height and width / height > 2.5 * max(1, len(label.text)):
        found.append("boxes far too long for their string")
    return found


def _stands_on_end(label: Label, width: float, height: float) -> bool:
    if label.unreadable or width <= 0 or height < TALL * width:
        return False
    expected = sum(0.3 if letter in NARROW else 0.6 for letter in label.text)
    return len(label.text) > 1 and expected >= 1.0


def _overlaps(page: LabelledPage, suspicions: _Suspicions) -> None:
    """Labels with the same string at the same place."""
    seen: set[tuple[str, int, int]] = set()
    for label in page.labels:
        middle = np.mean(label.points, axis=0)
        key = (label.text, round(float(middle[0]) / 4), round(float(middle[1]) / 4))
        if key in seen:
            suspicions.add("labels that are there twice", page, label)
        seen.add(key)


def _measured(label: Label) -> tuple[float, float, float]:
    """Width, height (pixels) and angle (degrees clockwise, 0 to 360) of a label's text."""
    quad = quad_of(label).astype(np.float64)
    sides = np.roll(quad, -1, axis=0) - quad
    lengths = np.hypot(sides[:, 0], sides[:, 1])
    angle = math.degrees(math.atan2(sides[0, 1], sides[0, 0])) % 360.0
    return float(max(lengths[0], lengths[2])), float(max(lengths[1], lengths[3])), angle


def _angle_class(angle: float) -> str:
    for right in (0, 90, 180, 270):
        if abs((angle - right + 180.0) % 360.0 - 180.0) <= RIGHT:
            return str(right)
    return "other"


def _length_class(length: int) -> str:
    for low, high in ((0, 0), (1, 1), (2, 5), (6, 10), (11, 25)):
        if low <= length <= high:
            return str(low) if low == high else f"{low}-{high}"
    return "26+"


def _height_classes(heights: Sequence[float]) -> dict[str, int]:
    edges = (0, *HEIGHTS, math.inf)
    counts, _ = np.histogram(heights, edges)
    names = [
        f"under {HEIGHTS[0]}",
        *(f"{low}-{high}" for low, high in pairwise(HEIGHTS)),
    ]
    names.append(f"from {HEIGHTS[-1]}")
    return {name: int(count) for name, count in zip(names, counts, strict=True) if count}


def _objects(folder: DatasetFolder, problems: list[Problem]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for item in folder.objects():
        if isinstance(item, Problem):
            problems.append(item)
            continue
        for kind, objects in item.objects.items():
            found[kind] += len(objects) if isinstance(objects, list | dict) else 1
    return dict(found.most_common())


def overview(page: LabelledPage) -> bytes:
    """A PNG of a page with all labels outlined, a dot where each begins, and a legend.

    `drawops_vision.render` draws readings, coloured by confidence; labels have kinds instead.

    Raises:
        InvalidInput: the picture is damaged.
    """
    pixels = render_page(page.image.read_bytes(), 1)
    height, width = pixels.shape[:2]
    scale = min(1.0, MAX_SIDE / max(width, height))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA) if scale < 1 else pixels
    canvas = small if small.ndim == 3 else cv2.cvtColor(small, cv2.COLOR_GRAY2BGR)
    # The drawing steps back, so that the outlines stand out.
    canvas = np.asarray(cv2.addWeighted(canvas, 0.55, np.full_like(canvas, 255), 0.45, 0), np.uint8)
    counts: Counter[str] = Counter()
    for label in page.labels:
        kind = kind_of(label, (width, height))
        counts[kind] += 1
        points = np.clip(np.array(label.points) * scale, -(2**14), 2**14)
        cv2.polylines(canvas, [np.round(points).astype(np.int32)], True, KINDS[kind], 1, cv2.LINE_AA)
        x, y = (round(float(value)) for value in points[0])
        cv2.circle(canvas, (x, y), 2, KINDS[kind], cv2.FILLED, cv2.LINE_AA)
    return cv2.imencode(".png", np.vstack([_legend(canvas.shape[1], counts), canvas]))[1].tobytes()


def kind_of(label: Label, size: tuple[int, int]) -> str:
    """Which of `KINDS` a label is shown as."""
    if label.unreadable:
        return "unreadable"
    if suspicious(label, size):
        return "suspicious"
    return "difficult" if label.difficult else "text"


def _legend(width: int, counts: Counter[str]) -> NDArray[np.uint8]:
    strip = np.full((24, width, 3), 255, np.uint8)
    x = 6
    for kind, colour in KINDS.items():
        if counts[kind]:
            line = f"{counts[kind]} {kind}"
            cv2.putText(strip, line, (x, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1, cv2.LINE_AA)
            x += 9 * len(line) + 16
    return strip


def pictures(
    folder: DatasetFolder, out: Path, most: int, done: Callable[[str], None] = lambda name: None
) -> list[Path]:
    """Write overviews of the first pages.

    Args:
        folder: the data set.
        out: made if missing.
        most: how many.
        done: called after each.

    Returns:
        What was written; a page whose picture is damaged has none.
    """
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for number, page in enumerate(folder.pages(), start=1):
        if number > most:
            break
        target = out / f"{number:04d}-{page.image.stem}.png"
        try:
            target.write_bytes(overview(page))
        except InvalidInput:
            continue
        written.append(target)
        done(page.name)
    return written
