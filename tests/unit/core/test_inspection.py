"""The check before decoding: what is refused, with which code, and what is let through."""

import io
import struct
import zlib
from contextlib import suppress

import numpy as np
import pytest
from drawops.contracts.reading import MediaType
from drawops.errors import Code, InvalidInput
from drawops.intake.inspection import inspect
from drawops.limits import Limits
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pypdf import PdfWriter


def image(format_: str, mode: str = "L", size: tuple[int, int] = (64, 48), **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size).save(buffer, format_, **options)
    return buffer.getvalue()


def noisy_jpeg() -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(1).integers(0, 255, (64, 64), np.uint8)
    Image.fromarray(pixels).save(buffer, "JPEG")
    return buffer.getvalue()


def pdf(pages: int, password: str | None = None, algorithm: str | None = None) -> bytes:
    writer = PdfWriter()
    for _ in range(pages):
        writer.add_blank_page(200, 100)
    if password is not None:
        writer.encrypt(user_password=password, owner_password="owner", algorithm=algorithm or "RC4-128")
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


def png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def refused(data: bytes, limits: Limits | None = None) -> Code:
    with pytest.raises(InvalidInput) as error:
        inspect(data, limits or Limits())
    assert error.value.sentence.endswith(".")
    return error.value.code


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (image("PNG"), MediaType.PNG),
        (image("PNG", "RGBA"), MediaType.PNG),
        (image("PNG", "I;16"), MediaType.PNG),
        (image("JPEG"), MediaType.JPEG),
        (image("JPEG", "CMYK"), MediaType.JPEG),
        (image("TIFF", "1", compression="group4"), MediaType.TIFF),
        (image("TIFF", big_tiff=True), MediaType.TIFF),
        (pdf(1), MediaType.PDF),
    ],
)
def test_a_drawing_is_known_by_its_content(data: bytes, media_type: MediaType) -> None:
    checked = inspect(data, Limits())
    assert checked.media_type is media_type
    assert checked.pages == 1


def test_pages_of_a_tiff_are_counted() -> None:
    data = image("TIFF", append_images=[Image.new("L", (64, 48))] * 2, save_all=True)
    assert inspect(data, Limits()).pages == 3


def test_pages_of_a_pdf_are_counted_even_after_leading_junk() -> None:
    assert inspect(b"junk\n" + pdf(7), Limits()).pages == 7


def test_an_empty_file_has_its_code() -> None:
    assert refused(b"") is Code.EMPTY_FILE


@pytest.mark.parametrize(
    "data", [b"just text, renamed .png", b"GIF89a" + bytes(20), b"PK\x03\x04" + bytes(30)]
)
def test_other_kinds_are_refused(data: bytes) -> None:
    assert refused(data) is Code.UNSUPPORTED_TYPE


@pytest.mark.parametrize(
    "data", [image("PNG")[:-20], image("PNG")[:20], noisy_jpeg()[:-500], noisy_jpeg()[:30]]
)
def test_a_truncated_image_is_refused(data: bytes) -> None:
    assert refused(data) is Code.TRUNCATED_FILE


def test_a_png_bomb_is_refused_by_its_header() -> None:
    assert refused(png_header(50_000, 50_000)) is Code.TOO_MANY_PIXELS


def test_one_pixel_is_no_drawing() -> None:
    assert refused(image("PNG", size=(1, 1))) is Code.TOO_FEW_PIXELS


def test_too_many_pages_are_refused_in_pdf_and_tiff() -> None:
    assert refused(pdf(500)) is Code.TOO_MANY_PAGES
    data = image("TIFF", append_images=[Image.new("L", (64, 48))] * 4, save_all=True)
    assert refused(data, Limits(max_pages=4)) is Code.TOO_MANY_PAGES


def test_a_pdf_without_pages_is_refused() -> None:
    assert refused(pdf(0)) is Code.NO_PAGES


def test_a_pdf_with_a_password_is_refused() -> None:
    assert refused(pdf(1, password="secret")) is Code.ENCRYPTED_PDF


def test_a_pdf_that_opens_without_password_passes() -> None:
    assert inspect(pdf(2, password=""), Limits()).pages == 2


def test_a_pdf_that_only_the_reader_can_judge_passes() -> None:
    assert inspect(b"%PDF-1.7\ngarbage", Limits()).pages is None


def test_a_pdf_locked_with_a_certificate_is_left_to_the_reader() -> None:
    locked = pdf(1, password="").replace(b"/Filter /Standard", b"/Filter /Adobe.PubSec")
    assert b"PubSec" in locked
    assert inspect(locked, Limits()).pages is None


def test_a_pdf_whose_page_tree_is_damaged_is_left_to_the_reader() -> None:
    damaged = pdf(2).replace(b"/Kids", b"/Kidz")
    assert inspect(damaged, Limits()).pages is None


def test_a_tiff_whose_pages_form_a_ring_ends() -> None:
    data = bytearray(image("TIFF"))
    (offset,) = struct.unpack("<I", data[4:8])
    (entries,) = struct.unpack("<H", data[offset : offset + 2])
    data[offset + 2 + entries * 12 : offset + 6 + entries * 12] = struct.pack("<I", offset)
    assert inspect(bytes(data), Limits()).pages == 1


@given(st.sampled_from([image("PNG"), noisy_jpeg(), image("TIFF"), pdf(2)]), st.data())
def test_damage_anywhere_gives_a_verdict_and_never_a_crash(data: bytes, draw: st.DataObject) -> None:
    damaged = bytearray(data)
    for _ in range(draw.draw(st.integers(1, 8))):
        damaged[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    damaged = damaged[: draw.draw(st.integers(0, len(data)))]
    with suppress(InvalidInput):
        inspect(bytes(damaged), Limits())
