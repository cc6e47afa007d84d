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
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from drawops_training import lines, strings, typefaces
from drawops_training.examples import BUCKET, HEIGHT, WIDEST, Batch, prepared
from drawops_training.graph import Graph
from drawops_training.tuning import Tuner

COLUMNS = 5120
"""Pixel columns of a batch: as many lines as fit."""
POOL = 1200
"""Lines drawn at once and sorted by width, so that batches hold little padding."""
OTHER_CLASSES = 600
"""Random classes beyond the trained ones that stay in the softmax, so that they are not forgotten upwards."""


def trained_classes(characters: list[str], seed: int, more: Collection[str] = ()) -> list[int]:
    """Indices of the classes that learn: blank, space, Latin, symbols, common Chinese, `more`, others."""
    wanted = set(strings.LATIN + strings.SYMBOLS + strings.common_chinese() + "：℃″′–—−∅⌀μ·•→←↑↓|Φφ")
    wanted.update(more)
    for unit in strings.UNITS:
        wanted.update(unit)
    kept = [
        0,
        *(index for index, one in enumerate(characters) if index and one in wanted),
        len(characters) - 1,
    ]
    others = sorted(set(range(len(characters))) - set(kept))
    return kept + sorted(random.Random(seed).sample(others, min(OTHER_CLASSES, len(others))))


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
        pool.sort(key=lambda entry: entry[0])
        groups: list[list[tuple[int, NDArray[np.uint8], str]]] = []
        for entry in pool:
            if not groups or entry[0] * (len(groups[-1]) + 1) > COLUMNS:
                groups.append([])
            groups[-1].append(entry)
        r.shuffle(groups)
        for group in groups:
            columns = max(entry[0] for entry in group)
            pictures = np.stack([prepared(entry[1], columns) for entry in group])
            longest = max(1, *(len(entry[2]) for entry in group))
            labels = np.zeros((len(group), longest), np.int32)
            for row, entry in enumerate(group):
                labels[row, : len(entry[2])] = [classes[one] for one in entry[2]]
            yield pictures, labels, np.array([len(entry[2]) for entry in group], np.int64)


def train(
    model: Graph, iterations: int, rate: float, seed: int, every: int, save: Callable[[], None]
) -> None:
    """Train in place on drawn lines; see `drawops_training.tuning`.

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
    tuner = Tuner(model, kept, iterations=iterations, rate=rate)
    source = batches(seed, classes)
    recent: list[float] = []
    started = time.perf_counter()
    for step in range(1, iterations + 1):
        recent.append(tuner.step(next(source)))
        if step % 20 == 0 or step == 1:
            spent = time.perf_counter() - started
            print(f"step={step} loss={np.mean(recent[-20:]):.4f} seconds={spent:.0f}", flush=True)
        if step % every == 0 or step == iterations:
            with tuner.averaged():
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
