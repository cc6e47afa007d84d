"""PDF pages, rendered by PDFium at 300 dpi, with the strings of their text layer.

Strings of the text layer are exact, so they are taken as they are and *not drawn*: what the recogniser sees
is the rest of the page (scans inside the PDF, text drawn as outlines). What nobody could see (hidden layers,
white on white, a scanner's own recognition under the picture, what a clip cuts off) is told apart by drawing
the page with and without text: where nothing changes, nothing was visible. The page is first drawn small,
and in full only around strings that are in doubt. Fonts whose strings say other things than the page shows
are left to the recogniser too (see `reconciliation`).
"""

import contextlib
import ctypes
import math
from collections.abc import Iterable, Iterator
from dataclasses import replace

import cv2
import numpy as np
import pypdfium2  # type: ignore[import-untyped]
import pypdfium2.raw as pdfium  # type: ignore[import-untyped]
from drawops.contracts.reading import DpiSource, Warning, WarningCode
from drawops.errors import Code, InvalidInput
from drawops.limits import check_pages, check_size
from numpy.typing import NDArray

from drawops_vision import reconciliation, text_layer
from drawops_vision.rasterise import DEFAULT_LIMITS, LayerText, Limits, LineReader, PageImage

POINTS_PER_INCH = 72
# The end marker of a whole PDF stands in its last kilobyte; four allow for junk that mailers append.
END_WITHIN = 4096
# Pages are drawn at this fraction of their size to find out which strings are visible.
PREVIEW = 1 / 3
PREVIEW_CONTRAST = 12
# At most this many strings of a page are drawn one by one; they take a few milliseconds each.
MOST_DRAWN = 1000
# A string whose upright box is larger than this (pixels) is not drawn on its own.
LARGEST_REGION = 4_000_000
# A string smaller than this (pixels) in both directions is a speck.
SPECK = 3.0
# Equal strings whose middles are this near (pixels), and nearer than a quarter of their height, are one.
SAME_PLACE = 20.0
# Samples are drawn so that their text is this high, with a margin of this fraction, as the networks expect.
SAMPLE_HEIGHT = 36
LARGEST_SCALE = 4.0
SAMPLE_PADDING = 0.3
FLAGS = pdfium.FPDF_ANNOT | pdfium.FPDF_RENDER_LIMITEDIMAGECACHE


def pages(data: bytes, limits: Limits, reader: LineReader | None = None) -> Iterator[PageImage]:
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
                page = _page(document, index, limits, reader)
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
    # PDFium gives no reason when it finds no page, so an earlier file's would stand: this call, which finds
    # no file, leaves one that bytes in memory cannot have.
    pdfium.FPDF_LoadDocument(b"\0", None)
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if error.err_code in (pdfium.FPDF_ERR_PASSWORD, pdfium.FPDF_ERR_SECURITY):
            raise InvalidInput(
                Code.ENCRYPTED_PDF, "The PDF is protected by a password; export it without one."
            ) from error
        if not whole:
            raise truncated from error
        if error.err_code == pdfium.FPDF_ERR_FILE:
            # No reason given: all was parsed and no page was found.
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


def _page(
    document: pypdfium2.PdfDocument, index: int, limits: Limits, reader: LineReader | None
) -> PageImage:
    number = index + 1
    page = document[index]
    points_wide, points_high = page.get_size()
    scale = _scale(points_wide, points_high, limits)
    width, height = _pixels(points_wide, points_high, scale)
    _check_images(page, number, limits)
    # A second instance of the same page: reading the text layer turns its objects.
    twin = document[index]
    layer = text_layer.read(twin)
    twin.close()
    to_pixels = _page_to_pixels(page, width, height)
    strings = [
        replace(string, quad=string.quad @ to_pixels[:, :2].T + to_pixels[:, 2]) for string in layer.strings
    ]
    sheet = _Sheet(document, page, width, height)
    visible = sheet.visible(strings)
    hidden = len({id(string) for string in strings} - {id(string) for string, _ in visible})
    warnings = []
    if hidden or layer.ignored:
        message = (
            f"{hidden} invisible strings and {layer.ignored} text objects without usable characters were "
            "ignored in the PDF's text layer; what can be seen of them was recognised instead."
        )
        warnings.append(Warning(code=WarningCode.TEXT_LAYER_IGNORED, message=message, page=number))
    parts = [part for _, part in visible]
    verdict = sheet.verdict(parts, reader) if reader else reconciliation.Verdict()
    trusted = [part for part in parts if not part.fonts & verdict.distrusted]
    if verdict.distrusted:
        warnings.append(_distrust(verdict, len(parts) - len(trusted), number))
    sheet.leave_out(trusted, to_pixels)
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
        layer=tuple(_layer_texts(trusted)),
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


