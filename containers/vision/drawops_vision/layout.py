"""From detected patches to lines of text: cut apart what is wider than a space, tighten to the ink.

A detection network merges what stands close: neighbouring cells of a table, a nozzle and the pipe's size, two
short rows. The gaps between glyphs tell texts from words, so every patch is looked at again in the page's
own pixels. Where the ink leaves more than one way to cut, all are kept, and the recogniser decides.

Coordinates are page pixels, x to the right, y down; quads (4 x 2) are clockwise.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from drawops_vision.ink import Ink, Page, runs

Quad = NDArray[np.float32]
# A gap between two glyphs ends a text when it is wider than this part of the height of capitals, plus some of
# the usual gap between letters: the space of a wide single-stroke lettering is 1.0, that of Arial 0.5.
GAP = 0.45
GAP_OF_LETTERS = 2.5
SMALLEST_GAP = 0.76
# Characters this wide, by their height, are Chinese.
IDEOGRAPH = 0.85
# Where a line stands in the gap (the side of a cell), much less is enough.
GAP_AT_LINE = 0.3
# Rows of a patch are texts of their own when paper shows between them.
ROW_GAP = 0.08
SMALLEST_ROW = 0.5
# More overlooked pieces than this are no text: hatching, a picture.
MOST_OVERLOOKED = 3000
# Pixels of a page's height that are searched together.
ROW = 8
# How far around a patch ink is looked at, in units of its shorter side.
SURROUNDINGS = 0.5
# Room left around tight ink, in pixels: anti-aliased rims belong to the text.
RIM = 0.5
# Shorter and longer side of one glyph.
GLYPH_ASPECT = 2.2


@dataclass(frozen=True)
class Alternatives:
    """Ways to cut one patch of ink into texts, the likeliest first.

    Each way is a list of quads that read along their top side.
    """

    ways: tuple[tuple[Quad, ...], ...]


@dataclass(frozen=True)
class _Patch:
    """Components of ink in a patch, in the patch's own level frame (pixels; x along the text).

    Attributes:
        boxes: N x 4 (left, top, right, bottom) of what belongs to the patch.
        bars: left and right of lines that cross the patch from top to bottom.
        glued: True when some of the patch's ink runs out of it, so that boxes say little.
    """

    boxes: NDArray[np.float32]
    bars: list[tuple[float, float]]
    glued: bool


def cut(page: Page, quads: NDArray[np.float32]) -> list[Alternatives]:
    """Cut and tighten detected quads (N x 4 x 2) of a normalised page."""
    return [_cut_one(page, quad) for quad in quads]


def _cut_one(page: Page, quad: Quad) -> Alternatives:
    width, height = sides(quad)
    along = _Frame(np.roll(quad, -1, axis=0) if height > width else quad)
    patch = _patch(page, along)
    if patch is None or not len(patch.boxes):
        return Alternatives(((quad,),))
    if height <= width:
        rows = _rows(patch.boxes)
        texts = [text for row in rows for text in _texts(row, patch.bars)]
        if patch.glued and len(texts) == 1:
            return Alternatives(((quad,),))
        ways = [tuple(along.quad(box) for box in texts)]
        if len(texts) > len(rows):
            ways.append(tuple(along.quad(_around(row)) for row in rows))
        return Alternatives(tuple(ways))
    # Upright on the page but tall: a text that runs up or down, or several short rows.
    texts = _texts(patch.boxes, patch.bars)
    turned = tuple(np.roll(along.quad(box), 1, axis=0) for box in texts)
    if patch.glued and len(texts) == 1:
        turned = (quad,)
    ways = [turned]
    upright = _Frame(quad)
    level = _patch(page, upright)
    if level is not None and not level.glued:
        rows = _rows(level.boxes)
        if len(rows) > 1 and max(len(row) for row in rows) > 1:
            ways.append(tuple(upright.quad(box) for row in rows for box in _texts(row, level.bars)))
    return Alternatives(tuple(ways))


class _Frame:
    """Where a quad is level: x along its top side, y down its left side, origin at its first corner."""

    def __init__(self, quad: Quad) -> None:
        self.width, self.height = sides(quad)
        self.origin = quad[0].astype(np.float64)
        self.right = (quad[1] - quad[0]).astype(np.float64) / max(self.width, 1e-6)
        self.down = (quad[3] - quad[0]).astype(np.float64) / max(self.height, 1e-6)

    def quad(self, box: Sequence[float]) -> Quad:
        """Corners on the page of a box (left, top, right, bottom) in this frame."""
        left, top, right, bottom = box
        corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
        return np.array([self.origin + x * self.right + y * self.down for x, y in corners], np.float32)

    def pixels(self, page: Page, around: int) -> NDArray[np.uint8]:
        """Grey pixels of the quad and `around` pixels on all sides, one to one."""
        out = (math.ceil(self.width) + 2 * around, math.ceil(self.height) + 2 * around)
        start = self.origin - around * (self.right + self.down)
        corners = np.array([start, start + out[0] * self.right, start + out[1] * self.down])
        far = start + out[0] * self.right + out[1] * self.down
        every = np.vstack((corners, far))
        limit = np.array(page.shape[1::-1]) - 1
        low = np.clip(np.floor(every.min(axis=0)).astype(int) - 1, 0, limit)
        high = np.clip(np.ceil(every.max(axis=0)).astype(int) + 2, 1, limit + 1)
        part = page[low[1] : high[1], low[0] : high[0]]
        target = np.array([[0, 0], [out[0], 0], [0, out[1]]], np.float32)
        turn = cv2.getAffineTransform((corners - low).astype(np.float32), target)
        if part.ndim == 3:
            part = part.min(axis=2)
        return np.asarray(
            cv2.warpAffine(
                part, turn, out, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(255,)
            ),
            np.uint8,
        )


def sides(quad: Quad) -> tuple[float, float]:
    """Width and height of a quad as its text reads, in pixels."""
    return float(np.hypot(*(quad[1] - quad[0]))), float(np.hypot(*(quad[3] - quad[0])))


def _patch(page: Page, frame: _Frame) -> _Patch | None:
    """Components of the ink in and around a frame's quad."""
    side = min(frame.width, frame.height)
    if side < 3 or frame.width * frame.height > 4e6:
        return None
    around = max(3, round(SURROUNDINGS * side))
    grey = frame.pixels(page, around)
    darkest, brightest = int(grey.min()), int(grey.max())
    if brightest - darkest < 24:
        return None
    level = (darkest + 2 * brightest) / 3  # rims of thin strokes are light
    binary = cv2.threshold(grey, level, 1, cv2.THRESH_BINARY_INV)[1]
    _, labels, stats, _ = cv2.connectedComponentsWithStats(binary, connectivity=8)
    high, wide = grey.shape
    low, past = np.array([around, around]), np.array([wide - around, high - around])
    area = float(np.prod(past - low))
    boxes: list[tuple[float, float, float, float]] = []
    bars: list[tuple[float, float]] = []
    glued = False
    for number, (left, top, width, height, pixels) in enumerate(stats.tolist()):
        right, bottom = left + width, top + height
        if number == 0 or pixels < 2:
            continue
        if top <= 0 and bottom >= high and width <= 0.35 * side:
            bars.append((left - around, right - around))
            continue
        x0, y0, x1, y1 = max(left, low[0]), max(top, low[1]), min(right, past[0]), min(bottom, past[1])
        inside = max(0, x1 - x0) * max(0, y1 - y0)
        leaves = left <= 0 or top <= 0 or right >= wide or bottom >= high
        line = width > 2.5 * side and height <= 0.2 * side
        if not leaves and not line and (inside >= 0.5 * width * height or inside >= 0.4 * area):
            boxes.append((left - around, top - around, right - around, bottom - around))
        elif leaves and inside > 0:
            # Ink that runs out of the patch: a neighbour, a line, or glyphs that touch one. What of it stands
            # like a glyph in the patch keeps its columns, so that no gap opens where a letter is.
            part = labels[low[1] : past[1], low[0] : past[0]] == number
            for first, end in _glyph_columns(part, side):
                boxes.append((first, 0.0, end, float(past[1] - low[1])))
                glued = True
    return _Patch(np.array(boxes, np.float32).reshape(-1, 4), bars, glued)


