"""Give an uploaded drawing its identity, its catalog entry and an immutable copy."""

from typing import Any

from drawops import runtime
from drawops.catalog import Catalog
from drawops.contracts.workflow import Upload, jsonable
from drawops.intake.registration import register
from drawops.limits import LimitSettings
from pydantic import BaseModel


class Settings(BaseModel):
    """Environment of this function."""

    catalog_table: str
    data_bucket: str


@runtime.entry_point
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`Upload` in, `Registered` out."""
    settings = runtime.settings(Settings)
    registered = register(
        Upload.model_validate(event),
        s3=runtime.client("s3"),
        catalog=Catalog(runtime.client("dynamodb"), settings.catalog_table),
        data_bucket=settings.data_bucket,
        limits=runtime.settings(LimitSettings).limits(),
    )
    return jsonable(registered)
