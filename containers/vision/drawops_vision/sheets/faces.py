"""Typefaces: glyph outlines for measuring and rasterising, and the same outlines as a TrueType file for PDFs.

Both backends draw the same outlines, so the ground truth is computed from them and holds for both. All come
out of pinned packages, so that no sheet depends on the fonts of a machine:

- Bitstream Vera Sans, which reportlab ships (its own free licence);
- `FAMILIES`, six families under the SIL Open Font License, each a fontpkg-* package;
- stroke lettering as CAD plots it: Hershey strokes of the hershey-fonts package, drawn with a round pen of
  1/14 to 1/7 of the capital height (ISO 3098 types A and B are 1/14 and 1/10). What Hershey lacks and
  drawings need (° ± Ø ² ½ µ ä ß ...) is composed from its strokes.

Weight, width and slant are part of a face, because the tight box of a slanted word is not its slanted box.
"""

import io
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import resources
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from fontTools.fontBuilder import FontBuilder  # type: ignore[import-untyped]
from fontTools.pens.recordingPen import DecomposingRecordingPen  # type: ignore[import-untyped]
from fontTools.pens.ttGlyphPen import TTGlyphPen  # type: ignore[import-untyped]
from fontTools.ttLib import TTFont  # type: ignore[import-untyped]
from HersheyFonts import HersheyFonts  # type: ignore[import-untyped]
from shapely.geometry.base import BaseGeometry
from shapely.geometry.polygon import orient

Contour = npt.NDArray[np.float64]
Stroke = list[tuple[float, float]]

CURVE_STEPS = 6
UNITS_PER_EM = 2000
CAPITALS_PER_EM = 0.7
MEASURED = 4096
"""Strings of a face whose measures are kept."""
EPOCH = 0
"""Creation date of generated fonts; a constant, because a clock would make PDFs differ between runs."""
ALPHABET = "".join(chr(code) for code in range(32, 127)) + "ÄÖÜäöüß°±Ø²³½¼¾µ×≤≥"
"""What every face can write, besides Chinese."""


@dataclass(frozen=True)
class Family:
    """A family of outline faces in a package.

    Attributes:
        name: without spaces; the first part of PostScript names.
        package: Python package with the files.
        upright, italic: files of the regular weight; variable ones take `axes`.
        bold: file of the bold weight; empty when the regular file has a weight axis.
        weights: range of the weight axis; None without one.
        widths: range of the width axis in percent; None without one.
    """

    name: str
    package: str
    upright: str
    italic: str
    bold: str = ""
    weights: tuple[int, int] | None = None
    widths: tuple[int, int] | None = None


FAMILIES = (
    Family("Arimo", "fontpkg_arimo", "Arimo[wght].ttf", "Arimo-Italic[wght].ttf", weights=(400, 700)),
    Family(
        "OpenSans",
        "fontpkg_open_sans",
        "OpenSans[wdth,wght].ttf",
        "OpenSans-Italic[wdth,wght].ttf",
        weights=(300, 800),
        widths=(75, 100),
    ),
    Family(
        "RobotoCondensed",
        "fontpkg_roboto_condensed",
        "RobotoCondensed[wght].ttf",
        "RobotoCondensed-Italic[wght].ttf",
        weights=(300, 800),
    ),
    Family("Jost", "fontpkg_jost", "Jost[wght].ttf", "Jost-Italic[wght].ttf", weights=(300, 700)),
    Family(
        "Barlow",
        "fontpkg_barlow_semi_condensed",
        "BarlowSemiCondensed-Regular.ttf",
        "BarlowSemiCondensed-Italic.ttf",
        "BarlowSemiCondensed-Bold.ttf",
    ),
    Family(
        "PlexMono",
        "fontpkg_ibm_plex_mono",
        "IBMPlexMono-Regular.ttf",
        "IBMPlexMono-Italic.ttf",
        "IBMPlexMono-Bold.ttf",
    ),
)


