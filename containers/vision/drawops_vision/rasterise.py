"""Bytes of a drawing -> pages of pixels, one at a time, within declared limits.

The type is told by magic bytes, never by a name. Sizes are checked before anything is decoded. Every fault
of the file raises `drawops.errors.InvalidInput` with a code and a sentence that a person can act on.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from drawops.contracts.reading import DpiSource, MediaType, Warning, WarningCode
from drawops.errors import Code, InvalidInput
from numpy.typing import NDArray

# A PDF may have up to 1,024 bytes of anything before its header (ISO 32000-1, implementation note 13).
PDF_HEADER_WITHIN = 1024

MAGIC = (
    (b"\x89PNG\r\n\x1a\n", MediaType.PNG),
    (b"\xff\xd8\xff", MediaType.JPEG),
    (b"II*\0", MediaType.TIFF),
    (b"MM\0*", MediaType.TIFF),
    (b"II+\0", MediaType.TIFF),
    (b"MM\0+", MediaType.TIFF),
)


@dataclass(frozen=True)
class Limits:
    """What is read and what is refused.

    Attributes:
        pixels: of one page. A0 at 300 dpi has 139 million.
        pages: of one file.
        side: pixels that a page must at least have in width and height.
        decode_bytes: memory that decoding one page may take, pixels included.
        pdf_dpi: resolution at which PDF pages are rendered.
    """

    pixels: int = 200_000_000
    pages: int = 100
    side: int = 16
    decode_bytes: int = 1_450_000_000
    pdf_dpi: int = 300


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True)
class LayerText:
    """One string of a PDF's text layer; `quad` is 4 x 2 page pixels, from its own top-left, clockwise."""

    quad: NDArray[np.float32]
    text: str


@dataclass(frozen=True)
class PageImage:
    """One page.

    Attributes:
        number: from 1.
        pixels: H x W (the page has no colour) or H x W x 3 (blue, green, red), uint8.
        dpi: dots per inch of `pixels`, None when unknown.
        dpi_source: how `dpi` is known.
        scale: size of `pixels` / native size; below 1 when the page had to be shrunk.
        layer: strings of the PDF's text layer. `pixels` do not show them (see `pdf_file`).
        warnings: what a user should know about these pixels.
    """

    number: int
    pixels: NDArray[np.uint8]
    dpi: float | None
    dpi_source: DpiSource
    scale: float = 1.0
    layer: tuple[LayerText, ...] = ()
    warnings: tuple[Warning, ...] = ()

    def warning(self, code: WarningCode, message: str) -> Warning:
        """A warning about this page."""
        return Warning(code=code, message=message, page=self.number)


def media_type(data: bytes) -> MediaType:
    """Tell the type of a file by its magic bytes.

    Raises:
        InvalidInput: EMPTY_FILE or UNSUPPORTED_TYPE.
    """
    if not data:
        raise InvalidInput(Code.EMPTY_FILE, "The file is empty; upload it again.")
    for magic, kind in MAGIC:
        if data.startswith(magic):
            return kind
    if b"%PDF-" in data[:PDF_HEADER_WITHIN]:
        return MediaType.PDF
    raise InvalidInput(
        Code.UNSUPPORTED_TYPE,
        "The content is not PNG, JPEG, TIFF or PDF, whatever its name; export the drawing as one of them.",
    )


def pages(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Iterator[PageImage]:
    """Rasterise the pages of a file one by one; only the page in hand is in memory.

    Raises:
        InvalidInput: EMPTY_FILE, UNSUPPORTED_TYPE, TRUNCATED_FILE, CORRUPT_FILE, TOO_MANY_PIXELS,
            TOO_FEW_PIXELS, TOO_MANY_PAGES, NO_PAGES or ENCRYPTED_PDF. Faults of the whole file and the size
            of every page are found before the first page is yielded, damage in a page when it is reached.
    """
    # Here, not at the top: the two readers import the types above.
    from drawops_vision import pdf_file, raster_file

    kind = media_type(data)
    if kind is MediaType.PDF:
        yield from pdf_file.pages(data, limits)
    else:
        yield from raster_file.pages(data, kind, limits)


def render_page(data: bytes, number: int, limits: Limits = DEFAULT_LIMITS) -> NDArray[np.uint8]:
    """One page (from 1) as a person sees it: the very pixels a reading's coordinates refer to.

    Unlike `PageImage.pixels` it shows the text of a PDF's text layer.

    Returns:
        H x W grey or H x W x 3 (BGR), uint8.

    Raises:
        InvalidInput: see `pages`.
        IndexError: there is no such page.
    """
    from drawops_vision import pdf_file, raster_file

    kind = media_type(data)
    if kind is MediaType.PDF:
        return pdf_file.render(data, number, limits)
    return raster_file.render(data, kind, number, limits)


def check_size(number: int, width: int, height: int, limits: Limits) -> None:
    """Refuse a page of `width` x `height` pixels that is too large or too small.

    Raises:
        InvalidInput: TOO_MANY_PIXELS or TOO_FEW_PIXELS.
    """
    if width * height > limits.pixels:
        raise InvalidInput(
            Code.TOO_MANY_PIXELS,
            f"Page {number} has {width} x {height} pixels; at most {limits.pixels:,} pixels a page are read. "
            "Scan or export it at a lower resolution (300 dpi is enough), or cut it into sheets.",
        )
    if min(width, height) < limits.side:
        raise InvalidInput(
            Code.TOO_FEW_PIXELS,
            f"Page {number} has {width} x {height} pixels; a page needs at least {limits.side} each way. "
            "Check that the right file was uploaded.",
        )


def check_pages(count: int, limits: Limits) -> None:
    """Refuse a file with no pages or too many.

    Raises:
        InvalidInput: NO_PAGES or TOO_MANY_PAGES.
    """
    if count < 1:
        raise InvalidInput(Code.NO_PAGES, "The file has no pages; export the drawing again.")
    if count > limits.pages:
        raise InvalidInput(
            Code.TOO_MANY_PAGES,
            f"The file has {count} pages; at most {limits.pages} are read. Split it and upload the parts.",
        )
