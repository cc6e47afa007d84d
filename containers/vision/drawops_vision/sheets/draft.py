"""The drafting board: draws items and remembers where ink is, so that no text is put on top of anything."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry.base import BaseGeometry

from drawops_vision.sheets.faces import Face
from drawops_vision.sheets.model import (
    SOLID,
    Circle,
    Drawing,
    Fill,
    Horizontal,
    Item,
    Path,
    Point,
    Rectangle,
    Text,
    Vertical,
)

CELL = 0.4
"""Edge of an occupancy cell in mm, well under the smallest gap that a draughtsman leaves."""
GAP = 0.55
"""Least distance in mm between a placed text and other ink."""
WORD_GAP = 1.3
"""Least distance in text heights to another text on the same line: closer, two texts would read as one."""
INK, TEXT = 1, 2
NEAR = 0.2
"""What comes nearer than this to a text's box, in mm, may darken a pixel of it at 300 dpi."""
NARROWEST = 0.7
DASHED = (2.4, 1.2)
FIRST_CJK = "\u2e80"


@dataclass(frozen=True)
class Style:
    """How one office draws.

    Attributes:
        height: capital height of ordinary text in mm; symbols scale with it.
        face: lettering of everything but headings.
        heading: lettering of tags and titles.
        stretch: width factor of all texts.
        thin, medium, thick: pens in mm.
        chinese: lettering of texts with Chinese characters; None on a sheet without.
        spacing: added between characters, in text heights.
        shared_display: instruments in the control room get a square around their circle (ISA-5.1).
    """

    height: float
    face: Face
    heading: Face
    stretch: float
    thin: float
    medium: float
    thick: float
    chinese: Face | None = None
    spacing: float = 0.0
    shared_display: bool = False

    @property
    def module(self) -> float:
        """mm that stand for 1 mm on a sheet lettered at 2 mm."""
        return self.height / 2.0


@dataclass(frozen=True)
class Spot:
    """A place where a text may go."""

    anchor: Point
    angle: float = 0.0
    horizontal: Horizontal = Horizontal.LEFT
    vertical: Vertical = Vertical.BASELINE


