"""Bytes of a drawing -> pages of pixels, one at a time, within declared limits.

The type is told by magic bytes, never by a name. Sizes are checked before anything is decoded. Every fault
of the file raises `drawops.errors.InvalidInput` with a code and a sentence that a person can act on.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from drawops.contracts.reading import DpiSource, MediaType, Warning, WarningCode
from drawops.limits import Limits as FileLimits
from drawops.limits import media_type
from numpy.typing import NDArray


@dataclass(frozen=True)
class Limits(FileLimits):
    """What is read, what is refused, and how PDFs are rendered.

    Attributes:
        decode_bytes: memory that decoding one page may take, pixels included.
        pdf_dpi: resolution at which PDF pages are rendered.
    """

    decode_bytes: int = 1_450_000_000
    pdf_dpi: int = 300


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True)
class LayerText:
    """One string of a PDF's text layer.

    Attributes:
        quad: 4 x 2 page pixels, from the text's own top-left, clockwise.
        text: what it says.
        fonts: which fonts it is set in.
    """

    quad: NDArray[np.float32]
    text: str
    fonts: frozenset[str] = frozenset()


@dataclass(frozen=True)
class LineReader:
    """What can read a line of text in a picture: checks whether a PDF's text layer says what its page shows.

    Attributes:
        lines: recognises upright line pictures (H x W grey or H x W x 3 BGR): string and confidence of each.
        alphabet: the characters that it knows.
    """

    lines: Callable[[list[NDArray[np.uint8]]], list[tuple[str, float]]]
    alphabet: frozenset[str]


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


def pages(
    data: bytes, limits: Limits = DEFAULT_LIMITS, reader: LineReader | None = None
) -> Iterator[PageImage]:
    """Rasterise the pages of a file one by one; only the page in hand is in memory.

    Args:
        data: the file's bytes.
        limits: what is refused.
        reader: checks samples of a PDF's text layer against the page's picture; what the layer misstates is
            left out of `PageImage.layer` and drawn in `PageImage.pixels` instead. Without it the layer is
            believed where it can be seen.

    Raises:
        InvalidInput: EMPTY_FILE, UNSUPPORTED_TYPE, TRUNCATED_FILE, CORRUPT_FILE, TOO_MANY_PIXELS,
            TOO_FEW_PIXELS, TOO_MANY_PAGES, NO_PAGES or ENCRYPTED_PDF. Faults of the whole file and the size
            of every page are found before the first page is yielded, damage in a page when it is reached.
    """
    # Here, not at the top: the two readers import the types above.
    from drawops_vision import pdf_file, raster_file

    kind = media_type(data)
    if kind is MediaType.PDF:
        yield from pdf_file.pages(data, limits, reader)
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
