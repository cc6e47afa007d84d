"""Archives of strangers write nothing outside their folder and do not fill the disk."""

import io
import os
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from drawops_vision.datasets.archives import BadArchive, Limits, unpack

ESCAPES = ["../evil", "a/../../evil", "/tmp/evil", "..", "a\\..\\..\\evil", "C:/evil", "C:evil"]


def tar(path: Path, files: Mapping[str, bytes], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


def zipped(path: Path, files: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def listed(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_zip_and_tar_are_told_by_content_and_unpacked(tmp_path: Path) -> None:
    files = {"a/1.txt": b"one", "a/b/ü 2.txt": b"two"}

    unpack(zipped(tmp_path / "one.bin", files), tmp_path / "zip")
    unpack(tar(tmp_path / "two.bin", files, "w:xz"), tmp_path / "tar")

    assert listed(tmp_path / "zip") == files == listed(tmp_path / "tar")


def test_archives_in_an_archive_are_unpacked_where_they_lie(tmp_path: Path) -> None:
    """As Google Drive packs Dataset-P&ID: a zip with a tar of the pictures in it."""
    inner = tar(tmp_path / "image_2.tar.gz", {"image_2/0.jpg": b"picture"})
    outer = zipped(
        tmp_path / "drive.zip", {"D/image_2.tar.gz": inner.read_bytes(), "D/0/0_words.npy": b"words"}
    )

    unpack(outer, tmp_path / "out")

    assert listed(tmp_path / "out") == {"D/image_2/0.jpg": b"picture", "D/0/0_words.npy": b"words"}


@pytest.mark.parametrize("name", ESCAPES)
def test_a_member_that_leads_out_of_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    for archive in (zipped(tmp_path / "a.zip", {name: b"x"}), tar(tmp_path / "a.tgz", {name: b"x"})):
        with pytest.raises(BadArchive, match="outside the folder"):
            unpack(archive, tmp_path / "deep" / "out")
    assert not list(tmp_path.rglob("evil*"))
    assert not Path("/tmp/evil").exists()


def test_links_and_devices_are_left_out_so_nothing_is_written_through_them(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        link = tarfile.TarInfo("door")
        link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path / "outside")
        archive.addfile(link)
        hard = tarfile.TarInfo("hard")
        hard.type, hard.linkname = tarfile.LNKTYPE, "/etc/passwd"
        archive.addfile(hard)
        device = tarfile.TarInfo("device")
        device.type = tarfile.CHRTYPE
        archive.addfile(device)
        through = tarfile.TarInfo("door/x")
        through.size = 1
        archive.addfile(through, io.BytesIO(b"x"))
    entry = zipfile.ZipInfo("door")
    entry.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as zip_archive:
        zip_archive.writestr(entry, str(tmp_path / "outside"))
    (tmp_path / "outside").mkdir()

    unpack(tmp_path / "a.tar", tmp_path / "one")
    unpack(tmp_path / "a.zip", tmp_path / "two")

    assert listed(tmp_path / "one") == {"door/x": b"x"}
    assert listed(tmp_path / "two") == {}
    assert not any((tmp_path / "outside").iterdir())


def test_a_bomb_is_refused_by_what_it_writes_not_by_what_it_says(tmp_path: Path) -> None:
    bomb = zipped(tmp_path / "bomb.zip", {"zeros": bytes(30_000_000)})
    limits = Limits(free=10_000_000, ratio=100)
    assert bomb.stat().st_size * 100 < 30_000_000

    with pytest.raises(BadArchive, match="decompression bomb"):
        unpack(bomb, tmp_path / "one", limits)
    with pytest.raises(BadArchive, match="decompression bomb"):
        unpack(tar(tmp_path / "bomb.tgz", {"zeros": bytes(30_000_000)}), tmp_path / "two", limits)
    assert sum(len(content) for content in listed(tmp_path / "one").values()) <= 10_000_000


def test_a_bomb_inside_an_archive_counts_on_the_same_account(tmp_path: Path) -> None:
    inner = {name: zipped(tmp_path / "inner.zip", {name: bytes(8_000_000)}).read_bytes() for name in "abc"}
    outer = zipped(tmp_path / "outer.zip", {f"{name}.zip": content for name, content in inner.items()})

    with pytest.raises(BadArchive, match="decompression bomb"):
        unpack(outer, tmp_path / "out", Limits(free=20_000_000, ratio=1))


def test_too_many_files_are_refused(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {f"{number}": b"" for number in range(11)})

    with pytest.raises(BadArchive, match="too many files"):
        unpack(archive, tmp_path / "out", Limits(members=10))


def test_an_archive_inside_itself_ends(tmp_path: Path) -> None:
    content = b"x"
    for level in range(6):
        content = zipped(
            tmp_path / f"{level}.zip", {f"{level}.zip" if level else "x.txt": content}
        ).read_bytes()

    unpack(tmp_path / "5.zip", tmp_path / "out")

    assert len(listed(tmp_path / "out")) == 1


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no", b"\x1f\x8b garbage", os.urandom(4000)])
def test_what_is_no_archive_says_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(content)

    with pytest.raises(BadArchive, match=r"a\.zip"):
        unpack(path, tmp_path / "out")


def test_an_archive_that_is_cut_short_or_has_a_name_twice_is_refused(tmp_path: Path) -> None:
    whole = tar(tmp_path / "a.tgz", {"a": os.urandom(100_000)}).read_bytes()
    (tmp_path / "cut.tgz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadArchive, match=r"cut\.tgz is"):
        unpack(tmp_path / "cut.tgz", tmp_path / "one")

    with tarfile.open(tmp_path / "twice.tar", "w") as archive:
        for _ in range(2):
            archive.addfile(tarfile.TarInfo("a"), io.BytesIO())
    with pytest.raises(BadArchive, match="twice"):
        unpack(tmp_path / "twice.tar", tmp_path / "two")
