"""Drop a golden drawing into the raw bucket, as a user would."""

from typing import Any

from drawops import runtime
from drawops.contracts.deployment import Begun
from drawops.contracts.workflow import jsonable
from drawops.deployment.smoke import start_smoke_test
from pydantic import BaseModel


class Settings(BaseModel):
    """Environment of this function."""

    data_bucket: str
    raw_bucket: str


@runtime.entry_point
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`Begun` in, `SmokeTest` out."""
    settings = runtime.settings(Settings)
    test = start_smoke_test(
        Begun.model_validate(event),
        s3=runtime.client("s3"),
        data_bucket=settings.data_bucket,
        raw_bucket=settings.raw_bucket,
    )
    return jsonable(test)
