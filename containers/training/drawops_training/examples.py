"""Crops to learn from: labelled texts of a dataset version, and general words, mixed into batches.

A batch is a function of the seed and its place: pools of lines are drawn one after another, each from a
random generator of its own, and cut into batches. So a training that is taken up again sees what it would
have seen.

Of the lines, `replay_share` are of pages that the parent model was trained on and `general_share` are drawn
by `drawops_training.lines`; the rest is new. Without replay, tuning on one office's tags erases what a model
knew (general words fell from 0.895 to 0.380 in the experiment behind this design). Crops of rare classes of
text are drawn more often than their number: by the square root of their class's share.
"""

import itertools
import math
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from drawops.contracts.datasets import DatasetManifest, PageEntry, Split
from drawops.contracts.training import Hyperparameters
from drawops.errors import InvalidInput
from drawops_vision.datasets import channel
from drawops_vision.datasets.paddleocr import quad_of
from drawops_vision.evaluation.slices import text_class
from drawops_vision.recognise import canonical, crop
from numpy.typing import NDArray

from drawops_training import lines
from drawops_training.errors import TrainingFailed

HEIGHT = 48
"""Pixels of a line as the network sees it."""
BUCKET = 32
WIDEST = 640
"""Pixels at HEIGHT; longer lines are not trained on, they would fill a batch alone."""
STEP = 8
"""Columns a step of the network's output."""
POOL = 600
"""Lines drawn at once and sorted by width, so that batches hold little padding."""
MARGIN = 0.5
"""Kept around a text, of its shorter side: the padding is drawn anew each time it is shown."""
TALLEST = 96
"""Pixels; crops are kept no larger."""
MOST_BROKEN = 0.05
"""Share of pages that may be unreadable."""
AUGMENTED = 0.6
"""Share of labelled crops that are shown changed."""

Picture = NDArray[np.uint8]
Batch = tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.int64]]
"""Pictures N x 3 x 48 x W in [-1, 1], labels N x L (padded with 0), lengths N."""


@dataclass(frozen=True)
class Crop:
    """One labelled text.

    Attributes:
        png: grey picture with MARGIN around the text, encoded.
        margin: pixels of that margin.
        text: the string as the reader writes it.
        kind: class of the text.
    """

    png: bytes
    margin: int
    text: str
    kind: str

    def picture(self, padding: float) -> Picture:
        """The crop with `padding` (of the text's height) around the text."""
        whole = np.asarray(cv2.imdecode(np.frombuffer(self.png, np.uint8), cv2.IMREAD_GRAYSCALE), np.uint8)
        cut = max(0, round(self.margin * (1 - padding / MARGIN)))
        if 2 * cut + 2 >= min(whole.shape):
            return whole
        return whole[cut : whole.shape[0] - cut, cut : whole.shape[1] - cut]


@dataclass
class Examples:
    """What there is to learn from.

    Attributes:
        new, replay: crops of training pages that are new to the parent, and that it knows.
        val: crops of val pages.
        pages: ids of the pages that are learnt from.
        left_out: how many labels or pages were not used, by reason.
    """

    new: list[Crop] = field(default_factory=list)
    replay: list[Crop] = field(default_factory=list)
    val: list[Crop] = field(default_factory=list)
    pages: list[str] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)

    @property
    def characters(self) -> set[str]:
        """Of all crops that are learnt from."""
        return {one for each in (*self.new, *self.replay) for one in each.text}


