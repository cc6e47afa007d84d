"""How a network is tuned, on one that is two numbers: looks, early stopping, checkpoints."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from drawops.contracts.training import Hyperparameters
from drawops.errors import JobFailed
from drawops_training.checkpoints import Checkpoint
from drawops_training.course import Course, Lessons, Subject
from drawops_training.learning import Learning
from drawops_training.stop import Stop, Stopped
from drawops_training.workers import Team

pytestmark = pytest.mark.training


class Steps:
    """Learns to be small."""

    def __init__(self, tuning: Learning, losses: dict[int, float]) -> None:
        self._tuning, self._losses = tuning, losses
        self.place = (0, 0)

    def __iter__(self) -> Iterator[Callable[[], float]]:
        while True:
            self.place = (0, self.place[1] + 1)
            yield self._learn

    def _learn(self) -> float:
        factor = self._losses.get(self._tuning.step + 1, 1.0)
        return self._tuning.update((self._tuning.learning[0] ** 2).sum() * factor)


class Attempt:
    """A course of 12 batches with a look every 2."""

    def __init__(self, folder: Path, errors: list[float], **settings: Any) -> None:  # noqa: ANN401
        self.learning = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
        self.tuning = Learning([self.learning], 12, 0.1)
        self.errors = iter(errors)
        self.seen: list[int] = []
        self.stop = Stop()
        self.losses: dict[int, float] = {}
        self.stop_in_look_of = -1
        told = {"iterations": 12, "evaluate_every": 2, "checkpoint_every": 4, "patience": 2, **settings}
        self.settings = Hyperparameters.model_validate(told)
        self.checkpoint = Checkpoint(folder, "numbers", "the same")

    def look(self) -> dict[str, float]:
        if self.tuning.step == self.stop_in_look_of:
            self.stop.asked = True
        self.stop.check()
        self.seen.append(self.tuning.step)
        return {"error": next(self.errors)}

    def follow(self) -> Course:
        steps = Steps(self.tuning, self.losses)
        subject = Subject("numbers", self.tuning, steps, 12, self.look, lambda figures: figures["error"])
        return Lessons(subject, self.settings, self.checkpoint, self.stop, Team()).follow()


def test_the_best_weights_are_kept_and_patience_ends_it(tmp_path: Path) -> None:
    one = Attempt(tmp_path, [0.5, 0.4, 0.6, 0.7])
    course = one.follow()
    assert one.seen == [0, 2, 4, 6]
    assert course.finished
    assert course.best == 0.4
    until_the_best = Attempt(tmp_path / "other", [0.5, 0.4], iterations=12)
    until_the_best.stop_in_look_of = 4
    with pytest.raises(Stopped):
        until_the_best.follow()
    best = torch.load(tmp_path / "other" / "numbers.pt")["state"]["best"]
    assert torch.equal(one.tuning.averages[0], best[0])


def test_a_look_that_was_interrupted_is_redone_and_nothing_else(tmp_path: Path) -> None:
    errors = [0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1]
    whole = Attempt(tmp_path / "whole", errors)
    expected = whole.follow()
    first = Attempt(tmp_path, errors)
    first.stop_in_look_of = 6  # not a batch of a checkpoint
    with pytest.raises(Stopped):
        first.follow()
    again = Attempt(tmp_path, errors[3:])
    course = again.follow()
    assert first.seen + again.seen == whole.seen == [0, 2, 4, 6, 8, 10, 12]
    assert course == expected
    assert torch.equal(again.learning, whole.learning)
    assert torch.equal(again.tuning.averages[0], whole.tuning.averages[0])


def test_a_finished_course_is_not_learnt_again(tmp_path: Path) -> None:
    first = Attempt(tmp_path, [0.5, 0.4, 0.6, 0.7])
    first.follow()
    again = Attempt(tmp_path, [])
    assert again.follow().best == 0.4
    assert torch.equal(again.tuning.averages[0], first.tuning.averages[0])


def test_the_batch_whose_loss_is_no_number_is_named(tmp_path: Path) -> None:
    one = Attempt(tmp_path, [0.5, 0.4, 0.3])
    one.losses = {3: float("nan")}
    with pytest.raises(JobFailed, match="numbers batch 3 is nan"):
        one.follow()


@pytest.mark.parametrize(
    "content",
    [["a list"], {"another": "document"}, {"fingerprint": "1/other", "state": {}}, torch.zeros(3), b"text"],
)
def test_a_file_that_is_not_this_trainings_checkpoint_is_not_taken(
    tmp_path: Path, content: object, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "numbers.pt"
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        torch.save(content, file)
    assert Checkpoint(tmp_path, "numbers", "the same").load() is None
    assert "training begins anew" in capsys.readouterr().out
