"""SageMaker as a Step Functions integration.

MiniStack has no SageMaker, so `arn:aws:states:::sagemaker:*` and `arn:aws:states:::aws-sdk:sagemaker*:*`
fail; here they call the SageMaker runner. `.sync` (run a job) waits by asking, as Step Functions does.
"""

import json
import os
import re
import time
from typing import Any

from ministack.services import stepfunctions  # type: ignore[import-not-found]

from . import guard

NAME = "sagemaker-tasks"
_SERVICES = {
    "arn:aws:states:::sagemaker:": "sagemaker",
    "arn:aws:states:::aws-sdk:sagemaker:": "sagemaker",
    "arn:aws:states:::aws-sdk:sagemakerruntime:": "sagemaker-runtime",
}
_ENDPOINTS = {
    "sagemaker": "AWS_ENDPOINT_URL_SAGEMAKER",
    "sagemaker-runtime": "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME",
}
# For `.sync`: what to ask, by which name, where the status is, and which statuses end the wait.
_JOBS = {
    "create_training_job": ("describe_training_job", "TrainingJobName", "TrainingJobStatus"),
}
_ENDED = ("Completed", "Failed", "Stopped")


def apply() -> None:
    """Send SageMaker tasks to the runner."""
    dispatch = getattr(stepfunctions, "_SERVICE_DISPATCH", None)
    guard.require(isinstance(dispatch, dict), NAME, "the table stepfunctions._SERVICE_DISPATCH")
    guard.require(hasattr(stepfunctions, "_ExecutionError"), NAME, "stepfunctions._ExecutionError")
    assert dispatch is not None
    for prefix, service in _SERVICES.items():
        dispatch[prefix] = _handler(service)


def _handler(service: str) -> Any:  # noqa: ANN401
    def call(resource: str, parameters: dict[str, Any]) -> Any:  # noqa: ANN401
        return _call(service, resource, parameters)

    return call


def _call(service: str, resource: str, parameters: dict[str, Any]) -> Any:  # noqa: ANN401
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    if _ENDPOINTS[service] not in os.environ:
        raise stepfunctions._ExecutionError(
            "States.Runtime", f"{_ENDPOINTS[service]} is not set on MiniStack"
        )
    client = boto3.client(service, endpoint_url=os.environ[_ENDPOINTS[service]], region_name="us-east-1")  # type: ignore[call-overload]
    action, sync, _ = resource.split(":")[-1].removesuffix(":2").partition(".sync")
    method = re.sub(r"(?<!^)([A-Z])", r"_\1", action).lower()
    prefix = "SageMakerRuntime" if service == "sagemaker-runtime" else "SageMaker"
    try:
        result = getattr(client, method)(**parameters)
        if sync:
            result = _wait(client, method, parameters)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        raise stepfunctions._ExecutionError(f"{prefix}.{code}", error.response["Error"]["Message"]) from error
    except (AttributeError, BotoCoreError) as error:
        raise stepfunctions._ExecutionError(f"{prefix}.SdkClientException", str(error)) from error
    result.pop("ResponseMetadata", None)
    return json.loads(json.dumps(result, default=str))


def _wait(client: Any, method: str, parameters: dict[str, Any]) -> Any:  # noqa: ANN401
    if method not in _JOBS:
        raise stepfunctions._ExecutionError("States.Runtime", f".sync is not supported for {method}")
    describe, key, status = _JOBS[method]
    while True:
        job = getattr(client, describe)(**{key: parameters[key]})
        if job[status] == "Completed":
            return job
        if job[status] in _ENDED:
            cause = json.dumps(job, default=str)
            raise stepfunctions._ExecutionError("SageMaker.AmazonSageMakerException", cause)
        time.sleep(1)
