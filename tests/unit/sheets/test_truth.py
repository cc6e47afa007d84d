"""The ground truth of generated sheets, held against the pixels and against the PDF's text layer."""

import io
from collections import Counter
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt
import pypdfium2 as pdfium  # type: ignore[import-untyped]
import pytest
import shapely
from drawops_vision.sheets import Kind, Look, Sheet, TruthText, generate
from drawops_vision.sheets.model import Drawing
from drawops_vision.sheets.raster import Transform, render

Image = npt.NDArray[np.uint8]

CASES = [
    (1, "A3", Look.CLEAN, Kind.PID),
    (2, "A3", Look.CLEAN, Kind.MECHANICAL),
    (3, "A3", Look.SCANNED, Kind.PID),
    (4, "A4", Look.SCANNED, Kind.MECHANICAL),
    (5, "A2", Look.CLEAN, Kind.PID),
    (6, "A4", Look.SKEWED, Kind.PID),
    (7, "A3", Look.SKEWED, Kind.MECHANICAL),
]
LIGHT = 200
"""Darker is ink; the rest is the pale rim of anti-aliasing."""


@pytest.fixture(scope="module", params=CASES, ids=lambda case: "-".join(map(str, case)))
def sheet(request: pytest.FixtureRequest) -> Sheet:
    seed, size, look, kind = request.param
    return generate(seed, size, look=look, kind=kind)


def texts_alone(sheet: Sheet) -> Image:
    """The sheet's texts and nothing else, without the scanner's noise but with its skew."""
    drawing = replace(sheet.drawing, items=list(sheet.drawing.texts))
    return render(drawing, sheet.transform)


def clear(sheet: Sheet) -> list[TruthText]:
    """The truth without the texts that something is drawn into on purpose."""
    return [text for text, drawn in zip(sheet.truth, sheet.drawing.texts, strict=True) if drawn.clear]


def mask(shape: tuple[int, ...], quads: list[TruthText], grow: float) -> npt.NDArray[np.bool_]:
    """True inside the quads, each grown by `grow` pixels on every side."""
    inside = np.zeros(shape, dtype=np.uint8)
    for text in quads:
        polygon = shapely.Polygon(text.quad).buffer(grow, join_style="mitre")
        points = np.round((np.asarray(polygon.exterior.coords) - 0.5) * 32).astype(np.int32)
        cv2.fillPoly(inside, [points], 1, cv2.LINE_8, 5)
    return inside.astype(bool)


def upright(image: Image, text: TruthText, margin: int) -> Image:
    """What lies under the quad, turned so that it reads from left to right, with `margin` pixels around."""
    quad = np.asarray(text.quad)
    width, height = np.linalg.norm(quad[1] - quad[0]), np.linalg.norm(quad[3] - quad[0])
    target = np.array([[margin, margin], [margin + width, margin], [margin, margin + height]])
    matrix = cv2.getAffineTransform(
        (quad[[0, 1, 3]] - 0.5).astype(np.float32), (target - 0.5).astype(np.float32)
    )
    size = (round(width) + 2 * margin, round(height) + 2 * margin)
    return np.asarray(
        cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR, borderValue=255), dtype=np.uint8
    )


def assert_tight(image: Image, text: TruthText, play: float) -> None:
    """Ink reaches all four sides of the quad to within `play` pixels."""
    ink = np.argwhere(upright(image, text, 0) < LIGHT)
    assert len(ink), text
    (top, left), (bottom, right) = ink.min(axis=0), ink.max(axis=0)
    quad = np.asarray(text.quad)
    width, height = np.linalg.norm(quad[1] - quad[0]), np.linalg.norm(quad[3] - quad[0])
    assert max(left, top, width - (right + 1), height - (bottom + 1)) <= play, text


def test_nothing_of_a_text_lies_outside_its_quad(sheet: Sheet) -> None:
    alone = texts_alone(sheet)
    assert not (alone[~mask(alone.shape, sheet.truth, 1.0)] < LIGHT).any()


