"""Tables on drawings: equipment data, parts lists, hole tables, nozzle and line lists, revisions.

A table is planned before it has a place: its strings are made up first and its columns get as wide as they
need, so that a caller can look for room of the right size.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from drawops_vision.sheets import words
from drawops_vision.sheets.draft import Draft, Spot
from drawops_vision.sheets.model import Horizontal, Point, Text, Vertical
from drawops_vision.sheets.words import Maker

LEADING = 1.65
"""From one baseline of a cell to the next, in text heights."""

RATINGS = ("150# RF", "300# RF", "600# RTJ", "PN 16", "PN40", "B1", "#150")


@dataclass(frozen=True)
class Cell:
    """Lines of text, one over the other; none in an empty cell."""

    lines: tuple[str, ...]
    horizontal: Horizontal = Horizontal.LEFT
    heading: bool = False


@dataclass(frozen=True)
class Table:
    """A planned table; lengths in mm.

    Attributes:
        cells: rows from the top, all of the same length.
        widths: of the columns.
        heights: of the rows.
        size: of its text, in ordinary text heights.
        pad: between a column's rule and its text.
        rules: whether lines stand between the columns.
        pen: of the rules inside; the outer one is thicker.
    """

    cells: tuple[tuple[Cell, ...], ...]
    widths: tuple[float, ...]
    heights: tuple[float, ...]
    size: float
    pad: float
    rules: bool
    pen: float

    @property
    def width(self) -> float:
        """Of the whole table."""
        return sum(self.widths)

    @property
    def height(self) -> float:
        """Of the whole table."""
        return sum(self.heights)

    def draw(self, draft: Draft, at: Point) -> None:
        """Put it with its top-left corner `at`."""
        x0, y0 = at
        draft.rectangle((x0, y0, x0 + self.width, y0 + self.height), draft.style.medium)
        y = y0
        for row, height in zip(self.cells, self.heights, strict=True):
            if y > y0:
                draft.line([(x0, y), (x0 + self.width, y)], self.pen)
            x = x0
            for cell, width in zip(row, self.widths, strict=True):
                self._cell(draft, cell, (x, y), width, height)
                x += width
            y += height
        x = x0
        for width in self.widths[:-1]:
            x += width
            if self.rules:
                draft.line([(x, y0), (x, y0 + self.height)], self.pen)

    def _cell(self, draft: Draft, cell: Cell, at: Point, width: float, height: float) -> None:
        shift = {
            Horizontal.LEFT: self.pad,
            Horizontal.CENTRE: width / 2,
            Horizontal.RIGHT: width - self.pad,
        }[cell.horizontal]
        step = LEADING * draft.style.height * self.size
        for index, line in enumerate(cell.lines):
            y = at[1] + height / 2 + (index - (len(cell.lines) - 1) / 2) * step
            spot = Spot((at[0] + shift, y), 0.0, cell.horizontal, Vertical.MIDDLE)
            draft.put(draft.lettering(line, spot, self.size, cell.heading))


def plan(draft: Draft, rows: Sequence[Sequence[Cell]], size: float = 1.0, room: float = 1e9) -> Table:
    """A table around `rows`; rows that would make it higher than `room` mm are left out."""
    rng = draft.rng
    text = draft.style.height * size
    pad = rng.choice((0.35, 0.5, 0.8, 1.2)) * text
    air = rng.choice((0.7, 0.9, 1.2, 1.6)) * text
    kept: list[Sequence[Cell]] = []
    heights: list[float] = []
    for row in rows:
        lines = max(len(cell.lines) for cell in row)
        height = text + max(0, lines - 1) * LEADING * text + air
        if sum(heights) + height > room:
            break
        kept.append(row)
        heights.append(height)
    widths = [
        max((_width(draft, cell, size) for cell in column), default=0.0) + 2 * pad
        for column in zip(*kept, strict=True)
    ]
    least = 2.2 * text
    return Table(
        tuple(tuple(row) for row in kept),
        tuple(max(width, least) * rng.uniform(1.0, 1.15) for width in widths),
        tuple(heights),
        size,
        pad,
        rng.random() < 0.9,
        rng.choice((draft.style.thin, draft.style.medium)),
    )


def _width(draft: Draft, cell: Cell, size: float) -> float:
    return max(
        (_inked(draft.lettering(line, Spot((0, 0)), size, cell.heading)) for line in cell.lines), default=0.0
    )


def _inked(text: Text) -> float:
    flat = replace(text, angle=0.0)
    x0, _, x1, _ = flat.bounds()
    return x1 - x0


def equipment(draft: Draft, room: float = 1e9) -> Table:
    """Captions on the left, units perhaps, one column for each machine; many cells hold only a unit."""
    rng = draft.rng
    machines = rng.randint(1, 5)
    centre = rng.choice((Horizontal.CENTRE, Horizontal.LEFT))
    captions = rng.sample(words.ENGLISH if rng.random() < 0.6 else words.GERMAN, 24)
    units = rng.random() < 0.4
    rows = [[Cell((rng.choice(("Label", "Tag", "AKZ", "Item", "No.", "Ident")),), heading=True)]]
    if units:
        rows[0].append(Cell(()))
    rows[0] += [Cell((words.tag(rng),), centre, rng.random() < 0.7) for _ in range(machines)]
    for caption in captions[: rng.randint(4, 14)]:
        lines = rng.choice((1, 1, 1, 1, 2, 3))
        bold = rng.random() < 0.3
        row = [Cell((caption + rng.choice(("", "", ":", f" {rng.randint(1, 4)}")),), heading=bold)]
        if units:
            row.append(Cell((rng.choice(words.UNITS),), centre) if rng.random() < 0.6 else Cell(()))
        maker: Maker = rng.choice(
            (words.value, words.value, words.number, words.pair, words.material, words.words)
        )
        for _ in range(machines):
            filled = rng.random() < 0.85
            row.append(Cell(tuple(maker(rng) for _ in range(lines)) if filled else (), centre))
        rows.append(row)
    return plan(draft, rows, rng.choice((0.8, 0.9, 1.0)), room)


def _number_or_document(rng: random.Random) -> str:
    return rng.choice((words.drawing_number, words.number))(rng)


def listing(draft: Draft, room: float = 1e9, heads_below: bool = False) -> Table:
    """A list with a heading for each column: parts, holes, nozzles, lines, revisions or welds."""
    rng = draft.rng
    kinds: dict[str, tuple[tuple[str, Maker], ...]] = {
        "parts": (
            (rng.choice(("POS.", "ITEM", "NO.", "Pos.")), lambda r: str(r.randint(1, 40))),
            (rng.choice(("QTY", "Qty.", "Menge", "PCS")), lambda r: str(r.choice((1, 1, 2, 4, 6, 8, 12)))),
            (rng.choice(("DESCRIPTION", "PART NAME", "Benennung")), words.words),
            (rng.choice(("MATERIAL", "Werkstoff", "STANDARD")), words.material),
            (rng.choice(("REMARK", "DWG. NO.", "kg", "MASS")), _number_or_document),
        ),
        "holes": (
            (rng.choice(("TAG", "HOLE", "#")), lambda r: f"{r.choice('ABCDEFGH')}{r.randint(1, 12)}"),
            (rng.choice(("X LOC", "X", "X [mm]")), lambda r: words.metre(r, 1, 400)),
            (rng.choice(("Y LOC", "Y", "Y [mm]")), lambda r: words.metre(r, 1, 300)),
            (rng.choice(("SIZE", "Ø", "BORE")), words.hole),
        ),
        "nozzles": (
            (rng.choice(("NOZZLE", "MARK", "N")), lambda r: f"N{r.randint(1, 16)}"),
            (rng.choice(("SIZE", "DN", "NPS")), words.size),
            (rng.choice(("RATING", "PN", "FACE")), lambda r: r.choice(RATINGS)),
            (rng.choice(("SERVICE", "PURPOSE", "Zweck")), words.words),
        ),
        "lines": (
            ("LINE NO.", words.line_number),
            (rng.choice(("FROM", "TO", "von")), words.tag),
            (rng.choice(("OP. T", "T [°C]", "°C")), words.number),
            (rng.choice(("OP. P", "p [bar]", "barg")), words.number),
            (rng.choice(("MEDIUM", "FLUID", "REMARKS")), words.words),
        ),
        "revisions": (
            (rng.choice(("REV", "Ind.", "REV.")), lambda r: r.choice("ABCDEFGHIO01234")),
            (rng.choice(("CHANGE", "Änderung", "DESCRIPTION")), words.words),
            (rng.choice(("DATE", "Datum")), words.date),
            (rng.choice(("NAME", "BY", "CHK'D", "APPV'D")), words.person),
        ),
        "tolerances": (
            (rng.choice(("FROM", "OVER", "über")), lambda r: str(r.choice((0, 3, 6, 30, 120, 400, 1000)))),
            (rng.choice(("TO", "UP TO", "bis")), lambda r: str(r.choice((3, 6, 30, 120, 400, 1000, 2000)))),
            (rng.choice(("fine", "f", "F")), lambda r: f"±{r.choice((0.05, 0.1, 0.15, 0.2, 0.3))}"),
            (rng.choice(("medium", "m", "M")), lambda r: f"±{r.choice((0.1, 0.2, 0.3, 0.5, 0.8))}"),
        ),
    }  # fmt: skip
    columns = kinds[rng.choice(list(kinds))]
    columns = columns[: rng.randint(3, len(columns))]
    aligned = [
        rng.choice((Horizontal.LEFT, Horizontal.CENTRE, Horizontal.CENTRE, Horizontal.RIGHT)) for _ in columns
    ]
    head = [Cell((name,), horizontal, True) for (name, _), horizontal in zip(columns, aligned, strict=True)]
    rows = [head]
    for _ in range(rng.randint(3, 14)):
        rows.append(
            [
                Cell((maker(rng),) if rng.random() < 0.9 else (), horizontal)
                for (_, maker), horizontal in zip(columns, aligned, strict=True)
            ]
        )
    table = plan(draft, rows, rng.choice((0.75, 0.85, 0.9, 1.0)), room)
    if heads_below:
        table = replace(table, cells=table.cells[::-1], heights=table.heights[::-1])
    return table


def any_table(draft: Draft, room: float = 1e9) -> Table:
    """One of the above."""
    if draft.rng.random() < 0.5:
        return equipment(draft, room)
    return listing(draft, room, heads_below=draft.rng.random() < 0.3)
