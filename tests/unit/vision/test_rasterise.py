import io
import math
import time
import zlib
from collections.abc import Callable

import cv2
import numpy as np
import pypdf
import pytest
import pyvips  # type: ignore[import-untyped]
from drawops.contracts.reading import DpiSource, MediaType, WarningCode
from drawops.errors import Code, InvalidInput
from drawops.limits import media_type
from drawops_vision import rasterise
from drawops_vision.rasterise import Limits, PageImage
from numpy.typing import NDArray
from PIL import Image

from tests.unit.vision.drawings import image, pdf, png, sheet

SHEET = sheet(("P-1234", 60, 120), ("V-77", 300, 400))
SMALL = Limits(max_pixels=1_000_000, max_pages=3)


def pages(data: bytes, limits: Limits = rasterise.DEFAULT_LIMITS) -> list[PageImage]:
    return list(rasterise.pages(data, limits))


def only(data: bytes) -> PageImage:
    (page,) = pages(data)
    return page


def codes(page: PageImage) -> list[WarningCode]:
    return [warning.code for warning in page.warnings]


def refusal(data: bytes, limits: Limits = rasterise.DEFAULT_LIMITS) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        pages(data, limits)
    return caught.value


def tiff(*sheets: NDArray[np.uint8], **options: object) -> bytes:
    height = sheets[0].shape[0]
    joined = image(np.vstack(sheets)).copy()
    joined.set_type(pyvips.GValue.gint_type, "page-height", height)
    return bytes(joined.tiffsave_buffer(**options))


def bomb(side: int) -> bytes:
    """A valid 1-bit PNG of side x side pixels in little over a megabyte."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")

    packer = zlib.compressobj(1)
    row = bytes(1 + side // 8)
    packed = b"".join(packer.compress(row * 500) for _ in range(side // 500)) + packer.flush()
    header = side.to_bytes(4, "big") * 2 + b"\x01\0\0\0\0"
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def encrypted() -> bytes:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(pdf(b"")))
    writer.encrypt("secret", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def directory_first_tiff() -> bytes:
    """Pillow writes a page's directory before its pixels, libvips after."""
    out = io.BytesIO()
    Image.fromarray(NOISE).save(out, "TIFF")
    return out.getvalue()


def flipped(data: bytes, position: int) -> bytes:
    return data[:position] + bytes([data[position] ^ 0xFF]) + data[position + 1 :]