class Glyph:
    """One character: outlines for an even-odd fill, advance width, ink box; in capital heights, y up."""

    def __init__(self, area: BaseGeometry, advance: float) -> None:
        self.advance = advance
        self.contours: tuple[Contour, ...] = tuple(
            np.asarray(ring.coords, dtype=np.float64)[:-1] for ring in _rings(area)
        )
        self.points: Contour = np.concatenate(self.contours) if self.contours else np.empty((0, 2))
        self.bounds: tuple[float, float, float, float] | None = None
        if not area.is_empty:
            left, bottom, right, top = area.bounds
            self.bounds = (float(left), float(bottom), float(right), float(top))


class Face:
    """A typeface, measured in capital heights.

    Attributes:
        name: PostScript name, unique among faces.
        ttf: the TrueType file that a PDF embeds; its outlines and widths are the ones used here.
        capital: height of a capital letter in em, so font size = text height / capital.
    """

    def __init__(
        self, name: str, ttf: Callable[[], bytes], capital: float, glyph: Callable[[str], Glyph | None]
    ) -> None:
        self.name = name
        self.capital = capital
        self._make_ttf = ttf
        self._find = glyph
        self._glyphs: dict[str, Glyph] = {}
        # A text is measured at every place that is tried for it.
        self._width = lru_cache(MEASURED)(self._measure_width)
        self._ink = lru_cache(MEASURED)(self._measure_ink)

    @cached_property
    def ttf(self) -> bytes:
        """Made when a PDF asks for it: pictures do without."""
        return self._make_ttf()

    def glyph(self, character: str) -> Glyph:
        """The glyph of one character.

        Raises:
            KeyError: the face has no such character. There is no fallback box: it would be wrong truth.
        """
        if character not in self._glyphs:
            found = self._find(character)
            if found is None:
                raise KeyError(f"{self.name} has no glyph for {character!r}")
            self._glyphs[character] = found
        return self._glyphs[character]

    def width(self, string: str, spacing: float = 0.0) -> float:
        """Advance width in capital heights; no kerning, as in PDF and in CAD.

        `spacing`, here and below, is what is added between two characters.
        """
        return self._width(string, spacing)

    def _measure_width(self, string: str, spacing: float) -> float:
        return sum(self.glyph(character).advance for character in string) + spacing * (len(string) - 1)

    def ink(self, string: str, spacing: float = 0.0) -> tuple[float, float, float, float]:
        """Left, bottom, right, top of the ink in capital heights, y up, relative to the baseline's start.

        Raises:
            ValueError: `string` leaves no ink (empty or only spaces).
        """
        return self._ink(string, spacing)

    def _measure_ink(self, string: str, spacing: float) -> tuple[float, float, float, float]:
        position = 0.0
        boxes: list[tuple[float, float, float, float]] = []
        for character in string:
            glyph = self.glyph(character)
            if glyph.bounds is not None:
                left, bottom, right, top = glyph.bounds
                boxes.append((left + position, bottom, right + position, top))
            position += glyph.advance + spacing
        if not boxes:
            raise ValueError(f"a text without ink has no place on a sheet: {string!r}")
        lefts, bottoms, rights, tops = zip(*boxes, strict=True)
        return min(lefts), min(bottoms), max(rights), max(tops)

    def outlines(self, string: str, spacing: float = 0.0) -> tuple[Contour, list[int]]:
        """Closed contours of the whole string in capital heights, y up, for an even-odd fill.

        Returns:
            All their points (n, 2), one contour after the other, and how many each has.
        """
        parts: list[Contour] = []
        lengths: list[int] = []
        offsets: list[float] = []
        position = 0.0
        for character in string:
            glyph = self.glyph(character)
            if glyph.contours:
                parts.append(glyph.points)
                lengths += [len(contour) for contour in glyph.contours]
                offsets.append(position)
            position += glyph.advance + spacing
        points = np.concatenate(parts)
        points[:, 0] += np.repeat(offsets, [len(part) for part in parts])
        return points, lengths


