"""Content of a piping and instrumentation diagram: bands of equipment, joined by pipes from left to right.

The sheet is drawn the way a draughtsman works: border first, then equipment, then pipes, and only then
everything that must find a free place: line numbers, valves, instruments, remarks. Pipes get their texts
before their symbols, so that the line number takes the longest run. What finds no free place is left out.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from drawops_vision.sheets import annotations, border, lettering, symbols, tables, words
from drawops_vision.sheets.draft import Draft, Spot, Style
from drawops_vision.sheets.equipment import KINDS, TALL, Place, Unit
from drawops_vision.sheets.model import Drawing, Fill, Horizontal, Point, Rectangle, Vertical
from drawops_vision.sheets.symbols import Axis, Valve

SERVICES = ("P", "PL", "PG", "HC", "WC", "CW", "LS", "CD", "FG", "N", "AM", "DM", "BF")
SPECS = ("A1A", "A1B", "B1A", "B3C", "A3K", "D2A", "75HB13", "CS150", "SS304")
INSULATION = ("IH", "PP", "HC", "N", "ST", "")
INCHES = ("1", "1 1/2", "2", "3", "4", "6", "8", "10", "12")
FEEDS = ("FROM", "FEED FROM", "RETURN FROM")
REMARKS = (
    "NOTE 1",
    "NOTE 2",
    "NOTE 4",
    "MIN.",
    "1:100",
    "CSO",
    "LO",
    "LC",
    "TYP.",
    "HOLD 1",
    "NO POCKET",
    "VENT",
    "FC",
)


CONTROLLER = 12.5
"""How far above a pipe the middle of a controller's balloon is, in mm times the module."""


@dataclass
class Pipe:
    """A pipe run; `taken` are the stretches, in mm from the start of each segment, that hold a symbol."""

    points: list[Point]
    inches: str
    number: str
    taken: dict[int, list[tuple[float, float]]] = field(default_factory=dict)

    def segments(self) -> list[tuple[int, Axis, float]]:
        """Index, axis at the segment's start, length in mm; the longest first."""
        found = []
        for index, ((x0, y0), (x1, y1)) in enumerate(zip(self.points, self.points[1:], strict=False)):
            length = abs(x1 - x0) + abs(y1 - y0)
            if length > 1e-6:
                found.append((index, Axis((x0, y0), (x1 - x0) / length, (y1 - y0) / length), length))
        return sorted(found, key=lambda segment: -segment[2])

    def claim(self, index: int, start: float, end: float) -> bool:
        """Take a stretch of a segment; False when part of it is taken."""
        taken = self.taken.setdefault(index, [])
        if any(start < other_end and other_start < end for other_start, other_end in taken):
            return False
        taken.append((start, end))
        return True


def draw(
    seed: int,
    width: float,
    height: float,
    chinese: bool = False,
    hard: bool = True,
    hand: lettering.Hand = lettering.Hand.OFFICE,
) -> Drawing:
    """A P&ID on a sheet of `width` x `height` mm; the same arguments give the same drawing.

    `hard` adds what `annotations` holds.
    """
    rng = random.Random(f"pid {seed} {width:g}x{height:g}")
    area = rng.choice((1, 2, 3, 10, 20, 31, 45, 47))
    number = rng.choice(
        (
            f"{area}-PID-{rng.randint(1, 999):04d}",
            f"PID-{rng.randint(1000, 9999)}-{rng.randint(1, 20):02d}",
            f"D{rng.randint(100, 999)}-{area}-{rng.randint(1, 99):03d}",
        )
    )
    drawing = Drawing(width, height, title=number)
    draft = Draft(drawing, rng, _style(rng, width, chinese, hand))
    inside = border.frame(draft)
    title = f"P&ID {rng.choice(KINDS['column'].names)} AND {rng.choice(KINDS['exchanger'].names)}"
    bottom = border.bottom_strip(draft, inside, number, title)
    area_left = _tables(draft, (inside[0], inside[1], inside[2], bottom)) if hard else (*inside[:3], bottom)
    _Plant(draft, area_left, area).draw()
    if hard:
        annotations.fill(draft)
        draft.settle()
    return drawing


