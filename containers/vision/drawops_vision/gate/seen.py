"""What a detection network has found on a page, kept: the same network finds the same.

Most candidates have the approved model's detector, bit for bit. Then pages need not be searched twice.
"""

import hashlib
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from drawops_vision.artifact import Model
from drawops_vision.detect import Area, Detector, Found
from drawops_vision.ink import Ink, Page


@dataclass(frozen=True)
class _Kept:
    """A `Found` that takes little memory: maps are mostly zeros."""

    squeezed: bytes
    shape: tuple[int, ...]
    scale: float
    parts: list[Area]

    @classmethod
    def of(cls, found: Found) -> "_Kept":
        probability = found.probability
        return cls(zlib.compress(probability.tobytes(), 1), probability.shape, found.scale, found.parts)

    def found(self) -> Found:
        flat = np.frombuffer(zlib.decompress(self.squeezed), np.uint8)
        return Found(flat.reshape(self.shape), self.scale, self.parts)


@dataclass(frozen=True)
class Seen:
    """Findings of any number of detectors on any number of pages."""

    _kept: dict[str, _Kept] = field(default_factory=dict)

    def find(self, key: str, look: Callable[[], Found]) -> Found:
        """What is kept under a key, or what `look` finds, which is then kept."""
        if key not in self._kept:
            self._kept[key] = _Kept.of(look())
        return self._kept[key].found()


class RememberingDetector(Detector):
    """A detector that does not look twice at a page, even if another with the same network has looked."""

    def __init__(self, model: Model, threads: int, seen: Seen) -> None:
        super().__init__(model, threads)
        self._seen = seen
        self._name = name_of(model)

    def look(self, page: Page, ink: Ink, check: Callable[[], None] = lambda: None) -> Found:
        """As `Detector.look`."""
        key = f"{self._name}/{page.shape}/{hashlib.sha256(page.tobytes()).hexdigest()}"
        return self._seen.find(key, lambda: super(RememberingDetector, self).look(page, ink, check))


def name_of(model: Model) -> str:
    """What decides what a model's detector finds on a page: the network, and how pages are shown to it."""
    shown = model.manifest.preprocessing.model_dump_json().encode()
    return hashlib.sha256(model.detection.read_bytes() + shown).hexdigest()


def finds(model: Model) -> str:
    """What decides which texts of a page are read: `name_of`, and the thresholds that let boxes in."""
    return f"{name_of(model)}/{model.manifest.thresholds.model_dump_json()}"
