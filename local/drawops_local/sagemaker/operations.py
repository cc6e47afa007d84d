"""The registry of operations and what every operation may use.

A module adds its operations with the decorator and is imported by `server`; nothing else needs to change:

    @operation("sagemaker", "CreateTrainingJob")
    def create_training_job(runner: Runner, request: Parameters) -> Parameters: ...
"""

import base64
import datetime
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drawops_local.credentials import ACCOUNT, REGION
from drawops_local.sagemaker.errors import ServiceError, unsupported, validation
from drawops_local.sagemaker.outbox import Outbox
from drawops_local.sagemaker.protocol import Parameters
from drawops_local.sagemaker.store import Document, Store

if TYPE_CHECKING:
    from drawops_local.sagemaker.hosting import Hosting
    from drawops_local.sagemaker.job_runs import Jobs
    from drawops_local.sagemaker.labeling_runs import LabelingRuns


@dataclass(frozen=True)
class Runner:
    """What operations work with.

    Attributes:
        images: directory of built images.
        state: directory for models, logs and the store.
        s3, functions: boto3 clients of the local cloud; `functions` is Lambda's.
    """

    store: Store
    outbox: Outbox
    hosting: "Hosting"
    labeling: "LabelingRuns"
    jobs: "Jobs"
    images: Path
    state: Path
    s3: Any
    functions: Any


Operation = Callable[[Runner, Parameters], Parameters]
_operations: dict[tuple[str, str], Operation] = {}


def operation(service: str, name: str) -> Callable[[Operation], Operation]:
    """Register the function that does operation `name` of `service`."""

    def register(function: Operation) -> Operation:
        _operations[service, name] = function
        return function

    return register


def find(service: str, name: str) -> Operation:
    """The function for an operation.

    Raises:
        ServiceError: it is valid on AWS but not done here.
    """
    found = _operations.get((service, name))
    if found is None:
        known = ", ".join(sorted(other for of, other in _operations if of == service))
        raise unsupported(f"the local SageMaker does not support {service} {name}; supported: {known}")
    return found


def arn(kind: str, name: str) -> str:
    """ARN of a SageMaker resource of the local account."""
    return f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:{kind}/{name.lower()}"


def now() -> float:
    """The time as it is stored: epoch seconds."""
    return datetime.datetime.now(datetime.UTC).timestamp()


def create(runner: Runner, kind: str, name: str, document: Document, *, noun: str) -> None:
    """Store a new resource.

    Raises:
        ServiceError: the name is taken.
    """
    if not runner.store.add(kind, name, document):
        raise validation(f'Cannot create already existing {noun} "{arn(kind, name)}".')


def require(runner: Runner, kind: str, name: str, *, noun: str) -> Document:
    """The document of a resource.

    Raises:
        ServiceError: there is none.
    """
    document = runner.store.get(kind, name)
    if document is None:
        raise validation(f'Could not find {noun} "{arn(kind, name)}".')
    return document


def list_page(
    documents: list[Document],
    request: Parameters,
    *,
    name: str,
    summary: Callable[[Document], Parameters],
    member: str,
) -> Parameters:
    """One page of a list operation, with SageMaker's filters, sort order and token.

    Args:
        documents: all resources of the kind.
        request: the request's parameters.
        name: member of a document that holds its name.
        summary: makes the list entry.
        member: member of the answer that holds the list.
    """
    chosen = [document for document in documents if _matches(document, request, name)]
    by = request.get("SortBy", "CreationTime")
    chosen.sort(key=lambda document: document[name] if by == "Name" else document["CreationTime"])
    if request.get("SortOrder", "Descending") == "Descending":
        chosen.reverse()
    start = _decode_token(request.get("NextToken"))
    size = request.get("MaxResults", 10)
    answer: Parameters = {member: [summary(document) for document in chosen[start : start + size]]}
    if start + size < len(chosen):
        answer["NextToken"] = base64.b64encode(json.dumps(start + size).encode()).decode()
    return answer


def _matches(document: Document, request: Parameters, name: str) -> bool:
    contained = request.get("NameContains")
    if contained and contained.lower() not in document[name].lower():
        return False
    status = request.get("StatusEquals")
    if status and status not in document.values():
        return False
    for bound, member, after in (
        ("CreationTimeAfter", "CreationTime", True),
        ("CreationTimeBefore", "CreationTime", False),
        ("LastModifiedTimeAfter", "LastModifiedTime", True),
        ("LastModifiedTimeBefore", "LastModifiedTime", False),
    ):
        if bound in request:
            limit, value = request[bound].timestamp(), document.get(member, document["CreationTime"])
            if (value <= limit) if after else (value >= limit):
                return False
    return True


def _decode_token(token: str | None) -> int:
    if not token:
        return 0
    try:
        return int(json.loads(base64.b64decode(token, validate=True)))
    except ValueError as error:
        raise ServiceError("ValidationException", "Invalid NextToken.") from error
