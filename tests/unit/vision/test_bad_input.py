"""Bad scans and odd pages: a reading or a clear warning, never a crash.

Recall floors lie well under what was measured: they tell a page that is read from one that is lost.
"""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import pyvips  # type: ignore[import-untyped]
from drawops.contracts.reading import DpiSource, Reading, WarningCode
from drawops.errors import Code, InvalidInput
from drawops_vision.evaluation.scoring import Score, score
from drawops_vision.reader import Reader, effective_dpi
from drawops_vision.sheets import Look, Scanner, Sheet, generate
from numpy.typing import NDArray

from tests.unit.vision.drawings import image, png, sheet

SEED = 3
DPI = 150
CLEAN = generate(SEED, "A5", DPI, hard=False)
UPPER = 500  # pixels; 26 of the 54 texts stand above


def scanned(look: Look = Look.SCANNED, **faults: float) -> Sheet:
    return Sheet(CLEAN.drawing, DPI, replace(Scanner.of(SEED, look), **faults))  # type: ignore[arg-type]


def coloured(ink: tuple[int, int, int], paper: tuple[int, int, int]) -> bytes:
    """The clean sheet in two colours (blue, green, red), as a JPEG."""
    paperness = CLEAN.image[:, :, None] / 255
    return bytes(
        image(
            (np.array(ink) * (1 - paperness) + np.array(paper) * paperness).astype(np.uint8)
        ).jpegsave_buffer()
    )


def faint(levels: int) -> NDArray[np.uint8]:
    """The clean sheet, its ink so little darker than its paper."""
    return (250 - levels * ((255 - CLEAN.image.astype(np.float32)) / 255)).round().astype(np.uint8)


def upper_part(data: bytes) -> bytes:
    """A page without its notes and title block, which take the most time."""
    whole = pyvips.Image.new_from_buffer(data, "")
    return bytes(whole.crop(0, 0, whole.width, UPPER).pngsave_buffer())


def scored(reading: Reading, drawn: Sheet, bottom: float = math.inf) -> Score:
    """Score the texts that stand above `bottom` (pixels)."""
    (page,) = reading.pages
    drawn_above = [text for text in drawn.truth if max(y for _, y in text.quad) < bottom]
    return score(drawn_above, page.texts)


def codes(reading: Reading) -> list[WarningCode]:
    return [warning.code for warning in reading.warnings]


SCANS: dict[str, Callable[[], tuple[bytes, Sheet]]] = {
    "as it is": lambda: (CLEAN.png(), CLEAN),
    "white on black": lambda: ((drawn := scanned(Look.INVERTED)).png(), drawn),
    "JPEG of quality 20": lambda: (CLEAN.jpeg(20), CLEAN),
    "faded to 60 levels": lambda: ((drawn := scanned(paper=225, toner=165)).png(), drawn),
    "faded to 8 levels": lambda: (png(faint(8)), CLEAN),
    "a blueprint": lambda: (coloured((255, 255, 255), (150, 70, 20)), CLEAN),
    "red on yellow paper": lambda: (coloured((20, 20, 200), (170, 235, 250)), CLEAN),
}


@pytest.mark.parametrize("name", SCANS)
def test_a_bad_scan_is_still_read(reader: Reader, name: str) -> None:
    data, drawn = SCANS[name]()
    reading = reader.read(upper_part(data))
    result = scored(reading, drawn, bottom=UPPER)
    print(f"recall {result.recall:.3f}, F1 {result.f1:.3f}, {reading.timings.total} s")
    assert result.recall >= 0.75
    assert codes(reading) == []


@pytest.mark.parametrize("skew", [-3.0, 3.0])
def test_a_skewed_scan_is_still_read(reader: Reader, skew: float) -> None:
    drawn = scanned(skew=skew)
    reading = reader.read(drawn.png())
    result = scored(reading, drawn)
    print(f"recall {result.recall:.3f}, F1 {result.f1:.3f}, {reading.timings.total} s")
    assert result.recall >= 0.75
    assert codes(reading) == []


def test_a_72_dpi_scan_is_reported_with_its_effective_resolution(reader: Reader) -> None:
    reading = reader.read(png(generate(SEED, "A5", 72, hard=False).image))
    assert reading.pages[0].dpi_source is DpiSource.UNKNOWN
    (warning,) = reading.warnings
    assert warning.code is WarningCode.LOW_RESOLUTION
    assert warning.page == 1
    assert any(f"some {dpi} dpi" in warning.message for dpi in (60, 65, 70, 75, 80, 85, 90))
    assert "300 dpi" in warning.message


def test_a_wrongly_stated_resolution_does_not_hide_that_text_is_small(reader: Reader) -> None:
    small = image(generate(SEED, "A5", 72, hard=False).image).copy(xres=300 / 25.4, yres=300 / 25.4)
    reading = reader.read(bytes(small.pngsave_buffer()))
    assert reading.pages[0].dpi == pytest.approx(300, abs=1)
    assert codes(reading) == [WarningCode.LOW_RESOLUTION]


