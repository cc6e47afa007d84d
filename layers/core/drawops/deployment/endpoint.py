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
from drawops.errors import NotReady
from drawops.keys import s3_uri

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker.literals import ProductionVariantInstanceTypeType
    from mypy_boto3_sagemaker.type_defs import ProductionVariantTypeDef

VARIANT = "primary"


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


class DeployRequest(Contract):
    """Input of `deploy_model`: an artifact in the data bucket."""

    model_name: str
    model_version: str
    artifact_key: str


class Deployment(Contract):
    """What `deploy_model` did."""

    endpoint_name: str
    endpoint_config_name: str
    action: str


def deploy(request: DeployRequest, *, sagemaker: "SageMakerClient", settings: EndpointSettings) -> Deployment:
    """Create what is missing: model, endpoint configuration, endpoint; or move the endpoint to them.

    Raises:
        NotReady: the endpoint is being created or updated; try again when it has settled.
    """
    name = _object_name(request, settings)
    _create_once(lambda: _create_model(name, request, sagemaker, settings))
    _create_once(lambda: _create_endpoint_config(name, sagemaker, settings))
    return Deployment(
        endpoint_name=settings.endpoint_name,
        endpoint_config_name=name,
        action=_point_endpoint_at(name, sagemaker, settings.endpoint_name),
    )


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


def _point_endpoint_at(config: str, sagemaker: "SageMakerClient", endpoint: str) -> str:
    try:
        found = sagemaker.describe_endpoint(EndpointName=endpoint)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationException":
            raise
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
    sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=config)
    return "updated"


def _create_once(create: Callable[[], None]) -> None:
    try:
        create()
    except ClientError as error:
        message = error.response["Error"]["Message"]
        if error.response["Error"]["Code"] != "ValidationException" or "already exist" not in message:
            raise
