"""PDFs whose text layer does not say what the page shows, checked with the real recogniser."""

import io
import random
import string
from collections.abc import Callable
from pathlib import Path
from typing import Literal, cast

import cv2
import numpy as np
import pypdf
import pytest
from drawops.contracts.reading import WarningCode
from drawops_vision import rasterise
from drawops_vision.artifact import Model
from drawops_vision.rasterise import LineReader, PageImage
from drawops_vision.recognise import Recogniser
from numpy.typing import NDArray
from pypdf.generic import DictionaryObject, NameObject, StreamObject
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from tests.unit.vision.drawings import image, pdf, sheet

WIDTH, HEIGHT = 300, 200
PUMPS = ("PUMP P-1234", "VALVE V-77", "DN 150 PN 16", "TANK T-2001")


@pytest.fixture(scope="module")
def line_reader(model_dir: Path) -> LineReader:
    model = Model(model_dir)
    recogniser = Recogniser(model, threads=1)
    return LineReader(
        lambda lines: [(one.text, one.confidence) for one in recogniser.lines(lines)],
        frozenset(model.classes),
    )


def drawn(draw: Callable[[Canvas], None], fonts: dict[str, bytes] | None = None, **entries: int) -> bytes:
    """A PDF page; `fonts` gives ToUnicode tables by font name, `entries` are set on the page."""
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=(WIDTH, HEIGHT))
    draw(canvas)
    canvas.save()
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(out.getvalue()))
    page = writer.pages[0]
    for font in cast(DictionaryObject, page["/Resources"]).get("/Font", DictionaryObject()).values():
        table = (fonts or {}).get(font.get_object()["/BaseFont"][1:])
        if table:
            stream = StreamObject()
            stream.set_data(table)
            font.get_object()[NameObject("/ToUnicode")] = writer._add_object(stream)
    for name, value in entries.items():
        page[NameObject(f"/{name}")] = pypdf.generic.NumberObject(value)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def to_unicode(table: dict[str, str]) -> bytes:
    """A CMap by which one-byte codes (Latin-1) stand for other strings."""
    lines = "\n".join(f"<{ord(code):02X}> <{text.encode('utf-16-be').hex()}>" for code, text in table.items())
    return (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap\n"
        "/CMapName /X def /CMapType 2 def\n1 begincodespacerange <00> <FF> endcodespacerange\n"
        f"{len(table)} beginbfchar\n{lines}\nendbfchar\nendcmap end end"
    ).encode()


def shuffled() -> bytes:
    letters = string.ascii_uppercase + string.digits
    return to_unicode(dict(zip(letters, random.Random(1).sample(letters, len(letters)), strict=True)))


def only(data: bytes, reader: LineReader | None) -> PageImage:
    (page,) = rasterise.pages(data, reader=reader)
    return page


def layer(page: PageImage) -> list[str]:
    return [text.text for text in page.layer]


def codes(page: PageImage) -> list[WarningCode]:
    return [warning.code for warning in page.warnings]


def rows(canvas: Canvas, texts: tuple[str, ...] = PUMPS, font: str = "Helvetica", x: float = 20) -> None:
    canvas.setFont(font, 12)
    for number, text in enumerate(texts):
        canvas.drawString(x, 160 - 25 * number, text)


def shows(page: PageImage, x: float, y: float, reader: LineReader, width: float = 110) -> str:
    """What the recogniser reads in the page's pixels on a 12-pt line that starts at x, y (points)."""
    scale = 300 / 72
    left, right = round((x - 2) * scale), round((x + width) * scale)
    top, bottom = round((HEIGHT - y - 12) * scale), round((HEIGHT - y + 4) * scale)
    ((text, _),) = reader.lines([np.ascontiguousarray(page.pixels[top:bottom, left:right])])
    return text


def scan(*texts: tuple[str, int, int]) -> ImageReader:
    return ImageReader(io.BytesIO(bytes(image(sheet(*texts)).jpegsave_buffer(Q=95))))


# --- Layers that are right ---


