"""Content of a piping isometric: pipes along three axes at 30 degrees, with dimensions, welds and lists."""

import math
import random
from itertools import pairwise

from drawops_vision.sheets import annotations, border, lettering, words
from drawops_vision.sheets.draft import Draft
from drawops_vision.sheets.mechanical import Views
from drawops_vision.sheets.model import Drawing, Fill, Point, Rectangle
from drawops_vision.sheets.symbols import Axis, Valve, arrow, valve

AXES = (-30.0, 30.0, 90.0, 150.0, -150.0, -90.0)
"""East, south, down, west, north, up: degrees clockwise on the sheet."""


def draw(
    seed: int,
    width: float,
    height: float,
    chinese: bool = False,
    hard: bool = True,
    hand: lettering.Hand = lettering.Hand.OFFICE,
) -> Drawing:
    """A piping isometric on a sheet of `width` x `height` mm; the same arguments give the same drawing."""
    rng = random.Random(f"isometric {seed} {width:g}x{height:g}")
    number = words.drawing_number(rng)
    drawing = Drawing(width, height, title=number)
    style = lettering.style(rng, rng.choice((1.8, 2.0, 2.2)), border.CHINESE if chinese else "", hand)
    draft = Draft(drawing, rng, style)
    inside = border.frame(draft)
    bottom = border.bottom_strip(draft, inside, number, f"ISOMETRIC {words.line_number(rng)}")
    area = (inside[0], inside[1], inside[2], bottom)
    views = Views(draft, area)
    views.list_corner()
    _north(views, area)
    for box in _cells(rng, area):
        _route(views, box)
    views.place_texts()
    if hard:
        annotations.fill(draft, 0.7)
    draft.settle()
    return drawing


def _cells(rng: random.Random, area: Rectangle) -> list[Rectangle]:
    """One or more parts of the area, each with the room that its dimensions need."""
    x0, y0, x1, y1 = area
    columns = max(1, round((x1 - x0) / rng.uniform(180, 300)))
    rows = max(1, round((y1 - y0) / rng.uniform(160, 260)))
    margin = 22.0 if min(x1 - x0, y1 - y0) > 110 else 10.0
    return [
        (
            x0 + (x1 - x0) * column / columns + margin,
            y0 + (y1 - y0) * row / rows + margin,
            x0 + (x1 - x0) * (column + 1) / columns - margin,
            y0 + (y1 - y0) * (row + 1) / rows - margin,
        )
        for column in range(columns)
        for row in range(rows)
    ]


def _walk(rng: random.Random) -> list[Point]:
    """Corners of a route that never turns back on itself, in legs of 1 to 3 units."""
    points: list[Point] = [(0.0, 0.0)]
    last = None
    for _ in range(rng.randint(4, 8)):
        choices = [angle for angle in AXES if last is None or (angle - last) % 180.0 != 0.0]
        last = rng.choice(choices)
        length = rng.uniform(1.0, 3.0)
        turn = math.radians(last)
        points.append((points[-1][0] + math.cos(turn) * length, points[-1][1] + math.sin(turn) * length))
    return points


def _route(views: Views, box: Rectangle) -> None:
    """A route that fills `box`, with its fittings and everything written along it."""
    rng, draft, k = views.rng, views.draft, views.draft.style.module
    walk = _walk(rng)
    xs, ys = zip(*walk, strict=True)
    scale = min((box[2] - box[0]) / (max(xs) - min(xs) + 0.1), (box[3] - box[1]) / (max(ys) - min(ys) + 0.1))
    left = (box[0] + box[2] - scale * (min(xs) + max(xs))) / 2
    top = (box[1] + box[3] - scale * (min(ys) + max(ys))) / 2
    points = [(left + x * scale, top + y * scale) for x, y in walk]
    draft.line(points, draft.style.thick)
    for index, (a, b) in enumerate(pairwise(points)):
        length = math.dist(a, b)
        dx, dy = (b[0] - a[0]) / length, (b[1] - a[1]) / length
        if rng.random() < 0.7:
            views.linear(a, b, rng.choice((-1, 1)) * rng.uniform(3, 6) * views.h, words.metre(rng, 80, 6000))
        if length > 14 * k:
            middle = Axis((a[0] + dx * length * 0.4, a[1] + dy * length * 0.4), dx, dy)
            if rng.random() < 0.5:
                valve(draft, middle, rng.choice((Valve.GATE, Valve.GLOBE, Valve.BALL, Valve.CHECK)))
                views.callout([words.tag(rng)], middle.at, (-60.0, -120.0, 60.0, 120.0, 0.0, 180.0))
            else:
                arrow(draft, middle)
        for share in (0.15, 0.85):
            if rng.random() < 0.4:
                at = (a[0] + dx * length * share, a[1] + dy * length * share)
                draft.circle(at, 0.5 * k, fill=Fill.INK)
                views.part_number(at)
        if rng.random() < 0.4:
            views.write(words.line_number(rng), a, b)
        if index and rng.random() < 0.5:
            level = f"EL {rng.choice('+-')}{rng.randint(0, 120)}.{rng.randint(0, 999):03d}"
            other = rng.choice((f"BOP {words.metre(rng, 100, 9000)}", words.size(rng), "FW", "SUPPORT PS-12"))
            views.callout([rng.choice((level, level, other))], a, (-45.0, -135.0, 45.0, 135.0, -15.0, 165.0))
    for end, word in ((points[0], "FROM"), (points[-1], "TO")):
        lines = [rng.choice((f"{word} {words.tag(rng)}", f"CONT. ON {words.drawing_number(rng)}"))]
        if rng.random() < 0.5:
            lines.append(words.line_number(rng))
        views.callout(lines, end, (-30.0, -150.0, 30.0, 150.0, 0.0, 180.0))


def _north(views: Views, area: Rectangle) -> None:
    """The arrow that tells where north is."""
    draft, h = views.draft, views.h
    x, y = area[0] + 8 * h, area[1] + 8 * h
    ux, uy = math.cos(math.radians(-150)), math.sin(math.radians(-150))
    tip = (x + ux * 5 * h, y + uy * 5 * h)
    if not draft.is_free((tip[0] - h, tip[1] - h, x + 2 * h, y + 2 * h)):
        return
    draft.line([(x, y), tip])
    draft.shape(
        [tip, (tip[0] - ux * 1.5 * h - uy * h * 0.6, tip[1] - uy * 1.5 * h + ux * h * 0.6),
         (tip[0] - ux * 1.5 * h + uy * h * 0.6, tip[1] - uy * 1.5 * h - ux * h * 0.6)],
        fill=Fill.INK,
    )  # fmt: skip
    views.letter("N", (x + 1.2 * h, y + 0.8 * h))
