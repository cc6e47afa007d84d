"""Say when the smoke test was read by the new model; `NotReady` until then."""

from typing import Any

from drawops import runtime
from drawops.catalog import Catalog
from drawops.contracts.deployment import SmokeTest
from drawops.contracts.workflow import jsonable
from drawops.deployment.smoke import check_smoke_test
from pydantic import BaseModel


class Settings(BaseModel):
    """Environment of this function."""

    catalog_table: str
    raw_bucket: str


@runtime.entry_point
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`SmokeTest` in and out."""
    settings = runtime.settings(Settings)
    test = SmokeTest.model_validate(event)
    check_smoke_test(
        test,
        catalog=Catalog(runtime.client("dynamodb"), settings.catalog_table),
        raw_bucket=settings.raw_bucket,
    )
    return jsonable(test)
