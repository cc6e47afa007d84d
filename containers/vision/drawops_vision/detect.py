"""Where text stands on a page: DB text detection on tiles, stitched and post-processed once.

The stitched thing is the probability map, not the boxes: text that crosses a seam is then one piece by
itself, and no boxes need merging. Post-processing follows DB (Liao et al., 2020, arXiv:1911.08947) as
PaddleOCR does it, save that boxes stay tight (`Thresholds.unclip`) and every map is at native resolution.

Coordinates are page pixels, x to the right, y down.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import onnxruntime  # type: ignore[import-untyped]
from numpy.typing import NDArray

from drawops_vision.artifact import Model
from drawops_vision.tiling import TileArea, tiles

# A pixel counts as ink when it differs from the tile's commonest value by more than this. Smaller
# differences are the noise of a scanner or of JPEG.
INK_CONTRAST = 24
# The smallest thing worth reading, a full stop of 2x2 px, has four ink pixels; a dead pixel has one.
INK_PIXELS = 4
# Boxes that stand within this angle of the page's axes are taken to be exactly upright.
SNAP_DEGREES = 3.0
MIN_SIDE_BEFORE_UNCLIP = 3.0
MIN_SIDE = 5.0


@dataclass(frozen=True)
class TileSeen:
    """A tile that was looked at; blank ones were not sent to the network."""

    area: TileArea
    blank: bool


def is_blank(tile: NDArray[np.uint8]) -> bool:
    """True when a tile (H x W or H x W x 3) shows nothing but paper."""
    channels = 1 if tile.ndim == 2 else tile.shape[2]
    for channel in range(channels):
        histogram = cv2.calcHist([tile], [channel], None, [256], [0, 256]).ravel()
        paper = int(histogram.argmax())
        near = histogram[max(0, paper - INK_CONTRAST) : paper + INK_CONTRAST + 1].sum()
        if histogram.sum() - near >= INK_PIXELS:
            return False
    return True


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

    def page_probability(
        self, page: NDArray[np.uint8], check: Callable[[], None] = lambda: None
    ) -> tuple[NDArray[np.uint8], list[TileSeen]]:
        """Stitch the tiles' maps into one of the page's size (H x W, uint8); also say what was looked at.

        `check` is called before every tile and may raise to give up.
        """
        height, width = page.shape[:2]
        # Zeroed memory is not touched until written to: blank areas of a large sheet cost nothing.
        stitched = np.zeros((height, width), np.uint8)
        seen = []
        size, margin = self._preprocessing.tile_size, self._preprocessing.tile_margin
        for area in tiles(width, height, size, margin):
            check()
            x, y = area.x, area.y
            tile = page[y.start : y.stop, x.start : x.stop]
            blank = is_blank(tile)
            seen.append(TileSeen(area, blank))
            if blank:
                continue
            inner_y = slice(y.core_start - y.start, y.core_stop - y.start)
            inner_x = slice(x.core_start - x.start, x.core_stop - x.start)
            stitched[y.core_start : y.core_stop, x.core_start : x.core_stop] = self.tile_probability(tile)[
                inner_y, inner_x
            ]
        self.release()
        return stitched, seen

    def quads(self, probability: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Boxes of text in a probability map (H x W, uint8): N x 4 x 2.

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
        return np.array(found, np.float32).reshape(-1, 4, 2)


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
    if abs(degrees) < SNAP_DEGREES:
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
