"""What makes real sheets hard to read, put wherever a sheet still has room, whatever its content is.

Texts at any angle, texts that stand close to each other, in ovals, under lines, over other texts, in stamps;
letters spaced far apart; and shapes that look like letters and are none, which the truth does not mention.
A person still reads a text that a line runs through, so it is in the truth; `Draft.settle` marks it.
"""

import math
from collections.abc import Callable
from dataclasses import replace

from drawops_vision.sheets import decoys, lettering, tables, words
from drawops_vision.sheets.border import SMALLEST, second_frame
from drawops_vision.sheets.draft import Draft, Spot
from drawops_vision.sheets.model import (
    Circle,
    Fill,
    Horizontal,
    Item,
    Path,
    Point,
    Text,
    Vertical,
    arc,
)

TRIES = 25
NEAR = (0.85, 1.5)
"""Gap in text heights between two texts that stand on one line and are two."""


def fill(draft: Draft, share: float = 1.0) -> None:
    """Put annotations wherever there is room: about 35 `share` on A3, more on larger sheets."""
    x0, y0, x1, y1 = draft.limits
    area = (x1 - x0) * (y1 - y0) / (400 * 280) / draft.style.module**2
    rng = draft.rng
    for _ in range(rng.randint(0, 1 + round(1.5 * area * share))):
        _table(draft)
    if draft.style.chinese is not None:
        for _ in range(max(2, round(8 * area * share))):
            _chinese(draft)
    names = list(KINDS)
    weights = [KINDS[name][0] for name in names]
    for name in rng.choices(names, weights, k=max(3, round(35 * area * share))):
        KINDS[name][1](draft)
    if rng.random() < 0.12:
        second_frame(draft, draft.limits)
    if rng.random() < 0.6 * share:
        stamp(draft)
    if rng.random() < 0.35 * share:
        _side_note(draft)


def room(draft: Draft, width: float, height: float, margin: float = 1.0) -> Point | None:
    """The top-left corner of a free rectangle of `width` x `height` mm, None when none was found."""
    x0, y0, x1, y1 = draft.limits
    if width + 2 * margin > x1 - x0 or height + 2 * margin > y1 - y0:
        return None
    for _ in range(TRIES):
        x = draft.rng.uniform(x0 + margin, x1 - width - margin)
        y = draft.rng.uniform(y0 + margin, y1 - height - margin)
        if draft.is_free((x, y, x + width, y + height), margin):
            return x, y
    return None


def varied(draft: Draft, string: str, size: float | None = None, angle: float = 0.0) -> Text:
    """A text at the sheet's origin, anchored top-left; one in three in another lettering than the sheet's."""
    rng = draft.rng
    chosen = size if size is not None else rng.choice((0.75, 0.85, 1.0, 1.0, 1.0, 1.2, 1.5, 2.0))
    spot = Spot((0.0, 0.0), angle, Horizontal.LEFT, Vertical.TOP)
    text = draft.lettering(string, spot, chosen, heading=rng.random() < 0.15)
    text = replace(text, height=max(SMALLEST, text.height))
    if rng.random() < 0.33:
        face, heading = lettering.pair(rng)
        text = replace(
            text,
            face=heading if rng.random() < 0.25 else face,
            stretch=lettering.stretch(rng),
            spacing=lettering.spacing(rng),
        )
    return text


def place(draft: Draft, text: Text, margin: float = 1.0) -> Text | None:
    """Move a text to where there is room for it and draw it."""
    x0, y0, x1, y1 = text.bounds()
    found = room(draft, x1 - x0, y1 - y0, margin + 0.5 * text.height)
    if found is None:
        return None
    moved = moved_by(text, found[0] - x0, found[1] - y0)
    draft.put(moved)
    return moved


def moved_by(text: Text, dx: float, dy: float) -> Text:
    """The same text elsewhere, mm."""
    return replace(text, anchor=(text.anchor[0] + dx, text.anchor[1] + dy))


