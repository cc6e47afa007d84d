"""Bring a model artifact into service behind the asynchronous endpoint.

Every SageMaker object is immutable and named by what it is made of, so deploying the same thing twice is
a no-op, and going back to an earlier model is an update to an endpoint configuration that still exists.
"""

import hashlib
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from botocore.exceptions import ClientError
from pydantic import BaseModel, Field

from drawops.contracts.reading import Contract
from drawops.contracts.training import ModelRef
from drawops.errors import JobFailed, NotReady
from drawops.keys import s3_uri

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker.literals import ProductionVariantInstanceTypeType
    from mypy_boto3_sagemaker.type_defs import (
        DeploymentConfigTypeDef,
        DescribeEndpointOutputTypeDef,
        ProductionVariantTypeDef,
    )

VARIANT = "primary"
_MISSING = "ValidationException"
# While one of them lasts, SageMaker takes no other change.
CHANGING = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"})
# Of a blue/green update; SageMaker allows ten minutes at least.
_UPDATE_SECONDS = 3600


class EndpointSettings(BaseModel):
    """What the stack decides about the endpoint; field names in capitals are environment variables."""

    endpoint_name: str
    inference_image: str
    inference_role_arn: str
    inference_instance_type: str
    data_bucket: str
    success_topic_arn: str
    error_topic_arn: str
    concurrent_readings: int = Field(default=1, ge=1, description="Per instance.")


class GuardSettings(BaseModel):
    """What makes SageMaker itself take an update back; field names in capitals are environment variables."""

    rollback_alarm_name: str
    bake_seconds: int = Field(
        default=300, ge=0, le=3600, description="How long the old instances stay after the switch."
    )


class DeployRequest(Contract):
    """An artifact in the data bucket that shall serve."""

    model_name: str
    model_version: str
    artifact_key: str

    @classmethod
    def of(cls, model: ModelRef) -> "DeployRequest":
        """The request for a model."""
        return cls(model_name=model.name, model_version=model.version, artifact_key=model.artifact_key)


class Deployment(Contract):
    """What `deploy_model` did."""

    endpoint_name: str
    endpoint_config_name: str
    action: str


def deploy(
    request: DeployRequest,
    *,
    sagemaker: "SageMakerClient",
    settings: EndpointSettings,
    guard: GuardSettings | None = None,
) -> Deployment:
    """Create what is missing: model, endpoint configuration, endpoint; or move the endpoint to them.

    Args:
        guard: makes SageMaker take the update back while it watches the new instances; None: nobody waits.

    Raises:
        NotReady: the endpoint is being created or updated; try again when it has settled.
    """
    name = prepare(request, sagemaker=sagemaker, settings=settings)
    return Deployment(
        endpoint_name=settings.endpoint_name,
        endpoint_config_name=name,
        action=point_endpoint_at(name, sagemaker, settings.endpoint_name, guard),
    )


def prepare(request: DeployRequest, *, sagemaker: "SageMakerClient", settings: EndpointSettings) -> str:
    """Make model and endpoint configuration, once; returns their name, which follows from the content."""
    name = _object_name(request, settings)
    _create_once(lambda: _create_model(name, request, sagemaker, settings))
    _create_once(lambda: _create_endpoint_config(name, sagemaker, settings))
    return name


def describe(endpoint: str, sagemaker: "SageMakerClient") -> "DescribeEndpointOutputTypeDef | None":
    """What SageMaker says of an endpoint; None: there is none."""
    try:
        return sagemaker.describe_endpoint(EndpointName=endpoint)
    except ClientError as error:
        if error.response["Error"]["Code"] != _MISSING:
            raise
        return None


def await_configuration(endpoint: str, config: str, sagemaker: "SageMakerClient") -> None:
    """Return when the endpoint serves `config`.

    Raises:
        NotReady: it is still changing.
        JobFailed: it failed, or serves another configuration: SageMaker took the update back.
    """
    found = describe(endpoint, sagemaker)
    if found is None:
        raise JobFailed(f"Endpoint {endpoint} was deleted during its deployment.")
    reason = found.get("FailureReason", "no reason given")
    if found["EndpointStatus"] in CHANGING:
        raise NotReady(f"Endpoint {endpoint} is {found['EndpointStatus']}.")
    if found["EndpointStatus"] != "InService":
        raise JobFailed(f"Endpoint {endpoint} is {found['EndpointStatus']}: {reason}")
    if found["EndpointConfigName"] != config:
        raise JobFailed(f"SageMaker took the update of {endpoint} back: {reason}")


def _object_name(request: DeployRequest, settings: EndpointSettings) -> str:
    """SageMaker names have at most 63 characters; a hash of everything inside keeps them apart."""
    inside = json.dumps([request.model_dump(), settings.model_dump()], sort_keys=True)
    stem = f"{settings.endpoint_name}-{request.model_version.replace('.', '-')}"[:54].rstrip("-")
    return f"{stem}-{hashlib.sha256(inside.encode()).hexdigest()[:8]}"


