import numpy as np
from drawops_vision.recognise import crop, decode


def steps(*classes: int, confidence: float = 0.9) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    probabilities = np.full((len(classes), 4), (1 - confidence) / 3, np.float32)
    probabilities[np.arange(len(classes)), classes] = confidence
    return probabilities


CLASSES = ["", "A", "1", " "]


def test_repeats_merge_unless_a_blank_is_between_them() -> None:
    assert decode(steps(1, 1, 0, 1, 2, 2), CLASSES)[0] == "AA1"


def test_confidence_is_the_mean_over_the_characters_not_the_blanks() -> None:
    probabilities = np.vstack([steps(1, confidence=0.8), steps(0, confidence=0.5), steps(2, confidence=0.6)])
    assert round(decode(probabilities, CLASSES)[1], 3) == 0.7


def test_blanks_alone_say_nothing() -> None:
    assert decode(steps(0, 0, 0), CLASSES) == ("", 0.0)


def marked_page() -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    page = np.full((200, 300), 255, np.uint8)
    page[50:60, 100:110] = 0  # the top-left corner of the quad below
    return page


QUAD = np.array([[100, 50], [200, 50], [200, 90], [100, 90]], np.float32)


def test_a_crop_holds_the_quad_with_padding_all_around() -> None:
    cut = crop(marked_page(), QUAD, 0.25)
    assert cut.shape == (60, 120)  # 40 + 2 * 10, 100 + 2 * 10
    assert cut[12:18, 12:18].max() < 60
    assert cut[:8].min() > 200


def test_a_crop_begins_at_the_quads_first_corner() -> None:
    upside_down = np.roll(QUAD, -2, axis=0)
    cut = crop(marked_page(), upside_down, 0)
    assert cut[-8:-2, -8:-2].max() < 60
    assert cut[:20].min() > 200


def test_a_quad_beyond_the_page_is_filled_with_its_border() -> None:
    cut = crop(marked_page(), QUAD - (150, 100), 0.3)
    assert cut.size
    assert cut.min() > 200


def test_a_page_wider_than_opencv_can_warp_is_no_obstacle() -> None:
    page = np.full((64, 50_000), 255, np.uint8)
    page[20:40, 45_000:45_100] = 0
    quad = np.array([[44_990, 15], [45_110, 15], [45_110, 45], [44_990, 45]], np.float32)
    assert crop(page, quad, 0).min() < 50


def test_an_enormous_quad_gives_a_small_crop() -> None:
    page = np.zeros((6000, 9000), np.uint8)
    quad = np.array([[0, 0], [9000, 0], [9000, 6000], [0, 6000]], np.float32)
    assert crop(page, quad, 0.3).size < 1_000_000
