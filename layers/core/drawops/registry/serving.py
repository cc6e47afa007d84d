"""Which artifact the endpoint serves, as SageMaker itself knows it."""

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from drawops.keys import parse_s3_uri

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient


def serving_artifacts(endpoint: str, *, sagemaker: "SageMakerClient") -> tuple[str, ...]:
    """Keys of the artifacts behind an endpoint's variants; none: there is no endpoint."""
    try:
        found = sagemaker.describe_endpoint(EndpointName=endpoint)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("ValidationException", "ResourceNotFound"):
            return ()
        raise
    config = sagemaker.describe_endpoint_config(EndpointConfigName=found["EndpointConfigName"])
    names = [variant["ModelName"] for variant in config["ProductionVariants"] if "ModelName" in variant]
    containers = [
        model.get("PrimaryContainer") or model["Containers"][0]
        for model in (sagemaker.describe_model(ModelName=name) for name in names)
    ]
    return tuple(
        parse_s3_uri(container["ModelDataUrl"])[1] for container in containers if "ModelDataUrl" in container
    )
