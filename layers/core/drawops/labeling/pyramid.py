"""Tiles of a page's picture, read from S3 by byte range.

The picture is an SZI: a Deep Zoom pyramid (DZI) in an uncompressed zip, as `vips dzsave` writes it with
`container=zip` and `compression=0`: `page/page.dzi` and `page/page_files/<level>/<column>_<row>.<format>`
(github.com/smartinmedia/SZI-Format). One object instead of thousands; the zip's directory is read once
per warm Lambda, then every tile costs one ranged GET.
"""

import io
import re
import struct
import zipfile
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from xml.etree import ElementTree

from botocore.exceptions import ClientError

from drawops.errors import InvalidResult, NotReady

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Format = Literal["webp", "jpeg", "png"]
CONTENT_TYPES: dict[Format, str] = {"webp": "image/webp", "jpeg": "image/jpeg", "png": "image/png"}
_FORMATS: dict[str, Format] = {"webp": "webp", "jpeg": "jpeg", "jpg": "jpeg", "png": "png"}
_TILE = re.compile(r"([^/]+/)?[^/]+_files/([0-9]{1,2})/([0-9]{1,6}_[0-9]{1,6})\.(webp|jpeg|jpg|png)")
_LOCAL_HEADER = struct.Struct("<4s5H3I2H")
_MOST_XML = 10_000
MAX_TILE = 4 * 2**20
"""Bytes of one tile: base64 of it still fits a Lambda's answer of 6 MB."""


@dataclass(frozen=True)
class Description:
    """What the pyramid's `.dzi` says: pixels of the page, its tiles' format, size and overlap."""

    width: int
    height: int
    format: Format
    tile_size: int
    overlap: int


@dataclass(frozen=True)
class _Directory:
    """What is known of an opened file; tiles by `<level>/<column>_<row>`."""

    description: Description
    tiles: dict[str, zipfile.ZipInfo]


class PyramidFile:
    """One picture in S3. Reads the directory when first asked."""

    def __init__(self, s3: "S3Client", bucket: str, key: str) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._key = key
        self._opened: _Directory | None = None

    def description(self) -> Description:
        """Size and tiling of the picture.

        Raises:
            NotReady: there is no picture.
            InvalidResult: it is not such a file.
        """
        return self._directory().description

    def tile(self, level: int, column: int, row: int) -> bytes | None:
        """The bytes of one tile, in the pyramid's own format; None when there is no such tile.

        Raises:
            NotReady: there is no picture.
            InvalidResult: the file is broken.
        """
        entry = self._directory().tiles.get(f"{level}/{column}_{row}")
        return None if entry is None else self._content(entry)

    def _directory(self) -> "_Directory":
        if self._opened is None:
            self._opened = self._open()
        return self._opened

    def _open(self) -> "_Directory":
        try:
            size = self._s3.head_object(Bucket=self._bucket, Key=self._key)["ContentLength"]
        except ClientError as error:
            if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
                raise NotReady("The page's picture is not there yet.") from None
            raise
        try:
            with zipfile.ZipFile(_Ranged(self._s3, self._bucket, self._key, size)) as archive:
                entries = archive.infolist()
        except zipfile.BadZipFile as error:
            raise InvalidResult(f"The page's picture is not a zip: {error}") from None
        tiles, descriptions = {}, []
        for entry in entries:
            if entry.filename.endswith(".dzi"):
                descriptions.append(entry)
            elif (found := _TILE.fullmatch(entry.filename)) is not None:
                tiles[f"{int(found[2])}/{found[3]}"] = entry
        if len(descriptions) != 1:
            raise InvalidResult(f"The page's picture has {len(descriptions)} descriptions (.dzi), not one.")
        return _Directory(_parse(self._content(descriptions[0], most=_MOST_XML)), tiles)

    def _content(self, entry: zipfile.ZipInfo, most: int = MAX_TILE) -> bytes:
        """Bytes of an entry that is stored, not compressed.

        Local header: PKWARE APPNOTE 6.3, 4.3.7: 30 bytes, then name and extra field, whose lengths may
        differ from those in the directory. So a little more than the entry is read, and more only if the
        extra field is unusually long.
        """
        if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1:
            raise InvalidResult("The page's picture is compressed or encrypted; write it with compression=0.")
        if entry.file_size > most:
            raise InvalidResult(f"A part of the page's picture has {entry.file_size} bytes.")
        guess = _LOCAL_HEADER.size + len(entry.filename.encode()) + 64
        block = self._range(entry.header_offset, guess + entry.file_size)
        if len(block) < _LOCAL_HEADER.size or block[:4] != b"PK\x03\x04":
            raise InvalidResult("The page's picture is broken: a part is not where its directory says.")
        *_, name, extra = _LOCAL_HEADER.unpack_from(block)
        start = _LOCAL_HEADER.size + name + extra
        if len(block) < start + entry.file_size:
            block += self._range(entry.header_offset + len(block), start + entry.file_size - len(block))
        content = block[start : start + entry.file_size]
        if len(content) != entry.file_size:
            raise InvalidResult("The page's picture is cut short.")
        return content

    def _range(self, start: int, length: int) -> bytes:
        return _get_range(self._s3, self._bucket, self._key, start, length)