def test_an_honest_layer_is_believed_without_a_warning(line_reader: LineReader) -> None:
    page = only(drawn(rows), line_reader)
    assert layer(page) == list(PUMPS)
    assert page.warnings == ()
    assert (page.pixels == 255).all()


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_an_honest_layer_is_believed_on_turned_pages_and_at_any_angle(
    line_reader: LineReader, rotation: int
) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.setFont("Helvetica", 12)
        for degrees in (0, 30, 90, 135, 200, 270):
            canvas.saveState()
            canvas.translate(150, 100)
            canvas.rotate(degrees)
            canvas.drawString(20, 0, f"P-{degrees} OUT")
            canvas.restoreState()

    page = only(drawn(draw, Rotate=rotation), line_reader)
    assert sorted(layer(page)) == sorted(f"P-{degrees} OUT" for degrees in (0, 30, 90, 135, 200, 270))
    assert page.warnings == ()


def test_mirrored_text_is_exact_for_the_recogniser_could_not_read_it(line_reader: LineReader) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.translate(200, 0)
        canvas.scale(-1, 1)
        rows(canvas)

    page = only(drawn(draw), line_reader)
    assert sorted(layer(page)) == sorted(PUMPS)
    assert page.warnings == ()
    for text in page.layer:
        across, down = text.quad[1] - text.quad[0], text.quad[3] - text.quad[0]
        assert across[0] * down[1] - across[1] * down[0] > 0  # clockwise all the same


def test_text_over_lines_and_white_on_black_is_believed(line_reader: LineReader) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.rect(10, 60, 150, 130, fill=1)
        for y in range(60, 190, 4):
            canvas.setStrokeColorRGB(0.5, 0.5, 0.5)
            canvas.line(10, y, 160, y + 9)
        canvas.setFillColorRGB(1, 1, 1)
        rows(canvas)

    page = only(drawn(draw), line_reader)
    assert layer(page) == list(PUMPS)
    assert page.warnings == ()


def test_fake_bold_type_is_one_string_and_leaves_no_ghost(line_reader: LineReader) -> None:
    def draw(canvas: Canvas) -> None:
        for shift in (0, 0.2, 0.4, 1.5):
            rows(canvas, x=20 + shift)

    page = only(drawn(draw), line_reader)
    assert layer(page) == list(PUMPS)
    assert (page.pixels == 255).all()


def test_strings_come_as_a_person_would_type_them(line_reader: LineReader) -> None:
    table = to_unicode(
        {
            "f": "\ufb01", "u": "u\u0308", "-": "\u00ad", "_": "\u2011",
            "*": "\u00a0", "o": "\u00ba", "z": "\u200b", "a": "\u02da",
        }
    )  # fmt: skip
    typed = {"f": "fi", "Tur": "Tür", "P-1_2": "P-1-2", "A*B": "A B", "25oC": "25°C", "5aC": "5°C"}

    def draw(canvas: Canvas) -> None:
        rows(canvas, tuple(typed))
        rows(canvas, ("No", "Xz"), x=150)

    page = only(drawn(draw, {"Helvetica": table}), None)
    assert sorted(layer(page)) == sorted([*typed.values(), "Nº", "X"])


def test_a_line_that_ends_in_a_hyphen_is_not_lost() -> None:
    page = only(pdf(b"BT /F 20 Tf 22 TL 50 100 Td (long-) Tj T* (word) Tj ET"), None)
    assert layer(page) == ["long-", "word"]


# --- Text that is not seen, or not all of it ---


def test_a_string_is_cut_to_what_its_table_cell_shows(line_reader: LineReader) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.setFont("Helvetica", 12)
        for column, text in enumerate(("HEAT EXCHANGER", "POSITIVE PUMP")):
            canvas.saveState()
            cell = canvas.beginPath()
            cell.rect(20 + 60 * column, 95, 60, 20)
            canvas.clipPath(cell)
            canvas.drawString(22 + 60 * column, 100, text)
            canvas.restoreState()

    page = only(drawn(draw), line_reader)
    assert layer(page) == ["HEAT EXC", "POSITIVE"]
    first, second = (text.quad for text in page.layer)
    assert first[1, 0] <= 80 * 300 / 72 + 2
    assert second[0, 0] == pytest.approx(82 * 300 / 72, abs=8)


