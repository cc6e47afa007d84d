"""Crops of a dataset version: new pages, pages that the parent model was trained on, generated general lines.

Crops are cut as the reader cuts them: the page normalised, the quad with the model's padding, upright. A
label that marks an unreadable place ('###') is never a crop.
"""

import itertools
import math
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from drawops.contracts.datasets import PageEntry, Split
from drawops.contracts.labels import PageLabels
from drawops.errors import Corrupt, DrawopsError, Misconfigured
from drawops_vision import ink, layout
from drawops_vision.datasets import channel as vouched
from drawops_vision.datasets.paddleocr import quad_of
from drawops_vision.gate.general import among_digits, blocks, length
from drawops_vision.rasterise import render_page
from drawops_vision.recognise import canonical, crop
from numpy.typing import NDArray

from drawops_training import lines
from drawops_training.augment import augmented

Picture = NDArray[np.uint8]
MOST_CROPS = 40_000
"""Kept in memory (about 1.2 GB); of more a random sample is taken."""
TALLEST = 96
BAD_SHARE = 0.05
"""Pages that may be unreadable before the job gives up."""
POOL = 640
BY_BLOCK = 0.6
"""Of the general lines; the others are as drawings have them."""
BLOCK_WEIGHTS = {"chinese": 3}
"""How often a block of characters is drawn; the others once."""
HEIGHT = 48
"""Rows of a crop as the recogniser sees it."""
NARROWEST = 32
STEP = 8
"""Columns of a crop for each step of the recogniser."""


@dataclass(frozen=True)
class Example:
    """A crop and what it says; `kind` is the slice that replay balances over."""

    picture: Picture
    text: str
    kind: str = ""


@dataclass(frozen=True)
class Examples:
    """The crops of a dataset version, and what was left out and why."""

    new: tuple[Example, ...]
    replay: tuple[Example, ...]
    val: tuple[Example, ...]
    val_pages: tuple[PageEntry, ...]
    train_pages: tuple[PageEntry, ...]
    skipped: Counter[str]

    def fitting(self, widest: int) -> "Examples":
        """Without what a recogniser that sees at most `widest` columns cannot learn; val keeps it, as missed.

        Raises:
            Misconfigured: nothing is left to learn.
        """
        new, replay = (
            tuple(one for one in some if fits(one.text, columns_of(one.picture, widest)))
            for some in (self.new, self.replay)
        )
        skipped = self.skipped.copy()
        if lost := len(self.new) + len(self.replay) - len(new) - len(replay):
            skipped["more characters than the box has columns for"] += lost
        if not new and not replay:
            raise Misconfigured(
                f"None of the {lost} texts fits its box: the recogniser has a step for every {STEP} columns, "
                f"at a height of {HEIGHT}. Draw the boxes around the whole texts."
            )
        return replace(self, new=new or replay, replay=replay if new else (), skipped=skipped)


class Channel(vouched.Channel):
    """The `dataset` channel of a run: its version, and the one that the parent was trained on."""

    def __init__(self, folder: Path, project: str, version: str, parent_version: str) -> None:
        """Read the manifests.

        Raises:
            Corrupt: a manifest is missing or is none.
        """
        super().__init__(folder)
        self.version = self.manifest(project, version)
        parent = self.manifest(project, parent_version) if parent_version else None
        self._known = {(page.page_id, page.labels_sha256) for page in (parent.pages if parent else ())}

    def picture(self, page: PageEntry) -> Picture:
        """A page normalised as the reader does.

        Raises:
            Corrupt: the file is missing or altered.
            drawops.errors.InvalidInput: the file cannot be decoded.
        """
        pixels = np.ascontiguousarray(render_page(self.file(page), page.image.page))
        ink.normalise(pixels, ink.paper(pixels))
        return pixels

    def known(self, page: PageEntry) -> bool:
        """Whether the parent model was trained on this page with these labels."""
        return (page.page_id, page.labels_sha256) in self._known


def crops(channel: Channel, padding: float, seed: int, check: Callable[[], None]) -> Examples:
    """Cut all crops of the splits train and val.

    Raises:
        Corrupt: an object is missing, or more than `BAD_SHARE` of the pages cannot be read.
        Misconfigured: nothing is left to train on.
    """
    found: dict[str, list[Example]] = {"new": [], "replay": [], "val": []}
    skipped: Counter[str] = Counter()
    pages = [page for page in channel.version.pages if page.split in (Split.TRAIN, Split.VAL)]
    if not any(page.split is Split.TRAIN for page in pages):
        raise Misconfigured(
            f"Dataset version {channel.version.version} has no page in the training split; label more pages."
        )
    cut: list[PageEntry] = []
    for page in pages:
        check()
        labels = channel.labels(page)
        try:
            pixels = channel.picture(page)
        except Corrupt:
            raise
        except DrawopsError as error:
            skipped["picture cannot be read"] += 1
            if skipped["picture cannot be read"] > max(1, BAD_SHARE * len(pages)):
                raise Corrupt(
                    f"{skipped['picture cannot be read']} of {len(pages)} pages cannot be read, the last "
                    f"{page.name}: {error}"
                ) from error
            continue
        cut.append(page)
        name = "val" if page.split is Split.VAL else "replay" if channel.known(page) else "new"
        found[name] += _of_page(pixels, labels, page.source, padding, skipped)
    if not found["new"]:  # nothing that the parent has not seen: then all of it is what is learnt
        found["new"], found["replay"] = found["replay"], []
    if not found["new"]:
        unreadable = skipped["unreadable ('###')"]
        raise Misconfigured(
            f"Dataset version {channel.version.version} has no text to train on: {unreadable} labels are "
            f"'###', {skipped.total() - unreadable} were left out. Label texts that can be read."
        )
    r = random.Random(seed)
    for name, some in found.items():
        if len(some) > MOST_CROPS:
            found[name] = r.sample(some, MOST_CROPS)
    return Examples(
        tuple(found["new"]),
        tuple(found["replay"]),
        tuple(found["val"]),
        tuple(page for page in cut if page.split is Split.VAL),
        tuple(page for page in cut if page.split is Split.TRAIN),
        skipped,
    )


