"""Where SageMaker puts things and expects them: the contract of a training container.

Format: Amazon SageMaker Developer Guide, "How Amazon SageMaker Provides Training Information" and "How Amazon
SageMaker Processes Training Output". The root is /opt/ml; DRAWOPS_ML_ROOT names another one.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drawops.contracts.training import Hyperparameters
from pydantic import BaseModel, ConfigDict, ValidationError

from drawops_training.errors import TrainingFailed

ROOT = "DRAWOPS_ML_ROOT"
LONGEST_REASON = 1024


class Task(BaseModel):
    """What the job is for; beside `Hyperparameters` among the job's hyperparameters."""

    model_config = ConfigDict(frozen=True)

    run_id: str
    project: str
    dataset_version: str
    parent_version: str = ""
    """Dataset version of the same project that the parent was trained on; empty: none."""
    model_name: str
    model_version: str


@dataclass(frozen=True)
class Place:
    """Paths below the root."""

    root: Path

    @classmethod
    def of_environment(cls) -> "Place":
        """The root that the environment names."""
        return cls(Path(os.environ.get(ROOT, "/opt/ml")))

    def channel(self, name: str) -> Path:
        """An input channel."""
        return self.root / "input" / "data" / name

    @property
    def model(self) -> Path:
        """What becomes model.tar.gz."""
        return self.root / "model"

    @property
    def checkpoints(self) -> Path:
        """What survives an interruption."""
        return self.root / "checkpoints"

    def told(self) -> tuple[Task, Hyperparameters]:
        """The job's hyperparameters.

        Raises:
            TrainingFailed: one is missing, unknown, or out of its range; the sentence names it.
        """
        path = self.root / "input" / "config" / "hyperparameters.json"
        try:
            given: dict[str, Any] = json.loads(path.read_text())
        except FileNotFoundError:
            raise TrainingFailed(f"{path} is missing: run this as a SageMaker training job.") from None
        except ValueError as error:
            raise TrainingFailed(f"{path} is not JSON: {error}") from error
        # SageMaker's own SDK quotes strings as JSON.
        plain = {name: _unquoted(value) for name, value in given.items() if not name.startswith("sagemaker_")}
        own = {name: plain.pop(name) for name in Task.model_fields if name in plain}
        try:
            return Task.model_validate(own), Hyperparameters.model_validate(plain, strict=False)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            name = ".".join(str(part) for part in first["loc"])
            raise TrainingFailed(
                f"Hyperparameter {name} = {first['input']!r} is refused: {first['msg']}."
            ) from None

    def fail(self, reason: str) -> None:
        """Leave the reason where SageMaker looks for it."""
        path = self.root / "output" / "failure"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(reason[:LONGEST_REASON])


def _unquoted(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, str) and len(value) >= 2 and value[0] == value[-1] == '"':
        return json.loads(value)
    return value
