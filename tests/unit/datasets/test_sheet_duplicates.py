"""The same sheet is recognised after what scanners and mail programs do to it; a look-alike is not."""

import random
from functools import cache

import cv2
import numpy as np
import pytest
from drawops_vision.datasets import sheet_duplicates as d
from drawops_vision.rasterise import render_page
from drawops_vision.sheets import generate
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
WHITE = (255, 255, 255)


@cache
def sheet(seed: int = 1) -> Pixels:
    """A generated P&ID, A4 at 150 dpi."""
    return render_page(generate(seed, size="A4", dpi=150).png(), 1)


def smaller(pixels: Pixels) -> Pixels:
    return np.asarray(cv2.resize(pixels, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA), np.uint8)


def compressed(pixels: Pixels) -> Pixels:
    data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 40])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)


def turned(pixels: Pixels) -> Pixels:
    height, width = pixels.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), 1.0, 1.0)
    return np.asarray(cv2.warpAffine(pixels, turn, (width, height), borderValue=WHITE), np.uint8)


def with_margin(pixels: Pixels) -> Pixels:
    return np.asarray(cv2.copyMakeBorder(pixels, 60, 10, 90, 20, cv2.BORDER_CONSTANT, value=WHITE), np.uint8)


def retagged(pixels: Pixels, seed: int = 1, share: float = 0.5) -> Pixels:
    """The same template with half of its level texts exchanged."""
    draw, changed = random.Random(seed), pixels.copy()
    for text in generate(1, size="A4", dpi=150).truth:
        (left, top), _, (right, bottom), _ = ((round(x), round(y)) for x, y in text.quad)
        if right - left > bottom - top > 0 and len(text.text) > 2 and draw.random() < share:
            changed[top - 1 : bottom + 1, left - 1 : right + 1] = 255
            string = "".join(draw.choice("ABCDEFGHKL23456789") for _ in text.text)
            (wide, high), _ = cv2.getTextSize(string, cv2.FONT_HERSHEY_SIMPLEX, 1.0, 2)
            scale = min((right - left) / wide, (bottom - top) / high)
            cv2.putText(
                changed, string, (left, bottom), cv2.FONT_HERSHEY_SIMPLEX, scale, (0, 0, 0), 2, cv2.LINE_AA
            )
    return changed


def found(*pictures: Pixels, worth: list[float] | None = None) -> list[d.Duplicate]:
    signatures = [d.signature(picture.tobytes(), picture) for picture in pictures]
    return d.find(signatures, worth or [1.0] * len(pictures), lambda index: pictures[index])


@pytest.mark.parametrize("change", [smaller, compressed, turned, with_margin])
def test_the_same_sheet_is_found_again(change: object) -> None:
    assert callable(change)
    assert found(sheet(), change(sheet())) == [d.Duplicate(index=1, kept=0, exact=False)]


def test_the_same_bytes_need_no_comparison() -> None:
    def never(index: int) -> Pixels:
        raise AssertionError(index)

    one = d.signature(b"file", sheet())
    assert d.find([one, one, one], [1, 1, 1], never) == [d.Duplicate(1, 0, True), d.Duplicate(2, 0, True)]


def test_the_same_template_with_other_tags_is_another_sheet() -> None:
    one, other = (d.signature(b"", each).cells for each in (sheet(), retagged(sheet())))
    assert float((one * other).sum()) > 0.95  # they do look alike
    assert found(sheet(), retagged(sheet())) == []


def test_another_drawing_in_the_same_frame_is_another_sheet() -> None:
    assert found(sheet(1), sheet(2)) == []


def test_the_sheet_that_is_worth_more_stays() -> None:
    assert found(smaller(sheet()), sheet(), worth=[1.0, 2.0]) == [d.Duplicate(index=0, kept=1, exact=False)]


def test_blank_sheets_are_not_taken_for_one_another_and_cost_nothing() -> None:
    blank = np.full((500, 700), 255, np.uint8)
    assert found(blank, np.full((600, 700), 250, np.uint8), sheet()) == []


def test_a_negative_is_the_same_sheet() -> None:
    assert found(sheet(), 255 - sheet()) == [d.Duplicate(index=1, kept=0, exact=False)]
