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

from drawops_vision import confidence, ink, layout, rasterise
from drawops_vision.artifact import Calibration, Model
from drawops_vision.confidence import Features
from drawops_vision.detect import Detector, Found
from drawops_vision.rasterise import DEFAULT_LIMITS, Limits, PageImage
from drawops_vision.recognise import Recognised, Recogniser
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
    features: Features | None = None


def _go_on() -> None:
    """Default `check`: never give up."""


class Reader:
    """Reads drawings with one model. Not for several threads at once: a reading takes all cores anyway."""

    def __init__(
        self,
        model_dir: Path,
        threads: int = 0,
        limits: Limits = DEFAULT_LIMITS,
        detector: Callable[[Model, int], Detector] = Detector,
    ) -> None:
        """Load a model.

        Args:
            model_dir: an unpacked model artifact.
            threads: for the networks; 0 means one a core.
            limits: what drawings are refused.
            detector: makes what finds the texts, from the model and the number of threads.

        Raises:
            drawops.errors.Misconfigured: the folder is not an intact model artifact.
        """
        self._limits = limits
        self._model = Model(model_dir)
        self._detector = detector(self._model, threads)
        self._recogniser = Recogniser(self._model, threads)
        cv2.setNumThreads(threads or -1)

    @property
    def model(self) -> reading.Model:
        """What reads."""
        manifest = self._model.manifest
        return reading.Model(name=manifest.name, version=manifest.version, sha256=self._model.sha256)

    @property
    def calibration(self) -> Calibration | None:
        """What confidences are reckoned with; None: they are the network's own."""
        return self._model.manifest.calibration

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
        return self.read_with_features(data, check)[0]

    def read_with_features(
        self, data: bytes, check: Callable[[], None] = _go_on
    ) -> tuple[Reading, dict[str, Features]]:
        """Like `read`; also says what the confidences were reckoned from, by the ids of the texts."""
        started = time.perf_counter()
        kind = media_type(data)
        pages: list[reading.Page] = []
        measured: dict[str, Features] = {}
        warnings: list[reading.Warning] = []
        images = rasterise.pages(data, self._limits, self._recogniser.line_reader(check))
        while True:
            check()
            before = time.perf_counter()
            image = next(images, None)
            if image is None:
                break
            page, remarks, features = self._read_page(image, time.perf_counter() - before, check)
            measured |= features
            pages.append(page)
            warnings += remarks
            del image  # before the next page is decoded
        result = Reading(
            media_type=kind,
            model=self.model,
            pages=tuple(pages),
            warnings=tuple(warnings),
            timings=reading.Timings(total=round(time.perf_counter() - started, 3)),
        )
        return result, measured

    def _read_page(
        self, image: PageImage, decode_seconds: float, check: Callable[[], None]
    ) -> tuple[reading.Page, list[reading.Warning], dict[str, Features]]:
        t0 = time.perf_counter()
        page = image.pixels
        ink.normalise(page, ink.paper(page))
        inked = ink.find(page)
        seen = self._detector.look(page, inked, check)
        quads = not_in_layer(self._detector.quads(seen.probability, seen.scale), image.layer)
        patches = layout.cut(page, quads)
        t1 = time.perf_counter()
        ocr = self._recogniser.texts(page, patches, check)
        covered = [*(text.quad for text in image.layer), *(one.quad for one in ocr)]
        spots = layout.overlooked(inked, covered, *page.shape[1::-1])
        ocr += self._recogniser.overlooked(page, spots, check)
        found = [_Found(text.quad, text.text, 1.0, TextSource.TEXT_LAYER) for text in image.layer]
        found += self._weighed(page, ocr, seen, check)
        t2 = time.perf_counter()
        height, width = page.shape[:2]
        named = {
            f"p{image.number}-t{number}": one for number, one in enumerate(in_reading_order(found), start=1)
        }
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
                for part in seen.parts
            ),
            texts=tuple(_text(name, one) for name, one in named.items()),
            timings=reading.PageTimings(
                decode=round(decode_seconds, 3), detect=round(t1 - t0, 3), recognise=round(t2 - t1, 3)
            ),
        )
        remarks = [*image.warnings, *self._remarks(image, inked.any, found)]
        return (
            result,
            remarks,
            {name: one.features for name, one in named.items() if one.features is not None},
        )

    def _weighed(
        self, page: NDArray[np.uint8], ocr: Sequence[Recognised], seen: Found, check: Callable[[], None]
    ) -> list[_Found]:
        """Give every text the confidence that the model's calibration reckons; without one, the network's."""
        calibration = self.calibration
        doubtful = confidence.doubtful(ocr)
        lines = self._recogniser.again(
            page, [ocr[index].quad for index in doubtful], confidence.SECOND_PADDING, check
        )
        again = dict(zip(doubtful, lines, strict=True))
        measured = confidence.features(page, ocr, seen.probability, seen.scale, again)
        if calibration is None:
            sure = [one.confidence for one in ocr]
        else:
            sure = confidence.confidences(calibration, measured).tolist()
        return [
            _Found(one.quad, one.text, share, TextSource.OCR, row)
            for one, share, row in zip(ocr, sure, measured, strict=True)
        ]

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
