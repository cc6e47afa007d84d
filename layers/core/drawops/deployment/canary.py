"""The canary: the new model reads the golden pages on an endpoint of its own before it gets the work.

Its answers are looked for where SageMaker said they will lie. A task token could be handed back only once,
so several answers would need somebody who counts them; looking needs nobody, and the retries bound it.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from pydantic import ValidationError

from drawops.contracts.deployment import CanaryAnswer, CanaryReport, CanaryStarted
from drawops.contracts.reading import Reading, Text
from drawops.contracts.training import DeploymentRequest, GoldenPage, GoldenText, Verdict
from drawops.datasets.geometry import overlapping_pairs
from drawops.deployment.endpoint import (
    CHANGING,
    DeployRequest,
    EndpointSettings,
    delete_endpoint,
    describe,
    prepare,
)
from drawops.errors import Corrupt, JobFailed, NotReady
from drawops.keys import parse_s3_uri, s3_uri

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient

LEAST_SHARE = 0.99
"""So many of the golden texts must be read as the gate read them."""
LEAST_OVERLAP = 0.5
"""IoU from which on two boxes are the same place."""
_GONE = ("NoSuchKey", "404")


def canary_name(endpoint: str) -> str:
    """Name of the canary endpoint beside `endpoint`."""
    return f"{endpoint}-canary"


def golden_pages(verdict_key: str | None, *, s3: "S3Client", data_bucket: str) -> tuple[GoldenPage, ...]:
    """The pages that the gate chose; none without a verdict.

    Raises:
        Corrupt: the verdict is missing or is none.
    """
    if verdict_key is None:
        return ()
    try:
        body = s3.get_object(Bucket=data_bucket, Key=verdict_key)["Body"].read()
        return Verdict.model_validate_json(body).golden
    except ClientError as error:
        if error.response["Error"]["Code"] in _GONE:
            raise Corrupt(f"The gate's verdict {verdict_key} is missing; nothing was changed.") from None
        raise
    except ValidationError as error:
        raise Corrupt(f"The gate's verdict {verdict_key} is damaged; nothing was changed.") from error


def start_canary(
    request: DeploymentRequest,
    *,
    s3: "S3Client",
    sagemaker: "SageMakerClient",
    runtime: "SageMakerRuntimeClient",
    settings: EndpointSettings,
    timeout_seconds: int,
) -> CanaryStarted:
    """Bring the canary endpoint into service and ask it for the golden pages.

    Args:
        timeout_seconds: longest time that one file may take in the container.

    Raises:
        NotReady: the endpoint is not in service yet.
        JobFailed: it does not come into service.
        Corrupt: the verdict is missing.
    """
    pages = golden_pages(request.verdict_key, s3=s3, data_bucket=settings.data_bucket)
    name = canary_name(settings.endpoint_name)
    config = prepare(DeployRequest.of(request.model), sagemaker=sagemaker, settings=settings)
    _bring_into_service(name, config, sagemaker)
    answers = []
    for number, (key, media_type) in enumerate(dict.fromkeys((page.key, page.media_type) for page in pages)):
        answer = runtime.invoke_endpoint_async(
            EndpointName=name,
            ContentType=media_type,
            Accept="application/json",
            InferenceId=f"{request.deployment_id}-{number}",
            InputLocation=s3_uri(settings.data_bucket, key),
            InvocationTimeoutSeconds=timeout_seconds,
        )
        answers.append(
            CanaryAnswer(
                key=key,
                output_location=answer["OutputLocation"],
                failure_location=answer.get("FailureLocation"),
            )
        )
    return CanaryStarted(endpoint_name=name, answers=tuple(answers))


def _bring_into_service(name: str, config: str, sagemaker: "SageMakerClient") -> None:
    found = describe(name, sagemaker)
    if found is None:
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
        raise NotReady(f"Endpoint {name} is being created.")
    if found["EndpointStatus"] in CHANGING:
        raise NotReady(f"Endpoint {name} is {found['EndpointStatus']}.")
    if found["EndpointConfigName"] != config:
        # Left by a deployment that died.
        delete_endpoint(name, sagemaker)
        raise NotReady(f"Endpoint {name} of an earlier deployment is being deleted.")
    if found["EndpointStatus"] != "InService":
        reason = found.get("FailureReason", "no reason given")
        raise JobFailed(f"The new model does not start on the canary endpoint: {reason}")


def judge_canary(
    request: DeploymentRequest, canary: CanaryStarted, *, s3: "S3Client", data_bucket: str
) -> CanaryReport:
    """Compare what the canary read with what the gate saw.

    Raises:
        NotReady: an answer is not there yet.
        JobFailed: it failed on a page, or reads differently from the gate.
    """
    pages = golden_pages(request.verdict_key, s3=s3, data_bucket=data_bucket)
    readings = {answer.key: _reading(answer, s3) for answer in canary.answers}
    texts = same = 0
    differing = ""
    for page in pages:
        read = next((found.texts for found in readings[page.key].pages if found.number == page.page), ())
        matched = same_texts(page.texts, read)
        texts += max(len(page.texts), len(read))
        same += len(matched)
        if not differing and len(matched) < len(page.texts):
            lost = next(text for index, text in enumerate(page.texts) if index not in matched)
            differing = f" On {page.name}, {lost.text!r} is not read as before."
    report = CanaryReport(pages=len(pages), texts=texts, same=same)
    if report.share < LEAST_SHARE:
        raise JobFailed(
            f"The canary reads {report.share:.1%} of {texts} golden texts as the gate did; "
            f"{LEAST_SHARE:.0%} are needed.{differing}"
        )
    return report


def same_texts(golden: Sequence[GoldenText], read: Sequence[Text]) -> set[int]:
    """Indices of golden texts that were read with the same string in the same place, one to one."""
    pairs = overlapping_pairs([text.quad for text in golden], [text.quad for text in read], LEAST_OVERLAP)
    matched: set[int] = set()
    taken: set[int] = set()
    for i, j, _ in sorted(pairs, key=lambda pair: -pair[2]):
        if i not in matched and j not in taken and golden[i].text == read[j].text:
            matched.add(i)
            taken.add(j)
    return matched


def _reading(answer: CanaryAnswer, s3: "S3Client") -> Reading:
    body = _object(answer.output_location, s3)
    if body is None:
        failure = _object(answer.failure_location, s3) if answer.failure_location else None
        if failure is None:
            raise NotReady(f"The canary has not answered for {answer.key} yet.")
        said = " ".join(failure.decode("utf-8", "replace").split())[:500]
        raise JobFailed(f"The canary cannot read {answer.key}: {said}")
    try:
        return Reading.model_validate_json(body)
    except ValidationError as error:
        raise JobFailed(
            f"The canary's answer for {answer.key} breaks the contract: {error}"[:1000]
        ) from error


def _object(uri: str, s3: "S3Client") -> bytes | None:
    bucket, key = parse_s3_uri(uri)
    try:
        return s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] in _GONE:
            return None
        raise
