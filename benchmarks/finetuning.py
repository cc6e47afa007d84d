"""What tuning on crops of some sheets brings on others; augmentation and general words on and off.

    python -m benchmarks.finetuning --model model.tar.gz --python PYTHON [--drawings script] [--keep FOLDER]

The training program of containers/training tunes the model, which has only seen generated lines, on the crops
of some sheets; sheets that it has not seen, and lines that were drawn for this measurement, are then read.
`real` are the labelled P&IDs of ../shared/data, split by sheet into two folds. `script` are generated sheets
in joined script: clean ones are learnt from, worn scans of others are read. Prints a table as Markdown. With
--keep what was trained and read stays in the folder and is taken from there.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
from drawops.contracts.datasets import Split
from drawops.contracts.reading import Reading
from drawops_vision import artifact
from drawops_vision.evaluation.markdown import table
from drawops_vision.evaluation.scoring import Label, Score, read_labels, score
from drawops_vision.gate.readings import read_lines
from drawops_vision.reader import Reader
from drawops_vision.recognise import Recogniser, canonical
from drawops_vision.sheets import Hand, Look, generate
from numpy.typing import NDArray
from rich.console import Console

from benchmarks import gate_data, training_job

LABELS = training_job.ROOT.parent / "shared" / "data" / "dexpi" / "Label.txt"
HEX, UER, SAG = "C01V01-HEX.EX02", "UER-2345678_bw", ("C03V01-SAG.EX01", "C05V01-SAG.EX01", "E06V01-SAG.EX01")

Line = tuple[NDArray[np.uint8], str]
"""The picture of a line, and what stands on it."""


@dataclass(frozen=True)
class Fold:
    """Sheets by what they are used for, named by their files' stems."""

    train: tuple[str, ...]
    val: tuple[str, ...]
    held_out: tuple[str, ...]


@dataclass(frozen=True)
class Drawings:
    """Sheets by name, and how they are divided."""

    sheets: Mapping[str, gate_data.Shown]
    folds: tuple[Fold, ...]


REAL_FOLDS = (
    Fold(train=(HEX, SAG[0]), val=(SAG[1],), held_out=(UER, SAG[2])),
    Fold(train=(UER, SAG[2]), val=(SAG[1],), held_out=(HEX, SAG[0])),
)
VARIANTS: dict[str, dict[str, str]] = {
    "crops and general words": {},
    "without augmentation": {"augmentation": "False"},
    "without general words": {"general_share": "0"},
}
UNTUNED = "generated lines only (the model itself)"
GENERAL_LINES = 400
TRAIN, VAL, WORN = range(61_001, 61_007), range(61_101, 61_103), range(61_201, 61_209)
"""Seeds of generated sheets."""


@dataclass(frozen=True)
class RealSheet:
    """A labelled drawing, as `gate_data.Shown` wants it."""

    file: Path
    truth: Sequence[Label]

    @cached_property
    def image(self) -> NDArray[np.uint8]:
        """Grey."""
        return np.asarray(cv2.imdecode(np.frombuffer(self.png(), np.uint8), cv2.IMREAD_GRAYSCALE), np.uint8)

    def png(self) -> bytes:
        """The file as it is."""
        return self.file.read_bytes()