@pytest.mark.parametrize(("height", "dpi"), [(7.1, 70), (10, 100), (29.5, 300), (0.1, 5)])
def test_resolution_is_judged_by_lettering_of_2_5_mm(height: float, dpi: int) -> None:
    assert effective_dpi(height) == dpi


def grain(level: int) -> NDArray[np.uint8]:
    noise = np.random.default_rng(0).normal(level, 4, (900, 1200))
    return np.clip(noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("level", [0, 128, 255])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_page_of_one_shade_is_reported_as_blank(reader: Reader, level: int, channels: int) -> None:
    page = np.full((900, 1200, channels), level, np.uint8)
    reading = reader.read(png(page if channels == 3 else page[:, :, 0]))
    assert reading.pages[0].texts == ()
    (warning,) = reading.warnings
    assert warning.code is WarningCode.BLANK_PAGE
    assert "black" in warning.message
    assert "scan it again" in warning.message


@pytest.mark.parametrize("level", [12, 128, 240])
def test_a_scan_of_nothing_is_reported_as_blank_for_all_its_grain(reader: Reader, level: int) -> None:
    reading = reader.read(png(grain(level)))
    assert reading.pages[0].texts == ()
    assert codes(reading) == [WarningCode.BLANK_PAGE]


def test_a_black_scan_with_a_white_rim_says_that_no_text_was_found(reader: Reader) -> None:
    page = np.zeros((900, 1200), np.uint8)
    page[:, :30] = 255
    reading = reader.read(png(page))
    assert reading.pages[0].texts == ()
    (warning,) = reading.warnings
    assert warning.code is WarningCode.BLANK_PAGE
    assert "no text was found" in warning.message


def test_a_coarse_scan_without_legible_text_says_what_resolution_it_states(reader: Reader) -> None:
    page = np.full((400, 600), 255, np.uint8)
    page[100:300, 100] = page[100:300, 500] = page[100, 100:500] = page[300, 100:500] = 0
    coarse = image(page).copy(xres=50 / 25.4, yres=50 / 25.4)
    reading = reader.read(bytes(coarse.pngsave_buffer()))
    (warning,) = reading.warnings
    assert warning.code is WarningCode.LOW_RESOLUTION
    assert "states 50 dpi" in warning.message


def test_a_page_crowded_with_texts_is_read(reader: Reader) -> None:
    rows, columns = 20, 15
    tags = [
        f"{'PVTKEHLF'[column % 8]}-{2000 + 47 * row + column}"
        for row in range(rows)
        for column in range(columns)
    ]
    places = [
        (tag, 12 + 96 * (index % columns), 28 + 30 * (index // columns)) for index, tag in enumerate(tags)
    ]
    reading = reader.read(png(sheet(*places, width=96 * columns, height=30 * rows + 20, size=20)))
    read = Counter(text.text for text in reading.pages[0].texts)
    found = sum((read & Counter(tags)).values())
    print(f"{found} of {len(tags)}, {reading.timings.total} s")
    assert found >= 0.9 * len(tags)


@pytest.mark.parametrize("shape", [(1, 1), (5000, 10), (10, 5000)])
def test_a_page_too_thin_for_text_is_refused_with_its_code(reader: Reader, shape: tuple[int, int]) -> None:
    with pytest.raises(InvalidInput) as refused:
        reader.read(png(np.full(shape, 255, np.uint8)))
    assert refused.value.code is Code.TOO_FEW_PIXELS


def strip(data: pyvips.Image, name: str) -> bytes:
    if name == "16-bit grey TIFF":
        return bytes(
            (data.cast("ushort") * 257).cast("ushort").copy(interpretation="grey16").tiffsave_buffer()
        )
    if name == "ink on transparent paper":
        black = (data * 0).cast("uchar").copy(interpretation="b-w")
        return bytes(black.bandjoin(255 - data).copy(interpretation="b-w").pngsave_buffer())
    return bytes(data.colourspace("srgb").colourspace("cmyk").jpegsave_buffer(Q=85))


@pytest.mark.parametrize("name", ["16-bit grey TIFF", "ink on transparent paper", "CMYK JPEG"])
def test_unusual_samples_are_read_like_usual_ones(reader: Reader, name: str) -> None:
    page = sheet(("TANK-2001", 80, 100), ("P-1234", 300, 170), width=640, height=240)[:, :, 0].copy()
    reading = reader.read(strip(image(page), name))
    assert [text.text for text in reading.pages[0].texts] == ["TANK-2001", "P-1234"]
    assert codes(reading) == ([WarningCode.COLOUR_CONVERTED] if name == "CMYK JPEG" else [])


@pytest.mark.parametrize(("width", "height"), [(16, 16), (16, 9000), (9000, 16)])
def test_the_smallest_and_the_thinnest_pages_are_read(reader: Reader, width: int, height: int) -> None:
    page = np.full((height, width), 255, np.uint8)
    page[height // 4 : height // 2, width // 4 : width // 2] = 0
    reading = reader.read(png(page))
    assert (reading.pages[0].width, reading.pages[0].height) == (width, height)
