"""What both networks learn by: AdamW, a warm-up and a cosine, clipped gradients, running averages."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

WARM_UP = 20
AVERAGE = 0.98
"""Decay of the running average of the weights."""

Together = Callable[[Sequence[torch.nn.Parameter], float], float]
"""Replaces gradients by their mean over several processes; from this one's loss the mean of all losses."""


class Learning:
    """Parameters that learn.

    Attributes:
        step: batches learnt from.
        learning: the parameters.
        averages: running averages of them, in the same order.
    """

    def __init__(self, learning: Sequence[torch.nn.Parameter], iterations: int, rate: float) -> None:
        """Prepare; `iterations` is what the learning rate, at most `rate`, is planned for."""
        self.step = 0
        self.learning = list(learning)
        self.averages = [one.detach().clone() for one in self.learning]
        self._optimiser = torch.optim.AdamW(self.learning, lr=rate, weight_decay=1e-4)
        self._schedule = torch.optim.lr_scheduler.LambdaLR(
            self._optimiser,
            lambda step: (
                min(1.0, (step + 1) / WARM_UP) * (0.02 + 0.49 * (1 + math.cos(math.pi * step / iterations)))
            ),
        )

    def update(self, loss: torch.Tensor, together: Together | None = None) -> float:
        """One step down a loss, which is returned.

        A loss that is not finite changes nothing: the caller decides.
        """
        value = float(loss.item())
        if together is None and not math.isfinite(value):
            return value
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call, unused-ignore]
        if together is not None:
            value = together(self.learning, value)
            if not math.isfinite(value):
                return value
        torch.nn.utils.clip_grad_norm_(self.learning, 1.0)
        self._optimiser.step()
        self._schedule.step()
        self.step += 1
        with torch.no_grad():
            share = min(AVERAGE, self.step / (self.step + 10))
            torch._foreach_lerp_(self.averages, [one.detach() for one in self.learning], 1 - share)
        return value

    def settle(self) -> None:
        """Called when the parameters' values shall reach the model, where they are copies."""

    def take(self, averages: Sequence[torch.Tensor]) -> None:
        """Have these running averages, in the order of the parameters; learning goes on from where it was."""
        with torch.no_grad():
            for own, value in zip(self.averages, averages, strict=True):
                own.copy_(value)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Inside, the model has the running averages of the weights: better than those of any one step."""
        with torch.no_grad():
            present = [one.detach().clone() for one in self.learning]
            for one, average in zip(self.learning, self.averages, strict=True):
                one.copy_(average)
            self.settle()
            try:
                yield
            finally:
                for one, old in zip(self.learning, present, strict=True):
                    one.copy_(old)

    def state(self) -> dict[str, Any]:
        """All that decides how learning goes on."""
        return {
            "step": self.step,
            "learning": [one.detach() for one in self.learning],
            "averages": self.averages,
            "optimiser": self._optimiser.state_dict(),
            "schedule": self._schedule.state_dict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from such a state."""
        self.step = state["step"]
        with torch.no_grad():
            for one, value in zip(self.learning, state["learning"], strict=True):
                one.copy_(value)
        self.take(state["averages"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._schedule.load_state_dict(state["schedule"])