def test_text_half_behind_a_picture_is_cut_to_the_half_that_shows(line_reader: LineReader) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.setFont("Helvetica", 12)
        canvas.drawString(20, 100, "PUMP STATION")
        canvas.setFillColorRGB(1, 1, 1)
        canvas.rect(20 + canvas.stringWidth("PUMP ", "Helvetica", 12) - 1, 90, 200, 40, stroke=0, fill=1)

    assert layer(only(drawn(draw), line_reader)) == ["PUMP"]


def test_text_outside_the_page_is_not_reported(line_reader: LineReader) -> None:
    def draw(canvas: Canvas) -> None:
        rows(canvas)
        canvas.drawString(-200, 100, "OUTSIDE LEFT")
        canvas.drawString(100, 600, "OUTSIDE ABOVE")
        canvas.drawString(WIDTH - 40, 20, "EDGE CUTS ME")

    cut = next(text for text in layer(only(drawn(draw), line_reader)) if text not in PUMPS)
    assert "EDGE CUTS ME".startswith(cut)
    assert 4 <= len(cut) <= 6


def test_specks_and_text_without_size_are_not_reported(line_reader: LineReader) -> None:
    def draw(canvas: Canvas) -> None:
        for size in (0, 0.1):
            canvas.setFont("Helvetica", size)
            canvas.drawString(150, 100, "HIDDEN KEYWORDS")
        rows(canvas)

    assert layer(only(drawn(draw), line_reader)) == list(PUMPS)


def test_white_text_over_other_text_does_not_borrow_its_ink(line_reader: LineReader) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.setFillColorRGB(1, 1, 1)
        rows(canvas, ("WRONG W-0000",))
        canvas.setFillColorRGB(0, 0, 0)
        rows(canvas)

    page = only(drawn(draw), line_reader)
    assert layer(page) == list(PUMPS)
    assert codes(page) == [WarningCode.TEXT_LAYER_IGNORED]


@pytest.mark.parametrize("mode", [3, 7])
def test_a_wrong_invisible_layer_over_a_scan_is_left_to_the_recogniser(
    line_reader: LineReader, mode: Literal[3, 7]
) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.drawImage(scan(("PUMP P-1234", 83, 167)), 0, 0, WIDTH, HEIGHT)
        text = canvas.beginText(39, 130)
        text.setFont("Helvetica", 12)
        text.setTextRenderMode(mode)
        text.textLine("PUNP P-I284")
        canvas.drawText(text)

    page = only(drawn(draw), line_reader)
    assert page.layer == ()
    assert codes(page) == [WarningCode.TEXT_LAYER_IGNORED]
    assert shows(page, 37, 130, line_reader) == "PUMP P-1234"


# --- Visible lies ---


def test_a_font_with_a_scrambled_table_is_read_by_ocr_instead(line_reader: LineReader) -> None:
    data = drawn(rows, {"Helvetica": shuffled()})
    assert len(only(data, None).layer) == 4  # nothing but the picture tells
    page = only(data, line_reader)
    assert page.layer == ()
    (warning,) = page.warnings
    assert warning.code is WarningCode.TEXT_LAYER_DISTRUSTED
    assert warning.message == (
        "The PDF's text layer says other things than the page shows in the font Helvetica (0 of 4 samples "
        "agree); 4 strings were read by OCR instead."
    )
    assert shows(page, 20, 160, line_reader) == "PUMP P-1234"


def test_one_bad_font_does_not_spoil_the_others_on_its_page(line_reader: LineReader) -> None:
    def draw(canvas: Canvas) -> None:
        rows(canvas)
        rows(canvas, ("COOLER 5", "FILTER 8"), "Courier", x=150)

    page = only(drawn(draw, {"Courier": shuffled()}), line_reader)
    assert layer(page) == list(PUMPS)
    assert shows(page, 150, 160, line_reader) == "COOLER 5"
    assert shows(page, 20, 160, line_reader) != "PUMP P-1234"  # exact already, so not drawn
    assert "in the font Courier (0 of 2 samples agree); 2 strings" in page.warnings[0].message


