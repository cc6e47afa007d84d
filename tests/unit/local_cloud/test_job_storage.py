# ruff: noqa: ANN401 - a client has no narrower type here
"""How S3 objects become a job's folders, and files of a job objects."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from drawops_local.sagemaker.job_storage import Mirror, Storage, StorageFailed
from moto import mock_aws


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="bucket")
        for key in ("data/x/1.txt", "data/2.txt", "data2/3.txt", "data/"):
            client.put_object(Bucket="bucket", Key=key, Body=key.encode())
        yield client


@pytest.fixture
def storage(s3: Any) -> Storage:
    return Storage(s3, threading.Event())


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("uri", "laid_out"),
    [
        ("s3://bucket/data/", ["2.txt", "x/1.txt"]),
        ("s3://bucket/data/2.txt", ["2.txt"]),
        ("s3://bucket/data/x", ["1.txt"]),
        ("s3://bucket", ["data/2.txt", "data/x/1.txt", "data2/3.txt"]),
    ],
)
def test_a_prefix_is_laid_out_below_itself(
    storage: Storage, tmp_path: Path, uri: str, laid_out: list[str]
) -> None:
    storage.fetch_prefix(uri, tmp_path)
    assert files(tmp_path) == laid_out


def test_a_manifest_lays_its_objects_out_below_its_prefix(s3: Any, storage: Storage, tmp_path: Path) -> None:
    manifest = [{"prefix": "s3://bucket/da"}, "ta/x/1.txt", "ta2/3.txt"]
    s3.put_object(Bucket="bucket", Key="m", Body=json.dumps(manifest).encode())
    assert storage.fetch_manifest("s3://bucket/m", tmp_path) == 2
    assert files(tmp_path) == ["ta/x/1.txt", "ta2/3.txt"]


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        ("[]", "is not a JSON list"),
        ('["data/2.txt"]', "is not a JSON list"),
        ('[{"prefix": "s3://bucket/"}]', "names no objects"),
        ('[{"prefix": "s3://bucket/"}, 2]', "an object's name"),
        ('[{"prefix": "s3://bucket/"}, "../etc/passwd"]', "outside of its folder"),
        ('[{"prefix": "s3://bucket/"}, "gone"]', "404 for s3://bucket/gone"),
    ],
)
def test_a_manifest_that_cannot_be_laid_out_says_why(
    s3: Any, storage: Storage, tmp_path: Path, manifest: str, words: str
) -> None:
    s3.put_object(Bucket="bucket", Key="m", Body=manifest.encode())
    with pytest.raises(StorageFailed, match=words):
        storage.fetch_manifest("s3://bucket/m", tmp_path)


def test_a_file_is_copied_once_it_does_not_grow(s3: Any, storage: Storage, tmp_path: Path) -> None:
    mirror = Mirror(storage, tmp_path, "s3://bucket/checkpoints/")
    path = tmp_path / "step"
    path.write_text("1")
    assert mirror.copy() == 0
    path.write_text("12")
    assert mirror.copy() == 0
    assert mirror.copy() == 1
    assert mirror.copy() == 0
    path.write_text("345")
    assert mirror.copy(at_rest=True) == 1
    assert s3.get_object(Bucket="bucket", Key="checkpoints/step")["Body"].read() == b"345"


def test_an_empty_folder_makes_no_archive(storage: Storage, tmp_path: Path) -> None:
    (tmp_path / "model" / "empty").mkdir(parents=True)
    assert not storage.put_archive(tmp_path / "model", "s3://bucket/model.tar.gz", tmp_path / "scratch")


def test_a_bucket_that_is_not_there_fails_and_does_not_wait(storage: Storage, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageFailed, match="NoSuchBucket"):
        storage.put_file(tmp_path / "file", "s3://gone/file")
