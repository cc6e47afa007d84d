"""How many labelled sheets does active selection save when the real recogniser learns from them?

    python -m benchmarks.active_learning --model model.tar.gz --python PYTHON [--pools N] [--keep FOLDER]

A pool stands for what comes in at a company: generated sheets of all kinds, clean, scanned and worn, in the
lettering of many offices, one in eight in joined script. The model reads most of them well. It reads all of
the pool once; `select` takes sheets by these readings, chance takes others. The training program of
containers/training learns from the first 4, 8, 16 of each order, always from the same parent, and what comes
out reads the texts of sheets that are as those in the pool and that nobody chose. The same four sheets are
the val split of every training. Prints a table a pool as Markdown. With --keep whatever was read and trained
stays in the folder and is taken from there.
"""

import argparse
import hashlib
import itertools
import json
import random
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from drawops.contracts.reading import Reading
from drawops.labeling.selection import Candidate, candidate, select
from drawops_vision import artifact, ink
from drawops_vision.evaluation.markdown import table
from drawops_vision.recognise import canonical, crop
from drawops_vision.sheets import Hand, Kind, Look, Sheet, generate
from rapidfuzz.distance import Levenshtein
from rich.console import Console
from rich.progress import Progress

from benchmarks import finetuning, training_job

LOOKS = (Look.CLEAN, Look.SCANNED, Look.WORN)
VAL, TESTS = 4, 32
SCRIPT_SHARE = 1 / 8
SETTINGS = {"iterations": "40", "evaluate_every": "10"}


@dataclass(frozen=True)
class World:
    """Sheets by name, and which are the pool, the val split and the test."""

    sheets: Mapping[str, Sheet]
    pool: tuple[str, ...]
    val: tuple[str, ...]
    test: tuple[str, ...]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns the exit code."""
    command = training_job.command(__doc__)
    command.add_argument("--pools", type=int, default=1)
    command.add_argument("--seed", type=int, default=1, help="of the first pool, then +1 each")
    command.add_argument("--pages", type=int, default=64, help="in a pool")
    command.add_argument("--budgets", type=int, nargs="+", default=[4, 8, 16], help="labelled sheets")
    command.add_argument("--orders", type=int, default=3, help="by chance, to average over")
    command.add_argument("--keep", type=Path, metavar="FOLDER")
    options = command.parse_args(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch)
        parent = folder / "parent"
        if not parent.exists():
            artifact.unpack_verified(options.model, parent)
        for seed in range(options.seed, options.seed + options.pools):
            measured = curves(world(seed, options.pages), parent, folder / f"pool-{seed}", options, seed)
            Console(width=150).print(page(measured, options.budgets, seed), markup=False, highlight=False)
    return 0


def world(seed: int, pages: int) -> World:
    """A pool and its sheets for val and test, drawn from the same mixture."""
    chance = random.Random(seed)
    names = [
        *(f"pool-{number:03}" for number in range(pages)),
        *(f"val-{number:03}" for number in range(VAL)),
        *(f"test-{number:03}" for number in range(TESTS)),
    ]
    sheets = {
        name: generate(
            100_000 * seed + number,
            "A4",
            150,
            chance.choice(LOOKS),
            kind=chance.choice(list(Kind)),
            hard=False,
            hand=Hand.SCRIPT if chance.random() < SCRIPT_SHARE else Hand.OFFICE,
        )
        for number, name in enumerate(names)
    }
    return World(sheets, tuple(names[:pages]), tuple(names[pages:-TESTS]), tuple(names[-TESTS:]))


def curves(
    drawn: World, parent: Path, folder: Path, options: argparse.Namespace, seed: int
) -> dict[str, list[float]]:
    """Error rates on the test sheets: of the parent, and after every budget for each way of choosing."""
    chance = random.Random(seed)
    with Progress(transient=True, console=Console(stderr=True)) as bar:
        kept = folder / "read"
        finetuning.read(parent, drawn.sheets, bar.track(drawn.pool, description="reading the pool"), kept)
        orders: dict[str, list[list[str]]] = {
            "random": [chance.sample(drawn.pool, len(drawn.pool)) for _ in range(options.orders)],
            "drawops (both)": [select(candidates(drawn, kept), max(options.budgets))],
        }
        lines = test_lines(drawn, parent)
        measured = {"none": [error_rate(parent, lines)]}
        training = bar.add_task("training", total=sum(map(len, orders.values())) * len(options.budgets))
        for name, tried in orders.items():
            rates: dict[int, list[float]] = {budget: [] for budget in options.budgets}
            for order, budget in itertools.product(tried, options.budgets):
                rates[budget].append(after(order[:budget], drawn, folder, options, lines))
                bar.advance(training)
            measured[name] = [sum(some) / len(some) for some in rates.values()]
    return measured


def candidates(drawn: World, kept: Path) -> list[Candidate]:
    """The pages of the pool as they were read."""
    found = [Reading.model_validate_json((kept / f"{name}.json").read_bytes()) for name in drawn.pool]
    return [candidate(name, one.pages[0]) for name, one in zip(drawn.pool, found, strict=True)]


def after(
    chosen: Sequence[str],
    drawn: World,
    folder: Path,
    options: argparse.Namespace,
    lines: Sequence[finetuning.Line],
) -> float:
    """Error rate of what comes out of a training on `chosen`; it is kept under the names of the sheets."""
    train = sorted(chosen)
    root = folder / f"{len(train)}-{hashlib.sha256(' '.join(train).encode()).hexdigest()[:12]}"
    kept = root / "cer.json"
    if not kept.exists():
        fold = finetuning.Fold(train=tuple(train), val=drawn.val, held_out=drawn.test)
        finetuning.tuned(root, options, drawn.sheets, fold, SETTINGS)
        kept.write_text(json.dumps(error_rate(root / "model", lines)))
    return float(json.loads(kept.read_text()))


def test_lines(drawn: World, model: Path) -> list[finetuning.Line]:
    """Every text of the test sheets, cut out where it stands."""
    padding = artifact.Model(model).manifest.preprocessing.crop_padding
    found = []
    for name in drawn.test:
        pixels = drawn.sheets[name].image.copy()
        ink.normalise(pixels, ink.paper(pixels))
        found += [
            (crop(pixels, np.asarray(text.quad, np.float32), padding), canonical(text.text))
            for text in drawn.sheets[name].truth
        ]
    return found


def error_rate(model: Path, lines: Sequence[finetuning.Line]) -> float:
    """Character error rate: edits over characters, of all lines together."""
    found = finetuning.texts(model, lines)
    edits = sum(Levenshtein.distance(read, text) for read, (_, text) in zip(found, lines, strict=True))
    return edits / sum(len(text) for _, text in lines)


def page(measured: Mapping[str, Sequence[float]], budgets: Sequence[int], seed: int) -> str:
    """The table of a pool."""
    return table(
        (f"pool {seed}: sheets chosen by", *(f"CER with {budget}" for budget in budgets)),
        [
            (name, *(f"{rate:.2%}" for rate in rates), *([""] * (len(budgets) - len(rates))))
            for name, rates in measured.items()
        ],
    )


if __name__ == "__main__":
    sys.exit(main())
