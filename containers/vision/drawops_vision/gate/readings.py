"""What a model reads of pages and lines."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drawops_vision.evaluation.predictions import Prediction, SheetPredictions, of_reading
from drawops_vision.gate.pages import GatePage
from drawops_vision.reader import Reader
from drawops_vision.recognise import Recogniser

Picture = NDArray[np.uint8]
Progress = Callable[[str], None]


@dataclass(frozen=True)
class PageReadings:
    """What stands on each page, by name, and how long that took."""

    pages: dict[str, SheetPredictions]
    seconds: float


def read_pages(reader: Reader, pages: Sequence[GatePage], done: Progress) -> PageReadings:
    """Read pages one after another.

    A page that the model's own output makes unreadable (values that are no numbers) counts as read empty; the
    pages themselves have been read by people and are sound.
    """
    found: dict[str, SheetPredictions] = {}
    started = time.perf_counter()
    for page in pages:
        if page.name not in found:
            before = time.perf_counter()
            found[page.name] = of_reading(reader.read(page.data()), time.perf_counter() - before)
        done(page.name)
    return PageReadings(found, time.perf_counter() - started)


def read_lines(recogniser: Recogniser, pictures: Sequence[Picture]) -> list[Prediction]:
    """Read pictures of single lines as they stand; an unread line is an empty string."""
    quad = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    return [Prediction(line.text, quad, line.confidence) for line in recogniser.lines(list(pictures))]