def stamp(draft: Draft) -> None:
    """A rubber stamp, grey, at an angle, over lines: a rectangle or rings with one to three texts."""
    rng = draft.rng
    size = draft.style.height * rng.uniform(1.2, 2.4)
    angle = rng.choice((0.0, rng.uniform(-35, 35), rng.uniform(-12, 12), 90.0, -90.0))
    grey = rng.randint(50, 125)
    face = lettering.pair(rng)[rng.randrange(2)]
    lines = [(rng.choice(words.STATES), 1.0)]
    if rng.random() < 0.8:
        lines.append((rng.choice((words.date, words.tag, words.drawing_number))(rng), 0.7))
    if rng.random() < 0.4:
        lines.append((rng.choice((words.tag, words.date))(rng), 0.6))
    rng.shuffle(lines)
    pitch = size * 1.75
    texts = []
    for index, (line, share) in enumerate(lines):
        down = (index - (len(lines) - 1) / 2) * pitch
        texts.append(
            Text((0.0, down), line, size * share, face, 0.0, Horizontal.CENTRE, Vertical.MIDDLE, grey=grey)
        )
    half_width = max(text.bounds()[2] - text.bounds()[0] for text in texts) / 2 + size * 0.7
    half_height = len(lines) * pitch / 2 + size * 0.35
    round_one = rng.random() < 0.35
    radius = math.hypot(half_width, half_height * 0.8)
    reach = radius if round_one else math.hypot(half_width, half_height)
    x0, y0, x1, y1 = draft.limits
    if x1 - x0 < 2 * reach + 4 or y1 - y0 < 2 * reach + 4:
        return
    for _ in range(TRIES):
        centre = rng.uniform(x0 + reach, x1 - reach), rng.uniform(y0 + reach, y1 - reach)
        if draft.is_free((centre[0] - reach, centre[1] - reach, centre[0] + reach, centre[1] + reach)):
            break
    box = (centre[0] - reach, centre[1] - reach, centre[0] + reach, centre[1] + reach)
    over_ink = not draft.is_free(box)
    cosine, sine = math.cos(math.radians(angle)), math.sin(math.radians(angle))

    def turned(x: float, y: float) -> Point:
        return centre[0] + x * cosine - y * sine, centre[1] + x * sine + y * cosine

    pen = size * rng.uniform(0.08, 0.2)
    items: list[Item] = []
    if round_one:
        items += [Circle(centre, radius, pen, grey=grey)]
        if rng.random() < 0.5:
            items.append(Circle(centre, radius * 1.08, pen, grey=grey))
    else:
        corners = [(-half_width, -half_height), (half_width, -half_height), (half_width, half_height),
                   (-half_width, half_height)]  # fmt: skip
        items.append(Path(tuple(turned(*corner) for corner in corners), pen, closed=True, grey=grey))
    placed = [replace(text, anchor=turned(*text.anchor), angle=angle, clear=not over_ink) for text in texts]
    # Stamps stand on lines, and their edge may cross a text; text on text nobody could read.
    if not any(draft.holds_text(text.bounds()) for text in placed):
        draft.over([*items, *placed], box)


def _note(draft: Draft) -> None:
    """One to four lines, flush left, right or centred."""
    rng = draft.rng
    count = rng.choice((1, 1, 1, 2, 2, 3, 4))
    first = varied(draft, words.anything(rng))
    texts = [first] + [replace(first, string=words.anything(rng)) for _ in range(count - 1)]
    horizontal = rng.choice(list(Horizontal))
    step = first.height * rng.uniform(1.7, 2.2)
    texts = [replace(text, horizontal=horizontal, anchor=(0.0, step * row)) for row, text in enumerate(texts)]
    _together(draft, texts)


def _together(draft: Draft, texts: list[Text], margin: float = 1.0) -> bool:
    """Draw a group of texts that keep their places among each other."""
    boxes = [text.bounds() for text in texts]
    x0, y0 = min(box[0] for box in boxes), min(box[1] for box in boxes)
    x1, y1 = max(box[2] for box in boxes), max(box[3] for box in boxes)
    found = room(draft, x1 - x0, y1 - y0, margin + max(text.height for text in texts))
    if found is None:
        return False
    for text in texts:
        draft.put(moved_by(text, found[0] - x0, found[1] - y0))
    return True


