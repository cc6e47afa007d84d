"""Several GPUs of one machine, one training: a process a GPU, each with its part of every batch.

`lead` starts the workers and answers for them; each joins the others by `joined`. Only the first looks at val
and writes checkpoints and the candidate; all have the same weights after each batch. torchrun is not used: it
ends with code 1 whatever stopped it, which SageMaker takes for a failure.
"""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from drawops.errors import Misconfigured

from drawops_training.report import Failure
from drawops_training.stop import STOPPED, Stop

if TYPE_CHECKING:
    import torch

T = TypeVar("T")
LOST = 70
"""Exit code of a worker whose peer has gone: the peer knows why."""
PATIENCE = timedelta(days=1)
"""The first worker looks at val and exports while the others wait."""
NUMBER, SIZE, MEETING = "DRAWOPS_WORKER", "DRAWOPS_WORKERS", "DRAWOPS_WORKERS_MEET_AT"


class PeerLost(Exception):
    """Another worker has gone."""


@dataclass(frozen=True)
class Team:
    """This process among those that train together.

    Attributes:
        number: of this worker, from 0.
        size: how many there are.
        device: what it computes on, in PyTorch's words.
    """

    number: int = 0
    size: int = 1
    device: str = "cpu"
    _talk: Any = field(default=None, repr=False)

    @property
    def first(self) -> bool:
        """Whether it is the one that decides and writes."""
        return self.number == 0

    def most(self, value: float) -> float:
        """The largest of all workers' values.

        Raises:
            PeerLost: one has gone.
        """
        return self._reduced(value, "MAX")

    def total(self, value: float) -> float:
        """The sum of all workers' values.

        Raises:
            PeerLost: one has gone.
        """
        return self._reduced(value, "SUM")

    def _reduced(self, value: float, operation: str) -> float:
        if self.size == 1:
            return value
        import torch

        held = torch.tensor([value], dtype=torch.float64)
        reduce = getattr(torch.distributed.ReduceOp, operation)
        _talking(lambda: torch.distributed.all_reduce(held, reduce, group=self._talk))
        return float(held.item())

    def together(self, learning: "Sequence[torch.nn.Parameter]", loss: float) -> float:
        """Replace gradients by the mean of all workers' gradients; returns the mean of their losses.

        Raises:
            PeerLost: one has gone.
        """
        if self.size == 1:
            return loss
        import torch

        gradients = [torch.zeros_like(one) if one.grad is None else one.grad for one in learning]
        flat = torch.cat([*(one.flatten() for one in gradients), gradients[0].new_tensor([loss])])
        _talking(lambda: torch.distributed.all_reduce(flat))
        flat /= self.size
        parts = flat[:-1].split([one.numel() for one in learning])
        for one, part in zip(learning, parts, strict=True):
            one.grad = part.view_as(one).contiguous()
        return float(flat[-1].item())


def _talking(what: Callable[[], T]) -> T:
    try:
        return what()
    except RuntimeError as error:  # what gloo and NCCL raise
        raise PeerLost(str(error)) from error


def wanted() -> int:
    """How many processes shall train: DRAWOPS_WORKERS, else SM_NUM_GPUS, else a process a GPU; at least one.

    Raises:
        Misconfigured: a variable is no number.
    """
    for name in (SIZE, "SM_NUM_GPUS"):
        if given := os.environ.get(name):
            if not given.isdecimal():
                raise Misconfigured(f"{name}={given!r} is no number of processes; give a whole number.")
            return max(1, int(given))
    import torch

    return max(1, int(torch.cuda.device_count()))


def lead(number: int, command: Sequence[str], stop: Stop, failure: Failure) -> int:
    """Start `number` workers and wait for them; SIGTERM is handed on. Returns the exit code of the job.

    When one ends otherwise than well all are ended. A worker ends by itself when this process has gone.
    """
    with tempfile.TemporaryDirectory() as folder:
        workers: list[subprocess.Popen[bytes]] = []
        try:
            for each in range(number):
                own = {NUMBER: str(each), SIZE: str(number), MEETING: str(Path(folder) / "meeting")}
                # All are on this machine: with network isolation there is nothing but the loopback.
                near = (
                    {"GLOO_SOCKET_IFNAME": "lo", "NCCL_SOCKET_IFNAME": "lo"}
                    if sys.platform == "linux"
                    else {}
                )
                environment = {**near, **os.environ, **own}
                workers.append(subprocess.Popen(command, env=environment, stdin=subprocess.PIPE))
            return _ended(workers, stop, failure)
        finally:
            for one in workers:
                one.kill()
                one.wait()


def _ended(workers: Sequence[subprocess.Popen[bytes]], stop: Stop, failure: Failure) -> int:
    told = False
    while True:
        if stop.asked and not told:
            told = True
            for one in workers:
                one.send_signal(signal.SIGTERM)
        codes = [one.poll() for one in workers]
        if told:  # one that had not yet begun to listen
            codes = [STOPPED if code == -signal.SIGTERM else code for code in codes]
        bad = next((code for code in codes if code not in (None, 0, STOPPED, LOST)), None)
        if bad is not None:
            if bad < 0:
                failure.tell(
                    "The system has killed a training process: memory is probably not enough; lower "
                    "batch_columns or take a larger instance."
                    if bad == -signal.SIGKILL
                    else f"A training process has crashed (signal {-bad}); the log says where."
                )
            return 1
        if codes[0] in (0, STOPPED):
            return int(codes[0] or 0)
        if None not in codes:
            failure.tell("The training processes have lost each other; start the job again.")
            return 1
        time.sleep(0.1)


def follower() -> bool:
    """Whether this process was started by `lead`."""
    return MEETING in os.environ


@contextmanager
def joined() -> Iterator[Team]:
    """Join the other workers that `lead` has started; alone without it."""
    import torch

    gpus = 0 if os.environ.get("SM_NUM_GPUS") == "0" else torch.cuda.device_count()
    if not follower():
        yield Team(device="cuda:0" if gpus else "cpu")
        return
    threading.Thread(target=_end_with_leader, daemon=True).start()
    number, size = int(os.environ[NUMBER]), int(os.environ[SIZE])
    device = f"cuda:{number % gpus}" if gpus else "cpu"
    if gpus:
        torch.cuda.set_device(number % gpus)
    meeting = f"file://{os.environ[MEETING]}"
    torch.distributed.init_process_group(
        "nccl" if gpus else "gloo", init_method=meeting, rank=number, world_size=size, timeout=PATIENCE
    )
    try:
        yield Team(number, size, device, torch.distributed.new_group(backend="gloo", timeout=PATIENCE))
    finally:
        torch.distributed.destroy_process_group()


def _end_with_leader() -> None:
    os.read(sys.stdin.fileno(), 1)  # ends when the leader has gone
    os._exit(LOST)
