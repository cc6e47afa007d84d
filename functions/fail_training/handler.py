"""Record why a run came to no verdict, and stop what still runs for it."""

from typing import Any

from drawops import runtime
from drawops.contracts.training import TrainingFailure
from drawops.contracts.workflow import jsonable
from drawops.training.conclusion import fail
from drawops.training.runs import RunStore
from pydantic import BaseModel


class Settings(BaseModel):
    """Environment of this function."""

    models_table: str
    job_name_prefix: str


@runtime.entry_point
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`TrainingFailure` in, `{"event": detail of TrainingFailed or null}` out."""
    settings = runtime.settings(Settings)
    failed = fail(
        TrainingFailure.model_validate(event),
        store=RunStore(runtime.client("dynamodb"), settings.models_table),
        sagemaker=runtime.client("sagemaker"),
        prefix=settings.job_name_prefix,
    )
    return {"event": jsonable(failed) if failed else None}
