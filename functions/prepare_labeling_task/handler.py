"""Pre-annotation function of Ground Truth: what a worker sees of an area."""

from typing import Any

from drawops import runtime
from drawops.contracts.ground_truth import PreAnnotationRequest
from drawops.labeling.ground_truth.pre_annotation import prepare
from pydantic import BaseModel


class Settings(BaseModel):
    """Environment of this function."""

    data_bucket: str


@runtime.entry_point
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`PreAnnotationRequest` in, `taskInput` of the worker template out."""
    settings = runtime.settings(Settings)
    answer = prepare(
        PreAnnotationRequest.model_validate(event),
        s3=runtime.client("s3"),
        data_bucket=settings.data_bucket,
    )
    return answer.model_dump(mode="json", by_alias=True)
