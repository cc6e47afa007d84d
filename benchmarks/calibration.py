"""Fit what confidences are reckoned from, and check them on sheets that neither network nor fit has seen.

    python -m benchmarks.calibration --model DIR [--sheets 48] [--samples FILE.npz] [--write]

Reads generated sheets of every kind and look, half of them tidy, and the labelled drawings of ../shared/data
where they are. Fits the share of right texts (logistic regression, `drawops_vision.confidence`) and prints,
for sheets that the fit has not seen, the expected calibration error, the error that a perfectly calibrated
reader of as many texts would show by chance, and how well confidence tells right from wrong:

    network      the recognition network's own confidence
    shipped      fitted on generated sheets alone, none of those that are checked
    left out     fitted on generated sheets and on the real drawings but the one that is checked

With --samples what was measured is kept in a file, and taken from it when it is there: reading takes
minutes, fitting a second. With --write the fit on generated sheets goes to
containers/inference/weights/calibration.json (the next model is built with it), the tables and the
reliability diagram to docs/benchmarks.
"""

import argparse
import io
import json
import os
import random
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
from drawops_vision import artifact
from drawops_vision.confidence import confidences, fit
from drawops_vision.evaluation.calibration import auroc, calibration, chance
from drawops_vision.evaluation.scoring import Labelled, match, read_labels
from drawops_vision.features import FEATURES
from drawops_vision.reader import Reader
from drawops_vision.sheets import Kind, Look, generate
from matplotlib.figure import Figure
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

WEIGHTS = Path(__file__).parents[1] / "containers" / "inference" / "weights"
DATA = Path(__file__).parents[2] / "shared" / "data"
OUT = Path(__file__).parents[1] / "docs" / "benchmarks"
REAL = ("dexpi/Label.txt", "dexpi/Label_hard.txt", "mechanical/Label.txt")
FIT, CHECK = "generated, fitted on", "generated, unseen"
FIT_SEEDS, CHECK_SEEDS = 20_000, 30_000
LEAST_CONFIDENT = (0.05, 0.1, 0.2)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Task:
    """A sheet to read: a generated one by its seed, or a labelled picture.

    Attributes:
        name: of the set of sheets.
        drawing: of the drawing; pictures of one drawing are left out together.
        seed: of a generated sheet.
        picture: file of a labelled one.
    """

    name: str
    drawing: str
    seed: int = 0
    picture: Path | None = None


@dataclass(frozen=True)
class Samples:
    """Texts that were read.

    Attributes:
        features: N x len(FEATURES).
        network: the network's own confidence of each.
        right: whether place and string are.
        sets: the set that each stands in.
        drawings: the drawing.
    """

    features: Floats
    network: Floats
    right: NDArray[np.bool_]
    sets: NDArray[np.str_]
    drawings: NDArray[np.str_]

    def of(self, chosen: NDArray[np.bool_]) -> "Samples":
        """Only those that are chosen."""
        return Samples(
            self.features[chosen],
            self.network[chosen],
            self.right[chosen],
            self.sets[chosen],
            self.drawings[chosen],
        )

    def keep(self, file: Path) -> None:
        """Write to a file."""
        names = np.array(list(FEATURES))
        np.savez_compressed(
            file,
            names=names,
            features=self.features,
            network=self.network,
            right=self.right,
            sets=self.sets,
            drawings=self.drawings,
        )

    @classmethod
    def kept(cls, file: Path) -> "Samples":
        """Read such a file; features that it has beyond those of today are left out.

        Raises:
            ValueError: it lacks a feature.
        """
        with np.load(file, allow_pickle=False) as held:
            names = held["names"].tolist()
            if missing := FEATURES.keys() - set(names):
                raise ValueError(f"{file} lacks {', '.join(sorted(missing))}; measure again.")
            columns = [names.index(name) for name in FEATURES]
            return cls(
                held["features"][:, columns], held["network"], held["right"], held["sets"], held["drawings"]
            )


def generated(task: Task) -> tuple[bytes, list[Labelled]]:
    """A generated sheet of task's seed: every kind and look, half of them tidy and half clean or scanned."""
    rng = random.Random(task.seed)
    look = rng.choice(list(Look)) if rng.random() < 0.6 else rng.choice((Look.CLEAN, Look.SCANNED))
    sheet = generate(
        task.seed,
        "A4",
        rng.choice((300, 300, 250, 200)),
        look,
        chinese=task.seed % 8 == 0,
        kind=(*Kind, Kind.PID)[task.seed % 4],
        hard=rng.random() < 0.5,
    )
    return sheet.png(), list(sheet.truth)