NOISE = np.random.default_rng(1).integers(0, 256, (400, 300, 3), np.uint8)
BAD: dict[str, tuple[Callable[[], bytes], Code]] = {
    "an empty file": (lambda: b"", Code.EMPTY_FILE),
    "a text renamed .png": (lambda: b"Pump P-1234, 3 bar\n", Code.UNSUPPORTED_TYPE),
    "a GIF": (lambda: b"GIF89a" + bytes(100), Code.UNSUPPORTED_TYPE),
    "a PNG signature alone": (lambda: png(SHEET)[:8], Code.TRUNCATED_FILE),
    "a truncated PNG": (lambda: png(NOISE)[:-2000], Code.TRUNCATED_FILE),
    "a truncated JPEG": (lambda: image(NOISE).jpegsave_buffer()[:-2000], Code.TRUNCATED_FILE),
    "a JPEG header alone": (lambda: image(NOISE).jpegsave_buffer()[:100], Code.TRUNCATED_FILE),
    "a truncated TIFF": (lambda: tiff(NOISE)[:-2000], Code.TRUNCATED_FILE),
    "a TIFF that ends in its pixels": (lambda: directory_first_tiff()[:-2000], Code.TRUNCATED_FILE),
    "a TIFF with a flipped byte": (
        lambda: flipped(tiff(NOISE, compression="deflate"), 5000),
        Code.CORRUPT_FILE,
    ),
    "a TIFF header alone": (lambda: b"II*\0\x08\0\0\0", Code.TRUNCATED_FILE),
    "a PNG with a flipped byte": (lambda: flipped(png(NOISE), 5000), Code.CORRUPT_FILE),
    "a JPEG of garbage": (lambda: b"\xff\xd8\xff\xda" + bytes(200) + b"\xff\xd9", Code.CORRUPT_FILE),
    "a PNG bomb": (lambda: bomb(50_000), Code.TOO_MANY_PIXELS),
    "one pixel": (lambda: png(NOISE[:1, :1]), Code.TOO_FEW_PIXELS),
    "a strip of 8 pixels": (lambda: png(NOISE[:8]), Code.TOO_FEW_PIXELS),
    "101 TIFF pages": (lambda: tiff(*[SHEET[:20, :20]] * 101), Code.TOO_MANY_PAGES),
    "a PDF of 500 pages": (lambda: pdf(b"", pages=500), Code.TOO_MANY_PAGES),
    "a PDF without pages": (lambda: pdf(b"", pages=0), Code.NO_PAGES),
    "a PDF whose pages are missing": (
        lambda: pdf(b"", pages=0).replace(b"/Count 0", b"/Count 3"),
        Code.CORRUPT_FILE,
    ),
    "a PDF without a page tree": (lambda: pdf(b"").replace(b"/Pages 2 0 R", b"/Pxges 2 0 R"), Code.NO_PAGES),
    "an encrypted PDF": (encrypted, Code.ENCRYPTED_PDF),
    "a truncated PDF": (lambda: pdf(b"0 0 m 9 9 l S" * 900)[:6000], Code.TRUNCATED_FILE),
    "a PDF of garbage": (lambda: b"%PDF-1.7\n" + bytes(500) + b"\n%%EOF", Code.CORRUPT_FILE),
    "a PDF page of 2 points": (lambda: pdf(b"", width=2, height=2), Code.TOO_FEW_PIXELS),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_with_its_own_code_and_advice(name: str) -> None:
    make, code = BAD[name]
    error = refusal(make())
    assert error.code is code
    assert len(error.sentence.split()) > 5
    assert error.sentence.endswith(".")


def test_a_pdf_is_judged_by_itself_and_not_by_the_one_before() -> None:
    for name in ("a PDF of garbage", "a PDF without pages", "an encrypted PDF", "a PDF without a page tree"):
        make, code = BAD[name]
        assert refusal(make()).code is code


def test_a_png_bomb_is_refused_without_decoding_it() -> None:
    data = bomb(50_000)
    started = time.perf_counter()
    refusal(data)
    assert time.perf_counter() - started < 1


def test_damage_in_a_later_page_does_not_keep_the_first_from_being_read() -> None:
    found = rasterise.pages(flipped(tiff(NOISE, NOISE, compression="deflate"), 600_000))
    assert next(found).number == 1
    with pytest.raises(InvalidInput):
        next(found)


def test_the_type_is_told_by_content() -> None:
    assert media_type(png(SHEET)) is MediaType.PNG
    assert media_type(image(SHEET).jpegsave_buffer()) is MediaType.JPEG
    assert media_type(tiff(SHEET)) is MediaType.TIFF
    assert media_type(tiff(SHEET, bigtiff=True)) is MediaType.TIFF
    assert media_type(b"junk from a mailer\n" + pdf(b"")) is MediaType.PDF


ENCODINGS: dict[str, Callable[[pyvips.Image], bytes]] = {
    "png": lambda i: i.pngsave_buffer(),
    "interlaced png": lambda i: i.pngsave_buffer(interlace=True),
    "16-bit png": lambda i: i.colourspace("rgb16").pngsave_buffer(),
    "16-bit grey png": lambda i: i.colourspace("grey16").pngsave_buffer(),
    "palette png": lambda i: i.pngsave_buffer(palette=True),
    "1-bit png": lambda i: i.colourspace("b-w").pngsave_buffer(bitdepth=1),
    "alpha png": lambda i: i.addalpha().pngsave_buffer(),
    "16-bit alpha png": lambda i: i.colourspace("rgb16").bandjoin(65535).pngsave_buffer(),
    "grey alpha png": lambda i: i.colourspace("b-w").bandjoin(255).pngsave_buffer(),
    "jpeg": lambda i: i.jpegsave_buffer(Q=95),
    "progressive jpeg": lambda i: i.jpegsave_buffer(Q=95, interlace=True),
    "grey jpeg": lambda i: i.colourspace("b-w").jpegsave_buffer(Q=95),
    "tiff": lambda i: i.tiffsave_buffer(),
    "lzw tiff": lambda i: i.tiffsave_buffer(compression="lzw"),
    "jpeg tiff": lambda i: i.tiffsave_buffer(compression="jpeg", Q=95),
    "tiled tiff": lambda i: i.tiffsave_buffer(tile=True),
    "16-bit tiff": lambda i: i.colourspace("rgb16").tiffsave_buffer(),
    "1-bit G4 tiff": lambda i: i.colourspace("b-w").tiffsave_buffer(compression="ccittfax4", bitdepth=1),
    "white-is-zero tiff": lambda i: i.colourspace("b-w").tiffsave_buffer(miniswhite=True),
    "cmyk jpeg": lambda i: i.colourspace("cmyk").jpegsave_buffer(Q=95),
    "cmyk tiff": lambda i: i.colourspace("cmyk").tiffsave_buffer(),
}


@pytest.mark.parametrize("name", ENCODINGS)
def test_every_encoding_gives_the_same_picture(name: str) -> None:
    page = only(ENCODINGS[name](image(SHEET)))
    grey = page.pixels if page.pixels.ndim == 2 else page.pixels.mean(axis=2)
    difference = np.abs(grey.astype(float) - SHEET[:, :, 0])
    # Compression and the CMYK profile shift grey levels; 1 bit has no greys at all.
    assert difference.mean() < 3
    assert (WarningCode.COLOUR_CONVERTED in codes(page)) == ("cmyk" in name)


def test_colours_come_in_the_order_blue_green_red() -> None:
    red = np.zeros((32, 32, 3), np.uint8)
    red[:, :, 2] = 255
    assert only(png(red)).pixels[0, 0].tolist() == [0, 0, 255]


def test_colour_far_down_a_page_is_kept() -> None:
    mostly_grey = sheet(("P-1", 20, 60), width=200, height=900)
    mostly_grey[850:860, 50:60] = (0, 0, 255)
    assert np.array_equal(only(png(mostly_grey)).pixels, mostly_grey)


def test_a_page_without_colour_takes_a_third_of_the_memory() -> None:
    assert np.array_equal(only(png(SHEET)).pixels, SHEET[:, :, 0])


def test_transparent_areas_are_paper() -> None:
    clear = np.zeros((40, 40, 4), np.uint8)
    clear[10:20, 10:20, 3] = 255  # a black square on nothing
    page = only(bytes(pyvips.Image.new_from_array(clear).pngsave_buffer()))
    assert page.pixels[0, 0] == 255
    assert page.pixels[15, 15] == 0


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_turned_as_its_orientation_tag_says(orientation: int) -> None:
    tagged = image(SHEET).copy()
    tagged.set_type(pyvips.GValue.gint_type, "orientation", orientation)
    page = only(bytes(tagged.jpegsave_buffer(Q=95)))
    expected = tagged.autorot().numpy()[:, :, 0]
    assert page.pixels.shape == expected.shape
    assert np.abs(page.pixels.astype(int) - expected).mean() < 3
    assert (WarningCode.ROTATED_BY_EXIF in codes(page)) == (orientation != 1)


def test_a_tiff_gives_its_pages_in_order() -> None:
    found = pages(tiff(SHEET, 255 - SHEET, SHEET))
    assert [page.number for page in found] == [1, 2, 3]
    assert found[0].pixels.mean() > 200 > 100 > found[1].pixels.mean()


def test_the_resolution_is_the_files_own_or_unknown() -> None:
    stated = only(bytes(image(SHEET).copy(xres=300 / 25.4, yres=300 / 25.4).pngsave_buffer()))
    assert stated.dpi == pytest.approx(300, abs=0.5)
    assert stated.dpi_source is DpiSource.FILE
    unknown = only(png(SHEET))
    assert unknown.dpi is None
    assert unknown.dpi_source is DpiSource.UNKNOWN


def test_a_page_too_large_for_colour_is_read_in_grey_and_says_so() -> None:
    progressive = bytes(image(NOISE).jpegsave_buffer(interlace=True, subsample_mode="off"))
    pixels = NOISE.shape[0] * NOISE.shape[1]
    (page,) = pages(progressive, Limits(decode_bytes=8 * pixels))
    assert page.pixels.ndim == 2
    assert codes(page) == [WarningCode.COLOUR_CONVERTED]
    assert refusal(progressive, Limits(decode_bytes=6 * pixels)).code is Code.TOO_MANY_PIXELS


# --- PDF ---


def text_at(degrees: float, x: float, y: float, text: bytes, size: int = 20, before: bytes = b"") -> bytes:
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    placed = b"%f %f %f %f %f %f Tm" % (cosine, sine, -sine, cosine, x, y)
    return before + b" BT /F %d Tf %s (%s) Tj ET\n" % (size, placed, text)


def test_a_pdf_page_is_rendered_at_300_dpi() -> None:
    page = only(pdf(b"", width=144, height=72))
    assert page.pixels.shape == (300, 600)
    assert (page.dpi, page.dpi_source, page.scale) == (300, DpiSource.RENDERED, 1)


def test_a_huge_pdf_page_is_shrunk_loudly_instead_of_refused() -> None:
    (page,) = pages(pdf(b"", width=7200, height=3600), SMALL)
    assert page.pixels.size <= SMALL.max_pixels
    assert page.scale == pytest.approx(page.pixels.shape[1] / (7200 / 72 * 300), rel=0.01)
    assert codes(page) == [WarningCode.DOWNSCALED]
    assert page.dpi is not None
    assert f"{page.dpi:.0f} instead of 300 dpi" in page.warnings[0].message


@pytest.mark.parametrize("degrees", [0, 15, 30, 45, 60, 75, 90, 135, 180, 270, 300])
def test_text_layer_strings_have_tight_quads_at_any_angle(degrees: int) -> None:
    page = only(pdf(text_at(degrees, 150, 150, b"HHHH 25.5"), width=300, height=300))
    (text,) = page.layer
    assert text.text == "HHHH 25.5"
    first, second, _, last = text.quad
    across, down = second - first, last - first
    assert math.degrees(math.atan2(across[1], across[0])) % 360 == pytest.approx(-degrees % 360, abs=0.5)
    # Helvetica's capitals and digits are 0.72 em high: 60 px at 20 pt and 300 dpi.
    assert np.hypot(*down) == pytest.approx(0.72 * 20 * 300 / 72, rel=0.08)
    # Clockwise from the text's own top-left: the way down is a quarter turn clockwise from the way across.
    assert across[0] * down[1] - across[1] * down[0] > 0


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_quads_lie_on_the_ink_of_turned_and_cropped_pages(rotation: int) -> None:
    entries = b"/Rotate %d/CropBox[20 30 290 190]" % rotation
    data = pdf(text_at(30, 80, 60, b"P-1234"), page_entries=entries)
    (text,) = only(data).layer
    shown = rasterise.render_page(data, 1)
    ink = cv2.findNonZero(np.asarray(shown < 128, np.uint8))
    around = cv2.minAreaRect(ink)
    overlap = cv2.intersectConvexConvex(text.quad, cv2.boxPoints(around))[0]
    union = cv2.contourArea(text.quad) + around[1][0] * around[1][1] - overlap
    assert overlap / union > 0.85


def test_text_of_the_layer_is_not_drawn_a_second_time_for_the_recogniser() -> None:
    data = pdf(text_at(0, 20, 100, b"P-1234") + b"0 0 1 RG 10 10 m 200 10 l S")
    page = only(data)
    x, y = page.layer[0].quad.min(axis=0).astype(int)
    right, bottom = page.layer[0].quad.max(axis=0).astype(int)
    assert (page.pixels[y:bottom, x:right] == 255).all()
    assert page.pixels.min() < 255  # the line is still there
    assert (rasterise.render_page(data, 1)[y:bottom, x:right] == 0).any()


@pytest.mark.parametrize(
    "content",
    [
        text_at(0, 20, 100, b"SECRET", before=b"3 Tr"),
        text_at(0, 20, 100, b"SECRET", before=b"1 1 1 rg"),
        text_at(0, 20, 100, b"SECRET") + b"1 1 1 rg 0 0 300 200 re f",
    ],
    ids=["invisible", "white on white", "covered"],
)
def test_text_that_nobody_can_see_is_not_reported(content: bytes) -> None:
    page = only(pdf(content))
    assert page.layer == ()
    assert codes(page) == [WarningCode.TEXT_LAYER_IGNORED]


def test_an_overprinted_string_is_reported_once_and_leaves_no_ghost() -> None:
    page = only(pdf(text_at(0, 20, 100, b"P-1234") * 2))
    assert [text.text for text in page.layer] == ["P-1234"]
    assert (page.pixels == 255).all()


def test_columns_are_separate_strings_and_words_are_not() -> None:
    content = b"BT /F 20 Tf 20 100 Td [(DN)-300(50)-3000(PN)] TJ ET"
    assert [text.text for text in only(pdf(content)).layer] == ["DN 50", "PN"]


def test_a_string_written_letter_by_letter_is_one_string() -> None:
    letters = b"BT /F 20 Tf 20 100 Td (P) Tj (-) Tj (1) Tj (2) Tj ET"
    assert [text.text for text in only(pdf(letters)).layer] == ["P-12"]


def test_a_picture_in_a_pdf_that_is_too_large_is_refused() -> None:
    picture = image(np.zeros((2000, 2000, 3), np.uint8)).jpegsave_buffer()
    data = pdf(b"q 200 0 0 200 0 0 cm /I Do Q", jpeg=(picture, 2000, 2000))
    assert refusal(data, SMALL).code is Code.TOO_MANY_PIXELS


def test_asking_for_a_page_that_is_not_there_fails() -> None:
    for data in (png(SHEET), pdf(b"")):
        with pytest.raises(IndexError):
            rasterise.render_page(data, 2)
        with pytest.raises(IndexError):
            rasterise.render_page(data, 0)
