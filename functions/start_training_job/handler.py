"""Start the training job of a run; its state-change event resumes the workflow."""

from typing import Any

from drawops import runtime
from drawops.contracts.training import StartTrainingJob
from drawops.training.jobs import TrainingJobSettings, start_training
from drawops.training.runs import RunStore
from pydantic import BaseModel


class Settings(BaseModel):
    """What this function needs beside `TrainingJobSettings`."""

    models_table: str


@runtime.entry_point
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`StartTrainingJob` in, the job's name out."""
    job = start_training(
        StartTrainingJob.model_validate(event),
        store=RunStore(runtime.client("dynamodb"), runtime.settings(Settings).models_table),
        sagemaker=runtime.client("sagemaker"),
        settings=runtime.settings(TrainingJobSettings),
    )
    return {"job": job}
