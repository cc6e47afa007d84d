"""Fine-tune the released text recogniser on lines as drawings show them.

    python -m drawops_training.recogniser --rec rec.onnx --out tuned.onnx --iterations 600 --seed 1

All layers learn. The head learns the classes of `trained_classes` only: the others keep their weights, and
a share of Chinese lines in the data keeps them apart from what is new.
"""

import argparse
import itertools
import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from drawops_training import lines, strings, typefaces
from drawops_training.graph import Graph
from drawops_training.learning import Learning, Together

HEIGHT = 48
BUCKET = 32
COLUMNS = 5120
"""Pixel columns of a batch: as many lines as fit."""
WIDEST = 640
POOL = 1200
"""Lines drawn at once and sorted by width, so that batches hold little padding."""
OTHER_CLASSES = 600
"""Random classes beyond the trained ones that stay in the softmax, so that they are not forgotten upwards."""

Batch = tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.int64]]


def prepared(picture: NDArray[np.uint8], columns: int) -> NDArray[np.float32]:
    """A crop (H x W [x 3]) as the reader feeds it: 3 x 48 x columns in [-1, 1], mid-grey on the right."""
    width = min(columns, max(4, math.ceil(HEIGHT * picture.shape[1] / picture.shape[0])))
    row = cv2.resize(picture, (width, HEIGHT)).astype(np.float32) / 127.5 - 1
    out = np.zeros((3, HEIGHT, columns), np.float32)
    out[:, :, :width] = row if row.ndim == 2 else row.transpose(2, 0, 1)
    return out


def trained_classes(characters: list[str], seed: int) -> list[int]:
    """Indices of the classes that learn: blank, space, Latin, symbols, common Chinese, and some others."""
    wanted = set(strings.LATIN + strings.SYMBOLS + strings.common_chinese() + "：℃″′–—−∅⌀μ·•→←↑↓|Φφ")
    for unit in strings.UNITS:
        wanted.update(unit)
    kept = [
        0,
        *(index for index, one in enumerate(characters) if index and one in wanted),
        len(characters) - 1,
    ]
    others = sorted(set(range(len(characters))) - set(kept))
    return kept + sorted(random.Random(seed).sample(others, OTHER_CLASSES))


