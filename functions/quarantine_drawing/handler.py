"""End a failed drawing in quarantine, with a code and a sentence."""

from typing import Any

from drawops import runtime
from drawops.catalog import Catalog
from drawops.contracts.workflow import Failure, jsonable
from drawops.intake.quarantine import quarantine
from pydantic import BaseModel


class Settings(BaseModel):
    """Environment of this function."""

    catalog_table: str
    data_bucket: str


@runtime.entry_point
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`Failure` in, `{"event": detail of DrawingQuarantined or null}` out."""
    settings = runtime.settings(Settings)
    quarantined = quarantine(
        Failure.model_validate(event),
        s3=runtime.client("s3"),
        catalog=Catalog(runtime.client("dynamodb"), settings.catalog_table),
        data_bucket=settings.data_bucket,
    )
    return {"event": jsonable(quarantined) if quarantined else None}
