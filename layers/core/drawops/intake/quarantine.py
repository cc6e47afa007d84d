"""End a failed revision in quarantine, with a code for machines and a sentence for people."""

import json
from typing import TYPE_CHECKING

from drawops.catalog import Catalog, Revision, Status
from drawops.contracts.events import DrawingQuarantined
from drawops.contracts.workflow import Failure
from drawops.dynamodb import now
from drawops.errors import Code, Conflict, InvalidInput
from drawops.intake.registration import make_current_if_latest, unreadable_revision
from drawops.keys import RevisionKeys

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_MESSAGE_LENGTH = 500


def quarantine(
    failure: Failure, *, s3: "S3Client", catalog: Catalog, data_bucket: str
) -> DrawingQuarantined | None:
    """Record why a drawing could not be read; the object in the raw bucket stays where it is.

    Returns:
        The event to send; None when the revision has ended otherwise in the meantime (nothing to say).
    """
    reason = explain(failure.error, failure.cause)
    upload = failure.upload
    if failure.registered is not None:
        drawing, revision = failure.registered.drawing_id, failure.registered.revision
    else:
        drawing, revision = unreadable_revision(upload)
        catalog.register(upload, drawing, revision, None)
        make_current_if_latest(upload, drawing, revision, s3=s3, catalog=catalog)
    try:
        catalog.quarantine(drawing, revision, reason.code.value, reason.sentence)
    except Conflict:
        known = catalog.revision(drawing, revision)
        if known is None or not _is_repetition(known, reason):
            return None
    event = DrawingQuarantined(
        id=f"{drawing}/{revision}/{upload.attempt}",
        drawing_id=drawing,
        revision=revision,
        bucket=upload.bucket,
        key=upload.key,
        code=reason.code.value,
        reason=reason.sentence,
    )
    s3.put_object(
        Bucket=data_bucket,
        Key=RevisionKeys(drawing, revision).quarantine_reason,
        Body=json.dumps({**event.model_dump(), "at": now()}, ensure_ascii=False, indent=2).encode(),
        ContentType="application/json",
    )
    return event


def explain(error: str, cause: str) -> InvalidInput:
    """Turn an error as Step Functions reports it into a code and a sentence.

    `cause` of a failed Lambda task is JSON with `errorMessage`; of other tasks it is plain text.
    """
    message = message_of(cause)
    refused = InvalidInput.parse(message)
    if refused is not None:
        return refused
    if error in ("States.Timeout", "States.HeartbeatTimeout"):
        return InvalidInput(
            Code.READING_TIMED_OUT,
            "Reading took longer than allowed. Check that the endpoint is in service, then upload again.",
        )
    if error == "JobFailed":
        return InvalidInput(Code.READING_FAILED, f"The reading endpoint failed: {message}")
    if error == "InvalidResult":
        return InvalidInput(Code.INVALID_RESULT, f"The endpoint's answer breaks its contract: {message}")
    if error == "NotReady":
        return InvalidInput(Code.READING_FAILED, f"The reading endpoint is not available: {message}")
    return InvalidInput(Code.INTERNAL_ERROR, f"{error or 'Unknown error'}: {message or 'no further details'}")


def message_of(cause: str) -> str:
    """What the failed function said, out of the cause as Step Functions reports it."""
    try:
        parsed = json.loads(cause)
    except ValueError:
        parsed = cause
    if isinstance(parsed, dict):
        parsed = parsed.get("errorMessage", cause)
    return str(parsed).strip()[:_MESSAGE_LENGTH]


def _is_repetition(known: Revision, reason: InvalidInput) -> bool:
    # A retried Lambda finds its own work done: it must still write the reason and send the event.
    return known.status is Status.QUARANTINED and known.code == reason.code.value
