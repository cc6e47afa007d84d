"""Compare what the canary read with what the gate saw; then the canary endpoint goes."""

from typing import Any

from drawops import runtime
from drawops.contracts.deployment import JudgeRequest
from drawops.contracts.training import DeploymentState
from drawops.contracts.workflow import jsonable
from drawops.deployment.canary import judge_canary
from drawops.deployment.endpoint import delete_endpoint
from drawops.deployment.store import DeploymentStore
from pydantic import BaseModel


class Settings(BaseModel):
    """Environment of this function."""

    models_table: str
    endpoint_name: str
    data_bucket: str


@runtime.entry_point
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`JudgeRequest` in, `CanaryReport` out."""
    settings = runtime.settings(Settings)
    asked = JudgeRequest.model_validate(event)
    report = judge_canary(
        asked.request, asked.canary, s3=runtime.client("s3"), data_bucket=settings.data_bucket
    )
    store = DeploymentStore(runtime.client("dynamodb"), settings.models_table, settings.endpoint_name)
    store.change(asked.request.deployment_id, DeploymentState.CANARY, canary=report)
    delete_endpoint(asked.canary.endpoint_name, runtime.client("sagemaker"))
    return jsonable(report)
