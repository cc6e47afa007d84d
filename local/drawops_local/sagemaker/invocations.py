"""InvokeEndpointAsync: a request is stored with the places where its result will be."""

import uuid

from drawops_local.sagemaker import endpoint_configs, endpoints
from drawops_local.sagemaker.errors import ServiceError
from drawops_local.sagemaker.model_data import split_s3_uri
from drawops_local.sagemaker.operations import Runner, operation
from drawops_local.sagemaker.protocol import Parameters
from drawops_local.sagemaker.store import Document

_KEPT = (
    "ContentType",
    "Accept",
    "CustomAttributes",
    "InputLocation",
    "RequestTTLSeconds",
    "InvocationTimeoutSeconds",
)
# An endpoint takes requests while it is being updated, too; they wait in its queue.
_OPEN = ("InService", "Updating", "SystemUpdating", "RollingBack")


@operation("sagemaker-runtime", "InvokeEndpointAsync")
def invoke_endpoint_async(runner: Runner, request: Parameters) -> Parameters:
    """Queue a request; the answer names where the result, or the failure, will be."""
    name = request["EndpointName"]
    if "Body" in request or "InputLocation" not in request:
        raise _invalid("InputLocation is required: the local SageMaker reads requests from S3 only.")
    try:
        split_s3_uri(request["InputLocation"])
    except ValueError as error:
        raise _invalid(f"Invalid InputLocation: {error}") from error
    with runner.store.transaction():
        endpoint = runner.store.get(endpoints.KIND, name)
        if endpoint is None or endpoint["EndpointStatus"] not in _OPEN:
            raise _invalid(f"Endpoint {name} of account 000000000000 not found.")
        config = runner.store.get(endpoint_configs.KIND, endpoint["EndpointConfigName"]) or {}
        if "AsyncInferenceConfig" not in config:
            raise _invalid(f"Endpoint {name} does not support asynchronous inference.")
        identifier = request.get("InferenceId") or str(uuid.uuid4())
        output, failure = _locations(config["AsyncInferenceConfig"]["OutputConfig"], request)
        stored: Document = {key: request[key] for key in _KEPT if key in request}
        stored |= {"InferenceId": identifier, "OutputLocation": output, "FailureLocation": failure}
        runner.store.enqueue(name, stored)
    runner.hosting.wake(name)
    answer = {"InferenceId": identifier, "OutputLocation": output}
    return {**answer, "FailureLocation": failure} if failure else answer


def _locations(output: Document, request: Parameters) -> tuple[str, str | None]:
    """Result and failure location; the names are unique, so a repeated InferenceId overwrites nothing."""
    unique = str(uuid.uuid4())
    folder = output["S3OutputPath"].rstrip("/")
    if "S3OutputPathExtension" in request:
        folder = f"{folder}/{request['S3OutputPathExtension'].strip('/')}"
    result = f"{folder}/{request.get('Filename', f'{unique}.out')}"
    if "S3FailurePath" not in output:
        return result, None
    return result, f"{output['S3FailurePath'].rstrip('/')}/{unique}-error.out"


def _invalid(message: str) -> ServiceError:
    return ServiceError("ValidationError", message)