def _of_page(
    pixels: Picture, labels: PageLabels, source: str, padding: float, skipped: Counter[str]
) -> list[Example]:
    found = []
    height, width = pixels.shape[:2]
    for label in labels.labels:
        text = "" if label.unreadable else canonical(label.text)
        if not text:
            skipped["unreadable ('###')" if label.unreadable else "empty"] += 1
            continue
        quad = quad_of(label)
        inside = np.clip(quad, 0, (width, height))
        if min(layout.sides(quad)) < 2 or np.ptp(inside, axis=0).min() < 2:
            skipped["box without area"] += 1
            continue
        picture = crop(pixels, quad, padding)
        if picture.shape[0] > TALLEST:
            size = (max(1, round(picture.shape[1] * TALLEST / picture.shape[0])), TALLEST)
            picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
        found.append(Example(picture, text, f"{source}/{_block(text)}/{_turn(quad)}"))
    return found


def _block(text: str) -> str:
    if any(ord(letter) > 0x2E80 for letter in text):
        return "ideographs"
    return "lower" if any(letter.islower() for letter in text) else "upper"


def _turn(quad: NDArray[np.float32]) -> str:
    x, y = quad[1] - quad[0]
    return str(round(math.degrees(math.atan2(y, x)) / 90) % 4 * 90)


class Mix:
    """Pools of examples: pool `n` depends on the seed and on `n` alone, so a resumed job draws the same."""

    def __init__(
        self,
        examples: Examples,
        replay_share: float,
        general_share: float,
        seed: int,
        augment: bool = True,
        dictionary: Sequence[str] = (),
    ) -> None:
        """Prepare; most general lines hold characters of one block of `dictionary`, when it is given."""
        self._examples = examples
        self._shares = (replay_share if examples.replay else 0.0, general_share)
        self._seed = seed
        self._augment = augment
        counts = Counter(one.kind for one in examples.replay)
        # A slice weighs by the root of its size: rare ones are seen more often, but not without end.
        self._weights = [1 / math.sqrt(counts[one.kind]) for one in examples.replay]
        self._blocks = blocks(dictionary)

    def pool(self, number: int, size: int = POOL, check: Callable[[], None] = lambda: None) -> list[Example]:
        """Examples number `number` x `size` and on; `check` is called before each and may raise."""
        r = random.Random(f"{self._seed}/{number}")
        replay, general = self._shares
        found: list[Example] = []
        while len(found) < size:
            check()
            lot = r.random()
            if lot < general:
                made = self._of_block(r) if self._blocks and r.random() < BY_BLOCK else lines.line(r)
                if made is not None and min(made[0].shape) >= 4:
                    found.append(Example(*made))
                continue
            if lot < general + replay:
                one = r.choices(self._examples.replay, self._weights)[0]
            else:
                one = r.choice(self._examples.new)
            found.append(Example(augmented(one.picture, r) if self._augment else one.picture, one.text))
        return found

    def _of_block(self, r: random.Random) -> tuple[Picture, str] | None:
        name = r.choices(list(self._blocks), [BLOCK_WEIGHTS.get(one, 1) for one in self._blocks])[0]
        text = among_digits(r.choices(self._blocks[name], k=length(name, r)), name, r)
        return lines.of_text(text, r)


def columns_of(picture: Picture, widest: int) -> int:
    """Columns of a crop at the recogniser's height, at most `widest`."""
    height, width = (int(side) for side in picture.shape[:2])
    return min(widest, max(NARROWEST, math.ceil(HEIGHT * width / height)))


def fits(text: str, columns: int) -> bool:
    """Whether CTC has a step for every character, with a blank between equal ones."""
    return len(text) + sum(a == b for a, b in itertools.pairwise(text)) + 1 <= columns / STEP


def unknown(examples: Sequence[Example], characters: Sequence[str]) -> list[str]:
    """Characters of examples that a dictionary lacks, in the order of code points."""
    return sorted({letter for one in examples for letter in one.text} - {*characters, " "})
