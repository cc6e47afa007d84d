"""PDF pages, rendered by PDFium at 300 dpi, with the strings of their text layer.

Strings of the text layer are exact, so they are taken as they are and *not drawn*: what the recogniser sees
is the rest of the page (scans inside the PDF, text drawn as outlines). Strings that nobody could see (hidden
layers, white on white, a scanner's own recognition under the picture) are told apart by drawing the page
small, with and without text: where nothing changes, nothing was visible.
"""

import ctypes
import math
from collections.abc import Iterator

import cv2
import numpy as np
import pypdfium2  # type: ignore[import-untyped]
import pypdfium2.raw as pdfium  # type: ignore[import-untyped]
from drawops.contracts.reading import DpiSource, Warning, WarningCode
from drawops.errors import Code, InvalidInput
from drawops.limits import check_pages, check_size
from numpy.typing import NDArray

from drawops_vision import text_layer
from drawops_vision.rasterise import DEFAULT_LIMITS, LayerText, Limits, PageImage

POINTS_PER_INCH = 72
# The end marker of a whole PDF stands in its last kilobyte; four allow for junk that mailers append.
END_WITHIN = 4096
# Pages are drawn at this fraction of their size to find out which strings are visible.
PREVIEW = 1 / 3
PREVIEW_CONTRAST = 12
FLAGS = pdfium.FPDF_ANNOT | pdfium.FPDF_RENDER_LIMITEDIMAGECACHE


def pages(data: bytes, limits: Limits) -> Iterator[PageImage]:
    """Pages of a PDF; see `rasterise.pages`."""
    document = _open(data)
    try:
        check_pages(len(document), limits)
        document.init_forms()
        for index in range(len(document)):
            try:
                width, height = document.get_page_size(index)
            except pypdfium2.PdfiumError as error:
                raise _damaged(index) from error
            # A page without size would be scaled up without end.
            check_size(
                index + 1, *_pixels(width, height, _scale(max(1, width), max(1, height), limits)), limits
            )
        for index in range(len(document)):
            try:
                page = _page(document, index, limits)
            except pypdfium2.PdfiumError as error:
                raise _damaged(index) from error
            yield page
    finally:
        document.close()


def _damaged(index: int) -> InvalidInput:
    return InvalidInput(
        Code.CORRUPT_FILE,
        f"Page {index + 1} of the PDF is damaged and cannot be drawn; export the drawing again.",
    )


def render(data: bytes, number: int, limits: Limits) -> NDArray[np.uint8]:
    """One page (from 1) as a person sees it, text included, on the pixels that `pages` gives.

    Raises:
        IndexError: there is no such page.
    """
    document = _open(data)
    try:
        if not 1 <= number <= len(document):
            raise IndexError(f"page {number} of {len(document)}")
        document.init_forms()
        page = document[number - 1]
        width, height = page.get_size()
        return _draw(document, page, *_pixels(width, height, _scale(width, height, limits)))
    finally:
        document.close()


def _open(data: bytes) -> pypdfium2.PdfDocument:
    whole = b"%%EOF" in data[-END_WITHIN:]
    truncated = InvalidInput(
        Code.TRUNCATED_FILE, "The PDF ends before its end marker; the copy is incomplete, upload it again."
    )
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if error.err_code in (pdfium.FPDF_ERR_PASSWORD, pdfium.FPDF_ERR_SECURITY):
            raise InvalidInput(
                Code.ENCRYPTED_PDF, "The PDF is protected by a password; export it without one."
            ) from error
        if not whole:
            raise truncated from error
        if error.err_code == pdfium.FPDF_ERR_SUCCESS:
            # PDFium's way to say that all was parsed and no page was found.
            check_pages(0, DEFAULT_LIMITS)
        raise InvalidInput(
            Code.CORRUPT_FILE, "The PDF is damaged and cannot be opened; export the drawing again."
        ) from error
    # PDFium repairs what it can; a PDF that lost its end would be read without its last pages.
    if not whole:
        document.close()
        raise truncated
    return document


