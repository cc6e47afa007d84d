"""Move on what a lost notification, a lost event or a crash left hanging."""

from datetime import timedelta
from typing import Any

from drawops import runtime
from drawops.catalog import Catalog
from drawops.contracts.workflow import ReconcileRequest, jsonable
from drawops.intake.reconciliation import Reconciler
from pydantic import BaseModel


class Settings(BaseModel):
    """Environment of this function."""

    catalog_table: str
    raw_bucket: str
    data_bucket: str
    state_machine_arn: str
    grace_seconds: int = 600
    max_attempts: int = 3


@runtime.entry_point
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`ReconcileRequest` in, `ReconcileReport` out."""
    request, settings = ReconcileRequest.model_validate(event), runtime.settings(Settings)
    grace = settings.grace_seconds if request.grace_seconds is None else request.grace_seconds
    reconciler = Reconciler(
        s3=runtime.client("s3"),
        stepfunctions=runtime.client("stepfunctions"),
        catalog=Catalog(runtime.client("dynamodb"), settings.catalog_table),
        state_machine_arn=settings.state_machine_arn,
        raw_bucket=settings.raw_bucket,
        data_bucket=settings.data_bucket,
        grace=timedelta(seconds=grace),
        max_attempts=settings.max_attempts,
    )
    return jsonable(reconciler.reconcile(sweep=request.sweep))
