"""Small drawings and PDFs for tests, made with libraries."""

import cv2
import numpy as np
import pyvips  # type: ignore[import-untyped]
from numpy.typing import NDArray

FONT = cv2.FontFace("sans")


def sheet(
    *texts: tuple[str, int, int], width: int = 640, height: int = 480, size: int = 32
) -> NDArray[np.uint8]:
    """White paper (H x W x 3, BGR) with black texts, each given with the left end of its baseline."""
    paper = np.full((height, width, 3), 255, np.uint8)
    for text, x, y in texts:
        cv2.putText(paper, text, (x, y), (0, 0, 0), FONT, size)
    return paper


def image(pixels: NDArray[np.uint8]) -> pyvips.Image:
    """A libvips image of BGR or grey pixels."""
    return pyvips.Image.new_from_array(pixels[:, :, ::-1].copy() if pixels.ndim == 3 else pixels)


def png(pixels: NDArray[np.uint8], **options: object) -> bytes:
    return bytes(image(pixels).pngsave_buffer(**options))


def pdf(
    content: bytes,
    *,
    width: float = 300,
    height: float = 200,
    pages: int = 1,
    page_entries: bytes = b"",
    jpeg: tuple[bytes, int, int] | None = None,
) -> bytes:
    """A PDF whose pages show one content stream; /F is Helvetica, /I the JPEG (data, width, height)."""
    picture = b""
    if jpeg:
        data, across, down = jpeg
        picture = (
            (
                b"<</Type/XObject/Subtype/Image/Width %d/Height %d/ColorSpace/DeviceRGB/BitsPerComponent 8"
                b"/Filter/DCTDecode/Length %d>>stream\n" % (across, down, len(data))
            )
            + data
            + b"\nendstream"
        )
    first = 6
    kids = b" ".join(b"%d 0 R" % (first + index) for index in range(pages))
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[%s]/Count %d>>" % (kids, pages),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        b"<</Length %d>>stream\n" % len(content) + content + b"\nendstream",
        picture or b"null",
    ]
    for _ in range(pages):
        objects.append(
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 %f %f]/Contents 4 0 R%s" % (width, height, page_entries)
            + b"/Resources<</Font<</F 3 0 R>>/XObject<</I 5 0 R>>>>>>"
        )
    out = b"%PDF-1.4\n"
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj" % number + body + b"endobj\n"
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    return (
        out
        + b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
        + table
        + b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(out))
    )