def test_every_quad_is_tight_around_its_ink(sheet: Sheet) -> None:
    alone = texts_alone(sheet)
    for text in sheet.truth:
        assert_tight(alone, text, 1.5)


def test_nothing_but_the_text_is_inside_the_quad_of_a_clear_one(sheet: Sheet) -> None:
    """No pipe, frame line or symbol was drawn through it, over it or under it."""
    clean = render(sheet.drawing, sheet.transform)
    inside = mask(clean.shape, clear(sheet), 0.0)
    # A rim of anti-aliasing may reach in; it is too pale to see.
    assert np.abs(clean[inside].astype(int) - texts_alone(sheet)[inside]).max() < 32


def test_the_scan_shows_its_ink_where_the_truth_says(sheet: Sheet) -> None:
    """In the picture itself, noise and all, every quad is darker than the rim around it."""
    for text, drawn in zip(sheet.truth, sheet.drawing.texts, strict=True):
        if drawn.grey or not drawn.clear:
            continue
        grown = upright(sheet.image, text, 4)
        core = grown[4:-4, 4:-4]
        # Not the median of the rim: an underline may lie in it.
        paper = float(np.percentile(grown, 90))
        assert float(core.min()) < paper - 80, text
        # Rows and columns just outside a tight quad hold hardly any ink of it.
        assert float(np.mean(core < paper - 60)) > 0.05, text


def test_a_scan_that_ignores_its_skew_in_the_truth_would_be_noticed() -> None:
    sheet = generate(3, look=Look.SCANNED)
    assert sheet.scanner is not None
    assert abs(sheet.scanner.skew) > 0.1
    straight = Transform.of(sheet.drawing, sheet.dpi)
    drawing = replace(sheet.drawing, items=list(sheet.drawing.texts))
    assert (render(drawing, straight)[~mask(sheet.image.shape, sheet.truth, 1.0)] < LIGHT).any()


@pytest.mark.parametrize("size", ["A5", "A4", "A3"])
def test_clear_texts_neither_overlap_nor_leave_the_sheet(size: str) -> None:
    for seed in range(100, 115):
        sheet = generate(seed, size, look=Look.SCANNED)
        polygons = [shapely.Polygon(text.quad) for text in clear(sheet)]
        first, second = shapely.STRtree(polygons).query(polygons, predicate="intersects")
        texts = clear(sheet)
        clashes = [(texts[a].text, texts[b].text) for a, b in zip(first, second, strict=True) if a < b]
        assert not clashes, f"seed {seed}"
        whole = shapely.box(0, 0, sheet.transform.width, sheet.transform.height)
        assert all(whole.contains(shapely.Polygon(text.quad)) for text in sheet.truth), f"seed {seed}"


@pytest.mark.parametrize("seed", range(4))
def test_the_text_layer_of_the_pdf_is_the_truth(seed: int) -> None:
    """Copying the text inside a quad out of the PDF gives the string, and there is no other text."""
    sheet = generate(seed, "A3", hard=False)
    page = pdfium.PdfDocument(sheet.pdf())[0]
    layer = page.get_textpage()
    height, scale = page.get_height(), 72 / sheet.dpi
    for text in sheet.truth:
        xs, ys = zip(*text.quad, strict=True)
        box = (min(xs) - 1, min(ys) - 1, max(xs) + 1, max(ys) + 1)
        left, top, right, bottom = (value * scale for value in box)
        assert layer.get_text_bounded(left, height - bottom, right, height - top).strip() == text.text
    characters = "".join(layer.get_text_bounded().split())
    assert len(characters) == sum(len("".join(text.text.split())) for text in sheet.truth)


@pytest.mark.parametrize("kind", Kind)
def test_the_text_layer_of_a_hard_sheet_holds_every_character_of_the_truth(kind: Kind) -> None:
    """Where texts overlap a viewer mixes them up, but nothing is added, lost or changed."""
    sheet = generate(7, "A3", kind=kind)
    layer = pdfium.PdfDocument(sheet.pdf())[0].get_textpage().get_text_range()
    assert Counter("".join(layer.split())) == Counter(
        "".join("".join(text.text.split()) for text in sheet.truth)
    )


