"""Draw a reading over the page it was read from."""

import cv2
import numpy as np
from drawops.contracts.reading import Page, Text, TextSource
from numpy.typing import NDArray

from drawops_vision.rasterise import render_page

__all__ = ["overlay", "render_page"]

MAX_WIDTH = 4000  # pixels
Colour = tuple[int, int, int]  # blue, green, red
TEXT_LAYER: Colour = (200, 90, 0)
# Confidence from which a colour is used.
LEVELS: tuple[tuple[float, Colour, str], ...] = (
    (0.95, (60, 150, 0), "sure, from 0.95"),
    (0.80, (0, 140, 255), "check, from 0.80"),
    (0.0, (40, 40, 230), "doubtful"),
)
LABEL_SIZES = (12, 28)  # smallest and largest letters beside a text, in pixels
INK = 200  # a label goes only where everything is lighter than this
FONT = cv2.FontFace("sans")


def overlay(page_image: NDArray[np.uint8], page: Page) -> bytes:
    """Draw every text's quad, coloured by confidence, and its string beside it where there is room.

    Args:
        page_image: H x W or H x W x 3 (BGR), as `render_page` gives it.
        page: the reading of these pixels.

    Returns:
        A PNG, at most 4000 pixels wide.

    Raises:
        ValueError: the image does not have the size of the page that was read.
    """
    height, width = page_image.shape[:2]
    if (width, height) != (page.width, page.height):
        raise ValueError(f"the image has {width} x {height} pixels, the page {page.width} x {page.height}")
    scale = min(1.0, MAX_WIDTH / width)
    small = page_image
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        small = np.asarray(cv2.resize(page_image, size, interpolation=cv2.INTER_AREA), np.uint8)
    grey = small if small.ndim == 2 else np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.uint8)
    canvas = np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), np.uint8)
    # The drawing steps back, so that the quads stand out.
    canvas = np.asarray(cv2.addWeighted(canvas, 0.55, np.full_like(canvas, 255), 0.45, 0), np.uint8)
    taken = np.asarray(grey < INK, np.uint8)
    quads = [np.asarray(text.quad, np.float64) * scale for text in page.texts]
    for quad in quads:
        cv2.fillPoly(taken, [np.round(quad).astype(np.int32)], (1,))
    for text, quad in zip(page.texts, quads, strict=True):
        cv2.polylines(canvas, [_around(quad)], True, _colour(text), 2, cv2.LINE_AA)
        _label(canvas, taken, text, quad)
    picture = np.vstack([_legend(canvas.shape[1], page), canvas])
    return cv2.imencode(".png", picture)[1].tobytes()


def _colour(text: Text) -> Colour:
    if text.source is TextSource.TEXT_LAYER:
        return TEXT_LAYER
    return next(colour for level, colour, _ in LEVELS if text.confidence >= level)


def _around(quad: NDArray[np.float64]) -> NDArray[np.int32]:
    """The quad, a little larger: quads are ink-tight, and a line on the ink would hide it."""
    along = (quad[1] - quad[0]) / max(1.0, float(np.hypot(*(quad[1] - quad[0]))))
    down = (quad[3] - quad[0]) / max(1.0, float(np.hypot(*(quad[3] - quad[0]))))
    outwards = np.array([-along - down, along - down, along + down, down - along])
    return np.asarray(np.round(quad + 3 * outwards), np.int32)


def _extent(text: str, size: int) -> tuple[int, int, int]:
    """Width, height and distance from the top to the baseline of a string, in pixels."""
    x, y, width, height = cv2.getTextSize((0, 0), text, (0, 0), FONT, size)
    return x + width, height, -y


def _label(
    canvas: NDArray[np.uint8], taken: NDArray[np.uint8], text: Text, quad: NDArray[np.float64]
) -> None:
    """Write the string above, below, right or left of its quad, at the first place that is free."""
    tall = min(np.hypot(*(quad[3] - quad[0])), np.hypot(*(quad[1] - quad[0])))
    size = int(np.clip(tall * 0.7, *LABEL_SIZES))
    width, height, baseline = _extent(text.text, size)
    left, top = quad.min(axis=0)
    right, bottom = quad.max(axis=0)
    places = [
        (left, top - height - 4),
        (left, bottom + 4),
        (right + 5, (top + bottom - height) / 2),
        (left - width - 5, (top + bottom - height) / 2),
    ]
    for place in places:
        x, y = round(float(place[0])), round(float(place[1]))
        if x < 0 or y < 0 or x + width > canvas.shape[1] or y + height > canvas.shape[0]:
            continue
        area = taken[y : y + height, x : x + width]
        if area.any():
            continue
        area.fill(1)
        cv2.putText(canvas, text.text, (x, y + baseline), _colour(text), FONT, size)
        return


def _legend(width: int, page: Page) -> NDArray[np.uint8]:
    """A strip (H x `width` x 3) that says what the colours mean and how many texts have them."""
    size = int(np.clip(width / 80, 8, 30))
    counts: dict[Colour, int] = {}
    for text in page.texts:
        counts[_colour(text)] = counts.get(_colour(text), 0) + 1
    meanings = [(colour, meaning) for _, colour, meaning in LEVELS] + [(TEXT_LAYER, "text layer of the PDF")]
    lines = [(colour, f"{counts[colour]}  {meaning}") for colour, meaning in meanings if colour in counts]
    if not lines:
        lines = [((90, 90, 90), "no text found")]
    strip = np.full((2 * size, width, 3), 255, np.uint8)
    x = size
    for colour, line in lines:
        cv2.putText(strip, line, (x, round(1.4 * size)), colour, FONT, size)
        x += _extent(line, size)[0] + 2 * size
    strip[-1] = 90
    return strip
