"""The text layer of a PDF page: exact strings with tight quads at any angle.

PDFium gives every character a box that is tight but parallel to the page's axes, which says little about a
glyph at 45 degrees. So for every direction of text the page's objects are turned until that text is level,
the boxes are taken, and turned back.

Coordinates here are PDF points in user space, origin bottom-left, y up; `pdf_file` maps them to pixels.
"""

import ctypes
import math
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pypdfium2  # type: ignore[import-untyped]
import pypdfium2.raw as pdfium  # type: ignore[import-untyped]
from numpy.typing import NDArray

# Directions closer than this (degrees) count as one.
SAME_DIRECTION = 0.5
# More directions than this on one page are left to the recogniser.
MOST_DIRECTIONS = 48
# A gap this wide, in units of the font size, begins another text.
BREAK = 0.9
BREAK_BETWEEN_OBJECTS = 0.6
# Characters of one text share baseline and size within these fractions of the font size.
BASELINE = 0.3
SIZE = 0.35
# Text objects that only clip or are invisible (ISO 32000-1, table 106).
INVISIBLE = (pdfium.FPDF_TEXTRENDERMODE_INVISIBLE, pdfium.FPDF_TEXTRENDERMODE_CLIP)
# Characters that look alike or are not seen, as PDF writers confuse them: hyphens (soft and non-breaking ones
# are drawn like any other once they stand in a PDF), invisible marks, ligatures that are one glyph.
REPLACED = str.maketrans(
    {"\u00ad": "-", "\u2010": "-", "\u2011": "-", "\u02da": "°"}
    | dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff", "")
    | {chr(code): unicodedata.normalize("NFKC", chr(code)) for code in range(0xFB00, 0xFB07)}
)
# The ordinal indicator is typed for a degree sign; after a letter (Nº) it is meant.
DEGREE = re.compile(r"(?<=\d)(\s?)º")
# PDFium puts this in place of the hyphen that ends a line.
LINE_END_HYPHEN = "\x02"
SUBSET = re.compile(r"^[A-Z]{6}\+")
# Unicode categories that no legible string holds: control, not assigned, private use, surrogate.
ILLEGIBLE = ("Cc", "Cn", "Co", "Cs")


@dataclass(frozen=True)
class String:
    """One string.

    Attributes:
        quad: 4 x 2 points, from the text's own top-left, clockwise as seen. Mirrored text has no corner that
            is both; its quad is that of the same text unmirrored.
        characters: what it says, one entry a glyph, with the space before it if there is one.
        glyphs: N x 4, the glyphs' boxes as fractions of the quad: left, top, right, bottom.
        objects: positions of its text objects in `text_objects`.
        fonts: which fonts it is set in.
        mirrored: True when a person sees it as in a mirror.
    """

    quad: NDArray[np.float64]
    characters: tuple[str, ...]
    glyphs: NDArray[np.float64]
    objects: frozenset[int]
    fonts: frozenset[str]
    mirrored: bool = False

    @property
    def text(self) -> str:
        """What it says."""
        return normalised("".join(self.characters))

    def part(self, run: slice, boxes: NDArray[np.float64]) -> "String":
        """The string of some consecutive glyphs.

        Args:
            run: which of them.
            boxes: `glyphs`, where glyphs that are cut have smaller boxes.
        """
        start, stop, _ = run.indices(len(self.glyphs))
        boxes, whole = boxes[start:stop], self.glyphs[start:stop]
        low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
        # The quad ends with character cells; a cut end stays where it is cut.
        if start == 0 and boxes[0, 0] == whole[0, 0]:
            low[0] = 0.0
        if stop == len(self.glyphs) and boxes[-1, 2] == whole[-1, 2]:
            high[0] = 1.0
        extent = np.maximum(high - low, 1e-9)
        inside = (boxes.reshape(-1, 2, 2) - low) / extent
        corners = np.array([low, [high[0], low[1]], high, [low[0], high[1]]])
        right, down = self.quad[1] - self.quad[0], self.quad[3] - self.quad[0]
        return replace(
            self,
            quad=self.quad[0] + corners @ np.array([right, down]),
            characters=self.characters[start:stop],
            glyphs=inside.reshape(-1, 4),
        )


@dataclass(frozen=True)
class Layer:
    """The strings of a page, and how many text objects could not be used."""

    strings: tuple[String, ...]
    ignored: int


@dataclass(frozen=True)
class _Glyph:
    character: str
    position: int  # of its text object on the page
    size: float
    origin: tuple[float, float]
    box: tuple[float, float, float, float]  # left, bottom, right, top
    cell: tuple[float, float]  # from its origin to the next
    mirrored: bool


@dataclass
class _Run:
    """Characters of one string so far, in a frame where the text is level."""

    last: _Glyph
    characters: list[str]
    boxes: list[tuple[float, float, float, float]]
    cells: list[tuple[float, float]]
    objects: set[int]


