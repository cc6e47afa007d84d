"""Queue a drawing at the asynchronous endpoint; its notification resumes the workflow."""

from typing import Any

from drawops import runtime
from drawops.catalog import Catalog
from drawops.contracts.workflow import InvokeRequest
from drawops.reading.invocation import invoke
from pydantic import BaseModel, Field


class Settings(BaseModel):
    """Environment of this function."""

    catalog_table: str
    data_bucket: str
    endpoint_name: str
    reading_timeout_seconds: int = Field(default=900, ge=1, le=3600)


@runtime.entry_point
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`InvokeRequest` in, the inference id out."""
    settings = runtime.settings(Settings)
    inference_id = invoke(
        InvokeRequest.model_validate(event),
        runtime=runtime.client("sagemaker-runtime"),
        catalog=Catalog(runtime.client("dynamodb"), settings.catalog_table),
        endpoint=settings.endpoint_name,
        data_bucket=settings.data_bucket,
        timeout_seconds=settings.reading_timeout_seconds,
    )
    return {"inference_id": inference_id}
