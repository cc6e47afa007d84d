"""What a file must be to be read: the check step and the inference container hold to the same rules."""

from dataclasses import dataclass

from pydantic import BaseModel

from drawops.contracts.reading import MediaType
from drawops.errors import Code, InvalidInput

_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", MediaType.PNG),
    (b"\xff\xd8\xff", MediaType.JPEG),
    (b"II*\0", MediaType.TIFF),
    (b"MM\0*", MediaType.TIFF),
    (b"II+\0", MediaType.TIFF),
    (b"MM\0+", MediaType.TIFF),
)
# PDF 1.7, implementation note 13: readers accept the header within the first 1024 bytes.
_PDF_HEADER_WITHIN = 1024


@dataclass(frozen=True)
class Limits:
    """Upper and lower bounds for one file.

    Attributes:
        max_bytes: of the file.
        max_pages: of the file.
        max_pixels: of one page. A0 at 300 dpi has 139.5 million.
        min_side: pixels that a page must at least have in width and height.
    """

    max_bytes: int = 100 * 2**20
    max_pages: int = 100
    max_pixels: int = 200_000_000
    min_side: int = 16


class LimitSettings(BaseModel):
    """The stack's choice of limits; field names in capitals are environment variables."""

    max_file_megabytes: int = 100
    max_pages: int = 100

    def limits(self) -> Limits:
        """The limits with these two figures changed."""
        return Limits(max_bytes=self.max_file_megabytes * 2**20, max_pages=self.max_pages)


def media_type(data: bytes) -> MediaType:
    """Tell the kind of a file by its magic bytes, whatever its name says.

    Raises:
        InvalidInput: EMPTY_FILE or UNSUPPORTED_TYPE.
    """
    if not data:
        raise empty_file()
    for magic, kind in _MAGIC:
        if data.startswith(magic):
            return kind
    if b"%PDF-" in data[:_PDF_HEADER_WITHIN]:
        return MediaType.PDF
    raise InvalidInput(
        Code.UNSUPPORTED_TYPE,
        "The content is not a PNG, JPEG, TIFF or PDF, whatever its name says; export it as one of these.",
    )


def empty_file() -> InvalidInput:
    """The refusal of a file without content."""
    return InvalidInput(Code.EMPTY_FILE, "The file has no content; export or scan it again and upload it.")


def check_pages(count: int, limits: Limits) -> None:
    """Refuse a file with no pages or too many.

    Raises:
        InvalidInput: NO_PAGES or TOO_MANY_PAGES.
    """
    if count < 1:
        raise InvalidInput(Code.NO_PAGES, "The file has no pages; export the drawing again.")
    if count > limits.max_pages:
        raise InvalidInput(
            Code.TOO_MANY_PAGES,
            f"The file has more than {limits.max_pages} pages; split it and upload the parts.",
        )


def check_size(number: int, width: int, height: int, limits: Limits) -> None:
    """Refuse page `number` when its `width` x `height` pixels are too many or too few.

    Raises:
        InvalidInput: TOO_MANY_PIXELS or TOO_FEW_PIXELS.
    """
    if width * height > limits.max_pixels:
        raise InvalidInput(
            Code.TOO_MANY_PIXELS,
            f"Page {number} has {width} x {height} pixels; at most {limits.max_pixels:,} a page are read. "
            "Scan or export it at a lower resolution (300 dpi is enough), or cut it into sheets.",
        )
    if min(width, height) < limits.min_side:
        raise InvalidInput(
            Code.TOO_FEW_PIXELS,
            f"Page {number} has {width} x {height} pixels; a page needs at least {limits.min_side} each way. "
            "Check that the right file was uploaded.",
        )
