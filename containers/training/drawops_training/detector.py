"""Fine-tuning the text detector on tiles of labelled pages.

The target is DB's kernel (Liao et al., 2020, arXiv:1911.08947): each label moved inwards. What this model's
`unclip` grows by is what the kernel is smaller by, so that boxes stay tight. Unreadable places ('###') ask
for nothing. The released network has no threshold head; probability alone is trained, by cross-entropy with
three hard negatives for each positive pixel, and dice.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
import torch
from drawops.contracts.datasets import PageEntry
from drawops.contracts.training import Freeze
from drawops.errors import Corrupt, DrawopsError, Misconfigured
from drawops_vision import layout
from drawops_vision.artifact import Manifest
from drawops_vision.datasets.paddleocr import quad_of
from drawops_vision.detect import scale_for
from numpy.typing import NDArray

from drawops_training.examples import Channel
from drawops_training.graph import Graph
from drawops_training.learning import Learning, Together
from drawops_training.workers import Team

SIDE = 480
TILES = 2
"""Tiles of a batch, of each worker."""
MOST_TILES = 600
MOST_VAL_TILES = 40
"""Tiles of val pages that a look sees."""
NEGATIVES = 3

Batch = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]


@dataclass(frozen=True)
class Tile:
    """Pixels (SIDE x SIDE), kernel (0, 1) and what counts (0, 1)."""

    picture: NDArray[np.uint8]
    kernel: NDArray[np.uint8]
    counts: NDArray[np.uint8]


def tiles(
    channel: Channel,
    pages: Sequence[PageEntry],
    manifest: Manifest,
    seed: int,
    most: int = MOST_TILES,
) -> list[Tile]:
    """Cut pages into tiles with text, at the scale at which the reader shows them to the network."""
    found: list[Tile] = []
    for page in pages:
        labels = channel.labels(page).labels
        quads = [(quad_of(one), one.unreadable) for one in labels]
        heights = [min(layout.sides(quad)) for quad, unreadable in quads if not unreadable]
        if not heights:
            continue
        try:
            pixels = channel.picture(page)
        except Corrupt:
            raise
        except DrawopsError:
            continue  # counted where crops are cut
        scale = scale_for(float(np.percentile(heights, 25)))
        grey = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)
        size = (max(SIDE, round(grey.shape[1] * scale)), max(SIDE, round(grey.shape[0] * scale)))
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        shown = cv2.resize(
            grey, (round(grey.shape[1] * scale), round(grey.shape[0] * scale)), interpolation=method
        )
        shown = cv2.copyMakeBorder(
            shown, 0, size[1] - shown.shape[0], 0, size[0] - shown.shape[1], cv2.BORDER_REPLICATE
        )
        kernel, counts = np.zeros(shown.shape[:2], np.uint8), np.ones(shown.shape[:2], np.uint8)
        for quad, unreadable in quads:
            if unreadable:
                cv2.fillPoly(counts, [np.round(quad * scale).astype(np.int32)], (0,))
            else:
                cv2.fillPoly(
                    kernel,
                    [np.round(_shrunk(quad * scale, manifest.thresholds.unclip)).astype(np.int32)],
                    (1,),
                )
        for top in range(0, shown.shape[0] - SIDE + 1, SIDE):
            for left in range(0, shown.shape[1] - SIDE + 1, SIDE):
                part = (slice(top, top + SIDE), slice(left, left + SIDE))
                if kernel[part].any():
                    found.append(Tile(np.asarray(shown[part], np.uint8), kernel[part], counts[part]))
    if len(found) > most:
        found = random.Random(seed).sample(found, most)
    return found


def _shrunk(quad: NDArray[np.float32], unclip: float) -> NDArray[np.float32]:
    """The kernel that grows back to `quad` by area * unclip / perimeter."""
    width, height = layout.sides(quad)
    # For a rectangle w x h that shrinks by d on all sides: d = (w - 2d)(h - 2d) * unclip / (2 (w + h - 4d)).
    d = 0.0
    for _ in range(20):
        w, h = max(1.0, width - 2 * d), max(1.0, height - 2 * d)
        d = w * h * unclip / (2 * (w + h))
    d = min(d, 0.4 * min(width, height))
    right = (quad[1] - quad[0]) / max(width, 1e-6) * d
    down = (quad[3] - quad[0]) / max(height, 1e-6) * d
    return np.asarray(quad + np.array([right + down, down - right, -right - down, right - down]), np.float32)


def batch(some: Sequence[Tile], name: str, manifest: Manifest) -> Batch:
    """The batch of this name: pictures (N x 3 x SIDE x SIDE), kernels, what counts (N x 1 x SIDE x SIDE)."""
    r = random.Random(name)
    chosen = [r.choice(some) for _ in range(TILES)]
    pictures = []
    for one in chosen:
        picture = one.picture.astype(np.float32)
        if r.random() < 0.4:
            grain = np.random.default_rng(r.randrange(1 << 30)).standard_normal(picture.shape, np.float32)
            picture = np.clip(picture + grain * r.uniform(2, 14), 0, 255)
        pictures.append(picture)
    return _stacked(pictures, chosen, manifest)


def _stacked(pictures: Sequence[NDArray[np.float32]], some: Sequence[Tile], manifest: Manifest) -> Batch:
    mean = np.array(manifest.preprocessing.detection_mean, np.float32)
    std = np.array(manifest.preprocessing.detection_std, np.float32)
    shown = np.stack([(picture[..., None] / 255 - mean) / std for picture in pictures])
    return (
        np.ascontiguousarray(shown.transpose(0, 3, 1, 2), np.float32),
        np.stack([one.kernel for one in some])[:, None].astype(np.float32),
        np.stack([one.counts for one in some])[:, None].astype(np.float32),
    )


class Tuning(Learning):
    """A detector that learns."""

    def __init__(
        self, model: Graph, iterations: int, rate: float, frozen: Sequence[str] = (), *, mixed: bool = False
    ) -> None:
        """Prepare.

        Args:
            model: a detector whose output is N x 1 x H x W.
            iterations: batches that the learning rate is planned for.
            rate: highest learning rate.
            frozen: names of the module's parameters that keep their values.
            mixed: as for `recogniser.Tuning`.
        """
        self.model = model
        self._mixed = mixed
        self._logits = model.logits()
        still = set(frozen)
        for name, one in model.named_parameters():
            one.requires_grad_(name not in still)
        super().__init__([one for one in model.parameters() if one.requires_grad], iterations, rate)

    def loss(self, batch: Batch) -> torch.Tensor:
        """Cross-entropy with hard negatives, and dice."""
        device = self.learning[0].device
        pictures, kernels, counts = (torch.from_numpy(one).to(device) for one in batch)
        with torch.autocast(device.type, torch.bfloat16, enabled=self._mixed):
            answer = self.model(pictures, until=self._logits)
        probability = answer.float().sigmoid().clamp(1e-6, 1 - 1e-6)
        entropy = -(kernels * probability.log() + (1 - kernels) * (1 - probability).log())
        positive, negative = kernels * counts, (1 - kernels) * counts
        wanted = int(min(float(negative.sum()), NEGATIVES * float(positive.sum())))
        hardest = (entropy * negative).flatten().topk(max(1, wanted)).values
        mean = ((entropy * positive).sum() + hardest.sum()) / (positive.sum() + wanted + 1e-6)
        dice = 1 - 2 * (probability * positive).sum() / ((probability * counts).sum() + positive.sum() + 1e-6)
        total: torch.Tensor = 5 * mean + dice
        return total

    def learn(self, batch: Batch, together: Together | None = None) -> float:
        """Learn from a batch; returns its loss. `together` as for `Learning.update`."""
        return self.update(self.loss(batch), together)


class Source:
    """Batches of tiles: one depends on the seed, its number and the worker alone."""

    def __init__(
        self, some: Sequence[Tile], tuning: Tuning, seed: int, manifest: Manifest, team: Team
    ) -> None:
        """Prepare.

        Raises:
            Misconfigured: there is no tile.
        """
        if not some:
            raise Misconfigured("No training page has a text that can be read: the detector learns nothing.")
        self._some, self._tuning, self._seed, self._manifest = some, tuning, seed, manifest
        self._team = team
        self.place = (0, 0)

    def __iter__(self) -> Iterator[Callable[[], float]]:
        """Each learns from one batch and returns its loss."""
        while True:
            number = self.place[1]
            self.place = (0, number + 1)
            yield partial(self._learn, number)

    def _learn(self, number: int) -> float:
        name, together = f"detection/{self._seed}/{number}", None
        if self._team.size > 1:  # each has tiles of its own
            name, together = f"{name}/{self._team.number}", self._team.together
        return self._tuning.learn(batch(self._some, name, self._manifest), together)


def look(
    model: Graph, val: Sequence[Tile], manifest: Manifest, check: Callable[[], None]
) -> dict[str, float]:
    """Precision, recall and their harmonic mean over the pixels of kernels, cut where the reader cuts them.

    `check` is called before every batch and may raise.
    """
    right = said = there = 0
    device = next(model.parameters()).device
    with torch.no_grad():
        for first in range(0, len(val), TILES):
            check()
            some = val[first : first + TILES]
            pictures, kernels, counts = _stacked(
                [one.picture.astype(np.float32) for one in some], some, manifest
            )
            answer = model(torch.from_numpy(pictures).to(device)).float().cpu().numpy()
            text = (answer >= manifest.thresholds.pixel) & (counts > 0)
            kernel = (kernels > 0) & (counts > 0)
            right += int((text & kernel).sum())
            said += int(text.sum())
            there += int(kernel.sum())
    precision, recall = right / max(1, said), right / max(1, there)
    hmean = 2 * right / max(1, said + there)
    return {"hmean": hmean, "precision": precision, "recall": recall}


def frozen(model: Graph, freeze: Freeze) -> list[str]:
    """Names of the parameters that keep their values."""
    if freeze is Freeze.NOTHING:
        return []
    return model.body() if freeze is Freeze.ALL_BUT_HEAD else model.backbone()
