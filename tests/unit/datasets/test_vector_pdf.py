"""Vector PDFs give labels that lie on the ink of the rendered page."""

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from drawops.contracts.labels import LabelSource
from drawops_vision.datasets import vector_pdf
from drawops_vision.datasets.conversion import Conversion
from drawops_vision.datasets.folder import BadDataset
from drawops_vision.rasterise import LineReader
from drawops_vision.sheets import Look, generate
from reportlab.pdfgen import canvas


def drawn(*pages: list[tuple[float, float, str, int]]) -> bytes:
    """A PDF with strings (x and y in points, string, rendering mode; 3 is invisible) on its pages."""
    file = io.BytesIO()
    pdf = canvas.Canvas(file, pagesize=(400, 300))
    for strings in pages:
        for x, y, string, mode in strings:
            text = pdf.beginText(x, y)
            text.setFont("Helvetica", 14)
            text.setTextRenderMode(mode)
            text.textOut(string)
            pdf.drawText(text)
        pdf.showPage()
    pdf.save()
    return file.getvalue()


@pytest.mark.parametrize("dpi", [100, 200])
def test_strings_and_boxes_are_those_of_the_sheet_at_any_resolution(
    tmp_path: Path, conversion: Conversion, dpi: int
) -> None:
    sheet = generate(5, "A5", dpi, hard=False)
    (tmp_path / "plan.pdf").write_bytes(sheet.pdf())

    vector_pdf.convert([tmp_path / "plan.pdf"], conversion, dpi)

    (page,) = conversion.target.pages()
    assert page.name == "images/plan.png"
    assert abs(page.size[0] - sheet.transform.width) <= 1
    assert {label.source for label in page.labels} == {LabelSource.TEXT_LAYER}
    found = sorted(label.text for label in page.labels)
    expected = sorted(text.text for text in sheet.truth)
    assert len(set(expected) & set(found)) > 0.95 * len(set(expected))
    # Every box has ink in it.
    pixels = cv2.imdecode(np.frombuffer(page.image.read_bytes(), np.uint8), cv2.IMREAD_GRAYSCALE)
    for label in page.labels:
        low, high = np.min(label.points, axis=0), np.max(label.points, axis=0)
        assert (pixels[int(low[1]) : int(high[1]) + 1, int(low[0]) : int(high[0]) + 1] < 160).any(), label


def test_the_picture_shows_the_text_and_states_its_resolution(tmp_path: Path, conversion: Conversion) -> None:
    from PIL import Image

    (tmp_path / "a.pdf").write_bytes(drawn([(50, 100, "P-101", 0)]))

    vector_pdf.convert([tmp_path], conversion, 144)

    (page,) = conversion.target.pages()
    with Image.open(page.image) as picture:
        assert picture.info["dpi"] == pytest.approx((144, 144), abs=0.1)
        assert picture.size == (800, 600)
    assert [label.text for label in page.labels] == ["P-101"]


def test_what_the_page_does_not_show_is_left_out_and_counted(tmp_path: Path, conversion: Conversion) -> None:
    (tmp_path / "a.pdf").write_bytes(
        drawn([(50, 100, "seen", 0), (50, 200, "hidden", 3), (50, 250, "too", 3)])
    )

    vector_pdf.convert([tmp_path / "a.pdf"], conversion, 144)

    (page,) = conversion.target.pages()
    assert [label.text for label in page.labels] == ["seen"]
    (problem,) = conversion.problems
    assert "2 text objects" in problem.reason
    assert "they have no label" in problem.reason


def test_a_font_that_says_other_things_than_it_shows_has_no_labels(
    tmp_path: Path, conversion: Conversion
) -> None:
    words = [(20.0, 20.0 + 18 * number, f"WORD{number} LINE", 0) for number in range(12)]
    (tmp_path / "a.pdf").write_bytes(drawn(words))
    liar = LineReader(
        lambda lines: [("OTHER THING", 0.99)] * len(lines), frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ")
    )

    vector_pdf.convert([tmp_path / "a.pdf"], conversion, 144, liar)

    assert list(conversion.target.pages()) == []
    assert "12 strings have no label" in conversion.problems[0].reason


def test_pages_of_one_file_are_numbered_and_scans_left_out(tmp_path: Path, conversion: Conversion) -> None:
    (tmp_path / "plan ü.pdf").write_bytes(drawn([(50, 100, "one", 0)], [], [(50, 100, "three", 0)]))
    (tmp_path / "scan.PDF").write_bytes(generate(3, "A5", 72, Look.SCANNED).pdf())

    vector_pdf.convert([tmp_path], conversion, 72)

    assert [page.name for page in conversion.target.pages()] == ["images/plan ü#1.png", "images/plan ü#3.png"]
    assert [problem.file for problem in conversion.problems] == ["plan ü#2.png", "scan.png"]


def test_damaged_and_other_files_are_named_and_the_rest_is_converted(
    tmp_path: Path, conversion: Conversion
) -> None:
    good = drawn([(50, 100, "good", 0)])
    (tmp_path / "a.pdf").write_bytes(good[: len(good) // 2])
    (tmp_path / "b.pdf").write_bytes(b"no pdf at all")
    (tmp_path / "c.pdf").touch()
    (tmp_path / "d.pdf").write_bytes(good)

    vector_pdf.convert([tmp_path], conversion, 72)

    assert [page.name for page in conversion.target.pages()] == ["images/d.png"]
    assert [problem.file for problem in conversion.problems] == ["a.pdf", "b.pdf", "c.pdf"]


def test_a_folder_without_pdfs_says_so(tmp_path: Path, conversion: Conversion) -> None:
    with pytest.raises(BadDataset, match="no PDF"):
        vector_pdf.convert([tmp_path / "data" / "images"], conversion)
