"""One recogniser in training: what learns, by which loss, and the running averages that are kept.

CTC loss (Graves et al., 2006), AdamW, a warm-up and a cosine. All layers learn unless they are frozen; the
head learns the columns of `kept` classes only: the others keep their weights. What is saved are running
averages of the weights, which are better than the weights of any one step.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from drawops.contracts.training import Freeze
from torch import Tensor
from torch.nn import functional

from drawops_training.examples import Batch
from drawops_training.graph import Graph

WARM_UP = 20
AVERAGE = 0.98
"""Decay of the running average of the weights."""
CLIP = 1.0


class Tuner:
    """A recogniser that learns in place.

    Args:
        model: its output is N x steps x classes.
        kept: indices of the classes that learn, the blank (0) first.
        iterations: after which the learning rate is at its end.
        rate: the highest learning rate.
        mixed_precision: bfloat16 where the device has it.
    """

    def __init__(
        self,
        model: Graph,
        kept: Sequence[int],
        *,
        iterations: int,
        rate: float,
        freeze: Freeze = Freeze.NOTHING,
        device: str = "cpu",
        mixed_precision: bool = False,
    ) -> None:
        self.model = model.to(device)
        self.kept = list(kept)
        self.done = 0
        self._device = device
        self._half = mixed_precision and device != "cpu"
        self._features, weight_name, bias_name = model.head()
        self._full = (model.tensor(weight_name), model.tensor(bias_name))
        self._head = (
            torch.nn.Parameter(self._full[0].detach()[:, self.kept].clone()),
            torch.nn.Parameter(self._full[1].detach()[self.kept].clone()),
        )
        for one in model.parameters():
            if one.ndim == 4:
                one.data = one.data.contiguous(memory_format=torch.channels_last)
        whole = {id(one) for one in self._full}
        body = [] if freeze is Freeze.ALL_BUT_HEAD else [p for p in model.parameters() if id(p) not in whole]
        if freeze is Freeze.BACKBONE:
            frozen = {id(one) for one in model.before_first_product()}
            body = [one for one in body if id(one) not in frozen]
        learning = {id(one) for one in body}
        for one in model.parameters():
            one.requires_grad_(id(one) in learning)
        self.learning: list[torch.nn.Parameter] = [*body, *self._head]
        self.averages = [one.detach().clone() for one in self.learning]
        self._optimiser = torch.optim.AdamW(self.learning, lr=rate, weight_decay=1e-4)
        self._schedule = torch.optim.lr_scheduler.LambdaLR(
            self._optimiser,
            lambda step: (
                min(1.0, (step + 1) / WARM_UP) * (0.02 + 0.49 * (1 + math.cos(math.pi * step / iterations)))
            ),
        )

    def step(self, batch: Batch) -> float:
        """Learn from a batch; returns its loss, per character."""
        pictures, labels, lengths = batch
        given = torch.from_numpy(pictures).to(self._device).contiguous(memory_format=torch.channels_last)
        with torch.autocast(self._device.split(":")[0], torch.bfloat16, enabled=self._half):
            scores = self._scores(given)
        scores = scores.float().log_softmax(2).transpose(0, 1)
        losses = functional.ctc_loss(
            scores,
            torch.from_numpy(labels).to(self._device),
            torch.full((len(lengths),), scores.shape[0]),
            torch.from_numpy(lengths),
            reduction="none",
            zero_infinity=True,
        )
        # Per character; a picture without text would else weigh as much as all others together.
        least = torch.from_numpy(lengths).clamp(min=scores.shape[0] // 3 + 1).to(losses.device)
        loss = (losses / least).mean()
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        average_gradients(self.learning)
        torch.nn.utils.clip_grad_norm_(self.learning, CLIP)
        self._optimiser.step()
        self._schedule.step()
        self.done += 1
        with torch.no_grad():
            share = min(AVERAGE, self.done / (self.done + 10))
            torch._foreach_lerp_(self.averages, [one.detach() for one in self.learning], 1 - share)
        return float(loss.item())

    def _scores(self, given: Tensor) -> Tensor:
        weight, bias = self._head
        return self.model(given, until=self._features) @ weight + bias

    @contextmanager
    def averaged(self) -> Iterator[Graph]:
        """The model with the running averages as its weights, while the block runs."""
        present = [one.detach().clone() for one in self.learning]
        with torch.no_grad():
            for one, average in zip(self.learning, self.averages, strict=True):
                one.copy_(average)
            self._full[0][:, self.kept] = self._head[0]
            self._full[1][self.kept] = self._head[1]
            try:
                yield self.model
            finally:
                for one, old in zip(self.learning, present, strict=True):
                    one.copy_(old)

    def best_paths(self, pictures: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """The class of every step (N x steps) by the weights as they are; call inside `averaged`."""
        with torch.inference_mode():
            given = torch.from_numpy(pictures).to(self._device)
            answer: np.ndarray[Any, Any] = self.model(given).argmax(2).cpu().numpy()
        return answer

    def state(self) -> dict[str, Any]:
        """Everything that the next step depends on."""
        return {
            "learning": [one.detach().clone() for one in self.learning],
            "averages": [one.clone() for one in self.averages],
            "optimiser": self._optimiser.state_dict(),
            "schedule": self._schedule.state_dict(),
            "done": self.done,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a state of `state()`."""
        with torch.no_grad():
            for one, held in zip(self.learning, state["learning"], strict=True):
                one.copy_(held)
        self.averages = [one.clone() for one in state["averages"]]
        self._optimiser.load_state_dict(state["optimiser"])
        self._schedule.load_state_dict(state["schedule"])
        self.done = int(state["done"])


def average_gradients(parameters: Sequence[torch.nn.Parameter]) -> None:
    """Data parallel: every worker takes the mean of all workers' gradients. Alone it does nothing."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return
    workers = torch.distributed.get_world_size()
    for one in parameters:
        if one.grad is None:
            one.grad = torch.zeros_like(one)
        torch.distributed.all_reduce(one.grad)
        one.grad /= workers
