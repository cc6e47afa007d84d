"""The drawing model: what is on a sheet, in millimetres, told apart from how it is rendered.

Coordinates are millimetres on the paper, origin at the top-left corner, x to the right, y down. Angles are
degrees clockwise as seen on the sheet, the convention of `drawops.contracts.reading.Text.angle`: a text at
-90 reads from bottom to top. A backend (`pdf`, `raster`) draws the items in their order, so a shape with a
white fill hides what lies under it, as a CAD wipe-out does.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property, lru_cache
from itertools import pairwise

from drawops_vision.sheets.faces import Face

Point = tuple[float, float]
Rectangle = tuple[float, float, float, float]
"""x0, y0, x1, y1 with x0 <= x1 and y0 <= y1."""


class Fill(StrEnum):
    """What a closed shape is filled with."""

    NONE = "none"
    PAPER = "paper"
    INK = "ink"


class Horizontal(StrEnum):
    """Which part of a text's advance width lies on its anchor."""

    LEFT = "left"
    CENTRE = "centre"
    RIGHT = "right"


class Vertical(StrEnum):
    """Which part of a text's capital height lies on its anchor."""

    BASELINE = "baseline"
    MIDDLE = "middle"
    TOP = "top"


SOLID: tuple[float, ...] = ()


@dataclass(frozen=True)
class Path:
    """A polyline or polygon. `pen` is the line width in mm, `dash` alternating on/off lengths in mm.

    `grey` is the ink's level, here and below: 0 is black, 255 would be paper.
    """

    points: tuple[Point, ...]
    pen: float
    closed: bool = False
    fill: Fill = Fill.NONE
    dash: tuple[float, ...] = SOLID
    grey: int = 0


@dataclass(frozen=True)
class Circle:
    """A full circle; `radius` and `pen` in mm."""

    centre: Point
    radius: float
    pen: float
    fill: Fill = Fill.NONE
    grey: int = 0


@dataclass(frozen=True)
class Text:
    """One line of text.

    Attributes:
        anchor: the point on the sheet that `horizontal` and `vertical` refer to.
        height: height of a capital letter in mm, the "text height" of CAD and of ISO 3098.
        angle: degrees clockwise on the sheet.
        stretch: width factor; below 1 is condensed.
        spacing: what is added between two characters, in text heights before `stretch`.
        clear: False when something else is drawn into its box on purpose: a line, a stamp, another text.
    """

    anchor: Point
    string: str
    height: float
    face: Face
    angle: float = 0.0
    horizontal: Horizontal = Horizontal.LEFT
    vertical: Vertical = Vertical.BASELINE
    stretch: float = 1.0
    spacing: float = 0.0
    grey: int = 0
    clear: bool = True

    def origin(self) -> Point:
        """Where the baseline starts, in the text's own frame (mm, x along the reading, y down)."""
        width = self.face.width(self.string, self.spacing) * self.height * self.stretch
        left = {Horizontal.LEFT: 0.0, Horizontal.CENTRE: -width / 2, Horizontal.RIGHT: -width}
        down = {Vertical.BASELINE: 0.0, Vertical.MIDDLE: self.height / 2, Vertical.TOP: self.height}
        return left[self.horizontal], down[self.vertical]

    def to_sheet(self, point: Point) -> Point:
        """From the text's own frame to the sheet."""
        cosine, sine = _direction(self.angle)
        u, v = point
        return self.anchor[0] + u * cosine - v * sine, self.anchor[1] + u * sine + v * cosine

    def ink_quad(self) -> tuple[Point, Point, Point, Point]:
        """The tightest rectangle, turned with the text, around its ink: mm, clockwise from its top-left."""
        return self._quad

    @cached_property
    def _quad(self) -> tuple[Point, Point, Point, Point]:
        # Asked for a dozen times: when a place is looked for, when ink is marked, drawn and written down.
        u, v = self.origin()
        left, bottom, right, top = self.face.ink(self.string, self.spacing)
        wide = self.height * self.stretch
        x0, x1 = u + left * wide, u + right * wide
        y0, y1 = v - top * self.height, v - bottom * self.height
        return (
            self.to_sheet((x0, y0)),
            self.to_sheet((x1, y0)),
            self.to_sheet((x1, y1)),
            self.to_sheet((x0, y1)),
        )

    def bounds(self) -> Rectangle:
        """Axis-parallel rectangle around the ink, in mm on the sheet."""
        xs, ys = zip(*self.ink_quad(), strict=True)
        return min(xs), min(ys), max(xs), max(ys)


Item = Path | Circle | Text


@dataclass
class Drawing:
    """A sheet of `width` x `height` mm and the items on it, in drawing order."""

    width: float
    height: float
    title: str = ""
    items: list[Item] = field(default_factory=list)

    @property
    def texts(self) -> list[Text]:
        """The texts in drawing order, which is the order of the ground truth."""
        return [item for item in self.items if isinstance(item, Text)]


def arc(centre: Point, rx: float, ry: float, start: float, end: float, steps: int = 24) -> list[Point]:
    """Points of an elliptical arc from `start` to `end` degrees, clockwise on the sheet from the x axis."""
    angles = (math.radians(start + (end - start) * step / steps) for step in range(steps + 1))
    return [(centre[0] + rx * math.cos(angle), centre[1] + ry * math.sin(angle)) for angle in angles]


def dashes(points: Sequence[Point], pattern: Sequence[float]) -> list[tuple[Point, Point]]:
    """Cut a polyline into the drawn pieces of a dash pattern (mm); the pattern runs on round corners."""
    pieces: list[tuple[Point, Point]] = []
    index, left = 0, pattern[0]
    for (x0, y0), (x1, y1) in pairwise(points):
        length = math.hypot(x1 - x0, y1 - y0)
        position = 0.0
        while position < length - 1e-9:
            step = min(left, length - position)
            if index % 2 == 0:
                a, b = position / length, (position + step) / length
                pieces.append(
                    ((x0 + (x1 - x0) * a, y0 + (y1 - y0) * a), (x0 + (x1 - x0) * b, y0 + (y1 - y0) * b))
                )
            position += step
            left -= step
            if left <= 1e-9:
                index += 1
                left = pattern[index % len(pattern)]
    return pieces


@lru_cache(maxsize=4096)
def _direction(angle: float) -> tuple[float, float]:
    """Cosine and sine, exact at multiples of 90 degrees so that upright texts get upright quads."""
    exact = {0.0: (1.0, 0.0), 90.0: (0.0, 1.0), 180.0: (-1.0, 0.0), 270.0: (0.0, -1.0)}
    radians = math.radians(angle)
    return exact.get(angle % 360.0, (math.cos(radians), math.sin(radians)))
