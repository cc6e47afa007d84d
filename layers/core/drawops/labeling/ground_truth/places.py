"""Places between three pictures: the page, its area, and the area as a worker's browser showed it.

A worker may give a place any number of corners, in any order. A label has a quad, clockwise from the text's
own top-left; so the corners are brought into that form here. A place that was not touched keeps the quad
that it had, to the last bit.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

from drawops.contracts.labeling import Area, Quad
from drawops.contracts.reading import Point
from drawops.datasets.geometry import bounds, convex_hull, signed_area

SAME_PIXELS = 1.0
"""A corner that came back within so many pixels was not moved: browsers round."""
_LEAST_AREA = 1.0


def to_area(quad: Quad, area: Area) -> Quad:
    """A quad in page pixels in pixels of the area's picture."""
    return _quad([(x - area.x, y - area.y) for x, y in quad])


def to_page(points: Sequence[Point], area: Area, picture: tuple[int, int] | None) -> list[Point]:
    """Points in pixels of the shown picture in page pixels.

    Args:
        points: x, y with the origin at the picture's top-left.
        area: what the picture shows.
        picture: width and height that the browser saw; None: the area's own. Where they are the area's own,
            this adds whole numbers and nothing else, so it is exact.
    """
    across, down = (area.width / picture[0], area.height / picture[1]) if picture else (1.0, 1.0)
    return [(x * across + area.x, y * down + area.y) for x, y in points]


def unmoved(points: Sequence[Point], quad: Quad) -> bool:
    """Whether the points are the corners of `quad`, wherever the list begins and however it goes round."""
    if len(points) != 4:
        return False
    turns = [[points[(start + step * i) % 4] for i in range(4)] for start in range(4) for step in (1, -1)]
    return any(all(math.dist(a, b) <= SAME_PIXELS for a, b in zip(turn, quad, strict=True)) for turn in turns)


def quad_of(points: Sequence[Point], like: Quad | None = None) -> Quad | None:
    """The quad of a place that a worker drew; None when the points enclose nothing.

    Four corners are taken as they are; of more or fewer the smallest rectangle around them is taken.

    Args:
        points: corners in any order.
        like: the quad that this one was made from: its first corner stays the first. Without one the text is
            taken to read along the longer side, to the right, or upwards where it is steeper than 45 degrees,
            as on drawings.
    """
    hull = convex_hull(points)
    if len(hull) < 3 or abs(signed_area(hull)) < _LEAST_AREA:
        return None
    corners = hull if len(hull) == 4 and len(points) == 4 else _smallest_rectangle(hull)
    turns = [_quad([corners[(start + i) % 4] for i in range(4)]) for start in range(4)]
    if like is not None:
        return min(turns, key=lambda turn: sum(math.dist(a, b) for a, b in zip(turn, like, strict=True)))
    return min(turns, key=_unlikely)


def turned(points: Sequence[Point], degrees: float, about: Point) -> list[Point]:
    """Points turned clockwise as seen on screen."""
    angle = math.radians(degrees)
    cos, sin = math.cos(angle), math.sin(angle)
    return [
        (
            about[0] + (x - about[0]) * cos - (y - about[1]) * sin,
            about[1] + (x - about[0]) * sin + (y - about[1]) * cos,
        )
        for x, y in points
    ]


def _unlikely(quad: Quad) -> tuple[bool, float]:
    """Sorts the four quads of the same corners: the likeliest direction of reading first."""
    along, across = math.dist(quad[0], quad[1]), math.dist(quad[1], quad[2])
    dx, dy = quad[1][0] - quad[0][0], quad[1][1] - quad[0][1]
    # A lone character is about as high as wide and says nothing: it reads to the right like most texts.
    lone = max(along, across) < 1.5 * min(along, across)
    forward = -dy if abs(dy) > abs(dx) and not lone else dx
    return not lone and along < across, -forward / along


def _smallest_rectangle(hull: Sequence[Point]) -> list[Point]:
    """The rectangle of least area around a convex hull; it has a side in common with the hull.

    Freeman and Shapira, "Determining the minimum-area encasing rectangle for an arbitrary closed curve",
    Communications of the ACM 18 (1975).
    """
    best: list[Point] = []
    least = math.inf
    for (ax, ay), (bx, by) in pairwise([*hull, hull[0]]):
        angle = math.degrees(math.atan2(by - ay, bx - ax))
        left, top, right, bottom = bounds(turned(hull, -angle, (0.0, 0.0)))
        if (right - left) * (bottom - top) < least:
            least = (right - left) * (bottom - top)
            best = turned([(left, top), (right, top), (right, bottom), (left, bottom)], angle, (0.0, 0.0))
    return best


def _quad(points: Sequence[Point]) -> Quad:
    first, second, third, fourth = points
    return first, second, third, fourth
