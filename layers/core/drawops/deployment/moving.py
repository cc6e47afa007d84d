"""Move the endpoint to the model of a deployment."""

from typing import TYPE_CHECKING

from drawops.contracts.training import DeploymentMode, DeploymentRequest, DeploymentState
from drawops.deployment.endpoint import (
    Deployment,
    DeployRequest,
    EndpointSettings,
    GuardSettings,
    point_endpoint_at,
    prepare,
)
from drawops.deployment.store import DeploymentStore

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient


def move_endpoint(
    request: DeploymentRequest,
    *,
    store: DeploymentStore,
    sagemaker: "SageMakerClient",
    settings: EndpointSettings,
    guard: GuardSettings,
) -> Deployment:
    """Point the endpoint at the model; the record says so first, so that whoever cleans up knows.

    Only a new model is watched: one that has served before must be back as soon as possible.

    Raises:
        NotReady: the endpoint is changing.
        Conflict: the deployment has ended in the meantime.
    """
    name = prepare(DeployRequest.of(request.model), sagemaker=sagemaker, settings=settings)
    store.change(request.deployment_id, DeploymentState.UPDATING, endpoint_config_name=name)
    watched = guard if request.mode is DeploymentMode.CANARY else None
    return Deployment(
        endpoint_name=settings.endpoint_name,
        endpoint_config_name=name,
        action=point_endpoint_at(name, sagemaker, settings.endpoint_name, watched),
    )
