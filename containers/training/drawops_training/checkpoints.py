"""Checkpoints: everything that the rest of a training depends on, in one file that is whole or not there.

The file is written beside the last one and put in its place by a rename, so a process that is killed while it
writes leaves the last one. A checkpoint of another run, or of other settings, is refused: it would silently
train something else.
"""

import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch

from drawops_training.errors import TrainingFailed

NAME = "checkpoint.pt"


def save(folder: Path, state: dict[str, Any], identity: dict[str, str]) -> None:
    """Write a checkpoint.

    Raises:
        TrainingFailed: the disk is full or cannot be written to.
    """
    path = folder / NAME
    part = folder / f".{NAME}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            torch.save({"identity": identity, "state": state}, file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except (OSError, RuntimeError) as error:
        part.unlink(missing_ok=True)
        raise TrainingFailed(
            f"The checkpoint could not be written ({error}); give the job a larger volume (VolumeSizeInGB)."
        ) from error


def load(folder: Path, identity: dict[str, str]) -> dict[str, Any] | None:
    """The state of the last checkpoint; None: there is none.

    Raises:
        TrainingFailed: it cannot be read, or belongs to another training.
    """
    path = folder / NAME
    if not path.is_file():
        return None
    try:
        held = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, OSError, EOFError, zipfile.BadZipFile, pickle.UnpicklingError) as error:
        raise TrainingFailed(
            f"{path.name} cannot be read ({error}); delete the run's checkpoints and train again."
        ) from error
    if held["identity"] != identity:
        other = sorted(name for name in identity if held["identity"].get(name) != identity[name])
        raise TrainingFailed(
            f"The checkpoint there is of another training ({', '.join(other)} differ); give each run its own."
        )
    state: dict[str, Any] = held["state"]
    return state
