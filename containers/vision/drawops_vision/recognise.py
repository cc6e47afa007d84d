"""What a piece of text says: crops, CTC recognition, and which way the text reads.

Coordinates are page pixels, x to the right, y down; quads are clockwise.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from drawops_vision.artifact import Model
from drawops_vision.detect import session

# A crop this much taller than wide is read in both quarter turns, and the surer reading is kept.
TALL = 1.5
# Lines are widened to a multiple of this, so that those in one batch need little padding.
BUCKET = 32
BATCH_LINES = 16
# Columns a batch may have in all: the output has one probability per 8 columns and class (18,710 of them),
# which for 16 lines of 2000 px would be 300 MB, and activations on top.
BATCH_COLUMNS = 16 * 320
# Crops are at most this large (pixels), far above what the network sees: a huge box must not cost memory.
MAX_CROP_HEIGHT = 512
MAX_CROP_SIDE = 8000


@dataclass(frozen=True)
class Recognised:
    """One string. `quad` (4 x 2) starts at the text's own top-left."""

    quad: NDArray[np.float32]
    text: str
    confidence: float


def crop(page: NDArray[np.uint8], quad: NDArray[np.float32], padding: float) -> NDArray[np.uint8]:
    """Cut a quad out of a page and make it upright; beyond the page its border is repeated.

    Args:
        page: H x W or H x W x 3.
        quad: 4 x 2, clockwise, a rectangle at any angle.
        padding: added on all sides, as a fraction of the quad's shorter side.
    """
    right, down = quad[1] - quad[0], quad[3] - quad[0]
    width, height = float(np.hypot(*right)), float(np.hypot(*down))
    if width == 0 or height == 0:
        return np.full((1, 1), 255, np.uint8)
    pad = padding * min(width, height)
    right, down = right / width * pad, down / height * pad
    corners = quad + np.array([-right - down, right - down, right + down, down - right])
    shrink = min(1.0, MAX_CROP_SIDE / max(width, height), MAX_CROP_HEIGHT / min(width, height))
    out_width = max(2, int((width + 2 * pad) * shrink))
    out_height = max(2, int((height + 2 * pad) * shrink))
    # Warping only the part that is needed: OpenCV refuses sources of 32,767 px and more.
    page_height, page_width = page.shape[:2]
    low = np.clip(np.floor(corners.min(axis=0)).astype(int) - 2, 0, (page_width - 1, page_height - 1))
    high = np.clip(np.ceil(corners.max(axis=0)).astype(int) + 3, 1, (page_width, page_height))
    part = page[low[1] : high[1], low[0] : high[0]]
    target = np.array([[0, 0], [out_width, 0], [out_width, out_height], [0, out_height]], np.float32)
    transform = cv2.getPerspectiveTransform((corners - low).astype(np.float32), target)
    return np.asarray(
        cv2.warpPerspective(
            part, transform, (out_width, out_height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        ),
        np.uint8,
    )


def decode(probabilities: NDArray[np.float32], classes: list[str]) -> tuple[str, float]:
    """Best-path CTC decoding (Graves et al., 2006): merge repeats, drop blanks.

    Args:
        probabilities: steps x classes.
        classes: the character of every class; class 0 is the blank.

    Returns:
        The string and the mean probability of its characters (0 for an empty string).
    """
    best = probabilities.argmax(axis=1)
    changed = np.concatenate(([True], best[1:] != best[:-1]))
    kept = np.flatnonzero(changed & (best != 0))
    if not len(kept):
        return "", 0.0
    return "".join(classes[best[i]] for i in kept), float(probabilities[kept, best[kept]].mean())


class Recogniser:
    """The recognition network of a model."""

    def __init__(self, model: Model, threads: int = 0) -> None:
        self._preprocessing = model.manifest.preprocessing
        self._confidence = model.manifest.thresholds.confidence
        self._classes = model.classes
        self._session = session(str(model.recognition), threads, arena=False)
        self._input = self._session.get_inputs()[0].name

    def warm_up(self) -> None:
        """Run once on an empty line, so that the first real one does not pay for it."""
        self.lines([np.full((48, 320), 255, np.uint8)])

    def lines(
        self, images: list[NDArray[np.uint8]], check: Callable[[], None] = lambda: None
    ) -> list[tuple[str, float]]:
        """Recognise upright line images (H x W grey or H x W x 3 BGR): string and confidence of each.

        `check` is called before every batch and may raise to give up.
        """
        height = self._preprocessing.recognition_height
        limit = self._preprocessing.recognition_max_width
        widths = [min(limit, max(4, math.ceil(height * image.shape[1] / image.shape[0]))) for image in images]
        order = sorted(range(len(images)), key=lambda index: widths[index])
        answers: list[tuple[str, float]] = [("", 0.0)] * len(images)
        while order:
            check()
            batch: list[int] = []
            columns = 0
            while order and len(batch) < BATCH_LINES:
                wide = -(-widths[order[0]] // BUCKET) * BUCKET
                if batch and wide * (len(batch) + 1) > BATCH_COLUMNS:
                    break
                batch.append(order.pop(0))
                columns = wide
            # Zero is mid-grey after scaling to [-1, 1]: the padding the network was trained with.
            blob = np.zeros((len(batch), 3, height, columns), np.float32)
            for row, index in enumerate(batch):
                image = images[index]
                colour = image if image.ndim == 3 else cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
                line = cv2.resize(colour, (widths[index], height))
                blob[row, :, :, : widths[index]] = line.transpose(2, 0, 1) / 127.5 - 1
            outputs = self._session.run(None, {self._input: blob})[0]
            for row, index in enumerate(batch):
                answers[index] = decode(outputs[row], self._classes)
        return answers

    def quads(
        self,
        page: NDArray[np.uint8],
        quads: NDArray[np.float32],
        check: Callable[[], None] = lambda: None,
    ) -> list[Recognised]:
        """Read the quads (N x 4 x 2, as `Detector.quads` gives them) of a page.

        Empty and doubtful strings (below the model's confidence threshold) are left out.
        """
        images: list[NDArray[np.uint8]] = []
        owners: list[tuple[int, int]] = []  # index of the quad; which of its corners is the text's first
        for index, quad in enumerate(quads):
            image = crop(page, quad, self._preprocessing.crop_padding)
            if image.shape[0] >= TALL * image.shape[1]:
                images.append(np.ascontiguousarray(np.rot90(image, -1)))  # reads bottom to top
                owners.append((index, 3))
                images.append(np.ascontiguousarray(np.rot90(image, 1)))  # reads top to bottom
                owners.append((index, 1))
            else:
                images.append(image)
                owners.append((index, 0))
        best: dict[int, Recognised] = {}
        for (index, first), (text, confidence) in zip(owners, self.lines(images, check), strict=True):
            if index not in best or confidence > best[index].confidence:
                quad = np.roll(quads[index], -first, axis=0)
                best[index] = Recognised(quad, text.strip(), confidence)
        return [one for one in best.values() if one.text and one.confidence >= self._confidence]
