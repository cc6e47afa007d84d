"""Which pages of a fresh result become work, and starting the workflow that makes them so."""

import json
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from drawops.contracts.events import DrawingProcessed
from drawops.contracts.labeling import Reason
from drawops.contracts.reading import DrawingResult
from drawops.contracts.workflow import OpenRequest
from drawops.errors import NotReady
from drawops.keys import is_smoke_test, labeling_id
from drawops.labeling.policy import ConfidencePolicy, pages_that_need_people

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_stepfunctions import SFNClient


def consider(
    processed: DrawingProcessed,
    *,
    s3: "S3Client",
    stepfunctions: "SFNClient",
    state_machine_arn: str,
    policy: ConfidencePolicy,
) -> list[str]:
    """Start a labeling for each page of a result that the confidence policy finds too doubtful.

    What a deployment drops as a smoke test is labelled already.

    Returns:
        Ids of the labelings, whether they were started now or by an earlier delivery of the same event.
    """
    if is_smoke_test(processed.key):
        return []
    result = load_result(s3, processed.result_bucket, processed.result_key)
    chosen = []
    for number, why in pages_that_need_people(result.pages, policy):
        request = OpenRequest(
            drawing_id=processed.drawing_id,
            revision=processed.revision,
            page=number,
            reason=Reason.LOW_CONFIDENCE,
            why=why,
        )
        chosen.append(
            start_labeling(request, stepfunctions=stepfunctions, state_machine_arn=state_machine_arn)
        )
    return chosen


def start_labeling(
    request: OpenRequest, *, stepfunctions: "SFNClient", state_machine_arn: str, attempt: str = ""
) -> str:
    """Start the `labeling` workflow for a page; once, however often the event comes.

    Args:
        attempt: tells a person's new request from an earlier execution of the same page.

    Returns:
        The labeling's id.
    """
    name = labeling_id(request.drawing_id, request.revision, request.page)
    try:
        stepfunctions.start_execution(
            stateMachineArn=state_machine_arn,
            name=f"{name}-{attempt}" if attempt else name,
            input=json.dumps(request.model_dump(mode="json"), sort_keys=True),
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
            raise
    return name


def load_result(s3: "S3Client", bucket: str, key: str) -> DrawingResult:
    """The stored result document.

    Raises:
        NotReady: there is none.
    """
    try:
        body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
            raise NotReady(f"There is no result at {key}; the drawing must be read first.") from None
        raise
    return DrawingResult.model_validate_json(body)
