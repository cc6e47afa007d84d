"""Pages as they were read, their pictures, and what people answer: made up for tests of labeling."""

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from drawops.contracts.labeling import Box, BoxState
from drawops.contracts.reading import (
    DpiSource,
    DrawingResult,
    MediaType,
    Model,
    Page,
    PageTimings,
    Source,
    Text,
    TextSource,
    Timings,
)
from drawops.keys import drawing_id
from drawops.labeling.store import Labeling

DATA = "data"
WIDTH, HEIGHT = 2_000, 1_200


def text(number: int, x: float, y: float, confidence: float = 0.99, string: str = "") -> Text:
    """A horizontal text of 80 x 20 pixels with its top-left corner at x, y."""
    return Text(
        id=f"p1-t{number}",
        quad=((x, y), (x + 80, y), (x + 80, y + 20), (x, y + 20)),
        text=string or f"P-{1000 + number}",
        confidence=confidence,
        angle=0,
        source=TextSource.OCR,
    )


def result(texts: list[Text], name: str = "unit 40/sheet.png") -> DrawingResult:
    """A result document of one page with these texts."""
    return DrawingResult(
        media_type=MediaType.PNG,
        model=Model(name="reader", version="1.0.0", sha256="0" * 64),
        pages=(
            Page(
                number=1,
                width=WIDTH,
                height=HEIGHT,
                dpi_source=DpiSource.UNKNOWN,
                tiles=(),
                texts=tuple(texts),
                timings=PageTimings(decode=0, detect=0, recognise=0),
            ),
        ),
        timings=Timings(total=0),
        drawing_id=drawing_id("raw", name),
        revision="1" * 20,
        source=Source(bucket="raw", key=name, version_id=None, sha256="1" * 64, size=1),
    )


def grid(count: int = 12, doubtful: int = 6, name: str = "unit 40/sheet.png") -> DrawingResult:
    """A page with `count` texts in rows; the first `doubtful` are unsure."""
    return result(
        [
            text(
                number, 50 + 150 * (number % 12), 60 + 90 * (number // 12), 0.5 if number < doubtful else 0.99
            )
            for number in range(count)
        ],
        name,
    )


def szi(
    width: int = WIDTH, height: int = HEIGHT, format_: str = "webp", compression: int = zipfile.ZIP_STORED
) -> bytes:
    """A pyramid as `vips dzsave` lays it out, with tiles that say which they are."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", compression) as archive:
        archive.writestr("page/", "")
        archive.writestr(
            "page/page.dzi",
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f'<Image xmlns="http://schemas.microsoft.com/deepzoom/2008" Format="{format_}" Overlap="1" '
            f'TileSize="254"><Size Height="{height}" Width="{width}"/></Image>',
        )
        archive.writestr("page/scan-properties.xml", "<image/>")
        for level, columns, rows in ((0, 1, 1), (10, 4, 3), (11, 8, 5)):
            for column in range(columns):
                for row in range(rows):
                    archive.writestr(
                        f"page/page_files/{level}/{column}_{row}.{format_}",
                        f"tile {level}/{column}_{row}".encode() * (1 + level * 20),
                    )
    return written.getvalue()


@dataclass
class Opened:
    """A labeling that people can work on."""

    labeling: Labeling
    task_ids: list[str] = field(default_factory=list)


Open = Callable[..., Opened]


def accept_all(boxes: tuple[Box, ...]) -> tuple[Box, ...]:
    """All unsure boxes, accepted."""
    return tuple(
        box.model_copy(update={"state": BoxState.ACCEPTED}) if box.state is BoxState.UNSURE else box
        for box in boxes
    )


def drawn(name: str, x: float, y: float, string: str = "NEW") -> Box:
    """A box that a person drew."""
    quad = ((x, y), (x + 80, y), (x + 80, y + 20), (x, y + 20))
    return Box(id=name, quad=quad, text=string, state=BoxState.DRAWN)


def as_json(body: str) -> dict[str, Any]:
    """A body as what it holds."""
    loaded: dict[str, Any] = json.loads(body)
    return loaded