def _create_model(
    name: str, request: DeployRequest, sagemaker: "SageMakerClient", settings: EndpointSettings
) -> None:
    sagemaker.create_model(
        ModelName=name,
        ExecutionRoleArn=settings.inference_role_arn,
        PrimaryContainer={
            "Image": settings.inference_image,
            "ModelDataUrl": s3_uri(settings.data_bucket, request.artifact_key),
        },
        EnableNetworkIsolation=True,
        Tags=[
            {"Key": "drawops:model-name", "Value": request.model_name},
            {"Key": "drawops:model-version", "Value": request.model_version},
        ],
    )


def _create_endpoint_config(name: str, sagemaker: "SageMakerClient", settings: EndpointSettings) -> None:
    variant: ProductionVariantTypeDef = {
        "VariantName": VARIANT,
        "ModelName": name,
        "InstanceType": cast("ProductionVariantInstanceTypeType", settings.inference_instance_type),
        "InitialInstanceCount": 1,
        "ContainerStartupHealthCheckTimeoutInSeconds": 600,
    }
    sagemaker.create_endpoint_config(
        EndpointConfigName=name,
        ProductionVariants=[variant],
        AsyncInferenceConfig={
            "ClientConfig": {"MaxConcurrentInvocationsPerInstance": settings.concurrent_readings},
            "OutputConfig": {
                "S3OutputPath": s3_uri(settings.data_bucket, "inference/output/"),
                "S3FailurePath": s3_uri(settings.data_bucket, "inference/failure/"),
                "NotificationConfig": {
                    "SuccessTopic": settings.success_topic_arn,
                    "ErrorTopic": settings.error_topic_arn,
                },
            },
        },
    )


def point_endpoint_at(
    config: str, sagemaker: "SageMakerClient", endpoint: str, guard: GuardSettings | None = None
) -> str:
    """Create the endpoint with a configuration, or move it there; returns what was done.

    Requests in the endpoint's queue stay there and are answered by whichever instances are in service.

    Raises:
        NotReady: the endpoint is changing, or has failed.
    """
    found = describe(endpoint, sagemaker)
    if found is None:
        sagemaker.create_endpoint(EndpointName=endpoint, EndpointConfigName=config)
        return "created"
    if found["EndpointStatus"] == "Failed":
        raise NotReady(
            f"Endpoint {endpoint} has failed ({found.get('FailureReason', 'no reason given')}). "
            "Delete it, then deploy again."
        )
    if found["EndpointStatus"] != "InService":
        raise NotReady(
            f"Endpoint {endpoint} is {found['EndpointStatus']}; deploy again when it is InService."
        )
    if found["EndpointConfigName"] == config:
        return "unchanged"
    # The number of instances that scaling has chosen stays. An endpoint that sleeps wakes with the one of its
    # configuration: with none, nothing of the new model would have been started when the update succeeds.
    awake = any(variant.get("DesiredInstanceCount", 0) for variant in found.get("ProductionVariants", []))
    sagemaker.update_endpoint(
        EndpointName=endpoint,
        EndpointConfigName=config,
        RetainAllVariantProperties=awake,
        DeploymentConfig=_guarded(guard),
    )
    return "updated"


def _guarded(guard: GuardSettings | None) -> "DeploymentConfigTypeDef":
    """A blue/green update: all at once, since a queue has no share of traffic to send elsewhere."""
    config: DeploymentConfigTypeDef = {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0},
            "TerminationWaitInSeconds": guard.bake_seconds if guard else 0,
            "MaximumExecutionTimeoutInSeconds": _UPDATE_SECONDS,
        }
    }
    if guard:
        config["AutoRollbackConfiguration"] = {"Alarms": [{"AlarmName": guard.rollback_alarm_name}]}
    return config


def delete_endpoint(endpoint: str, sagemaker: "SageMakerClient") -> bool:
    """Delete an endpoint; True when there was one. Its end is not waited for.

    Raises:
        NotReady: it is changing and cannot be deleted yet.
    """
    found = describe(endpoint, sagemaker)
    if found is None:
        return False
    if found["EndpointStatus"] == "Deleting":
        return True
    try:
        sagemaker.delete_endpoint(EndpointName=endpoint)
    except ClientError as error:
        if (
            error.response["Error"]["Code"] == _MISSING
            and "in-progress" in error.response["Error"]["Message"]
        ):
            raise NotReady(f"Endpoint {endpoint} is changing and cannot be deleted yet.") from error
        raise
    return True


def _create_once(create: Callable[[], None]) -> None:
    try:
        create()
    except ClientError as error:
        message = error.response["Error"]["Message"]
        if error.response["Error"]["Code"] != "ValidationException" or "already exist" not in message:
            raise