def batches(seed: int, classes: dict[str, int]) -> Iterator[Batch]:
    """Endless batches: pictures (N x 3 x 48 x W), labels (N x L, padded), lengths (N)."""
    source = lines.lines(seed)
    r = random.Random(seed)
    while True:
        pool: list[tuple[int, NDArray[np.uint8], str]] = []
        while len(pool) < POOL:
            picture, text = next(source)
            width = math.ceil(HEIGHT * picture.shape[1] / picture.shape[0])
            steps = width / 8
            doubles = sum(a == b for a, b in itertools.pairwise(text))
            if width > WIDEST or len(text) + doubles + 1 > steps or any(one not in classes for one in text):
                continue
            pool.append((-(-width // BUCKET) * BUCKET, picture, text))
        groups = grouped(pool, COLUMNS)
        r.shuffle(groups)
        for group in groups:
            yield stacked(group, classes)


Entry = tuple[int, NDArray[np.uint8], str]
"""Width in columns, crop, string."""


def grouped(pool: list[Entry], most: int) -> list[list[Entry]]:
    """Sort a pool by width, in place, and cut it into batches of at most `most` columns."""
    pool.sort(key=lambda entry: entry[0])
    groups: list[list[Entry]] = []
    for entry in pool:
        if not groups or entry[0] * (len(groups[-1]) + 1) > most:
            groups.append([])
        groups[-1].append(entry)
    return groups


def stacked(group: list[Entry], classes: dict[str, int], columns: int = 0) -> Batch:
    """One batch, at least so many columns wide."""
    columns = max(columns, *(entry[0] for entry in group))
    pictures = np.stack([prepared(entry[1], columns) for entry in group])
    longest = max(1, *(len(entry[2]) for entry in group))
    labels = np.zeros((len(group), longest), np.int32)
    for row, entry in enumerate(group):
        labels[row, : len(entry[2])] = [classes[one] for one in entry[2]]
    return pictures, labels, np.array([len(entry[2]) for entry in group], np.int64)


def part(group: list[Entry], classes: dict[str, int], number: int, size: int) -> tuple[Batch, float]:
    """Worker `number`'s lines of a batch that `size` workers share, and what its mean loss shall count.

    The mean of all workers' losses, so counted, is the loss of the whole batch.
    """
    widest = max(entry[0] for entry in group)  # padding reaches into the text: all see as much of it
    own = group[number::size]
    if not own:  # fewer lines than workers
        return stacked(group[:1], classes, widest), 0.0
    return stacked(own, classes, widest), len(own) * size / len(group)


class Tuning(Learning):
    """A recogniser that learns by CTC loss."""

    def __init__(
        self,
        model: Graph,
        kept: list[int],
        iterations: int,
        rate: float,
        frozen: Sequence[str] = (),
        *,
        mixed: bool = False,
    ) -> None:
        """Prepare.

        Args:
            model: a recogniser whose output is N x steps x classes.
            kept: classes of the head that learn; the others keep their weights.
            iterations: batches that the learning rate is planned for.
            rate: highest learning rate.
            frozen: names of the module's parameters that keep their values.
            mixed: compute in bfloat16 where PyTorch holds that to be safe (autocast); weights stay float32.
        """
        self.model = model
        self._mixed = mixed
        self._kept = kept
        self._features, weight_name, bias_name = model.head()
        self._full_weight, self._full_bias = model.tensor(weight_name), model.tensor(bias_name)
        self._weight = torch.nn.Parameter(self._full_weight.detach()[:, kept].clone())
        self._bias = torch.nn.Parameter(self._full_bias.detach()[kept].clone())
        for one in model.parameters():
            if one.ndim == 4:
                one.data = one.data.contiguous(memory_format=torch.channels_last)
        whole = {id(self._full_weight), id(self._full_bias)}
        still = set(frozen)
        learning = [
            one for name, one in model.named_parameters() if id(one) not in whole and name not in still
        ] + [self._weight, self._bias]
        learnt = {id(one) for one in learning}
        for one in model.parameters():
            one.requires_grad_(id(one) in learnt)
        super().__init__(learning, iterations, rate)

    def loss(self, batch: Batch) -> torch.Tensor:
        """CTC loss of a batch, per character."""
        pictures, labels, lengths = batch
        device = self._weight.device
        given = torch.from_numpy(pictures).to(device).contiguous(memory_format=torch.channels_last)
        with torch.autocast(device.type, torch.bfloat16, enabled=self._mixed):
            raw = self.model(given, until=self._features) @ self._weight + self._bias
        scores = raw.float().log_softmax(2).transpose(0, 1)
        steps = torch.full((len(lengths),), scores.shape[0])
        losses = functional.ctc_loss(
            scores,
            torch.from_numpy(labels).to(device),
            steps,
            torch.from_numpy(lengths),
            reduction="none",
            zero_infinity=True,
        )
        # Per character; a picture without text would else weigh as much as all others together.
        weights = torch.from_numpy(lengths).clamp(min=scores.shape[0] // 3 + 1).to(device)
        return (losses / weights).mean()

    def learn(self, batch: Batch, counts: float = 1.0, together: Together | None = None) -> float:
        """Learn from a batch, or with others from `part` of it; returns its loss.

        `together` as for `Learning.update`.
        """
        return self.update(self.loss(batch) * counts, together)

    def settle(self) -> None:
        """Put the classes that learn back into the head."""
        self._full_weight[:, self._kept] = self._weight
        self._full_bias[self._kept] = self._bias


def train(
    model: Graph, iterations: int, rate: float, seed: int, every: int, save: Callable[[], None]
) -> None:
    """Train in place by CTC loss, AdamW, a warm-up and a cosine.

    Args:
        model: a recogniser whose output is N x steps x classes.
        iterations: batches to learn from.
        rate: highest learning rate.
        seed: of the lines drawn and of the classes that stay frozen.
        every: iterations between two calls of `save`, which is also called at the end.
        save: writes `model`, whose parameters are then running averages of what was learnt.
    """
    torch.manual_seed(seed)
    characters = ["", *model.characters, " "]
    kept = trained_classes(characters, seed)
    classes = {characters[index]: position for position, index in enumerate(kept)}
    tuning = Tuning(model, kept, iterations, rate)
    source = batches(seed, classes)
    recent: list[float] = []
    started = time.perf_counter()
    for step in range(1, iterations + 1):
        recent.append(tuning.learn(next(source)))
        if step % 20 == 0 or step == 1:
            spent = time.perf_counter() - started
            print(f"step={step} loss={np.mean(recent[-20:]):.4f} seconds={spent:.0f}", flush=True)
        if step % every == 0 or step == iterations:
            with tuning.averaged():
                save()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rec", type=Path, required=True, help="released recogniser (ONNX)")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--iterations", type=int, default=600)
    parser.add_argument("--rate", type=float, default=1e-4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--half", action="store_true", help="write float16 weights: half the file, the same operations"
    )
    parser.add_argument("--every", type=int, default=100, help="write the file every so many iterations")
    parser.add_argument(
        "--threads", type=int, default=1, help="more are slower while the machine does other work"
    )
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if missing := typefaces.missing():
        print(f"not installed, so never drawn: {', '.join(missing)}", flush=True)
    model = Graph(options.rec)

    def save() -> None:
        model.save(options.out, half=options.half)
        print(f"saved={options.out}", flush=True)

    train(model, options.iterations, options.rate, options.seed, options.every, save)


if __name__ == "__main__":
    main()
