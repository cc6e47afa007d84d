"""Hand what is open in some labelings to the workers of Ground Truth."""

from typing import Any

from drawops import runtime
from drawops.contracts.ground_truth import StartLabelingJob
from drawops.contracts.workflow import jsonable
from drawops.labeling.ground_truth.job import JobSettings, start
from drawops.labeling.store import LabelingStore
from pydantic import BaseModel


class Settings(BaseModel):
    """Environment of this function, with `JobSettings`."""

    labeling_table: str


@runtime.entry_point
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`StartLabelingJob` in, `StartedLabelingJobs` out."""
    table = runtime.settings(Settings).labeling_table
    started = start(
        StartLabelingJob.model_validate(event),
        store=LabelingStore(runtime.client("dynamodb"), table),
        s3=runtime.client("s3"),
        sagemaker=runtime.client("sagemaker"),
        settings=runtime.settings(JobSettings),
    )
    return jsonable(started)
