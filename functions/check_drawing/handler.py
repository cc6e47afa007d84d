"""Check a drawing by its file's own structure, before anything is decoded."""

from typing import Any

from drawops import runtime
from drawops.contracts.workflow import Registered, jsonable
from drawops.intake.inspection import check
from drawops.limits import LimitSettings
from pydantic import BaseModel


class Settings(BaseModel):
    """Environment of this function."""

    data_bucket: str


@runtime.entry_point
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`Registered` in, `Checked` out."""
    checked = check(
        Registered.model_validate(event),
        s3=runtime.client("s3"),
        data_bucket=runtime.settings(Settings).data_bucket,
        limits=runtime.settings(LimitSettings).limits(),
    )
    return jsonable(checked)
