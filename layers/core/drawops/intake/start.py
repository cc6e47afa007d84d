"""Start the workflow for an upload: once, however often the event comes."""

import json
from enum import StrEnum
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from drawops.contracts.workflow import Upload
from drawops.keys import drawing_id, execution_name

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


class Start(StrEnum):
    """What came of a request to start."""

    STARTED = "STARTED"
    RUNNING = "RUNNING"
    ENDED = "ENDED"


def start(upload: Upload, *, stepfunctions: "SFNClient", state_machine_arn: str) -> Start:
    """Start `drawing_processing` under the name that belongs to this upload and attempt.

    A Standard workflow refuses a name for 90 days when it was used with other input or has ended, and
    answers as if started when it still runs with the same input: so a repeated event changes nothing.
    """
    name = execution_name(
        drawing_id(upload.bucket, upload.key), upload.version_id, upload.etag, upload.attempt
    )
    try:
        stepfunctions.start_execution(
            stateMachineArn=state_machine_arn,
            name=name,
            input=json.dumps(upload.model_dump(mode="json"), sort_keys=True),
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
            raise
        return Start.RUNNING if is_running(name, stepfunctions, state_machine_arn) else Start.ENDED
    return Start.STARTED


def is_running(name: str, stepfunctions: "SFNClient", state_machine_arn: str) -> bool:
    """Whether the execution called `name` is under way; False when it ended or never was."""
    try:
        found = stepfunctions.describe_execution(executionArn=execution_arn(state_machine_arn, name))
    except ClientError as error:
        if error.response["Error"]["Code"] == "ExecutionDoesNotExist":
            return False
        raise
    return found["status"] in ("RUNNING", "PENDING_REDRIVE")


def execution_arn(state_machine_arn: str, name: str) -> str:
    """ARN of an execution: the state machine's ARN with `stateMachine` replaced, plus the name."""
    return state_machine_arn.replace(":stateMachine:", ":execution:", 1) + f":{name}"
