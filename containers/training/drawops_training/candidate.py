"""The trained model as an artifact: ONNX, Paddle programs, calibration, manifest with its history."""

import errno
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from drawops.errors import JobFailed
from drawops_vision import artifact
from drawops_vision.artifact import Calibration, Manifest, Model, Thresholds
from drawops_vision.confidence import fit
from drawops_vision.detect import session
from drawops_vision.evaluation.scoring import Label, match
from drawops_vision.features import FEATURES
from drawops_vision.reader import Reader
from numpy.typing import NDArray

from drawops_training.examples import Channel, Example, Examples
from drawops_training.recogniser import prepared

TOLERANCE = 1e-3
"""Largest difference of a probability between ONNX Runtime, PyTorch and Paddle."""
ENOUGH_TEXTS = 400
"""Texts read on val pages from which a calibration is fitted; below, the parent's is kept."""
ENOUGH_WRONG = 30


def line_inputs(examples: Sequence[Example], most: int = 8) -> list[NDArray[np.float32]]:
    """Real crops as the recogniser is fed them."""
    found = []
    for one in examples[:: max(1, len(examples) // most)][:most]:
        width = min(1280, max(32, -(-48 * one.picture.shape[1] // one.picture.shape[0])))
        found.append(prepared(one.picture, -(-width // 32) * 32)[None])
    return found


def page_inputs(page: NDArray[np.uint8], manifest: Manifest) -> list[NDArray[np.float32]]:
    """The inkiest piece of a real page as the detector is fed it."""
    side = 320
    grey = page.min(axis=2) if page.ndim == 3 else page
    high, wide = (min(size, side) // 32 * 32 or 32 for size in grey.shape)
    padded = cv2.copyMakeBorder(grey, 0, max(0, 32 - grey.shape[0]), 0, max(0, 32 - grey.shape[1]), 1)
    tops, lefts = range(0, padded.shape[0] - high + 1, side), range(0, padded.shape[1] - wide + 1, side)
    top, left = min(
        ((y, x) for y in tops for x in lefts),
        key=lambda at: float(padded[at[0] : at[0] + high, at[1] : at[1] + wide].mean()),
    )
    piece = padded[top : top + high, left : left + wide].astype(np.float32)
    mean, std = (
        np.array(v, np.float32)
        for v in (manifest.preprocessing.detection_mean, manifest.preprocessing.detection_std)
    )
    picture = (piece[..., None] / 255 - mean) / std
    return [np.ascontiguousarray(picture.transpose(2, 0, 1)[None], np.float32)]


def served(path: Path, inputs: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
    """What ONNX Runtime answers."""
    running = session(str(path), 0, arena=False)
    name = running.get_inputs()[0].name
    return [np.asarray(running.run(None, {name: one})[0]) for one in inputs]


def same(what: str, expected: Sequence[NDArray[np.float32]], found: Sequence[NDArray[np.float32]]) -> float:
    """The largest difference.

    Raises:
        JobFailed: it is beyond `TOLERANCE`, or a value is not finite.
    """
    worst = 0.0
    for one, other in zip(expected, found, strict=True):
        if one.shape != other.shape or not (np.isfinite(one).all() and np.isfinite(other).all()):
            raise JobFailed(f"{what}: the outputs are not finite or of another shape; the model is not kept.")
        worst = max(worst, float(np.abs(one - other).max()))
    if worst > TOLERANCE:
        raise JobFailed(
            f"{what}: probabilities differ by {worst:.2g}, allowed are {TOLERANCE:g}; the model is not kept."
        )
    return worst


def as_paddle(
    onnx: Path, out: Path, dictionary: Path | None, inputs: Sequence[NDArray[np.float32]]
) -> tuple[float, float]:
    """Write a network as a Paddle inference model, in a process of its own: torch and Paddle do not mix.

    Args:
        onnx: the network.
        out: folder for the model that stock PaddleOCR loads.
        dictionary: of a recogniser; None for a detector.
        inputs: what both are compared on; the widest is taken.

    Returns:
        The largest difference of a probability to ONNX Runtime, and the most memory it took (MiB).

    Raises:
        JobFailed: it cannot be written, or differs too much.
        OSError: the disk is full.
        MemoryError: the system has ended the process.
    """
    kind = "detection" if dictionary is None else "recognition"
    with tempfile.TemporaryDirectory() as temporary:
        samples = Path(temporary) / "samples.npy"
        np.save(samples, max(inputs, key=lambda one: one.shape[-1]))
        command = [sys.executable, "-m", "drawops_training.paddle_model", "--kind", kind, "--json"]
        command += ["--onnx", str(onnx), "--out", str(out), "--samples", str(samples)]
        if dictionary is not None:
            command += ["--dictionary", str(dictionary)]
        environment = {**os.environ, "GLOG_minloglevel": "2"}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            if os.strerror(errno.ENOSPC) in last:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if done.returncode == -signal.SIGKILL:
                raise MemoryError
            raise JobFailed(f"The {out.name} network cannot be written for PaddleOCR: {last[:400]}")
        said = json.loads(done.stdout.strip().splitlines()[-1])
        return float(said["difference"]), float(said["peak_mb"])


def calibrated(
    model: Model, folder: Path, channel: Channel, examples: Examples, threads: int
) -> tuple[Calibration | None, str]:
    """The candidate's calibration and a sentence about it.

    Fitted on the val pages when enough texts are read there, right and wrong; else the parent's.
    """
    parent = model.manifest.calibration
    rows: list[NDArray[np.float64]] = []
    right: list[bool] = []
    reader = Reader(folder, threads)
    for page in examples.val_pages:
        if page.image.page != 1:
            continue  # the reader reads files from their first page
        labels = channel.labels(page)
        reading, features = reader.read_with_features(channel.file(page))
        truth = [
            Label(one.text, (one.points[0], one.points[1], one.points[2], one.points[3]))
            for one in labels.labels
            if len(one.points) == 4
        ]
        matching = match(truth, reading.pages[0].texts)
        correct = {column for _, column in matching.correct}
        for column, text in enumerate(matching.predictions):
            if text.id in features:
                rows.append(np.asarray(features[text.id]))
                right.append(column in correct)
        if len(right) >= 20 * ENOUGH_TEXTS:
            break
    wrong = right.count(False)
    if len(right) < ENOUGH_TEXTS or wrong < ENOUGH_WRONG:
        return parent, (
            f"calibration kept from the parent: {len(right)} texts on val pages, {wrong} of them wrong; "
            f"{ENOUGH_TEXTS} and {ENOUGH_WRONG} are needed"
        )
    measured = np.array(rows).reshape(-1, len(FEATURES))
    return fit(measured, np.array(right)), f"calibration fitted on {len(right)} texts of val pages"


def describe(folder: Path, tuned: Manifest, **changes: Any) -> Manifest:  # noqa: ANN401
    """Write the candidate's manifest; what is not changed is the parent's."""
    thresholds: Thresholds = tuned.thresholds
    return artifact.write_manifest(
        folder, **{"preprocessing": tuned.preprocessing, "thresholds": thresholds, **changes}
    )
