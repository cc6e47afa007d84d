"""Validate the endpoint's answer and keep it as the drawing's result."""

from typing import Any

from drawops import runtime
from drawops.catalog import Catalog
from drawops.contracts.workflow import StoreRequest, jsonable
from drawops.reading.results import store
from pydantic import BaseModel


class Settings(BaseModel):
    """Environment of this function."""

    catalog_table: str
    data_bucket: str


@runtime.entry_point
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`StoreRequest` in, detail of the event `DrawingProcessed` out."""
    settings = runtime.settings(Settings)
    processed = store(
        StoreRequest.model_validate(event),
        s3=runtime.client("s3"),
        catalog=Catalog(runtime.client("dynamodb"), settings.catalog_table),
        data_bucket=settings.data_bucket,
    )
    return jsonable(processed)
