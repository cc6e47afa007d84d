"""Cut a page into areas so that every task is about the same amount of work.

The page is halved along its longer side, where half of the boxes that need a person lie on either side, and
so on with the halves (a k-d tree: Bentley, "Multidimensional binary search trees used for associative
searching", CACM 1975), until an area holds no more than wanted. The areas cover the page and do not overlap,
so every box, known by its middle, belongs to exactly one, and so does every place where a text may be
missing.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from drawops.contracts.labeling import Area, Quad

_SMALLEST = 64
"""Pixels of an area's shorter side below which nothing is cut: a person could not work in it."""

Middle = tuple[float, float]


@dataclass(frozen=True)
class _Mark:
    """The middle of a box, held inside the page, and whether it needs a person."""

    x: float
    y: float
    work: bool


def middle(quad: Quad) -> Middle:
    """The mean of the corners: where a box is, in pixels of the page."""
    return sum(x for x, _ in quad) / 4, sum(y for _, y in quad) / 4


def holds(area: Area, point: Middle) -> bool:
    """Whether a point lies in the area; its left and upper edge belong to it, the others do not."""
    return area.x <= point[0] < area.x + area.width and area.y <= point[1] < area.y + area.height


def clamped(point: Middle, width: int, height: int) -> Middle:
    """The point, or the nearest one on the page: a box may stick out, but it belongs somewhere."""
    return min(max(point[0], 0.0), width - 0.5), min(max(point[1], 0.0), height - 0.5)


def cut(
    width: int, height: int, boxes: Sequence[tuple[Quad, bool]], *, per_area: int, most: int = 1_500
) -> tuple[Area, ...]:
    """Areas of a page of `width` x `height` pixels, in reading order of their top-left corners.

    Args:
        boxes: quad of every box and whether a person must look at it.
        per_area: boxes that need a person, at most, where the page can be cut so.
        most: boxes of any kind in one area.
    """
    marks = []
    for quad, work in boxes:
        x, y = clamped(middle(quad), width, height)
        marks.append(_Mark(x, y, work))
    areas = _cut(Area(x=0, y=0, width=width, height=height), marks, per_area, most)
    return tuple(sorted(areas, key=lambda area: (area.y, area.x)))


def share_out(areas: Sequence[Area], quads: Sequence[Quad], width: int, height: int) -> list[list[int]]:
    """Which boxes lie in which area: for each area the indices into `quads`, ascending."""
    shares: list[list[int]] = [[] for _ in areas]
    for index, quad in enumerate(quads):
        point = clamped(middle(quad), width, height)
        owner = next(number for number, area in enumerate(areas) if holds(area, point))
        shares[owner].append(index)
    return shares


def _cut(area: Area, marks: list[_Mark], per_area: int, most: int) -> list[Area]:
    work = [mark for mark in marks if mark.work]
    if len(work) <= per_area and len(marks) <= most:
        return [area]
    weighed, room = (work, per_area) if len(work) > per_area else (marks, most)
    upright_cut_first = area.width >= area.height
    for vertical in (upright_cut_first, not upright_cut_first):
        where = _best_cut(area, weighed, room, vertical=vertical)
        if where is not None:
            first, second = _halves(area, where, vertical=vertical)
            inside = [mark for mark in marks if holds(first, (mark.x, mark.y))]
            outside = [mark for mark in marks if not holds(first, (mark.x, mark.y))]
            return [*_cut(first, inside, per_area, most), *_cut(second, outside, per_area, most)]
    return [area]


def _best_cut(area: Area, marks: list[_Mark], room: int, *, vertical: bool) -> int | None:
    """Where to cut: so that as few areas of `room` marks as possible come out, in two parts of about equal
    numbers, then in the widest gap between marks.

    None when the area is too small or all marks lie in one line across.
    """
    needed = math.ceil(len(marks) / room)
    first = needed // 2
    ideal, slack = len(marks) * first / needed, len(marks) / 10
    start, length = (area.x, area.width) if vertical else (area.y, area.height)
    places = sorted(mark.x if vertical else mark.y for mark in marks)
    candidates = []
    for number, (before, after) in enumerate(pairwise(places), start=1):
        # Marks at or after the cut belong to the second half.
        where = min(int((before + after) / 2) + 1, int(after))
        if before < where <= after and start + _SMALLEST <= where <= start + length - _SMALLEST:
            too_many = max(number - first * room, len(places) - number - (needed - first) * room, 0)
            candidates.append((too_many, max(abs(number - ideal) - slack, 0), before - after, where))
    return min(candidates)[-1] if candidates else None


def _halves(area: Area, where: int, *, vertical: bool) -> tuple[Area, Area]:
    if vertical:
        width = where - area.x
        return (
            area.model_copy(update={"width": width}),
            area.model_copy(update={"x": where, "width": area.width - width}),
        )
    height = where - area.y
    return (
        area.model_copy(update={"height": height}),
        area.model_copy(update={"y": where, "height": area.height - height}),
    )
