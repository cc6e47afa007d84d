"""Fit what confidences mean, and check it on sheets that neither the network nor the fit has seen.

    python -m benchmarks.calibration --model DIR [--write]

Reads generated sheets of every kind and look with the model (its calibration switched off), fits the share
of right texts by isotonic regression over the network's confidence, and prints the expected calibration error
before and after on other generated sheets and, where they are, on the labelled drawings of ../shared/data.
With --write the map goes to containers/inference/weights/calibration.json: the next model is built with it.
"""

import argparse
import itertools
import json
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from drawops_vision import artifact
from drawops_vision.evaluation.calibration import calibration
from drawops_vision.evaluation.scoring import Labelled, match, read_labels
from drawops_vision.reader import Reader
from drawops_vision.sheets import Kind, Look, generate
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy.optimize import isotonic_regression

WEIGHTS = Path(__file__).parents[1] / "containers" / "inference" / "weights"
DATA = Path(__file__).parents[2] / "shared" / "data"
REAL = ("dexpi/Label.txt", "dexpi/Label_hard.txt", "mechanical/Label.txt")
FIT_SEEDS, CHECK_SEEDS = 20_000, 30_000
KNOTS = 12
# Confidences are believed no further than this: a few hundred texts cannot show more.
MOST, LEAST = 0.995, 0.02

Pairs = tuple[NDArray[np.float64], NDArray[np.bool_]]
"""Confidence of every text that was read, and whether it is right."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns the exit code."""
    command = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    command.add_argument("--model", type=Path, required=True, metavar="DIR", help="unpacked model artifact")
    command.add_argument(
        "--sheets", type=int, default=24, help="sheets to fit on; two thirds as many check it"
    )
    command.add_argument("--write", action="store_true", help=f"write {WEIGHTS.name}/calibration.json")
    options = command.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        reader = Reader(_uncalibrated(options.model, Path(temporary)))
        fitted = fit(*_pairs(reader, track(list(_generated(FIT_SEEDS, options.sheets)), "reading to fit")))
        table = Table("sheets", "texts read", "right", "ECE before", "ECE after", title="confidence")
        checks = list(_generated(CHECK_SEEDS, options.sheets * 2 // 3))
        _row(table, "generated, unseen", fitted, _pairs(reader, track(checks, "reading to check")))
        for name in REAL:
            if (DATA / name).exists():
                _row(table, name, fitted, _pairs(reader, track(list(_labelled(DATA / name)), name)))
    Console().print(table)
    if options.write:
        (WEIGHTS / "calibration.json").write_text(json.dumps(fitted.model_dump(), indent=1) + "\n")
    return 0


def fit(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> artifact.Calibration:
    """The rising map from confidence to share of right texts, with at most `KNOTS` knots."""
    order = np.argsort(confidence, kind="stable")
    shares = isotonic_regression(right[order].astype(float)).x
    # Knots stand at equal shares of the texts: where texts are, the map is fine.
    groups = np.array_split(np.arange(len(order)), KNOTS)
    network = [float(confidence[order][group].mean()) for group in groups if len(group)]
    mapped = [float(shares[group].mean()) for group in groups if len(group)]
    knots = [(0.0, LEAST), *zip(network, mapped, strict=True), (1.0, mapped[-1])]
    kept = [knots[0]]
    for knot in knots[1:]:
        if round(knot[0], 4) > kept[-1][0]:
            kept.append((round(knot[0], 4), round(min(MOST, max(knot[1], kept[-1][1])), 4)))
    return artifact.Calibration(network=tuple(x for x, _ in kept), right=tuple(y for _, y in kept))


def _uncalibrated(model: Path, folder: Path) -> Path:
    """A copy of a model whose confidences are the network's own."""
    for file in artifact.FILES:
        shutil.copyfile(model / file, folder / file)
    given = artifact.Model(model).manifest
    artifact.write_manifest(
        folder,
        name=given.name,
        version=given.version,
        preprocessing=given.preprocessing,
        thresholds=given.thresholds,
    )
    return folder


def _generated(first: int, count: int) -> Iterator[tuple[bytes, list[Labelled]]]:
    """Sheets of all kinds and looks in turn, every other one tidy, as PNG with their truth."""
    kinds, looks = itertools.cycle(Kind), itertools.cycle(Look)
    for number in range(count):
        sheet = generate(
            first + number,
            "A4",
            (300, 200, 250)[number // 2 % 3],
            next(looks),
            chinese=number % 5 == 0,
            kind=next(kinds),
            hard=number % 2 == 0,
        )
        yield sheet.png(), list(sheet.truth)


def _labelled(path: Path) -> Iterator[tuple[bytes, list[Labelled]]]:
    for name, labels in read_labels(path).items():
        yield (path.parent / name).read_bytes(), list(labels)


def _pairs(reader: Reader, sheets: Iterable[tuple[bytes, list[Labelled]]]) -> Pairs:
    confidence: list[float] = []
    right: list[bool] = []
    for data, labels in sheets:
        matching = match(labels, reader.read(data).pages[0].texts)
        correct = {column for _, column in matching.correct}
        confidence += [text.confidence for text in matching.predictions]
        right += [column in correct for column in range(len(matching.predictions))]
    return np.array(confidence), np.array(right)


def _row(table: Table, name: str, fitted: artifact.Calibration, pairs: Pairs) -> None:
    confidence, right = pairs
    after = np.interp(confidence, fitted.network, fitted.right)
    measured = [calibration(values.tolist(), right.tolist()) for values in (confidence, after)]
    errors = [f"{one.ece:.4f}" if one else "-" for one in measured]
    table.add_row(name, str(len(right)), f"{right.mean():.3f}" if len(right) else "-", *errors)


if __name__ == "__main__":
    sys.exit(main())
