"""What the jobs get to see: manifests in S3 that list the objects of a channel, checked before a job is paid.

Format: SageMaker's `ManifestFile` (API reference, `S3DataSource`): a JSON list of a common prefix and keys
below it. The prefix is the bucket, so a file lies in the channel's folder under its S3 key. Training never
gets to see a label or a picture of the test split; the gate none of what was trained on.
"""

import json
from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from drawops.contracts.datasets import DatasetManifest, PageEntry, Split
from drawops.contracts.training import ModelRef, Prepared, TrainingRun
from drawops.datasets.versions import load_manifest
from drawops.errors import Corrupt, NotReady
from drawops.keys import DatasetKeys, TrainingKeys, s3_uri
from drawops.registry.artifacts import artifact_sha256

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

DATASET, GATE = "dataset", "gate"
TRAINING_SPLITS = (Split.TRAIN, Split.VAL)
GATE_SPLITS = (Split.VAL, Split.TEST)

_GONE = ("404", "NoSuchKey")
_READERS = 16


def prepare(run: TrainingRun, *, s3: "S3Client", bucket: str) -> Prepared:
    """Write the channels of a run; the same again writes the same.

    Raises:
        NotReady: the dataset version is gone, is empty, or has no labels to train on or to judge by.
        Corrupt: its manifest was changed, a file of it is gone, or the parent's artifact is gone or changed.
    """
    manifest = load_manifest(s3=s3, bucket=bucket, project=run.project, version=run.dataset_version)
    _check_labels(manifest)
    check_artifact(run.parent, s3=s3, bucket=bucket)
    earlier = _earlier(run, s3, bucket)
    versions = [DatasetKeys(run.project).manifest(each) for each in (manifest.version, earlier) if each]
    sizes = _sizes({key for page in manifest.pages for key in _files(page)}, s3, bucket)
    keys = TrainingKeys(run.run_id)
    found = {}
    for channel, splits in ((DATASET, TRAINING_SPLITS), (GATE, GATE_SPLITS)):
        wanted = sorted({key for page in manifest.pages if page.split in splits for key in _files(page)})
        _put_json(s3, bucket, keys.channel(channel), manifest_file(bucket, [*versions, *wanted]))
        found[channel] = sum(sizes[key] for key in wanted)
    # A version that does not come along must not be looked for.
    told = run.parent.model_copy(update={"dataset_version": earlier})
    _put_json(s3, bucket, keys.settings_run, run.model_copy(update={"parent": told}).model_dump(mode="json"))
    return Prepared(training_bytes=found[DATASET], gate_bytes=found[GATE], parent_dataset_version=earlier)


def manifest_file(bucket: str, keys: Iterable[str]) -> list[dict[str, str] | str]:
    """The document of a `ManifestFile` channel."""
    return [{"prefix": s3_uri(bucket, "")}, *keys]


def check_artifact(model: ModelRef, *, s3: "S3Client", bucket: str) -> None:
    """See that an artifact is there and is the one that was registered.

    Raises:
        Corrupt: it is gone, or has another SHA-256.
    """
    found = artifact_sha256(model.artifact_key, s3=s3, bucket=bucket)
    if found is None:
        raise Corrupt(
            f"The artifact of model {model.version}, {model.artifact_key}, is gone. Restore the object's "
            "last version in the data bucket, or approve another version."
        )
    if found != model.artifact_sha256:
        raise Corrupt(
            f"{model.artifact_key} is not what was registered as model {model.version} (SHA-256 "
            f"{found[:12]}…, registered {model.artifact_sha256[:12]}…). Restore the object's first version."
        )


def _check_labels(manifest: DatasetManifest) -> None:
    name = f"Dataset version {manifest.version} of {manifest.project}"
    if not manifest.pages:
        raise NotReady(f"{name} has no pages; label some, then make a new one.")
    texts = {split: sum(page.texts for page in manifest.pages if page.split is split) for split in Split}
    if not texts[Split.TRAIN]:
        raise NotReady(
            f"{name} has no readable label to train on: its training pages have none, or say ### only."
        )
    if not texts[Split.VAL]:
        raise NotReady(
            f"{name} has no readable label for validation, so nothing could tell whether a candidate is "
            "better. Drawings are split by a hash: label more of them, or publish with a higher --val."
        )


def _earlier(run: TrainingRun, s3: "S3Client", bucket: str) -> str | None:
    """The version that the parent was trained on, when it is one of the same project and still there."""
    version = run.parent.dataset_version
    if version is None or run.parent.project != run.project or version == run.dataset_version:
        return None
    try:
        load_manifest(s3=s3, bucket=bucket, project=run.project, version=version)
    except NotReady:
        return None
    return version


def _files(page: PageEntry) -> tuple[str, str]:
    return page.labels_key, page.image.key


def _sizes(keys: Collection[str], s3: "S3Client", bucket: str) -> dict[str, int]:
    def size(key: str) -> int | None:
        try:
            return s3.head_object(Bucket=bucket, Key=key)["ContentLength"]
        except ClientError as error:
            if error.response["Error"]["Code"] in _GONE:
                return None
            raise

    with ThreadPoolExecutor(_READERS) as readers:
        found = dict(zip(keys, readers.map(size, keys), strict=True))
    gone = sorted(key for key, length in found.items() if length is None)
    if gone:
        raise Corrupt(
            f"{len(gone)} files of the dataset version are gone, the first is {gone[0]}. Restore them from "
            "the data bucket's object versions, or make a version without these pages."
        )
    return {key: length for key, length in found.items() if length is not None}


def _put_json(s3: "S3Client", bucket: str, key: str, document: object) -> None:
    body = json.dumps(document, indent=1, ensure_ascii=False).encode()
    s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/json")
