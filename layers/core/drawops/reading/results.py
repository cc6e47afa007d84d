"""Validate what the endpoint wrote and keep it: result document, table of texts, catalog entry."""

import csv
import io
import re
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from pydantic import ValidationError

from drawops.catalog import Catalog, Status
from drawops.contracts.events import DrawingProcessed
from drawops.contracts.reading import DrawingResult, Reading, Source
from drawops.contracts.workflow import StoreRequest
from drawops.errors import Conflict, InvalidResult
from drawops.keys import RevisionKeys, parse_s3_uri

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CSV_HEADER = (
    "id", "page", "text", "confidence", "angle", "source", "x1", "y1", "x2", "y2", "x3", "y3", "x4", "y4",
)  # fmt: skip
_NUMBER_LIKE = re.compile(r"[+-][\d.,\s]*\d")


def store(request: StoreRequest, *, s3: "S3Client", catalog: Catalog, data_bucket: str) -> DrawingProcessed:
    """Store the result of one revision; repeating it writes the same bytes again.

    Raises:
        InvalidResult: the endpoint's answer is missing or breaks the contract.
        Conflict: the revision went to quarantine in the meantime.
    """
    registered, upload = request.registered, request.registered.upload
    reading = _reading(request.invoked.output_location, s3)
    result = DrawingResult(
        **dict(reading),
        drawing_id=registered.drawing_id,
        revision=registered.revision,
        source=Source(
            bucket=upload.bucket,
            key=upload.key,
            version_id=upload.version_id,
            sha256=registered.sha256,
            size=upload.size,
        ),
    )
    keys = RevisionKeys(registered.drawing_id, registered.revision)
    _put(s3, data_bucket, keys.result, result.model_dump_json(indent=1).encode(), "application/json")
    _put(s3, data_bucket, keys.texts_csv, texts_csv(reading), "text/csv; charset=utf-8")
    # An earlier try may have ended in quarantine; its reason is no longer true.
    s3.delete_object(Bucket=data_bucket, Key=keys.quarantine_reason)
    texts = [text for page in reading.pages for text in page.texts]
    mean = round(sum(text.confidence for text in texts) / len(texts), 4) if texts else None
    try:
        catalog.finish(
            registered.drawing_id,
            registered.revision,
            result_key=keys.result,
            texts_csv_key=keys.texts_csv,
            pages=len(reading.pages),
            texts=len(texts),
            mean_confidence=mean,
            seconds=reading.timings.total,
            model_version=reading.model.version,
            warnings=len(reading.warnings),
        )
    except Conflict:
        known = catalog.revision(registered.drawing_id, registered.revision)
        if known is None or known.status is not Status.PROCESSED:
            raise
    return DrawingProcessed(
        id=f"{registered.drawing_id}/{registered.revision}",
        drawing_id=registered.drawing_id,
        revision=registered.revision,
        bucket=upload.bucket,
        key=upload.key,
        result_bucket=data_bucket,
        result_key=keys.result,
        pages=len(reading.pages),
        texts=len(texts),
        mean_confidence=mean,
        model_version=reading.model.version,
    )


def texts_csv(reading: Reading) -> bytes:
    """All texts as a table for spreadsheets: UTF-8 with byte order mark, one row a text.

    A spreadsheet runs a cell that starts with =, @, + or - as a formula, and drawings come from strangers:
    such strings get a leading apostrophe unless they are plain numbers. `result.json` holds them exactly.
    """
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\r\n")
    rows.writerow(CSV_HEADER)
    for page in reading.pages:
        for text in page.texts:
            corners = [f"{value:.1f}" for point in text.quad for value in point]
            rows.writerow(
                [
                    text.id,
                    page.number,
                    _harmless(text.text),
                    f"{text.confidence:.4f}",
                    f"{text.angle:.1f}",
                    text.source.value,
                    *corners,
                ]
            )
    return b"\xef\xbb\xbf" + table.getvalue().encode()


def _harmless(text: str) -> str:
    if text[0] in "=@\t\r" or (text[0] in "+-" and not _NUMBER_LIKE.fullmatch(text)):
        return "'" + text
    return text


def _reading(location: str, s3: "S3Client") -> Reading:
    bucket, key = parse_s3_uri(location)
    try:
        body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
            raise InvalidResult(f"There is no answer at {location}.") from None
        raise
    try:
        return Reading.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidResult(f"{error.error_count()} faults, first at '{where}': {first['msg']}.") from None


def _put(s3: "S3Client", bucket: str, key: str, body: bytes, content_type: str) -> None:
    s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType=content_type)
