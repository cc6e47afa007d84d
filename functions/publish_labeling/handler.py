"""Keep the page's picture and let people in."""

from typing import Any

from drawops import runtime
from drawops.contracts.workflow import PublishRequest, jsonable
from drawops.labeling.opening import opened
from drawops.labeling.picture import keep_picture
from drawops.labeling.store import LabelingStore
from pydantic import BaseModel


class Settings(BaseModel):
    """Environment of this function."""

    labeling_table: str
    data_bucket: str


@runtime.entry_point
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`PublishRequest` in, `Opened` out."""
    request, settings = PublishRequest.model_validate(event), runtime.settings(Settings)
    labeling = keep_picture(
        request.labeling_id,
        request.invoked.output_location,
        s3=runtime.client("s3"),
        store=LabelingStore(runtime.client("dynamodb"), settings.labeling_table),
        data_bucket=settings.data_bucket,
    )
    return jsonable(opened(labeling))
