"""From the bytes of a drawing to its texts."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from drawops.contracts import reading
from drawops.contracts.reading import DpiSource, Reading, TextSource, WarningCode
from drawops.limits import media_type
from numpy.typing import NDArray

from drawops_vision import ink, layout, rasterise
from drawops_vision.artifact import Model
from drawops_vision.detect import Detector
from drawops_vision.rasterise import DEFAULT_LIMITS, Limits, PageImage
from drawops_vision.recognise import Recogniser
from drawops_vision.reconciliation import not_in_layer

# Below this height (pixels, median of a page) characters run into each other.
LEGIBLE_HEIGHT = 10.0
# Usual lettering of drawings (ISO 3098-1: 2.5, 3.5, 5 mm), by which a scan's resolution is judged.
LETTERING_MM = 2.5
MM_PER_INCH = 25.4
GOOD_DPI = 300


@dataclass(frozen=True)
class _Found:
    quad: NDArray[np.float32]
    text: str
    confidence: float
    source: TextSource


def _go_on() -> None:
    """Default `check`: never give up."""


class Reader:
    """Reads drawings with one model. Not for several threads at once: a reading takes all cores anyway."""

    def __init__(self, model_dir: Path, threads: int = 0, limits: Limits = DEFAULT_LIMITS) -> None:
        """Load a model.

        Args:
            model_dir: an unpacked model artifact.
            threads: for the networks; 0 means one a core.
            limits: what drawings are refused.

        Raises:
            drawops.errors.Misconfigured: the folder is not an intact model artifact.
        """
        self._limits = limits
        self._model = Model(model_dir)
        self._detector = Detector(self._model, threads)
        self._recogniser = Recogniser(self._model, threads)
        cv2.setNumThreads(threads or -1)

    @property
    def model(self) -> reading.Model:
        """What reads."""
        manifest = self._model.manifest
        return reading.Model(name=manifest.name, version=manifest.version, sha256=self._model.sha256)

    def warm_up(self) -> None:
        """Run both networks once, so that the first drawing does not pay for it."""
        self._detector.warm_up()
        self._recogniser.warm_up()

    def read(self, data: bytes, check: Callable[[], None] = _go_on) -> Reading:
        """Read all pages of a drawing (PNG, JPEG, TIFF or PDF).

        Args:
            data: the file's bytes.
            check: called every second or so; what it raises ends the reading.

        Raises:
            drawops.errors.InvalidInput: the drawing cannot be read; see `rasterise.pages`.
        """
        started = time.perf_counter()
        kind = media_type(data)
        pages: list[reading.Page] = []
        warnings: list[reading.Warning] = []
        line_reader = rasterise.LineReader(
            lambda lines: self._recogniser.lines(lines, check), frozenset(self._model.classes)
        )
        images = rasterise.pages(data, self._limits, line_reader)
        while True:
            check()
            before = time.perf_counter()
            image = next(images, None)
            if image is None:
                break
            page, remarks = self._read_page(image, time.perf_counter() - before, check)
            pages.append(page)
            warnings += remarks
            del image  # before the next page is decoded
        return Reading(
            media_type=kind,
            model=self.model,
            pages=tuple(pages),
            warnings=tuple(warnings),
            timings=reading.Timings(total=round(time.perf_counter() - started, 3)),
        )

    def _read_page(
        self, image: PageImage, decode_seconds: float, check: Callable[[], None]
    ) -> tuple[reading.Page, list[reading.Warning]]:
        t0 = time.perf_counter()
        page = image.pixels
        ink.normalise(page, ink.paper(page))
        inked = ink.find(page)
        seen = self._detector.look(page, inked, check)
        quads = not_in_layer(self._detector.quads(seen.probability, seen.scale), image.layer)
        parts = seen.parts
        del seen
        patches = layout.cut(page, quads)
        t1 = time.perf_counter()
        found = [_Found(text.quad, text.text, 1.0, TextSource.TEXT_LAYER) for text in image.layer]
        for one in self._recogniser.texts(page, patches, check):
            found.append(_Found(one.quad, one.text, one.confidence, TextSource.OCR))
        covered = [one.quad for one in found]
        for one in self._recogniser.overlooked(
            page, layout.overlooked(inked, covered, *page.shape[1::-1]), check
        ):
            found.append(_Found(one.quad, one.text, one.confidence, TextSource.OCR))
        t2 = time.perf_counter()
        height, width = page.shape[:2]
        result = reading.Page(
            number=image.number,
            width=width,
            height=height,
            dpi=image.dpi,
            dpi_source=image.dpi_source,
            scale=image.scale,
            tiles=tuple(
                reading.Tile(
                    x=part.left, y=part.top, width=part.right - part.left, height=part.bottom - part.top
                )
                for part in parts
            ),
            texts=tuple(
                _text(f"p{image.number}-t{number}", one)
                for number, one in enumerate(in_reading_order(found), start=1)
            ),
            timings=reading.PageTimings(
                decode=round(decode_seconds, 3), detect=round(t1 - t0, 3), recognise=round(t2 - t1, 3)
            ),
        )
        return result, [*image.warnings, *self._remarks(image, inked.any, found)]

    def _remarks(self, image: PageImage, bears_ink: bool, found: Sequence[_Found]) -> list[reading.Warning]:
        if not found:
            return [_nothing_read(image, bears_ink)]
        heights = [layout.sides(one.quad)[1] for one in found if one.source is TextSource.OCR]
        if not heights or float(np.median(heights)) >= LEGIBLE_HEIGHT:
            return []
        height = float(np.median(heights))
        message = (
            f"The page's text is about {height:.0f} pixels high, as in a scan at some "
            f"{effective_dpi(height):.0f} dpi, and may be misread or missed; "
            + (
                "export the drawing at its full size."
                if image.dpi_source is DpiSource.RENDERED
                else f"scan or export the page at {GOOD_DPI} dpi."
            )
        )
        return [image.warning(WarningCode.LOW_RESOLUTION, message)]


def effective_dpi(height: float) -> float:
    """Resolution at which lettering of the usual height is `height` pixels high, to the nearest 5 dpi.

    Stated resolutions are not asked: many programs write 72 or 96 into every file, and a picture that was
    shrunk keeps the figure of the scan.
    """
    return max(5.0, 5 * round(height / LETTERING_MM * MM_PER_INCH / 5))


def _nothing_read(image: PageImage, bears_ink: bool) -> reading.Warning:
    if not bears_ink:
        return image.warning(
            WarningCode.BLANK_PAGE,
            "The page is one even shade, white or black, with nothing on it. If the drawing is not empty, "
            "scan it again: an open lid or a failed lamp gives black pages, too faint a copy white ones.",
        )
    usual = (image.dpi or 0) / MM_PER_INCH * LETTERING_MM
    if image.dpi and image.dpi_source is DpiSource.FILE and usual < LEGIBLE_HEIGHT:
        return image.warning(
            WarningCode.LOW_RESOLUTION,
            f"No text was found. The file states {image.dpi:.0f} dpi, at which usual lettering is about "
            f"{usual:.0f} pixels high; scan or export the page at {GOOD_DPI} dpi.",
        )
    return image.warning(
        WarningCode.BLANK_PAGE,
        "The page bears ink, but no text was found on it. If there should be some, look whether the scan is "
        f"black, too faint or too coarse, and scan it again at {GOOD_DPI} dpi.",
    )


def angle(quad: NDArray[np.float32]) -> float:
    """Direction of reading in degrees, clockwise as seen on screen, in (-180, 180]."""
    x, y = quad[1] - quad[0]
    degrees = round(float(np.degrees(np.arctan2(y, x))), 2)
    return 180.0 if degrees == -180.0 else degrees + 0.0


def _text(name: str, found: _Found) -> reading.Text:
    a, b, c, d = ((round(float(x), 2), round(float(y), 2)) for x, y in found.quad)
    return reading.Text(
        id=name,
        quad=(a, b, c, d),
        text=found.text,
        confidence=round(min(1.0, max(0.0, found.confidence)), 4),
        angle=angle(found.quad),
        source=found.source,
    )


def in_reading_order(found: Sequence[_Found]) -> list[_Found]:
    """Order texts in rows from top to bottom, and in a row from left to right.

    A row begins with the text whose middle is highest, and holds all texts whose middles are at most half of
    that text's height (its shorter side) lower. A vertical or slanted text stands in the row of its middle,
    at the place of its leftmost corner.
    """
    rows: list[tuple[float, list[_Found]]] = []
    for one in sorted(found, key=lambda one: (float(one.quad[:, 1].mean()), float(one.quad[:, 0].min()))):
        middle = float(one.quad[:, 1].mean())
        if not rows or middle > rows[-1][0]:
            height = min(layout.sides(one.quad))
            rows.append((middle + height / 2, []))
        rows[-1][1].append(one)
    return [one for _, row in rows for one in sorted(row, key=lambda one: float(one.quad[:, 0].min()))]
