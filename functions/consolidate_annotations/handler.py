"""Post-annotation function of Ground Truth: keeps the answers of all workers to some areas."""

from typing import Any

from drawops import runtime
from drawops.contracts.ground_truth import PostAnnotationRequest
from drawops.labeling.ground_truth.post_annotation import consolidate
from pydantic import BaseModel


class Settings(BaseModel):
    """Environment of this function."""

    data_bucket: str


@runtime.entry_point
def handler(event: dict[str, Any], context: object) -> list[dict[str, Any]]:
    """`PostAnnotationRequest` in, a label for each data object out."""
    settings = runtime.settings(Settings)
    return consolidate(
        PostAnnotationRequest.model_validate(event),
        s3=runtime.client("s3"),
        data_bucket=settings.data_bucket,
    )
