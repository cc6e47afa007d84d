"""Model archives come from outside and must stay where they are put."""

import io
import tarfile
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from drawops_local.sagemaker.model_data import ModelDataFailed, split_s3_uri, unpack_model


class Bucket:
    """The one S3 call that is used."""

    def __init__(self, content: bytes | None) -> None:
        self.content = content

    def download_fileobj(self, bucket: str, key: str, target: io.BytesIO) -> None:
        if self.content is None:
            raise ClientError({"Error": {"Code": "404", "Message": "Not Found"}}, "HeadObject")
        target.write(self.content)


def archive(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        for member, data in members:
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return content.getvalue()


def link(name: str, target: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = tarfile.SYMTYPE, target
    return member


def test_a_model_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    target = tmp_path / "model"
    target.mkdir()
    (target / "old").touch()
    unpack_model(Bucket(archive((tarfile.TarInfo("a/new"), b"x"))), "s3://b/model.tar.gz", target)
    assert [path.name for path in target.rglob("*") if path.is_file()] == ["new"]


@pytest.mark.parametrize(
    "member",
    [tarfile.TarInfo("../outside"), tarfile.TarInfo("/tmp/outside-drawops"), link("inside", "../../outside")],
    ids=["dots", "absolute", "link"],
)
def test_a_model_that_reaches_outside_its_directory_is_refused(
    tmp_path: Path, member: tarfile.TarInfo
) -> None:
    target = tmp_path / "deep" / "model"
    data = b"" if member.issym() else b"x"
    with pytest.raises(ModelDataFailed, match=r"leads out|neither a file"):
        unpack_model(Bucket(archive((member, data))), "s3://b/model.tar.gz", target)
    assert {path for path in tmp_path.rglob("*") if path.is_file()} <= set(target.rglob("*"))
    assert not Path("/tmp/outside-drawops").exists()
    assert not any(path.is_symlink() for path in tmp_path.rglob("*"))


CUT_OFF = archive((tarfile.TarInfo("a"), b"x" * 5000))[:-20]


@pytest.mark.parametrize("content", [b"", b"not an archive", CUT_OFF], ids=["empty", "text", "cut off"])
def test_a_broken_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ModelDataFailed, match="Could not unpack"):
        unpack_model(Bucket(content), "s3://b/model.tar.gz", tmp_path / "model")


def test_a_missing_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelDataFailed, match=r"Could not access model data at s3://b/model\.tar\.gz: Not"):
        unpack_model(Bucket(None), "s3://b/model.tar.gz", tmp_path / "model")


def test_a_key_is_taken_as_it_is() -> None:
    assert split_s3_uri("s3://bucket/a b+%20?x#y/图") == ("bucket", "a b+%20?x#y/图")


@pytest.mark.parametrize("uri", ["s3://bucket", "s3:///key", "https://bucket/key", "bucket/key"])
def test_what_is_no_s3_uri_is_refused(uri: str) -> None:
    with pytest.raises(ValueError, match="not an S3 URI"):
        split_s3_uri(uri)