def _turned(draft: Draft) -> None:
    """Upwards, downwards, upside down; one to three lines."""
    rng = draft.rng
    angle = rng.choice((-90.0, -90.0, 90.0, 90.0, 180.0))
    first = varied(draft, words.anything(rng), angle=angle)
    step = first.height * rng.uniform(1.7, 2.2)
    lines = []
    for row in range(rng.choice((1, 1, 2, 3))):
        anchor = first.to_sheet((0.0, row * step))
        lines.append(replace(first, anchor=anchor, string=words.anything(rng)))
    _together(draft, lines)


def _slanted(draft: Draft) -> None:
    """A note along a slanted leader."""
    rng = draft.rng
    angle = round(rng.choice((rng.uniform(-80, 80), 45.0, -45.0, 30.0, -30.0, 60.0, -60.0)), 1)
    text = varied(draft, words.anything(rng), angle=angle)
    placed = place(draft, text)
    if placed is None or rng.random() < 0.3:
        return
    _, _, right, left = placed.ink_quad()
    gap = placed.height * rng.uniform(0.3, 0.6) + draft.style.thin
    turn = math.radians(angle)
    down = (-math.sin(turn) * gap, math.cos(turn) * gap)
    along = (math.cos(turn), math.sin(turn))
    start = (left[0] + down[0], left[1] + down[1])
    reach = placed.height * rng.uniform(0.0, 1.5)
    end = (right[0] + down[0] + along[0] * reach, right[1] + down[1] + along[1] * reach)
    if is_way_free(draft, start, end):
        draft.line([start, end])
        if rng.random() < 0.5:
            tip = placed.height
            draft.shape(
                [end, (end[0] - along[0] * tip - down[0] * 0.4, end[1] - along[1] * tip - down[1] * 0.4),
                 (end[0] - along[0] * tip + down[0] * 0.4, end[1] - along[1] * tip + down[1] * 0.4)],
                fill=Fill.INK,
            )  # fmt: skip


def is_way_free(draft: Draft, start: Point, end: Point) -> bool:
    """Whether nothing lies on a line's way."""
    steps = max(2, round(math.dist(start, end) / 0.7))
    for step in range(steps + 1):
        x = start[0] + (end[0] - start[0]) * step / steps
        y = start[1] + (end[1] - start[1]) * step / steps
        if not draft.is_free((x, y, x, y), 0.0):
            return False
    return True


def _neighbours(draft: Draft) -> None:
    """Two to four texts on one line, so near that only their gap says that they are several."""
    rng = draft.rng
    base = varied(draft, "0")
    base = replace(base, vertical=Vertical.BASELINE)
    makers = (words.lone, words.number, words.tag, words.size, words.words, words.value, words.pair)
    texts: list[Text] = []
    x = 0.0
    for _ in range(rng.choice((2, 2, 3, 4))):
        height = max(SMALLEST, base.height * rng.choice((1.0, 1.0, 0.75, 0.6, 1.4)))
        text = replace(base, string=rng.choice(makers)(rng), height=height, anchor=(0.0, 0.0))
        left, _, right, _ = text.bounds()
        texts.append(moved_by(text, x - left, 0.0))
        x += right - left + max(height, base.height) * rng.uniform(*NEAR)
    if rng.random() < 0.25:
        angle = rng.choice((-90.0, 90.0))
        turn = math.radians(angle)
        texts = [
            replace(
                text, angle=angle, anchor=(text.anchor[0] * math.cos(turn), text.anchor[0] * math.sin(turn))
            )
            for text in texts
        ]
    _together(draft, texts)


