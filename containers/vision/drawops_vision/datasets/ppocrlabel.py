"""PPOCRLabel's folders: pictures with a ``Label.txt`` beside them.

A line names its picture ``FOLDER/NAME.jpg``, with the folder that both lie in. `Cache.cach` (boxes that
nobody confirmed) and `fileState.txt` (which pictures were looked at) are left out, as are `rec_gt.txt` and
`crop_img`, which the export makes anew. `key_cls` becomes the label's kind.

PPOCRLabel draws upright boxes that begin at the box's own top-left, whichever way the text reads, and its
export turns what is higher than wide so that it is read downwards. On drawings vertical text reads upwards.
So `tall` can say which way it goes in boxes that are at least 1.5 times as high as wide.
"""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path, PurePosixPath

import numpy as np
from drawops.contracts.labels import Label

from drawops_vision.datasets.conversion import Conversion
from drawops_vision.datasets.folder import LABELS, BadDataset
from drawops_vision.datasets.label_file import Line, Problem, labels_of, read_lines

LEFT_OUT = ("Cache.cach", "fileState.txt", "rec_gt.txt", "crop_img")
TALL = 1.5
"""How much higher than wide PaddleOCR calls a crop vertical."""


class Tall(StrEnum):
    """Which way text in boxes that are higher than wide reads."""

    KEEP = "keep"
    """As the points say: from the first to the second."""
    UP = "up"
    DOWN = "down"


def convert(source: Path, conversion: Conversion, tall: Tall = Tall.KEEP) -> None:
    """Convert a folder that PPOCRLabel worked in, or its Label.txt.

    Raises:
        BadDataset: there is no `Label.txt`.
    """
    path = source / LABELS if source.is_dir() else source
    if not path.is_file():
        raise BadDataset(f"{source} has no {LABELS}.")
    for name in LEFT_OUT:
        if (path.parent / name).exists():
            conversion.note(f"{name} left out")
    lines: list[Line] = []
    for item in read_lines(path):
        if isinstance(item, Problem):
            conversion.problems.append(item)
        else:
            lines.append(item)
    conversion.expect(len(lines))
    for line in lines:
        picture = _picture(path.parent, line.name)
        if picture is None:
            conversion.problem(path.name, f"{line.name}: the picture is missing", line.number)
            continue
        labels, problems = labels_of(line, path.name)
        conversion.problems += problems
        turned = [directed(label, tall) for label in labels]
        changed = sum(new is not old for new, old in zip(turned, labels, strict=True))
        conversion.note("tall boxes given a direction", changed)
        conversion.page(PurePosixPath(line.name).name, picture, turned)


def _picture(folder: Path, name: str) -> Path | None:
    """Where a picture lies: beside Label.txt under its own name, or as PPOCRLabel writes it, or as we do."""
    root = folder.resolve()
    for candidate in (folder / PurePosixPath(name).name, folder / name, folder.parent / name):
        inside = root.parent if candidate.parent == folder.parent / PurePosixPath(name).parent else root
        if candidate.is_file() and candidate.resolve().is_relative_to(inside):
            return candidate
    return None


def directed(label: Label, tall: Tall) -> Label:
    """The label with its points in the order that `tall` wants, if its box is higher than wide."""
    if tall is Tall.KEEP or len(label.points) != 4 or len(label.text) < 2:
        return label
    points = np.array(label.points)
    width, height = np.hypot(*(points[1] - points[0])), np.hypot(*(points[3] - points[0]))
    if height < TALL * width:
        return label
    # Clockwise from the box's top-left: upwards begins at the bottom-left, downwards at the top-right.
    return label.model_copy(update={"points": _rolled(label.points, 3 if tall is Tall.UP else 1)})


def _rolled(points: Sequence[tuple[float, float]], first: int) -> tuple[tuple[float, float], ...]:
    return (*points[first:], *points[:first])
