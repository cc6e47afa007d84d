"""The page's picture for a labeling: ordered from the endpoint that reads drawings, kept beside its tasks.

The picture is one object, an SZI (see `drawops_vision.pyramid`); `drawops.labeling.pyramid` serves its tiles.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from drawops.catalog import Catalog, Inference
from drawops.contracts.labeling import Area, Backend
from drawops.errors import InvalidResult
from drawops.keys import LabelingKeys, RevisionKeys, area_picture_key, parse_s3_uri, s3_uri
from drawops.labeling.opening import publish
from drawops.labeling.pyramid import PyramidFile
from drawops.labeling.store import Labeling, LabelingStore
from drawops.reading.invocation import ask

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient

ACCEPT = "application/zip"
# SageMaker's limit for custom attributes.
MAX_ATTRIBUTES = 1024


def order_picture(
    labeling: Labeling,
    areas: Sequence[Area],
    task_token: str,
    *,
    runtime: "SageMakerRuntimeClient",
    catalog: Catalog,
    endpoint: str,
    data_bucket: str,
    timeout_seconds: int,
) -> str:
    """Ask the endpoint for the page's picture; its notification returns `task_token`.

    Args:
        areas: parts to cut out, for a backend that shows pictures of areas.

    Returns:
        The inference id: the labeling's, so that an answer to an earlier attempt serves, too.

    Raises:
        NotReady: the endpoint does not exist or is not in service.
        InvalidResult: more areas than an order can name.
    """
    inference = Inference(inference_id=labeling.labeling_id, task_token=task_token)
    catalog.await_inference(inference)
    ask(
        inference,
        source=s3_uri(data_bucket, RevisionKeys(labeling.drawing_id, labeling.revision).source),
        content_type=labeling.media_type,
        accept=ACCEPT,
        custom_attributes=_attributes(labeling.page, areas),
        runtime=runtime,
        catalog=catalog,
        endpoint=endpoint,
        timeout_seconds=timeout_seconds,
    )
    return inference.inference_id


def keep_picture(
    labeling_id: str, output_location: str, *, s3: "S3Client", store: LabelingStore, data_bucket: str
) -> Labeling:
    """Move the endpoint's answer to its place beside the tasks and let people in. Repeating it is harmless.

    Args:
        output_location: S3 URI of the answer; objects there live for two weeks only.

    Raises:
        InvalidResult: the answer is missing, or no picture of that page.
        Conflict: the labeling has ended in the meantime.
    """
    bucket, key = parse_s3_uri(output_location)
    keys = LabelingKeys(labeling_id)
    try:
        s3.copy_object(
            Bucket=data_bucket,
            Key=keys.pyramid,
            CopySource={"Bucket": bucket, "Key": key},
            ContentType=ACCEPT,
            MetadataDirective="REPLACE",
        )
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
            raise InvalidResult(f"There is no picture at {output_location}.") from None
        raise
    for area, content in PyramidFile(s3, data_bucket, keys.pyramid).cut_outs():
        s3.put_object(
            Bucket=data_bucket,
            Key=area_picture_key(labeling_id, area),
            Body=content,
            ContentType="image/png",
        )
    return publish(labeling_id, s3=s3, store=store, data_bucket=data_bucket)


def areas_to_cut(labeling: Labeling, store: LabelingStore) -> tuple[Area, ...]:
    """The areas whose pictures the labeling's backend needs; none for our own page, which shows tiles."""
    if labeling.backend is Backend.OWN:
        return ()
    return tuple(dict.fromkeys(task.area for task in store.tasks(labeling.labeling_id)))


def _attributes(page: int, areas: Sequence[Area]) -> str:
    attributes = f"page={page}"
    if areas:
        attributes += ";areas=" + ",".join(f"{a.x}_{a.y}_{a.width}_{a.height}" for a in areas)
    if len(attributes) > MAX_ATTRIBUTES:
        raise InvalidResult(
            f"The page has {len(areas)} areas, more than one order can name; allow more boxes a task."
        )
    return attributes
