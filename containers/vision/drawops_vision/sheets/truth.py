"""Ground truth: every text of a sheet with the quad that its ink fills, and the two files that hold it."""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from drawops_vision.datasets.label_file import json_of
from drawops_vision.sheets.model import Drawing, Point
from drawops_vision.sheets.raster import Transform

Quad = tuple[Point, Point, Point, Point]


@dataclass(frozen=True)
class TruthText:
    """One text as it stands in the picture.

    Attributes:
        text: the exact string.
        quad: pixels, clockwise from the text's own top-left; pixel (i, j) covers [i, i+1) x [j, j+1).
        angle: degrees clockwise from the picture's x axis to the reading direction, in (-180, 180].
    """

    text: str
    quad: Quad
    angle: float


def truth(drawing: Drawing, transform: Transform) -> list[TruthText]:
    """The ground truth of `drawing` seen through `transform` (mm on the sheet -> pixels)."""
    found = []
    texts = drawing.texts
    corners = np.array([text.ink_quad() for text in texts]).reshape(-1, 2)
    quads = transform.points(corners).reshape(-1, 4, 2).tolist()
    for text, quad in zip(texts, quads, strict=True):
        a, b, c, d = ((float(x), float(y)) for x, y in quad)
        direction = transform.direction(text.angle)
        found.append(TruthText(text.string, (a, b, c, d), direction))
    return found


def label_line(name: str, texts: Iterable[TruthText]) -> str:
    """One line of PaddleOCR's ``Label.txt``: ``name<TAB>json``, points in pixels to a tenth."""
    entries = [
        {
            "transcription": text.text,
            "points": [[round(x, 1), round(y, 1)] for x, y in text.quad],
            "difficult": False,
        }
        for text in texts
    ]
    return f"{name}\t{json_of(entries)}\n"


def to_json(name: str, width: int, height: int, dpi: int, texts: Sequence[TruthText]) -> str:
    """The same as a JSON document that also states the picture's size, resolution and the angles."""
    document = {
        "image": name,
        "width": width,
        "height": height,
        "dpi": dpi,
        "texts": [_rounded(asdict(text)) for text in texts],
    }
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def _rounded(entry: dict[str, object]) -> dict[str, object]:
    return {key: _round(value) for key, value in entry.items()}


def _round(value: object) -> object:
    if isinstance(value, float):
        return round(value, 3) if math.isfinite(value) else value
    if isinstance(value, tuple):
        return [_round(part) for part in value]
    return value
