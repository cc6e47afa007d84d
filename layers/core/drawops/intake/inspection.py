"""Check a file by its own structure, before anything is decoded.

The check refuses only what it is sure about (kind, pixel and page counts that stand in headers, missing
ends). What it cannot parse it lets pass: the reader's real decoders have the last word.

Formats: PNG (W3C, 5 Datastream structure), JPEG (ITU-T T.81, annex B), TIFF 6.0 and BigTIFF, PDF (by pypdf).
"""

import io
import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING

from drawops.contracts.reading import MediaType
from drawops.contracts.workflow import Checked, Registered
from drawops.errors import Code, InvalidInput
from drawops.keys import RevisionKeys
from drawops.limits import Limits, check_pages, check_size, media_type

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_PNG_SIGNATURE = 8  # bytes
# Start-of-frame markers: C0-CF without DHT (C4), JPG (C8) and DAC (CC).
_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_TRUNCATED = "The file ends too early: the upload or the export was cut off. Upload the whole file again."


def check(registered: Registered, *, s3: "S3Client", data_bucket: str, limits: Limits) -> Checked:
    """Inspect the registered copy of a drawing.

    Raises:
        InvalidInput: see `inspect`.
    """
    key = RevisionKeys(registered.drawing_id, registered.revision).source
    return inspect(s3.get_object(Bucket=data_bucket, Key=key)["Body"].read(), limits)


def inspect(data: bytes, limits: Limits) -> Checked:
    """Tell kind and page count of a file and hold its header figures against the limits.

    Raises:
        InvalidInput: EMPTY_FILE, UNSUPPORTED_TYPE, TRUNCATED_FILE, TOO_MANY_PIXELS, TOO_FEW_PIXELS,
            TOO_MANY_PAGES, NO_PAGES or ENCRYPTED_PDF.
    """
    kind = media_type(data)
    if kind is MediaType.PDF:
        return Checked(media_type=kind, pages=_pdf_pages(data, limits))
    sizes = {MediaType.PNG: _png_sizes, MediaType.JPEG: _jpeg_sizes, MediaType.TIFF: _tiff_sizes}[kind]
    pages = 0
    try:
        for width, height in sizes(data):
            pages += 1
            check_pages(pages, limits)
            check_size(pages, width, height, limits)
    except (struct.error, IndexError):
        raise InvalidInput(Code.TRUNCATED_FILE, _TRUNCATED) from None
    check_pages(pages, limits)
    return Checked(media_type=kind, pages=pages)


def _png_sizes(data: bytes) -> Iterator[tuple[int, int]]:
    yield struct.unpack(">II", data[16:24])
    offset = _PNG_SIGNATURE
    while True:
        length, kind = struct.unpack(">I4s", data[offset : offset + 8])
        offset += 12 + length
        if offset > len(data):
            raise IndexError
        if kind == b"IEND":
            return


def _jpeg_sizes(data: bytes) -> Iterator[tuple[int, int]]:
    offset = 2
    while True:
        while data[offset] != 0xFF:
            offset += 1
        while data[offset] == 0xFF:
            offset += 1
        marker = data[offset]
        (length,) = struct.unpack(">H", data[offset + 1 : offset + 3])
        if marker in _SOF:
            height, width = struct.unpack(">HH", data[offset + 4 : offset + 8])
            break
        offset += 1 + length
    yield width, height
    if data.rfind(b"\xff\xd9", offset) < 0:
        raise IndexError


def _tiff_sizes(data: bytes) -> Iterator[tuple[int, int]]:
    order = "<" if data[:2] == b"II" else ">"
    big = struct.unpack(order + "H", data[2:4])[0] == 43
    word, count_format, entry_size = ("Q", "Q", 20) if big else ("I", "H", 12)
    word_size = struct.calcsize(word)
    start = 8 if big else 4
    (offset,) = struct.unpack(order + word, data[start : start + word_size])
    seen: set[int] = set()
    while offset and offset not in seen:
        seen.add(offset)
        head = struct.calcsize(count_format)
        (entries,) = struct.unpack(order + count_format, data[offset : offset + head])
        size = {256: 0, 257: 0}
        for entry in range(entries):
            at = offset + head + entry * entry_size
            tag, kind = struct.unpack(order + "HH", data[at : at + 4])
            if tag in size:
                value = {3: "H", 4: "I", 16: "Q"}.get(kind, "I")
                where = at + 4 + word_size
                (size[tag],) = struct.unpack(
                    order + value, data[where : where + struct.calcsize("=" + value)]
                )
        yield size[256], size[257]
        at = offset + head + entries * entry_size
        (offset,) = struct.unpack(order + word, data[at : at + word_size])


def _pdf_pages(data: bytes, limits: Limits) -> int | None:
    from pypdf import PdfReader
    from pypdf.errors import DependencyError, PyPdfError
    from pypdf.generic import DictionaryObject

    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise InvalidInput(
                Code.ENCRYPTED_PDF,
                "The PDF is locked with a password; save it without one and upload it again.",
            )
        pages = len(reader.pages)
        tree = reader.root_object["/Pages"]
        if pages == 0 and not (isinstance(tree, DictionaryObject) and tree.get("/Count") == 0):
            return None  # a damaged page tree
    except (DependencyError, NotImplementedError):
        return None  # AES, certificates: the reader's PDF engine judges these itself
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
        return None  # broken for pypdf; the reader's PDF engine repairs more
    check_pages(pages, limits)
    return pages
