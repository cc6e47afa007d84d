"""A training that is killed again and again, beside trainings that nobody disturbs.

    python -m benchmarks.interruption --model model.tar.gz --python PYTHON [--kills 3] [--keep FOLDER]

A small training job of containers/training is killed (SIGKILL, the whole process group) at random moments and
started anew, as managed spot does, until it is done. The same job runs undisturbed with its seed and with two
others. Prints tables as Markdown. Exit code 1 when the killed job's recogniser is not byte for byte that of
its seed, or when its CER on val pages lies outside what the seeds span. Takes ten minutes on two cores.
"""

import argparse
import hashlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from drawops.contracts.datasets import Split
from drawops_vision import artifact
from drawops_vision.evaluation.markdown import table
from drawops_vision.sheets import Hand, generate

from benchmarks import gate_data, training_job

SETTINGS = {
    "iterations": "24",
    "learning_rate": "5e-4",
    "batch_columns": "1280",
    "general_share": "0.25",
    "evaluate_every": "8",
    "checkpoint_every": "3",
    "retention_groups": "1",
}
SPLITS = (Split.TRAIN, Split.TRAIN, Split.TRAIN, Split.VAL)
SOONEST, LATEST = 0.1, 0.6
"""When a start is killed, as parts of what the undisturbed job takes."""


@dataclass(frozen=True)
class Kill:
    """A start that was ended.

    Attributes:
        after: seconds since it began.
        doing: the last that it had said.
    """

    after: float
    doing: str


@dataclass(frozen=True)
class Run:
    """A job that is done."""

    name: str
    seed: int
    seconds: float
    before: float
    after: float
    sha256: str
    kills: list[Kill] = field(default_factory=list)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns the exit code."""
    command = training_job.command(__doc__)
    command.add_argument("--kills", type=int, default=3)
    command.add_argument("--seed", type=int, default=1, help="of the moments")
    command.add_argument("--keep", type=Path, metavar="FOLDER", help="leave roots and logs there")
    options = command.parse_args(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch)
        runs = [
            undisturbed(prepared(folder, options, f"seed-{seed}", seed), options, seed) for seed in (1, 2, 3)
        ]
        root = prepared(folder, options, "killed", 1)
        moments = random.Random(options.seed)
        longest = runs[0].seconds
        wanted = [moments.uniform(SOONEST, LATEST) * longest for _ in range(options.kills)]
        runs.append(killed(root, options, wanted))
    print(page(runs))
    same = runs[-1].sha256 == runs[0].sha256
    errors = [run.after for run in runs[:-1]]
    within = min(errors) <= runs[-1].after <= max(errors)
    print(
        f"\nKilled {len(runs[-1].kills)} times. Same bytes as undisturbed: {'yes' if same else 'NO'}. CER "
        f"within the seeds' spread ({min(errors):.4f} to {max(errors):.4f}): {'yes' if within else 'NO'}."
    )
    return 0 if same and within and len(runs[-1].kills) == options.kills else 1


def prepared(folder: Path, options: argparse.Namespace, name: str, seed: int) -> Path:
    """Lay a job's channels; returns its root."""
    placed = [
        gate_data.Placed(generate(number, "A5", 100, hand=Hand.SCRIPT, hard=False), f"{number}.png", split)
        for number, split in enumerate(SPLITS, start=1)
    ]
    training_job.lay(folder / name, options.model, placed, {**SETTINGS, "seed": str(seed)})
    return folder / name


def begin(root: Path, options: argparse.Namespace) -> "subprocess.Popen[bytes]":
    """Start the job as the leader of a process group, on one thread."""
    return training_job.start(options.python, root, own_group=True, OMP_NUM_THREADS="1")


def undisturbed(root: Path, options: argparse.Namespace, seed: int) -> Run:
    """Run a job to its end.

    Raises:
        RuntimeError: it failed.
    """
    began = time.perf_counter()
    code = begin(root, options).wait()
    return done(root, code, f"seed {seed}", seed, time.perf_counter() - began)


def killed(root: Path, options: argparse.Namespace, moments: Sequence[float]) -> Run:
    """Start a job, kill it after so many seconds, start it again, and let the last start end.

    Raises:
        RuntimeError: it failed.
    """
    began = time.perf_counter()
    kills: list[Kill] = []
    code: int | None = None
    for moment in moments:
        job = begin(root, options)
        try:
            code = job.wait(moment)
            break  # it was done before
        except subprocess.TimeoutExpired:
            os.killpg(job.pid, signal.SIGKILL)
            job.wait()
            kills.append(Kill(moment, doing(root / "log")))
    else:
        code = begin(root, options).wait()
    return done(root, code, f"seed 1, killed {len(kills)} times", 1, time.perf_counter() - began, kills)


def doing(log: Path) -> str:
    """Where a job was, by its log."""
    said = log.read_text().splitlines()
    known = (
        (r"progress phase=(\S+) step=(\d+/\d+).*", r"\1 after batch \2"),
        (r"metric recognition:val_exact.*", "behind a look at val"),
        (r"resumed (\S+) at batch (\d+)", r"resumed \1 at batch \2"),
        (r"crops: .*", "crops cut, before a batch"),
        (r"calibration .*", "calibrated"),
    )
    for line in reversed(said):
        for pattern, words in known:
            if re.fullmatch(pattern, line):
                return re.sub(pattern, words, line)
    return "loading"


def done(
    root: Path, code: int | None, name: str, seed: int, seconds: float, kills: Sequence[Kill] = ()
) -> Run:
    """What a job left.

    Raises:
        RuntimeError: it failed.
    """
    if code != 0:
        raise RuntimeError(f"{root.name} ended with {code}: {(root / 'log').read_text()[-2000:]}")
    metrics = json.loads((root / "model" / artifact.TRAINING).read_text())["metrics"]
    return Run(
        name,
        seed,
        seconds,
        metrics["recognition_val_cer_before"],
        metrics["recognition_val_cer"],
        hashlib.sha256((root / "model" / artifact.RECOGNITION).read_bytes()).hexdigest(),
        list(kills),
    )


def page(runs: Sequence[Run]) -> str:
    """The tables: jobs, and where the killed one was."""
    jobs = table(
        ("job", "seconds", "val CER before", "val CER after", "rec.onnx"),
        [
            (run.name, f"{run.seconds:.0f}", f"{run.before:.4f}", f"{run.after:.4f}", run.sha256[:12])
            for run in runs
        ],
    )
    kills = table(
        ("killed after", "when it had said"), [(f"{one.after:.0f} s", one.doing) for one in runs[-1].kills]
    )
    return f"{jobs}\n\n{kills}"


if __name__ == "__main__":
    sys.exit(main())