def _glyph_columns(part: NDArray[np.bool_], side: float) -> list[tuple[float, float]]:
    """Runs of columns in which ink is higher than a line is thick."""
    heights = part.sum(axis=0)
    columns = np.flatnonzero(heights >= 0.25 * side)
    if not len(columns):
        return []
    return [(float(first), float(past)) for first, past in runs(columns)]


def _rows(boxes: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Split components into rows where level paper shows between rows of like height."""
    if len(boxes) < 2:
        return [boxes]
    order = boxes[np.argsort(boxes[:, 1])]
    groups: list[list[NDArray[np.float32]]] = [[order[0]]]
    reach = float(order[0][3])
    whole = float(boxes[:, 3].max() - boxes[:, 1].min())
    for box in order[1:]:
        if box[1] > reach + ROW_GAP * whole:
            groups.append([])
        groups[-1].append(box)
        reach = max(reach, float(box[3]))
    rows = [np.array(group) for group in groups]
    heights = [float(row[:, 3].max() - row[:, 1].min()) for row in rows]
    # An umlaut's dots, an underline or a full stop alone are no row.
    if min(heights) < SMALLEST_ROW * max(heights):
        return [boxes]
    return rows


def _texts(
    boxes: NDArray[np.float32], bars: Sequence[tuple[float, float]]
) -> list[tuple[float, float, float, float]]:
    """Cut one row of components at gaps that no space makes; tight boxes from left to right."""
    order = boxes[np.argsort(boxes[:, 0])]
    columns: list[list[float]] = []  # left, top, right, bottom of what overlaps in x
    for box in order.tolist():
        if columns and box[0] <= columns[-1][2]:
            last = columns[-1]
            columns[-1] = [last[0], min(last[1], box[1]), max(last[2], box[2]), max(last[3], box[3])]
        else:
            columns.append(box)
    capital = float(np.percentile([column[3] - column[1] for column in columns], 75))
    gaps = [right[0] - left[2] for left, right in itertools.pairwise(columns)]
    usual = float(np.median(gaps)) if len(gaps) >= 3 else min(gaps, default=0.0)
    if float(np.median([column[2] - column[0] for column in columns])) >= IDEOGRAPH * capital:
        usual = 0.4 * capital  # Chinese punctuation leaves most of its square empty
    limit = max(SMALLEST_GAP * capital, GAP * capital + GAP_OF_LETTERS * min(usual, 0.4 * capital))
    texts = [columns[0]]
    for gap, column in zip(gaps, columns[1:], strict=True):
        last = texts[-1]
        barred = any(last[2] - 1 <= left and right <= column[0] + 1 for left, right in bars)
        if gap > limit or (barred and gap > GAP_AT_LINE * capital):
            texts.append(column)
        else:
            texts[-1] = [last[0], min(last[1], column[1]), max(last[2], column[2]), max(last[3], column[3])]
    return [_around(np.array([text], np.float32)) for text in texts]


def _around(boxes: NDArray[np.float32]) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of all boxes together, with a rim."""
    left, top, right, bottom = _bounds(boxes)
    return left - RIM, top - RIM, right + RIM, bottom + RIM


def _bounds(boxes: NDArray[np.float32]) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of all boxes (N x 4) together."""
    left, top = boxes[:, :2].min(axis=0)
    right, bottom = boxes[:, 2:].max(axis=0)
    return float(left), float(top), float(right), float(bottom)


def _upright(left: float, top: float, right: float, bottom: float) -> Quad:
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)


def stacks(quads: Sequence[Quad]) -> list[tuple[list[int], Quad]]:
    """Glyph-like quads that stand in a column, closer than rows do: perhaps one text that runs up or down.

    Returns:
        Indices of the quads from top to bottom, and the upright quad around them.
    """
    boxes = np.array([[*quad.min(axis=0), *quad.max(axis=0)] for quad in quads], np.float32).reshape(-1, 4)
    aspects = (boxes[:, 2] - boxes[:, 0]) / np.maximum(boxes[:, 3] - boxes[:, 1], 1e-6)
    glyphs = np.flatnonzero((aspects >= 1 / GLYPH_ASPECT) & (aspects <= GLYPH_ASPECT))
    small = np.array([index for index in glyphs.tolist() if _is_level(quads[index])], np.intp)
    order = small[np.argsort(boxes[small, 1], kind="stable")]
    tops = boxes[order, 1]
    below: dict[int, int] = {}
    for index in small.tolist():
        left, _, right, bottom = boxes[index]
        wide = right - left
        # No other glyph can be meant: the gap between two is told in widths of the narrower.
        first, past = np.searchsorted(tops, (bottom - 0.2 * wide, bottom + 0.45 * wide))
        others = order[first:past]
        widths = boxes[others, 2] - boxes[others, 0]
        narrower, wider = np.minimum(widths, wide), np.maximum(widths, wide)
        shared = np.minimum(right, boxes[others, 2]) - np.maximum(left, boxes[others, 0])
        gaps = boxes[others, 1] - bottom
        fits = (others != index) & (narrower >= 0.6 * wider) & (shared >= 0.7 * narrower)
        fits &= (gaps > -0.2 * narrower) & (gaps < 0.45 * narrower)
        if fits.any():
            below[index] = int(others[fits][gaps[fits].argmin()])
    found = []
    hanging = set(below.values())
    for index in small.tolist():
        if index in below and index not in hanging:
            chain = [index]
            seen = {index}
            while chain[-1] in below and below[chain[-1]] not in seen:
                chain.append(below[chain[-1]])
                seen.add(chain[-1])
            found.append((chain, _upright(*_bounds(boxes[chain]))))
    return found


def _is_level(quad: Quad) -> bool:
    return bool(abs(quad[0][1] - quad[1][1]) < 0.02 * abs(quad[1][0] - quad[0][0]) + 0.5)


def overlooked(ink: Ink, quads: Sequence[Quad], width: int, height: int) -> list[Quad]:
    """Components that look like characters and that no quad covers: the recogniser may know them.

    Those that stand side by side make one quad. Hatching and the like are left out: a character has no crowd
    of its own kind around it.
    """
    if ink.height is None or not len(ink.boxes):
        return []
    boxes = ink.boxes.astype(np.float32)
    extents = boxes[:, 2:] - boxes[:, :2]
    longer, shorter = extents.max(axis=1), extents.min(axis=1)
    alike = (longer >= 0.7 * ink.height) & (longer <= 5 * ink.height) & (extents[:, 1] >= 0.7 * ink.height)
    alike &= (extents[:, 0] <= 1.4 * extents[:, 1]) & (shorter >= 2)
    known = np.zeros((height // 8 + 2, width // 8 + 2), np.uint8)
    for quad in quads:
        cv2.fillPoly(known, [np.round(quad / 8).astype(np.int32)], (1,))
    known = np.asarray(cv2.dilate(known, np.ones((3, 3), np.uint8)), np.uint8)
    middles = ((boxes[:, :2] + boxes[:, 2:]) // 16).astype(int)
    alike &= known[middles[:, 1], middles[:, 0]] == 0
    order = np.argsort(boxes[:, 0])
    boxes, longer, alike = boxes[order], longer[order], alike[order]
    widest = float(extents[:, 0].max())
    found = []
    for group in _side_by_side(boxes[alike])[:MOST_OVERLOOKED]:
        left, top, right, bottom = _bounds(group)
        size = bottom - top
        reach = 0.6 * size
        first, past = np.searchsorted(boxes[:, 0], (left - reach - widest, right + reach))
        others = boxes[first:past]
        near = (
            (others[:, 2] > left - reach)
            & (others[:, 1] < bottom + reach)
            & (others[:, 3] > top - reach)
            & (longer[first:past] >= 0.4 * size)
        )
        if int(near.sum()) <= len(group) + 2:
            found.append(_upright(left, top, right, bottom))
    return found


def _side_by_side(boxes: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Group boxes (N x 4) that follow each other on one row, as the letters of a word do."""
    groups: list[list[NDArray[np.float32]]] = []
    # By height on the page, the group that was last added to.
    latest: dict[int, list[NDArray[np.float32]]] = {}
    for box in boxes[np.argsort(boxes[:, 0])]:
        high = box[3] - box[1]
        row = int(box[1] + box[3]) // (2 * ROW)
        reach = int(0.3 * high) // ROW + 1
        for near in range(row - reach, row + reach + 1):
            last = latest[near][-1] if near in latest else None
            if last is None:
                continue
            shared = min(box[3], last[3]) - max(box[1], last[1])
            if shared >= 0.7 * max(high, last[3] - last[1]) and -0.2 * high <= box[0] - last[2] <= 0.6 * high:
                group = latest[near]
                break
        else:
            group = []
            groups.append(group)
        group.append(box)
        latest[row] = group
    return [np.array(group) for group in groups]
