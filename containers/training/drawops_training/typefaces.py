"""Typefaces that drawings are lettered in: free fonts of the system, and single-stroke Hershey lettering.

The fonts come from Debian packages (fonts-liberation, -dejavu, -roboto-unhinted, -osifont, -freefont-ttf,
-open-sans, -lato, -hack, -inconsolata, -crosextra-carlito, -texgyre, -noto-cjk); whatever of them is
installed is used, and without any there is still the Hershey lettering, which comes as a Python package. None
of them is shipped: only what a network learnt from their pictures. A seed draws the same pictures only where
the same fonts are installed (`missing`).
"""

import random
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from HersheyFonts import HersheyFonts  # type: ignore[import-untyped]
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

FOLDERS = (Path("/usr/share/fonts"), Path("/usr/share/texmf/fonts"), Path("/usr/local/share/fonts"))
# Sans-serif faces as drawings have them, with how often each is taken.
LATIN = {
    "LiberationSans-Regular": 8, "LiberationSans-Bold": 2, "LiberationSans-Italic": 2,
    "LiberationSansNarrow-Regular": 6, "LiberationSansNarrow-Bold": 1, "osifont": 8,
    "Roboto-Regular": 2, "Roboto-Light": 2, "RobotoCondensed-Regular": 4, "RobotoCondensed-Light": 3,
    "DejaVuSans": 3, "DejaVuSansCondensed": 2, "DejaVuSansMono": 2, "DejaVuSans-Oblique": 1,
    "FreeSans": 2, "FreeMono": 1, "OpenSans-Regular": 2, "OpenSans-CondLight": 2,
    "Lato-Regular": 2, "Lato-Light": 2, "Hack-Regular": 1, "Inconsolata": 1, "Carlito-Regular": 3,
    "LiberationMono-Regular": 2,
    "LiberationSerif-Regular": 2, "texgyreadventor-regular": 4, "texgyreheros-regular": 2,
    "texgyreheroscn-regular": 2, "DejaVuSerif": 1, "LiberationSerif-Italic": 1,
}  # fmt: skip
CHINESE = ("NotoSansCJK-Regular", "NotoSerifCJK-Regular", "NotoSansCJK-Bold")
HERSHEY = {"futural": 10, "rowmans": 6, "futuram": 3, "cursive": 0, "rowmand": 2, "timesr": 1}
STROKED = 0.22
"""Share of ASCII strings in Hershey lettering; all of them where no font is installed."""
RENDERED_AT = 64
"""Font size in pixels at which strings are first drawn; finer than any that is then asked for."""


@dataclass(frozen=True)
class Lettering:
    """A drawn string.

    Attributes:
        ink: H x W, 255 for ink, with a margin.
        capital: height of a capital letter in pixels.
    """

    ink: NDArray[np.uint8]
    capital: float


@lru_cache
def _files() -> dict[str, Path]:
    return {
        path.stem: path
        for folder in FOLDERS
        for path in sorted(folder.rglob("*"))
        if path.suffix in (".ttf", ".otf", ".ttc")
    }


def missing() -> list[str]:
    """Faces that are not installed, by the stem of their file's name."""
    return [name for name in (*LATIN, *CHINESE) if name not in _files()]


@lru_cache
def _font(name: str) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(_files()[name]), RENDERED_AT)


@lru_cache
def _covers(name: str, character: str) -> bool:
    if character == " ":
        return True
    font = _font(name)
    mask, missing = font.getmask(character), font.getmask("\uffff")
    return mask.getbbox() is not None and bytes(mask) != bytes(missing)


@lru_cache
def _strokes(face: str) -> HersheyFonts:
    font = HersheyFonts()
    font.load_default_font(face)
    font.normalize_rendering(100)
    return font


def letter(text: str, r: random.Random) -> Lettering | None:
    """Draw a string in a random face, weight, width of letters and spacing; None if no face has all of it."""
    plain = text.isascii()
    if plain and r.random() < STROKED:
        return _stroked(text, r)
    if any("\u4e00" <= character <= "\u9fff" or character == "：" for character in text):
        chinese = [name for name in CHINESE if name in _files()]
        return _typeset(text, r.choice(chinese), r) if chinese else None
    known = {name: weight for name, weight in LATIN.items() if name in _files()}
    if not known:
        return _stroked(text, r) if plain else None
    for _ in range(6):
        name = r.choices(list(known), list(known.values()))[0]
        if all(_covers(name, character) for character in text):
            return _typeset(text, name, r)
    return None


def _typeset(text: str, name: str, r: random.Random) -> Lettering:
    font = _font(name)
    tracking = r.choice((0.0, 0.0, 0.0, r.uniform(-0.03, 0.05), r.uniform(0.05, 0.3))) * RENDERED_AT
    margin = RENDERED_AT // 2
    if tracking:
        places, x = [], 0.0
        for character in text:
            places.append((x, character))
            x += font.getlength(character) + tracking
        width = int(x) + 2 * margin
    else:
        places, width = [(0.0, text)], int(font.getlength(text)) + 2 * margin
    image = Image.new("L", (width, 2 * RENDERED_AT), 0)
    draw = ImageDraw.Draw(image)
    bold = r.choice((0, 0, 0, 0, 1, 2))
    for x, part in places:
        draw.text((margin + x, RENDERED_AT // 3), part, 255, font=font, stroke_width=bold)
    _, top, _, bottom = font.getbbox("国" if name in CHINESE else "H")
    return Lettering(np.asarray(image), float(bottom - top))


def _stroked(text: str, r: random.Random) -> Lettering | None:
    face = r.choices(list(HERSHEY), list(HERSHEY.values()))[0]
    font = _strokes(face)
    lines = list(font.lines_for_text(text))
    if not lines:
        return None
    high = RENDERED_AT / 100 * 0.9
    points = np.array(lines, np.float64) * high  # n x 2 ends x 2
    low, top = points.min(axis=(0, 1)), points.max(axis=(0, 1))
    margin = RENDERED_AT // 2
    size = (top - low).astype(int) + 2 * margin
    picture = np.zeros((size[1], size[0]), np.uint8)
    shifted = ((points - low + margin) * 16).astype(np.int32)
    if shifted.max() > 16 * 32000:
        return None
    pen = max(1, round(RENDERED_AT * r.uniform(0.04, 0.14)))
    cv2.polylines(picture, list(shifted), False, (255,), pen, cv2.LINE_AA, 4)
    heights = np.array(list(font.lines_for_text("H")), np.float64)[..., 1] * high
    capital = float(heights.max() - heights.min())
    return Lettering(picture[::-1] if _upside_down(face) else picture, capital)


@lru_cache
def _upside_down(face: str) -> bool:
    """Whether this font's y axis points up: the level bar of an L must come out below."""
    lines = np.array(list(_strokes(face).lines_for_text("L")), np.float64)
    flat = min(lines, key=lambda line: abs(line[0][1] - line[1][1]) - 0.01 * abs(line[0][0] - line[1][0]))
    return not flat[:, 1].mean() > np.mean(lines[..., 1])
