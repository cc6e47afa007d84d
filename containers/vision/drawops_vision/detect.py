"""Where text stands on a page: DB text detection on the inked parts, stitched and post-processed once.

The stitched thing is the probability map, not the boxes: text that crosses a seam is then one piece by
itself, and no boxes need merging. Post-processing follows DB (Liao et al., 2020, arXiv:1911.08947) as
PaddleOCR does it, save that boxes stay tight (`Thresholds.unclip`).

The network sees text at the size it needs (`TEXT_HEIGHT`), which on most sheets is about half of the page's
resolution, and only the parts that `ink.find` names, packed on canvases. The page itself is never shrunk as
a whole: parts are, one by one.

Coordinates are page pixels, x to the right, y down; map pixels are page pixels times `Found.scale`.
"""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import onnxruntime  # type: ignore[import-untyped]
from numpy.typing import NDArray

from drawops_vision import ink as inked
from drawops_vision.artifact import Model
from drawops_vision.ink import CELL, SEEN_TWICE, Ink, Page
from drawops_vision.packing import pack, split

# The smaller texts of a page are shown to the network at this height in pixels; more costs time and finds
# nothing more (docs/reading.md). Text ten times as high is still found.
TEXT_HEIGHT = 14.0
SMALLEST_SCALE = 0.4
LARGEST_SCALE = 2.0
# Page pixels around a part that the network sees, but does not answer for: where ink goes on, and elsewhere.
CONTEXT = SEEN_TWICE * CELL
MARGIN = 16
# Boxes that stand within this angle of the page's axes are taken to be exactly upright.
SNAP_DEGREES = 3.0
MIN_SIDE_BEFORE_UNCLIP = 2.0
MIN_SIDE = 3.5


@dataclass(frozen=True)
class Area:
    """A rectangle in pixels: left, top, right, bottom."""

    left: int
    top: int
    right: int
    bottom: int

    def times(self, scale: float) -> "Area":
        """The rectangle on a map of another scale."""
        return Area(*(round(side * scale) for side in (self.left, self.top, self.right, self.bottom)))


@dataclass(frozen=True)
class _Part:
    """`core` is answered for, `seen` is shown to the network as a picture of `size` (width, height)."""

    core: Area
    seen: Area
    size: tuple[int, int]


@dataclass(frozen=True)
class Found:
    """What the detection network says of a page.

    Attributes:
        probability: map of text, uint8 (0-255 for 0-1); its size is the page's times `scale`.
        scale: map pixels per page pixel.
        parts: what was looked at.
    """

    probability: NDArray[np.uint8]
    scale: float
    parts: list[Area]


def scale_for(height: float | None) -> float:
    """At which scale the network sees a page whose smaller texts are `height` pixels high."""
    if height is None:
        return 1.0
    return min(LARGEST_SCALE, max(SMALLEST_SCALE, TEXT_HEIGHT / height))


