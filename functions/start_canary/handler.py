"""Bring the canary endpoint into service and ask it for the golden pages."""

from typing import Any

from drawops import runtime
from drawops.contracts.training import DeploymentRequest, DeploymentState
from drawops.contracts.workflow import jsonable
from drawops.deployment.canary import start_canary
from drawops.deployment.endpoint import EndpointSettings
from drawops.deployment.store import DeploymentStore
from pydantic import BaseModel, Field


class Settings(BaseModel):
    """What this function needs beside the endpoint's settings."""

    models_table: str
    reading_timeout_seconds: int = Field(default=900, ge=1, le=3600)


@runtime.entry_point
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`DeploymentRequest` in, `CanaryStarted` out."""
    settings, endpoint = runtime.settings(Settings), runtime.settings(EndpointSettings)
    request = DeploymentRequest.model_validate(event)
    store = DeploymentStore(runtime.client("dynamodb"), settings.models_table, endpoint.endpoint_name)
    store.change(request.deployment_id, DeploymentState.CANARY)
    canary = start_canary(
        request,
        s3=runtime.client("s3"),
        sagemaker=runtime.client("sagemaker"),
        runtime=runtime.client("sagemaker-runtime"),
        settings=endpoint,
        timeout_seconds=settings.reading_timeout_seconds,
    )
    return jsonable(canary)
