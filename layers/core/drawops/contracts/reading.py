"""What reading a drawing yields: the published result schema, version 1.0.

Coordinates are pixels of the page as it was read (`Page.width` x `Page.height`), origin at the top-left,
x to the right, y down, as floats. A raster page is read at its native size; a PDF page is rendered at
`Page.dpi`. Quads list four [x, y] points clockwise, starting at the top-left of the text as it reads.
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

SCHEMA_VERSION: Literal["1.0"] = "1.0"

Point = tuple[float, float]
Quad = tuple[Point, Point, Point, Point]


class Contract(BaseModel):
    """Base of all contracts: unknown fields are refused, values do not change after validation."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class MediaType(StrEnum):
    """The four kinds of file that can be read."""

    PNG = "image/png"
    JPEG = "image/jpeg"
    TIFF = "image/tiff"
    PDF = "application/pdf"


class TextSource(StrEnum):
    """Where a string came from: recognised in pixels, or copied from a PDF's text layer."""

    OCR = "ocr"
    TEXT_LAYER = "text-layer"


class DpiSource(StrEnum):
    """How the page's resolution is known: stated in the file, chosen by us for a PDF, or unknown."""

    FILE = "file"
    RENDERED = "rendered"
    UNKNOWN = "unknown"


class WarningCode(StrEnum):
    """Things that a careful user should know about a reading."""

    DOWNSCALED = "DOWNSCALED"
    LOW_RESOLUTION = "LOW_RESOLUTION"
    BLANK_PAGE = "BLANK_PAGE"
    COLOUR_CONVERTED = "COLOUR_CONVERTED"
    ROTATED_BY_EXIF = "ROTATED_BY_EXIF"
    TEXT_LAYER_IGNORED = "TEXT_LAYER_IGNORED"
    TEXT_LAYER_DISTRUSTED = "TEXT_LAYER_DISTRUSTED"


class Warning(Contract):
    """One remark; `page` counts from 1, None when it is about the whole file."""

    code: WarningCode
    message: str
    page: int | None = Field(default=None, ge=1)


class Tile(Contract):
    """A rectangle in page pixels that was looked at on its own; `blank` tiles were not sent to the model."""

    x: int = Field(ge=0)
    y: int = Field(ge=0)
    width: int = Field(gt=0)
    height: int = Field(gt=0)
    blank: bool = False


class Text(Contract):
    """One piece of text on the page."""

    id: str = Field(description="Unique in the result: p<page>-t<number>, in reading order.")
    quad: Quad
    text: str = Field(min_length=1)
    confidence: Annotated[float, Field(ge=0, le=1)]
    angle: Annotated[
        float,
        Field(
            gt=-180,
            le=180,
            description="Degrees from the page's x axis to the direction of reading, clockwise as seen on "
            "screen: 0 horizontal, -90 reads bottom to top, 90 top to bottom.",
        ),
    ]
    source: TextSource


class PageTimings(Contract):
    """Seconds spent on one page."""

    decode: float = Field(ge=0)
    detect: float = Field(ge=0)
    recognise: float = Field(ge=0)


class Page(Contract):
    """One page as it was read."""

    number: int = Field(ge=1)
    width: int = Field(gt=0, description="Pixels.")
    height: int = Field(gt=0, description="Pixels.")
    dpi: float | None = Field(default=None, gt=0)
    dpi_source: DpiSource
    scale: float = Field(
        default=1.0, gt=0, le=1, description="Read size / native size; below 1 the page was shrunk."
    )
    tiles: tuple[Tile, ...]
    texts: tuple[Text, ...]
    timings: PageTimings


class Model(Contract):
    """The model artifact that did the reading."""

    name: str
    version: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="Of the artifact's manifest.json.")


class Timings(Contract):
    """Seconds for the whole file, inside the container."""

    total: float = Field(ge=0)


class Reading(Contract):
    """The answer of the inference container to one `/invocations` request."""

    schema_version: Literal["1.0"] = SCHEMA_VERSION
    media_type: MediaType
    model: Model
    pages: tuple[Page, ...] = Field(min_length=1)
    warnings: tuple[Warning, ...] = ()
    timings: Timings

    @model_validator(mode="after")
    def _pages_are_numbered(self) -> "Reading":
        if [page.number for page in self.pages] != list(range(1, len(self.pages) + 1)):
            raise ValueError("pages must be numbered 1, 2, 3 … in order")
        return self


class ReadingError(Contract):
    """The body of a 4xx or 5xx answer of the inference container.

    `code` is a `drawops.errors.Code`; `message` a sentence that a person can act on.
    """

    code: str
    message: str


class Source(Contract):
    """Which bytes were read."""

    bucket: str
    key: str
    version_id: str | None
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size: int = Field(ge=1, description="Bytes.")


class DrawingResult(Reading):
    """The stored result document `result.json`: a `Reading` plus what it is a reading of."""

    drawing_id: str
    revision: str
    source: Source
