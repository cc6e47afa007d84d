"""Pictures of single lines of text as a reader of drawings crops them, with their strings.

A crop is never only its text: lines run through and beside it, neighbours reach into its margin, the ink is
grey, the scan is noisy, the box is a little off. All of that is drawn here, at the pixel size that sheets
have, so that a network learns to look past it.
"""

import math
import random
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from drawops_training import strings, typefaces

SMALLEST_CAPITAL = 8.0
LARGEST_CAPITAL = 60.0
UPSIDE_DOWN = 0.05
"""Share of lines shown upside down: they read as nothing, which tells a reader which way a line runs."""
SAME_UPSIDE_DOWN = set("0168912/|IHNOSXZMWoxzsuncld.:-+=%°±Øpqb ")

Picture = NDArray[np.uint8]


def line(r: random.Random) -> tuple[Picture, str] | None:
    """One crop (H x W, grey) and its string; None when the drawn lot cannot be drawn."""
    text = strings.string(r)
    if not text:
        return finish(_junk(r), r), ""
    return of_text(text, r)


def of_text(text: str, r: random.Random) -> tuple[Picture, str] | None:
    """One crop of a given string, sometimes upside down with the string empty; None as for `line`."""
    drawn = typefaces.letter(text, r)
    if drawn is None:
        return None
    capital = math.exp(r.uniform(math.log(SMALLEST_CAPITAL), math.log(LARGEST_CAPITAL)))
    ink = _trimmed(_placed(drawn, capital, r))
    if ink is None:
        return None
    height, width = ink.shape
    pads = _margins(min(height, width), r)
    canvas = np.asarray(cv2.copyMakeBorder(ink, *pads, cv2.BORDER_CONSTANT, value=(0,)), np.uint8)
    weight = _pen(capital, r)
    clutter(canvas, (pads[2], pads[0], width, height), capital, weight, r)
    cut = [max(0, -pad) for pad in _jitter(height, r)]
    canvas = canvas[cut[0] : canvas.shape[0] - cut[1], cut[2] : canvas.shape[1] - cut[3]]
    if r.random() < UPSIDE_DOWN and sum(letter not in SAME_UPSIDE_DOWN for letter in text) >= 3:
        return finish(np.ascontiguousarray(canvas[::-1, ::-1]), r), ""
    return finish(canvas, r), text


def lines(seed: int) -> Iterator[tuple[Picture, str]]:
    """Endless crops; one seed gives one sequence."""
    r = random.Random(seed)
    while True:
        made = line(r)
        if made is not None and min(made[0].shape) >= 4:
            yield made


def _pen(capital: float, r: random.Random) -> int:
    return max(1, round(capital * r.choice((0.05, 0.08, 0.12, 0.2))))


def _placed(drawn: typefaces.Lettering, capital: float, r: random.Random) -> Picture:
    """The string at its size on the page: condensed or wide, slanted, not level, at a fraction of a pixel."""
    scale = capital / drawn.capital
    stretch = r.choice((1.0, 1.0, 1.0, r.uniform(0.65, 1.2)))
    slant = r.choice((0.0, 0.0, 0.0, r.uniform(-0.1, 0.3)))
    turn = math.radians(r.choice((0.0, 0.0, r.uniform(-2, 2))))
    height, width = drawn.ink.shape
    shape = np.array([[scale * stretch, -scale * slant], [0, scale]])
    turned = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]]) @ shape
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]]) @ turned.T
    low = corners.min(axis=0)
    size = np.ceil(corners.max(axis=0) - low).astype(int) + 2
    matrix = np.column_stack((turned, -low + 1 + np.array([r.random(), r.random()]) - 0.5))
    source = drawn.ink
    if scale < 0.75:  # what a renderer does: average over the pixel
        source = np.asarray(cv2.GaussianBlur(source, (0, 0), 0.4 / scale), np.uint8)
    return np.asarray(
        cv2.warpAffine(source, matrix, (int(size[0]), int(size[1])), flags=cv2.INTER_LINEAR), np.uint8
    )


