"""Make labels out of what people handed in; what they disagree on goes back to them."""

from typing import Any

from drawops import runtime
from drawops.contracts.events import LabelingSubmitted
from drawops.contracts.workflow import jsonable
from drawops.labeling.completion import CompletionSettings, consolidate
from drawops.labeling.store import LabelingStore


class Settings(CompletionSettings):
    """Environment of this function."""

    labeling_table: str
    data_bucket: str


@runtime.entry_point
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`LabelingSubmitted` in, `Consolidated` out."""
    submitted, settings = LabelingSubmitted.model_validate(event), runtime.settings(Settings)
    consolidated = consolidate(
        submitted.labeling_id,
        store=LabelingStore(runtime.client("dynamodb"), settings.labeling_table),
        s3=runtime.client("s3"),
        data_bucket=settings.data_bucket,
        round_=submitted.round,
        settings=settings,
    )
    return jsonable(consolidated)