@pytest.mark.parametrize("seed", range(4))
def test_the_truth_holds_for_the_pdf_rendered_at_the_sheets_resolution(seed: int) -> None:
    """A renderer sets glyphs on whole pixels, so two pixels of play instead of one and a half."""
    sheet = generate(seed, "A3")
    alone = replace(sheet, drawing=replace(sheet.drawing, items=list(sheet.drawing.texts)))
    page = pdfium.PdfDocument(alone.pdf())[0]
    rendered = np.asarray(page.render(scale=sheet.dpi / 72, grayscale=True).to_pil())
    assert rendered.shape == sheet.image.shape
    assert not (rendered[~mask(rendered.shape, sheet.truth, 2.0)] < LIGHT).any()
    for text in sheet.truth:
        assert_tight(rendered, text, 2.0)


def test_chinese_notes_are_in_the_picture_and_in_the_text_layer() -> None:
    sheet = generate(1, "A3", chinese=True)
    chinese = [text for text in sheet.truth if any(character > "\u2e80" for character in text.text)]
    assert len(chinese) > 3
    alone = texts_alone(sheet)
    layer = pdfium.PdfDocument(sheet.pdf())[0].get_textpage().get_text_range()
    for text in chinese:
        assert_tight(alone, text, 1.5)
        assert text.text in layer
    assert not (alone[~mask(alone.shape, sheet.truth, 1.0)] < LIGHT).any()


def test_two_texts_on_a_line_stand_apart() -> None:
    """Nearer than a letter they would read as one string, which the truth then could not call wrong."""
    for seed in range(6):
        texts = [text for text in generate(seed, "A3").drawing.texts if text.angle == 0 and text.clear]
        boxes = np.array([text.bounds() for text in texts])
        for text, (_, y0, x1, y1) in zip(texts, boxes, strict=True):
            beside = np.minimum(y1, boxes[:, 3]) - np.maximum(y0, boxes[:, 1]) > 0.5 * text.height
            right_of = boxes[:, 0] >= x1
            gaps = boxes[beside & right_of, 0] - x1
            assert (gaps > 0.7 * text.height).all(), (seed, text.string)


def test_on_a_tidy_sheet_text_along_a_riser_reads_upwards_and_all_other_from_left_to_right() -> None:
    angles = {text.angle for seed in range(3) for text in generate(seed, "A3", hard=False).truth}
    assert angles == {0.0, -90.0}


def test_quads_run_clockwise_from_the_texts_own_top_left() -> None:
    for text in generate(1, "A3").truth:
        (x0, y0), (x1, y1), (x2, y2), _ = text.quad
        assert (x1 - x0) * (y2 - y1) - (y1 - y0) * (x2 - x1) > 0, text
        reading = np.degrees(np.arctan2(y1 - y0, x1 - x0))
        assert reading == pytest.approx(text.angle, abs=1e-6)


def test_a_scanned_pdf_has_the_picture_and_no_text_layer() -> None:
    sheet = generate(6, "A4", 150, Look.SCANNED)
    page = pdfium.PdfDocument(sheet.pdf())[0]
    assert page.get_textpage().count_chars() == 0
    rendered = page.render(scale=sheet.dpi / 72, grayscale=True).to_pil()
    assert abs(rendered.width - sheet.transform.width) <= 1
    assert np.asarray(rendered).mean() == pytest.approx(sheet.image.mean(), abs=3)


def test_bilevel_tiff_is_black_and_white_and_legible() -> None:
    from PIL import Image as Pillow

    sheet = generate(6, "A5", 150, Look.CLEAN)
    with Pillow.open(io.BytesIO(sheet.tiff(bilevel=True))) as picture:
        assert (picture.mode, picture.info["compression"]) == ("1", "group4")
        shown = np.asarray(picture.convert("L"))
    assert np.array_equal(shown < 128, sheet.image < 128)


def test_an_empty_drawing_has_no_truth() -> None:
    empty = Sheet(Drawing(100, 50), 100)
    assert empty.truth == []
    assert empty.image.min() == 255
