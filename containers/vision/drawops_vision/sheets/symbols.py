"""P&ID symbols (ISO 10628-2 shapes, ISA-5.1 balloons); sizes in mm for 2 mm lettering, times the module."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from drawops_vision.sheets.draft import DASHED, Draft, Spot
from drawops_vision.sheets.model import Fill, Horizontal, Point, Rectangle, Vertical, arc

BALLOON = 5.0
VALVE = 2.4
"""Half the length of a valve body."""


class Valve(StrEnum):
    """Valve bodies."""

    GATE = "gate"
    GLOBE = "globe"
    BALL = "ball"
    CHECK = "check"
    CONTROL = "control"


@dataclass(frozen=True)
class Axis:
    """A place on a pipe: `at` in mm and the unit direction of flow."""

    at: Point
    dx: float
    dy: float

    def point(self, along: float, across: float) -> Point:
        """The point `along` downstream and `across` to the right of the flow, in mm."""
        return self.at[0] + along * self.dx - across * self.dy, self.at[
            1
        ] + along * self.dy + across * self.dx

    def points(self, local: Sequence[Point]) -> list[Point]:
        """Several points at once."""
        return [self.point(*point) for point in local]


def valve(draft: Draft, axis: Axis, kind: Valve) -> None:
    """A valve body on a pipe; a control valve also gets its stem and diaphragm, above or left of the pipe."""
    k = draft.style.module
    a, b = VALVE * k, 1.35 * k
    if kind is Valve.CHECK:
        draft.shape(axis.points([(-a, -b), (a, -b), (a, b), (-a, b)]), 0.01, Fill.PAPER)
        draft.line(axis.points([(-a, -b), (-a, b)]))
        draft.line(axis.points([(a, -b), (a, b)]))
        draft.line(axis.points([(-a, b), (a, -b)]))
        draft.circle(axis.point(-a, b), 0.45 * k, fill=Fill.INK)
        return
    draft.shape(axis.points([(-a, -b), (0, 0), (-a, b)]), fill=Fill.PAPER)
    draft.shape(axis.points([(a, -b), (0, 0), (a, b)]), fill=Fill.PAPER)
    if kind is Valve.GLOBE:
        draft.circle(axis.at, 0.75 * k, fill=Fill.INK)
    elif kind is Valve.BALL:
        draft.circle(axis.at, 0.95 * k, fill=Fill.PAPER)
    elif kind is Valve.CONTROL:
        side = actuator_side(axis)
        draft.line(axis.points([(0, 0), (0, side * 3.0 * k)]))
        top = axis.point(0, side * 3.0 * k)
        start = 180.0 if axis.dx else 90.0
        draft.shape(arc(top, 1.9 * k, 1.9 * k, start, start + 180.0, 12), fill=Fill.PAPER)


def actuator_side(axis: Axis) -> float:
    """Sign of `across` that points up on a horizontal pipe and left on a vertical one."""
    return -axis.dx if axis.dx else axis.dy


def reducer(draft: Draft, axis: Axis) -> None:
    """Concentric reducer, wide end upstream."""
    k = draft.style.module
    draft.shape(
        axis.points([(-1.8 * k, -1.5 * k), (1.8 * k, -0.8 * k), (1.8 * k, 0.8 * k), (-1.8 * k, 1.5 * k)]),
        fill=Fill.PAPER,
    )


def arrow(draft: Draft, axis: Axis) -> None:
    """Filled flow arrow."""
    k = draft.style.module
    draft.shape(axis.points([(-1.4 * k, -0.8 * k), (1.4 * k, 0), (-1.4 * k, 0.8 * k)]), fill=Fill.INK)


def orifice(draft: Draft, axis: Axis) -> None:
    """Flow orifice: two short bars across the pipe."""
    k = draft.style.module
    for along in (-0.5 * k, 0.5 * k):
        draft.line(axis.points([(along, -1.5 * k), (along, 1.5 * k)]))


def balloon_box(draft: Draft, centre: Point) -> Rectangle:
    """The square that a balloon fills."""
    radius = BALLOON * draft.style.module
    return centre[0] - radius, centre[1] - radius, centre[0] + radius, centre[1] + radius


def balloon(draft: Draft, centre: Point, letters: str, number: str, in_panel: bool) -> None:
    """ISA-5.1 instrument: function letters over loop number; a line across means in the control room."""
    k = draft.style.module
    radius = BALLOON * k
    x, y = centre
    if in_panel and draft.style.shared_display:
        draft.rectangle(balloon_box(draft, centre), draft.style.medium, Fill.PAPER)
    draft.circle(centre, radius, draft.style.medium, Fill.PAPER)
    if in_panel:
        draft.line([(x - radius, y), (x + radius, y)])
    half = 0.77 * radius
    draft.within(
        (x - half, y - 0.64 * radius, x + half, y - 0.06 * radius), letters, 0.85, Horizontal.CENTRE, pad=0
    )
    draft.within(
        (x - half, y + 0.06 * radius, x + half, y + 0.64 * radius), number, 0.85, Horizontal.CENTRE, pad=0
    )


def signal(draft: Draft, points: Sequence[Point]) -> None:
    """Electric signal: dashed."""
    draft.line(points, dash=(DASHED[0] * draft.style.module, DASHED[1] * draft.style.module))


def connector(draft: Draft, tip: Point, to_the_right: bool, drawing: str, service: str) -> Rectangle:
    """Off-page connector: a pennant with the other drawing's number, and what flows where above it.

    Args:
        draft: the board.
        tip: where the pipe meets the pennant.
        to_the_right: the pennant lies right of `tip` (a product leaves) or left of it (a feed arrives).
        drawing: number of the drawing on which the line goes on.
        service: for instance ``TO E-101``.

    Returns:
        The rectangle that the connector fills, in mm.
    """
    k = draft.style.module
    length, half = connector_length(k), 2.3 * k
    x, y = tip
    if to_the_right:
        left, right = x, x + length
    else:
        left, right = x - length, x
    draft.shape(
        [(left, y - half), (right - half, y - half), (right, y), (right - half, y + half), (left, y + half)],
        draft.style.medium,
        Fill.PAPER,
    )
    draft.within((left, y - half, right - half * 0.7, y + half), drawing, 0.9, Horizontal.CENTRE)
    draft.search(
        service,
        (
            Spot(((left + right) / 2, y + dy), 0.0, Horizontal.CENTRE, vertical)
            for dy, vertical in ((-half - 1.3 * k, Vertical.BASELINE), (half + 1.3 * k, Vertical.TOP))
        ),
        0.9,
    )
    return left, y - half - 3.5 * k, right, y + half


def connector_length(module: float) -> float:
    """Length of an off-page connector in mm."""
    return 30.0 * module
