"""The document that a save of a task is: all its boxes, and the same bytes for the same boxes."""

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

from botocore.exceptions import ClientError

from drawops.contracts.labeling import BY_A_PERSON, Box, BoxState
from drawops.contracts.reading import Contract
from drawops.errors import NotReady

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class TaskBoxes(Contract):
    """Content of `labeling/<labeling_id>/tasks/<task_id>/<save>.json`."""

    schema_version: Literal["1.0"] = "1.0"
    task_id: str
    revision: int
    saved_by: str | None
    boxes: tuple[Box, ...]

    def to_bytes(self) -> bytes:
        """The document as UTF-8 JSON."""
        return self.model_dump_json().encode()


def digest(boxes: Iterable[Box]) -> str:
    """SHA-256 (hex) of boxes alone: the same boxes have the same, whoever saved them when."""
    hashed = hashlib.sha256()
    for box in boxes:
        hashed.update(box.model_dump_json().encode())
        hashed.update(b"\n")
    return hashed.hexdigest()


def unsure(boxes: Iterable[Box]) -> int:
    """How many boxes still wait for a person."""
    return sum(box.state is BoxState.UNSURE for box in boxes)


def touched(boxes: Iterable[Box]) -> int:
    """How many boxes a person decided on."""
    return sum(box.state in BY_A_PERSON for box in boxes)


def write(document: TaskBoxes, key: str, *, s3: "S3Client", data_bucket: str) -> None:
    """Keep boxes at `key`."""
    s3.put_object(
        Bucket=data_bucket, Key=key, Body=document.to_bytes(), ContentType="application/json; charset=utf-8"
    )


def read(key: str, *, s3: "S3Client", data_bucket: str) -> TaskBoxes:
    """The boxes at `key`.

    Raises:
        NotReady: there is nothing at `key`.
    """
    try:
        body = s3.get_object(Bucket=data_bucket, Key=key)["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
            raise NotReady(f"There are no boxes at {key}.") from None
        raise
    return TaskBoxes.model_validate_json(body)
