"""What makes real sheets hard is on generated ones too, and the truth stays exact under every look."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations

import cv2
import numpy as np
import pytest
import shapely
from drawops_vision.sheets import Hand, Kind, Look, Sheet, generate
from drawops_vision.sheets.faces import ALPHABET, stroked
from drawops_vision.sheets.lettering import PAIRS
from drawops_vision.sheets.model import Item, Text
from drawops_vision.sheets.raster import render
from drawops_vision.sheets.scan import WORST_SKEW, Scanner

SEEDS = range(40, 56)


@pytest.fixture(scope="module", params=list(Kind))
def texts(request: pytest.FixtureRequest) -> list[Text]:
    """The texts of sixteen A3 sheets of one kind."""
    return [text for seed in SEEDS for text in generate(seed, "A3", kind=request.param).drawing.texts]


def matching(pattern: str) -> Callable[[Text], bool]:
    return lambda text: re.fullmatch(pattern, text.string) is not None


FEATURES: dict[str, Callable[[Text], bool]] = {
    "text from bottom to top": lambda text: text.angle == -90,
    "text from top to bottom": lambda text: text.angle == 90,
    "text upside down": lambda text: text.angle == 180,
    "text that climbs": lambda text: -75 < text.angle < -15,
    "text that falls": lambda text: 15 < text.angle < 75,
    "a lone digit": matching(r"\d"),
    "a lone letter": matching("[A-Z]"),
    "letters spaced far apart": lambda text: text.spacing > 0.15,
    "condensed lettering": lambda text: text.stretch < 0.85,
    "grey ink": lambda text: text.grey > 30,
    "text that something runs through": lambda text: not text.clear,
    "a German word with an umlaut": matching(r"\w*[äöüÄÖÜß]\w+.*"),
    "a reference designation": matching(r"[=+.-]?[A-Z]\d\d(\.[A-Z]\d\d)+.*"),
    "a value of which only the unit is filled in": matching("/ (/ )?.+"),
    "two sizes": matching(r"(DN )?-?\d+ ?/ ?\d+"),
    "a value with a space before its unit": matching(r"[-+]?[\d.,]+ [a-zA-Z°µ%].*"),
    "a raised digit": matching(".*[²³].*"),
    "a decimal comma": matching(r".*\d,\d.*"),
    "a date": matching(r"\d{4}-\d\d-\d\d|\d\d?\.\d\d?\.\d{2,4}|.*-(JAN|MAY|OCT|DEC)-.*"),
    "a sentence": lambda text: text.string.count(" ") >= 4,
    "upper-case words": matching("[A-Z]{4,} [A-Z]{3,}.*"),
    "a hole or thread": matching(r"\d ?[xX] ?(Ø|M)?\d.*"),
    "large letters": lambda text: text.height > 3.5,
    "small letters": lambda text: text.height < 1.6,
}


@pytest.mark.parametrize("feature", FEATURES)
def test_sixteen_sheets_hold(feature: str, texts: list[Text]) -> None:
    assert sum(map(FEATURES[feature], texts)) >= 2


def test_part_drawings_hold_what_dimensions_need() -> None:
    strings = [
        text.string for seed in SEEDS for text in generate(seed, "A3", kind=Kind.MECHANICAL).drawing.texts
    ]
    for pattern in (
        r"\+\d*\.\d+", r"-\d*\.\d+", "0", r"R ?\d.*", r"Ø ?\d.*", r".*±0\.05", r".*°", r"M\d+.*", r".* ?H7",
        r"R[az] ?\d.*", r"\(\d.*\)", r"Ø?0\.\d+(CZ)?", "SECTION .-.|VIEW .|DETAIL .*", "MATERIAL:",
    ):  # fmt: skip
        assert any(re.fullmatch(pattern, string) for string in strings), pattern


def test_an_umlaut_is_in_every_face_and_every_face_writes_the_whole_alphabet() -> None:
    for _, ordinary, heading in PAIRS:
        for face in (ordinary(), heading()):
            assert all(face.glyph(character) is not None for character in ALPHABET)
            # Ä is an A with something above it.
            assert face.ink("Ä")[3] > face.ink("A")[3]


def test_faces_differ_from_sheet_to_sheet() -> None:
    faces = Counter(
        face.name for seed in SEEDS for face in {t.face for t in generate(seed, "A3").drawing.texts}
    )
    assert len(faces) >= 15
    assert faces.most_common(1)[0][1] <= len(SEEDS)


@pytest.mark.parametrize("kind", Kind)
def test_a_sheet_can_be_lettered_in_joined_script(kind: Kind) -> None:
    script = generate(3, "A4", kind=kind, hand=Hand.SCRIPT, hard=False)
    written = {stroked("scripts", 0.1).name, stroked("scripts", 0.13).name}
    assert {text.face.name for text in script.drawing.texts} <= written
    office = generate(3, "A4", kind=kind, hard=False)
    assert written.isdisjoint(text.face.name for text in office.drawing.texts)


def test_most_texts_stand_clear_and_some_do_not(texts: list[Text]) -> None:
    share = sum(not text.clear for text in texts) / len(texts)
    assert 0.01 < share < 0.15


def test_two_texts_may_stand_as_near_on_a_line_as_less_than_two_letters(texts: list[Text]) -> None:
    level = [text for text in texts if text.angle == 0 and text.clear]
    near = 0
    for a, b in combinations(level, 2):
        if abs(a.anchor[1] - b.anchor[1]) < 0.01:
            gap = b.bounds()[0] - a.bounds()[2]
            near += 0.8 * a.height <= gap <= 1.6 * a.height
    assert near >= 5


@pytest.mark.parametrize("kind", Kind)
def test_chinese_stands_among_the_rest_of_a_chinese_sheet(kind: Kind) -> None:
    pytest.importorskip("noto_cjk_sans_jp_regular")
    drawn = [
        text for seed in range(3) for text in generate(seed, "A3", chinese=True, kind=kind).drawing.texts
    ]
    chinese = [text for text in drawn if any(character > "\u2e80" for character in text.string)]
    assert 20 < len(chinese) < 0.5 * len(drawn)
    assert {text.angle for text in chinese} > {0, -90}


def test_a_tidy_sheet_has_none_of_it() -> None:
    for seed in range(4):
        drawn = generate(seed, "A3", hard=False).drawing.texts
        assert all(text.clear and text.grey == 0 and text.angle in (0, -90) for text in drawn)


@pytest.mark.parametrize("kind", Kind)
def test_shapes_that_look_like_letters_are_drawn_but_not_in_the_truth(kind: Kind) -> None:
    """Small separate blots of ink remain when all texts are taken away."""
    found = 0
    for seed in range(43, 47):
        sheet = generate(seed, "A3", kind=kind)
        shapes: list[Item] = [item for item in sheet.drawing.items if not isinstance(item, Text)]
        without = render(replace(sheet.drawing, items=shapes), sheet.transform)
        _, _, stats, _ = cv2.connectedComponentsWithStats((without < 128).astype(np.uint8))
        found += sum(15 < s[cv2.CC_STAT_HEIGHT] < 90 and 5 < s[cv2.CC_STAT_WIDTH] < 120 for s in stats[1:])
    assert found >= 10


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("look", Look)
def test_under_every_look_ink_is_where_the_truth_says(look: Look, kind: Kind) -> None:
    """Inside the quad of every clear black text its own glyphs differ from their paper in the picture."""
    sheet = generate(61, "A4", 300, look, kind=kind)
    picture = sheet.image.astype(np.float64)
    if sheet.scanner and sheet.scanner.inverted:
        picture = 255 - picture
    alone = render(replace(sheet.drawing, items=list(sheet.drawing.texts)), sheet.transform)
    assert alone.shape == sheet.image.shape
    contrasts = []
    for text, drawn in zip(sheet.truth, sheet.drawing.texts, strict=True):
        if not drawn.clear or drawn.grey:
            continue
        xs, ys = zip(*text.quad, strict=True)
        box = np.s_[int(min(ys)) : int(max(ys)) + 1, int(min(xs)) : int(max(xs)) + 1]
        ink, paper = alone[box] < 60, alone[box] > 250
        if ink.any() and paper.any():
            contrasts.append(picture[box][paper].mean() - picture[box][ink].mean())
    assert len(contrasts) > 30
    assert np.quantile(contrasts, 0.02) > 20


def test_each_look_has_its_fault() -> None:
    def scanners(look: Look) -> list[Scanner]:
        return [Scanner.of(seed, look) for seed in range(30)]

    assert all(abs(scanner.skew) <= 0.5 for scanner in scanners(Look.SCANNED))
    skews = [scanner.skew for scanner in scanners(Look.SKEWED)]
    assert max(map(abs, skews)) <= WORST_SKEW
    assert min(skews) < -1.5
    assert max(skews) > 1.5
    assert all(scanner.paper - scanner.toner <= 110 for scanner in scanners(Look.FADED))
    assert all(scanner.inverted for scanner in scanners(Look.INVERTED))
    assert all(scanner.folds > 0 for scanner in scanners(Look.FOLDED))
    assert all(scanner.stains > 1 for scanner in scanners(Look.STAINED))
    assert all(130 <= scanner.optical_dpi <= 180 for scanner in scanners(Look.COARSE))
    assert all(scanner.jpeg_quality <= 30 for scanner in scanners(Look.COMPRESSED))
    assert all(scanner.bilevel for scanner in scanners(Look.BILEVEL))
    assert len({scanner.bilevel for scanner in scanners(Look.WORN)}) == 2


def pictures(look: Look) -> tuple[Sheet, Sheet]:
    return generate(3, "A5", 200), generate(3, "A5", 200, look)


def test_an_inverted_sheet_is_mostly_dark() -> None:
    clean, inverted = pictures(Look.INVERTED)
    assert clean.image.mean() > 200
    assert inverted.image.mean() < 90


def test_a_bilevel_sheet_is_black_and_white() -> None:
    assert set(np.unique(pictures(Look.BILEVEL)[1].image)) == {0, 255}


def test_a_faded_sheet_has_little_contrast() -> None:
    _, faded = pictures(Look.FADED)
    low, high = np.quantile(faded.image, (0.001, 0.99))
    assert high - low < 130


def test_a_badly_skewed_sheet_is_whole() -> None:
    clean, skewed = pictures(Look.SKEWED)
    assert skewed.scanner is not None
    assert abs(skewed.scanner.skew) > 0.5
    page = shapely.box(0, 0, skewed.transform.width, skewed.transform.height)
    corners = skewed.transform.points([(0, 0), (210, 0), (210, 148), (0, 148)])
    assert page.buffer(1).contains(shapely.Polygon(corners))
    assert skewed.image.shape[0] > clean.image.shape[0]


def test_coarse_optics_lose_detail() -> None:
    scanned, coarse = generate(3, "A5", 300, Look.SCANNED), generate(3, "A5", 300, Look.COARSE)
    sharpness = [cv2.Laplacian(cv2.medianBlur(s.image, 3), cv2.CV_64F).var() for s in (scanned, coarse)]
    assert sharpness[1] < sharpness[0]