def _balloon(draft: Draft) -> None:
    """One or two texts in a circle, capsule, hexagon, diamond, box or flag; a line may part them."""
    rng = draft.rng
    h = draft.style.height * rng.choice((0.8, 1.0, 1.2, 1.6))
    two = rng.random() < 0.5
    strings = [words.lone(rng) if rng.random() < 0.6 else words.tag(rng)]
    if two:
        strings = [words.letters(rng, rng.randint(1, 4)), words.digits(rng, rng.randint(2, 5))]
        if rng.random() < 0.3:
            strings[1] = rng.choice("XYPTLFQ") + strings[1]
    texts = []
    for index, string in enumerate(strings):
        down = 0.0 if not two else (-0.85 if index == 0 else 0.85) * h
        spot = Spot((0.0, down), 0.0, Horizontal.CENTRE, Vertical.MIDDLE)
        text = draft.lettering(string, spot)
        texts.append(replace(text, height=h))
    half_width = max(text.bounds()[2] - text.bounds()[0] for text in texts) / 2
    inner = half_width + h * rng.uniform(0.25, 0.8)
    half = h * (1.75 if two else 1.0) + h * rng.uniform(0.0, 0.4)
    shape = rng.choice(
        ("circle", "capsule", "capsule", "ellipse", "hexagon", "box", "box", "diamond", "flag")
    )
    reach = (
        inner + half + 1
        if shape in ("diamond", "flag", "hexagon", "ellipse", "circle")
        else inner + half * 0.5
    )
    if shape == "diamond":
        inner, half = inner + half, half + inner
        reach = inner
    if shape == "circle":
        half = inner = math.hypot(half_width, half * 0.8) + 0.2 * h
        reach = inner
    found = room(draft, 2 * reach, 2 * half, 0.8)
    if found is None:
        return
    x, y = found[0] + reach, found[1] + half
    pen = rng.choice((draft.style.thin, draft.style.medium))
    fill = rng.choice((Fill.NONE, Fill.PAPER))
    if shape == "circle":
        draft.circle((x, y), half, pen, fill)
    elif shape == "box":
        draft.rectangle((x - inner, y - half, x + inner, y + half), pen, fill)
    else:
        draft.shape(_outline(shape, (x, y), inner, half), pen, fill)
    if two and rng.random() < 0.75:
        draft.line([(x - inner, y), (x + inner, y)], pen)
    for text in texts:
        draft.put(moved_by(text, x, y))
    if rng.random() < 0.3:
        side = rng.choice((-1.0, 1.0))
        end = (x, y + side * (half + h * rng.uniform(1, 4)))
        if draft.is_free(
            (x - 0.5, min(y + side * (half + 0.8), end[1]), x + 0.5, max(y + side * (half + 0.8), end[1]))
        ):
            draft.line([(x, y + side * half), end], pen, dash=rng.choice(((), (2.0, 1.0))))


def _outline(shape: str, centre: Point, inner: float, half: float) -> list[Point]:
    x, y = centre
    if shape == "capsule":
        edge = inner - half * 0.5
        return [*arc((x + edge, y), half, half, -90, 90, 14), *arc((x - edge, y), half, half, 90, 270, 14)]
    if shape == "ellipse":
        return arc(centre, inner * 1.2, half * 1.1, 0, 360, 36)
    if shape == "hexagon":
        return [(x - inner - half * 0.6, y), (x - inner, y - half), (x + inner, y - half),
                (x + inner + half * 0.6, y), (x + inner, y + half), (x - inner, y + half)]  # fmt: skip
    if shape == "diamond":
        return [(x - inner, y), (x, y - half), (x + inner, y), (x, y + half)]
    return [(x - inner, y - half), (x + inner, y - half), (x + inner + half, y), (x + inner, y + half),
            (x - inner, y + half)]  # fmt: skip


