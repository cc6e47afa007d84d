"""Tiles are read out of a zip in S3, each by one ranged GET."""

import io
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from drawops.errors import InvalidResult, NotReady
from drawops.labeling.pyramid import Description, PyramidFile, Pyramids

from tests.unit.core.labeling.pages import DATA, HEIGHT, WIDTH, szi

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEY = "labeling/l/pages.szi"


@pytest.fixture
def calls(s3: "S3Client") -> list[str]:
    """Operations that the client was asked for."""
    made: list[str] = []

    def note(model: Any, **_: Any) -> None:  # noqa: ANN401
        made.append(model.name)

    s3.meta.events.register("before-call.s3", note)
    return made


def put(s3: "S3Client", body: bytes) -> PyramidFile:
    s3.put_object(Bucket=DATA, Key=KEY, Body=body)
    return PyramidFile(s3, DATA, KEY)


def test_every_tile_comes_back_as_it_was_written(s3: "S3Client") -> None:
    picture = put(s3, szi())
    assert picture.description() == Description(WIDTH, HEIGHT, "webp", 254, 1)
    for level, column, row in ((0, 0, 0), (10, 3, 2), (11, 7, 4)):
        assert picture.tile(level, column, row) == f"tile {level}/{column}_{row}".encode() * (1 + level * 20)
    assert picture.tile(11, 8, 0) is None
    assert picture.tile(12, 0, 0) is None


def test_the_directory_is_read_once_and_a_tile_is_one_get(s3: "S3Client", calls: list[str]) -> None:
    body = szi()
    picture = put(s3, body)
    picture.description()
    calls.clear()
    for column in range(4):
        assert picture.tile(10, column, 0)
    assert calls == ["GetObject"] * 4


def test_a_large_directory_takes_few_requests(s3: "S3Client", calls: list[str]) -> None:
    written = io.BytesIO(szi())
    with zipfile.ZipFile(written, "a") as archive:
        for number in range(6_000):
            archive.writestr(f"page/page_files/14/{number}_0.webp", b"tile")
    picture = put(s3, written.getvalue())
    calls.clear()
    assert picture.tile(14, 5_999, 0) == b"tile"
    assert len(calls) <= 6


def test_a_zip64_file_is_read(s3: "S3Client") -> None:
    written = io.BytesIO(szi())
    # force_zip64 writes the long extra field; its length differs from the one in the directory.
    with (
        zipfile.ZipFile(written, "a") as archive,
        archive.open("page/page_files/12/0_0.webp", "w", force_zip64=True) as entry,
    ):
        entry.write(b"long tile")
    assert put(s3, written.getvalue()).tile(12, 0, 0) == b"long tile"


def test_more_than_65535_entries_are_read(s3: "S3Client") -> None:
    written = io.BytesIO(szi())
    with zipfile.ZipFile(written, "a") as archive:
        for number in range(66_000):
            archive.writestr(f"page/page_files/17/{number}_0.webp", b"")
        archive.writestr("page/page_files/17/99999_1.webp", b"last")
    assert put(s3, written.getvalue()).tile(17, 99_999, 1) == b"last"


def test_an_empty_prefix_of_the_names_is_read_too(s3: "S3Client") -> None:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr("page.dzi", _dzi())
        archive.writestr("page_files/0/0_0.png", b"x")
    assert put(s3, written.getvalue()).tile(0, 0, 0) == b"x"


def _dzi(text: str = "") -> str:
    return text or '<Image Format="png" Overlap="0" TileSize="256"><Size Height="1" Width="1"/></Image>'


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "not a zip"),
        (b"PK", "not a zip"),
        (b"no zip at all" * 100, "not a zip"),
        (szi()[: len(szi()) // 2], "not a zip"),
        (szi(compression=zipfile.ZIP_DEFLATED), "compressed"),
        (szi(format_="tiff"), "no proper description"),
    ],
)
def test_what_is_no_pyramid_is_refused(body: bytes, said: str, s3: "S3Client") -> None:
    with pytest.raises(InvalidResult, match=said):
        put(s3, body).description()


@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE Image [<!ENTITY a "b">]><Image Format="png" Overlap="0" TileSize="256"/>',
        "<Image/>",
        "no xml",
        '<Image Format="png" Overlap="0" TileSize="x"><Size Height="1" Width="1"/></Image>',
        "<Image>" + " " * 20_000 + "</Image>",
    ],
)
def test_a_hostile_description_is_refused(text: str, s3: "S3Client") -> None:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr("page.dzi", text)
    with pytest.raises(InvalidResult):
        put(s3, written.getvalue()).description()


def test_without_a_picture_it_is_not_ready(s3: "S3Client") -> None:
    with pytest.raises(NotReady):
        PyramidFile(s3, DATA, "labeling/none/pages.szi").tile(0, 0, 0)


def test_a_process_keeps_few_pictures(s3: "S3Client") -> None:
    pictures = Pyramids(s3, DATA, most=2)
    first = pictures.file("a")
    assert pictures.file("a") is first
    pictures.file("b")
    pictures.file("c")
    assert pictures.file("a") is not first
