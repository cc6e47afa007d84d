"""Small drawings with a text that is known, in every kind of file, whole and broken."""

import io
import struct
import zlib

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pypdf import PdfReader, PdfWriter

TEXT = "PUMP P-4711"
_FONT = cv2.FontFace("sans")


def paper(text: str = TEXT, width: int = 560, height: int = 200) -> Image.Image:
    """White paper (RGB) with one line of black text."""
    pixels = np.full((height, width, 3), 255, np.uint8)
    cv2.putText(pixels, text, (60, 115), (0, 0, 0), _FONT, 44)
    return Image.fromarray(pixels)


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def png(text: str = TEXT) -> bytes:
    return encoded(paper(text), "PNG")


def jpeg(text: str = TEXT) -> bytes:
    return encoded(paper(text), "JPEG", quality=90)


def tiff(*texts: str) -> bytes:
    first, *more = [paper(text) for text in texts]
    return encoded(first, "TIFF", save_all=True, append_images=more, compression="tiff_lzw")


def cmyk_jpeg() -> bytes:
    return encoded(paper().convert("CMYK"), "JPEG", quality=90)


def sixteen_bit_png() -> bytes:
    return _opencv_png(np.asarray(paper()).astype(np.uint16) * 257)


def transparent_png() -> bytes:
    """Black text on nothing."""
    ink = Image.eval(paper().convert("L"), lambda level: 255 - level)
    picture = Image.new("RGBA", ink.size, (0, 0, 0, 0))
    picture.putalpha(ink)
    return encoded(picture, "PNG")


def bilevel_tiff() -> bytes:
    return encoded(paper().convert("1"), "TIFF", compression="group4")


def turned_jpeg() -> bytes:
    """Lies on its side; its EXIF orientation (6) says: turn it clockwise by 90 degrees."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(paper().rotate(90, expand=True), "JPEG", quality=90, exif=exif)


def large_png() -> bytes:
    """Over 60 MB: a scan with 16 bits a channel, whose grain cannot be compressed."""
    pixels = np.asarray(paper(width=4200, height=2900)).astype(np.uint16) * 257
    grain = np.random.default_rng(1).integers(0, 4096, pixels.shape, np.uint16)
    return _opencv_png(pixels - np.minimum(pixels, grain))


def _opencv_png(pixels: NDArray[np.uint16]) -> bytes:
    return cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()


def png_bomb(side: int = 50_000) -> bytes:
    """1 bit, `side` x `side`: some hundred kB that decode to 2.5 gigapixels."""
    row = bytes(1 + side // 8)
    packer = zlib.compressobj(1)
    pixels = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", pixels), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def pdf() -> bytes:
    """One page with a picture and no text layer."""
    return encoded(paper(), "PDF", resolution=150)


def blank_pdf(pages: int) -> bytes:
    writer = PdfWriter()
    for _ in range(pages):
        writer.add_blank_page(300, 200)
    return _written(writer)


def locked_pdf(user: str, owner: str, algorithm: str) -> bytes:
    """`pdf`, encrypted. Without a user password everybody may open it."""
    writer = PdfWriter(PdfReader(io.BytesIO(pdf())))
    writer.encrypt(user, owner, algorithm=algorithm)
    return _written(writer)


def certificate_pdf() -> bytes:
    """A PDF that names a security handler other than passwords."""
    return locked_pdf("", "secret", "RC4-128").replace(b"/Filter /Standard", b"/Filter /Adobe.PubSec")


def _written(writer: PdfWriter) -> bytes:
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()
