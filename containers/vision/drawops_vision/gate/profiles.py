"""Which classes of a recogniser answer differently: suspects out of the whole dictionary.

General lines show a part of the thousands of Chinese characters only. But every step of every line gives a
probability for **every** class, also for characters that do not stand there: one that was erased, or
whose weights were ruined, no longer rises and falls with the picture as it did in the approved model. Such
classes are suspects, whose lines are then drawn (`characters`); nothing is concluded from this measure alone.
"""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from drawops_vision.detect import session
from drawops_vision.gate.general import Picture

LINES = 24
WIDEST = 480
"""Pixels; 18,710 classes at 60 steps are 4.5 MB."""
UNLIKE = 0.5
"""Correlation below which a class is a suspect; of a fine-tuned model it is above 0.9 for nearly all."""


def profile(network: Path, pictures: Sequence[Picture], height: int = 48) -> NDArray[np.float32]:
    """Logarithms of the probabilities of all classes, without what is common to all of a step.

    Args:
        network: rec.onnx.
        pictures: lines (H x W, grey); some of them, spread evenly, are looked at.
        height: of the network's input, pixels.

    Returns:
        Steps x classes.
    """
    opened = session(str(network), 0, arena=False)
    name = opened.get_inputs()[0].name
    found = []
    for picture in pictures[:: max(1, len(pictures) // LINES)][:LINES]:
        width = min(WIDEST, max(32, -(-height * picture.shape[1] // picture.shape[0])))
        line = cv2.resize(cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR), (width, height))
        blob = np.asarray(line.transpose(2, 0, 1)[None] / 127.5 - 1, np.float32)
        logs = np.log(np.maximum(opened.run(None, {name: blob})[0][0], 1e-30))
        found.append(logs - logs.mean(axis=1, keepdims=True))
    return np.concatenate(found)


def unlike(
    approved: NDArray[np.float32],
    candidate: NDArray[np.float32],
    classes: tuple[Sequence[str], Sequence[str]],
    most: int,
) -> list[str]:
    """Characters whose classes answer differently, the most different first.

    Args:
        approved: see `profile`.
        candidate: of the same lines.
        classes: characters of both sides' classes; the blank is empty.
        most: how many at most.
    """
    places = {one: place for place, one in enumerate(classes[1])}
    shared = [(place, places[one]) for place, one in enumerate(classes[0]) if one.strip() and one in places]
    if not shared:
        return []
    rows, columns = (list(side) for side in zip(*shared, strict=True))
    a, b = approved[:, rows], candidate[:, columns]
    a = a - a.mean(axis=0)
    b = b - b.mean(axis=0)
    spread = np.sqrt((a * a).sum(axis=0) * (b * b).sum(axis=0))
    alike = (a * b).sum(axis=0) / np.maximum(spread, 1e-12)
    order = np.argsort(alike)
    return [classes[0][rows[place]] for place in order[:most] if alike[place] < UNLIKE]