def session(model: str, threads: int, arena: bool) -> onnxruntime.InferenceSession:
    """Open a network, on the GPU where the installed ONNX Runtime has one.

    Args:
        model: path of the ONNX file.
        threads: 0 leaves the number to ONNX Runtime (one a core).
        arena: keep activations between runs. That saves a quarter of the time where all inputs have one size
            (tiles: 0.74 instead of 1.01 CPU s) and nothing where they differ, when it only grows (lines: to
            2.1 GB).
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.enable_cpu_mem_arena = arena
    wanted = ("CUDAExecutionProvider", "CPUExecutionProvider")
    offered = onnxruntime.get_available_providers()
    return onnxruntime.InferenceSession(model, options, providers=[p for p in wanted if p in offered])


class Detector:
    """The detection network of a model with its post-processing."""

    def __init__(self, model: Model, threads: int = 0) -> None:
        self._preprocessing = model.manifest.preprocessing
        self._thresholds = model.manifest.thresholds
        self._session = session(str(model.detection), threads, arena=True)
        self._input = self._session.get_inputs()[0].name
        mean = np.array(self._preprocessing.detection_mean, np.float32)
        std = np.array(self._preprocessing.detection_std, np.float32)
        self._factor = (1 / (255 * std)).astype(np.float32)
        self._offset = (-mean / std).astype(np.float32)

    def warm_up(self) -> None:
        """Run once on an empty tile, so that the first real one does not pay for it."""
        size = self._preprocessing.tile_size
        self.tile_probability(np.full((size, size), 255, np.uint8))
        self.release()

    def tile_probability(self, tile: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Probability of text at every pixel, 0-255 for 0-1. `tile`: H x W grey or H x W x 3 BGR."""
        height, width = tile.shape[:2]
        # The network halves its input five times.
        padded = cv2.copyMakeBorder(tile, 0, -height % 32, 0, -width % 32, cv2.BORDER_REPLICATE)
        if padded.ndim == 2:
            padded = cv2.cvtColor(padded, cv2.COLOR_GRAY2BGR)
        blob = np.empty((1, 3, *padded.shape[:2]), np.float32)
        for channel in range(3):
            np.multiply(padded[:, :, channel], self._factor[channel], out=blob[0, channel])
            blob[0, channel] += self._offset[channel]
        probability = self._session.run(None, {self._input: blob})[0][0, 0, :height, :width]
        return np.asarray(probability * 255, np.uint8)

    def release(self) -> None:
        """Give back the memory that ONNX Runtime keeps for the next tile (0.4 GB)."""
        options = onnxruntime.RunOptions()
        options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        self._session.run(None, {self._input: np.zeros((1, 3, 32, 32), np.float32)}, options)

    def look(self, page: Page, ink: Ink, check: Callable[[], None] = lambda: None) -> Found:
        """Ask the network about all inked parts of a normalised page.

        `check` is called before every canvas and may raise to give up.
        """
        height, width = page.shape[:2]
        scale = scale_for(ink.height)
        side = self._preprocessing.tile_size
        # Zeroed memory is not touched until written to: blank areas of a large sheet cost nothing.
        stitched = np.zeros((math.ceil(height * scale), math.ceil(width * scale)), np.uint8)
        parts = list(_parts(ink, width, height, side, scale))
        places, canvases = pack([part.size for part in parts], side)
        for number, (right, bottom) in enumerate(canvases):
            check()
            canvas = np.full((bottom, right, *page.shape[2:]), 255, np.uint8)
            members = [(part, at) for part, at in zip(parts, places, strict=True) if at.canvas == number]
            for part, at in members:
                seen = part.seen
                wide, high = part.size
                canvas[at.y : at.y + high, at.x : at.x + wide] = _resized(
                    page[seen.top : seen.bottom, seen.left : seen.right], wide, high
                )
            answer = self.tile_probability(canvas)
            for part, at in members:
                wide, high = part.size
                seen, core = part.seen.times(scale), part.core.times(scale)
                local = _resized(
                    answer[at.y : at.y + high, at.x : at.x + wide],
                    seen.right - seen.left,
                    seen.bottom - seen.top,
                )
                stitched[core.top : core.bottom, core.left : core.right] = local[
                    core.top - seen.top : core.bottom - seen.top,
                    core.left - seen.left : core.right - seen.left,
                ]
        self.release()
        return Found(stitched, scale, [part.seen for part in parts])

    def quads(self, probability: NDArray[np.uint8], scale: float = 1.0) -> NDArray[np.float32]:
        """Boxes of text in a probability map (H x W, uint8; see `Found`): N x 4 x 2 page pixels.

        A quad is clockwise and starts at the corner that is top-left when the page is turned by at most
        45 degrees to make the box upright. Which way the text reads inside is for the recogniser to say.
        """
        thresholds = self._thresholds
        level = math.ceil(thresholds.pixel * 255) - 1
        binary = cv2.threshold(probability, level, 1, cv2.THRESH_BINARY)[1]
        cv2.dilate(binary, np.ones((2, 2), np.uint8), dst=binary)
        contours, _ = cv2.findContours(binary, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
        del binary
        found = []
        for contour in contours:
            box = cv2.minAreaRect(contour)
            (_, _), (a, b), _ = box
            if min(a, b) < MIN_SIDE_BEFORE_UNCLIP or _mean_in(probability, box) < thresholds.box:
                continue
            # DB grows a shrunk kernel by area * ratio / perimeter; for a rectangle all sides move out.
            growth = 2 * a * b * thresholds.unclip / (2 * (a + b))
            if min(a, b) + growth < MIN_SIDE:
                continue
            found.append(_upright_corners(box, growth))
        return np.array(found, np.float32).reshape(-1, 4, 2) / np.float32(scale)


def _parts(ink: Ink, width: int, height: int, side: int, page_scale: float) -> Iterator[_Part]:
    """Partition the inked cells into pictures of at most `side` pixels, each at the scale its text needs."""
    for left, top, right, bottom in inked.areas(ink.cells):
        x0, y0, x1, y1 = left * CELL, top * CELL, min(width, right * CELL), min(height, bottom * CELL)
        local = inked.height_in(ink, x0, y0, x1, y1)
        scale = page_scale if local is None else scale_for(local)
        largest = int((side - 2) / scale) - 2 * CONTEXT
        rows, columns = split(y1 - y0, largest), split(x1 - x0, largest)
        for (up, down), (start, stop) in itertools.product(rows, columns):
            core = Area(x0 + start, y0 + up, x0 + stop, y0 + down)
            seen = _with_context(core, ink.cells, width, height)
            size = (
                max(1, round((seen.right - seen.left) * scale)),
                max(1, round((seen.bottom - seen.top) * scale)),
            )
            yield _Part(core, seen, size)


def _with_context(core: Area, cells: NDArray[np.bool_], width: int, height: int) -> Area:
    """Grow an area: a lot where ink goes on beyond its border, a little elsewhere."""

    def ink_at(rows: slice, columns: slice) -> bool:
        return bool(cells[rows, columns].any())

    left, top, right, bottom = (
        core.left // CELL,
        core.top // CELL,
        -(-core.right // CELL),
        -(-core.bottom // CELL),
    )
    rows, columns = slice(top, bottom), slice(left, right)
    beyond = (
        (left > 0 and ink_at(rows, slice(left - 1, left))) or core.left % CELL > 0,
        (top > 0 and ink_at(slice(top - 1, top), columns)) or core.top % CELL > 0,
        ink_at(rows, slice(right, right + 1)) or core.right % CELL > 0,
        ink_at(slice(bottom, bottom + 1), columns) or core.bottom % CELL > 0,
    )
    by = [CONTEXT if one else MARGIN for one in beyond]
    return Area(
        max(0, core.left - by[0]),
        max(0, core.top - by[1]),
        min(width, core.right + by[2]),
        min(height, core.bottom + by[3]),
    )


def _resized(part: Page, width: int, height: int) -> Page:
    if (width, height) == (part.shape[1], part.shape[0]):
        return part
    method = cv2.INTER_AREA if width < part.shape[1] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(part, (width, height), interpolation=method), np.uint8)


Box = tuple[Sequence[float], Sequence[float], float]  # cv2.RotatedRect: centre, size, degrees


def _mean_in(probability: NDArray[np.uint8], box: Box) -> float:
    """Mean probability (0-1) inside a rotated box."""
    corners = cv2.boxPoints(box)
    height, width = probability.shape
    left, top = np.clip(np.floor(corners.min(axis=0)).astype(int), 0, (width - 1, height - 1))
    right, bottom = np.clip(np.ceil(corners.max(axis=0)).astype(int) + 1, 1, (width, height))
    mask = np.zeros((bottom - top, right - left), np.uint8)
    cv2.fillPoly(mask, [(corners - (left, top)).astype(np.int32)], (1,))
    return float(cv2.mean(probability[top:bottom, left:right], mask)[0]) / 255


def _upright_corners(box: Box, growth: float) -> NDArray[np.float32]:
    """Corners of a box that is grown by `growth` in width and height; see `Detector.quads` for the order."""
    centre, (width, height), degrees = box
    turns = round(degrees / 90)
    degrees -= 90 * turns
    if turns % 2:
        width, height = height, width
    width, height = width + growth, height + growth
    drift = max(width, height) * math.sin(math.radians(abs(degrees)))
    if abs(degrees) < SNAP_DEGREES and drift < 0.3 * min(width, height):
        radians = math.radians(abs(degrees))
        cosine, sine = math.cos(radians), math.sin(radians)
        width, height = width * cosine + height * sine, width * sine + height * cosine
        degrees = 0.0
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    right = np.array([cosine, sine]) * width / 2
    down = np.array([-sine, cosine]) * height / 2
    middle = np.array(centre)
    corners = [middle - right - down, middle + right - down, middle + right + down, middle - right + down]
    return np.array(corners, np.float32)
