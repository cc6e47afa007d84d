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
from drawops.limits import Limits

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_PDF = b"%PDF-"
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
    if not data:
        raise InvalidInput(Code.EMPTY_FILE, "The file has no content; export or scan it again and upload it.")
    media_type = sniff(data)
    if media_type is MediaType.PDF:
        return Checked(media_type=media_type, pages=_pdf_pages(data, limits))
    sizes = {MediaType.PNG: _png_sizes, MediaType.JPEG: _jpeg_sizes, MediaType.TIFF: _tiff_sizes}[media_type]
    pages = 0
    try:
        for width, height in sizes(data):
            pages += 1
            _check_pages(pages, limits)
            _check_pixels(width, height, limits)
    except (struct.error, IndexError):
        raise InvalidInput(Code.TRUNCATED_FILE, _TRUNCATED) from None
    if pages == 0:
        raise InvalidInput(Code.NO_PAGES, "The file holds no page; export the drawing again.")
    return Checked(media_type=media_type, pages=pages)


def sniff(data: bytes) -> MediaType:
    """Tell the kind of file by its first bytes, whatever its name says.

    Raises:
        InvalidInput: UNSUPPORTED_TYPE.
    """
    if data.startswith(_PNG):
        return MediaType.PNG
    if data.startswith(_JPEG):
        return MediaType.JPEG
    if data.startswith(_TIFF):
        return MediaType.TIFF
    # PDF 1.7, implementation note 13: readers accept the header within the first 1024 bytes.
    if _PDF in data[:1024]:
        return MediaType.PDF
    raise InvalidInput(
        Code.UNSUPPORTED_TYPE,
        "The content is not a PNG, JPEG, TIFF or PDF, whatever its name says; export it as one of these.",
    )


def _check_pages(pages: int, limits: Limits) -> None:
    if pages > limits.max_pages:
        raise InvalidInput(
            Code.TOO_MANY_PAGES,
            f"The file has more than {limits.max_pages} pages; split it and upload the parts.",
        )


def _check_pixels(width: int, height: int, limits: Limits) -> None:
    if width * height > limits.max_pixels:
        raise InvalidInput(
            Code.TOO_MANY_PIXELS,
            f"A page has {width} x {height} pixels; at most {limits.max_pixels / 1e6:.0f} million are read. "
            "Export it at 300 dpi or split the sheet.",
        )
    if min(width, height) < limits.min_side:
        raise InvalidInput(
            Code.TOO_FEW_PIXELS,
            f"A page has {width} x {height} pixels; a drawing needs at least {limits.min_side} on each side.",
        )


def _png_sizes(data: bytes) -> Iterator[tuple[int, int]]:
    yield struct.unpack(">II", data[16:24])
    offset = len(_PNG)
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

    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise InvalidInput(
                Code.ENCRYPTED_PDF,
                "The PDF is locked with a password; save it without one and upload it again.",
            )
        pages = len(reader.pages)
    except DependencyError:
        return None  # AES: the reader's PDF engine tries the empty password itself
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
        return None  # broken for pypdf; the reader's PDF engine repairs more
    if pages == 0:
        raise InvalidInput(Code.NO_PAGES, "The PDF has no pages; export the drawing again.")
    _check_pages(pages, limits)
    return pages
