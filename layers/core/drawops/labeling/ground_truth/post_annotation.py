"""The post-annotation function: takes the answers of all workers to some areas and keeps them.

Nothing is voted on here: consolidation is the same for both backends and comes later. Answers go to S3, one
object each, and Ground Truth gets their names only, so that no number of boxes can break the 6 MB that a
function may return.
"""

import json
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from pydantic import ValidationError

from drawops.contracts.ground_truth import (
    AnnotatedObject,
    Annotation,
    AreaAnswers,
    PostAnnotationRequest,
    Problem,
    StoredAnswer,
)
from drawops.errors import InvalidResult
from drawops.keys import LabelingJobKeys, parse_s3_uri
from drawops.labeling.ground_truth import forms

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_log = logging.getLogger(__name__)
MAX_PAYLOAD_BYTES = 200 * 2**20
"""Of the file with all workers' answers to a batch of areas; it is held in memory."""


def consolidate(request: PostAnnotationRequest, *, s3: "S3Client", data_bucket: str) -> list[dict[str, Any]]:
    """Keep every usable answer and name it to Ground Truth; repeating it writes the same objects again.

    A worker who answered nothing, or something that is no form, is named as a problem of that area; the
    answers of the others count.

    Raises:
        InvalidResult: the payload is missing, too big, or is no list.
    """
    keys = LabelingJobKeys(request.labeling_job_arn.rpartition("/")[2])
    consolidated = []
    for entry in _payload(request.payload.s3_uri, s3):
        try:
            annotated = AnnotatedObject.model_validate(entry)
        except ValidationError:
            # Without its id the object cannot be answered for; Ground Truth counts it as failed.
            _log.warning("an object without an id in a payload")
            continue
        answers = _answers(annotated, keys, s3, data_bucket)
        consolidated.append(
            {
                "datasetObjectId": annotated.dataset_object_id,
                "consolidatedAnnotation": {
                    "content": {request.label_attribute_name: answers.model_dump(mode="json")}
                },
            }
        )
    return consolidated


def _payload(uri: str, s3: "S3Client") -> list[Any]:
    try:
        content = _read(uri, MAX_PAYLOAD_BYTES, s3)
        payload = json.loads(content)
    except (ValueError, RecursionError, ClientError) as error:
        raise InvalidResult(f"The answers at {uri} cannot be read: {error}") from error
    if not isinstance(payload, list):
        raise InvalidResult(f"The answers at {uri} are no list.")
    return payload


def _read(uri: str, limit: int, s3: "S3Client") -> str:
    bucket, key = parse_s3_uri(uri)
    found = s3.get_object(Bucket=bucket, Key=key)
    if found["ContentLength"] > limit:
        raise ValueError(f"it has {found['ContentLength']:,} bytes, at most {limit:,} are read")
    return found["Body"].read().decode("utf-8-sig", errors="replace")


def _answers(
    annotated: AnnotatedObject, keys: LabelingJobKeys, s3: "S3Client", data_bucket: str
) -> AreaAnswers:
    stored: dict[str, StoredAnswer] = {}
    problems: list[Problem] = []
    for annotation in _annotations(annotated.annotations, problems):
        worker = annotation.worker_id
        try:
            form = forms.read(_content(annotation, s3))
        except (forms.UnusableAnswer, ValidationError) as error:
            reason = str(error) if isinstance(error, forms.UnusableAnswer) else "The answer is not a form."
            problems.append(Problem(worker=worker, reason=reason))
            continue
        if worker in stored:
            problems.append(Problem(worker=worker, reason="Answered twice; the later answer counts."))
        key = keys.answer(annotated.dataset_object_id, worker)
        s3.put_object(
            Bucket=data_bucket, Key=key, Body=form.model_dump_json().encode(), ContentType="application/json"
        )
        stored[worker] = StoredAnswer(worker=worker, key=key)
    return AreaAnswers(
        object_id=annotated.dataset_object_id, answers=tuple(stored.values()), problems=tuple(problems)
    )


def _annotations(entries: Sequence[Any], problems: list[Problem]) -> list[Annotation]:
    found = []
    for entry in entries:
        try:
            found.append(Annotation.model_validate(entry))
        except ValidationError:
            problems.append(Problem(worker=None, reason="An answer names no worker or has no content."))
    return found


def _content(annotation: Annotation, s3: "S3Client") -> str:
    data = annotation.data
    if data.content is not None:
        return data.content
    if data.s3_uri is None:
        raise forms.UnusableAnswer("Nothing was answered.")
    try:
        return _read(data.s3_uri, forms.MAX_ANSWER_BYTES, s3)
    except (ValueError, ClientError) as error:
        raise forms.UnusableAnswer(f"The answer at {data.s3_uri[:300]} cannot be read: {error}") from error