def load(
    folder: Path, manifest: DatasetManifest, known: DatasetManifest | None, say: Callable[[str], None]
) -> Examples:
    """Cut the texts of the train and val pages out.

    Args:
        folder: the dataset channel.
        known: the version that the parent was trained on.
        say: told about progress.

    Raises:
        Corrupt: a file is missing or is not what the manifest says.
        TrainingFailed: too many pages cannot be decoded, or no label is left.
    """
    found = Examples()
    before = {page.page_id: page.labels_sha256 for page in known.pages} if known else {}
    wanted = [page for page in manifest.pages if page.split in (Split.TRAIN, Split.VAL)]
    broken: list[str] = []
    for number, page in enumerate(wanted, 1):
        try:
            crops = _of_page(folder, page, found.left_out)
        except InvalidInput as error:
            broken.append(f"{page.name}: {error.sentence}")
            found.left_out["unreadable page"] += 1
            continue
        if page.split is Split.VAL:
            found.val += crops
        else:
            found.pages.append(page.page_id)
            (found.replay if before.get(page.page_id) == page.labels_sha256 else found.new).extend(crops)
        if number % 50 == 0 or number == len(wanted):
            say(f"cut texts out of {number} of {len(wanted)} pages")
    if len(broken) > MOST_BROKEN * len(wanted):
        raise TrainingFailed(
            f"{len(broken)} of {len(wanted)} pages cannot be decoded, the first is {broken[0]}"
        )
    if not found.new and not found.replay:
        raise TrainingFailed(
            f"Dataset version {manifest.version} has no label to train on: its training pages have none, or "
            "say ### only."
        )
    return found


