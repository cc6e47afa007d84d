"""A dataset version as a folder on disk."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import cv2
import pytest
from drawops.contracts.datasets import DataSource, NewPage, Split
from drawops.contracts.labels import Label, PageLabels
from drawops.contracts.reading import MediaType
from drawops.datasets.versions import create_version, put_picture
from drawops.errors import Corrupt
from drawops_vision.datasets.folder import BadDataset, DatasetFolder
from drawops_vision.datasets.paddleocr import side_of
from drawops_vision.datasets.version_folder import write_version
from drawops_vision.rasterise import render_page
from drawops_vision.sheets import generate
from moto import mock_aws

if TYPE_CHECKING:
    from drawops.contracts.datasets import DatasetManifest
    from mypy_boto3_s3 import S3Client

SHEET = generate(3, "A5", 100)


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator["S3Client"]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="data")
        yield client


@pytest.fixture
def manifest(s3: "S3Client") -> "DatasetManifest":
    """A version of a raster sheet and of the page of a vector PDF."""
    pages = []
    for kind, data in ((MediaType.PNG, SHEET.png()), (MediaType.PDF, SHEET.pdf())):
        height, width = render_page(data, 1).shape[:2]
        labels = tuple(
            Label(id=f"t{number}", points=text.quad, text=text.text)
            for number, text in enumerate(SHEET.truth)
        )
        pages.append(
            NewPage(
                name=f"plan.{kind.name.lower()}", group=kind.name,
                source=DataSource(name="generated", licence="CC0-1.0"),
                image=put_picture(data, s3=s3, bucket="data", project="p", media_type=kind),
                labels=PageLabels(width=width, height=height, labels=labels),
            )
        )  # fmt: skip
    return create_version(s3=s3, bucket="data", project="p", pages=pages).manifest


def test_every_page_is_written_with_its_labels_in_the_folder_of_its_split(
    s3: "S3Client", manifest: "DatasetManifest", tmp_path: Path
) -> None:
    assert len(list(write_version(manifest, tmp_path / "out", s3=s3, bucket="data"))) == 2
    written = DatasetFolder.open(tmp_path / "out")
    assert written.about.licence == "CC0-1.0"
    assert not written.problems
    by_id = {page.page_id: page for page in manifest.pages}
    for page in written.pages():
        entry = by_id[page.image.stem]
        assert side_of(page.name) is entry.split
        assert [label.text for label in page.labels] == [text.text for text in SHEET.truth]
        # The picture has the very pixels that the labels count in, also of a PDF.
        height, width = cv2.imread(str(page.image)).shape[:2]
        assert (width, height) == (entry.width, entry.height)


def test_only_the_pages_of_one_split_are_written_when_asked(
    s3: "S3Client", manifest: "DatasetManifest", tmp_path: Path
) -> None:
    for split in Split:
        written = list(write_version(manifest, tmp_path / split, s3=s3, bucket="data", split=split))
        assert len(written) == sum(page.split is split for page in manifest.pages)


def test_a_folder_that_holds_something_is_left_alone(
    s3: "S3Client", manifest: "DatasetManifest", tmp_path: Path
) -> None:
    (tmp_path / "mine").write_text("x")
    with pytest.raises(BadDataset, match="not empty"):
        list(write_version(manifest, tmp_path, s3=s3, bucket="data"))


def test_a_picture_that_was_changed_is_found(
    s3: "S3Client", manifest: "DatasetManifest", tmp_path: Path
) -> None:
    s3.put_object(Bucket="data", Key=manifest.pages[0].image.key, Body=b"other")
    with pytest.raises(Corrupt):
        list(write_version(manifest, tmp_path / "out", s3=s3, bucket="data"))
