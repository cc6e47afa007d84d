"""Checkpoints: everything that decides how a training goes on, in one file that is whole or not there."""

import os
from pathlib import Path
from typing import Any

import torch

FORMAT = 2
"""Of what is kept; a checkpoint of another format is of another training."""


class Checkpoint:
    """The checkpoint of one network in SageMaker's checkpoint folder."""

    def __init__(self, folder: Path, name: str, fingerprint: str) -> None:
        """Prepare.

        Args:
            folder: `<root>/checkpoints`.
            name: of the network.
            fingerprint: of everything that the training depends on; a checkpoint of another is not taken.
        """
        fingerprint = f"{FORMAT}/{fingerprint}"
        self._path = folder / f"{name}.pt"
        self._fingerprint = fingerprint

    def save(self, state: dict[str, Any]) -> None:
        """Replace the checkpoint.

        Raises:
            OSError: the disk is full; the checkpoint before is still there.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        part = self._path.with_suffix(".part")
        try:
            with part.open("wb") as file:
                torch.save({"fingerprint": self._fingerprint, "state": state}, file)
                file.flush()
                os.fsync(file.fileno())
            part.replace(self._path)
        finally:
            part.unlink(missing_ok=True)

    def load(self) -> dict[str, Any] | None:
        """What was saved last; None when nothing was, or nothing that belongs to this training."""
        if not self._path.exists():
            return None
        try:
            held = torch.load(self._path, weights_only=True, map_location="cpu")
            fingerprint, state = held["fingerprint"], held["state"]
        except Exception as error:  # noqa: BLE001 - whatever is wrong with the file, training begins anew
            print(
                f"the checkpoint {self._path.name} cannot be read ({error}); training begins anew", flush=True
            )
            return None
        if fingerprint != self._fingerprint:
            print(
                f"the checkpoint {self._path.name} is of another training; training begins anew", flush=True
            )
            return None
        found: dict[str, Any] = state
        return found
