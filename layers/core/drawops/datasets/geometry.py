"""Geometry of labels in plain Python, so that it runs in a Lambda.

A shape is a sequence of points in pixels, x to the right, y down, without the first point again at the end.
Clockwise is meant as seen on screen. Overlaps take shapes to be convex, as quads of text are: of any other
shape they see the convex hull, whatever the order of its points.
"""

import itertools
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from statistics import median

Point = tuple[float, float]
Shape = Sequence[Point]
Bounds = tuple[float, float, float, float]
"""Left, top, right, bottom."""

# A box that covers more cells of the index than this is compared with all others instead.
_MANY_CELLS = 64


def signed_area(points: Shape) -> float:
    """Area in square pixels by the shoelace formula, below zero when the points run counter-clockwise.

    Parts of a shape that crosses itself cancel out.
    """
    # Relative to the first point: far from the origin the products would lose the digits that count.
    x0, y0 = points[0]
    double = 0.0
    for (x1, y1), (x2, y2) in _edges(points):
        double += (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
    return double / 2


def is_clockwise(points: Shape) -> bool:
    """Whether the points run clockwise as seen on screen."""
    return signed_area(points) > 0


def bounds(points: Shape) -> Bounds:
    """The upright rectangle around a shape."""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return min(xs), min(ys), max(xs), max(ys)


def centre(points: Shape) -> Point:
    """The mean of the points."""
    return sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points)


def sides(points: Shape) -> tuple[float, float]:
    """Length along the text and across it, in pixels: means of the opposite sides of a quad.

    Of a polygon: length of its long lines and mean distance between them, where the first half of the points
    runs along the text's upper side and the second half back, as PPOCRLabel draws it.
    """
    upper, lower = _upper_and_lower(points)
    across = sum(math.dist(above, below) for above, below in zip(upper, lower, strict=True)) / len(upper)
    return (_length(upper) + _length(lower)) / 2, across


def angle(points: Shape) -> float:
    """Degrees from the x axis to the direction of reading, clockwise on screen, above -180 up to 180."""
    # Both long sides have a say: one corner that is a pixel off must not turn a short text.
    dx = dy = 0.0
    for line in _upper_and_lower(points):
        dx += line[-1][0] - line[0][0]
        dy += line[-1][1] - line[0][1]
    found = math.degrees(math.atan2(dy, dx))
    return 180.0 if found <= -180 else found


def contains(points: Shape, point: Point) -> bool:
    """Whether a point lies inside a shape, by the even-odd rule; on its edge either may be said."""
    x, y = point
    inside = False
    for (x1, y1), (x2, y2) in _edges(points):
        if (y1 > y) != (y2 > y) and x < x1 + (y - y1) / (y2 - y1) * (x2 - x1):
            inside = not inside
    return inside


def crosses_itself(points: Shape) -> bool:
    """Whether the outline crosses, touches or runs back along itself. Repeated points in a row are one."""
    around = [point for before, point in _edges(points) if before != point]
    edges = list(_edges(around))
    for i, first in enumerate(edges):
        if first[1] == edges[(i + 1) % len(edges)][0] and _turns_back(first, edges[(i + 1) % len(edges)]):
            return True
        for j in range(i + 2, len(edges)):
            if (j + 1) % len(edges) != i and _meet(first, edges[j]):
                return True
    return False


def convex_hull(points: Shape) -> list[Point]:
    """The corners of the smallest convex shape around the points, clockwise.

    By Andrew's monotone chain (1979). Points on one line give one or two corners.
    """
    ordered = sorted(set(points))
    if len(ordered) < 3:
        return ordered

    def chain(those: Sequence[Point]) -> list[Point]:
        kept: list[Point] = []
        for point in those:
            while len(kept) > 1 and _turn(kept[-2], kept[-1], point) <= 0:
                kept.pop()
            kept.append(point)
        return kept[:-1]

    return chain(ordered) + chain(ordered[::-1])


def intersection(a: Shape, b: Shape) -> list[Point]:
    """What two convex shapes have in common, empty when that is nothing.

    By Sutherland and Hodgman, "Reentrant polygon clipping" (1974).
    """
    rest, clip = convex_hull(a), convex_hull(b)
    if len(rest) < 3 or len(clip) < 3:
        return []
    for start, end in _edges(clip):
        if not rest:
            break
        kept: list[Point] = []
        sides_of = [_turn(start, end, point) for point in rest]
        for i, point in enumerate(rest):
            before, side, side_before = rest[i - 1], sides_of[i], sides_of[i - 1]
            if (side > 0 > side_before) or (side < 0 < side_before):
                share = side_before / (side_before - side)
                kept.append(
                    (before[0] + share * (point[0] - before[0]), before[1] + share * (point[1] - before[1]))
                )
            if side >= 0:
                kept.append(point)
        rest = kept
    return rest if len(rest) > 2 else []


