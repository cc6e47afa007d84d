"""What a text's confidence is reckoned from."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from drawops_vision.artifact import Calibration
from drawops_vision.confidence import confidences, doubtful, features, fit
from drawops_vision.features import FEATURES
from drawops_vision.reader import Reader
from drawops_vision.recognise import Line, Recognised
from drawops_vision.sheets import generate
from numpy.typing import NDArray

from tests.unit.vision.drawings import png, sheet

SAID = Line("PUMP 12", 0.97, least=0.9, margin=0.85, path=-0.02, hidden=0.01)
SEEN = np.full((480, 640), 255, np.uint8)


def box(left: float, top: float, right: float, bottom: float) -> NDArray[np.float32]:
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)


def ink_of(page: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    x, y, width, height = cv2.boundingRect((page.min(axis=2) < 128).astype(np.uint8))
    return x, y, x + width, y + height


PAGE = sheet(("PUMP 12", 100, 200))
LEFT, TOP, RIGHT, BOTTOM = ink_of(PAGE)
WHOLE = Recognised(box(LEFT, TOP, RIGHT, BOTTOM), SAID.text, SAID.confidence, SAID)


def measured(*found: Recognised, again: dict[int, Line] | None = None) -> list[dict[str, float]]:
    rows = features(PAGE, found, SEEN, 1.0, again or {})
    return [dict(zip(FEATURES, row, strict=True)) for row in rows.tolist()]


def test_a_page_without_texts_has_nothing_to_measure() -> None:
    assert features(PAGE, [], SEEN, 1.0, {}).shape == (0, len(FEATURES))


def test_everything_measured_is_a_finite_number_even_for_the_smallest_box() -> None:
    dot = Recognised(box(639, 479, 641, 481), ".", 1.0, Line(".", 1.0, 1.0, 1.0))
    assert np.isfinite(features(PAGE, [WHOLE, dot], SEEN, 0.4, {})).all()


def test_a_box_that_cuts_a_word_has_ink_beyond_and_through_its_end() -> None:
    (whole,) = measured(WHOLE)
    middle_of_m = LEFT + (RIGHT - LEFT) * 0.42
    (cut,) = measured(replace(WHOLE, quad=box(LEFT, TOP, middle_of_m, BOTTOM)))
    assert whole["ink_beyond_ends"] == 0
    assert cut["ink_beyond_ends"] > 0.3
    assert cut["ink_through_ends"] > whole["ink_through_ends"]


def test_a_string_too_long_for_its_box_stands_out_on_its_page() -> None:
    rows = measured(WHOLE, WHOLE, replace(WHOLE, text="PUMP 12 PUMP 12"))
    assert rows[0]["stretch"] == pytest.approx(0)
    assert rows[2]["stretch"] < -0.5


def test_neighbours_on_the_same_row_count_by_their_gap() -> None:
    near, far = box(RIGHT + 10, TOP, RIGHT + 60, BOTTOM), box(RIGHT + 200, TOP, RIGHT + 250, BOTTOM)
    close, _ = measured(WHOLE, replace(WHOLE, quad=near))
    apart, _ = measured(WHOLE, replace(WHOLE, quad=far))
    assert (close["close"], apart["close"]) == (1, 0)
    assert close["beside"] > apart["beside"]


def test_a_second_reading_that_says_something_else_speaks_against_the_first() -> None:
    same, other = (measured(WHOLE, again={0: replace(SAID, text=text)})[0] for text in ("PUMP 12", "PUMP 1Z"))
    assert (same["differs"], other["differs"], measured(WHOLE)[0]["differs"]) == (0, 1, 0)


def test_only_texts_with_a_doubtful_character_are_read_twice() -> None:
    doubted = replace(WHOLE, line=replace(SAID, least=0.6))
    sure = replace(WHOLE, line=replace(SAID, least=0.99))
    assert doubtful([sure, doubted, sure]) == [1]


def test_weights_say_how_confidence_follows_from_features() -> None:
    rows = features(PAGE, [WHOLE, replace(WHOLE, text="P", line=replace(SAID, text="P"))], SEEN, 1.0, {})
    long, alone = confidences(Calibration(intercept=2.0, weights={"alone": -2.0}), rows)
    assert long == pytest.approx(1 / (1 + np.exp(-2)))
    assert alone == pytest.approx(0.5)


def test_a_fit_finds_the_weights_that_samples_were_drawn_with() -> None:
    generator = np.random.default_rng(0)
    rows = np.zeros((20_000, len(FEATURES)))
    names = list(FEATURES)
    rows[:, names.index("mean")] = generator.normal(3, 2, len(rows))
    rows[:, names.index("alone")] = generator.random(len(rows)) < 0.2
    truth = 1 / (1 + np.exp(-(-1 + 0.8 * rows[:, names.index("mean")] - 1.5 * rows[:, names.index("alone")])))
    found = fit(rows, generator.random(len(rows)) < truth)
    assert found.intercept == pytest.approx(-1, abs=0.15)
    assert found.weights["mean"] == pytest.approx(0.8, abs=0.06)
    assert found.weights["alone"] == pytest.approx(-1.5, abs=0.15)
    assert found.weights["slanted"] == 0  # never varied


def test_a_fit_of_texts_that_are_all_right_is_still_finite() -> None:
    rows = features(PAGE, [WHOLE] * 5, SEEN, 1.0, {})
    assert np.isfinite(confidences(fit(rows, np.ones(5, bool)), rows)).all()


def test_a_reader_says_what_every_confidence_was_reckoned_from(reader: Reader) -> None:
    drawing = png(generate(3, "A5", 150, hard=False).image[:300])
    reading, rows = reader.read_with_features(drawing)
    assert rows.keys() == {text.id for text in reading.pages[0].texts}
    calibration = reader.calibration
    assert calibration is not None
    for text in reading.pages[0].texts:
        (expected,) = confidences(calibration, rows[text.id][None])
        assert text.confidence == pytest.approx(expected, abs=1e-4)