def _crossed(draft: Draft) -> None:
    """A text with a line through it, along its foot or head, or a circle's edge across it."""
    rng = draft.rng
    text = varied(draft, words.anything(rng), angle=rng.choice((0.0, 0.0, 0.0, -90.0)))
    x0, y0, x1, y1 = text.bounds()
    found = room(draft, x1 - x0, y1 - y0, 2.0 + 0.8 * text.height)
    if found is None:
        return
    text = replace(moved_by(text, found[0] - x0, found[1] - y0), clear=False)
    draft.put(text)
    x0, y0, x1, y1 = text.bounds()
    h = text.height
    pen = rng.choice((draft.style.thin, draft.style.thin, draft.style.medium))
    dash = rng.choice(((), (), (), (3.0, 1.2)))
    kind = rng.choice(("foot", "foot", "head", "upright", "upright", "slash", "circle", "through", "hatch"))
    a, b, c, d = text.ink_quad()
    reach = 1.5
    items: list[Item] = []

    def between(p: Point, q: Point, share: float) -> Point:
        return p[0] + (q[0] - p[0]) * share, p[1] + (q[1] - p[1]) * share

    def beyond(p: Point, q: Point) -> tuple[Point, Point]:
        length = math.hypot(q[0] - p[0], q[1] - p[1]) or 1.0
        ux, uy = (q[0] - p[0]) / length * reach, (q[1] - p[1]) / length * reach
        return (p[0] - ux, p[1] - uy), (q[0] + ux, q[1] + uy)

    if kind in ("foot", "head", "through"):
        share = {
            "foot": rng.uniform(0.93, 1.04),
            "head": rng.uniform(-0.04, 0.07),
            "through": rng.uniform(0.3, 0.7),
        }[kind]
        items.append(Path(beyond(between(a, d, share), between(b, c, share)), pen, dash=dash))
    elif kind in ("upright", "slash"):
        share = rng.uniform(0.05, 0.95)
        lean = rng.uniform(-0.2, 0.2) if kind == "slash" else 0.0
        items.append(Path(beyond(between(a, b, share), between(d, c, share + lean)), pen, dash=dash))
    elif kind == "circle":
        radius = h * rng.uniform(1.0, 2.5)
        side = rng.choice((-1.0, 1.0))
        middle = (x1 if side > 0 else x0) + side * radius * rng.uniform(0.55, 0.98), (y0 + y1) / 2
        items.append(Circle(middle, radius, pen))
        x0, y0, x1, y1 = (min(x0, middle[0] - radius), min(y0, middle[1] - radius),
                          max(x1, middle[0] + radius), max(y1, middle[1] + radius))  # fmt: skip
    else:
        for share in range(rng.randint(0, 20), 100, rng.choice((18, 25, 40))):
            items.append(
                Path(
                    (between(a, b, share / 100), between(d, c, share / 100 + 0.04)), draft.style.thin, grey=90
                )
            )
    draft.over(items, (x0 - reach, y0 - reach, x1 + reach, y1 + reach))


def _overprint(draft: Draft) -> None:
    """Two texts of which the second stands partly on the first, as in tables that were printed twice."""
    rng = draft.rng
    under = replace(varied(draft, words.anything(rng), 1.0), clear=False)
    other = replace(varied(draft, words.anything(rng), rng.choice((0.8, 1.0, 1.3))), clear=False)
    x0, _y0, x1, _y1 = under.bounds()
    h = under.height
    if rng.random() < 0.6:
        # Half a line lower: rows of two tables.
        other = moved_by(
            other, rng.uniform(-1, 0.6) * (x1 - x0), rng.choice((-1, 1)) * h * rng.uniform(0.65, 0.95)
        )
    else:
        # Over its last character and a little off its line: on the line the two would be one.
        left, _, _right, _ = other.bounds()
        other = moved_by(other, x1 - left - h * rng.uniform(0.1, 0.6), h * rng.choice((-0.4, 0.4)))
    if rng.random() < 0.4:
        other = replace(other, grey=rng.randint(60, 120))
    _together(draft, [under, other])


def _chinese(draft: Draft) -> None:
    """A Chinese term or two, level, upright or slanted, some in a box."""
    rng = draft.rng
    string = rng.choice(words.CHINESE)
    kind = rng.random()
    if kind < 0.3:
        string = f"{string}: {words.digits(rng, rng.randint(1, 4))}"
    elif kind < 0.5:
        string = f"{words.digits(rng, 1)}. {string}{rng.choice(words.CHINESE)}"
    angle = rng.choice((0.0, 0.0, 0.0, -90.0, round(rng.uniform(-60, 60), 1)))
    spot = Spot((0.0, 0.0), angle, Horizontal.LEFT, Vertical.TOP)
    placed = place(draft, draft.lettering(string, spot, rng.choice((1.0, 1.3, 1.6, 2.2))), 2.0)
    if placed is not None and angle == 0.0 and rng.random() < 0.4:
        x0, y0, x1, y1 = placed.bounds()
        gap = placed.height * rng.uniform(0.2, 0.5)
        draft.rectangle((x0 - gap, y0 - gap, x1 + gap, y1 + gap))


