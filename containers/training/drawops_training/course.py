"""How a network is tuned, whichever it is: batches, looks at val, early stopping, checkpoints, SIGTERM."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from drawops.contracts.training import Hyperparameters
from drawops.errors import JobFailed

from drawops_training.checkpoints import Checkpoint
from drawops_training.learning import Learning
from drawops_training.report import Progress, metric
from drawops_training.stop import Stop, Stopped
from drawops_training.workers import PeerLost, Team

EVERY = 10
"""Batches between two lines of progress."""


@dataclass
class Course:
    """How a training went: for checkpoints, early stopping and training.json."""

    best: float = math.inf
    bad_looks: int = 0
    looks: list[dict[str, float]] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    finished: bool = False

    @property
    def looked_at(self) -> int:
        """The batch of the last look, -1 before the first."""
        return int(self.looks[-1]["step"]) if self.looks else -1


class Batches(Protocol):
    """Batches in an order that the place alone decides."""

    place: tuple[int, int]

    def __iter__(self) -> Iterator[Callable[[], float]]:
        """Each learns from one batch and returns its loss."""


@dataclass(frozen=True)
class Subject:
    """One network in training.

    Attributes:
        name: of the network in metrics and checkpoints.
        tuning: what learns.
        batches: what it learns from.
        iterations: most batches.
        look: figures of the weights as they are on val pages; None without val pages.
        error: what of these figures shall fall.
    """

    name: str
    tuning: Learning
    batches: Batches
    iterations: int
    look: Callable[[], dict[str, float]] | None
    error: Callable[[dict[str, float]], float]


class Lessons:
    """Tunes one network."""

    def __init__(
        self, subject: Subject, settings: Hyperparameters, checkpoint: Checkpoint, stop: Stop, team: Team
    ) -> None:
        self._subject, self._settings, self._checkpoint = subject, settings, checkpoint
        self._stop, self._team = stop, team
        self._course = Course()
        self._best = [one.clone() for one in subject.tuning.averages]
        self._place = subject.batches.place
        self._saved = 0  # the batch of the newest checkpoint

    def follow(self) -> Course:
        """Tune, from the checkpoint if there is one; in the end the averages are the best that were seen.

        Raises:
            Stopped: SIGTERM came; a checkpoint is written. What was being done is done again when it goes on.
            PeerLost: another worker has gone.
            JobFailed: the loss is no number.
        """
        self._resume()
        try:
            self._learn()
        except (Stopped, PeerLost):
            if not self._stop.asked:
                raise
            self._save()
            raise Stopped from None
        if self._subject.look is not None:
            self._subject.tuning.take(self._best)
        return self._course

    def _learn(self) -> None:
        subject, course, tuning = self._subject, self._course, self._subject.tuning
        progress = Progress(subject.name, tuning.step, subject.iterations)
        batches = iter(subject.batches)
        while True:
            if self._team.first and self._look_if_due():
                self._saved = -1
            over = course.finished or tuning.step >= subject.iterations
            if tuning.step != self._saved and (over or tuning.step % self._settings.checkpoint_every == 0):
                self._save()
            # All workers do the same: stop when one is told to, end when the first has decided to.
            agreed = self._team.most(2 if self._stop.asked else 1 if over else 0)
            if agreed == 2:
                self._stop.asked = True
                raise Stopped
            if agreed == 1:
                return
            loss = next(batches)()
            if not math.isfinite(loss):
                raise JobFailed(
                    f"The loss of {subject.name} batch {tuning.step + 1} is {loss}; train with a lower "
                    f"learning_rate than {self._settings.learning_rate:g}."
                )
            self._place = subject.batches.place
            course.losses.append(loss)
            if self._team.first and (tuning.step % EVERY == 0 or tuning.step == subject.iterations):
                progress.tell(tuning.step)
                metric(f"{subject.name}:loss", float(np.mean(course.losses[-EVERY:])))

    def _look_if_due(self) -> bool:
        """Look before the first batch (what must be beaten), every so many batches, and at the end."""
        subject, course, step = self._subject, self._course, self._subject.tuning.step
        at_end = step >= subject.iterations
        if subject.look is None or course.finished or course.looked_at == step:
            return False
        if step % self._settings.evaluate_every and not at_end:
            return False
        with subject.tuning.averaged():
            figures = subject.look()
        for name, value in figures.items():
            metric(f"{subject.name}:val_{name}", value)
        course.looks.append({"step": step, **figures})
        error = subject.error(figures)
        if error < course.best:
            course.best, course.bad_looks = error, 0
            for one, average in zip(self._best, subject.tuning.averages, strict=True):
                one.copy_(average)
        else:
            course.bad_looks += 1
        if course.bad_looks >= self._settings.patience:
            print(f"no better for {course.bad_looks} looks: stopped early at {step}", flush=True)
            course.finished = True
        return True

    def _save(self) -> None:
        self._saved = self._subject.tuning.step
        if self._team.first:
            self._checkpoint.save(
                {
                    "tuning": self._subject.tuning.state(),
                    "place": list(self._place),
                    "best": self._best,
                    "course": vars(self._course),
                }
            )

    def _resume(self) -> None:
        state: dict[str, Any] | None = self._checkpoint.load()
        if state is None:
            return
        tuning = self._subject.tuning
        tuning.restore(state["tuning"])
        self._subject.batches.place = self._place = tuple(state["place"])
        with torch.no_grad():
            for one, value in zip(self._best, state["best"], strict=True):
                one.copy_(value)
        self._course = Course(**state["course"])
        self._saved = tuning.step
        if self._team.first:
            print(f"resumed {self._subject.name} at batch {tuning.step}", flush=True)