class Pyramids:
    """The pictures that this process has opened lately; keep one per warm Lambda."""

    def __init__(self, s3: "S3Client", bucket: str, most: int = 16) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._most = most
        self._open: OrderedDict[str, PyramidFile] = OrderedDict()

    def file(self, key: str) -> PyramidFile:
        """The picture at `key` of the data bucket; opened when first asked for something."""
        if key not in self._open:
            self._open[key] = PyramidFile(self._s3, self._bucket, key)
        self._open.move_to_end(key)
        while len(self._open) > self._most:
            self._open.popitem(last=False)
        return self._open[key]


class _Ranged(io.RawIOBase):
    """An S3 object as a file that `zipfile` can seek in; it reads in blocks."""

    _BLOCK = 256 * 1024

    def __init__(self, s3: "S3Client", bucket: str, key: str, size: int) -> None:
        self._s3, self._bucket, self._key, self._size = s3, bucket, key, size
        self._at = 0
        self._start, self._block = 0, b""

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            # As a real file does: zipfile relies on it for files that are too short.
            raise OSError("seek before the start")
        self._at = base + offset
        return self._at

    def read(self, size: int = -1) -> bytes:
        length = self._size - self._at if size < 0 else min(size, self._size - self._at)
        if length <= 0:
            return b""
        if not (self._start <= self._at and self._at + length <= self._start + len(self._block)):
            # zipfile reads the end first, then goes backwards to the directory: take what lies before, too.
            near_end = self._size - self._at < self._BLOCK
            self._start = max(0, self._size - self._BLOCK) if near_end else self._at
            self._start = min(self._start, self._at)
            wanted = max(self._at + length - self._start, min(self._BLOCK, self._size - self._start))
            self._block = _get_range(self._s3, self._bucket, self._key, self._start, wanted)
        begin = self._at - self._start
        self._at += length
        return self._block[begin : begin + length]


def _get_range(s3: "S3Client", bucket: str, key: str, start: int, length: int) -> bytes:
    if length <= 0:
        return b""
    try:
        answer = s3.get_object(Bucket=bucket, Key=key, Range=f"bytes={start}-{start + length - 1}")
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in ("InvalidRange", "416"):
            return b""
        if code in ("NoSuchKey", "404"):
            raise NotReady("The page's picture is gone.") from None
        raise
    return answer["Body"].read()


def _parse(xml: bytes) -> Description:
    """The description of a Deep Zoom image, as Microsoft's schema 2008 has it.

    Raises:
        InvalidResult: it is not such a description.
    """
    if b"<!DOCTYPE" in xml or b"<!ENTITY" in xml:
        raise InvalidResult("The description of the page's picture declares entities.")
    try:
        image = ElementTree.fromstring(xml)
        size = next(child for child in image if child.tag.rpartition("}")[2] == "Size")
        return Description(
            width=int(size.attrib["Width"]),
            height=int(size.attrib["Height"]),
            format=_FORMATS[image.attrib["Format"].lower()],
            tile_size=int(image.attrib["TileSize"]),
            overlap=int(image.attrib["Overlap"]),
        )
    except (ElementTree.ParseError, StopIteration, KeyError, ValueError) as error:
        raise InvalidResult(
            f"The page's picture has no proper description: {type(error).__name__}."
        ) from None