def test_a_font_with_a_single_lying_word_is_found_out_too(line_reader: LineReader) -> None:
    def draw(canvas: Canvas) -> None:
        rows(canvas)
        rows(canvas, ("COOLER",), "Courier", x=150)

    assert layer(only(drawn(draw, {"Courier": shuffled()}), line_reader)) == list(PUMPS)


def test_a_table_with_one_wrong_digit_is_found_out(line_reader: LineReader) -> None:
    tags = ("P-4711", "V-4502", "T-2044", "W-1234", "X-4123")

    def draw(canvas: Canvas) -> None:
        rows(canvas, tags)

    page = only(drawn(draw, {"Helvetica": to_unicode({"4": "9"})}), line_reader)
    assert page.layer == ()
    assert codes(page) == [WarningCode.TEXT_LAYER_DISTRUSTED]


def test_a_symbol_encoded_as_letters_is_read_as_what_it_shows(line_reader: LineReader) -> None:
    def draw(canvas: Canvas) -> None:
        rows(canvas)
        rows(canvas, ("123", "456", "789"), "Courier", x=200)

    table = to_unicode(dict(zip("123456789", "abcdefghi", strict=True)))
    page = only(drawn(draw, {"Courier": table}), line_reader)
    assert layer(page) == list(PUMPS)
    assert shows(page, 200, 160, line_reader, width=40) == "123"


def test_characters_that_the_recogniser_does_not_know_are_no_reason_for_distrust(
    line_reader: LineReader,
) -> None:
    table = to_unicode({"A": "\u0416", "B": "\u0436", "C": "\u05d0"})
    page = only(drawn(lambda canvas: rows(canvas, ("ABC", "CAB")), {"Helvetica": table}), line_reader)
    assert layer(page) == ["\u0416\u0436\u05d0", "\u05d0\u0416\u0436"]
    assert page.warnings == ()


def test_outlined_text_on_a_page_with_a_layer_stays_in_the_picture(line_reader: LineReader) -> None:
    outline = scan(("TANK-2001", 83, 167))

    def draw(canvas: Canvas) -> None:
        canvas.drawImage(outline, 0, 0, WIDTH, HEIGHT)
        canvas.setFont("Helvetica", 12)
        canvas.drawString(20, 20, "TITLE BLOCK")

    page = only(drawn(draw), line_reader)
    assert layer(page) == ["TITLE BLOCK"]
    assert shows(page, 37, 130, line_reader) == "TANK-2001"