def iou(a: Shape, b: Shape) -> float:
    """Intersection over union of two convex shapes, from 0 (apart, or without area) to 1."""
    left, top, right, bottom = bounds(a)
    left_b, top_b, right_b, bottom_b = bounds(b)
    if left >= right_b or left_b >= right or top >= bottom_b or top_b >= bottom:
        return 0.0
    common = intersection(a, b)
    if not common:
        return 0.0
    shared = abs(signed_area(common))
    whole = abs(signed_area(convex_hull(a))) + abs(signed_area(convex_hull(b))) - shared
    return min(1.0, shared / whole) if whole > 0 else 0.0


def overlapping_pairs(
    quads_a: Sequence[Shape], quads_b: Sequence[Shape], at_least: float
) -> list[tuple[int, int, float]]:
    """All pairs with an IoU of `at_least`, as (index in `quads_a`, index in `quads_b`, IoU), in this order.

    A grid over `quads_b` finds who can meet at all, so 800 boxes against 800 take milliseconds.

    Raises:
        ValueError: `at_least` is not above 0: every box "overlaps" every other by 0.
    """
    if not at_least > 0:
        raise ValueError("at_least must be above 0")
    if not quads_a or not quads_b:
        return []
    around_a, around_b = [bounds(quad) for quad in quads_a], [bounds(quad) for quad in quads_b]
    size = max(1.0, 2 * median(max(box[2] - box[0], box[3] - box[1]) for box in around_b))
    cells: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    large: list[int] = []
    for j, box in enumerate(around_b):
        covered = _cells(box, size)
        if covered is None:
            large.append(j)
        else:
            for cell in covered:
                cells[cell].append(j)
    found = []
    for i, box in enumerate(around_a):
        covered = _cells(box, size)
        if covered is None:
            near: set[int] = set(range(len(quads_b)))
        else:
            near = {j for cell in covered for j in cells.get(cell, ())}.union(large)
        for j in sorted(near):
            other = around_b[j]
            # The rectangles of two shapes share at least what the shapes share.
            if _could_reach(box, other) and (overlap := iou(quads_a[i], quads_b[j])) >= at_least:
                found.append((i, j, overlap))
    return found


def _could_reach(a: Bounds, b: Bounds) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _cells(box: Bounds, size: float) -> list[tuple[int, int]] | None:
    left, top, right, bottom = (math.floor(value / size) for value in box)
    if (right - left + 1) * (bottom - top + 1) > _MANY_CELLS:
        return None
    return [(column, row) for column in range(left, right + 1) for row in range(top, bottom + 1)]


def _upper_and_lower(points: Shape) -> tuple[Shape, Shape]:
    """Both long sides of a text, each in the direction of reading."""
    if len(points) < 4:
        points = [*points, points[-1]]
    half = len(points) // 2
    return points[:half], points[: -half - 1 : -1]


def _edges(points: Shape) -> Iterator[tuple[Point, Point]]:
    return zip(points, [*points[1:], *points[:1]], strict=True)


def _length(line: Shape) -> float:
    return sum(math.dist(a, b) for a, b in itertools.pairwise(line))


def _turn(a: Point, b: Point, c: Point) -> float:
    """Above 0 when c lies to the right of the way from a to b on screen, 0 when on it."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _turns_back(first: tuple[Point, Point], second: tuple[Point, Point]) -> bool:
    (ax, ay), (bx, by), (cx, cy) = first[0], first[1], second[1]
    return _turn(*first, second[1]) == 0 and (bx - ax) * (cx - bx) + (by - ay) * (cy - by) < 0


def _meet(first: tuple[Point, Point], second: tuple[Point, Point]) -> bool:
    """Whether two segments have a point in common."""
    (a, b), (c, d) = first, second
    abc, abd, cda, cdb = _turn(a, b, c), _turn(a, b, d), _turn(c, d, a), _turn(c, d, b)
    if ((abc > 0) != (abd > 0)) and ((cda > 0) != (cdb > 0)) and 0 not in (abc, abd, cda, cdb):
        return True
    return any(
        turn == 0 and _between(*segment, point)
        for turn, segment, point in ((abc, first, c), (abd, first, d), (cda, second, a), (cdb, second, b))
    )


def _between(a: Point, b: Point, point: Point) -> bool:
    return min(a[0], b[0]) <= point[0] <= max(a[0], b[0]) and min(a[1], b[1]) <= point[1] <= max(a[1], b[1])
