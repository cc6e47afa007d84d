"""The smoke test: one golden drawing goes the way of every drawing, from the raw bucket to its result."""

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from drawops.catalog import Catalog, Status
from drawops.contracts.deployment import Begun, SmokeTest
from drawops.deployment.canary import golden_pages
from drawops.errors import JobFailed, NotReady
from drawops.keys import drawing_id, smoke_test_key

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def start_smoke_test(begun: Begun, *, s3: "S3Client", data_bucket: str, raw_bucket: str) -> SmokeTest:
    """Drop a golden drawing; without one there is no smoke test. Repeating it drops the same bytes again.

    Raises:
        Corrupt: the verdict that names it is missing.
    """
    request = begun.request
    pages = golden_pages(begun.golden_key, s3=s3, data_bucket=data_bucket)
    if not pages:
        return SmokeTest(deployment_id=request.deployment_id, model=request.model)
    name = PurePosixPath(pages[0].key).name
    key = smoke_test_key(request.deployment_id, name)
    s3.copy_object(
        Bucket=raw_bucket,
        Key=key,
        CopySource={"Bucket": data_bucket, "Key": pages[0].key},
        MetadataDirective="REPLACE",
    )
    return SmokeTest(deployment_id=request.deployment_id, model=request.model, key=key)


def check_smoke_test(test: SmokeTest, *, catalog: Catalog, raw_bucket: str) -> None:
    """Return when the drawing was read by the new model.

    Raises:
        NotReady: it has no result yet.
        JobFailed: it went to quarantine, or another model read it.
    """
    if test.key is None:
        return
    revisions = catalog.revisions(drawing_id(raw_bucket, test.key))
    if not revisions or revisions[-1].status not in (Status.PROCESSED, Status.QUARANTINED):
        raise NotReady(f"The smoke test {test.key} has no result yet.")
    found = revisions[-1]
    if found.status is Status.QUARANTINED:
        raise JobFailed(f"The smoke test went to quarantine ({found.code}): {found.reason}")
    if found.model_version != test.model.version:
        raise JobFailed(
            f"The smoke test was read by {found.model_version}, not by the new model {test.model.version}."
        )