class Draft:
    """A drawing in the making.

    Attributes:
        drawing: what is on the sheet so far.
        rng: the only source of chance.
        style: pens and lettering.
        limits: rectangle that searched texts stay within; the frame's inside once there is one.
    """

    def __init__(self, drawing: Drawing, rng: random.Random, style: Style) -> None:
        self.drawing = drawing
        self.rng = rng
        self.style = style
        self.limits: Rectangle = (0.0, 0.0, drawing.width, drawing.height)
        self._ink = np.zeros((int(drawing.height / CELL) + 2, int(drawing.width / CELL) + 2), dtype=np.uint8)

    def line(
        self, points: Sequence[Point], pen: float | None = None, dash: tuple[float, ...] = SOLID
    ) -> None:
        """An open polyline."""
        self._add(Path(tuple(points), pen or self.style.thin, dash=dash))

    def shape(self, points: Sequence[Point], pen: float | None = None, fill: Fill = Fill.NONE) -> None:
        """A closed polygon."""
        self._add(Path(tuple(points), pen or self.style.thin, closed=True, fill=fill))

    def rectangle(self, box: Rectangle, pen: float | None = None, fill: Fill = Fill.NONE) -> None:
        """An upright rectangle."""
        x0, y0, x1, y1 = box
        self.shape([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], pen, fill)

    def circle(self, centre: Point, radius: float, pen: float | None = None, fill: Fill = Fill.NONE) -> None:
        """A circle."""
        self.drawing.items.append(Circle(centre, radius, pen or self.style.thin, fill))
        self._mark((centre[0] - radius, centre[1] - radius, centre[0] + radius, centre[1] + radius), INK)

    def items(self, items: Sequence[Path]) -> None:
        """Paths as they are."""
        for item in items:
            self._add(item)

    def is_free(self, box: Rectangle, margin: float = GAP) -> bool:
        """Whether `box`, grown by `margin` mm, lies within the limits and holds no ink yet."""
        x0, y0, x1, y1 = box[0] - margin, box[1] - margin, box[2] + margin, box[3] + margin
        if x0 < self.limits[0] or y0 < self.limits[1] or x1 > self.limits[2] or y1 > self.limits[3]:
            return False
        left, top, right, bottom = self._cells((x0, y0, x1, y1))
        return not self._ink[top:bottom, left:right].any()

    def reserve(self, box: Rectangle) -> None:
        """Keep `box` free of searched texts without drawing anything."""
        self._mark(box, INK)

    def lettering(self, string: str, spot: Spot, size: float = 1.0, heading: bool = False) -> Text:
        """A text in the style, not yet on the drawing; `size` in ordinary text heights."""
        return Text(
            spot.anchor,
            string,
            self.style.height * size,
            self._face(string, heading),
            spot.angle,
            spot.horizontal,
            spot.vertical,
            self.style.stretch,
            self.style.spacing,
        )

    def _face(self, string: str, heading: bool) -> Face:
        if self.style.chinese is not None and any(character >= FIRST_CJK for character in string):
            return self.style.chinese
        return self.style.heading if heading else self.style.face

    def is_clear(self, text: Text, margin: float = GAP) -> bool:
        """The same for the box of a text at any angle."""
        if text.angle % 90.0 == 0.0:
            return self.is_free(text.bounds(), margin)
        x0, y0, x1, y1 = text.bounds()
        if (
            x0 - margin < self.limits[0]
            or y0 - margin < self.limits[1]
            or x1 + margin > self.limits[2]
            or y1 + margin > self.limits[3]
        ):
            return False
        left, top, right, bottom = self._cells((x0 - margin, y0 - margin, x1 + margin, y1 + margin))
        mask = np.zeros((bottom - top, right - left), dtype=np.uint8)
        cv2.fillPoly(mask, [self._polygon(text) - (left, top)], 1)
        cv2.polylines(mask, [self._polygon(text) - (left, top)], True, 1, 1 + 2 * round(margin / CELL))
        here = self._ink[top:bottom, left:right]
        return not here[mask[: here.shape[0], : here.shape[1]] > 0].any()

    def holds_text(self, box: Rectangle) -> bool:
        """Whether a text stands in `box`."""
        left, top, right, bottom = self._cells(box)
        return bool((self._ink[top:bottom, left:right] & TEXT).any())

    def put(self, text: Text) -> None:
        """Draw a text where it is."""
        self.drawing.items.append(text)
        if text.angle % 90.0 == 0.0:
            self._mark(text.bounds(), TEXT)
        else:
            x0, y0, x1, y1 = text.bounds()
            left, top, right, bottom = self._cells((x0, y0, x1, y1))
            mask = np.zeros((bottom - top, right - left), dtype=np.uint8)
            cv2.fillPoly(mask, [self._polygon(text) - (left, top)], TEXT)
            here = self._ink[top:bottom, left:right]
            here |= mask[: here.shape[0], : here.shape[1]]

    def settle(self) -> None:
        """Find out which texts have something else in their box, and mark them so; when all is drawn."""
        items = self.drawing.items
        places = [index for index, item in enumerate(items) if isinstance(item, Text)]
        quads = np.array([shapely.Polygon(text.ink_quad()) for text in self.drawing.texts])
        others = [item for item in items if not isinstance(item, Text)]
        tree = shapely.STRtree(quads)
        reach = np.array([item.pen / 2 + NEAR for item in others])
        _, drawn_into = tree.query([_geometry(item) for item in others], "dwithin", distance=reach)
        first, second = tree.query(quads, "dwithin", distance=NEAR)
        touched = {*drawn_into.tolist(), *first[first != second].tolist()}
        for number, index in enumerate(places):
            item = items[index]
            if isinstance(item, Text) and item.clear == (number in touched):
                items[index] = replace(item, clear=number not in touched)

    def over(self, items: Sequence[Item], box: Rectangle) -> None:
        """Draw `items` without looking for room; `box` (mm) is no longer free."""
        self.drawing.items.extend(items)
        self._mark(box, INK)

    def search(self, string: str, spots: Iterable[Spot], size: float = 1.0, heading: bool = False) -> bool:
        """Draw a text at the first spot where it touches nothing; False when there is none."""
        for spot in spots:
            text = self.lettering(string, spot, size, heading)
            if self.is_clear(text) and self._stands_alone(text):
                self.put(text)
                return True
        return False

    def within(
        self,
        box: Rectangle,
        string: str,
        size: float = 1.0,
        horizontal: Horizontal = Horizontal.LEFT,
        heading: bool = False,
        pad: float = 1.0,
    ) -> None:
        """Draw a text inside a table cell, first condensed, then made smaller, until it fits."""
        x0, y0, x1, y1 = box
        x = {Horizontal.LEFT: x0 + pad, Horizontal.CENTRE: (x0 + x1) / 2, Horizontal.RIGHT: x1 - pad}[
            horizontal
        ]
        spot = Spot((x, (y0 + y1) / 2), 0.0, horizontal, Vertical.MIDDLE)
        text = self.lettering(string, spot, size, heading)
        text = replace(text, height=min(text.height, (y1 - y0) * 0.62))
        natural = text.face.width(string, text.spacing) * text.height
        room = (x1 - x0 - 2 * pad) / natural
        if room < text.stretch:
            stretch = max(room, NARROWEST)
            text = replace(text, stretch=stretch, height=text.height * min(1.0, room / stretch))
        self.put(text)

    def _add(self, path: Path) -> None:
        self.drawing.items.append(path)
        points = [np.round(np.asarray(path.points) / CELL - 0.5).astype(np.int32)]
        if path.fill is not Fill.NONE:
            cv2.fillPoly(self._ink, points, 1)
        cv2.polylines(self._ink, points, path.closed, 1, max(1, round(path.pen / CELL)))

    def _stands_alone(self, text: Text) -> bool:
        """Whether no other text is so near in the reading direction that the two look like one."""
        if text.angle % 90.0:
            return self.is_clear(text, WORD_GAP * text.height)
        x0, y0, x1, y1 = text.bounds()
        gap = WORD_GAP * text.height
        along_x, along_y = (0.0, gap) if text.angle % 180.0 == 90.0 else (gap, 0.0)
        left, top, right, bottom = self._cells((x0 - along_x, y0 - along_y, x1 + along_x, y1 + along_y))
        return not (self._ink[top:bottom, left:right] & TEXT).any()

    def _polygon(self, text: Text) -> npt.NDArray[np.int32]:
        return np.round(np.asarray(text.ink_quad()) / CELL - 0.5).astype(np.int32)

    def _mark(self, box: Rectangle, kind: int) -> None:
        left, top, right, bottom = self._cells(box)
        self._ink[top:bottom, left:right] |= kind

    def _cells(self, box: Rectangle) -> tuple[int, int, int, int]:
        """Cells that `box` touches, as left, top, right, bottom; the last two are exclusive."""
        x0, y0, x1, y1 = box
        return max(0, int(x0 / CELL)), max(0, int(y0 / CELL)), int(x1 / CELL) + 1, int(y1 / CELL) + 1


def _geometry(item: Path | Circle) -> BaseGeometry:
    """The middle of an item's line, or its area when it is filled with ink."""
    if isinstance(item, Circle):
        disc = shapely.Point(item.centre).buffer(item.radius)
        return disc if item.fill is Fill.INK else disc.exterior
    if item.fill is Fill.INK:
        return shapely.Polygon(item.points)
    return shapely.LineString([*item.points, item.points[0]] if item.closed else item.points)
