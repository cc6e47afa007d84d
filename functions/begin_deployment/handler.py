"""Hold the endpoint for a deployment and check what is to be deployed."""

from typing import Any

from drawops import runtime
from drawops.contracts.training import DeploymentRequest
from drawops.contracts.workflow import jsonable
from drawops.deployment.beginning import BeginnerSettings, beginner


@runtime.entry_point
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`DeploymentRequest` in, `Begun` out."""
    settings = runtime.settings(BeginnerSettings)
    begun = beginner(runtime.client, settings).begin(DeploymentRequest.model_validate(event))
    return jsonable(begun)