def _trimmed(ink: Picture) -> Picture | None:
    """The picture without what is blank around the ink; None when all of it is."""
    rows, columns = np.flatnonzero(ink.max(axis=1) > 64), np.flatnonzero(ink.max(axis=0) > 64)
    if not len(rows) or not len(columns):
        return None
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _margins(side: int, r: random.Random) -> tuple[int, int, int, int]:
    """Top, bottom, left, right: what the crop adds around the ink."""
    usual = r.uniform(0.15, 0.45)
    top, bottom, left, right = (max(0, round(side * (usual + r.uniform(-0.12, 0.15)))) for _ in range(4))
    return top, bottom, left, right


def _jitter(height: int, r: random.Random) -> list[int]:
    if r.random() < 0.9:
        return [0, 0, 0, 0]
    return [-round(height * r.uniform(0, 0.12)) for _ in range(4)]


def clutter(
    canvas: Picture, box: tuple[int, int, int, int], capital: float, pen: int, r: random.Random
) -> None:
    """Draw what stands beside and across a text, in place."""
    height, width = canvas.shape
    x, y, w, h = box

    def stroke(points: list[tuple[float, float]], thick: int) -> None:
        path = (np.array(points) * 16).astype(np.int32).reshape(1, -1, 2)
        cv2.polylines(canvas, list(path), False, (r.randint(120, 255),), thick, cv2.LINE_AA, 4)

    if r.random() < 0.22:  # a line above or below, as of a table, a pipe or a box
        for _ in range(r.choice((1, 1, 2))):
            level = r.choice((y - r.uniform(0.02, 0.4) * capital, y + h + r.uniform(0.0, 0.4) * capital))
            stroke([(-9, level), (width + 9, level + r.choice((0, 0, r.uniform(-3, 3))))], pen)
    if r.random() < 0.16:  # the side of a cell or a leader
        at = r.choice((x - r.uniform(0.1, 0.5) * capital, x + w + r.uniform(0.1, 0.5) * capital))
        stroke([(at, -9), (at + r.choice((0, 0, r.uniform(-9, 9))), height + 9)], pen)
    if r.random() < 0.1:  # through the text
        if r.random() < 0.5:
            level = y + h * r.uniform(0.1, 0.95)
            stroke([(-9, level), (width + 9, level + r.uniform(-4, 4))], max(1, pen // 2))
        else:
            at = x + w * r.random()
            stroke([(at, -9), (at + r.uniform(-h, h), height + 9)], max(1, pen // 2))
    if r.random() < 0.14:  # a tick, a stub of pipe or a dash stands beside it
        side = r.choice((-1, 1))
        near = (x if side < 0 else x + w) + side * capital * r.uniform(0.22, 0.6)
        level = y + h * r.uniform(0.2, 0.8)
        if r.random() < 0.5:
            stroke([(near, level), (near + side * capital * r.uniform(0.3, 3), level)], pen)
        if r.random() < 0.6:
            reach = capital * r.uniform(0.2, 0.7)
            stroke([(near, level - reach), (near, level + reach)], pen)
    if r.random() < 0.1:  # an oval or circle around
        centre = (int(16 * (x + w / 2)), int(16 * (y + h * r.choice((0.5, -0.1, 1.1)))))
        axes = (int(16 * w * r.uniform(0.5, 0.8)), int(16 * h * r.uniform(0.75, 1.8)))
        cv2.ellipse(canvas, centre, axes, 0, 0, 360, (r.randint(150, 255),), pen, cv2.LINE_AA, 4)
    if r.random() < 0.2:  # a neighbour on the line, above or below reaches in
        other = typefaces.letter(strings.tag(r), r)
        if other is not None:
            ink = _trimmed(_placed(other, capital * r.uniform(0.8, 1.2), r))
            if ink is not None:
                side = r.randrange(4)
                away = round(capital * r.uniform(0.3, 0.6))
                # Only what is clear of the text's own line may be unread.
                left, top = {
                    0: (x - round(0.8 * capital) - ink.shape[1], y),
                    1: (x + w + round(0.8 * capital), y),
                    2: (x + r.randint(-w, w), y - away - ink.shape[0]),
                    3: (x + r.randint(-w, w), y + h + away),
                }[side]
                _paste(canvas, ink, left, top)


def _paste(canvas: Picture, ink: Picture, left: int, top: int) -> None:
    x0, y0 = max(0, left), max(0, top)
    x1, y1 = min(canvas.shape[1], left + ink.shape[1]), min(canvas.shape[0], top + ink.shape[0])
    if x1 > x0 and y1 > y0:
        part = canvas[y0:y1, x0:x1]
        np.maximum(part, ink[y0 - top : y1 - top, x0 - left : x1 - left], out=part)


def _junk(r: random.Random) -> Picture:
    """A piece of drawing that says nothing: bow ties, arcs, arrows, hatching, crossings, corners."""
    height = round(math.exp(r.uniform(math.log(12), math.log(70))))
    width = round(height * r.choice((r.uniform(0.8, 1.6), r.uniform(1.5, 5))))
    canvas = np.zeros((height, width), np.uint8)
    pen = max(1, round(height * r.choice((0.03, 0.06, 0.1))))

    def stroke(points: list[tuple[float, float]], closed: bool = False, filled: bool = False) -> None:
        path = (np.array(points) * (width, height) * 16).astype(np.int32)
        if filled:
            cv2.fillPoly(canvas, [path], (255,), cv2.LINE_AA, 4)
        cv2.polylines(canvas, [path], closed, (255,), pen, cv2.LINE_AA, 4)

    if r.random() < 0.5:
        return _symbol(r)
    kind = r.randrange(9)
    a, b = r.uniform(0.1, 0.3), r.uniform(0.7, 0.9)
    if kind == 0:  # valve
        stroke([(a, a), (b, b), (b, a), (a, b)], True, r.random() < 0.3)
        stroke([(-0.2, 0.5), (a, 0.5)])
        stroke([(b, 0.5), (1.2, 0.5)])
    elif kind == 1:  # arrow head
        stroke([(a, 0.3), (b, 0.5), (a, 0.7)], True, r.random() < 0.6)
        stroke([(-0.2, 0.5), (a, 0.5)])
    elif kind == 2:  # arcs
        for _ in range(r.randint(1, 3)):
            centre = (int(16 * width * r.random()), int(16 * height * r.random()))
            radius = int(16 * max(width, height) * r.uniform(0.4, 1.5))
            cv2.circle(canvas, centre, radius, (255,), pen, cv2.LINE_AA, 4)
    elif kind == 3:  # crossing or T of pipes
        stroke([(-0.1, 0.5), (1.1, 0.5)])
        stroke([(0.5, r.choice((-0.1, 0.5))), (0.5, 1.1)])
    elif kind == 4:  # corner
        stroke([(0.5, 1.1), (0.5, r.uniform(0.3, 0.6)), (1.1, 0.4)])
    elif kind == 5:  # hatching
        step = r.uniform(0.08, 0.25)
        for index in range(-12, 24):
            stroke([(index * step, 1.1), (index * step + r.uniform(0.3, 0.34), -0.1)])
    elif kind == 6:  # dashes, level
        for index in range(r.randint(2, 5)):
            stroke([(index * 0.3, 0.5), (index * 0.3 + 0.18, 0.5)])
    elif kind == 7:  # zigzag, polygon
        stroke([(r.random(), r.random()) for _ in range(r.randint(3, 6))], r.random() < 0.5)
    # kind 8: blank paper
    return canvas


def _symbol(r: random.Random) -> Picture:
    """A fitting that resembles letters: valve, flanges, reducer, arrow, corner of a dashed line."""
    size = math.exp(r.uniform(math.log(12), math.log(64)))
    wide, high = round(size * r.uniform(1.2, 3.2)), round(size)
    canvas = np.zeros((high, wide), np.uint8)
    pen = max(1, round(size * r.choice((0.04, 0.07, 0.1))))
    x, y = wide / 2, high / 2
    half, tall = size * r.uniform(0.4, 0.9), size * r.uniform(0.25, 0.45)

    def stroke(points: list[tuple[float, float]], closed: bool = False, filled: bool = False) -> None:
        path = (np.array(points) * 16).astype(np.int32)
        if filled:
            cv2.fillPoly(canvas, [path], (255,), cv2.LINE_AA, 4)
        cv2.polylines(canvas, [path], closed, (255,), pen, cv2.LINE_AA, 4)

    def circle(radius: float, filled: bool = False) -> None:
        centre = (int(16 * x), int(16 * y))
        thick = -1 if filled else pen
        cv2.circle(canvas, centre, int(16 * radius), (255,), thick, cv2.LINE_AA, 4)

    def pipe(always: bool = False) -> None:
        ends = r.randrange(1, 4) if always else r.randrange(4)
        if ends & 1:
            stroke([(-9, y), (x - half, y)])
        if ends & 2:
            stroke([(x + half, y), (wide + 9, y)])

    kind = r.randrange(8)
    if kind <= 2:  # valve, with a ball, with flanges
        gap = tall * r.uniform(0.3, 0.8) if kind else 0.0
        for side in (-1, 1):
            neck = r.uniform(0.0, 0.35) * tall
            outline = [(x + side * half, y - tall), (x + side * gap, y - neck), (x + side * gap, y + neck)]
            stroke([*outline, (x + side * half, y + tall)], True)
            if kind == 2:
                stroke([(x + side * half * 1.15, y - tall), (x + side * half * 1.15, y + tall)])
        if kind:
            circle(max(gap, 2.0) * r.uniform(0.9, 1.3), r.random() < 0.2)
        pipe()
    elif kind == 3:  # flanges and nozzles
        for at in (-0.12, 0.12)[: r.randint(1, 2)]:
            stroke([(x + at * size, y - tall), (x + at * size, y + tall)])
        half = 0.12 * size
        pipe()
    elif kind == 4:  # reducer
        stroke(
            [(x - half, y - tall), (x + half, y - tall / 2), (x + half, y + tall / 2), (x - half, y + tall)],
            True,
        )
        pipe()
    elif kind == 5:  # arrow
        tip = r.choice((-1, 1)) * half
        stroke([(x - tip, y - tall), (x + tip, y), (x - tip, y + tall)], r.random() < 0.5, r.random() < 0.3)
        pipe(always=True)  # an arrow alone is a V, a ring an O
    elif kind == 6:  # corner of a dashed line
        stroke([(x - half, y - tall), (x + half * 0.3, y - tall), (x + half * 0.3, y + tall)])
    else:  # pump, instrument bubble without text
        circle(tall * 1.1)
        if r.random() < 0.7:
            stroke([(x - tall * 0.7, y - tall * 0.8), (x + tall * 1.1, y), (x - tall * 0.7, y + tall * 0.8)])
        half = tall * 1.1
        pipe(always=True)
    turned = canvas if kind == 6 else np.rot90(canvas, r.randrange(4))  # a corner, turned, is an L
    return np.ascontiguousarray(turned)


def finish(ink: Picture, r: random.Random) -> Picture:
    """From ink to the grey values of a CAD export, a print or a scan."""
    if r.random() < 0.15:
        kernel = np.ones((2, 2), np.uint8)
        thicker = r.random() < 0.5 or min(ink.shape) < 24
        ink = np.asarray(cv2.dilate(ink, kernel) if thicker else cv2.erode(ink, kernel), np.uint8)
    depth = r.choice((1.0, 1.0, r.uniform(0.4, 1.0)))
    paper = 255.0 - r.choice((0.0, 0.0, r.uniform(0, 60)))
    picture: NDArray[np.floating[Any]] = paper - ink.astype(np.float32) * (depth * paper / 255)
    look = r.random()
    height, width = ink.shape
    if look < 0.30:
        pass  # straight from CAD
    elif look < 0.42:  # bilevel
        picture = np.where(picture > paper * r.uniform(0.35, 0.7), paper, paper * (1 - depth))
    else:
        if r.random() < 0.5:
            spread = r.uniform(0.3, 0.25 + 0.03 * height)
            picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), spread), picture.dtype)
        if r.random() < 0.3 and height > 16:
            part = r.uniform(0.5, 0.9)
            size = (max(4, round(width * part)), max(8, round(height * part)))
            small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
            picture = np.asarray(cv2.resize(small, (width, height)), picture.dtype)
        if r.random() < 0.4:
            grain = np.random.default_rng(r.randrange(1 << 30)).standard_normal(picture.shape, np.float32)
            picture = picture + grain * r.uniform(2, 20)
        if r.random() < 0.1:
            picture = picture + np.linspace(0, r.uniform(-50, 50), width, dtype=np.float32)
    out = np.clip(picture, 0, 255).astype(np.uint8)
    if look >= 0.42 and r.random() < 0.3:
        encoded = cv2.imencode(".jpg", out, (cv2.IMWRITE_JPEG_QUALITY, r.randint(20, 90)))[1]
        out = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE), np.uint8)
    return np.asarray(255 - out if r.random() < 0.03 else out, np.uint8)