def _scale(width: float, height: float, limits: Limits) -> float:
    """Pixels a point: `Limits.pdf_dpi`, or as many as a huge page allows."""
    scale = limits.pdf_dpi / POINTS_PER_INCH
    if math.ceil(width * scale) * math.ceil(height * scale) > limits.max_pixels:
        # Rounding up must not exceed the limit again.
        scale = math.sqrt(limits.max_pixels / (width * height)) * 0.999
    return scale


def _pixels(width: float, height: float, scale: float) -> tuple[int, int]:
    return max(1, math.ceil(width * scale - 1e-6)), max(1, math.ceil(height * scale - 1e-6))


def _page(document: pypdfium2.PdfDocument, index: int, limits: Limits) -> PageImage:
    number = index + 1
    page = document[index]
    points_wide, points_high = page.get_size()
    scale = _scale(points_wide, points_high, limits)
    width, height = _pixels(points_wide, points_high, scale)
    _check_images(page, number, limits)
    texts = text_layer.text_objects(page)
    # A second instance of the same page: reading the text layer turns its objects.
    twin = document[index]
    layer = text_layer.read(twin)
    twin.close()
    to_pixels = _page_to_pixels(page, width, height)
    visible, hidden = _visible(document, page, texts, layer, to_pixels, (width, height))
    warnings = []
    if hidden or layer.ignored:
        message = (
            f"{hidden} invisible strings and {layer.ignored} text objects without usable characters were "
            "ignored in the PDF's text layer; what can be seen of them was recognised instead."
        )
        warnings.append(Warning(code=WarningCode.TEXT_LAYER_IGNORED, message=message, page=number))
    relative = scale * POINTS_PER_INCH / limits.pdf_dpi
    if relative < 1:
        message = (
            f"The page is {points_wide / POINTS_PER_INCH:.0f} x {points_high / POINTS_PER_INCH:.0f} inches; "
            f"it was rendered at {scale * POINTS_PER_INCH:.0f} instead of {limits.pdf_dpi} dpi, and small "
            "text may be lost. Cut it into sheets to have it read in full."
        )
        warnings.append(Warning(code=WarningCode.DOWNSCALED, message=message, page=number))
    pixels = _draw(document, page, width, height)
    page.close()
    return PageImage(
        number=number,
        pixels=pixels,
        dpi=round(scale * POINTS_PER_INCH, 2),
        dpi_source=DpiSource.RENDERED,
        scale=min(1.0, relative),
        layer=visible,
        warnings=tuple(warnings),
    )


def _check_images(page: pypdfium2.PdfPage, number: int, limits: Limits) -> None:
    """Refuse pictures inside a page that would take too much memory once decoded."""
    total = 0
    for image in page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_IMAGE]):
        width, height = ctypes.c_uint(), ctypes.c_uint()
        if pdfium.FPDFImageObj_GetImagePixelSize(image.raw, width, height):
            total += width.value * height.value
    if total > limits.max_pixels:
        raise InvalidInput(
            Code.TOO_MANY_PIXELS,
            f"Pictures on page {number} have {total:,} pixels; at most {limits.max_pixels:,} are read. "
            "Export the drawing with a lower picture resolution (300 dpi is enough).",
        )


def _page_to_pixels(page: pypdfium2.PdfPage, width: int, height: int) -> NDArray[np.float64]:
    """Affine map (2 x 3) from user space (points, y up) to rendered pixels (y down), rotation included."""
    left, bottom, right, top = page.get_bbox()
    across, up = right - left, top - bottom
    match page.get_rotation():
        case 90:
            unit = [[0.0, 1 / up, -bottom / up], [1 / across, 0, -left / across]]
        case 180:
            unit = [[-1 / across, 0, right / across], [0, 1 / up, -bottom / up]]
        case 270:
            unit = [[0, -1 / up, top / up], [-1 / across, 0, right / across]]
        case _:
            unit = [[1 / across, 0, -left / across], [0, -1 / up, top / up]]
    return np.array(unit, np.float64) * np.array([[width], [height]], np.float64)