def _of_page(folder: Path, page: PageEntry, left_out: Counter[str]) -> list[Crop]:
    document = channel.labels(folder, page)
    pixels = channel.pixels(folder, page)
    made = []
    for label in document.labels:
        text = canonical(label.text)
        if label.unreadable:
            left_out["###"] += 1
            continue
        quad = quad_of(label)
        sides = (np.hypot(*(quad[1] - quad[0])), np.hypot(*(quad[3] - quad[0])))
        if not text or min(sides) < 2:
            left_out["empty or without area"] += 1
            continue
        cut = crop(pixels, quad, MARGIN)
        grey = cv2.cvtColor(cut, cv2.COLOR_BGR2GRAY) if cut.ndim == 3 else cut
        scale = min(1.0, TALLEST / grey.shape[0])
        if scale < 1:
            size = (max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale)))
            grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
        margin = round(MARGIN * min(sides) * scale)
        png = cv2.imencode(".png", grey, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()
        made.append(Crop(png, margin, text, text_class(text)))
    return made


@dataclass(frozen=True)
class Position:
    """Where the next batch comes from."""

    pool: int = 0
    group: int = 0


class Mix:
    """Batches without end."""

    def __init__(
        self,
        examples: Examples,
        settings: Hyperparameters,
        classes: dict[str, int],
        *,
        shard: tuple[int, int] = (0, 1),
        augment: bool = True,
    ) -> None:
        """Prepare to draw.

        Args:
            classes: position of each character among the classes that learn.
            shard: this worker and how many there are: each draws pools of its own.
            augment: False shows crops as they are, with the reader's padding.
        """
        self._settings = settings
        self._classes = classes
        self._shard = shard
        self._augment = augment
        fits = {name: [one for one in found if self._fits(one.text)] for name, found in
                (("new", examples.new), ("replay", examples.replay))}  # fmt: skip
        self._crops = fits
        self._weights = {name: _weights(found) for name, found in fits.items()}
        general = settings.general_share
        replay = settings.replay_share if fits["replay"] else 0.0
        new = 1 - general - replay if fits["new"] else 0.0
        if not new and not replay:
            raise TrainingFailed("No label can be trained on: all have characters that are not learnt.")
        total = general + replay + new
        self.shares = {"new": new / total, "replay": replay / total, "general": general / total}

    def batches(self, start: Position) -> Iterator[tuple[Position, Batch]]:
        """Batches from a place on; each with the place behind it."""
        pool = start.pool
        first = start.group
        while True:
            groups = self._pool(pool)
            for index in range(first, len(groups)):
                last = index + 1 == len(groups)
                yield Position(pool + 1) if last else Position(pool, index + 1), self._batch(groups[index])
            pool, first = pool + 1, 0

    def _pool(self, number: int) -> list[list[tuple[int, Picture, str]]]:
        worker, workers = self._shard
        r = random.Random(f"{self._settings.seed}/{number * workers + worker}")
        drawn: list[tuple[int, Picture, str]] = []
        counts = {name: round(POOL * share) for name, share in self.shares.items()}
        for name in ("new", "replay"):
            if counts[name]:
                for one in r.choices(self._crops[name], self._weights[name], k=counts[name]):
                    picture = augmented(one, r) if self._augment else one.picture(0.3)
                    self._add(drawn, picture, one.text)
        wanted = len(drawn) + counts["general"]
        while len(drawn) < wanted:
            made = lines.line(r)
            if made is not None and min(made[0].shape) >= 4:
                self._add(drawn, *made)
        drawn.sort(key=lambda entry: entry[0])
        groups: list[list[tuple[int, Picture, str]]] = []
        for entry in drawn:
            if not groups or entry[0] * (len(groups[-1]) + 1) > self._settings.batch_columns:
                groups.append([])
            groups[-1].append(entry)
        r.shuffle(groups)
        return groups

    def _add(self, drawn: list[tuple[int, Picture, str]], picture: Picture, text: str) -> None:
        width = math.ceil(HEIGHT * picture.shape[1] / picture.shape[0])
        doubles = sum(a == b for a, b in itertools.pairwise(text))
        if width <= WIDEST and len(text) + doubles + 1 <= width / STEP and self._fits(text):
            drawn.append((-(-width // BUCKET) * BUCKET, picture, text))

    def _fits(self, text: str) -> bool:
        return all(one in self._classes for one in text)

    def _batch(self, group: list[tuple[int, Picture, str]]) -> Batch:
        columns = max(entry[0] for entry in group)
        pictures = np.stack([prepared(entry[1], columns) for entry in group])
        labels = np.zeros((len(group), max(1, *(len(entry[2]) for entry in group))), np.int32)
        for row, entry in enumerate(group):
            labels[row, : len(entry[2])] = [self._classes[one] for one in entry[2]]
        return pictures, labels, np.array([len(entry[2]) for entry in group], np.int64)


def prepared(picture: Picture, columns: int) -> NDArray[np.float32]:
    """A crop (H x W, grey) as the reader feeds it: 3 x 48 x columns in [-1, 1], mid-grey on the right."""
    width = min(columns, max(4, math.ceil(HEIGHT * picture.shape[1] / picture.shape[0])))
    row = cv2.resize(picture, (width, HEIGHT)).astype(np.float32) / 127.5 - 1
    out = np.zeros((3, HEIGHT, columns), np.float32)
    out[:, :, :width] = row
    return out


def augmented(one: Crop, r: random.Random) -> Picture:
    """A crop as it could also stand on a drawing: padded, turned a little, crossed by lines, scanned."""
    picture = one.picture(r.uniform(0.15, 0.45))
    if r.random() >= AUGMENTED:
        return picture
    height, width = picture.shape
    if r.random() < 0.5:
        turn, slant = math.radians(r.uniform(-2, 2)), r.uniform(-0.08, 0.08)
        stretch = r.uniform(0.85, 1.15)
        out = max(4, round(width * stretch))
        matrix = np.array(
            [
                [stretch, -slant - math.sin(turn), (slant + math.sin(turn)) * height / 2],
                [math.sin(turn), 1.0, -math.sin(turn) * width / 2],
            ]
        )
        picture = np.asarray(
            cv2.warpAffine(picture, matrix, (out, height), borderMode=cv2.BORDER_REPLICATE), np.uint8
        )
        height, width = picture.shape
    ink = np.asarray(255 - picture, np.uint8)
    pad = round(height * 0.2)
    if r.random() < 0.3:
        capital = max(4.0, height - 2.0 * pad)
        lines.clutter(
            ink, (pad, pad, width - 2 * pad, height - 2 * pad), capital, max(1, round(capital / 12)), r
        )
    if r.random() < 0.5:
        return lines.finish(ink, r)
    return np.asarray(255 - ink, np.uint8)


def _weights(crops: Sequence[Crop]) -> list[float]:
    counts = Counter(one.kind for one in crops)
    return [1 / math.sqrt(counts[one.kind]) for one in crops]
