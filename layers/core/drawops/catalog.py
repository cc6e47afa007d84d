"""The catalog: one DynamoDB table that knows every drawing, every revision and every open inference.

    pk                     sk                     what
    DRAWING#<drawing_id>   DRAWING                where it lies, which revision is current
    DRAWING#<drawing_id>   REVISION#<revision>    status, result or reason of one content
    INFERENCE#<id>         INFERENCE              task token of a waiting workflow (expires)

Index `by_status` (status, updated_at) holds the revisions only. Every change of status is a conditional
write, so that of several writers (a repeated event, a late notification, the reconciler) exactly one wins.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from pydantic import ConfigDict

from drawops.contracts.reading import Contract
from drawops.contracts.workflow import Upload
from drawops.dynamodb import deserialize, lost_the_race, now, serialize
from drawops.errors import Conflict
from drawops.keys import upload_revision

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

STATUS_INDEX = "by_status"
TOKEN_LIFETIME = timedelta(days=2)


class Status(StrEnum):
    """Life of a revision: REGISTERED -> READING -> PROCESSED or QUARANTINED."""

    REGISTERED = "REGISTERED"
    READING = "READING"
    PROCESSED = "PROCESSED"
    QUARANTINED = "QUARANTINED"


OPEN = (Status.REGISTERED, Status.READING)


class Revision(Contract):
    """One content of one drawing, as the catalog knows it."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    drawing_id: str
    revision: str
    status: Status
    bucket: str
    key: str
    version_id: str | None = None
    etag: str
    size: int
    attempt: int = 0
    created_at: str
    updated_at: str
    sha256: str | None = None
    inference_id: str | None = None
    result_key: str | None = None
    texts_csv_key: str | None = None
    pages: int | None = None
    texts: int | None = None
    mean_confidence: float | None = None
    seconds: float | None = None
    model_version: str | None = None
    warnings: int | None = None
    code: str | None = None
    reason: str | None = None

    def upload(self) -> Upload:
        """The workflow input that this revision came from."""
        return Upload(
            bucket=self.bucket,
            key=self.key,
            version_id=self.version_id,
            etag=self.etag,
            size=self.size,
            attempt=self.attempt,
        )


class Drawing(Contract):
    """One drawing: a place in the raw bucket and the revision that is current there."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    drawing_id: str
    bucket: str
    key: str
    current_revision: str
    upload_id: str
    updated_at: str


class Inference(Contract):
    """A workflow that waits for the endpoint."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    inference_id: str
    task_token: str
    output_location: str | None = None
    failure_location: str | None = None


