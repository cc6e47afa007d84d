"""Vector PDFs as ground truth: what a CAD system exported says itself what stands on the sheet.

The strings and quads of the text layer become labels, and the page is rendered at a resolution of one's
choice. So every company that has CAD exports has labels for free.

A text layer can lie. Strings that the page does not show (hidden layers, white on white, a scanner's own
recognition under the picture) are left out, and with a model also those of fonts whose strings say other
things than the page shows (`drawops_vision.reconciliation`); both are counted. What the page shows and the
layer does not say (outlines, pictures) has no label: such pages should be looked at before they are trained
on.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyvips  # type: ignore[import-untyped]
from drawops.contracts.labels import Label, LabelSource
from drawops.contracts.reading import MediaType, WarningCode
from drawops.errors import InvalidInput
from drawops.limits import media_type
from numpy.typing import NDArray

from drawops_vision import rasterise
from drawops_vision.datasets.conversion import Conversion, files, shown
from drawops_vision.datasets.folder import BadDataset
from drawops_vision.rasterise import DEFAULT_LIMITS, LayerText, LineReader, PageImage

MM_PER_INCH = 25.4
ABOUT_LAYER = (WarningCode.TEXT_LAYER_IGNORED, WarningCode.TEXT_LAYER_DISTRUSTED)
COMPRESSION = 3
"""Of PNG: higher takes much longer and saves little."""


def convert(
    sources: Sequence[Path], conversion: Conversion, dpi: int = 300, reader: LineReader | None = None
) -> None:
    """Convert PDF files, and all that lie in folders.

    Args:
        sources: files and folders.
        conversion: where pages go; called ``NAME.png``, or ``NAME#1.png`` … where a file has several.
        dpi: resolution of the pictures.
        reader: checks whether fonts of the layer say what the page shows.

    Raises:
        BadDataset: there is no PDF.
    """
    found = list(_pdfs(sources))
    if not found:
        raise BadDataset(f"There is no PDF in {shown(sources)}.")
    conversion.expect(len(found))
    for path in found:
        try:
            _file(path, conversion, dpi, reader)
        except InvalidInput as error:
            conversion.problem(path.name, error.sentence)
        except OSError as error:
            conversion.problem(path.name, str(error))


def _pdfs(sources: Sequence[Path]) -> Iterator[Path]:
    for source in sources:
        yield from files([source], ".pdf") if source.is_dir() else [source]


def _file(path: Path, conversion: Conversion, dpi: int, reader: LineReader | None) -> None:
    limits = replace(DEFAULT_LIMITS, pdf_dpi=dpi)
    if path.stat().st_size > limits.max_bytes:
        conversion.problem(path.name, f"left out: more than {limits.max_bytes // 2**20} MB")
        return
    data = path.read_bytes()
    if media_type(data) is not MediaType.PDF:
        conversion.problem(path.name, "left out: it is no PDF")
        return
    pages = list(_layers(data, limits, reader))
    for page in pages:
        name = f"{path.stem}.png" if len(pages) == 1 else f"{path.stem}#{page.number}.png"
        for warning in page.warnings:
            if warning.code in ABOUT_LAYER or warning.code is WarningCode.DOWNSCALED:
                conversion.problem(name, _of_labels(warning.message))
        if not page.layer:
            conversion.problem(
                name, "left out: the page has no text layer; it is a scan, or its text is drawn"
            )
            continue
        picture = png(rasterise.render_page(data, page.number, limits), page.dpi or dpi)
        labels = [label_of(text, place) for place, text in enumerate(page.layer, start=1)]
        conversion.page(name, picture, labels)


def _of_labels(message: str) -> str:
    """A warning of the reader, which has OCR to fall back on; here there is no label instead."""
    message = message.replace("; what can be seen of them was recognised instead", "; they have no label")
    return message.replace("were read by OCR instead", "have no label")


def _layers(data: bytes, limits: rasterise.Limits, reader: LineReader | None) -> Iterator[PageImage]:
    """The pages without their pixels, of which only one at a time is in memory."""
    for page in rasterise.pages(data, limits, reader):
        yield replace(page, pixels=np.empty((0, 0), np.uint8))


def label_of(text: LayerText, place: int) -> Label:
    """A string of a text layer as a label; coordinates to a hundredth of a pixel."""
    points = tuple((round(float(x), 2), round(float(y), 2)) for x, y in text.quad)
    return Label(id=f"t{place}", points=points, text=text.text, source=LabelSource.TEXT_LAYER)


def png(pixels: NDArray[np.uint8], dpi: float) -> bytes:
    """A PNG that states its resolution.

    Args:
        pixels: H x W grey or H x W x 3 (BGR).
        dpi: of the picture.
    """
    rgb = pixels if pixels.ndim == 2 else np.ascontiguousarray(pixels[:, :, ::-1])
    image = pyvips.Image.new_from_array(rgb)
    image = image.copy(xres=dpi / MM_PER_INCH, yres=dpi / MM_PER_INCH)
    return bytes(image.pngsave_buffer(compression=COMPRESSION))
