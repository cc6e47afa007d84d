"""Where a page bears ink that could be text: what the networks need to look at, and at which scale.

A drawing is mostly paper, and most of its ink is lines. Long straight lines are taken away, what is left is
grouped into connected components, and only cells of the page that hold a component of a glyph's size are
shown to the detection network: 8 to 30 % of a real sheet. Everything works on a map of half the resolution.

Coordinates are page pixels, x to the right, y down.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Page = NDArray[np.uint8]
"""H x W grey or H x W x 3 BGR."""

Box = tuple[int, int, int, int]
"""Left, top, right, bottom."""

HALF = 2
CELL = 32
# A pixel is ink when it differs from the paper beside it by this much, at least. A scanner's grain and the
# ringing of JPEG stay below; on a page with more noise the threshold is a multiple of what is measured.
INK_CONTRAST = 16
NOISE_FACTOR = 6.0
# On a page that bears nothing stronger, ink may be as faint as this.
FAINTEST = 3
# Below this range from paper to ink a page counts as faded, and is stretched.
FULL_CONTRAST = 120
# A straight run this long is a line, not the stroke of a letter (10 mm at 300 dpi).
LINE = 128
# Sides of a component that may be (part of) a glyph; specks and dashes are not.
SMALLEST = 6
LARGEST = 200
DASH_ASPECT = 8
DASH_WIDTH = 6
# Cells that are shown again on both sides of a cut through ink.
SEEN_TWICE = 3
# Components that are likely whole characters, for the estimate of the size of text.
LETTER_ASPECT = 4.0


@dataclass(frozen=True)
class Ink:
    """What a page bears.

    Attributes:
        cells: H/32 x W/32, True where the detection network must look (with a margin of one cell).
        boxes: N x 4 (left, top, right, bottom): components that could be characters.
        any: False for a page that shows nothing but paper.
        height: the usual height of small text in pixels, None where nothing looks like text.
    """

    cells: NDArray[np.bool_]
    boxes: NDArray[np.int32]
    any: bool
    height: float | None


@dataclass(frozen=True)
class Paper:
    """The paper of a page: its level per channel, whether ink is brighter, and how far ink is from it."""

    level: tuple[int, ...]
    inverted: bool
    contrast: float


def paper(page: Page) -> Paper:
    """Look at every fourth row and column for the commonest value and the range of ink."""
    sample = np.ascontiguousarray(page[::4, ::4])
    width = sample.shape[1]
    levels = _levels(sample)
    difference = _from_paper(sample, CELL // 4)
    # Grain is what neighbours differ by; shading does not count. Taken for ink it would be stretched to ink.
    grain = 1.4826 * float(np.median(np.abs(np.diff(sample.astype(np.int16), axis=1)))) if width > 1 else 0.0
    noise = NOISE_FACTOR * grain / math.sqrt(2)
    inked = difference[difference > max(INK_CONTRAST // 2, noise)]
    if not len(inked):
        inked = difference[difference > max(FAINTEST, noise)]
    contrast = float(np.percentile(inked, 90)) if len(inked) else 0.0
    return Paper(levels, inverted=sum(levels) < 128 * len(levels), contrast=contrast)


def normalise(page: Page, seen: Paper) -> None:
    """Make a page dark on light and give a faded one its full range, in place."""
    level = float(np.mean(seen.level))
    if seen.inverted:
        cv2.bitwise_not(page, dst=page)
        level = 255 - level
    if 0 < seen.contrast < FULL_CONTRAST:
        ramp = np.clip((np.arange(256) - level) * (200 / seen.contrast) + 255, 0, 255).astype(np.uint8)
        cv2.LUT(page, ramp, dst=page)


def find(page: Page) -> Ink:
    """Find what could be text on a normalised page."""
    height, width = page.shape[:2]
    small = (max(1, width // HALF), max(1, height // HALF))
    half = np.asarray(cv2.resize(page, small, interpolation=cv2.INTER_AREA), np.uint8)
    ink = _ink_map(half)
    anything = int(np.count_nonzero(ink)) >= 2
    length = LINE // HALF
    across = cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones((1, length), np.uint8))
    along = cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones((length, 1), np.uint8))
    lines = cv2.dilate(cv2.bitwise_or(across, along), np.ones((3, 3), np.uint8))
    rest = cv2.bitwise_and(ink, cv2.bitwise_not(lines * 255))
    del across, along, lines
    _, labels, stats, _ = cv2.connectedComponentsWithStats(rest, connectivity=8)
    boxes = stats[:, :4].astype(np.int32) * HALF
    sides = boxes[:, 2:4].copy()
    longer, shorter = sides.max(axis=1), sides.min(axis=1)
    kept = (longer >= SMALLEST) & ~((longer >= DASH_ASPECT * shorter) & (shorter <= DASH_WIDTH))
    kept[0] = False
    # Dashes count when something of a glyph's size stands beside them: they may be an I, a 1 or a minus.
    where = kept.astype(np.uint8)[labels]
    cells = _cells(where, height, width)
    rim = np.ones((3, 3), np.uint8)
    # One cell more on all sides: text that touches lines, and what the network needs to see around text.
    grown = cv2.dilate(cells, rim).astype(bool)
    boxes[:, 2:4] += boxes[:, :2]
    glyphs = (longer >= SMALLEST) & (longer <= LARGEST)
    glyphs[0] = False
    return Ink(grown, boxes[glyphs], anything, _text_height(sides[kept & (longer <= LARGEST)]))


def height_in(ink: Ink, left: int, top: int, right: int, bottom: int) -> float | None:
    """Height of the smaller texts in a rectangle; None where too little looks like text."""
    boxes = ink.boxes
    inside = (boxes[:, 0] >= left) & (boxes[:, 1] >= top) & (boxes[:, 2] <= right) & (boxes[:, 3] <= bottom)
    return _text_height(boxes[inside][:, 2:] - boxes[inside][:, :2])


def areas(cells: NDArray[np.bool_]) -> list[Box]:
    """Rectangles that together cover all True cells: the leaves of a recursive X-Y cut (Nagy, 1984).

    Args:
        cells: rows x columns.

    Returns:
        (left, top, right, bottom) in cells.
    """
    return _leaves(cells, (0, 0, cells.shape[1], cells.shape[0]))


def _leaves(cells: NDArray[np.bool_], box: Box) -> list[Box]:
    left, top, right, bottom = box
    part = cells[top:bottom, left:right]
    rows, columns = np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))
    if not len(rows):
        return []
    down, across = runs(rows), runs(columns)
    whole = (left + across[0][0], top + down[0][0], left + across[-1][1], top + down[-1][1])
    if len(down) > 1 or len(across) > 1:
        if len(down) >= len(across):
            pieces = [(left, top + first, right, top + past) for first, past in down]
        else:
            pieces = [(left + first, top, left + past, bottom) for first, past in across]
    else:
        tight = cells[whole[1] : whole[3], whole[0] : whole[2]]
        if tight.mean() >= 0.5 or tight.size <= 16:
            return [whole]
        pieces = _halves(whole, tight)
    leaves = [leaf for piece in pieces for leaf in _leaves(cells, piece)]
    return leaves if sum(map(_shown, leaves)) < _shown(whole) else [whole]


def _shown(box: Box) -> int:
    """Cells that the network is shown for a leaf: also what lies around it."""
    return (box[2] - box[0] + SEEN_TWICE) * (box[3] - box[1] + SEEN_TWICE)


def _halves(box: Box, tight: NDArray[np.bool_]) -> list[Box]:
    """Cut a sparse rectangle where its halves' bounding boxes are smallest."""
    left, top, right, bottom = box
    best, cut = tight.size + 1, (0, 0)
    for axis in (0, 1):
        lines = tight if axis == 0 else tight.T
        for at in range(1, len(lines)):
            cost = _bounding(lines[:at]) + _bounding(lines[at:])
            if cost < best:
                best, cut = cost, (axis, at)
    axis, at = cut
    if axis == 0:
        return [(left, top, right, top + at), (left, top + at, right, bottom)]
    return [(left, top, left + at, bottom), (left + at, top, right, bottom)]