@lru_cache
def vera(bold: bool = False) -> Face:
    """Bitstream Vera Sans, close to the Verdana of office-made drawings."""
    file = "VeraBd.ttf" if bold else "Vera.ttf"
    return _truetype("DrawopsVeraBold" if bold else "DrawopsVera", _read("reportlab", "fonts", file))


@lru_cache
def simplex(pen: float = 0.1, slant: float = 0.0) -> Face:
    """Single-stroke CAD lettering ("simplex"); see `stroked`."""
    return stroked("futural", pen, slant)


@lru_cache
def stroked(strokes: str = "futural", pen: float = 0.1, slant: float = 0.0) -> Face:
    """Stroke lettering.

    Args:
        strokes: a Hershey font: futural (simplex), futuram (duplex), rowmans (roman simplex), timesr.
        pen: line width in capital heights; ISO 3098 type B is 1/10, type A 1/14.
        slant: degrees to the right; ISO 3098 allows 15.
    """
    found = _hershey(strokes, math.tan(math.radians(slant)))

    def find(character: str) -> Glyph | None:
        if character not in found:
            return None
        lines, advance = found[character]
        area = shapely.union_all([shapely.LineString(line).buffer(pen / 2, quad_segs=3) for line in lines])
        return Glyph(area if lines else shapely.Polygon(), advance)

    name = f"Drawops{strokes.capitalize()}{round(pen * 1000):03d}{_signed(slant)}"
    return _own(name, find, "".join(found))


@lru_cache
def outline(
    family: Family, weight: int = 400, width: int = 100, slant: float = 0.0, italic: bool = False
) -> Face:
    """A face of one of `FAMILIES`.

    Args:
        family: where the outlines are.
        weight: 400 is regular, 700 bold; brought into the family's range.
        width: percent, brought into the family's range; of no effect without a width axis.
        slant: degrees to the right, done to the finished outlines; negative leans back.
        italic: the family's own italic.
    """
    file = family.italic if italic else family.upright
    axes: dict[str, float] = {}
    if family.weights is not None:
        axes["wght"] = min(max(weight, family.weights[0]), family.weights[1])
    elif weight >= 600 and not italic:
        file = family.bold
    if family.widths is not None:
        axes["wdth"] = min(max(width, family.widths[0]), family.widths[1])
    font = TTFont(io.BytesIO(_read(family.package, "files", file)), lazy=True)
    names: dict[int, str] = font.getBestCmap()
    glyph_set = font.getGlyphSet(location=axes or None)
    capital = _capital_height(glyph_set, names)
    lean = math.tan(math.radians(slant))
    shear = np.array(((1.0, 0.0), (lean, 1.0)))

    def find(character: str) -> Glyph | None:
        glyph_name = names.get(ord(character))
        if glyph_name is None:
            return None
        area = _area(glyph_set, glyph_name, 1 / capital)
        if slant:
            area = shapely.transform(area, lambda points: points @ shear)
        return Glyph(area, _in_thousandths(glyph_set[glyph_name].width / capital, CAPITALS_PER_EM))

    variant = f"{axes.get('wght', weight):g}w{axes.get('wdth', 100):g}{'Italic' if italic else ''}"
    return _own(f"Drawops{family.name}{variant}{_signed(slant)}", find, ALPHABET)


@lru_cache
def noto_chinese(characters: str) -> Face:
    """Noto Sans CJK, cut down to `characters`; needs the optional noto-cjk-sans-jp-regular package.

    The Japanese cut holds all the Chinese characters too, a few of them in their Japanese shape.

    Raises:
        ModuleNotFoundError: the package is not installed.
    """
    data = _read("noto_cjk_sans_jp_regular", "NotoSansCJKjp-Regular.otf")
    source = _truetype("NotoSansCJKjp", data)
    glyphs = {character: source.glyph(character) for character in sorted(set(characters))}
    for glyph in glyphs.values():
        glyph.advance = _in_thousandths(glyph.advance, CAPITALS_PER_EM)
    # A PDF wants TrueType outlines and these are CFF; at most a few hundred glyphs, so they are rebuilt.
    return _own("DrawopsNotoChinese", glyphs.get, "".join(glyphs))