class Catalog:
    """Reads and writes the catalog table."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def register(self, upload: Upload, drawing_id: str, revision: str, sha256: str | None) -> bool:
        """Claim a revision for the workflow of `upload`.

        The claim is given when the content is new, when the same upload already holds it (a retried
        Lambda, a later attempt by the reconciler), or when the content lies in quarantine and was dropped
        again, which is how a person says "try once more".

        Returns:
            False when another upload of the same content is being read or has a result: nothing to do.
        """
        claim = upload_revision(upload.version_id, upload.etag)
        item = {
            **_key(drawing_id, revision),
            "drawing_id": drawing_id,
            "revision": revision,
            "upload_id": claim,
            "status": Status.REGISTERED,
            "sha256": sha256,
            "created_at": now(),
            "updated_at": now(),
            **upload.model_dump(),
        }
        try:
            self._client.put_item(
                TableName=self._table,
                Item=serialize(item),
                ConditionExpression="attribute_not_exists(pk)"
                " OR (upload_id = :claim AND attempt <= :attempt AND #status IN (:registered, :reading))"
                " OR (upload_id = :claim AND attempt < :attempt AND #status = :quarantined)"
                " OR (upload_id <> :claim AND #status = :quarantined)",
                ExpressionAttributeNames={"#status": "status"},
                ExpressionAttributeValues=serialize(
                    {
                        ":claim": claim,
                        ":attempt": upload.attempt,
                        ":registered": Status.REGISTERED,
                        ":reading": Status.READING,
                        ":quarantined": Status.QUARANTINED,
                    }
                ),
            )
        except ClientError as error:
            if lost_the_race(error):
                return False
            raise
        return True

    def make_current(self, upload: Upload, drawing_id: str, revision: str, uploaded_at: str) -> bool:
        """Point the drawing at `revision`, unless a later upload of the same key has already done so.

        Args:
            uploaded_at: when S3 took this version in, as ISO 8601 UTC.
        """
        try:
            self._client.update_item(
                TableName=self._table,
                Key=serialize({"pk": f"DRAWING#{drawing_id}", "sk": "DRAWING"}),
                UpdateExpression="SET drawing_id = :drawing, #bucket = :bucket, #key = :key, "
                "current_revision = :revision, upload_id = :upload, uploaded_at = :uploaded, "
                "updated_at = :now",
                ConditionExpression="attribute_not_exists(pk) OR uploaded_at <= :uploaded",
                ExpressionAttributeNames={"#bucket": "bucket", "#key": "key"},
                ExpressionAttributeValues=serialize(
                    {
                        ":drawing": drawing_id,
                        ":bucket": upload.bucket,
                        ":key": upload.key,
                        ":revision": revision,
                        ":upload": upload_revision(upload.version_id, upload.etag),
                        ":uploaded": uploaded_at,
                        ":now": now(),
                    }
                ),
            )
        except ClientError as error:
            if lost_the_race(error):
                return False
            raise
        return True

    def start_reading(self, drawing_id: str, revision: str, inference: Inference) -> None:
        """Mark the revision READING and keep the task token until its notification comes.

        Raises:
            Conflict: the revision has ended in the meantime.
        """
        self._put_inference(inference)
        self._set(drawing_id, revision, {"status": Status.READING, "inference_id": inference.inference_id})

    def note_locations(self, inference: Inference) -> None:
        """Add where the endpoint will write, known only after it accepted the request."""
        self._put_inference(inference)

    def finish(self, drawing_id: str, revision: str, **values: str | float | None) -> None:
        """Mark the revision PROCESSED.

        Raises:
            Conflict: it is not open (any more).
        """
        self._set(drawing_id, revision, {"status": Status.PROCESSED, **values})

    def quarantine(self, drawing_id: str, revision: str, code: str, reason: str) -> None:
        """Mark the revision QUARANTINED.

        Raises:
            Conflict: it is not open (any more).
        """
        self._set(drawing_id, revision, {"status": Status.QUARANTINED, "code": code, "reason": reason})

    def revision(self, drawing_id: str, revision: str) -> Revision | None:
        """One revision, read consistently; None when unknown."""
        found = self._client.get_item(
            TableName=self._table, Key=serialize(_key(drawing_id, revision)), ConsistentRead=True
        ).get("Item")
        return Revision.model_validate(deserialize(found)) if found else None

    def revisions(self, drawing_id: str) -> list[Revision]:
        """All revisions of one drawing, oldest first."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :sk)",
            ExpressionAttributeValues=serialize({":pk": f"DRAWING#{drawing_id}", ":sk": "REVISION#"}),
            ConsistentRead=True,
        )
        found = [Revision.model_validate(deserialize(item)) for page in pages for item in page["Items"]]
        return sorted(found, key=lambda revision: revision.created_at)

    def drawing(self, drawing_id: str) -> Drawing | None:
        """One drawing, read consistently; None when unknown."""
        found = self._client.get_item(
            TableName=self._table,
            Key=serialize({"pk": f"DRAWING#{drawing_id}", "sk": "DRAWING"}),
            ConsistentRead=True,
        ).get("Item")
        return Drawing.model_validate(deserialize(found)) if found else None

    def inference(self, inference_id: str) -> Inference | None:
        """The workflow that waits for `inference_id`; None when unknown or expired."""
        found = self._client.get_item(
            TableName=self._table, Key=serialize(_inference_key(inference_id)), ConsistentRead=True
        ).get("Item")
        return Inference.model_validate(deserialize(found)) if found else None

    def by_status(self, status: Status, before: str | None = None) -> Iterator[Revision]:
        """Revisions in `status`, least recently changed first; `before` is an ISO time (see `now`)."""
        condition, values = "#status = :status", {":status": status.value}
        if before is not None:
            condition, values = condition + " AND updated_at < :before", {**values, ":before": before}
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            IndexName=STATUS_INDEX,
            KeyConditionExpression=condition,
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues=serialize(values),
        )
        for page in pages:
            for item in page["Items"]:
                yield Revision.model_validate(deserialize(item))

    def _put_inference(self, inference: Inference) -> None:
        expires = int((datetime.now(UTC) + TOKEN_LIFETIME).timestamp())
        item = {**_inference_key(inference.inference_id), **inference.model_dump(), "expires_at": expires}
        self._client.put_item(TableName=self._table, Item=serialize(item))

    def _set(self, drawing_id: str, revision: str, values: dict[str, Any]) -> None:
        values = {name: value for name, value in {**values, "updated_at": now()}.items() if value is not None}
        try:
            self._client.update_item(
                TableName=self._table,
                Key=serialize(_key(drawing_id, revision)),
                UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in values),
                ConditionExpression="#status IN (:open_registered, :open_reading)",
                ExpressionAttributeNames={f"#{name}": name for name in {*values, "status"}},
                ExpressionAttributeValues=serialize(
                    {f":{name}": value for name, value in values.items()}
                    | {":open_registered": Status.REGISTERED, ":open_reading": Status.READING}
                ),
            )
        except ClientError as error:
            if lost_the_race(error):
                raise Conflict(f"{drawing_id}/{revision} is not open any more.") from error
            raise


def _key(drawing_id: str, revision: str) -> dict[str, str]:
    return {"pk": f"DRAWING#{drawing_id}", "sk": f"REVISION#{revision}"}


def _inference_key(inference_id: str) -> dict[str, str]:
    return {"pk": f"INFERENCE#{inference_id}", "sk": "INFERENCE"}