def _bounding(part: NDArray[np.bool_]) -> int:
    rows, columns = np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))
    return int((rows[-1] + 1 - rows[0]) * (columns[-1] + 1 - columns[0])) if len(rows) else 0


def runs(indices: NDArray[np.intp]) -> list[tuple[int, int]]:
    """Half-open runs of consecutive numbers."""
    cuts = np.flatnonzero(np.diff(indices) > 1)
    first = [int(indices[0]), *(int(indices[cut + 1]) for cut in cuts)]
    last = [*(int(indices[cut]) for cut in cuts), int(indices[-1])]
    return [(a, b + 1) for a, b in zip(first, last, strict=True)]


def _levels(picture: Page) -> tuple[int, ...]:
    """The commonest value of every channel."""
    channels = picture.reshape(-1, 1) if picture.ndim == 2 else picture.reshape(-1, 3)
    return tuple(int(np.bincount(channels[:, c], minlength=256).argmax()) for c in range(channels.shape[1]))


def _from_paper(picture: Page, cell: int) -> NDArray[np.uint8]:
    """How far every pixel is from the paper around it, in the channel where it is farthest.

    Args:
        picture: a page, shrunk.
        cell: what `CELL` is on it.
    """
    height, width = picture.shape[:2]
    small = (max(1, width // cell), max(1, height // cell))
    levels = _levels(picture)
    part = max(1, cell // 4)
    fine = (max(1, width // part), max(1, height // part))
    extreme = cv2.dilate if sum(levels) >= 128 * len(levels) else cv2.erode
    light = extreme(cv2.resize(picture, fine, interpolation=cv2.INTER_AREA), np.ones((5, 5), np.uint8))
    coarse = np.asarray(cv2.resize(light, small, interpolation=cv2.INTER_AREA), np.uint8)
    uneven = np.abs(coarse.astype(np.int16) - np.array(levels, np.int16)).reshape(*coarse.shape[:2], -1)
    if float(np.median(uneven.max(axis=2))) > 4:
        # A scan: paper is what most of the neighbourhood is like. A margin keeps the frame out of it.
        padded = cv2.copyMakeBorder(coarse, 8, 8, 8, 8, cv2.BORDER_REPLICATE)
        smooth = cv2.medianBlur(padded, 15)[8:-8, 8:-8]
        background = cv2.resize(smooth, (width, height), interpolation=cv2.INTER_LINEAR)
    else:
        background = np.empty_like(picture)
        background[:] = levels if picture.ndim == 3 else levels[0]
    difference = cv2.absdiff(picture, np.asarray(background, np.uint8))
    return np.asarray(difference.max(axis=2) if difference.ndim == 3 else difference, np.uint8)


def _ink_map(half: Page) -> NDArray[np.uint8]:
    """1 where a pixel differs from the paper around it."""
    difference = _from_paper(half, CELL // HALF)
    sample = difference[::4, ::4]
    noise = float(np.median(sample)) * 1.4826
    threshold = max(float(INK_CONTRAST), NOISE_FACTOR * noise)
    return np.asarray(cv2.threshold(difference, threshold, 1, cv2.THRESH_BINARY)[1], np.uint8)


def _cells(where: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    rows, columns, side = -(-height // CELL), -(-width // CELL), CELL // HALF
    whole = cv2.copyMakeBorder(
        where,
        0,
        max(0, rows * side - where.shape[0]),
        0,
        max(0, columns * side - where.shape[1]),
        cv2.BORDER_CONSTANT,
        value=(0,),
    )[: rows * side, : columns * side]
    return np.asarray(whole.reshape(rows, side, columns, side).max(axis=(1, 3)), np.uint8)


def _text_height(sides: NDArray[np.int32]) -> float | None:
    """Height of the smaller texts: the lower quartile of components that have the shape of letters."""
    longer, shorter = sides.max(axis=1), sides.min(axis=1)
    letters: Sequence[int] = longer[
        (longer >= SMALLEST + 2) & (longer <= LETTER_ASPECT * np.maximum(shorter, 1))
    ]
    return float(np.percentile(letters, 25)) if len(letters) >= 3 else None
