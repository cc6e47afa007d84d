"""Raster backend: the drawing as an 8-bit grey picture, anti-aliased, ink 0 on paper 255.

The skew of a scan is part of the transform from millimetres to pixels, so a skewed sheet is drawn skewed
instead of being resampled, and its ground truth is exact.
"""

import math
from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
import numpy.typing as npt

from drawops_vision.sheets.model import Circle, Drawing, Fill, Path, Point, Text, dashes

Image = npt.NDArray[np.uint8]

MM_PER_INCH = 25.4
SUBPIXEL_BITS = 5
HALVINGS = 3
SUPERSAMPLING = 1 << HALVINGS
PAPER = 255
LITTLE_SKEW = 0.5
"""Degrees; sheets have 5 mm of empty margin, which hold this much even on A0."""


@dataclass(frozen=True)
class Transform:
    """mm on the sheet -> pixels of the picture: scale, and a turn about the sheet's middle.

    Pixel coordinates are continuous: pixel (i, j) covers [i, i+1) x [j, j+1), its centre is at i+0.5, j+0.5.
    """

    width: int
    height: int
    scale: float
    skew: float
    matrix: npt.NDArray[np.float64]

    @classmethod
    def of(cls, drawing: Drawing, dpi: int, skew: float = 0.0) -> Self:
        """The transform of a sheet at `dpi`, turned clockwise by `skew` degrees about its middle.

        A little skew leaves the picture as large as the sheet, whose edge is empty; with more, the picture
        grows to hold the whole sheet.
        """
        scale = dpi / MM_PER_INCH
        width, height = round(drawing.width * scale), round(drawing.height * scale)
        cosine, sine = math.cos(math.radians(skew)), math.sin(math.radians(skew))
        x, y = width / 2, height / 2
        if abs(skew) > LITTLE_SKEW:
            width, height = (
                math.ceil(2 * (x * cosine + y * abs(sine))),
                math.ceil(2 * (x * abs(sine) + y * cosine)),
            )
        left, top = width / 2, height / 2
        matrix = np.array(
            [
                [scale * cosine, -scale * sine, left - x * cosine + y * sine],
                [scale * sine, scale * cosine, top - x * sine - y * cosine],
            ]
        )
        return cls(width, height, scale, skew, matrix)

    def points(self, points: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """(n, 2) mm -> (n, 2) pixels."""
        return np.asarray(points, dtype=np.float64) @ self.matrix[:, :2].T + self.matrix[:, 2]

    def point(self, point: Point) -> Point:
        """One point, mm -> pixels."""
        x, y = self.points([point])[0]
        return float(x), float(y)

    def direction(self, angle: float) -> float:
        """The angle that a text at `angle` on the sheet has in the picture, in (-180, 180]."""
        turned = (angle + self.skew) % 360.0
        return turned - 360.0 if turned > 180.0 else turned


def render(drawing: Drawing, transform: Transform) -> Image:
    """The picture, (height, width) uint8."""
    image = np.full((transform.height, transform.width), PAPER, dtype=np.uint8)
    for item in drawing.items:
        if isinstance(item, Text):
            _text(image, item, transform)
        elif isinstance(item, Circle):
            _circle(image, item, transform)
        else:
            _path(image, item, transform)
    return image


def _fixed(points: npt.NDArray[np.float64]) -> npt.NDArray[np.int32]:
    """OpenCV's fixed-point coordinates, in which a pixel's centre is at a whole number."""
    return np.round((points - 0.5) * (1 << SUBPIXEL_BITS)).astype(np.int32)


def _thickness(pen: float, transform: Transform) -> int:
    return max(1, round(pen * transform.scale))


def _path(image: Image, path: Path, transform: Transform) -> None:
    points = transform.points(path.points)
    if path.fill is not Fill.NONE:
        colour = path.grey if path.fill is Fill.INK else PAPER
        cv2.fillPoly(image, [_fixed(points)], colour, cv2.LINE_AA, SUBPIXEL_BITS)
    if path.pen <= 0:
        return
    thickness = _thickness(path.pen, transform)
    if path.dash:
        corners = [*path.points, path.points[0]] if path.closed else list(path.points)
        pieces = [_fixed(transform.points(piece)) for piece in dashes(corners, path.dash)]
        cv2.polylines(image, pieces, False, path.grey, thickness, cv2.LINE_AA, SUBPIXEL_BITS)
    else:
        cv2.polylines(image, [_fixed(points)], path.closed, path.grey, thickness, cv2.LINE_AA, SUBPIXEL_BITS)


def _circle(image: Image, circle: Circle, transform: Transform) -> None:
    x, y = (int(value) for value in _fixed(transform.points([circle.centre]))[0])
    radius = round(circle.radius * transform.scale * (1 << SUBPIXEL_BITS))
    if circle.fill is not Fill.NONE:
        colour = circle.grey if circle.fill is Fill.INK else PAPER
        cv2.circle(image, (x, y), radius, colour, cv2.FILLED, cv2.LINE_AA, SUBPIXEL_BITS)
    if circle.pen > 0:
        thickness = _thickness(circle.pen, transform)
        cv2.circle(image, (x, y), radius, circle.grey, thickness, cv2.LINE_AA, SUBPIXEL_BITS)


def _text(image: Image, text: Text, transform: Transform) -> None:
    """Fill the outlines on a grid `SUPERSAMPLING` times finer, average, and darken the page by the cover."""
    quad = transform.points(text.ink_quad())
    x0, y0 = np.maximum(np.floor(quad.min(axis=0)).astype(int) - 1, 0)
    x1, y1 = np.minimum(np.ceil(quad.max(axis=0)).astype(int) + 1, (transform.width, transform.height))
    if x1 <= x0 or y1 <= y0:
        return
    u, v = text.origin()
    outlines, lengths = text.face.outlines(text.string, text.spacing)
    local = outlines * (text.height * text.stretch, -text.height) + (u, v)
    turn = np.array([text.to_sheet((0.0, 0.0)), text.to_sheet((1.0, 0.0)), text.to_sheet((0.0, 1.0))])
    sheet = local @ (turn[1:] - turn[0]) + turn[0]
    fine = (transform.points(sheet) - (x0, y0)) * SUPERSAMPLING
    parts = np.split(_fixed(fine), np.cumsum(lengths)[:-1])
    mask = np.zeros(((y1 - y0) * SUPERSAMPLING, (x1 - x0) * SUPERSAMPLING), dtype=np.uint8)
    cv2.fillPoly(mask, parts, 255, cv2.LINE_8, SUBPIXEL_BITS)
    # Halved three times: OpenCV averages two by two pixels three times as fast as eight by eight.
    cover = mask
    for _ in range(HALVINGS):
        half = (cover.shape[1] // 2, cover.shape[0] // 2)
        cover = np.asarray(cv2.resize(cover, half, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    region = image[y0:y1, x0:x1]
    if text.grey:
        cover = cv2.convertScaleAbs(cover, alpha=1 - text.grey / PAPER)
    np.minimum(region, PAPER - cover, out=region)
