"""Make an immutable dataset version out of the pages that people are done with."""

from typing import Any

from drawops import runtime
from drawops.contracts.events import DatasetVersionCreated
from drawops.contracts.workflow import ExportRequest, jsonable
from drawops.labeling.export import ExportSettings, export
from drawops.labeling.store import LabelingStore


class Settings(ExportSettings):
    """Environment of this function."""

    labeling_table: str
    data_bucket: str


@runtime.entry_point
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`ExportRequest` in, `{"event": detail of DatasetVersionCreated or null}` out."""
    settings = runtime.settings(Settings)
    made = export(
        ExportRequest.model_validate(event),
        store=LabelingStore(runtime.client("dynamodb"), settings.labeling_table),
        s3=runtime.client("s3"),
        bucket=settings.data_bucket,
        settings=settings,
    )
    if made is None or not made.created:
        return {"event": None}
    return {"event": jsonable(DatasetVersionCreated.of(made, settings.data_bucket))}
