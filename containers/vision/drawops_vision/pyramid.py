"""A page's picture for people: a Deep Zoom pyramid in one file, and cut-outs of parts of the page.

The file is an SZI: an uncompressed zip with `page/page.dzi` and `page/page_files/<level>/<column>_<row>.webp`
(Deep Zoom: the highest level has the page's own pixels, each lower one half of them). Whoever serves it reads
single tiles by byte range. Cut-outs are further entries, `areas/<x>_<y>_<width>_<height>.png`.

Pixels are those that a reading's coordinates refer to (`rasterise.render_page`).
"""

import io
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyvips  # type: ignore[import-untyped]
from drawops.contracts.labeling import Area
from drawops.errors import Code, InvalidInput
from numpy.typing import NDArray

from drawops_vision.rasterise import DEFAULT_LIMITS, Limits, render_page

NAME = "page"
FORMAT = "webp"
TILE_SIZE = 512
OVERLAP = 1
# Text stays sharp at this quality; two thirds of PNG's size on CAD exports, a fifth on grey scans.
_SUFFIX = f".{FORMAT}[Q=80,effort=0]"
_ATTRIBUTES = re.compile(r"page=([1-9]\d{0,3})(?:;areas=((?:\d{1,6}_\d{1,6}_\d{1,6}_\d{1,6},?)+))?")


@dataclass(frozen=True)
class Order:
    """What is asked for: one page, and parts of it to cut out."""

    page: int
    areas: tuple[Area, ...] = ()

    @classmethod
    def parse(cls, attributes: str) -> "Order":
        """Read an order from SageMaker's custom attributes: ``page=2;areas=0_0_800_600,800_0_800_600``.

        Raises:
            InvalidInput: it is not one.
        """
        found = _ATTRIBUTES.fullmatch(attributes)
        if found is None:
            raise InvalidInput(
                Code.UNSUPPORTED_TYPE,
                "A picture of a page is ordered by the custom attributes page=NUMBER, with "
                "areas=X_Y_WIDTH_HEIGHT,… if parts are to be cut out.",
            )
        areas = []
        for one in (found[2] or "").strip(",").split(","):
            if one:
                x, y, width, height = (int(number) for number in one.split("_"))
                areas.append(Area(x=x, y=y, width=max(1, width), height=max(1, height)))
        return cls(int(found[1]), tuple(areas))


def szi(data: bytes, order: Order, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """Draw one page of a drawing as a pyramid.

    Args:
        data: the file's bytes (PNG, JPEG, TIFF or PDF).
        order: which page, and which cut-outs.
        limits: what is refused.

    Returns:
        The zip.

    Raises:
        InvalidInput: the drawing cannot be read, or has no such page.
    """
    try:
        pixels = render_page(data, order.page, limits)
    except IndexError as error:
        raise InvalidInput(Code.NO_PAGES, f"The drawing has no page {order.page}.") from error
    image = _vips(pixels)
    made: bytes = image.dzsave_buffer(
        basename=NAME, container="szi", suffix=_SUFFIX, tile_size=TILE_SIZE, overlap=OVERLAP
    )
    return _with_areas(made, image, order.areas)


def _vips(pixels: NDArray[np.uint8]) -> pyvips.Image:
    if pixels.ndim == 2:
        return pyvips.Image.new_from_array(pixels).copy(interpretation="b-w")
    rgb = np.ascontiguousarray(pixels[:, :, ::-1])
    return pyvips.Image.new_from_array(rgb).copy(interpretation="srgb")


def _with_areas(made: bytes, image: pyvips.Image, areas: Sequence[Area]) -> bytes:
    if not areas:
        return made
    file = io.BytesIO(made)
    with zipfile.ZipFile(file, "a", zipfile.ZIP_STORED) as archive:
        for area in areas:
            left, top = min(area.x, image.width - 1), min(area.y, image.height - 1)
            part = image.crop(
                left, top, min(area.width, image.width - left), min(area.height, image.height - top)
            )
            name = f"areas/{area.x}_{area.y}_{area.width}_{area.height}.png"
            archive.writestr(name, part.write_to_buffer(".png[compression=6]"))
    return file.getvalue()
