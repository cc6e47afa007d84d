"""Equipment of a P&ID: how each kind is drawn, where pipes meet it, and the design data that stand above it.

A new kind is a function that draws it, a function that makes up its data, and an entry in `KINDS`.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

from drawops_vision.sheets.draft import Draft
from drawops_vision.sheets.model import Fill, Point, Rectangle, arc


@dataclass(frozen=True)
class Place:
    """The room for one piece of equipment, in mm: its left edge and width, and the heights of its band.

    Attributes:
        left: x of the left edge.
        width: of the equipment.
        overhead: y of the band's overhead line.
        base: y of the band's lowest line, on which the pumps stand.
    """

    left: float
    width: float
    overhead: float
    base: float

    @property
    def right(self) -> float:
        """x of the right edge."""
        return self.left + self.width

    @property
    def middle(self) -> float:
        """x of the centre line."""
        return self.left + self.width / 2

    @property
    def span(self) -> float:
        """Height of the band between overhead and base line."""
        return self.base - self.overhead


@dataclass(frozen=True)
class Outline:
    """What was drawn (mm): the box it fills and the places where pipes meet it."""

    box: Rectangle
    inlet: Point
    outlet: Point
    outlet_down: bool
    top: Point


@dataclass(frozen=True)
class Unit:
    """A piece of equipment on the sheet."""

    kind: str
    tag: str
    outline: Outline


@dataclass(frozen=True)
class Kind:
    """A kind of equipment.

    Attributes:
        letter: first part of its tags.
        width: mm times the module.
        names: what a tag list calls it.
        draw: puts it on the draft.
        data: makes up the lines under its name.
    """

    letter: str
    width: float
    names: tuple[str, ...]
    draw: Callable[[Draft, Place], Outline]
    data: Callable[[random.Random], list[str]]


def _column(draft: Draft, place: Place) -> Outline:
    outline = _upright(draft, place, 0.66)
    x, w = place.left, place.width
    _, top, _, bottom = outline.box
    for tray in range(6):
        y = top + w / 2 + (bottom - top - w) * tray / 5
        start = x if tray % 2 else x + w * 0.25
        draft.line([(start, y), (start + w * 0.75, y)])
    return outline


def _vessel(draft: Draft, place: Place) -> Outline:
    return _upright(draft, place, 0.45)


def _upright(draft: Draft, place: Place, share: float) -> Outline:
    """A cylinder with 2:1 elliptical heads, `share` of the band high."""
    bottom = place.base - 11 * draft.style.module
    height = place.span * share
    top, head = bottom - height, place.width / 4
    upper = arc((place.middle, top + head), place.width / 2, head, 180, 360)
    lower = arc((place.middle, bottom - head), place.width / 2, head, 0, 180)
    draft.shape([*upper, *lower], draft.style.thick, Fill.PAPER)
    inlet = (place.left, top + height * draft.rng.uniform(0.35, 0.5))
    box = (place.left, top, place.right, bottom)
    return Outline(box, inlet, (place.middle, bottom), True, (place.middle, top))


def _drum(draft: Draft, place: Place) -> Outline:
    k = draft.style.module
    height = 13 * k
    top = place.overhead + place.span * draft.rng.uniform(0.3, 0.45)
    bottom, axis, head = top + height, top + height / 2, height / 4
    left = arc((place.left + head, axis), head, height / 2, 90, 270)
    right = arc((place.right - head, axis), head, height / 2, -90, 90)
    draft.shape([*left, *right], draft.style.thick, Fill.PAPER)
    for share in (0.25, 0.75):
        _foot(draft, place.left + place.width * share, bottom, 2 * k, 1.4 * k, 3 * k)
    box = (place.left, top, place.right, bottom)
    return Outline(box, (place.left, axis), (place.middle, bottom), True, (place.middle, top))


def _exchanger(draft: Draft, place: Place) -> Outline:
    """Shell and tube: a shell between two channel heads, the tubes as a zigzag."""
    k, x, w = draft.style.module, place.left, place.width
    height = 10 * k
    top = place.overhead + place.span * draft.rng.uniform(0.34, 0.5)
    bottom, axis = top + height, top + height / 2
    draft.rectangle((x + 3 * k, top, place.right - 3 * k, bottom), draft.style.thick, Fill.PAPER)
    for left in (x, place.right - 3 * k):
        channel = (left, top + 0.5 * k, left + 3 * k, bottom - 0.5 * k)
        draft.rectangle(channel, draft.style.thick, Fill.PAPER)
    up, down = (x + w * 0.42, top + 2 * k), (x + w * 0.58, bottom - 2 * k)
    start, end = (x + w * 0.35, axis), (x + w * 0.65, axis)
    draft.line([(x + 3 * k, axis), start, up, down, end, (place.right - 3 * k, axis)], draft.style.medium)
    return Outline((x, top, place.right, bottom), (x, axis), (place.right, axis), False, (place.middle, top))


def _tank(draft: Draft, place: Place) -> Outline:
    """Flat bottom, cone roof."""
    k, x = draft.style.module, place.left
    height = place.span * 0.4
    bottom = place.base - 9 * k
    eaves = bottom - height
    roof = (place.middle, eaves - 4 * k)
    walls = [(x, bottom), (x, eaves), roof, (place.right, eaves), (place.right, bottom)]
    draft.shape(walls, draft.style.thick, Fill.PAPER)
    outlet = (x + place.width * 0.7, bottom)
    return Outline((x, roof[1], place.right, bottom), (x, eaves + height * 0.3), outlet, True, roof)


def _pump(draft: Draft, place: Place) -> Outline:
    """Centrifugal: a circle with the delivery triangle, on a foot."""
    r, x, y = place.width / 2, place.middle, place.base
    draft.circle((x, y), r, draft.style.thick, Fill.PAPER)
    draft.shape([(x, y - r), (x + r, y), (x, y + r)], draft.style.medium)
    _foot(draft, x, y + r * 0.87, r * 0.5, r * 0.9, r * 0.53)
    box = (place.left, y - r, place.right, y + r * 1.4)
    return Outline(box, (place.left, y), (place.right, y), False, (x, y - r))


def _foot(draft: Draft, x: float, top: float, upper: float, lower: float, height: float) -> None:
    """A trapezium that stands under something; `upper` and `lower` are half widths."""
    bottom = top + height
    draft.shape([(x - upper, top), (x + upper, top), (x + lower, bottom), (x - lower, bottom)])


def _design(rng: random.Random) -> str:
    pressure = rng.choice((3.5, 6.0, 10.0, 16.0, 25.0, 40.0))
    return f"{pressure:.1f} barg / {rng.choice((65, 80, 120, 150, 200, 260))} °C"


def _temperatures(rng: random.Random) -> str:
    return f"DT {rng.choice((-29, -10, 0, 5))}/{rng.choice((65, 80, 120, 150, 200, 260))} °C"


def _material(rng: random.Random) -> str:
    return rng.choice(("CS + 3 mm CA", "SS 316L", "KCS A516-70", "CS / SS 304"))


def _vessel_data(rng: random.Random) -> list[str]:
    diameter = rng.randrange(600, 4200, 100)
    length = diameter * rng.choice((2, 3, 4))
    return [f"Ø{diameter} x {length} T/T", f"DP {_design(rng)}", _temperatures(rng), _material(rng)]


def _exchanger_data(rng: random.Random) -> list[str]:
    duty, area = rng.randint(120, 9800), rng.uniform(8, 420)
    return [f"DUTY {duty} kW", f"AREA {area:.1f} m²", f"SHELL {_design(rng)}", f"TUBE {_design(rng)}"]


def _pump_data(rng: random.Random) -> list[str]:
    flow, head = rng.uniform(2, 320), rng.randint(15, 180)
    power = rng.choice((1.5, 5.5, 11, 22, 45, 75))
    return [f"{flow:.1f} m³/h x {head} m", f"{power:g} kW / 400 V", f"DP {_design(rng)}", _material(rng)]


def _tank_data(rng: random.Random) -> list[str]:
    volume, diameter, height = rng.randrange(20, 900, 10), rng.randrange(3, 14), rng.randrange(4, 15)
    return [f"VOLUME {volume} m³", f"Ø{diameter}.0 m x {height}.5 m", _temperatures(rng), _material(rng)]


KINDS: dict[str, Kind] = {
    "column": Kind(
        "C", 14, ("STABILISER", "STRIPPER", "ABSORBER", "DEETHANISER", "REGENERATOR"), _column, _vessel_data
    ),
    "vessel": Kind(
        "V",
        17,
        ("FEED SURGE DRUM", "FLASH DRUM", "KO DRUM", "REFLUX DRUM", "BUFFER VESSEL"),
        _vessel,
        _vessel_data,
    ),
    "drum": Kind(
        "D",
        36,
        ("REFLUX ACCUMULATOR", "3-PHASE SEPARATOR", "CONDENSATE DRUM", "BLOWDOWN DRUM"),
        _drum,
        _vessel_data,
    ),
    "exchanger": Kind(
        "E",
        27,
        ("FEED PREHEATER", "OVERHEAD CONDENSER", "BOTTOMS COOLER", "REBOILER", "TRIM COOLER"),
        _exchanger,
        _exchanger_data,
    ),
    "pump": Kind(
        "P",
        11,
        ("FEED PUMP", "REFLUX PUMP", "BOTTOMS PUMP", "CHARGE PUMP", "TRANSFER PUMP"),
        _pump,
        _pump_data,
    ),
    "tank": Kind("TK", 30, ("STORAGE TANK", "DAY TANK", "SLOP TANK", "METHANOL TANK"), _tank, _tank_data),
}
TALL = ("column", "vessel", "drum")
"""Kinds with gas at the top and instruments on the side."""
