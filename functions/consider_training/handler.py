"""Decide whether a project is trained again, and start the run."""

from typing import Any

from drawops import runtime
from drawops.contracts.workflow import jsonable
from drawops.training.consideration import Considerer, ConsiderSettings, cause_of
from drawops.training.runs import RunStore
from pydantic import BaseModel


class Settings(BaseModel):
    """What this function needs beside `ConsiderSettings`."""

    models_table: str


@runtime.entry_point
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`TrainingRequest`, `DatasetVersionCreated` or the event of a run's end in, `Considered` out."""
    considerer = Considerer(
        store=RunStore(runtime.client("dynamodb"), runtime.settings(Settings).models_table),
        s3=runtime.client("s3"),
        sagemaker=runtime.client("sagemaker"),
        stepfunctions=runtime.client("stepfunctions"),
        settings=runtime.settings(ConsiderSettings),
    )
    return jsonable(considerer.consider(cause_of(event)))