@dataclass(frozen=True)
class Row:
    """What one model reads: held-out sheets of both folds together, and general words."""

    name: str
    held_out: Score
    general: float
    seconds: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns the exit code."""
    command = training_job.command(__doc__)
    command.add_argument("--drawings", choices=sorted(DRAWINGS), default="real")
    command.add_argument("--variants", nargs="+", choices=list(VARIANTS), default=list(VARIANTS))
    command.add_argument("--iterations", type=int, default=40)
    command.add_argument("--keep", type=Path, metavar="FOLDER")
    options = command.parse_args(arguments)
    try:
        drawings = DRAWINGS[options.drawings]()
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return 2
    lines = general_lines(options.python)
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch)
        untuned = folder / "untuned"
        if not untuned.exists():
            artifact.unpack_verified(options.model, untuned)
        held_out = Score()
        for number, fold in enumerate(drawings.folds):
            held_out += read(untuned, drawings.sheets, fold.held_out, folder / f"read-{number}-untuned")
        rows = [Row(UNTUNED, held_out, exact(untuned, lines), 0.0)]
        for variant in options.variants:
            held_out, general, seconds = Score(), [], 0.0
            for number, fold in enumerate(drawings.folds):
                root = folder / f"{number}-{variant.replace(' ', '-')}"
                chosen = {"iterations": str(options.iterations), "evaluate_every": "10"} | VARIANTS[variant]
                seconds += tuned(root, options, drawings.sheets, fold, chosen)
                held_out += read(root / "model", drawings.sheets, fold.held_out, folder / f"read-{root.name}")
                general.append(exact(root / "model", lines))
            rows.append(Row(variant, held_out, sum(general) / len(general), seconds / len(drawings.folds)))
            Console(width=150).print(page(rows), markup=False, highlight=False)
    return 0


def real() -> Drawings:
    """The labelled P&IDs.

    Raises:
        FileNotFoundError: they are not there.
    """
    if not LABELS.exists():
        raise FileNotFoundError(f"there are no labelled drawings: {LABELS} is missing")
    labelled = read_labels(LABELS).items()
    return Drawings(
        {Path(name).stem: RealSheet(LABELS.parent / name, labels) for name, labels in labelled}, REAL_FOLDS
    )


def script() -> Drawings:
    """Generated sheets in joined script: clean ones for training and val, worn scans of others."""
    sheets = {
        f"script-{seed}": generate(
            seed, "A4", 150, Look.WORN if seed in WORN else Look.CLEAN, hand=Hand.SCRIPT, hard=False
        )
        for seed in (*TRAIN, *VAL, *WORN)
    }
    named = [tuple(f"script-{seed}" for seed in seeds) for seeds in (TRAIN, VAL, WORN)]
    return Drawings(sheets, (Fold(*named),))


DRAWINGS = {"real": real, "script": script}


def tuned(
    root: Path,
    options: argparse.Namespace,
    sheets: Mapping[str, gate_data.Shown],
    fold: Fold,
    settings: Mapping[str, str],
) -> float:
    """Run the training job in `root` unless it has been run; returns its seconds (0 when it had).

    Raises:
        RuntimeError: it failed.
    """
    if (root / "model" / artifact.TRAINING).exists():
        return 0.0
    placed = [
        gate_data.Placed(sheets[name], f"{name}.png", split)
        for split, names in ((Split.TRAIN, fold.train), (Split.VAL, fold.val))
        for name in names
    ]
    training_job.lay(root, options.model, placed, settings)
    started = time.perf_counter()
    if code := training_job.start(options.python, root).wait():
        raise RuntimeError(f"{root.name} ended with {code}: {(root / 'log').read_text()[-2000:]}")
    return time.perf_counter() - started


def read(model: Path, sheets: Mapping[str, gate_data.Shown], names: Iterable[str], kept: Path) -> Score:
    """Read sheets end to end and score them; readings stay in `kept`."""
    kept.mkdir(parents=True, exist_ok=True)
    reader: Reader | None = None
    total = Score()
    for name in names:
        file = kept / f"{name}.json"
        if not file.exists():
            reader = reader or Reader(model, 0)
            file.write_text(reader.read(sheets[name].png()).model_dump_json())
        reading = Reading.model_validate_json(file.read_bytes())
        total += score(sheets[name].truth, reading.pages[0].texts)
    return total


def general_lines(python: Path) -> list[Line]:
    """Lines that no training has drawn, drawn in the training environment."""
    with tempfile.TemporaryDirectory() as scratch:
        drawn = Path(scratch) / "lines.npz"
        subprocess.run(
            [python, "-c", _DRAW, str(drawn), str(GENERAL_LINES)], env=training_job.environment(), check=True
        )
        with np.load(drawn, allow_pickle=False) as stored:
            return [(stored[f"p{number}"], str(text)) for number, text in enumerate(stored["texts"])]


_DRAW = """
import itertools, sys
import numpy as np
from drawops_training.lines import lines
drawn = list(itertools.islice(lines(987654), int(sys.argv[2])))
np.savez(sys.argv[1], texts=np.array([text for _, text in drawn]),
         **{f"p{number}": picture for number, (picture, _) in enumerate(drawn)})
"""


def texts(model: Path, lines: Sequence[Line]) -> list[str]:
    """What a model reads on each line."""
    found = read_lines(Recogniser(artifact.Model(model), 0), [picture for picture, _ in lines])
    return [one.text for one in found]


def exact(model: Path, lines: Sequence[Line]) -> float:
    """Share of lines that are read exactly."""
    return float(
        np.mean([one == canonical(text) for one, (_, text) in zip(texts(model, lines), lines, strict=True)])
    )


def page(rows: Sequence[Row]) -> str:
    """The table."""
    return table(
        ("tuned on", "held-out sheets: F1", "P", "R", "CER", "general words exact", "seconds a training"),
        [
            (
                row.name,
                *(row.held_out.f1, row.held_out.precision, row.held_out.recall, row.held_out.cer),
                row.general,
                f"{row.seconds:.0f}" if row.seconds else "",
            )
            for row in rows
        ],
    )


if __name__ == "__main__":
    sys.exit(main())