def _own(name: str, find: Callable[[str], Glyph | None], characters: str) -> Face:
    """A face whose TrueType file is built from the very outlines that the raster shows."""
    held: dict[str, Glyph] = {}

    def cached(character: str) -> Glyph | None:
        if character not in held:
            found = find(character)
            if found is None:
                return None
            held[character] = found
        return held[character]

    def build() -> bytes:
        drawn = {character: cached(character) for character in characters}
        return _build(name, {character: glyph for character, glyph in drawn.items() if glyph is not None})

    return Face(name, build, CAPITALS_PER_EM, cached)


def _signed(slant: float) -> str:
    return "" if not slant else f"{'Slant' if slant > 0 else 'Back'}{abs(slant):g}".replace(".", "p")


def _read(package: str, *path: str) -> bytes:
    return resources.files(package).joinpath(*path).read_bytes()


def _rings(area: BaseGeometry) -> list[shapely.LinearRing]:
    """Exterior rings clockwise and holes counter-clockwise (y up), the TrueType order."""
    rings: list[shapely.LinearRing] = []
    for part in shapely.get_parts(area):
        if part.is_empty or part.geom_type != "Polygon":
            continue
        polygon = orient(part, sign=-1.0)
        rings += [polygon.exterior, *polygon.interiors]
    return rings


def _hershey(name: str, lean: float) -> dict[str, tuple[list[Stroke], float]]:
    """Strokes and advance of every character, in capital heights."""
    found = dict(_strokes(name))
    _compose(found, _strokes("greeks"))
    return {
        character: ([[(x + y * lean, y) for x, y in stroke] for stroke in strokes], advance)
        for character, (strokes, advance) in found.items()
    }


@lru_cache
def _strokes(name: str) -> dict[str, tuple[list[Stroke], float]]:
    fonts = HersheyFonts()
    fonts.load_default_font(name)
    options = fonts.render_options
    capital = options["base_line"] - options["cap_line"]
    found: dict[str, tuple[list[Stroke], float]] = {}
    for character, glyph in fonts.all_glyphs.items():
        strokes = [
            [((x - glyph.left_offset) / capital, (options["base_line"] - y) / capital) for x, y in stroke]
            for stroke in glyph.strokes
            if len(stroke) > 0
        ]
        found[character] = (strokes, _in_thousandths(glyph.char_width / capital, CAPITALS_PER_EM))
    found.pop("\x7f", None)
    return found