def normalised(text: str) -> str:
    """A string as a person would type what stands on the page: composed (NFC), plain hyphens and spaces."""
    text = " ".join(unicodedata.normalize("NFC", text.translate(REPLACED)).split())
    return DEGREE.sub(r"\1°", text)


def text_objects(page: pypdfium2.PdfPage) -> list[pypdfium2.PdfObject]:
    """All text objects of a page, also inside forms, in drawing order."""
    return list(page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_TEXT]))


def read(page: pypdfium2.PdfPage) -> Layer:
    """Read the text layer.

    Args:
        page: a page of its own, for its objects are turned: do not render it afterwards.
    """
    objects = text_objects(page)
    fonts = _fonts(objects)
    positions = {_address(one.raw): index for index, one in enumerate(objects)}
    unusable = {
        index
        for index, one in enumerate(objects)
        if pdfium.FPDFTextObj_GetTextRenderMode(one.raw) in INVISIBLE
    }
    legible: set[int] = set()
    directions: list[float] = []
    textpage = page.get_textpage()
    for index in _characters(textpage):
        position = positions.get(_address(pdfium.FPDFText_GetTextObject(textpage.raw, index)))
        if position is None:
            continue
        character = _character(textpage, index)
        if character.isspace():
            continue
        if _is_illegible(character):
            unusable.add(position)
            continue
        legible.add(position)
        direction = _direction(textpage, index)
        if not any(_turn(direction, known) < SAME_DIRECTION for known in directions):
            directions.append(direction)
    textpage.close()
    strings: list[String] = []
    top_level = list(page.get_objects(max_depth=1))
    for direction in directions[:MOST_DIRECTIONS]:
        strings += _level_strings(page, top_level, direction, positions, unusable, fonts)
    seen = {position for string in strings for position in string.objects}
    return Layer(tuple(strings), ignored=len((legible | unusable) - seen))


def _fonts(objects: list[pypdfium2.PdfObject]) -> list[str]:
    """Every text object's font: its name without the subset tag; fonts that share one are numbered."""
    names: dict[int, str] = {}
    taken: set[str] = set()
    fonts = []
    for one in objects:
        font = pdfium.FPDFTextObj_GetFont(one.raw)
        address = _address(font)
        if address not in names:
            length = pdfium.FPDFFont_GetBaseFontName(font, None, 0) if address else 0
            buffer = ctypes.create_string_buffer(max(1, length))
            if length:
                pdfium.FPDFFont_GetBaseFontName(font, buffer, length)
            plain = SUBSET.sub("", buffer.value.decode("utf-8", "replace")) or "unnamed"
            name, number = plain, 1
            while name in taken:
                number += 1
                name = f"{plain} ({number})"
            taken.add(name)
            names[address] = name
        fonts.append(names[address])
    return fonts


def _level_strings(
    page: pypdfium2.PdfPage,
    top_level: list[pypdfium2.PdfObject],
    direction: float,
    positions: dict[int, int],
    unusable: set[int],
    fonts: list[str],
) -> Iterator[String]:
    """Strings that read in one direction (degrees, counter-clockwise)."""
    turned = abs(math.remainder(direction, 360)) > SAME_DIRECTION
    if turned:
        _turn_objects(top_level, -direction)
    textpage = page.get_textpage()
    cosine, sine = math.cos(math.radians(direction)), math.sin(math.radians(direction))
    back = np.array([[cosine, sine], [-sine, cosine]]) if turned else np.eye(2)
    for run in _runs(_glyphs(textpage, positions, unusable)):
        boxes = np.array(run.boxes)
        left, bottom = boxes[:, :2].min(axis=0)
        right, top = boxes[:, 2:].max(axis=0)
        # A 1 or an I is a stroke in a cell as wide as its neighbours'; only the cell says where text stands.
        left = min(left, *(cell[0] for cell in run.cells))
        right = max(right, *(cell[1] for cell in run.cells))
        level = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
        # Fractions count from the top-left corner, downwards.
        glyphs = (boxes[:, [0, 3, 2, 1]] - [left, top, left, top]) / (
            max(right - left, 1e-9) * np.array([1, 0, 1, 0])
            + min(bottom - top, -1e-9) * np.array([0, 1, 0, 1])
        )
        yield String(
            quad=level @ back,
            characters=tuple(run.characters),
            glyphs=glyphs,
            objects=frozenset(run.objects),
            fonts=frozenset(fonts[position] for position in run.objects),
            mirrored=run.last.mirrored,
        )
    textpage.close()
    if turned:
        _turn_objects(top_level, direction)


