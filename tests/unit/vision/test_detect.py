import numpy as np
import pytest
from drawops_vision.artifact import Model
from drawops_vision.detect import Detector, is_blank

from tests.unit.vision.drawings import sheet


def test_bare_paper_is_blank_whatever_its_colour() -> None:
    for grey in (0, 127, 240, 255):
        assert is_blank(np.full((200, 300), grey, np.uint8))
    assert is_blank(np.full((200, 300, 3), (200, 220, 240), np.uint8))


def test_the_noise_of_a_scanner_is_blank() -> None:
    noise = np.random.default_rng(0).normal(235, 5, (500, 500)).clip(215, 255)
    assert is_blank(noise.astype(np.uint8))


@pytest.mark.parametrize("grey", [0, 128, 200])
def test_a_lone_full_stop_on_a_whole_tile_is_not_blank(grey: int) -> None:
    tile = np.full((1280, 1280), 255, np.uint8)
    tile[700:702, 300:302] = grey
    assert not is_blank(tile)


def test_text_of_the_papers_own_brightness_is_not_blank() -> None:
    tile = np.full((400, 400, 3), (90, 90, 90), np.uint8)
    tile[100:120, 100:150] = (90, 60, 150)
    assert not is_blank(tile)


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


def test_blank_tiles_are_not_sent_to_the_network_and_are_marked(detector: Detector) -> None:
    page = sheet(("P-1234", 100, 200), width=2300, height=600, size=40)
    stitched, seen = detector.page_probability(page)
    assert [tile.blank for tile in seen] == [False, True]
    assert not stitched[:, 1400:].any()
    assert stitched[160:210, 100:240].max() > 200


def test_giving_up_is_possible_at_every_tile(detector: Detector) -> None:
    calls = []

    def check() -> None:
        calls.append(1)
        if len(calls) == 2:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        detector.page_probability(np.zeros((600, 5000), np.uint8), check)
    assert len(calls) == 2
