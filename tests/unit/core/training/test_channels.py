"""What jobs get to see, and what is found before one is paid."""

import json
from typing import TYPE_CHECKING, Any

import pytest
from drawops.contracts.datasets import DatasetManifest, Split
from drawops.contracts.training import TrainingRun
from drawops.datasets.versions import load_manifest, split_of
from drawops.errors import Corrupt, NotReady
from drawops.keys import DatasetKeys, TrainingKeys
from drawops.registry.packages import Package
from drawops.training.channels import prepare

from tests.unit.core.conftest import DATA
from tests.unit.core.training.conftest import PROJECT, SHARES, Publish, make_run

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@pytest.fixture
def run(publish: Publish, baseline: Package) -> TrainingRun:
    return make_run(dataset_version=publish(range(12), 2))


def manifest_of(run: TrainingRun, s3: "S3Client") -> DatasetManifest:
    return load_manifest(s3=s3, bucket=DATA, project=PROJECT, version=run.dataset_version)


def channel(run: TrainingRun, name: str, s3: "S3Client") -> list[Any]:
    body = s3.get_object(Bucket=DATA, Key=TrainingKeys(run.run_id).channel(name))["Body"].read()
    document: list[Any] = json.loads(body)
    return document


def test_a_channel_lists_keys_below_the_bucket(run: TrainingRun, s3: "S3Client") -> None:
    prepare(run, s3=s3, bucket=DATA)
    first, *keys = channel(run, "dataset", s3)
    assert first == {"prefix": f"s3://{DATA}/"}
    assert keys[0] == DatasetKeys(PROJECT).manifest(run.dataset_version)
    assert all(s3.head_object(Bucket=DATA, Key=key) for key in keys)


def test_training_never_sees_the_test_split_nor_the_gate_what_was_trained_on(
    run: TrainingRun, s3: "S3Client"
) -> None:
    prepared = prepare(run, s3=s3, bucket=DATA)
    pages = manifest_of(run, s3).pages
    assert {page.split for page in pages} == set(Split)
    for name, splits in (("dataset", {Split.TRAIN, Split.VAL}), ("gate", {Split.VAL, Split.TEST})):
        listed = set(channel(run, name, s3)[1:])
        for page in pages:
            assert (page.image.key in listed) is (page.split in splits)
        assert {page.labels_key for page in pages if page.split in splits} <= listed
    assert prepared.training_bytes > 0
    assert prepared.gate_bytes > 0


def test_the_gate_is_told_the_run(run: TrainingRun, s3: "S3Client") -> None:
    prepare(run, s3=s3, bucket=DATA)
    body = s3.get_object(Bucket=DATA, Key=TrainingKeys(run.run_id).settings_run)["Body"].read()
    assert TrainingRun.model_validate_json(body) == run


def test_the_version_that_the_parent_was_trained_on_comes_along(
    run: TrainingRun, publish: Publish, s3: "S3Client"
) -> None:
    parent = run.parent.model_copy(update={"project": PROJECT, "dataset_version": run.dataset_version})
    later = run.model_copy(update={"dataset_version": publish(range(20, 22), 2), "parent": parent})
    prepared = prepare(later, s3=s3, bucket=DATA)
    assert prepared.parent_dataset_version == run.dataset_version
    for name in ("dataset", "gate"):
        assert DatasetKeys(PROJECT).manifest(run.dataset_version) in channel(later, name, s3)
    s3.delete_object(Bucket=DATA, Key=DatasetKeys(PROJECT).manifest(run.dataset_version))
    assert prepare(later, s3=s3, bucket=DATA).parent_dataset_version is None
    body = s3.get_object(Bucket=DATA, Key=TrainingKeys(later.run_id).settings_run)["Body"].read()
    assert TrainingRun.model_validate_json(body).parent.dataset_version is None


def test_preparing_again_writes_the_same(run: TrainingRun, s3: "S3Client") -> None:
    first = prepare(run, s3=s3, bucket=DATA), channel(run, "dataset", s3), channel(run, "gate", s3)
    assert first == (prepare(run, s3=s3, bucket=DATA), channel(run, "dataset", s3), channel(run, "gate", s3))


def test_a_version_of_unreadable_labels_only_has_nothing_to_teach(
    publish: Publish, baseline: Package, s3: "S3Client"
) -> None:
    run = make_run(dataset_version=publish(range(12), 2, text="###"))
    with pytest.raises(NotReady, match="no readable label to train on"):
        prepare(run, s3=s3, bucket=DATA)


def test_a_version_without_validation_pages_is_refused_with_the_fix(
    publish: Publish, baseline: Package, s3: "S3Client"
) -> None:
    numbers = [each for each in range(12) if split_of(f"plan-{each}", SHARES) is not Split.VAL]
    version = publish(numbers, 2)
    with pytest.raises(NotReady, match=r"no readable label for validation.*--val"):
        prepare(make_run(dataset_version=version), s3=s3, bucket=DATA)


def test_a_version_that_was_deleted_is_named(run: TrainingRun, s3: "S3Client") -> None:
    s3.delete_object(Bucket=DATA, Key=DatasetKeys(PROJECT).manifest(run.dataset_version))
    with pytest.raises(NotReady, match=run.dataset_version):
        prepare(run, s3=s3, bucket=DATA)


def test_a_picture_that_was_deleted_is_named(run: TrainingRun, s3: "S3Client") -> None:
    gone = manifest_of(run, s3).pages[0].image.key
    s3.delete_object(Bucket=DATA, Key=gone)
    with pytest.raises(Corrupt, match=f"1 files of the dataset version are gone, the first is {gone}"):
        prepare(run, s3=s3, bucket=DATA)


def test_a_parent_that_is_gone_or_tampered_with_is_not_trained_from(run: TrainingRun, s3: "S3Client") -> None:
    s3.put_object(Bucket=DATA, Key=run.parent.artifact_key, Body=b"another archive")
    with pytest.raises(Corrupt, match=r"is not what was registered as model 1\.2\.0"):
        prepare(run, s3=s3, bucket=DATA)
    s3.delete_object(Bucket=DATA, Key=run.parent.artifact_key)
    with pytest.raises(Corrupt, match="is gone"):
        prepare(run, s3=s3, bucket=DATA)
