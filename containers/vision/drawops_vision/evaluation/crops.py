"""Pictures of single texts out of a sheet, turned upright, with the quads of label and prediction."""

import math
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from drawops_vision.evaluation.scoring import Quad

Pixels = npt.NDArray[np.uint8]

LABEL = (70, 150, 0)  # blue, green, red; as in the legend of the HTML report
PREDICTION = (40, 40, 220)
TEXT_HEIGHT = 30.0  # pixels that a text gets in its crop
MAX_SIZE = (460, 200)
MAX_SCALE = 4.0
CONTEXT = 0.9  # shown around the quads, of the text's height
MAX_CUT = (6000, 3000)  # pixels of the sheet that are looked at


def crop(sheet: Pixels, labels: Sequence[Quad], predictions: Sequence[Quad]) -> bytes:
    """Cut texts out of a sheet.

    Args:
        sheet: H x W grey or H x W x 3 (blue, green, red).
        labels: quads of what stands there, drawn green; the first one's direction becomes horizontal.
        predictions: quads of what was read, drawn red; the first one gives the direction without labels.

    Returns:
        A PNG of at most 460 x 200 pixels. What lies off the sheet is grey.

    Raises:
        ValueError: there are no quads.
    """
    quads = [np.asarray(quad, np.float64) for quad in (*labels, *predictions)]
    if not quads:
        raise ValueError("a crop needs a quad")
    first = quads[0]
    across, down = first[1] - first[0], first[3] - first[0]
    angle = math.atan2(across[1], across[0])
    height = max(4.0, float(np.hypot(*down)))
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    turned = np.concatenate([quad @ turn.T for quad in quads])
    low = turned.min(axis=0) - CONTEXT * height
    high = turned.max(axis=0) + CONTEXT * height
    # A prediction over half of the sheet is shown in part.
    size = np.minimum(high - low, MAX_CUT)
    scale = float(min(MAX_SCALE, TEXT_HEIGHT / height, *(np.array(MAX_SIZE) / size)))
    # Shrinking by a warp would drop pixels, so that is left to the area mean.
    warp_scale = max(scale, 1.0)
    matrix = np.hstack([turn, -low[:, None]]) * warp_scale
    width, tall = (max(1, math.ceil(side * warp_scale)) for side in size)
    cut = cv2.warpAffine(
        sheet,
        matrix,
        (width, tall),
        flags=cv2.INTER_CUBIC if warp_scale > 1 else cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(200, 200, 200),
    )
    if scale < 1:
        small = (max(1, round(width * scale)), max(1, round(tall * scale)))
        cut = cv2.resize(cut, small, interpolation=cv2.INTER_AREA)
    shown = np.asarray(cut if cut.ndim == 3 else cv2.cvtColor(cut, cv2.COLOR_GRAY2BGR), np.uint8)
    for colour, group in ((LABEL, labels), (PREDICTION, predictions)):
        for quad in group:
            placed = (np.asarray(quad, np.float64) @ turn.T - low) * scale
            # Quads are ink-tight; half a pixel out keeps the line off the ink.
            cv2.polylines(shown, [np.round(placed).astype(np.int32)], True, colour, 1, cv2.LINE_AA)
    return cv2.imencode(".png", shown, [cv2.IMWRITE_PNG_COMPRESSION, 9])[1].tobytes()
