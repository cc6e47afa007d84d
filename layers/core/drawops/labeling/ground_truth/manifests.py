"""Manifests: JSON lines that Ground Truth reads and writes.

A line of the input names the picture of an area (`source-ref`) and, under `drawops`, what it is a picture of.
Ground Truth copies every line into the output manifest and adds the label attribute that the post-annotation
function gave it and `<label>-metadata`. Its reference and its samples disagree in the spelling of metadata
(`job-name`, `job_name`), so nothing is taken from there but the reason of a failure.

Formats: Amazon SageMaker Developer Guide, "Input manifest files" and "Labeling job output data".
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import ValidationError

from drawops.contracts.ground_truth import TASK_ATTRIBUTE, AreaAnswers, AreaTasks, BrokenLine
from drawops.contracts.reading import Contract

LABEL = "drawops-texts"
"""The label attribute. It must end neither with `-ref` nor with `-metadata`."""
MAX_LINE_BYTES = 100_000
"""Of the input: longer lines are refused by Ground Truth."""
_MAX_OUTPUT_LINE_BYTES = 2**20


class AnsweredArea(Contract):
    """A line of an output manifest.

    Attributes:
        line: number in the file, from 1.
        tasks: what the line is about.
        answers: None when Ground Truth has no label for it.
        failure: why it has none, in Ground Truth's words.
    """

    line: int
    tasks: AreaTasks
    answers: AreaAnswers | None = None
    failure: str | None = None


def input_line(picture: str, tasks: AreaTasks) -> str:
    """A line of the input manifest; `picture` is an S3 URI.

    Raises:
        ValueError: the line would be too long for Ground Truth.
    """
    line = json.dumps(
        {"source-ref": picture, TASK_ATTRIBUTE: tasks.model_dump(mode="json")}, separators=(",", ":")
    )
    if len(line.encode()) > MAX_LINE_BYTES:
        raise ValueError(f"a line of an input manifest has at most {MAX_LINE_BYTES:,} bytes")
    return line


def read_output(lines: Iterable[bytes]) -> Iterator[AnsweredArea | BrokenLine]:
    """Read an output manifest line by line; what cannot be read is reported with its number."""
    for number, raw in enumerate(lines, 1):
        if not raw.strip():
            continue
        try:
            yield _line(number, raw)
        except _BrokenError as error:
            yield BrokenLine(line=number, reason=str(error))


class _BrokenError(Exception):
    pass


def _line(number: int, raw: bytes) -> AnsweredArea:
    if len(raw) > _MAX_OUTPUT_LINE_BYTES:
        raise _BrokenError(f"The line has {len(raw):,} bytes; at most {_MAX_OUTPUT_LINE_BYTES:,} are read.")
    try:
        document = json.loads(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise _BrokenError("The line is not JSON.") from error
    if not isinstance(document, dict):
        raise _BrokenError("The line is not a JSON object.")
    if TASK_ATTRIBUTE not in document:
        raise _BrokenError(f"The line has no attribute {TASK_ATTRIBUTE}: it is not from a job of drawops.")
    try:
        tasks = AreaTasks.model_validate(document[TASK_ATTRIBUTE])
    except ValidationError as error:
        raise _BrokenError(f"Attribute {TASK_ATTRIBUTE} is damaged ({_first(error)}).") from error
    label = document.get(LABEL)
    if not label:  # absent, or empty: a job without a post-annotation function writes {}
        return AnsweredArea(line=number, tasks=tasks, failure=_failure(document.get(f"{LABEL}-metadata")))
    try:
        return AnsweredArea(line=number, tasks=tasks, answers=AreaAnswers.model_validate(label))
    except ValidationError as error:
        raise _BrokenError(f"Attribute {LABEL} is not what was returned ({_first(error)}).") from error


def _failure(metadata: Any) -> str | None:  # noqa: ANN401 - what JSON holds
    if not isinstance(metadata, dict):
        return None
    reason = metadata.get("failure-reason", metadata.get("failure_reason"))
    return reason[:1_000] if isinstance(reason, str) else None


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