def _compose(
    found: dict[str, tuple[list[Stroke], float]], greek: dict[str, tuple[list[Stroke], float]]
) -> None:
    """Add the characters that drawings need and Hershey lacks; a Greek beta and mu do for ß and µ."""
    ring = [
        (0.2 + 0.16 * math.cos(step * math.tau / 16), 0.84 + 0.16 * math.sin(step * math.tau / 16))
        for step in range(17)
    ]
    found["°"] = ([ring], _in_thousandths(0.48, CAPITALS_PER_EM))
    plus, advance = found["+"]
    xs = [x for stroke in plus for x, _ in stroke]
    found["±"] = (
        [[(x, y + 0.1) for x, y in stroke] for stroke in plus] + [[(min(xs), 0.0), (max(xs), 0.0)]],
        advance,
    )
    strokes, advance = found["O"]
    xs = [x for stroke in strokes for x, _ in stroke]
    found["Ø"] = ([*strokes, [(min(xs), -0.06), (max(xs), 1.06)]], advance)
    for small, digit in (("²", "2"), ("³", "3")):
        strokes, advance = found[digit]
        found[small] = (
            [[(x * 0.6, y * 0.6 + 0.45) for x, y in stroke] for stroke in strokes],
            _in_thousandths(advance * 0.6, CAPITALS_PER_EM),
        )
    for letter, marked in zip("AOUaou", "ÄÖÜäöü", strict=True):
        strokes, advance = found[letter]
        points = [point for stroke in strokes for point in stroke]
        middle = (min(x for x, _ in points) + max(x for x, _ in points)) / 2
        base = max(y for _, y in points) + 0.22
        dots = [[(middle + dx, base), (middle + dx, base + 0.04)] for dx in (-0.16, 0.16)]
        found[marked] = ([*strokes, *dots], advance)
    found["ß"], found["µ"] = greek["b"], greek["l"]
    for fraction, above, below in (("½", "1", "2"), ("¼", "1", "4"), ("¾", "3", "4")):
        parts: list[Stroke] = [[(0.3, -0.05), (0.75, 1.05)]]
        for digit, x0, y0 in ((above, 0.0, 0.5), (below, 0.55, 0.0)):
            parts += [[(x0 + x * 0.5, y0 + y * 0.5) for x, y in stroke] for stroke in found[digit][0]]
        right = max(x for stroke in parts for x, _ in stroke)
        found[fraction] = (parts, _in_thousandths(right + 0.15, CAPITALS_PER_EM))
    strokes, advance = found["+"]
    left, bottom, right, top = shapely.MultiLineString(strokes).bounds
    x, y, arm = (left + right) / 2, (bottom + top) / 2, (right - left) * 0.35
    found["×"] = (
        [[(x - arm, y - arm), (x + arm, y + arm)], [(x - arm, y + arm), (x + arm, y - arm)]],
        advance,
    )
    for plain, equal in (("<", "≤"), (">", "≥")):
        strokes, advance = found[plain]
        left, bottom, right, _ = shapely.MultiLineString(strokes).bounds
        found[equal] = ([*strokes, [(left, bottom - 0.12), (right, bottom - 0.12)]], advance)


def _in_thousandths(advance: float, capital: float) -> float:
    """An advance (capital heights) rounded as a PDF states it, in whole thousandths of an em.

    Without this a line of 50 characters would end a pixel or two elsewhere in the PDF than in the picture.
    """
    return round(advance * capital * 1000) / 1000 / capital


def _truetype(name: str, data: bytes) -> Face:
    font = TTFont(io.BytesIO(data), lazy=True)
    glyph_set = font.getGlyphSet()
    names: dict[int, str] = font.getBestCmap()
    capital = _capital_height(glyph_set, names)

    def find(character: str) -> Glyph | None:
        glyph_name = names.get(ord(character))
        if glyph_name is None:
            return None
        advance = _in_thousandths(glyph_set[glyph_name].width / capital, capital / font["head"].unitsPerEm)
        return Glyph(_area(glyph_set, glyph_name, 1 / capital), advance)

    return Face(name, lambda: data, capital / font["head"].unitsPerEm, find)


def _capital_height(glyph_set: Any, names: dict[int, str]) -> float:  # noqa: ANN401 - fontTools is untyped
    return float(_area(glyph_set, names[ord("H")], 1.0).bounds[3])


def _area(glyph_set: Any, name: str, scale: float) -> BaseGeometry:  # noqa: ANN401 - fontTools is untyped
    """The inked area of a glyph by the non-zero winding rule, which TrueType and CFF share.

    Contours may overlap (the stroke of an Ø) and nest (the box in a box of 回), so they are cut into faces,
    and a face is ink where the contours around it do not turn out even.
    """
    pen = DecomposingRecordingPen(glyph_set)
    glyph_set[name].draw(pen)
    rings = [shapely.LinearRing(contour) for contour in _flatten(pen.value)]
    if not rings:
        return shapely.Polygon()
    areas = np.array([shapely.make_valid(shapely.Polygon(ring)) for ring in rings])
    turns = np.array([1 if ring.is_ccw else -1 for ring in rings])
    shapely.prepare(areas)
    faces = np.array(shapely.polygonize([shapely.node(shapely.MultiLineString(rings))]).geoms)
    inside = shapely.contains(areas[:, None], shapely.point_on_surface(faces)[None, :])
    ink = faces[turns @ inside != 0]
    return shapely.transform(shapely.union_all(ink), lambda points: points * scale)


