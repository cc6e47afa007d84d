"""Endpoint configurations: which model, how many requests at once, where results and messages go."""

from drawops_local.sagemaker import models
from drawops_local.sagemaker.errors import unsupported, validation
from drawops_local.sagemaker.model_data import split_s3_uri
from drawops_local.sagemaker.operations import Runner, arn, create, list_page, now, operation, require
from drawops_local.sagemaker.protocol import Parameters
from drawops_local.sagemaker.store import Document

KIND = "endpoint-config"
_NOUN = "endpoint configuration"


@operation("sagemaker", "CreateEndpointConfig")
def create_endpoint_config(runner: Runner, request: Parameters) -> Parameters:
    """Store a configuration with exactly one variant."""
    variants = request["ProductionVariants"]
    if len(variants) > 1 or request.get("ShadowProductionVariants"):
        raise unsupported("more than one variant of an endpoint is not supported here")
    for variant in variants:
        if "ServerlessConfig" in variant:
            raise unsupported("serverless endpoints are not supported here")
        if "ModelName" not in variant:
            raise unsupported("variants without ModelName (inference components) are not supported here")
        if "InstanceType" not in variant or "InitialInstanceCount" not in variant:
            raise validation(
                "InstanceType and InitialInstanceCount are required for an instance based variant."
            )
        require(runner, models.KIND, variant["ModelName"], noun="model")
    _check_asynchronous(request)
    name = request["EndpointConfigName"]
    create(runner, KIND, name, {**request, "CreationTime": now()}, noun=_NOUN)
    return {"EndpointConfigArn": arn(KIND, name)}


@operation("sagemaker", "DescribeEndpointConfig")
def describe_endpoint_config(runner: Runner, request: Parameters) -> Parameters:
    """The configuration as it was created."""
    document = require(runner, KIND, request["EndpointConfigName"], noun=_NOUN)
    document.pop("Tags", None)
    return {**document, "EndpointConfigArn": arn(KIND, request["EndpointConfigName"])}


@operation("sagemaker", "DeleteEndpointConfig")
def delete_endpoint_config(runner: Runner, request: Parameters) -> Parameters:
    """Remove a configuration that no endpoint uses (AWS allows more and warns about it)."""
    name = request["EndpointConfigName"]
    require(runner, KIND, name, noun=_NOUN)
    for endpoint in runner.store.all("endpoint"):
        # A restart of the runner reads the configuration again, so it must stay while it is used.
        if name in (endpoint["EndpointConfigName"], endpoint.get("PendingConfigName")):
            raise validation(
                f'Cannot delete endpoint configuration "{arn(KIND, name)}": '
                f"it is in use by endpoint {endpoint['EndpointName']}."
            )
    runner.store.remove(KIND, name)
    return {}


@operation("sagemaker", "ListEndpointConfigs")
def list_endpoint_configs(runner: Runner, request: Parameters) -> Parameters:
    """Configurations by name or age."""
    documents = runner.store.all(KIND)
    return list_page(
        documents, request, name="EndpointConfigName", summary=_summary, member="EndpointConfigs"
    )


def _check_asynchronous(request: Document) -> None:
    asynchronous = request.get("AsyncInferenceConfig")
    if not asynchronous:
        return
    output = asynchronous["OutputConfig"]
    if "S3OutputPath" not in output:
        raise validation("AsyncInferenceConfig.OutputConfig.S3OutputPath is required.")
    for member in ("S3OutputPath", "S3FailurePath"):
        if member in output:
            try:
                split_s3_uri(output[member].rstrip("/") + "/x")
            except ValueError as error:
                raise validation(f"Invalid {member}: {error}") from error
    if output.get("NotificationConfig", {}).get("IncludeInferenceResponseIn"):
        raise unsupported("IncludeInferenceResponseIn is not supported here; results are in S3")


def _summary(document: Document) -> Parameters:
    name = document["EndpointConfigName"]
    return {
        "EndpointConfigName": name,
        "EndpointConfigArn": arn(KIND, name),
        "CreationTime": document["CreationTime"],
    }
