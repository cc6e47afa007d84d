"""PNG, JPEG and TIFF through libvips.

libvips streams: at A0, 300 dpi (14,043 x 9,933 px, RGB) reading takes 0.6-0.8 GB and 1-3 s, where Pillow took
1.9 GB and 4-6 s (its RGB has four bytes a pixel, and every conversion is a copy). It also handles CMYK,
16-bit and 1-bit files, and can be told to refuse what is cut short.
"""

from collections.abc import Iterator

import numpy as np
import pyvips  # type: ignore[import-untyped]
from drawops.contracts.reading import DpiSource, MediaType, Warning, WarningCode
from drawops.errors import Code, InvalidInput
from drawops.limits import check_pages, check_size
from numpy.typing import NDArray

from drawops_vision.rasterise import Limits, PageImage

BAND = 256  # rows decoded at a time
MM_PER_INCH = 25.4
# libvips keeps the last operations and their pixels for reuse; every drawing here is read once.
pyvips.cache_set_max(0)

LOADERS = {
    MediaType.PNG: "pngload_buffer",
    MediaType.JPEG: "jpegload_buffer",
    MediaType.TIFF: "tiffload_buffer",
}
# Formats whose samples have a fixed white: 8 and 16 bits.
FORMATS = ("uchar", "ushort")


def pages(data: bytes, kind: MediaType, limits: Limits) -> Iterator[PageImage]:
    """Pages of a PNG, JPEG or (multi-page) TIFF; see `rasterise.pages`."""
    first = _open(data, kind, 0)
    count = first.get("n-pages") if kind is MediaType.TIFF and first.get_typeof("n-pages") else 1
    check_pages(count, limits)
    for index in range(count):
        image = _open(data, kind, index)
        check_size(index + 1, image.width, image.height, limits)
    for index in range(count):
        yield _page(data, kind, index, limits)


def render(data: bytes, kind: MediaType, number: int, limits: Limits) -> NDArray[np.uint8]:
    """One page (from 1) of a raster file.

    Raises:
        IndexError: there is no such page.
    """
    image = _open(data, kind, 0)
    count = image.get("n-pages") if kind is MediaType.TIFF and image.get_typeof("n-pages") else 1
    if not 1 <= number <= count:
        raise IndexError(f"page {number} of {count}")
    image = _open(data, kind, number - 1)
    check_size(number, image.width, image.height, limits)
    return _page(data, kind, number - 1, limits).pixels


def _open(data: bytes, kind: MediaType, index: int) -> pyvips.Image:
    """Read the header of one page; pixels are decoded later, when they are fetched."""
    options: dict[str, str | int] = {"access": "sequential", "fail_on": "error"}
    if kind is MediaType.TIFF:
        options["page"] = index
    try:
        return getattr(pyvips.Image, LOADERS[kind])(data, **options)
    except pyvips.Error as error:
        raise _fault(data, kind, index, error) from error


def _page(data: bytes, kind: MediaType, index: int, limits: Limits) -> PageImage:
    number = index + 1
    image = _open(data, kind, index)
    warnings = []

    def warn(code: WarningCode, message: str) -> None:
        warnings.append(Warning(code=code, message=message, page=number))

    orientation = image.get("orientation") if image.get_typeof("orientation") else 1
    dpi = _dpi(image)
    native = image
    try:
        image = _eight_bit_rgb(image, number)
        if native.interpretation not in ("srgb", "rgb", "rgb16", "b-w", "grey16", "multiband"):
            warn(
                WarningCode.COLOUR_CONVERTED,
                f"The page is {native.interpretation.upper()}; it was read as RGB, so colours may differ.",
            )
        grey_only = not _fits(native, image.bands, limits)
        if grey_only:
            if not _fits(native, 1, limits):
                raise InvalidInput(
                    Code.TOO_MANY_PIXELS,
                    f"Page {number} ({native.width} x {native.height} px) is interlaced or progressive, "
                    "and too large to be decoded that way; save it as a plain (baseline) file.",
                )
            image = image.colourspace("b-w")
            warn(
                WarningCode.COLOUR_CONVERTED,
                "The page is too large for colour; it was read in grey.",
            )
        pixels = _decode(image, orientation)
    except pyvips.Error as error:
        raise _fault(data, kind, index, error) from error
    if orientation != 1:
        warn(WarningCode.ROTATED_BY_EXIF, f"The page was turned as its orientation tag ({orientation}) says.")
    return PageImage(
        number=number,
        pixels=pixels,
        dpi=dpi,
        dpi_source=DpiSource.FILE if dpi else DpiSource.UNKNOWN,
        warnings=tuple(warnings),
    )


def _dpi(image: pyvips.Image) -> float | None:
    """Resolution stated in the file; libvips reports 1 px/mm where there is none."""
    return None if image.xres == 1.0 else round(image.xres * MM_PER_INCH, 2)