def _flatten(commands: Iterable[tuple[str, Any]]) -> list[Contour]:
    """Straight contours from pen commands; every quadratic or cubic piece becomes `CURVE_STEPS` chords."""
    contours: list[Contour] = []
    points: list[Any] = []
    steps = np.linspace(0, 1, CURVE_STEPS + 1)[1:, None]
    for command, arguments in commands:
        given = [np.asarray(point, dtype=np.float64) for point in arguments if point is not None]
        if command == "moveTo":
            points = [given[0]]
        elif command == "lineTo":
            points.append(given[0])
        elif command == "qCurveTo":
            if arguments[-1] is None:
                # A contour of off-curve points only: it starts half-way between its last and first.
                start = (given[-1] + given[0]) / 2
                points, given = [start], [*given, start]
            controls, end = given[:-1], given[-1]
            for index, control in enumerate(controls):
                last = index == len(controls) - 1
                target = end if last else (control + controls[index + 1]) / 2
                a = points[-1]
                points.extend((1 - steps) ** 2 * a + 2 * (1 - steps) * steps * control + steps**2 * target)
        elif command == "curveTo":
            a, (b, c, d) = points[-1], given
            rest = 1 - steps
            points.extend(rest**3 * a + 3 * rest**2 * steps * b + 3 * rest * steps**2 * c + steps**3 * d)
        elif command == "closePath" and len(points) > 2:
            contours.append(np.asarray(points))
    return contours


def _build(name: str, glyphs: dict[str, Glyph]) -> bytes:
    """A TrueType file of straight-sided glyphs, the same bytes every time."""
    scale = UNITS_PER_EM * CAPITALS_PER_EM
    order = [".notdef", *(f"uni{ord(character):04X}" for character in sorted(glyphs))]
    shapes: dict[str, Any] = {".notdef": TTGlyphPen(None).glyph()}
    metrics = {".notdef": (round(0.5 * scale), 0)}
    for character in sorted(glyphs):
        glyph_name = f"uni{ord(character):04X}"
        pen = TTGlyphPen(None)
        for contour in glyphs[character].contours:
            points = [(round(x * scale), round(y * scale)) for x, y in contour]
            pen.moveTo(points[0])
            for point in points[1:]:
                pen.lineTo(point)
            pen.closePath()
        shapes[glyph_name] = pen.glyph()
        bounds = glyphs[character].bounds
        metrics[glyph_name] = (
            round(glyphs[character].advance * scale),
            round(bounds[0] * scale) if bounds else 0,
        )
    builder = FontBuilder(UNITS_PER_EM, isTTF=True)
    builder.setupGlyphOrder(order)
    builder.setupCharacterMap({ord(character): f"uni{ord(character):04X}" for character in glyphs})
    builder.setupGlyf(shapes)
    builder.setupHorizontalMetrics(metrics)
    builder.setupHorizontalHeader(ascent=round(1.4 * scale), descent=-round(0.5 * scale))
    builder.setupNameTable(
        {
            "familyName": name,
            "styleName": "Regular",
            "psName": name,
            "uniqueFontIdentifier": name,
            "fullName": name,
        }
    )
    builder.setupOS2(
        sTypoAscender=round(1.4 * scale), sTypoDescender=-round(0.5 * scale), sCapHeight=round(scale)
    )
    builder.setupPost()
    builder.font["head"].created = builder.font["head"].modified = EPOCH
    builder.font.recalcTimestamp = False
    file = io.BytesIO()
    builder.save(file)
    return file.getvalue()
