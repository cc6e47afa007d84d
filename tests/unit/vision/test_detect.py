import cv2
import numpy as np
import pytest
from drawops_vision import ink
from drawops_vision.artifact import Model
from drawops_vision.detect import LARGEST_SCALE, SMALLEST_SCALE, TEXT_HEIGHT, Detector, scale_for

from tests.unit.vision.drawings import sheet


@pytest.fixture(scope="module")
def detector(model_dir: object) -> Detector:
    return Detector(Model(model_dir), threads=2)  # type: ignore[arg-type]


def probability(*boxes: tuple[int, int, int, int]) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    drawn = np.zeros((400, 600), np.uint8)
    for x, y, width, height in boxes:
        drawn[y : y + height, x : x + width] = 250
    return drawn


def test_an_upright_patch_of_the_map_becomes_an_upright_quad(detector: Detector) -> None:
    (quad,) = detector.quads(probability((100, 200, 150, 20)))
    left, top = quad.min(axis=0)
    right, bottom = quad.max(axis=0)
    assert quad.tolist() == [[left, top], [right, top], [right, bottom], [left, bottom]]
    # Grown by area * 0.4 / perimeter on each side: 150 * 20 * 0.4 / 340 = 3.5.
    assert left == pytest.approx(100 - 3.5, abs=1.5)
    assert bottom == pytest.approx(220 + 3.5, abs=1.5)


def test_specks_and_doubtful_patches_are_no_text(detector: Detector) -> None:
    doubtful = np.zeros((400, 600), np.uint8)
    doubtful[100:130, 100:300] = 110  # 0.43: above the pixel threshold, below the box threshold
    assert len(detector.quads(doubtful)) == 0
    assert len(detector.quads(probability((50, 50, 2, 2)))) == 0
    assert detector.quads(np.zeros((400, 600), np.uint8)).shape == (0, 4, 2)


def test_quads_are_page_pixels_whatever_the_scale_of_the_map(detector: Detector) -> None:
    drawn = probability((100, 200, 150, 20))
    assert detector.quads(drawn, 0.5) == pytest.approx(detector.quads(drawn) * 2)


def test_only_the_inked_parts_of_a_page_are_shown_to_the_network(detector: Detector) -> None:
    page = sheet(("P-1234", 100, 200), ("P-5678", 1900, 500), width=2300, height=600, size=40)
    found = detector.look(page, ink.find(page))
    assert len(found.parts) == 2
    assert (
        sum((part.right - part.left) * (part.bottom - part.top) for part in found.parts) < 0.2 * page.size / 3
    )
    assert found.probability.shape == pytest.approx(np.array(page.shape[:2]) * found.scale, abs=1)
    left, right = sorted(detector.quads(found.probability, found.scale), key=lambda quad: float(quad[0, 0]))
    assert cv2.pointPolygonTest(left, (165, 185), False) > 0
    assert cv2.pointPolygonTest(right, (1965, 485), False) > 0


def test_a_blank_page_is_not_shown_to_the_network(detector: Detector) -> None:
    page = np.full((600, 5000), 255, np.uint8)

    def check() -> None:
        raise AssertionError("the network was asked")

    found = detector.look(page, ink.find(page), check)
    assert found.parts == []
    assert not found.probability.any()


def test_text_is_shown_at_the_height_the_network_needs() -> None:
    assert scale_for(TEXT_HEIGHT) == 1
    assert scale_for(2 * TEXT_HEIGHT) == pytest.approx(0.5)
    assert scale_for(1000) == SMALLEST_SCALE
    assert scale_for(2) == LARGEST_SCALE
    assert scale_for(None) == 1


def test_text_that_fills_more_than_a_canvas_is_looked_at_in_parts(detector: Detector) -> None:
    words = [("LINE 4-WATER", x, y) for x in range(40, 2500, 260) for y in range(60, 1600, 60)]
    page = sheet(*words, width=2700, height=1600, size=20)
    covered = np.zeros(page.shape[:2], bool)
    found = detector.look(page, ink.find(page))
    assert len(found.parts) > 1
    for part in found.parts:
        covered[part.top : part.bottom, part.left : part.right] = True
    assert covered[page[:, :, 0] < 128].all()


def test_giving_up_is_possible_at_every_canvas(detector: Detector) -> None:
    calls = []

    def check() -> None:
        calls.append(1)
        if len(calls) == 2:
            raise TimeoutError

    words = [("LINE 4-WATER", x, y) for x in range(40, 2500, 260) for y in range(60, 1600, 60)]
    page = sheet(*words, width=2700, height=1600, size=20)
    with pytest.raises(TimeoutError):
        detector.look(page, ink.find(page), check)
    assert len(calls) == 2
