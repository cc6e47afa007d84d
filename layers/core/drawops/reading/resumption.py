"""Wake the workflow that waits for an inference, once, whatever notifications arrive."""

import json
import re
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from pydantic import ValidationError

from drawops.catalog import Catalog, Inference
from drawops.contracts.events import InferenceNotification
from drawops.contracts.reading import ReadingError
from drawops.contracts.workflow import Invoked
from drawops.errors import Code, InvalidInput
from drawops.keys import parse_s3_uri

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_stepfunctions import SFNClient

# A token whose task has ended: the notification came twice or too late.
_SPENT = frozenset({"TaskDoesNotExist", "TaskTimedOut", "InvalidToken"})
_CAUSE_LENGTH = 2000


def resume(
    notification: InferenceNotification, *, s3: "S3Client", stepfunctions: "SFNClient", catalog: Catalog
) -> bool:
    """Resume the workflow that a notification is about.

    Returns:
        False when nobody waits (any more): a repeated, late or foreign notification.
    """
    inference = catalog.inference(notification.inference_id)
    if inference is None:
        return False
    if notification.invocation_status == "Completed" and notification.response_parameters is not None:
        return resume_succeeded(inference, notification.response_parameters.output_location, stepfunctions)
    return resume_failed(inference, notification.failure_reason, s3=s3, stepfunctions=stepfunctions)


def resume_succeeded(inference: Inference, output_location: str, stepfunctions: "SFNClient") -> bool:
    """Hand the place of the endpoint's answer to the waiting workflow; False when nobody waits."""
    output = Invoked(output_location=output_location).model_dump_json()
    try:
        stepfunctions.send_task_success(taskToken=inference.task_token, output=output)
    except ClientError as error:
        if error.response["Error"]["Code"] in _SPENT:
            return False
        raise
    return True


def resume_failed(
    inference: Inference, failure_reason: str, *, s3: "S3Client", stepfunctions: "SFNClient"
) -> bool:
    """Fail the waiting task with the container's own error; False when nobody waits.

    What the container said stands in the failure object; SageMaker's `failureReason` only wraps it.
    """
    said = _said_by_container(inference, s3) or _said_in(failure_reason)
    if said is not None and said.code in Code.__members__ and said.code != Code.READING_FAILED:
        error, cause = "InvalidInput", str(InvalidInput(Code(said.code), said.message))
    else:
        error, cause = "JobFailed", (said.message if said else failure_reason) or "no reason given"
    try:
        stepfunctions.send_task_failure(
            taskToken=inference.task_token, error=error, cause=cause[:_CAUSE_LENGTH]
        )
    except ClientError as problem:
        if problem.response["Error"]["Code"] in _SPENT:
            return False
        raise
    return True


def _said_by_container(inference: Inference, s3: "S3Client") -> ReadingError | None:
    if inference.failure_location is None:
        return None
    bucket, key = parse_s3_uri(inference.failure_location)
    try:
        body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
            return None
        raise
    return _said_in(body.decode("utf-8", "replace"))


def _said_in(text: str) -> ReadingError | None:
    """The first `ReadingError` document inside `text`."""
    for candidate in re.finditer(r"\{", text):
        try:
            found, _ = json.JSONDecoder().raw_decode(text, candidate.start())
            return ReadingError.model_validate(found)
        except (ValueError, ValidationError):
            continue
    return None
