"""Make labels out of what people handed in; what they disagree on goes back to them."""

from typing import Any

from drawops import runtime
from drawops.contracts.events import LabelingSubmitted
from drawops.contracts.workflow import jsonable
from drawops.labeling.completion import consolidate
from drawops.labeling.store import LabelingStore
from pydantic import BaseModel


class Settings(BaseModel):
    """Environment of this function."""

    labeling_table: str
    data_bucket: str


@runtime.entry_point
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`LabelingSubmitted` in, `Consolidated` out."""
    settings = runtime.settings(Settings)
    consolidated = consolidate(
        LabelingSubmitted.model_validate(event).labeling_id,
        s3=runtime.client("s3"),
        store=LabelingStore(runtime.client("dynamodb"), settings.labeling_table),
        data_bucket=settings.data_bucket,
    )
    return jsonable(consolidated)