def _glyphs(
    textpage: pypdfium2.PdfTextPage, positions: dict[int, int], unusable: set[int]
) -> Iterator[_Glyph]:
    """Characters of usable text objects that are level now, in PDFium's order.

    White space that PDFium made up is among them: it knows the font's widths and so where words end.
    """
    raw = textpage.raw
    last: _Glyph | None = None
    for index in range(textpage.count_chars()):
        if pdfium.FPDFText_IsGenerated(raw, index) == 1:
            if last is not None:
                yield replace(last, character=" ")
            continue
        position = positions.get(_address(pdfium.FPDFText_GetTextObject(raw, index)))
        if (
            position is None
            or position in unusable
            or _turn(_direction(textpage, index), 0) >= SAME_DIRECTION
        ):
            continue
        left, right, bottom, top = (ctypes.c_double() for _ in range(4))
        x, y = ctypes.c_double(), ctypes.c_double()
        matrix = pdfium.FS_MATRIX()
        loose = pdfium.FS_RECTF()
        if not (
            pdfium.FPDFText_GetCharBox(raw, index, left, right, bottom, top)
            and pdfium.FPDFText_GetCharOrigin(raw, index, x, y)
            and pdfium.FPDFText_GetMatrix(raw, index, matrix)
            and pdfium.FPDFText_GetLooseCharBox(raw, index, loose)
        ):
            continue
        size = abs(pdfium.FPDFText_GetFontSize(raw, index)) * math.hypot(matrix.c, matrix.d)
        last = _Glyph(
            character=_character(textpage, index),
            position=position,
            size=size,
            origin=(x.value, y.value),
            box=(left.value, bottom.value, right.value, top.value),
            cell=(loose.left, loose.right),
            mirrored=matrix.a * matrix.d - matrix.b * matrix.c < 0,
        )
        yield last


def _runs(glyphs: Iterator[_Glyph]) -> Iterator[_Run]:
    """Group level characters into strings."""
    run: _Run | None = None
    spaced = False
    for glyph in glyphs:
        if glyph.character.isspace():
            spaced = True
            continue
        if run is not None and _belongs(run.last, glyph):
            run.characters.append((" " if spaced else "") + glyph.character)
            run.boxes.append(glyph.box)
            run.cells.append(glyph.cell)
            run.objects.add(glyph.position)
            run.last = glyph
        else:
            if run is not None:
                yield run
            run = _Run(glyph, [glyph.character], [glyph.box], [glyph.cell], {glyph.position})
        spaced = False
    if run is not None:
        yield run


def _belongs(last: _Glyph, glyph: _Glyph) -> bool:
    """True when `glyph` goes on the string that ends in `last`."""
    size = max(last.size, glyph.size)
    gap = glyph.box[0] - last.box[2]
    limit = BREAK if last.position == glyph.position else BREAK_BETWEEN_OBJECTS
    return (
        glyph.mirrored == last.mirrored
        and abs(glyph.size - last.size) <= SIZE * size
        and abs(glyph.origin[1] - last.origin[1]) <= BASELINE * size
        and -BREAK_BETWEEN_OBJECTS * size <= gap <= limit * size
    )


def _characters(textpage: pypdfium2.PdfTextPage) -> Iterator[int]:
    """Indices of the characters that stand in the file (PDFium makes up spaces and line ends)."""
    for index in range(textpage.count_chars()):
        if pdfium.FPDFText_IsGenerated(textpage.raw, index) == 0:
            yield index


def _character(textpage: pypdfium2.PdfTextPage, index: int) -> str:
    character = chr(pdfium.FPDFText_GetUnicode(textpage.raw, index))
    return "-" if character == LINE_END_HYPHEN else character


def _direction(textpage: pypdfium2.PdfTextPage, index: int) -> float:
    """Direction in which a character's line runs: degrees counter-clockwise from the x axis."""
    matrix = pdfium.FS_MATRIX()
    pdfium.FPDFText_GetMatrix(textpage.raw, index, matrix)
    # CAD programs write negative font sizes, which turn the text by half a circle.
    sign = -1 if pdfium.FPDFText_GetFontSize(textpage.raw, index) < 0 else 1
    return math.degrees(math.atan2(sign * matrix.b, sign * matrix.a))


def _turn(one: float, other: float) -> float:
    return abs(math.remainder(one - other, 360))


def _turn_objects(objects: list[pypdfium2.PdfObject], degrees: float) -> None:
    turned = pypdfium2.PdfMatrix().rotate(degrees, ccw=True)
    for one in objects:
        one.transform(turned)


def _is_illegible(character: str) -> bool:
    return character == "\N{REPLACEMENT CHARACTER}" or unicodedata.category(character) in ILLEGIBLE


def _address(pointer: object) -> int:
    """The address a PDFium handle points at, 0 for none."""
    return ctypes.cast(pointer, ctypes.c_void_p).value or 0  # type: ignore[arg-type]