def tasks(sheets: int) -> Iterator[Task]:
    """All sheets: so many generated ones to fit on, half as many to check, and the labelled drawings."""
    for label_file in REAL:
        if (DATA / label_file).exists():
            for name in read_labels(DATA / label_file):
                # Two pictures of one drawing, by different programs, begin with the same number.
                drawing = re.split(r"[-.]", Path(name).name)[0]
                yield Task(label_file, drawing, picture=(DATA / label_file).parent / name)
    for name, first, count in ((FIT, FIT_SEEDS, sheets), (CHECK, CHECK_SEEDS, sheets // 2)):
        for seed in range(first, first + count):
            yield Task(name, str(seed), seed)


_reader: list[Reader] = []


def _load(model: Path) -> None:
    _reader.append(Reader(model, threads=1))


def measure(task: Task) -> Samples:
    """Read a sheet and say what is right (in a process that has loaded a model without calibration)."""
    labels: Sequence[Labelled]
    if task.picture is None:
        data, labels = generated(task)
    else:
        data = task.picture.read_bytes()
        labels = read_labels(DATA / task.name)[task.picture.relative_to((DATA / task.name).parent).as_posix()]
    reading, features = _reader[0].read_with_features(data)
    matching = match(labels, reading.pages[0].texts)
    correct = {column for _, column in matching.correct}
    texts = matching.predictions
    return Samples(
        np.array([features[text.id] for text in texts]).reshape(-1, len(FEATURES)),
        np.array([text.confidence for text in texts]),
        np.array([column in correct for column in range(len(texts))], bool),
        np.array([task.name] * len(texts)),
        np.array([task.drawing] * len(texts)),
    )


def measure_all(model: Path, sheets: int, console: Console) -> Samples:
    """Read all sheets, one process a core."""
    todo = list(tasks(sheets))
    with tempfile.TemporaryDirectory() as folder:
        _uncalibrated(model, Path(folder))
        with ProcessPoolExecutor(os.cpu_count(), initializer=_load, initargs=(Path(folder),)) as pool:
            parts = list(track(pool.map(measure, todo), "reading", len(todo), console=console))
    return Samples(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("features", "network", "right", "sets", "drawings")
        )
    )


def _uncalibrated(model: Path, folder: Path) -> None:
    """A copy of a model whose confidences are the network's own."""
    for file in artifact.FILES:
        shutil.copyfile(model / file, folder / file)
    given = json.loads((model / artifact.MANIFEST).read_text())
    manifest = artifact.Manifest.model_validate(given | {"calibration": None})
    artifact.write_manifest(
        folder,
        name=manifest.name,
        version=manifest.version,
        preprocessing=manifest.preprocessing,
        thresholds=manifest.thresholds,
    )


def left_out(samples: Samples, real: NDArray[np.bool_], base: NDArray[np.bool_]) -> Floats:
    """Confidence of every real text by a fit on the texts of `base` and of all other real drawings."""
    answer = np.full(len(samples.right), np.nan)
    for drawing in np.unique(samples.drawings[real]):
        out = real & (samples.drawings == drawing)
        rest = samples.of((base | real) & ~out)
        answer[out] = confidences(fit(rest.features, rest.right), samples.features[out])
    return answer


@dataclass(frozen=True)
class Row:
    """How confidences of one kind fit one set of sheets; fields as in `HEADINGS`."""

    sheets: str
    kind: str
    texts: int
    right: float
    ece: float
    chance: float
    auroc: float | None
    wrong: tuple[float, ...]

    def cells(self) -> list[str]:
        """What the tables show."""
        return [
            self.sheets,
            self.kind,
            f"{self.texts:,}",
            f"{self.right:.3f}",
            f"{self.ece:.4f}",
            f"{self.chance:.4f}",
            f"{self.auroc:.3f}" if self.auroc is not None else "",
            " / ".join(f"{share:.2f}" for share in self.wrong),
        ]


HEADINGS = (
    "sheets",
    "confidence",
    "texts",
    "right",
    "ECE",
    "by chance",
    "AUROC",
    "wrong among the least sure 5 / 10 / 20 %",
)


def row(sheets: str, kind: str, confidence: Floats, right: NDArray[np.bool_]) -> Row:
    """Compare confidences with what is right."""
    found = calibration(confidence.tolist(), right.tolist())
    if found is None:
        raise ValueError(f"no text was read on {sheets}")
    order = np.argsort(confidence, kind="stable")
    return Row(
        sheets,
        kind,
        len(right),
        float(right.mean()),
        found.ece,
        chance(confidence.tolist()),
        auroc(confidence.tolist(), right.tolist()),
        tuple(float((~right[order[: max(1, int(len(right) * share))]]).mean()) for share in LEAST_CONFIDENT),
    )


def check(samples: Samples) -> tuple[list[Row], dict[str, dict[str, tuple[Floats, NDArray[np.bool_]]]]]:
    """All rows, and by kind of confidence and set of sheets what the reliability diagram shows."""
    base, unseen = samples.sets == FIT, samples.sets == CHECK
    real = ~base & ~unseen
    fitted = confidences(fit(samples.features[base], samples.right[base]), samples.features)
    kinds = {"network": samples.network, "shipped": fitted}
    if real.any():
        held = left_out(samples, real, base)
        both = samples.of(base | real)
        held[unseen] = confidences(fit(both.features, both.right), samples.features[unseen])
        kinds["left out"] = held
    sets = {name: samples.sets == name for name in (CHECK, *REAL) if (samples.sets == name).any()}
    if real.any():
        sets["the real ones together"] = real
    rows = []
    curves: dict[str, dict[str, tuple[Floats, NDArray[np.bool_]]]] = {}
    for name, chosen in sets.items():
        for kind, values in kinds.items():
            rows.append(row(name, kind, values[chosen], samples.right[chosen]))
            curves.setdefault(kind, {})[name] = (values[chosen], samples.right[chosen])
    return rows, curves


def diagram(curves: Mapping[str, Mapping[str, tuple[Floats, NDArray[np.bool_]]]]) -> bytes:
    """Reliability diagrams of the network's confidence and of the fitted one side by side, as SVG."""
    shown = {kind: curves[kind] for kind in ("network", "shipped")}
    with mpl.rc_context({"svg.hashsalt": "drawops", "svg.fonttype": "none", "font.size": 9}):
        canvas = Figure(figsize=(9, 4.4), layout="constrained")
        for place, (kind, sets) in enumerate(shown.items(), start=1):
            axes = canvas.add_subplot(1, 2, place)
            axes.plot([0, 1], [0, 1], color="#999999", linewidth=1, linestyle="--")
            for name, (values, right) in sets.items():
                found = calibration(values.tolist(), right.tolist())
                assert found is not None
                points = [(one.confidence, one.accuracy) for one in found.bins]
                axes.plot(*zip(*points, strict=True), "o-", linewidth=1.2, markersize=3.5, label=name)
            axes.set(xlim=(0.2, 1.01), ylim=(0.2, 1.01), xlabel="mean confidence of a bin")
            axes.set(ylabel="share that is right", title=TITLES[kind])
            axes.grid(color="#dddddd", linewidth=0.6)
            if place == 1:
                axes.legend(frameon=False, loc="lower left")
        file = io.BytesIO()
        canvas.savefig(file, format="svg", facecolor="white", metadata={"Date": None})
    return file.getvalue()


TITLES = {
    "network": "the network's own confidence",
    "shipped": "as shipped, fitted on generated sheets",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns the exit code."""
    command = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    command.add_argument("--model", type=Path, required=True, metavar="DIR", help="unpacked model artifact")
    command.add_argument("--sheets", type=int, default=48, help="generated to fit on; half as many check it")
    command.add_argument(
        "--samples", type=Path, metavar="FILE.npz", help="keep what was measured, or take it"
    )
    command.add_argument("--write", action="store_true", help="write calibration.json and the pages in docs")
    options = command.parse_args(arguments)
    console = Console(width=150)
    if options.samples and options.samples.exists():
        samples = Samples.kept(options.samples)
    else:
        samples = measure_all(options.model, options.sheets, console)
        if options.samples:
            samples.keep(options.samples)
    rows, curves = check(samples)
    table = Table(*HEADINGS, title="what confidences mean")
    for one in rows:
        table.add_row(*one.cells())
    console.print(table)
    if options.write:
        base = samples.of(samples.sets == FIT)
        fitted = fit(base.features, base.right)
        (WEIGHTS / "calibration.json").write_text(json.dumps(fitted.model_dump(), indent=1) + "\n")
        (OUT / "calibration.svg").write_bytes(diagram(curves))
        (OUT / "calibration.md").write_text(markdown(rows, samples), "utf-8")
    return 0


def markdown(rows: Sequence[Row], samples: Samples) -> str:
    """The page for docs/benchmarks."""
    counts = {name: len(np.unique(samples.drawings[samples.sets == name])) for name in (FIT, CHECK)}
    lines = [
        "# What confidences mean",
        "",
        "Written by `python -m benchmarks.calibration --write`; do not edit.",
        "",
        f"{counts[FIT]} generated sheets to fit on ({int((samples.sets == FIT).sum()):,} texts), "
        f"{counts[CHECK]} others to check, and the labelled real drawings. A text is right when place and "
        "string are. *network*: the recognition network's own confidence. *shipped*: fitted on generated "
        "sheets alone. "
        "*left out*: fitted on generated sheets and all real drawings but the one that is checked. "
        "*ECE*: ten bins of equal mass. *By chance*: what a perfectly calibrated reader would show for as "
        "many texts of such confidences.",
        "",
        "| " + " | ".join(HEADINGS) + " |",
        "|---|---" + "|--:" * (len(HEADINGS) - 2) + "|",
        *("| " + " | ".join(one.cells()) + " |" for one in rows),
        "",
        "![Reliability diagrams](calibration.svg)",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
