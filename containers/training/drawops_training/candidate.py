"""From trained networks to the model artifact: files, parity, calibration, manifest."""

import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from drawops.contracts.training import Hyperparameters
from drawops_vision import artifact
from drawops_vision.detect import session
from numpy.typing import NDArray

from drawops_training.errors import TrainingFailed
from drawops_training.examples import BUCKET, HEIGHT, Crop, Examples, prepared
from drawops_training.finetuning import History, string
from drawops_training.graph import Graph
from drawops_training.place import Task

PARITY = 1e-3
"""Largest difference of a probability between PyTorch and what is served."""
LEAST_EQUAL = 0.98
"""Share of crops that must read alike before and after the weights are stored as float16."""
SAMPLES = 64
_PACKAGES = ("torch", "onnx", "onnxruntime", "numpy", "opencv-python-headless")


def samples(crops: Sequence[Crop]) -> NDArray[np.float32]:
    """Up to SAMPLES crops as one batch, N x 3 x 48 x W."""
    step = max(1, len(crops) // SAMPLES)
    pictures = [one.picture(0.3) for one in crops[::step][:SAMPLES]]
    widest = max(-(-HEIGHT * one.shape[1] // one.shape[0]) for one in pictures)
    columns = min(960, -(-widest // BUCKET) * BUCKET)
    return np.stack([prepared(one, columns) for one in pictures])


def parity(
    trained: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    file: Path,
    batch: NDArray[np.float32],
    characters: list[str],
) -> dict[str, float]:
    """How far what is served is from what was trained.

    Args:
        trained: probabilities of the network in training, N x steps x classes.
        file: the ONNX file.
        batch: see `samples`.

    Returns:
        `max_difference` between ONNX Runtime and PyTorch on the file's own weights, and `texts_equal`, the
        share of crops that read alike before and after storing the weights.

    Raises:
        TrainingFailed: they differ too much, or are not finite.
    """
    import torch

    served = session(str(file), 1, arena=False)
    answer = served.run(None, {served.get_inputs()[0].name: batch})[0]
    if not np.isfinite(answer).all():
        raise TrainingFailed("The trained network answers with what are no numbers; lower learning_rate.")
    with torch.inference_mode():
        stored = Graph(file)(torch.from_numpy(batch)).numpy()
    before = trained(batch)
    difference = float(np.abs(answer - stored).max())
    pairs = zip(before.argmax(2), answer.argmax(2), strict=True)
    equal = float(np.mean([string(a, characters) == string(b, characters) for a, b in pairs]))
    if difference > PARITY or equal < LEAST_EQUAL:
        raise TrainingFailed(
            f"What is served is not what was trained: probabilities differ by {difference:.1e} (allowed "
            f"{PARITY:g}), {equal:.1%} of the texts read alike (at least {LEAST_EQUAL:.0%})."
        )
    return {"max_difference": difference, "texts_equal": equal}


def paddle(folder: Path, crops: NDArray[np.float32]) -> dict[str, float]:
    """Write both networks as Paddle inference models, in a process of its own: torch and Paddle do not mix.

    Returns:
        The largest difference to ONNX Runtime of each.

    Raises:
        TrainingFailed: an export failed or differs too much.
    """
    found = {}
    with tempfile.TemporaryDirectory() as scratch:
        for network, kind, batch in (
            ("rec", "recognition", crops[:8]),
            ("det", "detection", np.random.default_rng(1).random((1, 3, 320, 320), np.float32)),
        ):
            held = Path(scratch) / f"{network}.npy"
            np.save(held, batch)
            command = [sys.executable, "-m", "drawops_training.paddle_model", "--kind", kind, "--json"]
            command += ["--onnx", str(folder / f"{network}.onnx"), "--out", str(folder / "paddle" / network)]
            command += ["--samples", str(held)]
            if kind == "recognition":
                command += ["--dictionary", str(folder / artifact.DICTIONARY)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise TrainingFailed(
                    f"The {kind} network could not be written for PaddleOCR: {_last(done.stderr)}"
                )
            found[kind] = float(json.loads(done.stdout.strip().splitlines()[-1])["difference"])
    return found


def write(
    folder: Path,
    parent: artifact.Model,
    task: Task,
    settings: Hyperparameters,
    examples: Examples,
    history: History,
    found: dict[str, Any],
    new_characters: str,
) -> artifact.Manifest:
    """Describe what lies in `folder` (networks and dictionary): training.json and the manifest."""
    best = history.best
    record = {
        "page_ids": sorted(examples.pages),
        "parity": found,
        "history": asdict(history),
        "left_out": dict(examples.left_out),
        "crops": {"new": len(examples.new), "replay": len(examples.replay), "val": len(examples.val)},
    }
    (folder / artifact.TRAINING).write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    training = artifact.TrainingRecord(
        parent=f"{parent.manifest.name}/{parent.manifest.version}",
        parent_sha256=parent.sha256,
        run_id=task.run_id,
        project=task.project,
        dataset_version=task.dataset_version,
        parent_dataset_version=task.parent_version or None,
        code_version=os.environ.get("DRAWOPS_CODE_VERSION", importlib.metadata.version("drawops-core")),
        trained_at=os.environ.get("DRAWOPS_TRAINED_AT"),
        seeds={"training": settings.seed},
        hyperparameters=settings.model_dump(mode="json"),
        packages={name: importlib.metadata.version(name) for name in _PACKAGES},
        new_characters=new_characters,
        calibration="parent" if parent.manifest.calibration else "none",
        metrics={
            "val_cer": best.cer if best else 1.0,
            "val_accuracy": best.accuracy if best else 0.0,
            "parent_val_cer": history.looks[0].cer,
            "steps": float(best.step if best else 0),
        },
    )
    return artifact.write_manifest(
        folder,
        name=task.model_name,
        version=task.model_version,
        parent=f"{parent.manifest.name}/{parent.manifest.version}",
        preprocessing=parent.manifest.preprocessing,
        thresholds=parent.manifest.thresholds,
        calibration=parent.manifest.calibration,
        training=training,
    )


def _last(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it said nothing"
