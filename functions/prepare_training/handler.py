"""Check what a run would learn from, and list it for the jobs."""

from typing import Any

from drawops import runtime
from drawops.contracts.training import TrainingRun
from drawops.contracts.workflow import jsonable
from drawops.training.channels import prepare
from pydantic import BaseModel


class Settings(BaseModel):
    """Environment of this function."""

    data_bucket: str


@runtime.entry_point
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`TrainingRun` in, `Prepared` out."""
    prepared = prepare(
        TrainingRun.model_validate(event),
        s3=runtime.client("s3"),
        bucket=runtime.settings(Settings).data_bucket,
    )
    return jsonable(prepared)