def _wide(draft: Draft) -> None:
    """A word whose letters stand far apart."""
    rng = draft.rng
    string = rng.choice((words.tag, words.lone, words.drawing_number, lambda r: r.choice(words.CAPITALS)))(
        rng
    )
    text = replace(varied(draft, string), spacing=rng.uniform(0.15, 0.28 if " " in string else 0.42))
    place(draft, text)


def _framed(draft: Draft) -> None:
    """A text in a narrow box or under a bar, the ink of which nearly touches it."""
    rng = draft.rng
    string = rng.choice((words.lone, words.tag, words.number, words.pair, words.value))(rng)
    text = varied(draft, string, rng.choice((0.8, 1.0, 1.3)), rng.choice((0.0, 0.0, 0.0, -90.0)))
    placed = place(draft, text, 2.0)
    if placed is None:
        return
    x0, y0, x1, y1 = placed.bounds()
    gap = placed.height * rng.uniform(0.12, 0.5) + 0.2
    if rng.random() < 0.7:
        draft.rectangle((x0 - gap, y0 - gap, x1 + gap, y1 + gap))
    else:
        y = rng.choice((y0 - gap, y1 + gap))
        draft.line([(x0 - gap, y), (x1 + gap, y)])


def _prose(draft: Draft) -> None:
    """A paragraph of sentences, broken into lines; every line is a text."""
    rng = draft.rng
    size = rng.choice((0.75, 0.9, 1.0))
    long = " ".join(rng.sample(words.SENTENCES, rng.randint(1, 3))).split(" ")
    limit = rng.randint(24, 64)
    lines = [""]
    for word in long:
        if len(lines[-1]) + len(word) > limit:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    first = varied(draft, lines[0], size)
    if rng.random() < 0.2:
        # The capital of µ would be a Greek letter.
        lines = [line.replace("µ", "u").upper() for line in lines]
    step = first.height * rng.uniform(1.7, 2.1)
    _together(
        draft, [replace(first, string=line, anchor=(0.0, row * step)) for row, line in enumerate(lines)]
    )


def _side_note(draft: Draft) -> None:
    """One long line up the edge of the sheet."""
    rng = draft.rng
    text = varied(draft, " ".join(rng.sample(words.SENTENCES, 2)), 0.8, -90.0)
    x0, y0, _x1, y1 = text.bounds()
    left, top, _right, bottom = draft.limits
    dx, dy = left + 2.0 - x0, (top + bottom) / 2 - (y0 + y1) / 2
    moved = moved_by(text, dx, dy)
    if draft.is_free(moved.bounds()):
        draft.put(moved)


def _table(draft: Draft) -> None:
    _x0, y0, _x1, y1 = draft.limits
    table = tables.any_table(draft, draft.rng.uniform(0.15, 0.5) * (y1 - y0))
    found = room(draft, table.width, table.height)
    if found is not None:
        table.draw(draft, found)


def _decoy(draft: Draft) -> None:
    size = draft.style.height * draft.rng.uniform(1.1, 3.0)
    found = room(draft, 2 * size, 2 * size, 0.8)
    if found is not None:
        decoys.any_decoy(draft, (found[0] + size, found[1] + size), size)


KINDS: dict[str, tuple[int, Callable[[Draft], None]]] = {
    "note": (14, _note),
    "turned": (10, _turned),
    "slanted": (10, _slanted),
    "neighbours": (12, _neighbours),
    "balloon": (14, _balloon),
    "crossed": (10, _crossed),
    "overprint": (4, _overprint),
    "wide": (4, _wide),
    "framed": (6, _framed),
    "prose": (4, _prose),
    "decoy": (13, _decoy),
}
"""How often, and what draws it."""