def _eight_bit_rgb(image: pyvips.Image, number: int) -> pyvips.Image:
    """Convert lazily to 8 bits, one or three bands, without alpha; transparent areas show white paper.

    Raises:
        InvalidInput: UNSUPPORTED_TYPE for samples without a fixed white (floating point, 32 bits).
    """
    if image.format not in FORMATS:
        raise InvalidInput(
            Code.UNSUPPORTED_TYPE,
            f"Page {number} has {image.format} samples; save it with 8 or 16 bits a channel.",
        )
    if image.hasalpha():
        white = 65535 if image.format == "ushort" else 255
        if image.interpretation == "cmyk":
            image = image.extract_band(0, n=4)
        else:
            image = image.flatten(background=[white], max_alpha=white)
    if image.interpretation == "multiband":
        image = image.copy(interpretation="srgb" if image.bands >= 3 else "b-w")
    image = image.colourspace("b-w" if image.bands < 3 else "srgb")
    if image.format != "uchar":
        image = image.cast("uchar")
    return image.extract_band(0, n=3 if image.bands >= 3 else 1)


def _fits(native: pyvips.Image, bands: int, limits: Limits) -> bool:
    """True when decoding stays within `Limits.decode_bytes`.

    Progressive JPEGs keep two bytes a coefficient, interlaced PNGs the whole image as stored.
    """
    pixels = native.width * native.height
    held = 0
    if native.get_typeof("jpeg-multiscan") and native.get("jpeg-multiscan"):
        halved = native.bands == 3 and native.get("jpeg-chroma-subsample") == "4:2:0"
        held = int(2 * pixels * (1.5 if halved else native.bands))
    elif native.get_typeof("interlaced") and native.get("interlaced"):
        held = pixels * native.bands * (2 if native.format == "ushort" else 1)
    return bool(held + pixels * bands <= limits.decode_bytes)


def _decode(image: pyvips.Image, orientation: int) -> NDArray[np.uint8]:
    """Fetch the pixels band by band: H x W, or H x W x 3 (BGR) when any pixel has colour.

    Bands are written where they belong after turning, so that no second copy is needed.
    """
    width, height, colour = image.width, image.height, image.bands == 3
    region = pyvips.Region.new(image)
    shape = (width, height) if orientation >= 5 else (height, width)
    page = np.empty(shape, np.uint8)
    target = _as_stored(page, orientation)
    for top in range(0, height, BAND):
        rows = min(BAND, height - top)
        band = np.frombuffer(region.fetch(0, top, width, rows), np.uint8).reshape(rows, width, image.bands)
        if colour and target.ndim == 2:
            if not _has_colour(band):
                target[top : top + rows] = band[:, :, 0]
                continue
            # The first coloured band: what was grey until now is copied into a page with colour.
            coloured = np.empty((*shape, 3), np.uint8)
            stored = _as_stored(coloured, orientation)
            stored[:top] = target[:top, :, np.newaxis]
            page, target = coloured, stored
        target[top : top + rows] = band[:, :, ::-1] if colour else band[:, :, 0]
    return page


def _has_colour(band: NDArray[np.uint8]) -> bool:
    red, green, blue = band[:, :, 0], band[:, :, 1], band[:, :, 2]
    return not (np.array_equal(red, green) and np.array_equal(green, blue))


def _as_stored(page: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """View an upright page in the order in which a file with this orientation tag (EXIF 2.3) stores it."""
    match orientation:
        case 2:
            return page[:, ::-1]
        case 3:
            return page[::-1, ::-1]
        case 4:
            return page[::-1]
        case 5:
            return page.swapaxes(0, 1)
        case 6:
            return np.rot90(page, 1)
        case 7:
            return page.swapaxes(0, 1)[::-1, ::-1]
        case 8:
            return np.rot90(page, -1)
    return page


def _fault(data: bytes, kind: MediaType, index: int, error: Exception) -> InvalidInput:
    """Say what is wrong with a file that could not be decoded."""
    if _is_cut_short(data, kind, str(error)):
        return InvalidInput(
            Code.TRUNCATED_FILE,
            f"The {kind.name} ends in the middle of page {index + 1}; upload a complete copy.",
        )
    return InvalidInput(
        Code.CORRUPT_FILE,
        f"Page {index + 1} of the {kind.name} is damaged and cannot be decoded; export or scan it again.",
    )


def _is_cut_short(data: bytes, kind: MediaType, message: str) -> bool:
    if kind is MediaType.PNG:
        position = 8
        while position + 8 <= len(data):
            if data[position + 4 : position + 8] == b"IEND":
                return False
            position += 12 + int.from_bytes(data[position : position + 4], "big")
        return True
    if kind is MediaType.JPEG:
        # Inside a scan 0xFF is followed only by 0x00 or a restart marker, so these are real markers; an
        # EXIF thumbnail has both too, but before the last scan begins.
        scan = data.rfind(b"\xff\xda")
        return scan < 0 or data.find(b"\xff\xd9", scan) < 0
    # libtiff's own words when a strip, tile or directory lies beyond the end of the file.
    words = ("can not read", "cannot read", "read error", "seek")
    return any(word in message.lower() for word in words)
