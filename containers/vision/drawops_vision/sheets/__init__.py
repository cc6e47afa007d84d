"""Generated drawings with exact ground truth.

    >>> sheet = generate(seed=7, size="A3", look=Look.SCANNED)
    >>> picture, texts = sheet.png(), sheet.truth

One seed gives the same bytes every time. How it is built, and where it grows:

    faces.py    typefaces out of pinned packages; lettering.py: how offices use them
    words.py    what is written: tags, values, dimensions, captions, sentences
    model.py    a drawing: paths, circles and texts in millimetres
    draft.py    the drafting board: finds free places for texts
    border.py   frame, title block, revisions, notes; tables.py: tables of any content
    annotations.py, decoys.py   what makes real sheets hard to read, on sheets of every kind
    symbols.py, equipment.py                                        (other symbols: an entry each)
    pid.py, mechanical.py, isometric.py   content: a module a kind
    raster.py   drawing -> grey picture          pdf.py   drawing -> vector PDF or scanned PDF
    scan.py     the scanned looks                                   (other faults: more fields of `Scanner`)
    truth.py    texts with their quads, Label.txt, JSON
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import cv2
import numpy as np
import pyvips  # type: ignore[import-untyped]
from PIL import Image as Pillow

from drawops_vision.sheets import isometric, mechanical, pid
from drawops_vision.sheets.lettering import Hand
from drawops_vision.sheets.model import Drawing
from drawops_vision.sheets.pdf import scanned_pdf, vector_pdf
from drawops_vision.sheets.raster import LITTLE_SKEW, MM_PER_INCH, Image, Transform, render
from drawops_vision.sheets.scan import Look, Scanner
from drawops_vision.sheets.truth import TruthText, label_line, truth

__all__ = [
    "SIZES",
    "Drawing",
    "Hand",
    "Kind",
    "Look",
    "Scanner",
    "Sheet",
    "TruthText",
    "generate",
    "label_line",
]

SIZES: dict[str, tuple[float, float]] = {
    "A5": (210, 148),
    "A4": (297, 210),
    "A3": (420, 297),
    "A2": (594, 420),
    "A1": (841, 594),
    "A0": (1189, 841),
}
"""Width and height in mm, landscape (ISO 216)."""


class Kind(StrEnum):
    """What a sheet shows."""

    PID = "pid"
    MECHANICAL = "mechanical"
    ISOMETRIC = "isometric"


@dataclass(frozen=True)
class Sheet:
    """One generated sheet: its drawing, and how it becomes a picture.

    Attributes:
        drawing: the model, in mm.
        dpi: resolution of the picture; also of `truth`.
        scanner: the scan's faults, None for the clean look.
    """

    drawing: Drawing
    dpi: int
    scanner: Scanner | None = None

    @cached_property
    def transform(self) -> Transform:
        """mm on the sheet -> pixels of the picture."""
        return Transform.of(self.drawing, self.dpi, self.scanner.skew if self.scanner else 0.0)

    @cached_property
    def truth(self) -> list[TruthText]:
        """Every text with its ink-tight quad in pixels, in drawing order.

        Holds for `png`, `jpeg`, `tiff` and for `pdf` rendered at `dpi`.
        """
        return truth(self.drawing, self.transform)

    @cached_property
    def image(self) -> Image:
        """The picture, (height, width) uint8 grey; of a scan what its scanner's JPEG holds."""
        if self._scanned is None:
            return self._exposed()
        decoded = cv2.imdecode(np.frombuffer(self._scanned, dtype=np.uint8), cv2.IMREAD_GRAYSCALE)
        if decoded is None:
            raise ValueError(f"the scanner's JPEG of {len(self._scanned)} bytes cannot be decoded")
        return np.asarray(decoded, dtype=np.uint8)

    def _exposed(self) -> Image:
        """Asked for once, by the picture or by the scanner's file: a second page is not kept."""
        clean = render(self.drawing, self.transform)
        return self.scanner.expose(clean, self.dpi) if self.scanner else clean

    @cached_property
    def _scanned(self) -> bytes | None:
        """The file that the scanner writes; None where none comes between (clean and bilevel)."""
        if self.scanner is None or self.scanner.bilevel:
            return None
        return self._save("JPEG", self._exposed(), quality=self.scanner.jpeg_quality)

    def png(self) -> bytes:
        """Grey PNG that states its resolution."""
        # By libvips, five times as fast as Pillow. Grain does not compress, so trying harder only takes long;
        # white paper needs no filter.
        picture = pyvips.Image.new_from_array(self.image)
        picture = picture.copy(xres=self.dpi / MM_PER_INCH, yres=self.dpi / MM_PER_INCH)
        if self.scanner:
            return bytes(picture.pngsave_buffer(compression=1, filter="up"))
        return bytes(picture.pngsave_buffer(compression=3, filter="none"))

    def jpeg(self, quality: int | None = None) -> bytes:
        """Grey JPEG; by default the very file that the scanner writes, or quality 90 for the clean look."""
        if quality is None and self._scanned is not None:
            return self._scanned
        chosen = quality or (self.scanner.jpeg_quality if self.scanner else 90)
        return self._save("JPEG", self.image, quality=chosen)

    def tiff(self, bilevel: bool = False) -> bytes:
        """Grey TIFF (LZW); with `bilevel` black and white (cut at 50 %, CCITT group 4), as archives do."""
        return self._save(
            "TIFF", self.image, bilevel=bilevel, compression="group4" if bilevel else "tiff_lzw"
        )

    def pdf(self) -> bytes:
        """Clean: vectors with a text layer. Scanned: one JPEG on a page, without text layer."""
        if self.scanner:
            # A large skew makes the picture, and so the page, larger than the sheet.
            width, height = self.drawing.width, self.drawing.height
            if abs(self.scanner.skew) > LITTLE_SKEW:
                width, height = (
                    self.transform.width / self.transform.scale,
                    self.transform.height / self.transform.scale,
                )
            return scanned_pdf(self.drawing.title, self.jpeg(), width, height)
        return vector_pdf(self.drawing)

    def _save(self, kind: str, image: Image, bilevel: bool = False, **options: int | str) -> bytes:
        picture = Pillow.fromarray(image)
        if bilevel:
            picture = picture.point(lambda level: 255 * (level > 127)).convert("1", dither=Pillow.Dither.NONE)
        file = io.BytesIO()
        picture.save(file, kind, dpi=(self.dpi, self.dpi), **options)
        return file.getvalue()


