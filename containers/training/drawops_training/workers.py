"""Several GPUs, one training: a worker a GPU, each with its own batches and everybody's gradients.

`train` starts one worker a GPU by torchrun (`torch.distributed.run`); a machine without GPUs has one worker.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Team:
    """This worker among all.

    Attributes:
        number: from 0.
        size: how many there are.
        device: what it computes on, as PyTorch names it.
    """

    number: int = 0
    size: int = 1
    device: str = "cpu"

    @property
    def first(self) -> bool:
        """Whether it is the one that writes."""
        return self.number == 0


@contextmanager
def joined() -> Iterator[Team]:
    """Join the other workers, as torchrun's environment says; alone without it."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    gpus = torch.cuda.device_count()
    if size == 1:
        yield Team(device="cuda:0" if gpus else "cpu")
        return
    number, local = int(os.environ["RANK"]), int(os.environ.get("LOCAL_RANK", "0"))
    device = f"cuda:{local}" if gpus else "cpu"
    if gpus:
        torch.cuda.set_device(local)
    torch.distributed.init_process_group("nccl" if gpus else "gloo")
    try:
        yield Team(number, size, device)
    finally:
        torch.distributed.destroy_process_group()


def command_for_all_gpus(program: str) -> list[str] | None:
    """How to start `program` once a GPU; None where one process is enough or torchrun has started us."""
    gpus = torch.cuda.device_count()
    if gpus < 2 or "WORLD_SIZE" in os.environ:
        return None
    return [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        f"--nproc-per-node={gpus}",
        program,
    ]
