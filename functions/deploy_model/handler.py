"""Bring a model artifact into service behind the endpoint."""

from typing import Any

from drawops import runtime
from drawops.contracts.workflow import jsonable
from drawops.deployment.endpoint import DeployRequest, EndpointSettings, deploy


@runtime.entry_point
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`DeployRequest` in, `Deployment` out."""
    deployment = deploy(
        DeployRequest.model_validate(event),
        sagemaker=runtime.client("sagemaker"),
        settings=runtime.settings(EndpointSettings),
    )
    return jsonable(deployment)