def type3(table: bytes | None) -> bytes:
    """A page that writes "HLT" twice in a Type 3 font whose glyphs are drawn by paths."""
    glyphs = {
        "H": b"700 0 0 0 600 700 d1 0 0 100 700 re 500 0 100 700 re 0 300 600 100 re f",
        "L": b"700 0 0 0 600 700 d1 0 0 100 700 re 0 0 600 100 re f",
        "T": b"700 0 0 0 600 700 d1 250 0 100 700 re 0 600 600 100 re f",
    }
    writer = pypdf.PdfWriter()
    page = writer.add_blank_page(WIDTH, HEIGHT)
    procedures = DictionaryObject()
    for name, content in glyphs.items():
        stream = StreamObject()
        stream.set_data(content)
        procedures[NameObject(f"/{name}")] = writer._add_object(stream)
    numbers = pypdf.generic.ArrayObject
    font = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Font"),
            NameObject("/Subtype"): NameObject("/Type3"),
            NameObject("/FontBBox"): numbers([pypdf.generic.NumberObject(n) for n in (0, 0, 0, 0)]),
            NameObject("/FontMatrix"): numbers(
                [pypdf.generic.FloatObject(n) for n in (0.001, 0, 0, 0.001, 0, 0)]
            ),
            NameObject("/CharProcs"): procedures,
            NameObject("/Encoding"): DictionaryObject(
                {
                    NameObject("/Differences"): numbers(
                        entry
                        for code, name in ((72, "/H"), (76, "/L"), (84, "/T"))
                        for entry in (pypdf.generic.NumberObject(code), NameObject(name))
                    )
                }
            ),
            NameObject("/FirstChar"): pypdf.generic.NumberObject(72),
            NameObject("/LastChar"): pypdf.generic.NumberObject(84),
            NameObject("/Widths"): numbers([pypdf.generic.NumberObject(700)] * 13),
        }
    )
    if table:
        stream = StreamObject()
        stream.set_data(table)
        font[NameObject("/ToUnicode")] = writer._add_object(stream)
    body = StreamObject()
    body.set_data(b"BT /X 16 Tf 40 100 Td (HLT) Tj 0 -40 Td (THL) Tj ET")
    page[NameObject("/Contents")] = writer._add_object(body)
    page[NameObject("/Resources")] = DictionaryObject(
        {NameObject("/Font"): DictionaryObject({NameObject("/X"): font})}
    )
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def test_a_type_3_font_gives_strings_where_its_ink_is(line_reader: LineReader) -> None:
    page = only(type3(None), line_reader)
    assert layer(page) == ["HLT", "THL"]
    shown: NDArray[np.uint8] = rasterise.render_page(type3(None), 1)
    ink = cv2.boundingRect(np.asarray(shown[: shown.shape[0] * 5 // 8] < 128, np.uint8))
    box = cv2.boundingRect(page.layer[0].quad)
    left, right = max(ink[0], box[0]), min(ink[0] + ink[2], box[0] + box[2])
    top, bottom = max(ink[1], box[1]), min(ink[1] + ink[3], box[1] + box[3])
    common = max(0, right - left) * max(0, bottom - top)
    assert common / (ink[2] * ink[3] + box[2] * box[3] - common) > 0.7


def test_a_type_3_font_with_a_wrong_table_is_read_by_ocr_instead(line_reader: LineReader) -> None:
    page = only(type3(to_unicode({"H": "q", "L": "8", "T": "?"})), line_reader)
    assert page.layer == ()
    assert shows(page, 40, 100, line_reader, width=40) == "HLT"


def test_a_block_that_is_used_twice_is_read_in_both_places(line_reader: LineReader) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.beginForm("block", 0, 0, WIDTH, HEIGHT)
        rows(canvas, ("PUMP P-1234",))
        canvas.endForm()
        canvas.doForm("block")
        canvas.translate(250, 0)
        canvas.rotate(90)
        canvas.doForm("block")

    data = drawn(draw)
    page = only(data, line_reader)
    assert layer(page) == ["PUMP P-1234"] * 2
    assert (page.pixels == 255).all()
    ink = rasterise.render_page(data, 1) < 128
    for text in page.layer:
        inside = np.zeros(ink.shape, np.uint8)
        cv2.fillConvexPoly(inside, text.quad.round().astype(np.int32), (1,))
        assert ink[inside == 1].any()
        ink[cv2.dilate(inside, np.ones((5, 5), np.uint8)) == 1] = False
    assert not ink.any()


def test_a_wrong_layer_is_shown_to_the_recogniser_inside_blocks_too(line_reader: LineReader) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.beginForm("block", 0, 0, WIDTH, HEIGHT)
        rows(canvas)
        canvas.endForm()
        canvas.doForm("block")

    data = drawn(draw)
    table = shuffled()
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(data))
    for one in writer._objects:
        if isinstance(one, DictionaryObject) and one.get("/BaseFont") == "/Helvetica":
            stream = StreamObject()
            stream.set_data(table)
            one[NameObject("/ToUnicode")] = writer._add_object(stream)
            break
    out = io.BytesIO()
    writer.write(out)
    page = only(out.getvalue(), line_reader)
    assert page.layer == ()
    assert shows(page, 20, 160, line_reader) == "PUMP P-1234"


def test_one_show_operator_a_character_makes_whole_strings(line_reader: LineReader) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.setFont("Helvetica", 12)
        for row, text in enumerate(PUMPS):
            x = 20.0
            for character in text:
                canvas.drawString(x, 160 - 25 * row, character)
                x += canvas.stringWidth(character, "Helvetica", 12)

    page = only(drawn(draw), line_reader)
    assert layer(page) == list(PUMPS)
    assert page.warnings == ()