_DRAW: dict[Kind, Callable[[int, float, float, bool, bool, Hand], Drawing]] = {
    Kind.PID: pid.draw,
    Kind.MECHANICAL: mechanical.draw,
    Kind.ISOMETRIC: isometric.draw,
}


def generate(
    seed: int,
    size: str = "A3",
    dpi: int = 300,
    look: Look = Look.CLEAN,
    chinese: bool = False,
    kind: Kind = Kind.PID,
    hard: bool = True,
    hand: Hand = Hand.OFFICE,
) -> Sheet:
    """A sheet. The same arguments give the same bytes; `dpi` and `look` do not change the content.

    Args:
        seed: picks the content, its tags, the lettering and the scanner's faults.
        size: a key of `SIZES`.
        dpi: 50 to 1200.
        look: clean, scanned, or one of the faults alone.
        chinese: notes and title in Chinese; needs the optional noto-cjk-sans-jp-regular package.
        kind: what the sheet shows.
        hard: with tables, notes at any angle, stamps, texts over lines and over each other, and shapes that
            look like letters; without, a tidy sheet on which every text stands clear.
        hand: who letters: an office that the seed picks, or joined script.

    Raises:
        ModuleNotFoundError: `chinese` without that package.
        ValueError: `size`, `dpi`, `look` or `kind` is not one of the above.
    """
    if size not in SIZES:
        raise ValueError(f"size must be one of {', '.join(SIZES)}, not {size!r}")
    if not 50 <= dpi <= 1200:
        raise ValueError(f"dpi must be between 50 and 1200, not {dpi}")
    width, height = SIZES[size]
    scanner = None if Look(look) is Look.CLEAN else Scanner.of(seed, Look(look))
    return Sheet(_DRAW[Kind(kind)](seed, width, height, chinese, hard, hand), dpi, scanner)
