"""Register an upload: hash it, keep an immutable copy, claim its revision in the catalog."""

import hashlib
from datetime import UTC
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from drawops.catalog import Catalog
from drawops.contracts.workflow import Outcome, Registered, Upload
from drawops.errors import Code, InvalidInput
from drawops.keys import RevisionKeys, drawing_id, revision, upload_revision
from drawops.limits import Limits, empty_file

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef

_BLOCK = 1024 * 1024
_GONE = frozenset({"404", "NoSuchKey", "NoSuchVersion", "MethodNotAllowed", "405"})


def register(
    upload: Upload, *, s3: "S3Client", catalog: Catalog, data_bucket: str, limits: Limits
) -> Registered:
    """Give the uploaded content its place: an identity, a catalog entry and a copy that cannot change.

    The same content at the same key is a no-op (`Outcome.UNCHANGED`); other content is a new revision.
    The endpoint later reads the copy, so overwriting or deleting the drawing meanwhile changes nothing.

    Raises:
        InvalidInput: EMPTY_FILE, FILE_TOO_LARGE or DRAWING_DELETED.
    """
    if upload.size == 0:
        raise empty_file()
    if upload.size > limits.max_bytes:
        raise InvalidInput(
            Code.FILE_TOO_LARGE,
            f"The file has {upload.size / 2**20:.0f} MB; at most {limits.max_bytes / 2**20:.0f} MB are read. "
            "Split it into single sheets or lower the scan resolution to 300 dpi.",
        )
    if _is_gone(upload, s3):
        raise _deleted()
    sha256 = _hash(upload, s3)
    drawing, content = drawing_id(upload.bucket, upload.key), revision(sha256)
    claimed = catalog.register(upload, drawing, content, sha256)
    if claimed:
        _copy(upload, s3, data_bucket, RevisionKeys(drawing, content).source)
    make_current_if_latest(upload, drawing, content, s3=s3, catalog=catalog)
    return Registered(
        outcome=Outcome.TO_READ if claimed else Outcome.UNCHANGED,
        drawing_id=drawing,
        revision=content,
        upload=upload,
        sha256=sha256,
    )


def unreadable_revision(upload: Upload) -> tuple[str, str]:
    """Drawing id and revision for an upload whose content could not be hashed."""
    return drawing_id(upload.bucket, upload.key), upload_revision(upload.version_id, upload.etag)


def make_current_if_latest(
    upload: Upload, drawing: str, revision: str, *, s3: "S3Client", catalog: Catalog
) -> None:
    """Make `revision` the drawing's current one if its upload is still what lies at the key.

    S3 decides what is latest: events of one key may come, and workflows may run, in any order.
    """
    head = _head(upload, s3)
    if head is not None and head.get("VersionId") == upload.version_id:
        uploaded_at = head["LastModified"].astimezone(UTC).isoformat()
        catalog.make_current(upload, drawing, revision, uploaded_at)


def _is_gone(upload: Upload, s3: "S3Client") -> bool:
    # A delete marker hides the key but not the version: whoever set it wants the drawing gone.
    return _head(upload, s3) is None


def _head(upload: Upload, s3: "S3Client") -> "HeadObjectOutputTypeDef | None":
    try:
        return s3.head_object(Bucket=upload.bucket, Key=upload.key)
    except ClientError as error:
        if error.response["Error"]["Code"] in _GONE:
            return None
        raise


def _deleted() -> InvalidInput:
    return InvalidInput(
        Code.DRAWING_DELETED,
        "The drawing was deleted before it could be read; upload it again if that was a mistake.",
    )


def _hash(upload: Upload, s3: "S3Client") -> str:
    digest = hashlib.sha256()
    try:
        if upload.version_id:
            found = s3.get_object(Bucket=upload.bucket, Key=upload.key, VersionId=upload.version_id)
        else:
            found = s3.get_object(Bucket=upload.bucket, Key=upload.key)
    except ClientError as error:
        if error.response["Error"]["Code"] in _GONE:
            raise _deleted() from None
        raise
    for block in found["Body"].iter_chunks(_BLOCK):
        digest.update(block)
    return digest.hexdigest()


def _copy(upload: Upload, s3: "S3Client", bucket: str, key: str) -> None:
    if upload.version_id:
        s3.copy_object(
            Bucket=bucket,
            Key=key,
            CopySource={"Bucket": upload.bucket, "Key": upload.key, "VersionId": upload.version_id},
            MetadataDirective="REPLACE",
        )
    else:
        s3.copy_object(
            Bucket=bucket,
            Key=key,
            CopySource={"Bucket": upload.bucket, "Key": upload.key},
            MetadataDirective="REPLACE",
        )