def _style(rng: random.Random, width: float, chinese: bool, hand: lettering.Hand) -> Style:
    height = rng.choice((1.8, 2.0, 2.2)) if 250 < width < 500 else rng.choice((2.2, 2.5))
    return lettering.style(rng, height, border.CHINESE if chinese else "", hand)


def _tables(draft: Draft, area: Rectangle) -> Rectangle:
    """Tables of equipment, lines or nozzles along one edge, on every other sheet; returns what is left."""
    rng = draft.rng
    x0, y0, x1, y1 = area
    band = 112 * draft.style.module
    if y1 - y0 < 1.3 * band or rng.random() < 0.4:
        return area
    along_top = rng.random() < 0.5
    x, deepest = x0, 0.0
    while True:
        table = tables.any_table(draft, min(0.3 * (y1 - y0), y1 - y0 - band))
        gap = rng.choice((0.0, 2.0, 6.0, 20.0))
        if x + gap + table.width > x1:
            break
        table.draw(draft, (x + gap, y0 if along_top else y1 - table.height))
        x += gap + table.width
        deepest = max(deepest, table.height)
        if rng.random() < 0.4:
            break
    return (x0, y0 + deepest, x1, y1) if along_top else (x0, y0, x1, y1 - deepest)


class _Plant:
    """Draws the process inside a rectangle of the sheet."""

    def __init__(self, draft: Draft, area: Rectangle, unit_number: int) -> None:
        self.draft = draft
        self.rng = draft.rng
        self.k = draft.style.module
        self.area = area
        self.unit_number = unit_number
        self._serial = 0
        self._loop = 0

    def draw(self) -> None:
        x0, y0, x1, y1 = self.area
        bands = max(1, round((y1 - y0) / (112 * self.k)))
        step = (y1 - y0) / bands
        for band in range(bands):
            self._band((x0, y0 + band * step, x1, y0 + (band + 1) * step))

    def _band(self, area: Rectangle) -> None:
        k = self.k
        x0, y0, x1, y1 = area
        data_bottom = y0 + 24 * k
        overhead, base = data_bottom + 8 * k, y1 - 16.5 * k
        reach = symbols.connector_length(k) + 4 * k
        units = self._equipment(x0 + reach, x1 - reach, overhead, base)
        self._data_lines(units, y0 + 2.5 * k)
        pipes = [self._feed(units[0], x0 + reach - 2 * k)]
        pipes += [self._join(a, b, base) for a, b in pairwise(units)]
        pipes.append(self._product(units[-1], x1 - reach + 2 * k, base))
        tall = [unit for unit in units if unit.kind in TALL]
        if tall:
            pipes.append(self._overhead(tall[0], overhead, x1 - reach + 2 * k))
        for unit in units:
            if unit.kind == "exchanger":
                self._utilities(unit, overhead, base)
        for unit in units:
            self._unit_tag(unit)
        for pipe in pipes:
            self._line_number(pipe)
        for unit in tall[1:]:
            self._relief(unit, overhead)
        for unit in units:
            self._nozzle_sizes(unit)
        for pipe in pipes:
            self._control_loop(pipe)
        for unit in tall:
            self._vessel_instruments(unit)
        for pipe in pipes:
            self._fittings(pipe)

    def _tag(self, letter: str) -> str:
        self._serial += 1
        return f"{letter}-{self.unit_number}{self._serial:02d}"

    def _equipment(self, left: float, right: float, overhead: float, base: float) -> list[Unit]:
        """Pick kinds until the band is full and space them evenly; pumps follow what they can draw from."""
        k, rng = self.k, self.rng
        room, gap, used = right - left, 37 * k, 0.0
        kinds: list[str] = []
        while True:
            choices = [kind for kind in KINDS if kind != "pump" and kind not in kinds[-1:]]
            if kinds and kinds[-1] in ("column", "vessel", "tank"):
                choices += ["pump"] * 4
            kind = rng.choice(choices)
            used += KINDS[kind].width * k + gap
            if used > room + gap * 0.4 and kinds:
                break
            kinds.append(kind)
        step = (room - sum(KINDS[kind].width * k for kind in kinds)) / (len(kinds) + 1)
        x = left + step
        units = []
        for kind in kinds:
            place = Place(x, KINDS[kind].width * k, overhead, base)
            tag = self._tag(KINDS[kind].letter) + (rng.choice(("A/B", "A", "")) if kind == "pump" else "")
            units.append(Unit(kind, tag, KINDS[kind].draw(self.draft, place)))
            x = place.right + step
        return units

    def _unit_tag(self, unit: Unit) -> None:
        """Inside large equipment, beside or under the rest."""
        k = self.k
        x0, y0, x1, y1 = unit.outline.box
        middle = (x0 + x1) / 2
        if unit.kind in ("tank", "drum"):
            inside = Spot((middle, y0 + (y1 - y0) * 0.55), 0.0, Horizontal.CENTRE, Vertical.MIDDLE)
            self.draft.put(self.draft.lettering(unit.tag, inside, 1.35, heading=True))
            return
        spots = [
            Spot((x1 + 1.5 * k, y0 + 7 * k)),
            Spot((x0 - 1.5 * k, y0 + 7 * k), 0.0, Horizontal.RIGHT),
        ]
        if unit.kind == "exchanger":
            spots.insert(0, Spot((x0, y1 + 1.5 * k), 0.0, Horizontal.LEFT, Vertical.TOP))
        elif unit.kind == "pump":
            spots.insert(0, Spot((middle, y1 + 1.5 * k), 0.0, Horizontal.CENTRE, Vertical.TOP))
        self.draft.search(unit.tag, spots, 1.35, heading=True)

    def _data_lines(self, units: list[Unit], top: float) -> None:
        """The block of design data above each piece of equipment, as on most P&IDs."""
        k = self.k
        for unit in units:
            kind = KINDS[unit.kind]
            middle = (unit.outline.box[0] + unit.outline.box[2]) / 2
            lines = [
                (unit.tag, 1.35, 4.4),
                *((line, 0.9, 3.5) for line in (self.rng.choice(kind.names), *kind.data(self.rng))),
            ]
            y = top
            for line, size, pitch in lines:
                # Lines of one block stand closer than GAP allows, so they are put, not searched for.
                spot = Spot((middle, y), 0.0, Horizontal.CENTRE, Vertical.TOP)
                text = self.draft.lettering(line, spot, size, heading=size > 1)
                if self.draft.is_free(text.bounds(), 0.0):
                    self.draft.put(text)
                y += pitch * k

    def _pipe(self, points: list[Point]) -> Pipe:
        rng = self.rng
        inches = rng.choice(INCHES[2:])
        parts = [
            f'{inches}"',
            rng.choice(SERVICES),
            str(self.unit_number * 100 + rng.randint(1, 99)),
            rng.choice(SPECS),
            rng.choice(INSULATION),
        ]
        self.draft.line(points, self.draft.style.thick)
        number = "-".join(part for part in parts if part)
        return Pipe(points, inches, number if rng.random() < 0.6 else words.line_number(rng))

    def _other_sheet(self) -> str:
        return f"{self.unit_number}-PID-{self.rng.randint(1, 999):04d}"

    def _somewhere(self) -> str:
        letter = self.rng.choice("CEVPDK")
        return f"{letter}-{self.rng.randint(100, 999)}"

    def _feed(self, unit: Unit, x: float) -> Pipe:
        pipe = self._pipe([(x, unit.outline.inlet[1]), unit.outline.inlet])
        symbols.connector(
            self.draft,
            (x, unit.outline.inlet[1]),
            False,
            self._other_sheet(),
            f"{self.rng.choice(FEEDS)} {self._somewhere()}",
        )
        return pipe

    def _leave(self, unit: Unit, base: float) -> list[Point]:
        return (
            [unit.outline.outlet, (unit.outline.outlet[0], base)]
            if unit.outline.outlet_down
            else [unit.outline.outlet]
        )

    def _join(self, a: Unit, b: Unit, base: float) -> Pipe:
        points = self._leave(a, base)
        left, right = max(points[-1][0], a.outline.box[2]), b.outline.box[0]
        if abs(points[-1][1] - b.outline.inlet[1]) > 0.01:
            x = left + (right - left) * self.rng.uniform(0.45, 0.7)
            points += [(x, points[-1][1]), (x, b.outline.inlet[1])]
        return self._pipe([*points, b.outline.inlet])

    def _product(self, unit: Unit, x: float, base: float) -> Pipe:
        points = self._leave(unit, base)
        y = points[-1][1]
        pipe = self._pipe([*points, (x, y)])
        symbols.connector(self.draft, (x, y), True, self._other_sheet(), f"TO {self._somewhere()}")
        return pipe

    def _overhead(self, unit: Unit, y: float, x: float) -> Pipe:
        pipe = self._pipe([unit.outline.top, (unit.outline.top[0], y), (x, y)])
        symbols.connector(self.draft, (x, y), True, self._other_sheet(), f"GAS TO {self._somewhere()}")
        return pipe

    def _line_number(self, pipe: Pipe) -> bool:
        """Above a horizontal run, left of a vertical one, near its middle first."""
        gap = 1.15 * self.k
        return self.draft.search(pipe.number, self._along(pipe, gap))

    def _along(self, pipe: Pipe, gap: float) -> Iterator[Spot]:
        for _, axis, length in pipe.segments():
            for share in (0.5, 0.35, 0.65, 0.25, 0.75):
                x, y = axis.point(length * share, 0.0)
                if axis.dx:
                    yield Spot((x, y - gap), 0.0, Horizontal.CENTRE)
                else:
                    yield Spot((x - gap, y), -90.0, Horizontal.CENTRE)

    def _nozzle_sizes(self, unit: Unit) -> None:
        if unit.kind == "pump":
            return
        k = self.k
        serial = iter(range(1, 9))
        for x, y in (unit.outline.inlet, unit.outline.outlet, unit.outline.top):
            name = f"N{next(serial)}"
            self.draft.search(
                name,
                [
                    Spot((x - 1.2 * k, y - 1.2 * k), 0.0, Horizontal.RIGHT),
                    Spot((x + 1.2 * k, y - 1.2 * k)),
                    Spot((x + 1.2 * k, y + 1.2 * k), 0.0, Horizontal.LEFT, Vertical.TOP),
                    Spot((x - 1.2 * k, y + 1.2 * k), 0.0, Horizontal.RIGHT, Vertical.TOP),
                ],
                0.75,
            )

    def _number(self) -> str:
        self._loop += 1
        return f"{self.unit_number}{self._loop:02d}"

    def _relief(self, unit: Unit, overhead: float) -> None:
        """Safety valve on the top nozzle, with its tag and set pressure."""
        k, draft = self.k, self.draft
        x, top = unit.outline.top
        y = max(overhead + 7 * k, top - 16 * k)
        if top - y < 7 * k or not draft.is_free((x - 3 * k, y - 3 * k, x + 14 * k, top - 1.0)):
            return
        draft.line([(x, top), (x, y)], draft.style.thick)
        draft.shape([(x - 1.4 * k, y + 2.6 * k), (x, y), (x + 1.4 * k, y + 2.6 * k)], fill=Fill.PAPER)
        draft.shape([(x + 2.6 * k, y - 1.4 * k), (x, y), (x + 2.6 * k, y + 1.4 * k)], fill=Fill.PAPER)
        draft.line([(x, y), (x, y - 2.6 * k)])
        draft.line([(x - 0.9 * k, y - 2.0 * k), (x + 0.9 * k, y - 1.2 * k)])
        draft.line([(x + 2.6 * k, y), (x + 8 * k, y)], draft.style.thick)
        symbols.arrow(draft, Axis((x + 9 * k, y), 1.0, 0.0))
        draft.search(
            f"PSV-{self._number()}",
            [Spot((x + 3 * k, y + 4.6 * k)), Spot((x - 2 * k, y), 0.0, Horizontal.RIGHT)],
        )
        draft.search(
            f"SET @ {self.rng.uniform(2, 40):.1f} barg",
            [Spot((x + 3 * k, y + 7.8 * k)), Spot((x - 2 * k, y + 3.2 * k), 0.0, Horizontal.RIGHT)],
            0.8,
        )
        draft.search("TO FLARE", [Spot((x + 11.5 * k, y), 0.0, Horizontal.LEFT, Vertical.MIDDLE)], 0.8)

    def _utilities(self, unit: Unit, overhead: float, base: float) -> None:
        """Cooling or heating medium in at the top of an exchanger and out at its bottom."""
        k, draft, rng = self.k, self.draft, self.rng
        supply, back = rng.choice((("CWS", "CWR"), ("LS", "CD"), ("HOS", "HOR")))
        x0, y0, x1, y1 = unit.outline.box
        for x, y, sign, name in ((x0 + 7 * k, y0, -1.0, supply), (x1 - 7 * k, y1, 1.0, back)):
            length = 13 * k
            end = y + sign * length
            box = (x - 3 * k, min(end, y + sign * 1.0) - 4 * k, x + 3 * k, max(end, y + sign * 1.0) + 4 * k)
            box = (
                (x - 3 * k, end - 4 * k, x + 3 * k, y - 0.6)
                if sign < 0
                else (x - 3 * k, y + 0.6, x + 3 * k, end + 4 * k)
            )
            if end < overhead + 5 * k or end > base - 6 * k or not draft.is_free(box, 0.0):
                continue
            points = [(x, end), (x, y)] if sign < 0 else [(x, y), (x, end)]
            pipe = self._pipe(points)
            axis = Axis((x, y + sign * 6 * k), 0.0, 1.0)
            symbols.valve(draft, axis, Valve.GATE)
            symbols.arrow(draft, Axis((x, end), 0.0, 1.0))
            spot = Spot(
                (x, end + sign * 2.8 * k),
                0.0,
                Horizontal.CENTRE,
                Vertical.BASELINE if sign < 0 else Vertical.TOP,
            )
            draft.search(name, [spot], 0.9)
            draft.search(
                f'{pipe.inches}"',
                [
                    Spot((x + 2.2 * k, y + sign * 6 * k), 0.0, Horizontal.LEFT, Vertical.MIDDLE),
                    Spot((x - 2.2 * k, y + sign * 6 * k), 0.0, Horizontal.RIGHT, Vertical.MIDDLE),
                ],
                0.85,
            )

    def _room(self, axis: Axis, half: float, above: float, below: float) -> bool:
        """Whether the strips on both sides of a horizontal or vertical pipe are empty (mm from the pipe)."""
        clear = 0.35 + self.draft.style.thick
        side = symbols.actuator_side(axis)
        for start, end in ((side * clear, side * above), (-side * clear, -side * below)):
            (xa, ya), (xb, yb) = axis.point(-half, start), axis.point(half, end)
            if not self.draft.is_free((min(xa, xb), min(ya, yb), max(xa, xb), max(ya, yb)), 0.0):
                return False
        return True

    def _control_loop(self, pipe: Pipe) -> None:
        """Control valve with its controller above it, a flow element upstream, and dashed signals between."""
        k, draft, rng = self.k, self.draft, self.rng
        if rng.random() < 0.35:
            return
        measured = rng.choice("FFPTL")
        for index, axis, length in pipe.segments():
            if not axis.dx or length < 24 * k:
                continue
            for share in (0.5, 0.65, 0.4, 0.75, 0.3):
                at = length * share
                here = Axis(axis.point(at, 0.0), axis.dx, axis.dy)
                if (
                    at < 8 * k
                    or at > length - 7 * k
                    or not self._room(here, 6 * k, (CONTROLLER + 6) * k, 6 * k)
                ):
                    continue
                if not pipe.claim(index, at - 5 * k, at + 5 * k):
                    continue
                number = self._number()
                x, y = here.at
                symbols.valve(draft, here, Valve.CONTROL)
                centre = (x, y - CONTROLLER * k)
                symbols.signal(draft, [(x, y - 4.9 * k), (x, y - CONTROLLER * k + symbols.BALLOON * k)])
                symbols.balloon(draft, centre, f"{measured}IC", number, in_panel=True)
                draft.search(
                    f"{measured}V-{number}",
                    [Spot((x, y + 2.2 * k), 0.0, Horizontal.CENTRE, Vertical.TOP)],
                    0.9,
                )
                draft.search(
                    rng.choice(("FC", "FO")),
                    [
                        Spot((x + 3.2 * k, y - 2.0 * k)),
                        Spot((x - 3.2 * k, y - 2.0 * k), 0.0, Horizontal.RIGHT),
                    ],
                    0.75,
                )
                self._transmitter(pipe, index, axis, length, at, measured, number, centre)
                return

    def _transmitter(
        self,
        pipe: Pipe,
        index: int,
        axis: Axis,
        length: float,
        valve_at: float,
        measured: str,
        number: str,
        controller: Point,
    ) -> None:
        k, draft = self.k, self.draft
        for distance in (15 * k, 18 * k, 12 * k, -12 * k, -15 * k):
            at = valve_at - distance
            here = Axis(axis.point(at, 0.0), axis.dx, axis.dy)
            if (
                not 3 * k <= at <= length - 3 * k
                or not self._room(here, 6 * k, (CONTROLLER + 6) * k, 1.5 * k)
                or not pipe.claim(index, at - 2.5 * k, at + 2.5 * k)
            ):
                continue
            x, y = here.at
            if measured == "F":
                symbols.orifice(draft, here)
            draft.line([(x, y), (x, y - CONTROLLER * k + symbols.BALLOON * k)])
            symbols.balloon(draft, (x, controller[1]), f"{measured}T", number, in_panel=False)
            reach = symbols.BALLOON * k if x < controller[0] else -symbols.BALLOON * k
            symbols.signal(draft, [(x + reach, controller[1]), (controller[0] - reach, controller[1])])
            return

    def _vessel_instruments(self, unit: Unit) -> None:
        """Level, pressure and temperature instruments left and right of a vessel."""
        k, draft, rng = self.k, self.draft, self.rng
        x0, y0, x1, y1 = unit.outline.box
        letters = rng.sample(("LT", "LG", "PI", "TI", "LSHH", "LSLL", "PT", "TE"), 4)
        for name in letters:
            for share, left in ((0.2, False), (0.8, False), (0.55, False), (0.8, True), (0.15, True)):
                y = y0 + (y1 - y0) * share
                edge, sign = (x0, -1.0) if left else (x1, 1.0)
                centre = (edge + sign * 9 * k, y)
                near, far = sorted((edge + sign * 0.8, edge + sign * 15 * k))
                if not draft.is_free((near, y - 6 * k, far, y + 6 * k), 0.0):
                    continue
                draft.line([(edge, y), (centre[0], y)])
                symbols.balloon(draft, centre, name, self._number(), in_panel=name in ("LSHH", "LSLL"))
                alarm = {"LSHH": "HH", "LSLL": "LL"}.get(name)
                if alarm:
                    draft.search(
                        alarm,
                        [
                            Spot((centre[0] + 4.4 * k, y - 3.2 * k)),
                            Spot((centre[0] - 4.4 * k, y - 3.2 * k), 0.0, Horizontal.RIGHT),
                        ],
                        0.8,
                    )
                break

    def _fittings(self, pipe: Pipe) -> None:
        """Hand valves, check valves, reducers, drains, local instruments, remarks and arrows along a pipe."""
        rng = self.rng
        length = sum(segment[2] for segment in pipe.segments())
        kinds = ("valve", "valve", "check", "reducer", "drain", "local", "remark", "arrow")
        wanted = ["arrow", *rng.choices(kinds, k=3 + int(length / (22 * self.k)))]
        for what in wanted:
            segments = pipe.segments()
            rng.shuffle(segments)
            self._fitting(pipe, what, segments)

    def _fitting(self, pipe: Pipe, what: str, segments: list[tuple[int, Axis, float]]) -> None:
        k, rng = self.k, self.rng
        half = {"arrow": 2.0, "remark": 0.1, "drain": 3.4, "local": 6.0}.get(what, 3.6) * k
        for index, axis, length in segments:
            if length < 2 * half + 4 * k:
                continue
            if what in ("drain", "local") and not axis.dx:
                continue
            for _ in range(4):
                at = rng.uniform(half + 2 * k, length - half - 2 * k)
                here = Axis(axis.point(at, 0.0), axis.dx, axis.dy)
                above, below = {"drain": (1.0, 13.0), "local": (18.0, 1.5)}.get(what, (1.8, 1.8))
                if not self._room(here, half, above * k, below * k) or not pipe.claim(
                    index, at - half, at + half
                ):
                    continue
                self._draw_fitting(pipe, what, here)
                return

    def _draw_fitting(self, pipe: Pipe, what: str, here: Axis) -> None:
        k, draft, rng = self.k, self.draft, self.rng
        x, y = here.at
        beside = (
            [
                Spot((x, y - 2.3 * k), 0.0, Horizontal.CENTRE),
                Spot((x, y + 2.3 * k), 0.0, Horizontal.CENTRE, Vertical.TOP),
            ]
            if here.dx
            else [
                Spot((x - 2.3 * k, y), -90.0, Horizontal.CENTRE),
                Spot((x + 2.3 * k, y), -90.0, Horizontal.CENTRE, Vertical.TOP),
                Spot((x + 2.3 * k, y), 0.0, Horizontal.LEFT, Vertical.MIDDLE),
            ]
        )
        if what == "arrow":
            symbols.arrow(draft, here)
        elif what == "valve":
            symbols.valve(draft, here, rng.choice((Valve.GATE, Valve.GATE, Valve.GLOBE, Valve.BALL)))
            draft.search(f"HV-{self._number()}", beside, 0.9)
        elif what == "check":
            symbols.valve(draft, here, Valve.CHECK)
            draft.search(f"NRV-{self._number()}", beside, 0.9)
        elif what == "reducer":
            symbols.reducer(draft, here)
            index = INCHES.index(pipe.inches)
            draft.search(f'{pipe.inches}"x{INCHES[max(0, index - rng.randint(1, 2))]}"', beside, 0.85)
        elif what == "remark":
            draft.search(rng.choice((rng.choice(REMARKS), words.size(rng), words.pair(rng))), beside, 0.85)
        elif what == "drain":
            draft.line([(x, y), (x, y + 9 * k)], draft.style.medium)
            symbols.valve(draft, Axis((x, y + 5 * k), 0.0, 1.0), Valve.GATE)
            draft.line([(x - 1.2 * k, y + 9 * k), (x + 1.2 * k, y + 9 * k)], draft.style.medium)
            draft.search(
                rng.choice(('3/4"', '1"', '1/2"')),
                [
                    Spot((x - 2 * k, y + 5 * k), 0.0, Horizontal.RIGHT, Vertical.MIDDLE),
                    Spot((x + 2 * k, y + 5 * k), 0.0, Horizontal.LEFT, Vertical.MIDDLE),
                ],
                0.85,
            )
            draft.search("D", [Spot((x, y + 10 * k), 0.0, Horizontal.CENTRE, Vertical.TOP)], 0.85)
        else:
            draft.line([(x, y), (x, y - 12 * k + symbols.BALLOON * k)])
            symbols.balloon(
                draft,
                (x, y - 12 * k),
                rng.choice(("PI", "TI", "PDI", "FI", "TW", "AE")),
                self._number(),
                False,
            )
