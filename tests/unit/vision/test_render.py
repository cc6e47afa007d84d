import cv2
import numpy as np
import pytest
from drawops.contracts.reading import Page
from drawops_vision.reader import Reader
from drawops_vision.render import MAX_WIDTH, overlay, render_page
from numpy.typing import NDArray

from tests.unit.vision.drawings import png, sheet


def picture(data: bytes, page: Page) -> NDArray[np.uint8]:
    decoded = cv2.imdecode(np.frombuffer(overlay(render_page(data, 1), page), np.uint8), cv2.IMREAD_COLOR)
    return np.asarray(decoded, np.uint8)


def coloured(area: NDArray[np.uint8]) -> int:
    return int((area.max(axis=2).astype(int) - area.min(axis=2) > 60).sum())


def test_an_overlay_marks_each_text_and_repeats_it_beside(reader: Reader) -> None:
    data = png(sheet(("TANK-2001", 80, 200)))
    (page,) = reader.read(data).pages
    drawn = picture(data, page)
    legend = drawn.shape[0] - page.height
    assert legend > 0
    assert coloured(drawn[:legend]) > 50
    xs, ys = zip(*page.texts[0].quad, strict=True)
    around = drawn[legend + int(min(ys)) - 6 : legend + int(max(ys)) + 7, int(min(xs)) - 6 : int(max(xs)) + 7]
    assert coloured(around) > 2 * (max(xs) - min(xs))
    assert coloured(drawn[legend:]) - coloured(around) > 100  # the string


def test_a_wide_sheet_is_drawn_smaller(reader: Reader) -> None:
    data = png(sheet(("TANK-2001", 80, 200), width=5000, height=500))
    (page,) = reader.read(data).pages
    assert picture(data, page).shape[1] == MAX_WIDTH


def test_a_sheet_without_text_is_drawn_too(reader: Reader) -> None:
    data = png(sheet())
    (page,) = reader.read(data).pages
    assert picture(data, page).shape[1] == 640


def test_an_overlay_on_other_pixels_than_were_read_is_refused(reader: Reader) -> None:
    (page,) = reader.read(png(sheet())).pages
    with pytest.raises(ValueError, match="640 x 480"):
        overlay(np.zeros((10, 10), np.uint8), page)
