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
import json
import random
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from drawops.contracts.reading import Reading
from drawops.labeling.selection import candidate, select
from drawops_vision import artifact, ink
from drawops_vision.evaluation.markdown import table
from drawops_vision.gate.readings import read_lines
from drawops_vision.recognise import Recogniser, canonical, crop
from drawops_vision.sheets import Hand, Kind, Look, Sheet, generate
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein
from rich.console import Console
from rich.progress import Progress

from benchmarks import finetuning

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


@dataclass(frozen=True)
class Line:
    """A text of a test sheet, cut out."""

    picture: NDArray[np.uint8]
    text: str


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns the exit code."""
    command = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    command.add_argument("--model", type=Path, required=True, help="the parent's model.tar.gz")
    command.add_argument("--python", type=Path, required=True, help="Python of the training environment")
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
        reading = bar.add_task("reading the pool", total=len(drawn.pool))
        seen = []
        for name, found in read_pool(drawn, parent, folder / "read"):
            seen.append(candidate(name, found.pages[0]))
            bar.advance(reading)
        orders: dict[str, list[list[str]]] = {
            "random": [chance.sample(drawn.pool, len(drawn.pool)) for _ in range(options.orders)],
            "drawops (both)": [select(seen, max(options.budgets))],
        }
        lines = test_lines(drawn, parent)
        measured = {"none": [error_rate(parent, lines)]}
        jobs = sum(map(len, orders.values())) * len(options.budgets)
        training = bar.add_task("training", total=jobs)
        for name, tried in orders.items():
            rates = np.zeros((len(tried), len(options.budgets)))
            for number, order in enumerate(tried):
                for at, budget in enumerate(options.budgets):
                    root = folder / f"{name.split()[0]}-{number}-{budget}"
                    rates[number, at] = after(root, drawn, order[:budget], options, lines)
                    bar.advance(training)
            measured[name] = [float(rate) for rate in rates.mean(axis=0)]
    return measured


def read_pool(drawn: World, parent: Path, kept: Path) -> list[tuple[str, Reading]]:
    """What the parent reads on each page of the pool."""
    finetuning.read(parent, drawn.sheets, drawn.pool, kept)
    return [(name, Reading.model_validate_json((kept / f"{name}.json").read_bytes())) for name in drawn.pool]


def after(
    root: Path, drawn: World, chosen: Sequence[str], options: argparse.Namespace, lines: Sequence[Line]
) -> float:
    """Error rate of what comes out of a training on `chosen`."""
    kept = root / "cer.json"
    if not kept.exists():
        fold = finetuning.Fold(train=tuple(chosen), val=drawn.val, held_out=drawn.test)
        finetuning.tuned(root, options, drawn.sheets, fold, SETTINGS)
        kept.write_text(json.dumps(error_rate(root / "model", lines)))
    return float(json.loads(kept.read_text()))


def test_lines(drawn: World, model: Path) -> list[Line]:
    """Every text of the test sheets, cut out where it stands."""
    padding = artifact.Model(model).manifest.preprocessing.crop_padding
    found = []
    for name in drawn.test:
        pixels = drawn.sheets[name].image.copy()
        ink.normalise(pixels, ink.paper(pixels))
        found += [
            Line(crop(pixels, np.asarray(text.quad, np.float32), padding), canonical(text.text))
            for text in drawn.sheets[name].truth
        ]
    return found


def error_rate(model: Path, lines: Sequence[Line]) -> float:
    """Character error rate: edits over characters, of all lines together."""
    found = read_lines(Recogniser(artifact.Model(model), 0), [line.picture for line in lines])
    edits = sum(Levenshtein.distance(one.text, line.text) for one, line in zip(found, lines, strict=True))
    return edits / sum(len(line.text) for line in lines)


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
