"""Give the endpoint its scaling policies and the wake-from-zero alarm when it comes into service."""

from typing import Any

from drawops import runtime
from drawops.contracts.events import EndpointStateChange
from drawops.deployment.scaling import ScalingSettings, scale


@runtime.entry_point
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`SageMaker Endpoint State Change` in, the wake-from-zero alarm's name out."""
    settings = runtime.settings(ScalingSettings)
    change = EndpointStateChange.model_validate(event)
    if change.detail.endpoint_name != settings.endpoint_name:
        return {"alarm": None}
    alarm = scale(
        autoscaling=runtime.client("application-autoscaling"),
        cloudwatch=runtime.client("cloudwatch"),
        settings=settings,
    )
    return {"alarm": alarm}
