"""A training job on this disk: what SageMaker lays before the program `train`, and how that is started."""

import argparse
import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from benchmarks import gate_data

ROOT = Path(__file__).parents[1]
SOURCES = (ROOT / "containers" / "training", ROOT / "containers" / "vision", ROOT / "layers" / "core")


def command(description: str | None) -> argparse.ArgumentParser:
    """A command line with what every benchmark that trains must be told."""
    made = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--model", type=Path, required=True, help="the parent's model.tar.gz")
    made.add_argument("--python", type=Path, required=True, help="Python of the training environment")
    return made


def environment(**more: str) -> dict[str, str]:
    """Variables under which a Python of the training environment finds our packages."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, SOURCES)), **more}


def lay(root: Path, model: Path, placed: Iterable[gate_data.Placed], settings: Mapping[str, str]) -> None:
    """Lay a job's channels and hyperparameters under a new `root`; one that is there goes.

    Args:
        root: stands for /opt/ml.
        model: the parent's model.tar.gz.
        placed: the pages of the dataset version.
        settings: hyperparameters, as strings.
    """
    shutil.rmtree(root, ignore_errors=True)
    manifest = gate_data.write(root / "input" / "data" / "dataset", placed)
    (root / "input" / "data" / "model").mkdir(parents=True)
    shutil.copyfile(model, root / "input" / "data" / "model" / "model.tar.gz")
    (root / "input" / "config").mkdir()
    told = {
        **settings,
        "project": gate_data.PROJECT,
        "dataset_version": manifest.version,
        "model_name": "benchmark",
        "model_version": "0.0.1",
        "run_id": "t-" + "0" * 20,
    }
    (root / "input" / "config" / "hyperparameters.json").write_text(json.dumps(told))


def start(python: Path, root: Path, *, own_group: bool = False, **more: str) -> "subprocess.Popen[bytes]":
    """Start the job; what it says is appended to `root`/log.

    Args:
        python: of the training environment.
        root: see `lay`.
        own_group: it leads a process group, which can be killed as a whole.
        more: further variables.
    """
    with (root / "log").open("ab") as log:
        return subprocess.Popen(
            [python, ROOT / "containers" / "training" / "train.py"],
            env=environment(DRAWOPS_ML_ROOT=str(root), **more),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=own_group,
        )
