"""A labeling job of Ground Truth has ended: its answers become submissions of tasks."""

from typing import Any

from drawops import runtime
from drawops.contracts.ground_truth import LabelingJobStateChange
from drawops.contracts.workflow import jsonable
from drawops.labeling.announcing import announcer
from drawops.labeling.ground_truth.collection import Collector
from drawops.labeling.store import LabelingStore
from pydantic import BaseModel


class Settings(BaseModel):
    """Environment of this function."""

    labeling_table: str
    data_bucket: str
    job_name_prefix: str


@runtime.entry_point
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`LabelingJobStateChange` in, `CollectedLabelingJob` out."""
    settings = runtime.settings(Settings)
    collector = Collector(
        store=LabelingStore(runtime.client("dynamodb"), settings.labeling_table),
        s3=runtime.client("s3"),
        data_bucket=settings.data_bucket,
        announce=announcer(runtime.client("events")),
        prefix=settings.job_name_prefix,
    )
    return jsonable(collector.collect(LabelingJobStateChange.model_validate(event)))
