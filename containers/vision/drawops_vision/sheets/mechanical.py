"""Content of a part drawing: views with outlines, centre lines and hatching, and dimensions at every angle.

First the shapes of every view are drawn, with their dimension and leader lines; then the texts look for a
free place along their lines, as a draughtsman shifts them. What finds none is left out.
"""

import itertools
import math
import random
from collections.abc import Sequence
from dataclasses import replace

from drawops_vision.sheets import annotations, border, lettering, tables, words
from drawops_vision.sheets.draft import Draft
from drawops_vision.sheets.model import (
    Drawing,
    Fill,
    Horizontal,
    Path,
    Point,
    Rectangle,
    Text,
    Vertical,
    arc,
)

CENTRE_LINE = (6.0, 1.2, 1.2, 1.2)
HIDDEN = (2.0, 1.0)
PARTS = ("Bracket", "Adapter", "Flange", "Bearing_Cover", "SHAFT", "SPACER", "Halteplatte", "Distanzhülse",
         "LEVER",
         "Gehäusedeckel", "Motor_Mount_", "GEAR BLANK", "Führungsbolzen", "Clamp_2", "VALVE SEAT",
         "Nozzle plate",
         "Ölfilterkopf", "BUSHING", "Antriebswelle", "Cover", "GUIDE RAIL", "Pulley", "Stützfuß")  # fmt: skip
GEOMETRIC = (
    "straight",
    "flat",
    "round",
    "parallel",
    "square",
    "angle",
    "position",
    "concentric",
    "runout",
    "profile",
)


def draw(
    seed: int,
    width: float,
    height: float,
    chinese: bool = False,
    hard: bool = True,
    hand: lettering.Hand = lettering.Hand.OFFICE,
) -> Drawing:
    """A part drawing on a sheet of `width` x `height` mm; the same arguments give the same drawing."""
    rng = random.Random(f"mechanical {seed} {width:g}x{height:g}")
    number = words.drawing_number(rng)
    drawing = Drawing(width, height, title=number)
    style = lettering.style(rng, rng.choice((1.7, 2.0, 2.2)), border.CHINESE if chinese else "", hand)
    draft = Draft(drawing, rng, style)
    inside = border.frame(draft)
    bottom = border.part_strip(draft, inside, number, rng.choice(PARTS))
    if chinese:
        border.chinese_notes(draft, (inside[0], inside[1], inside[2], bottom))
    Views(draft, (inside[0], inside[1], inside[2], bottom)).draw()
    if hard:
        annotations.fill(draft, 0.7)
    draft.settle()
    return drawing


def _unit(a: Point, b: Point) -> tuple[float, float, float]:
    """Direction and distance from `a` to `b`."""
    length = math.dist(a, b)
    return (b[0] - a[0]) / length, (b[1] - a[1]) / length, length


def _along(a: Point, b: Point, share: float) -> Point:
    return a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share


def readable(angle: float) -> float:
    """The same line's angle at which text on it is read from below or from the right: in [-90, 90)."""
    return round((angle + 90.0) % 180.0 - 90.0, 6)


