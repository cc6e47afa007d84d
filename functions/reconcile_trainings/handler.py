"""Move on runs that a lost event or a crash left hanging, and start what waits."""

from datetime import timedelta
from typing import Any

from drawops import runtime
from drawops.contracts.workflow import jsonable
from drawops.training.consideration import Considerer, ConsiderSettings
from drawops.training.reconciliation import Reconciler
from drawops.training.runs import RunStore
from pydantic import BaseModel


class Settings(BaseModel):
    """What this function needs beside `ConsiderSettings`."""

    models_table: str
    event_bus_name: str
    job_name_prefix: str
    grace_seconds: int


@runtime.entry_point
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Anything in, `ReconciledTrainings` out."""
    settings = runtime.settings(Settings)
    considerer = Considerer(
        store=RunStore(runtime.client("dynamodb"), settings.models_table),
        s3=runtime.client("s3"),
        sagemaker=runtime.client("sagemaker"),
        stepfunctions=runtime.client("stepfunctions"),
        settings=runtime.settings(ConsiderSettings),
    )
    bus, grace = settings.event_bus_name, timedelta(seconds=settings.grace_seconds)
    reconciler = Reconciler(
        considerer, events=runtime.client("events"), bus=bus, prefix=settings.job_name_prefix, grace=grace
    )
    return jsonable(reconciler.reconcile())
