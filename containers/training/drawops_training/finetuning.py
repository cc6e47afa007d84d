"""Fine-tune a recogniser on a dataset version: steps, looks at the val split, checkpoints, early stopping."""

import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch
from drawops.contracts.training import Hyperparameters
from drawops_vision.recognise import canonical
from rapidfuzz.distance import Levenshtein

from drawops_training import checkpoints
from drawops_training.errors import TrainingFailed
from drawops_training.examples import BUCKET, HEIGHT, Crop, Mix, Position, prepared
from drawops_training.tuning import Tuner

PADDING = 0.3
SHOWN = 10
"""Batches between two lines of progress."""
COLUMNS = 5120
MOST_VAL = 2000
"""Crops that a look reads at most: the first of each, in the order of pages."""


class Stopped(Exception):
    """SIGTERM came; everything is in the checkpoint."""


@dataclass(frozen=True)
class Look:
    """One look at the val split."""

    step: int
    cer: float
    accuracy: float


@dataclass
class History:
    """How the training went.

    Attributes:
        looks: at the val split, the first before any step.
        losses: mean training loss between two looks.
        best: the look that the saved weights are of.
    """

    looks: list[Look] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    best: Look | None = None


def finetune(
    tuner: Tuner,
    mix: Mix,
    val: Sequence[Crop],
    characters: list[str],
    settings: Hyperparameters,
    folder: Path,
    identity: dict[str, str],
    say: Callable[[str], None],
    *,
    keeps: bool = True,
) -> History:
    """Train until the iterations are used up or the val split gets no better; the best weights stay.

    Args:
        characters: of the network's classes, the blank first.
        folder: for checkpoints; what lies there is gone on from.
        identity: what the checkpoint must be of.
        keeps: False for all but one of several workers: they write no checkpoint.

    Raises:
        Stopped: SIGTERM.
        TrainingFailed: the loss is not finite, or a checkpoint cannot be written or read.
    """
    asked = _StopAsked()
    history, position = History(), Position()
    best: list[torch.Tensor] = [one.clone() for one in tuner.averages]
    recent: list[float] = []
    if (held := checkpoints.load(folder, identity)) is not None:
        tuner.load(held["tuner"])
        position = Position(*held["position"])
        history = _history(held["history"])
        best, recent = held["best"], held["recent"]
        say(f"goes on from step {tuner.done}")
    else:
        history.looks.append(look(tuner, val, characters))
        history.best = history.looks[0]
        say(_line(tuner, settings, history.looks[0]))

    def keep() -> None:
        if keeps:
            state = {
                "tuner": tuner.state(),
                "position": [position.pool, position.group],
                "history": asdict(history),
                "best": best,
                "recent": recent,
            }
            checkpoints.save(folder, state, identity)

    started, begun, shown = time.perf_counter(), tuner.done, 0
    source = mix.batches(position)
    while tuner.done < settings.iterations and not _exhausted(history, settings.patience):
        position, batch = next(source)
        loss = tuner.step(batch)
        if not np.isfinite(loss):
            raise TrainingFailed(
                f"The loss is not a number any more (step {tuner.done}); lower learning_rate "
                f"({settings.learning_rate:g})."
            )
        recent.append(loss)
        shown += len(batch[2])
        if tuner.done % SHOWN == 0:
            spent = time.perf_counter() - started
            left = spent / (tuner.done - begun) * (settings.iterations - tuner.done)
            say(
                f"step={tuner.done}/{settings.iterations} train:loss={np.mean(recent[-20:]):.4f} "
                f"train:lines_per_second={shown / spent:.1f} left={left:.0f}s"
            )
        if tuner.done % settings.evaluate_every == 0 or tuner.done == settings.iterations:
            found = look(tuner, val, characters)
            history.looks.append(found)
            history.losses.append(float(np.mean(recent)))
            recent = []
            say(_line(tuner, settings, found))
            if history.best is None or found.cer < history.best.cer:
                history.best = found
                best = [one.clone() for one in tuner.averages]
        if asked.now:
            keep()
            raise Stopped
        if tuner.done % settings.checkpoint_every == 0:
            keep()
    tuner.averages = best
    return history


def look(tuner: Tuner, val: Sequence[Crop], characters: list[str]) -> Look:
    """Read the val split with the running averages: CER and share of exact strings."""
    chosen = sorted(
        val[:MOST_VAL], key=lambda one: one.picture(PADDING).shape[1] / one.picture(PADDING).shape[0]
    )
    edits = length = right = 0
    with tuner.averaged():
        batch: list[Crop] = []
        columns = 0
        for index, one in enumerate(chosen):
            wide = _columns(one)
            if batch and wide * (len(batch) + 1) > COLUMNS:
                edits, length, right = _counted(tuner, batch, columns, characters, (edits, length, right))
                batch = []
            batch.append(one)
            columns = wide
            if index + 1 == len(chosen):
                edits, length, right = _counted(tuner, batch, columns, characters, (edits, length, right))
    return Look(tuner.done, edits / max(1, length), right / max(1, len(chosen)))


def _columns(one: Crop) -> int:
    height, width = one.picture(PADDING).shape
    return min(2000, -(-int(np.ceil(HEIGHT * width / height)) // BUCKET) * BUCKET)


def _counted(
    tuner: Tuner, batch: list[Crop], columns: int, characters: list[str], so_far: tuple[int, int, int]
) -> tuple[int, int, int]:
    paths = tuner.best_paths(np.stack([prepared(one.picture(PADDING), columns) for one in batch]))
    edits, length, right = so_far
    for one, path in zip(batch, paths, strict=True):
        text = canonical(string(path, characters))
        edits += Levenshtein.distance(one.text, text)
        length += len(one.text)
        right += text == one.text
    return edits, length, right


def string(path: np.ndarray[Any, Any], characters: list[str]) -> str:
    """Best-path CTC decoding of the classes of all steps."""
    changed = np.concatenate(([True], path[1:] != path[:-1]))
    return "".join(characters[index] for index in path[changed & (path != 0)])


def _exhausted(history: History, patience: int) -> bool:
    if history.best is None:
        return False
    since = [one for one in history.looks if one.step > history.best.step]
    return len(since) >= patience


def _line(tuner: Tuner, settings: Hyperparameters, found: Look) -> str:
    return (
        f"step={tuner.done}/{settings.iterations} val:cer={found.cer:.5f} val:accuracy={found.accuracy:.5f}"
    )


def _history(held: dict[str, Any]) -> History:
    return History(
        [Look(**one) for one in held["looks"]],
        list(held["losses"]),
        Look(**held["best"]) if held["best"] else None,
    )


class _StopAsked:
    """Whether SIGTERM has come since; SageMaker kills 120 seconds later."""

    def __init__(self) -> None:
        self.now = False
        signal.signal(signal.SIGTERM, self._heard)

    def _heard(self, number: int, frame: FrameType | None) -> None:
        self.now = True