class Views:
    """Draws views and their dimensions, keeps the texts of these, and places them in the end."""

    def __init__(self, draft: Draft, area: Rectangle) -> None:
        self.draft = draft
        self.rng = draft.rng
        self.area = area
        self.h = self.rng.choice((2.2, 2.5, 2.5, 3.0, 3.5))
        self.level = self.rng.random() < 0.25
        """Whether all dimensions are written level, as ASME Y14.5 has it, or along their lines (ISO 129)."""
        self.decimals = self.rng.choice((0, 1, 2, 2))
        self.small = self.rng.choice((0.6, 0.7, 0.8, 1.0))
        self.pending: list[list[list[Text]]] = []
        self.grey = self.rng.choice((0, 0, 0, 0, 50, 90))

    def draw(self) -> None:
        """Two to twelve views and their texts."""
        rng, draft = self.rng, self.draft
        x0, y0, x1, y1 = self.area
        if rng.random() < 0.5:
            self.list_corner()
        columns = max(1, min(4, round((x1 - x0) / rng.uniform(95, 150))))
        rows = max(1, min(3, round((y1 - y0) / rng.uniform(90, 130))))
        kinds = [self._disc, self._plate, self._shaft, self._section, self._bracket]
        rng.shuffle(kinds)
        for index in range(columns * rows):
            column, row = index % columns, index // columns
            cell = (
                x0 + (x1 - x0) * column / columns,
                y0 + (y1 - y0) * row / rows,
                x0 + (x1 - x0) * (column + 1) / columns,
                y0 + (y1 - y0) * (row + 1) / rows,
            )
            margin = 0.24 * min(cell[2] - cell[0], cell[3] - cell[1])
            box = (cell[0] + margin, cell[1] + margin, cell[2] - margin, cell[3] - margin)
            if box[2] - box[0] > 14 and box[3] - box[1] > 14 and draft.is_free(box):
                kinds[index % len(kinds)](box)
        self.place_texts()

    def place_texts(self) -> None:
        """Draw the texts of all dimensions, each where there is room."""
        rng, draft = self.rng, self.draft
        for candidates in self.pending:
            for texts in candidates:
                if all(draft.is_clear(text, 0.25) for text in texts):
                    for text in texts:
                        draft.put(text)
                    break
            else:
                # Where nothing is free a draughtsman writes over a line, but not over a text.
                texts = candidates[0]
                if rng.random() < 0.4 and not any(draft.holds_text(_grown(text)) for text in texts):
                    for text in texts:
                        if self._inside(text):
                            draft.put(text)

    def _inside(self, text: Text) -> bool:
        x0, y0, x1, y1 = text.bounds()
        left, top, right, bottom = self.area
        return left < x0 and top < y0 and x1 < right and y1 < bottom

    def list_corner(self) -> None:
        """A list of parts, holes or welds in a corner."""
        draft = self.draft
        x0, y0, x1, y1 = self.area
        table = tables.listing(draft, 0.35 * (y1 - y0), heads_below=self.rng.random() < 0.4)
        left, low = self.rng.random() < 0.5, self.rng.random() < 0.5
        x, y = x0 if left else x1 - table.width, y1 - table.height if low else y0
        # One millimetre less on each side: the table's edge stands on the frame.
        if table.width < 0.6 * (x1 - x0) and draft.is_free(
            (x + 1, y + 1, x + table.width - 1, y + table.height - 1), 0.0
        ):
            table.draw(draft, (x, y))

    # Lines ------------------------------------------------------------------------------------------------

    def _line(self, points: Sequence[Point], dash: tuple[float, ...] = ()) -> None:
        """A thin line, in the dimensions' ink."""
        self.draft.items([Path(tuple(points), self.draft.style.thin, dash=dash, grey=self.grey)])

    def _outline(self, points: Sequence[Point], closed: bool = True) -> None:
        if closed:
            self.draft.shape(points, self.draft.style.thick)
        else:
            self.draft.line(points, self.draft.style.thick)

    def _arrow(self, tip: Point, toward: tuple[float, float]) -> None:
        """An arrow head at `tip` that points in direction `toward`."""
        length, half = self.h * 0.9, self.h * 0.16
        x, y = tip[0] - toward[0] * length, tip[1] - toward[1] * length
        wings = [(x - toward[1] * half, y + toward[0] * half), (x + toward[1] * half, y - toward[0] * half)]
        self.draft.items(
            [Path((tip, *wings), self.draft.style.thin, closed=True, fill=Fill.INK, grey=self.grey)]
        )

    def _centre_mark(self, centre: Point, radius: float) -> None:
        x, y = centre
        reach = radius + 2.0
        dash = CENTRE_LINE if radius > 5 else ()
        self.draft.line([(x - reach, y), (x + reach, y)], dash=dash)
        self.draft.line([(x, y - reach), (x, y + reach)], dash=dash)

    def _hatch(self, corners: Sequence[Point], pitch: float, lean: float = 45.0) -> None:
        """Parallel lines inside a convex polygon."""
        ux, uy = math.cos(math.radians(lean)), math.sin(math.radians(lean))
        across = [x * -uy + y * ux for x, y in corners]
        level = min(across) + pitch
        while level < max(across):
            hits = []
            for (xa, ya), (xb, yb) in zip(corners, [*corners[1:], corners[0]], strict=True):
                a, b = xa * -uy + ya * ux - level, xb * -uy + yb * ux - level
                if a * b < 0:
                    hits.append(_along((xa, ya), (xb, yb), a / (a - b)))
            if len(hits) >= 2:
                self.draft.line(hits[:2])
            level += pitch

    # Texts ------------------------------------------------------------------------------------------------

    def _text(self, string: str, anchor: Point, angle: float, size: float = 1.0) -> Text:
        style = self.draft.style
        return Text(
            anchor, string, self.h * size, style.face, angle, Horizontal.LEFT, Vertical.BASELINE,
            style.stretch,
            style.spacing, self.grey,
        )  # fmt: skip

    def _dimension_texts(self, string: str, at: Point, angle: float, rise: float) -> list[Text]:
        """A dimension around `at`, its foot `rise` mm above it, with deviations on every fourth."""
        main = self._text(string, (0.0, 0.0), 0.0)
        x0, _, x1, _ = main.bounds()
        parts = [(main, -x0, 0.0)]
        width = x1 - x0
        if self.rng.random() < 0.28 and "±" not in string:
            gap = self.h * self.rng.uniform(0.35, 0.9)
            upper, lower = words.deviation(self.rng)
            small = self.small
            step = small * 1.35
            for line, down in (
                (upper, -0.5 - (step - small) / 2),
                (lower, -0.5 + small + (step - small) / 2),
            ):
                text = self._text(line, (0.0, 0.0), 0.0, small)
                left, _, right, _ = text.bounds()
                parts.append((text, x1 - x0 + gap - left, down * self.h))
                width = max(width, x1 - x0 + gap + right - left)
        frame = self._text("0", at, angle)
        return [
            replace(text, anchor=frame.to_sheet((dx - width / 2, dy - rise)), angle=angle)
            for text, dx, dy in parts
        ]

    def write(self, string: str, a: Point, b: Point) -> None:
        """A dimension's text along the line from `a` to `b`: over its middle, under it or further along."""
        angle = 0.0 if self.level else readable(math.degrees(math.atan2(b[1] - a[1], b[0] - a[0])))
        if abs(angle + 90.0) < 0.01:
            angle = -90.0
        above = self.h * self.rng.uniform(0.35, 0.6)
        state = self.rng.getstate()
        candidates = []
        for share, rise in (
            (0.5, above),
            (0.5, -self.h - above),
            (1.25, above),
            (-0.25, above),
            (0.3, above),
            (0.7, above),
        ):
            self.rng.setstate(state)
            candidates.append(self._dimension_texts(string, _along(a, b, share), angle, rise))
        self.pending.append(candidates)

    def callout(
        self, lines: Sequence[str], start: Point, sides: Sequence[float], boxed: bool = False
    ) -> None:
        """A leader from `start`, at one of the angles `sides`, to a shelf with texts over and under it."""
        rng, h = self.rng, self.h
        texts = [self._text(line, (0.0, 0.0), 0.0) for line in lines]
        width = max(text.bounds()[2] - text.bounds()[0] for text in texts)
        for side in sides:
            ux, uy = math.cos(math.radians(side)), math.sin(math.radians(side))
            for reach in (rng.uniform(4, 7) * h, rng.uniform(7, 11) * h):
                knee = (start[0] + ux * reach, start[1] + uy * reach)
                right = ux >= 0
                left_x = knee[0] + h * 0.5 if right else knee[0] - h * 0.5 - width
                placed = []
                for index, text in enumerate(texts):
                    y = knee[1] - 0.45 * h if index == 0 else knee[1] + (0.45 + index * 1.75 - 0.75) * h
                    placed.append(annotations.moved_by(text, left_x - text.bounds()[0], y))
                if not all(self.draft.is_clear(text, 0.6) and self._inside(text) for text in placed):
                    continue
                for text in placed:
                    self.draft.put(text)
                self._line([start, knee, (left_x + width if right else left_x, knee[1])])
                self._arrow(start, (-ux, -uy))
                if boxed:
                    x0, y0, x1, y1 = placed[0].bounds()
                    gap = 0.2 * h
                    self.draft.rectangle((x0 - gap, y0 - gap, x1 + gap, y1 + gap))
                return

    def letter(self, string: str, middle: Point) -> None:
        """A text with its middle at `middle`."""
        text = self._text(string, middle, 0.0)
        self.draft.put(replace(text, horizontal=Horizontal.CENTRE, vertical=Vertical.MIDDLE))

    # Dimensions -------------------------------------------------------------------------------------------

    def _length(self, a: Point, b: Point) -> str:
        return words.dimension(self.rng, math.dist(a, b) * self.rng.choice((1.0, 1.0, 2.0, 5.0)))

    def linear(self, a: Point, b: Point, offset: float, string: str | None = None) -> None:
        """A dimension of the distance from `a` to `b`, drawn `offset` mm to the right of the way there."""
        ux, uy, length = _unit(a, b)
        nx, ny = -uy, ux
        sign = 1.0 if offset > 0 else -1.0
        p, q = (a[0] + nx * offset, a[1] + ny * offset), (b[0] + nx * offset, b[1] + ny * offset)
        for foot, head in ((a, p), (b, q)):
            self._line([(foot[0] + nx * sign * 0.8, foot[1] + ny * sign * 0.8),
                        (head[0] + nx * sign * 1.5, head[1] + ny * sign * 1.5)])  # fmt: skip
        if length > 3 * self.h:
            self._line([p, q])
            self._arrow(p, (-ux, -uy))
            self._arrow(q, (ux, uy))
        else:
            reach = 2.2 * self.h
            self._line([(p[0] - ux * reach, p[1] - uy * reach), (q[0] + ux * reach, q[1] + uy * reach)])
            self._arrow(p, (ux, uy))
            self._arrow(q, (-ux, -uy))
        self.write(string or self._length(a, b), p, q)

    def radial(self, centre: Point, radius: float, angle: float, outside: bool = True) -> None:
        """A diameter or radius along a slanted line through the circle's edge."""
        ux, uy = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        edge = (centre[0] + ux * radius, centre[1] + uy * radius)
        string = words.dimension(self.rng, 2 * radius * self.rng.choice((1, 2, 5)), radial=True)
        width = self._text(string, (0.0, 0.0), 0.0).bounds()[2] + 2 * self.h
        end = (edge[0] + ux * width, edge[1] + uy * width)
        start = centre if outside else (centre[0] - ux * radius, centre[1] - uy * radius)
        self._line([start if self.rng.random() < 0.5 else edge, end])
        self._arrow(edge, (-ux, -uy))
        self.write(string, edge, end)

    def angular(self, vertex: Point, start: float, end: float, radius: float) -> None:
        """An angle with its arc and both legs."""
        for leg in (start, end):
            ux, uy = math.cos(math.radians(leg)), math.sin(math.radians(leg))
            self._line([vertex, (vertex[0] + ux * (radius + 1.5), vertex[1] + uy * (radius + 1.5))])
        points = arc(vertex, radius, radius, start, end, 16)
        self._line(points)
        middle = math.radians((start + end) / 2)
        x, y = vertex[0] + radius * math.cos(middle), vertex[1] + radius * math.sin(middle)
        tangent = readable((start + end) / 2 + 90.0)
        turn = math.radians(tangent)
        self.write(words.angle(self.rng), (x - math.cos(turn) * 3, y - math.sin(turn) * 3),
                    (x + math.cos(turn) * 3, y + math.sin(turn) * 3))  # fmt: skip

    def frame(self, at: Point, tip: Point | None) -> None:
        """A tolerance frame (ISO 1101): a drawn symbol, the tolerance, and up to three datum letters."""
        rng, h, draft = self.rng, self.h, self.draft
        high = 2.0 * h
        zone = rng.choice(("", "", "Ø")) + f"{rng.choice((0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.3, 0.4)):g}"
        strings = [zone + rng.choice(("", "", "", "CZ")), *rng.sample("ABCDEF", rng.choice((0, 1, 1, 2, 3)))]
        texts = [self._text(string, (0.0, 0.0), 0.0) for string in strings]
        widths = [high] + [text.bounds()[2] - text.bounds()[0] + 1.1 * h for text in texts]
        x, y = at
        if not draft.is_free((x - 1, y - 1, x + sum(widths) + 1, y + high + 1)):
            return
        draft.rectangle((x, y, x + sum(widths), y + high))
        self._characteristic((x + high / 2, y + high / 2), h * 0.62)
        left = x + high
        for text, width in zip(texts, widths[1:], strict=True):
            draft.line([(left, y), (left, y + high)])
            inked = text.bounds()
            draft.put(annotations.moved_by(text, left + 0.55 * h - inked[0], y + 1.5 * h))
            left += width
        if tip is not None and annotations.is_way_free(draft, (x - 0.6, y + high / 2), tip):
            self._line([(x, y + high / 2), tip])
            ux, uy, _ = _unit((x, y + high / 2), tip)
            self._arrow(tip, (ux, uy))

    def _characteristic(self, centre: Point, s: float) -> None:
        """A geometric characteristic's symbol; drawn, so no text."""
        x, y = centre
        kind = self.rng.choice(GEOMETRIC)
        draft = self.draft
        strokes: dict[str, list[list[Point]]] = {
            "straight": [[(-s, 0), (s, 0)]],
            "flat": [[(-s, s / 2), (-s / 3, -s / 2), (s, -s / 2), (s / 3, s / 2), (-s, s / 2)]],
            "parallel": [[(-s * 0.7, s * 0.8), (0, -s * 0.8)], [(0, s * 0.8), (s * 0.7, -s * 0.8)]],
            "square": [[(-s, s * 0.7), (s, s * 0.7)], [(0, s * 0.7), (0, -s * 0.8)]],
            "angle": [[(s, -s * 0.7), (-s, s * 0.7), (s, s * 0.7)]],
            "position": [[(-s, 0), (s, 0)], [(0, -s), (0, s)]],
            "runout": [
                [(-s * 0.7, s * 0.8), (s * 0.6, -s * 0.8)],
                [(s * 0.1, -s * 0.6), (s * 0.6, -s * 0.8), (s * 0.6, -s * 0.3)],
            ],
            "profile": [
                arc((0, s * 0.4), s * 0.9, s, 180, 360, 12),
                [(-s * 0.9, s * 0.4), (s * 0.9, s * 0.4)],
            ],
        }
        if kind in ("round", "position", "concentric"):
            draft.circle(centre, s * 0.6)
        if kind == "concentric":
            draft.circle(centre, s)
        for points in strokes.get(kind, []):
            draft.line([(x + dx, y + dy) for dx, dy in points])

    def datum(self, foot: Point, direction: tuple[float, float]) -> None:
        """A datum letter in a box on a filled triangle that stands on an edge at `foot`."""
        h, draft = self.h, self.draft
        dx, dy = direction
        far = (foot[0] + dx * h * 2.4, foot[1] + dy * h * 2.4)
        middle = (far[0] + dx * h, far[1] + dy * h)
        box = (middle[0] - h, middle[1] - h, middle[0] + h, middle[1] + h)
        if not draft.is_free(box):
            return
        draft.shape(
            [
                (foot[0] - dy * h / 2, foot[1] + dx * h / 2),
                (foot[0] + dy * h / 2, foot[1] - dx * h / 2),
                (foot[0] + dx * h * 0.8, foot[1] + dy * h * 0.8),
            ],
            fill=Fill.INK,
        )
        draft.line([foot, far])
        draft.rectangle(box)
        text = self._text(self.rng.choice("ABCDEFGH"), middle, 0.0)
        draft.put(replace(text, horizontal=Horizontal.CENTRE, vertical=Vertical.MIDDLE))

    def finish(self, at: Point) -> None:
        """A surface-texture symbol (ISO 21920-1) with its value, on an edge or beside the title block."""
        h, draft = self.h * self.rng.choice((0.8, 1.0, 1.6)), self.draft
        x, y = at
        text = replace(self._text(words.roughness(self.rng), (x + 1.5 * h, y - 1.9 * h), 0.0), height=h)
        _x0, y0, x1, _y1 = text.bounds()
        if not draft.is_free((x - 0.9 * h, y0 - 0.6 * h, x1 + h, y - 0.5)):
            return
        draft.put(text)
        self._line(
            [(x - 0.8 * h, y - 1.4 * h), (x, y), (x + 1.4 * h, y - 3.2 * h), (x1 + 0.5 * h, y - 3.2 * h)]
        )
        if self.rng.random() < 0.6:
            self._line([(x - 0.8 * h, y - 1.4 * h), (x + 0.75 * h, y - 1.4 * h)])

    # Views ------------------------------------------------------------------------------------------------

    def _caption(self, box: Rectangle) -> None:
        rng = self.rng
        letter = rng.choice("ABCDEFGH")
        string = rng.choice(
            (
                f"SECTION {letter}-{letter}",
                f"DETAIL {letter} ({rng.choice(('2:1', '5:1', '10 : 1'))})",
                f"{letter}-{letter}",
                f"VIEW {letter}",
                f"Schnitt {letter}-{letter}",
                f"{letter} (2:1)",
            )
        )
        text = self._text(string, ((box[0] + box[2]) / 2, box[1]), 0.0, 1.3)
        candidates = [
            [replace(text, horizontal=Horizontal.CENTRE, anchor=((box[0] + box[2]) / 2, y))]
            for y in (box[1] - 9 * self.h, box[3] + 10 * self.h, box[1] - 6 * self.h, box[3] + 7 * self.h)
        ]
        self.pending.append(candidates)

    def _extras(self, box: Rectangle) -> None:
        """Tolerance frames, datums, surface marks and part numbers around a view."""
        rng, h = self.rng, self.h
        x0, y0, x1, y1 = box
        if rng.random() < 0.5:
            self._caption(box)
        for _ in range(rng.choice((0, 1, 1, 2))):
            tip = (rng.uniform(x0, x1), rng.choice((y0, y1)))
            at = (
                tip[0] + rng.uniform(2, 8) * h,
                tip[1] + (rng.uniform(-9, -5) if tip[1] == y0 else rng.uniform(4, 8)) * h,
            )
            self.frame(at, tip)
        if rng.random() < 0.5:
            side = rng.choice((-1.0, 1.0))
            self.datum((x1 if side > 0 else x0, rng.uniform(y0, y1)), (side, 0.0))
        if rng.random() < 0.5:
            self.finish((rng.uniform(x0, x1), y0 - 0.3))
        for _ in range(rng.choice((0, 0, 1, 2))):
            self.part_number((rng.uniform(x0, x1), rng.uniform(y0, y1)))

    def part_number(self, start: Point) -> None:
        """A number in a circle on a leader."""
        rng, h, draft = self.rng, self.h, self.draft
        for _ in range(8):
            turn = rng.uniform(0, math.tau)
            reach = rng.uniform(9, 16) * h
            centre = (start[0] + math.cos(turn) * reach, start[1] + math.sin(turn) * reach)
            radius = 1.6 * h
            if draft.is_free(
                (centre[0] - radius, centre[1] - radius, centre[0] + radius, centre[1] + radius)
            ):
                draft.circle(centre, radius)
                text = self._text(str(rng.randint(1, 24)), centre, 0.0)
                draft.put(replace(text, horizontal=Horizontal.CENTRE, vertical=Vertical.MIDDLE))
                ux, uy, _ = _unit(centre, start)
                self._line([(centre[0] + ux * radius, centre[1] + uy * radius), start])
                return

    def _slants(self, count: int) -> list[float]:
        """`count` directions, none of them level or upright, spread around."""
        rng = self.rng
        quarters = rng.sample(range(4), min(4, count)) * 2
        return [quarter * 90.0 + rng.uniform(15, 75) for quarter in quarters[:count]]

    def _holes(self, centre: Point, ring: float) -> list[tuple[Point, float]]:
        rng = self.rng
        count = rng.choice((3, 4, 4, 6, 8))
        radius = min(ring * math.sin(math.pi / count) * 0.45, rng.uniform(1.5, 4.5))
        first = rng.uniform(0, 360 / count)
        found = []
        for index in range(count):
            turn = math.radians(first + 360 / count * index)
            at = (centre[0] + ring * math.cos(turn), centre[1] + ring * math.sin(turn))
            self.draft.circle(at, radius, self.draft.style.thick)
            if rng.random() < 0.5:
                self.draft.circle(at, radius * 1.5, self.draft.style.medium)
            self._centre_mark(at, radius)
            found.append((at, radius))
        return found

    def _disc(self, box: Rectangle) -> None:
        """A round flange with a ring of holes."""
        rng, h = self.rng, self.h
        x0, y0, x1, y1 = box
        centre = ((x0 + x1) / 2, (y0 + y1) / 2)
        radius = min(x1 - x0, y1 - y0) / 2
        self.draft.circle(centre, radius, self.draft.style.thick)
        if rng.random() < 0.5:
            self.draft.circle(centre, radius - 1.0, self.draft.style.medium)
        bore = radius * rng.uniform(0.2, 0.4)
        self.draft.circle(centre, bore, self.draft.style.thick)
        ring = radius * rng.uniform(0.6, 0.78)
        self.draft.line(arc(centre, ring, ring, 0, 360, 72), dash=CENTRE_LINE)
        self._centre_mark(centre, radius)
        holes = self._holes(centre, ring)
        for angle in self._slants(rng.choice((2, 3))):
            self.radial(centre, rng.choice((radius, radius, bore, ring)), angle)
        at, _small = holes[0]
        self.callout(
            [words.hole(rng)] + ([words.hole(rng)] if rng.random() < 0.4 else []), at, self._slants(4)
        )
        box = (centre[0] - radius, centre[1] - radius, centre[0] + radius, centre[1] + radius)
        if rng.random() < 0.6:
            self.linear((box[0], centre[1]), (box[2], centre[1]), radius + 4 * h)
        if rng.random() < 0.5:
            self.linear((holes[0][0]), (holes[1][0]), radius * rng.choice((-0.9, 0.9)))
        if rng.random() < 0.5:
            start = rng.uniform(0, 300)
            self.angular(centre, start, start + rng.uniform(20, 70), radius * rng.uniform(1.15, 1.4))
        self._extras(box)

    def _plate(self, box: Rectangle) -> None:
        """A rectangular plate with chamfers, holes and a slot."""
        rng, h = self.rng, self.h
        x0, y0, x1, y1 = box
        c = rng.uniform(2, 6)
        self._outline([(x0 + c, y0), (x1, y0), (x1, y1 - c), (x1 - c, y1), (x0, y1), (x0, y0 + c)])
        xs = sorted(rng.uniform(x0 + 8, x1 - 8) for _ in range(rng.choice((1, 2, 3))))
        ys = sorted(rng.uniform(y0 + 8, y1 - 8) for _ in range(rng.choice((1, 2))))
        radius = rng.uniform(1.5, 4.0)
        for x in xs:
            for y in ys:
                self.draft.circle((x, y), radius, self.draft.style.thick)
                self._centre_mark((x, y), radius)
        stops = [x0, *xs, x1]
        offset = 4.0 * h
        for a, b in itertools.pairwise(stops):
            if b - a > 4:
                self.linear((a, y1), (b, y1), offset)
        self.linear((x0, y1), (x1, y1), offset + 3.6 * h)
        side = rng.choice((-1.0, 1.0))
        x = x1 if side > 0 else x0
        self.linear((x, y1), (x, ys[0]), side * offset)
        self.linear((x, y1), (x, y0), side * (offset + 3.8 * h))
        self.callout([words.hole(rng)], (xs[0], ys[0]), self._slants(4), boxed=rng.random() < 0.2)
        self.callout(
            [rng.choice((f"{c:.0f}x45°", f"C{c:.0f}", f"{c:.1f} x 45°"))],
            (x0 + c / 2, y0 + c / 2),
            (225.0, 240.0, 210.0),
        )
        self.linear((x0 + c, y0), (x0, y0 + c), rng.choice((-1, 1)) * 3.0 * h)
        for _ in range(2):
            self.radial((xs[-1], ys[-1]), radius, rng.choice(self._slants(4)))
        self._extras(box)

    def _shaft(self, box: Rectangle) -> None:
        """A stepped shaft on its centre line; lengths below, diameters across."""
        rng, h = self.rng, self.h
        x0, y0, x1, y1 = box
        middle = (y0 + y1) / 2
        steps = rng.randint(2, 5)
        cuts = sorted([x0, x1, *(rng.uniform(x0 + 4, x1 - 4) for _ in range(steps - 1))])
        top = min(y1 - y0, 50.0) / 2
        halves = [rng.uniform(0.3, 1.0) * top for _ in range(steps)]
        for (a, b), half in zip(itertools.pairwise(cuts), halves, strict=True):
            self._outline([(a, middle - half), (b, middle - half), (b, middle + half), (a, middle + half)])
            if rng.random() < 0.35 and b - a > 8:
                inner = half * 0.85
                self.draft.line([(a, middle - inner), (b, middle - inner)])
                self.draft.line([(a, middle + inner), (b, middle + inner)])
            if rng.random() < 0.25 and b - a > 10:
                for corners in (
                    [
                        (a, middle - half),
                        (b, middle - half),
                        (b, middle - half * 0.4),
                        (a, middle - half * 0.4),
                    ],
                    [
                        (a, middle + half * 0.4),
                        (b, middle + half * 0.4),
                        (b, middle + half),
                        (a, middle + half),
                    ],
                ):
                    self._hatch(corners, rng.uniform(1.5, 3.0))
        self.draft.line([(x0 - 5, middle), (x1 + 5, middle)], dash=CENTRE_LINE)
        low = middle + top
        for index, (a, b) in enumerate(itertools.pairwise(cuts)):
            if b - a > 3:
                self.linear((a, low), (b, low), (2.6 + 1.6 * (index % 2)) * h)
        self.linear((x0, low), (x1, low), 7.6 * h)
        for (a, b), half in zip(itertools.pairwise(cuts), halves, strict=True):
            if rng.random() < 0.6:
                x = (a + b) / 2
                shift = rng.choice((-1, 1)) * rng.uniform(0, 2) * h
                self.linear((x, middle + half), (x, middle - half), shift,
                            words.dimension(rng, 2 * half, radial=True))  # fmt: skip
        self.callout([words.hole(rng)], (cuts[1], middle - halves[0]), (-60.0, -45.0, -120.0, -30.0))
        if rng.random() < 0.6:
            self.angular((x1, middle - halves[-1]), -rng.uniform(15, 60), 0.0, 5 * h)
        self._extras((x0, middle - top, x1, middle + top))

    def _section(self, box: Rectangle) -> None:
        """A hatched section of a bush or housing."""
        rng, h = self.rng, self.h
        x0, y0, x1, y1 = box
        x1 = min(x1, x0 + 70)
        wall = (y1 - y0) * rng.uniform(0.18, 0.3)
        lean = rng.choice((45.0, -45.0, 30.0, 60.0))
        pitch = rng.uniform(1.6, 3.5)
        for top, bottom in ((y0, y0 + wall), (y1 - wall, y1)):
            corners = [(x0, top), (x1, top), (x1, bottom), (x0, bottom)]
            self._outline(corners)
            self._hatch(corners, pitch, lean)
        for x in (x0, x1):
            self._outline([(x, y0 + wall), (x, y1 - wall)], closed=False)
        middle = (y0 + y1) / 2
        self.draft.line([(x0 - 5, middle), (x1 + 5, middle)], dash=CENTRE_LINE)
        self.linear((x0, y1), (x1, y1), 4 * h)
        self.linear((x1, y1), (x1, y0), 4 * h, words.dimension(rng, y1 - y0, radial=True))
        self.linear(
            (x0, y1 - wall), (x0, y0 + wall), -3.5 * h, words.dimension(rng, y1 - y0 - 2 * wall, radial=True)
        )
        self.callout([words.hole(rng)], ((x0 + x1) / 2, y0), (-70.0, -45.0, -130.0))
        self.callout([words.roughness(rng)], (x1, y0 + wall), (-40.0, -25.0, 30.0))
        self._extras(box)

    def _bracket(self, box: Rectangle) -> None:
        """A bent plate: edges and holes on slanted axes, so that dimensions slant too."""
        rng, h = self.rng, self.h
        x0, y0, x1, y1 = box
        angle = rng.uniform(20, 70)
        length = min(x1 - x0, y1 - y0) * 0.62
        thick = rng.uniform(5, 10)
        knee = (x0 + length * 0.55, y1 - thick)
        ux, uy = math.cos(math.radians(-angle)), math.sin(math.radians(-angle))
        nx, ny = -uy, ux
        tip = (knee[0] + ux * length, knee[1] + uy * length)
        inner = (tip[0] - nx * thick, tip[1] - ny * thick)
        corner = (knee[0] - thick * math.tan(math.radians(angle / 2)), knee[1] - thick)
        self._outline(
            [
                (x0, y1),
                (x0, y1 - thick),
                corner,
                inner,
                tip,
                (knee[0] + thick * math.tan(math.radians(angle / 2)), y1),
            ]
        )
        outer = (knee[0] + thick * math.tan(math.radians(angle / 2)), y1)
        self.linear(outer, tip, rng.uniform(4, 6) * h)
        self.linear(inner, tip, -3.5 * h)
        self.linear((x0, y1), outer, 4 * h)
        self.linear((x0, y1), (x0, y1 - thick), -3.5 * h)
        self.angular(outer, -angle, 0.0, length * rng.uniform(0.5, 0.9))
        hole = _along(corner, inner, rng.uniform(0.4, 0.7))
        self.draft.line(
            [(hole[0] - nx * 4, hole[1] - ny * 4), (hole[0] + nx * (thick + 4), hole[1] + ny * (thick + 4))],
            dash=CENTRE_LINE,
        )
        self.linear(corner, hole, -rng.uniform(4, 7) * h)
        self.callout([words.hole(rng)], hole, (-150.0, -120.0, -90.0, 200.0))
        self.callout([f"R{rng.randint(1, 12)}"], corner, (-150.0, -100.0, 170.0))
        self._extras(box)


def _grown(text: Text) -> Rectangle:
    x0, y0, x1, y1 = text.bounds()
    return x0 - 0.5, y0 - 0.5, x1 + 0.5, y1 + 0.5
