"""Shapes that look like letters and are none: a detector learns from them what is not text.

Bow-tie valves (X), circles (O), stubs (T, I, l, -), pumps (Q, G), check valves (N, Z), earth and weld marks,
arrows, spring lines (W, M), orifices (=), steps (L), hatching (///), crosses (+).
"""

import math
from collections.abc import Callable

from drawops_vision.sheets.draft import Draft
from drawops_vision.sheets.model import Fill, Point, arc


def any_decoy(draft: Draft, centre: Point, half: float) -> None:
    """One of them, turned by a quarter or not, in a square of 2 x `half` mm around `centre`."""
    rng = draft.rng
    pen = rng.choice((draft.style.thin, draft.style.medium, draft.style.thick))
    strokes = rng.choice(SHAPES)(half * 0.9)
    quarter = rng.randrange(4)
    fill = rng.choice((Fill.NONE, Fill.NONE, Fill.NONE, Fill.INK))
    for points, closed in strokes:
        turned = [_turn(point, quarter) for point in points]
        placed = [(centre[0] + x, centre[1] + y) for x, y in turned]
        if closed:
            draft.shape(placed, pen, fill)
        else:
            draft.line(placed, pen)


Stroke = tuple[list[Point], bool]


def _turn(point: Point, quarters: int) -> Point:
    x, y = point
    for _ in range(quarters):
        x, y = -y, x
    return x, y


def _ring(x: float, y: float, rx: float, ry: float) -> Stroke:
    return arc((x, y), rx, ry, 0, 345, 23), True


def _bow_tie(s: float) -> list[Stroke]:
    return [([(-s, -s / 2), (s, s / 2), (s, -s / 2), (-s, s / 2)], True)]


def _check(s: float) -> list[Stroke]:
    return [([(-s, s / 2), (-s, -s / 2)], False), ([(s, s / 2), (s, -s / 2)], False),
            ([(-s, -s / 2), (s, s / 2)], False)]  # fmt: skip


def _circle(s: float) -> list[Stroke]:
    return [_ring(0, 0, s * 0.6, s * 0.6)]


def _oval(s: float) -> list[Stroke]:
    return [_ring(0, 0, s * 0.45, s * 0.75)]


def _pump(s: float) -> list[Stroke]:
    return [_ring(0, 0, s * 0.7, s * 0.7), ([(0, -s * 0.7), (s * 0.7, 0), (0, s * 0.7)], False)]


def _tee(s: float) -> list[Stroke]:
    return [([(-s / 2, -s * 0.7), (s / 2, -s * 0.7)], False), ([(0, -s * 0.7), (0, s * 0.7)], False)]


def _bar(s: float) -> list[Stroke]:
    return [([(0, -s * 0.6), (0, s * 0.6)], False)]


def _bars(s: float) -> list[Stroke]:
    return [
        ([(-s * 0.2, -s * 0.6), (-s * 0.2, s * 0.6)], False),
        ([(s * 0.2, -s * 0.6), (s * 0.2, s * 0.6)], False),
    ]


def _earth(s: float) -> list[Stroke]:
    rows = [([(-w * s, y * s), (w * s, y * s)], False) for w, y in ((0.8, 0.0), (0.5, 0.3), (0.2, 0.6))]
    return [([(0, -s * 0.8), (0, 0)], False), *rows]


def _weld(s: float) -> list[Stroke]:
    return [([(-s, 0), (s, 0)], False), ([(-s * 0.3, 0), (-s * 0.3, -s * 0.6), (s * 0.3, 0)], True)]


def _arrow(s: float) -> list[Stroke]:
    return [([(-s, 0), (s * 0.3, 0)], False), ([(s * 0.3, -s * 0.3), (s, 0), (s * 0.3, s * 0.3)], True)]


def _zigzag(s: float) -> list[Stroke]:
    return [([(-s, s / 2), (-s / 2, -s / 2), (0, s / 2), (s / 2, -s / 2), (s, s / 2)], False)]


def _step(s: float) -> list[Stroke]:
    return [([(-s * 0.4, -s * 0.7), (-s * 0.4, s * 0.7), (s * 0.4, s * 0.7)], False)]


def _hatch(s: float) -> list[Stroke]:
    return [
        ([(x * s - s * 0.3, s * 0.5), (x * s + s * 0.3, -s * 0.5)], False) for x in (-0.6, -0.2, 0.2, 0.6)
    ]


def _cross(s: float) -> list[Stroke]:
    return [([(-s, 0), (s, 0)], False), ([(0, -s), (0, s)], False), _ring(0, 0, s * 0.5, s * 0.5)]


def _finish(s: float) -> list[Stroke]:
    return [([(-s * 0.7, -s * 0.1), (-s * 0.25, s * 0.8), (s * 0.7, -s)], False),
            ([(-s * 0.7, -s * 0.1), (s * 0.2, -s * 0.1)], False)]  # fmt: skip


def _wave(s: float) -> list[Stroke]:
    points = [(s * (step / 12 - 1), 0.3 * s * math.sin(step * math.pi / 4)) for step in range(25)]
    return [(points, False)]


def _triangle(s: float) -> list[Stroke]:
    return [([(-s * 0.6, s * 0.5), (s * 0.6, s * 0.5), (0, -s * 0.6)], True)]


def _square(s: float) -> list[Stroke]:
    return [([(-s / 2, -s / 2), (s / 2, -s / 2), (s / 2, s / 2), (-s / 2, s / 2)], True),
            ([(-s / 2, s / 2), (s / 2, -s / 2)], False)]  # fmt: skip


SHAPES: tuple[Callable[[float], list[Stroke]], ...] = (
    _bow_tie, _bow_tie, _check, _circle, _oval, _pump, _tee, _bar, _bars, _earth, _weld, _arrow, _zigzag,
    _step, _hatch, _cross, _finish, _wave, _triangle, _square,
)  # fmt: skip