def _visible(
    document: pypdfium2.PdfDocument,
    page: pypdfium2.PdfPage,
    texts: list[pypdfium2.PdfObject],
    layer: text_layer.Layer,
    to_pixels: NDArray[np.float64],
    size: tuple[int, int],
) -> tuple[tuple[LayerText, ...], int]:
    """Strings that can be seen, in pixels, and how many others there are.

    Afterwards the visible strings' text objects are inactive: `_draw` leaves them out.
    """
    if not layer.strings:
        return (), 0
    width, height = size
    small = max(1, round(width * PREVIEW)), max(1, round(height * PREVIEW))
    with_text = _draw_grey(document, page, *small)
    for text in texts:
        pdfium.FPDFPageObj_SetIsActive(text.raw, False)
    difference = _draw_grey(document, page, *small)
    np.copyto(difference, np.abs(with_text.astype(np.int16) - difference).astype(np.uint8))
    del with_text
    visible: list[LayerText] = []
    shown: set[int] = set()
    for string in layer.strings:
        quad = string.quad @ to_pixels[:, :2].T + to_pixels[:, 2]
        left, top = np.floor(quad.min(axis=0) * PREVIEW).astype(int).clip(0)
        right, bottom = np.ceil(quad.max(axis=0) * PREVIEW).astype(int).clip(0) + 1
        part = difference[top:bottom, left:right]
        if part.size and part.max() >= PREVIEW_CONTRAST:
            visible.append(LayerText(quad.astype(np.float32), string.text))
            shown |= string.objects
    for position, text in enumerate(texts):
        if position not in shown and not _repeats(text, visible, to_pixels):
            pdfium.FPDFPageObj_SetIsActive(text.raw, True)
    return tuple(visible), len(layer.strings) - len(visible)


def _repeats(text: pypdfium2.PdfObject, visible: list[LayerText], to_pixels: NDArray[np.float64]) -> bool:
    """True for a text object drawn over a visible string; PDFium's text page leaves such overprints out."""
    try:
        left, bottom, right, top = text.get_bounds()
    except pypdfium2.PdfiumError:  # an object without extent
        return False
    corners = np.array([[left, bottom], [right, top]]) @ to_pixels[:, :2].T + to_pixels[:, 2]
    x, y = (float(value) for value in corners.mean(axis=0))
    return any(cv2.pointPolygonTest(one.quad, (x, y), False) >= 0 for one in visible)


def _render_into(
    document: pypdfium2.PdfDocument,
    page: pypdfium2.PdfPage,
    buffer: NDArray[np.uint8],
    layout: int,
    flags: int,
) -> None:
    """Render a page into `buffer` (H x W or H x W x 3), which PDFium fills in place."""
    height, width = buffer.shape[:2]
    buffer.fill(255)
    raw = pdfium.FPDFBitmap_CreateEx(
        width, height, layout, buffer.ctypes.data_as(ctypes.c_void_p), buffer.strides[0]
    )
    if not raw:
        raise pypdfium2.PdfiumError("no bitmap")
    try:
        pdfium.FPDF_RenderPageBitmap(raw, page.raw, 0, 0, width, height, 0, flags)
        if document.formenv:
            pdfium.FPDF_FFLDraw(document.formenv.raw, raw, page.raw, 0, 0, width, height, 0, flags)
    finally:
        pdfium.FPDFBitmap_Destroy(raw)


def _draw_grey(
    document: pypdfium2.PdfDocument, page: pypdfium2.PdfPage, width: int, height: int
) -> NDArray[np.uint8]:
    buffer = np.empty((height, width), np.uint8)
    _render_into(document, page, buffer, pdfium.FPDFBitmap_Gray, FLAGS | pdfium.FPDF_GRAYSCALE)
    return buffer


def _draw(
    document: pypdfium2.PdfDocument, page: pypdfium2.PdfPage, width: int, height: int
) -> NDArray[np.uint8]:
    """Render a page: H x W x 3 (BGR), or H x W when no pixel has colour."""
    colour = np.empty((height, width, 3), np.uint8)
    _render_into(document, page, colour, pdfium.FPDFBitmap_BGR, FLAGS)
    grey = np.empty((height, width), np.uint8)
    for top in range(0, height, 256):
        band = colour[top : top + 256]
        if not (np.array_equal(band[..., 0], band[..., 1]) and np.array_equal(band[..., 1], band[..., 2])):
            return colour
        grey[top : top + 256] = band[..., 0]
    return grey
