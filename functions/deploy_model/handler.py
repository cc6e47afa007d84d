"""Move the endpoint to the model of a deployment."""

from typing import Any

from drawops import runtime
from drawops.contracts.training import DeploymentRequest
from drawops.contracts.workflow import jsonable
from drawops.deployment.endpoint import EndpointSettings, GuardSettings
from drawops.deployment.moving import move_endpoint
from drawops.deployment.store import DeploymentStore
from pydantic import BaseModel


class Settings(BaseModel):
    """What this function needs beside the endpoint's settings."""

    models_table: str


@runtime.entry_point
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`DeploymentRequest` in, `Deployment` out."""
    endpoint, table = runtime.settings(EndpointSettings), runtime.settings(Settings).models_table
    deployment = move_endpoint(
        DeploymentRequest.model_validate(event),
        store=DeploymentStore(runtime.client("dynamodb"), table, endpoint.endpoint_name),
        sagemaker=runtime.client("sagemaker"),
        settings=endpoint,
        guard=runtime.settings(GuardSettings),
    )
    return jsonable(deployment)
