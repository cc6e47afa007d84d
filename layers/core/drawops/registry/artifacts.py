"""Model artifacts in S3: whether what lies there is what was registered."""

import hashlib
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_GONE = ("404", "NoSuchKey")
_BLOCK = 2**20


def artifact_sha256(key: str, *, s3: "S3Client", bucket: str) -> str | None:
    """SHA-256 of an object, read block by block; None when there is none."""
    try:
        body = s3.get_object(Bucket=bucket, Key=key)["Body"]
    except ClientError as error:
        if error.response["Error"]["Code"] in _GONE:
            return None
        raise
    digest = hashlib.sha256()
    for block in body.iter_chunks(_BLOCK):
        digest.update(block)
    return digest.hexdigest()