def _layer_text(string: text_layer.String) -> LayerText:
    return LayerText(string.quad.astype(np.float32), string.text, string.fonts)


def _layer_texts(strings: list[text_layer.String]) -> Iterator[LayerText]:
    """Each string once: fake bold type is the same string drawn twice, a hair apart."""
    known: dict[tuple[str, int, int], NDArray[np.floating]] = {}
    for string in strings:
        text = _layer_text(string)
        middle = text.quad.mean(axis=0)
        x, y = (int(value // SAME_PLACE) for value in middle)
        around = [(text.text, x + i, y + j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
        reach = float(np.hypot(*(text.quad[3] - text.quad[0]))) / 4
        if text.text and not any(
            one in known and np.hypot(*(known[one] - middle)) < min(reach, SAME_PLACE) for one in around
        ):
            known[text.text, x, y] = middle
            yield text


def _inside(quad: NDArray[np.float32], point: NDArray[np.floating]) -> bool:
    return cv2.pointPolygonTest(quad, (float(point[0]), float(point[1])), False) >= 0


def _distrust(verdict: reconciliation.Verdict, strings: int, number: int) -> Warning:
    fonts = ", ".join(sorted(verdict.distrusted))
    message = (
        f"The PDF's text layer says other things than the page shows in the font {fonts} "
        f"({verdict.agreeing} of {verdict.compared} samples agree); {strings} strings were read by OCR "
        "instead."
    )
    return Warning(code=WarningCode.TEXT_LAYER_DISTRUSTED, message=message, page=number)


class _Sheet:
    """A page whose text objects can be switched on and off. Strings have their quads in its pixels here."""

    def __init__(
        self, document: pypdfium2.PdfDocument, page: pypdfium2.PdfPage, width: int, height: int
    ) -> None:
        self._document = document
        self._page = page
        self._size = (width, height)
        self._texts = text_layer.text_objects(page)

    def _switch(self, positions: Iterable[int], on: bool) -> None:
        for position in positions:
            pdfium.FPDFPageObj_SetIsActive(self._texts[position].raw, on)

    def visible(self, strings: list[text_layer.String]) -> list[tuple[text_layer.String, text_layer.String]]:
        """The parts of strings that can be seen, each after its whole string.

        Afterwards all text objects are switched off.
        """
        if not strings:
            return []
        width, height = self._size
        small = max(1, round(width * PREVIEW)), max(1, round(height * PREVIEW))
        with_text = _draw_grey(self._document, self._page, *small)
        self._switch(range(len(self._texts)), False)
        difference = _draw_grey(self._document, self._page, *small)
        cv2.absdiff(with_text, difference, dst=difference)
        del with_text
        marked = cv2.threshold(difference, PREVIEW_CONTRAST - 1, 1, cv2.THRESH_BINARY)[1]
        ink = np.asarray(cv2.integral(marked), np.int32)
        del difference, marked
        corners = np.array([string.quad for string in strings])
        low, high = corners.min(axis=1), corners.max(axis=1)
        crowded = reconciliation.overlapping(low + 1, high - 1)
        any_ink = _inked(ink, low * PREVIEW, high * PREVIEW + 1)
        legible = any_ink & ((high - low).max(axis=1) >= SPECK)
        doubtful = crowded | ~_whole(ink, strings)
        small_enough = (high - low).prod(axis=1) < LARGEST_REGION
        draw = np.flatnonzero(legible & doubtful & small_enough)[:MOST_DRAWN]
        drawn = np.isin(np.arange(len(strings)), draw)
        found = []
        for position in np.flatnonzero(legible):
            string = strings[position]
            runs, boxes = [slice(None)], string.glyphs
            if drawn[position]:
                runs, boxes = self._runs(string)
            found += [(string, string.part(run, boxes)) for run in runs]
        return found

    def _runs(self, string: text_layer.String) -> tuple[list[slice], NDArray[np.float64]]:
        without, with_text, quad = self._alone(string, max(1.0, _sample_scale(string)))
        changed = np.asarray(cv2.absdiff(without, with_text), np.uint8)
        unlike = np.asarray(cv2.absdiff(without, np.full_like(without, np.median(without))), np.uint8)
        return reconciliation.visible_runs(
            reconciliation.upright(changed, quad, paper=0) >= PREVIEW_CONTRAST,
            reconciliation.upright(unlike, quad, paper=0) < PREVIEW_CONTRAST,
            string.glyphs,
        )

    def _alone(
        self, string: text_layer.String, scale: float, margin: float = 0.0
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.float64]]:
        """The page around a string, without all text and with this string only, and its quad there.

        Args:
            string: whose text objects are switched off.
            scale: pixels drawn for one of the page's.
            margin: page pixels around it.
        """
        low = np.floor((string.quad.min(axis=0) - margin) * scale).astype(int)
        high = np.ceil((string.quad.max(axis=0) + margin) * scale).astype(int) + 1
        pictures = []
        for on in (False, True):
            self._switch(string.objects, on)
            picture = np.empty((high[1] - low[1], high[0] - low[0]), np.uint8)
            _render_into(
                self._document,
                self._page,
                picture,
                pdfium.FPDFBitmap_Gray,
                FLAGS | pdfium.FPDF_GRAYSCALE,
                size=(round(self._size[0] * scale), round(self._size[1] * scale)),
                origin=(int(low[0]), int(low[1])),
            )
            pictures.append(picture)
        self._switch(string.objects, False)
        return pictures[0], pictures[1], string.quad * scale - low

    def verdict(self, strings: list[text_layer.String], reader: LineReader) -> reconciliation.Verdict:
        """Read samples of the strings and compare; all text objects are switched off."""
        layer = [_layer_text(string) for string in strings]
        chosen = reconciliation.choose(layer, reader.alphabet)
        if not chosen:
            return reconciliation.Verdict()
        samples = [self._sample(strings[position]) for position in chosen]
        readings = reader.lines([shown for shown, _ in samples])
        comparisons = [
            reconciliation.Comparison(layer[position].fonts, layer[position].text, read, confidence)
            for position, (read, confidence) in zip(chosen, readings, strict=True)
        ]
        # Lines and pictures behind a text can keep it from being read: once more, the ink of the text alone.
        again = [index for index, one in enumerate(comparisons) if not one.agrees]
        alone = reader.lines([samples[index][1] for index in again]) if again else []
        for index, (read, confidence) in zip(again, alone, strict=True):
            comparisons[index] = replace(comparisons[index], read=read, confidence=confidence)
        return reconciliation.judge(comparisons)

    def _sample(self, string: text_layer.String) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Level pictures of a string: as it stands on the page without other text, and its ink alone."""
        height = float(np.hypot(*(string.quad[3] - string.quad[0])))
        without, shown, quad = self._alone(string, _sample_scale(string), 2 * SAMPLE_PADDING * height)
        ink = 255 - cv2.absdiff(without, shown)
        as_shown, alone = (
            reconciliation.upright(picture, quad, SAMPLE_PADDING, string.mirrored)
            for picture in (shown, np.asarray(ink, np.uint8))
        )
        cv2.normalize(alone, alone, 0, 255, cv2.NORM_MINMAX)
        return as_shown, alone

    def leave_out(self, strings: list[text_layer.String], to_pixels: NDArray[np.float64]) -> None:
        """Switch on all text objects but those of `strings` and what is drawn a second time over them.

        PDFium's text page leaves such overprints out.
        """
        shown = {position for string in strings for position in string.objects}
        quads = np.array([string.quad for string in strings], np.float32).reshape(-1, 4, 2)
        low, high = quads.min(axis=1), quads.max(axis=1)
        for position, text in enumerate(self._texts):
            if position in shown:
                continue
            repeats = False
            with contextlib.suppress(pypdfium2.PdfiumError):  # an object without extent
                left, bottom, right, top = text.get_bounds()
                middle = np.array([(left + right) / 2, (bottom + top) / 2, 1]) @ to_pixels.T
                near = ((low <= middle) & (middle <= high)).all(axis=1)
                repeats = any(_inside(quad, middle) for quad in quads[near])
            self._switch([position], not repeats)


def _sample_scale(string: text_layer.String) -> float:
    """How much larger than on the page a string is drawn to be looked at."""
    return min(LARGEST_SCALE, SAMPLE_HEIGHT / max(1.0, float(np.hypot(*(string.quad[3] - string.quad[0])))))


def _inked(
    ink: NDArray[np.int32], low: NDArray[np.floating], high: NDArray[np.floating]
) -> NDArray[np.bool_]:
    """Which of N upright boxes (`low`, `high`: N x 2), in an integral image, have any ink."""
    limit = np.array(ink.shape[::-1]) - 1
    x0, y0 = np.clip(np.floor(low).astype(int), 0, limit).T
    x1, y1 = np.clip(np.ceil(high).astype(int), 0, limit).T
    return np.asarray(ink[y1, x1] - ink[y0, x1] - ink[y1, x0] + ink[y0, x0] > 0)


def _whole(ink: NDArray[np.int32], strings: list[text_layer.String]) -> NDArray[np.bool_]:
    """Which strings have ink in all four halves of every glyph's box, in the preview's integral image."""
    counts = np.array([len(string.glyphs) for string in strings])
    quads = np.repeat(np.array([string.quad for string in strings]), counts, axis=0)
    left, top, right, bottom = np.concatenate([string.glyphs for string in strings]).T
    across, down = quads[:, 1] - quads[:, 0], quads[:, 3] - quads[:, 0]
    touched = np.ones(len(quads), np.bool_)
    for x0, y0, x1, y1 in (
        (left, top, (left + right) / 2, bottom),
        ((left + right) / 2, top, right, bottom),
        (left, top, right, (top + bottom) / 2),
        (left, (top + bottom) / 2, right, bottom),
    ):
        corners = [
            (quads[:, 0] + u[:, None] * across + v[:, None] * down) * PREVIEW
            for u, v in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))
        ]
        touched &= _inked(ink, np.min(corners, axis=0), np.max(corners, axis=0))
    return np.logical_and.reduceat(touched, np.cumsum(counts) - counts)


def _render_into(
    document: pypdfium2.PdfDocument,
    page: pypdfium2.PdfPage,
    buffer: NDArray[np.uint8],
    layout: int,
    flags: int,
    size: tuple[int, int] | None = None,
    origin: tuple[int, int] = (0, 0),
) -> None:
    """Render a page into `buffer` (H x W or H x W x 3), which PDFium fills in place.

    Args:
        size: width and height of the whole page; by default the buffer's.
        origin: x and y of the buffer's first pixel on it.
    """
    height, width = buffer.shape[:2]
    across, down = size or (width, height)
    area = (-origin[0], -origin[1], across, down)
    buffer.fill(255)
    raw = pdfium.FPDFBitmap_CreateEx(
        width, height, layout, buffer.ctypes.data_as(ctypes.c_void_p), buffer.strides[0]
    )
    if not raw:
        raise pypdfium2.PdfiumError("no bitmap")
    try:
        pdfium.FPDF_RenderPageBitmap(raw, page.raw, *area, 0, flags)
        if document.formenv:
            pdfium.FPDF_FFLDraw(document.formenv.raw, raw, page.raw, *area, 0, flags)
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
