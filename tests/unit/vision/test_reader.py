"""Reading with the real models."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import pyvips  # type: ignore[import-untyped]
from drawops.contracts.reading import Reading, Text, TextSource, WarningCode
from drawops_vision.artifact import Model
from drawops_vision.detect import Detector
from drawops_vision.evaluation import scoring
from drawops_vision.reader import Reader, _Found, angle, in_reading_order

from tests.unit.vision.drawings import FONT, image, pdf, png, sheet

DATA = Path(__file__).parents[4] / "shared" / "data"


def strings(reading: Reading) -> list[str]:
    return [text.text for page in reading.pages for text in page.texts]


def turned(degrees: float, text: str = "PUMP P-1234") -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """A page with one text turned by `degrees`, clockwise as seen on screen."""
    paper = np.full((900, 900, 3), 255, np.uint8)
    cv2.putText(paper, text, (300, 460), (0, 0, 0), FONT, 40)
    matrix = cv2.getRotationMatrix2D((450, 450), -degrees, 1)
    return np.asarray(cv2.warpAffine(paper, matrix, (900, 900), borderValue=(255, 255, 255)), np.uint8)


def only(reading: Reading) -> Text:
    (text,) = reading.pages[0].texts
    return text


@pytest.mark.parametrize("degrees", [0, -90, 90, 30, -45, 45, 75, -60])
def test_text_is_read_at_any_angle_with_its_own_top_left_first(reader: Reader, degrees: int) -> None:
    text = only(reader.read(png(turned(degrees))))
    assert text.text == "PUMP P-1234"
    assert text.angle == pytest.approx(degrees, abs=2)
    assert text.source is TextSource.OCR
    # The first corner, turned back around the page's centre, is the top-left of the level text.
    first = np.array([*text.quad[0], 1])
    back = cv2.getRotationMatrix2D((450, 450), degrees, 1) @ first
    assert back[0] == pytest.approx(300, abs=12)
    assert back[1] == pytest.approx(430, abs=12)


def test_texts_at_all_angles_on_one_page_are_read(reader: Reader) -> None:
    expected = {"TANK B-20": 0, "VALVE V-31": 90, "PUMP P-42": 180, "LINE L-53": -90, "NOTE N-64": 30}
    page = np.full((1100, 1100, 3), 255, np.uint8)
    for (text, degrees), (x, y) in zip(
        expected.items(), [(250, 150), (850, 300), (250, 900), (150, 500), (700, 750)], strict=True
    ):
        layer = np.full_like(page, 255)
        cv2.putText(layer, text, (x - 90, y + 12), (0, 0, 0), FONT, 36)
        matrix = cv2.getRotationMatrix2D((x, y), -degrees, 1)
        page = np.minimum(page, cv2.warpAffine(layer, matrix, (1100, 1100), borderValue=(255, 255, 255)))
    angles = {text.text: text.angle for text in reader.read(png(page)).pages[0].texts}
    assert angles == pytest.approx(expected, abs=2)


@pytest.mark.parametrize(("end", "expected"), [((10, 0), 0), ((0, 10), 90), ((0, -10), -90), ((-10, 0), 180)])
def test_angles_are_clockwise_on_screen_and_half_open(end: tuple[float, float], expected: float) -> None:
    quad = np.array([[0, 0], end, [0, 0], [0, 0]], np.float32)
    assert angle(quad) == expected


def test_text_across_a_seam_is_read_as_one(reader: Reader) -> None:
    """A dense page is looked at in parts; rows of shifted texts cross each seam at every letter."""
    words = ["LINE 4-WATER-1001"] * 6
    rows = [
        [(word, 30 + 17 * row + 420 * column, 60 + 60 * row) for column, word in enumerate(words)]
        for row in range(20)
    ]
    reading = reader.read(png(sheet(*[one for row in rows for one in row], width=2900, height=1300, size=34)))
    assert len(reading.pages[0].tiles) > 1
    assert strings(reading) == words * 20


ENCODINGS = {
    "jpeg": lambda i: i.jpegsave_buffer(),
    "16-bit png": lambda i: i.colourspace("rgb16").pngsave_buffer(),
    "alpha png": lambda i: i.addalpha().pngsave_buffer(),
    "1-bit G4 tiff": lambda i: i.colourspace("b-w").tiffsave_buffer(compression="ccittfax4", bitdepth=1),
    "cmyk jpeg": lambda i: i.colourspace("cmyk").jpegsave_buffer(),
}


@pytest.mark.parametrize("name", ENCODINGS)
def test_odd_encodings_are_read(reader: Reader, name: str) -> None:
    page = image(sheet(("TANK-2001", 80, 200)))
    assert strings(reader.read(bytes(ENCODINGS[name](page)))) == ["TANK-2001"]


def test_a_photo_turned_by_exif_is_read_upright(reader: Reader) -> None:
    page = image(sheet(("TANK-2001", 80, 200)).transpose(1, 0, 2)[:, ::-1].copy())  # a quarter turn clockwise
    page = page.copy()
    page.set_type(pyvips.GValue.gint_type, "orientation", 8)
    reading = reader.read(bytes(page.jpegsave_buffer()))
    assert strings(reading) == ["TANK-2001"]
    assert only(reading).angle == 0
    assert [warning.code for warning in reading.warnings] == [WarningCode.ROTATED_BY_EXIF]


def test_three_tiff_pages_give_three_results(reader: Reader) -> None:
    sheets = [sheet((f"SHEET {number}", 80, 200)) for number in (1, 2, 3)]
    joined = image(np.vstack(sheets)).copy()
    joined.set_type(pyvips.GValue.gint_type, "page-height", sheets[0].shape[0])
    reading = reader.read(bytes(joined.tiffsave_buffer()))
    assert [[text.text for text in page.texts] for page in reading.pages] == [
        ["SHEET 1"],
        ["SHEET 2"],
        ["SHEET 3"],
    ]
    assert [page.texts[0].id for page in reading.pages] == ["p1-t1", "p2-t1", "p3-t1"]


def lying(text: str, x: float, y: float, width: float, height: float) -> _Found:
    """A text in an upright box, given with its left top corner."""
    quad = np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]], np.float32)
    return _Found(quad, text, 1.0, TextSource.OCR)


def order(*found: _Found) -> list[str]:
    """Texts in reading order, which must not depend on the order in which they were found."""
    ordered = [one.text for one in in_reading_order(found)]
    assert [one.text for one in in_reading_order(found[::-1])] == ordered
    return ordered


def test_a_row_holds_what_is_less_than_half_a_height_lower_than_its_first_text() -> None:
    first = lying("first", 300, 100, 80, 20)
    assert order(first, lying("same row", 100, 109, 80, 20)) == ["same row", "first"]
    assert order(first, lying("next row", 100, 111, 80, 20)) == ["first", "next row"]


def test_a_staircase_of_texts_is_not_one_row() -> None:
    steps = [lying(str(step), 500 - 100 * step, 100 + 8 * step, 80, 20) for step in range(4)]
    assert order(*steps) == ["1", "0", "3", "2"]


def test_a_vertical_text_stands_in_the_row_of_its_middle() -> None:
    up = lying("up", 200, 20, 20, 180)
    up = _Found(np.roll(up.quad, -3, axis=0), "up", 1.0, TextSource.OCR)
    rows = [lying(f"{side}{y}", x, y, 80, 20) for y in (40, 100, 160) for side, x in (("a", 50), ("b", 300))]
    assert order(up, *rows) == ["a40", "b40", "a100", "up", "b100", "a160", "b160"]


def test_a_slanted_text_stands_in_the_row_of_its_middle() -> None:
    corners = cv2.boxPoints(((240, 110), (160, 20), 30))
    slanted = _Found(np.asarray(corners, np.float32), "slanted", 1.0, TextSource.OCR)
    rows = [lying(f"{side}{y}", x, y, 80, 20) for y in (40, 100, 160) for side, x in (("a", 50), ("b", 400))]
    assert order(slanted, *rows) == ["a40", "b40", "a100", "slanted", "b100", "a160", "b160"]


def test_no_texts_are_in_order() -> None:
    assert in_reading_order([]) == []


def test_texts_are_numbered_row_by_row_from_left_to_right(reader: Reader) -> None:
    page = sheet(("D-4", 400, 300), ("A-1", 60, 106), ("C-3", 60, 300), ("B-2", 400, 100), width=700)
    (read,) = reader.read(png(page)).pages
    assert [(text.id, text.text) for text in read.texts] == [
        ("p1-t1", "A-1"),
        ("p1-t2", "B-2"),
        ("p1-t3", "C-3"),
        ("p1-t4", "D-4"),
    ]


def test_an_empty_sheet_says_that_it_is_blank(reader: Reader) -> None:
    reading = reader.read(png(sheet()))
    assert strings(reading) == []
    assert [warning.code for warning in reading.warnings] == [WarningCode.BLANK_PAGE]


def test_tiny_text_is_reported_as_hard_to_read(reader: Reader) -> None:
    words = [("VALVE", 40 + 90 * column, 40 + 40 * row) for row in range(8) for column in range(5)]
    reading = reader.read(png(sheet(*words, size=8)))
    assert [warning.code for warning in reading.warnings] == [WarningCode.LOW_RESOLUTION]


def test_a_scan_in_a_pdf_is_recognised_and_the_text_layer_copied(reader: Reader) -> None:
    scan = image(sheet(("PUMP P-1234", 80, 200))).jpegsave_buffer(Q=95)
    content = b"q 150 0 0 112 20 60 cm /I Do Q BT /F 14 Tf 20 20 Td (Title: O0Il1) Tj ET"
    (page,) = reader.read(pdf(content, jpeg=(scan, 640, 480))).pages
    assert [(text.text, text.source.value) for text in page.texts] == [
        ("PUMP P-1234", "ocr"),
        ("Title: O0Il1", "text-layer"),
    ]


def test_a_scanners_hidden_text_does_not_double_what_is_seen(reader: Reader) -> None:
    scan = image(sheet(("PUMP P-1234", 80, 200))).jpegsave_buffer(Q=95)
    content = b"BT 3 Tr /F 8 Tf 39 125 Td (PUNP P-I234) Tj ET q 150 0 0 112 20 60 cm /I Do Q"
    reading = reader.read(pdf(content, jpeg=(scan, 640, 480)))
    assert strings(reading) == ["PUMP P-1234"]
    assert [warning.code for warning in reading.warnings] == [WarningCode.TEXT_LAYER_IGNORED]


def test_pixels_under_a_text_layer_string_are_not_read_again(reader: Reader) -> None:
    scan = image(sheet(("PUMP P-1234", 80, 200))).jpegsave_buffer(Q=95)
    # The same words lie visibly over the scanned ones.
    content = b"q 150 0 0 112 20 60 cm /I Do Q BT 0.6 g /F 7.5 Tf 38 125 Td (PUMP P-1234) Tj ET"
    (page,) = reader.read(pdf(content, jpeg=(scan, 640, 480))).pages
    assert [(text.text, text.source) for text in page.texts] == [("PUMP P-1234", TextSource.TEXT_LAYER)]


def test_a_reading_survives_its_json(reader: Reader) -> None:
    reading = reader.read(png(sheet(("TANK-2001", 80, 200))))
    assert Reading.model_validate_json(reading.model_dump_json()) == reading
    assert reading.model == reader.model


def test_giving_up_ends_a_reading(reader: Reader) -> None:
    def check() -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        reader.read(png(sheet()), check)


def test_the_answer_does_not_depend_on_what_was_read_before(reader: Reader) -> None:
    data = png(sheet(("TANK-2001", 80, 200), ("P-1234", 300, 400)))
    first = reader.read(data)
    reader.read(png(turned(30)))
    assert reader.read(data).pages[0].texts == first.pages[0].texts


@pytest.mark.skipif(not DATA.exists(), reason="the labelled drawings are not here")
def test_a_real_sheet_is_read_as_well_as_was_measured(reader: Reader) -> None:
    labels = scoring.read_labels(DATA / "dexpi" / "Label.txt")
    name = next(name for name in labels if "E06V01" in name)
    reading = reader.read((DATA / "dexpi" / name).read_bytes())
    result = scoring.score(labels[name], reading.pages[0].texts)
    assert result.f1 >= 0.93  # 0.951 measured


def test_detection_is_blind_to_whether_a_page_is_grey_or_colour(reader: Reader, model_dir: Path) -> None:
    page = sheet(("TANK-2001", 80, 200))
    detector = Detector(Model(model_dir), threads=2)
    assert np.array_equal(detector.tile_probability(page), detector.tile_probability(page[:, :, 0].copy()))
