"""How likely a text that was read is right: what speaks for and against it, and what that is worth.

The network says how sure it is of the characters in a crop. It cannot know that the crop ends in the middle
of a word, holds two texts, or is a piece of a symbol; and it is as sure of an l as of the I that it should
have been. So a text's confidence is a logistic regression (Cox, 1958) over the network's probabilities and
over what can be measured around the text: `features.FEATURES`. Its weights belong to the model (`Calibration`
in `artifact`), fitted by `benchmarks/calibration.py` on sheets that the networks were not trained on.
"""

import math
from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from drawops_vision import layout
from drawops_vision.artifact import Calibration
from drawops_vision.features import FEATURES
from drawops_vision.layout import Quad
from drawops_vision.recognise import Line, Recognised, crop

Features = NDArray[np.float64]
"""N x len(FEATURES), or one row of it."""

# Room around a text that is searched for ink and for what the detector saw, in units of its shorter side.
SURROUNDINGS = 0.45
# Padding of the second reading; the first has `Preprocessing.crop_padding`, twice as much.
SECOND_PADDING = 0.15
# A text with a character less probable than this is read twice. That is one in five on real sheets; of the
# others a second reading gives another string once in a hundred.
DOUBTFUL = 0.95
# Neighbours farther than this (in units of the shorter side) are none.
REACH = 3.0
# Widths of characters in units of the height of capitals, with their space, of an ordinary sans-serif.
NARROW, USUAL, CAPITAL, WIDE, IDEOGRAPH = 0.42, 0.72, 0.82, 1.0, 1.15
# Of the squares of the weights (of features with a spread of 1), against one for each text.
PENALTY = 50.0
MOST_STEPS = 50
# What one glyph is mistaken for another by.
CONFUSABLE = frozenset("IlO01|")


def features(
    page: NDArray[np.uint8],
    found: Sequence[Recognised],
    probability: NDArray[np.uint8],
    scale: float,
    again: Mapping[int, Line],
) -> Features:
    """Measure what speaks for and against every text of a page.

    Args:
        page: normalised pixels, H x W or H x W x 3.
        found: all texts that were read on it.
        probability: the detector's map of text (uint8), `scale` map pixels per page pixel.
        again: second readings by index of the text; see `doubtful`.
    """
    if not found:
        return np.zeros((0, len(FEATURES)))
    sides = np.array([layout.sides(one.quad) for one in found])
    wanted = np.array([_width(one.text) for one in found])
    stretch = np.log(np.maximum(sides[:, 0], 1) / np.maximum(sides[:, 1], 1) / wanted)
    long = np.array([len(one.text) >= 3 for one in found])
    usual = float(np.median(stretch[long])) if long.any() else 0.0
    height = float(np.median(sides[:, 1]))
    neighbours = _neighbours([one.quad for one in found])
    rows = []
    for index, one in enumerate(found):
        values = (
            _said(one)
            | _again(one, again.get(index))
            | _string(one.text)
            | _shape(one.quad, height, float(stretch[index]) - usual)
            | _ink_around(page, one.quad)
            | _seen_by_detector(probability, one.quad * np.float32(scale))
            | neighbours[index]
        )
        rows.append([values[name] for name in FEATURES])
    return np.array(rows, np.float64)


def doubtful(found: Sequence[Recognised]) -> list[int]:
    """Which texts are worth a second reading: those with a character that the network is not sure of."""
    return [index for index, one in enumerate(found) if one.line.least < DOUBTFUL]


def confidences(calibration: Calibration, measured: Features) -> NDArray[np.float64]:
    """The share of right texts to expect among texts with such features (N)."""
    weights = np.array([calibration.weights.get(name, 0.0) for name in FEATURES])
    return np.asarray(1 / (1 + np.exp(-(measured @ weights + calibration.intercept))))


def fit(
    measured: Features, right: NDArray[np.bool_], weights: NDArray[np.float64] | None = None
) -> Calibration:
    """Fit what features are worth: logistic regression with a ridge penalty, by Newton's method.

    Args:
        measured: N x len(FEATURES).
        right: N, whether place and string of the text are right.
        weights: N, how much each text counts; 1 by default.
    """
    counts = np.ones(len(right)) if weights is None else weights
    middle = measured.mean(axis=0)
    spread = measured.std(axis=0)
    spread[spread < 1e-9] = np.inf  # says nothing: no weight
    design = np.hstack((np.ones((len(right), 1)), (measured - middle) / spread))
    penalty = np.full(design.shape[1], PENALTY)
    penalty[0] = 1e-6
    solution = np.zeros(design.shape[1])
    for _ in range(MOST_STEPS):
        share = 1 / (1 + np.exp(-design @ solution))
        slope = design.T @ (counts * (share - right)) + penalty * solution
        bend = (design * (counts * np.maximum(share * (1 - share), 1e-9))[:, None]).T @ design
        step = np.linalg.solve(bend + np.diag(penalty), slope)
        solution -= step
        if float(np.abs(step).max()) < 1e-6:
            break
    slopes = solution[1:] / spread
    return Calibration(
        intercept=round(float(solution[0] - slopes @ middle), 4),
        weights={name: round(float(slope), 4) for name, slope in zip(FEATURES, slopes, strict=True)},
    )


def _logit(share: float) -> float:
    clipped = min(1 - 1e-3, max(1e-3, share))
    return math.log(clipped / (1 - clipped))


def _said(one: Recognised) -> dict[str, float]:
    line = one.line
    return {
        "mean": _logit(one.confidence),
        "least": _logit(line.least),
        "path": math.log(1e-3 - line.path),
        "hidden": math.log(1e-3 + line.hidden),
        "margin": line.margin,
        "doubt": math.log(1e-3 + len(one.text) * (1 - one.confidence)),
        "rival": one.rival,
        "cut": float(one.lead < 1),
        "lead": min(0.3, max(-0.2, one.lead)) * float(one.lead < 1),
        "overlooked": float(one.overlooked),
    }


def _again(one: Recognised, line: Line | None) -> dict[str, float]:
    if line is None:
        return {"differs": 0.0, "again_mean": 0.0, "again_least": 0.0}
    return {
        "differs": float(line.text != one.text),
        "again_mean": _logit(line.confidence) - _logit(one.line.confidence),
        "again_least": _logit(line.least) - _logit(one.line.least),
    }


def _string(text: str) -> dict[str, float]:
    return {
        "alone": float(len(text) == 1),
        "pair": float(len(text) == 2),
        "lone_letter": float(len(text) == 1 and text.isalpha()),
        "lower": float(len(text) <= 2 and any(letter.islower() for letter in text)),
        "spaces": min(4.0, text.count(" ")),
        "signs": min(4.0, sum(not letter.isalnum() and letter != " " for letter in text)),
        "ends_in_sign": float(not text[0].isalnum()) + float(not text[-1].isalnum()),
        "confusable": min(3.0, sum(letter in CONFUSABLE for letter in text)),
    }


def _width(text: str) -> float:
    """How wide a string is lettered, in units of the height of capitals."""
    total = 0.0
    for letter in text:
        if letter in "iIl.,:;'|!1()[]/jtf ":
            total += NARROW
        elif letter in "MWmw%@":
            total += WIDE
        elif ord(letter) > 0x2E80:
            total += IDEOGRAPH
        else:
            total += CAPITAL if letter.isupper() else USUAL
    return total


def _shape(quad: Quad, usual_height: float, stretch: float) -> dict[str, float]:
    height = layout.sides(quad)[1]
    relative = min(1.2, max(-1.2, math.log(height / usual_height)))
    x, y = quad[1] - quad[0]
    angle = math.degrees(math.atan2(y, x)) % 360
    return {
        "height": math.log(min(100.0, max(5.0, height))),
        "taller": relative,
        "odd_height": abs(relative),
        "stretch": min(1.0, max(-1.0, stretch)),
        "stretched": min(1.0, max(0.0, stretch)),
        "slanted": float(3 < angle % 90 < 87),
        "upright": float(45 < angle % 180 < 135),
    }


def _with_surroundings(picture: NDArray[np.uint8], quad: Quad) -> tuple[NDArray[np.uint8], int]:
    """What a quad shows with its surroundings, and how many pixels of the answer they are on each side."""
    shown = crop(picture, quad, SURROUNDINGS)
    if min(shown.shape[:2]) < 3:
        size = (max(3, shown.shape[1]), max(3, shown.shape[0]))
        shown = np.asarray(cv2.resize(shown, size, interpolation=cv2.INTER_NEAREST), np.uint8)
    high, wide = shown.shape[:2]
    width, height = layout.sides(quad)
    around = SURROUNDINGS * min(width, height)
    return shown, min((min(high, wide) - 1) // 2, max(1, round(around / (height + 2 * around) * high)))


def _ink_around(page: NDArray[np.uint8], quad: Quad) -> dict[str, float]:
    picture, pad = _with_surroundings(page, quad)
    grey = picture.min(axis=2) if picture.ndim == 3 else picture
    high, wide = grey.shape
    # Percentiles; numpy's own take as long as all the rest.
    dark, bright = np.searchsorted(np.bincount(grey.ravel()).cumsum(), (0.02 * grey.size, 0.95 * grey.size))
    ink = grey < (dark + 2 * bright) / 3
    band, columns = ink[pad : high - pad], ink[:, pad : wide - pad]
    paper = grey[~ink]
    ends = [band[:, : pad - 1].any(axis=1).mean(), band[:, wide - pad + 1 :].any(axis=1).mean()]
    sides = [columns[: pad - 1].any(axis=0).mean(), columns[high - pad + 1 :].any(axis=0).mean()]
    through_ends = [(ink_at[:, 0] & ink_at[:, 1]).mean() for ink_at in _borders(band, pad)]
    through_sides = [(ink_at[:, 0] & ink_at[:, 1]).mean() for ink_at in _borders(columns.T, pad)]
    return {
        "ink_beyond_ends": float(max(ends)),
        "ink_beyond_sides": float(max(sides)),
        "ink_through_ends": float(max(through_ends)),
        "ink_through_sides": float(max(through_sides)),
        "density": float(ink[pad : high - pad, pad : wide - pad].mean()),
        "contrast": float(bright - dark) / 255,
        "grain": float(np.std(paper)) / 255 if len(paper) else 0.0,
    }


def _borders(ink: NDArray[np.bool_], pad: int) -> list[NDArray[np.bool_]]:
    """Columns just outside and just inside of a text's two ends."""
    last = ink.shape[1] - 1
    return [ink[:, [pad - 1, min(last, pad + 1)]], ink[:, [last - pad + 1, max(0, last - pad - 1)]]]


def _seen_by_detector(probability: NDArray[np.uint8], quad: Quad) -> dict[str, float]:
    picture, pad = _with_surroundings(probability, quad)
    seen = picture.astype(np.float32) / 255
    high, wide = seen.shape
    inner = seen[pad : high - pad, pad : wide - pad]
    middle = inner[len(inner) // 4 : max(len(inner) // 4 + 1, -(-3 * len(inner) // 4))]
    return {
        "seen": float(middle.mean()),
        "seen_beyond_ends": float(max(seen[pad:-pad, :pad].mean(), seen[pad:-pad, -pad:].mean())),
        "seen_beyond_sides": float(max(seen[:pad].mean(), seen[-pad:].mean())),
    }


def _neighbours(quads: Sequence[Quad]) -> list[dict[str, float]]:
    """How close other texts stand, by the upright boxes around the quads."""
    boxes = np.array([[*quad.min(axis=0), *quad.max(axis=0)] for quad in quads])
    order = np.argsort(boxes[:, 0])
    lefts = boxes[order, 0]
    widest = float((boxes[:, 2] - boxes[:, 0]).max())
    found = []
    for index, quad in enumerate(quads):
        left, top, right, bottom = boxes[index]
        short = max(1.0, min(layout.sides(quad)))
        reach = REACH * short
        first, past = np.searchsorted(lefts, (left - reach - widest, right + reach))
        others = boxes[order[first:past][order[first:past] != index]]
        across = np.minimum(right, others[:, 2]) - np.maximum(left, others[:, 0])
        down = np.minimum(bottom, others[:, 3]) - np.maximum(top, others[:, 1])
        turned = abs(quad[1][0] - quad[0][0]) < abs(quad[1][1] - quad[0][1])
        along, aside = (down, across) if turned else (across, down)
        thickness = right - left if turned else bottom - top
        gap = float(np.clip((-along[aside > 0.5 * thickness]).min(initial=reach) / short, -1, REACH))
        row = float(np.clip((-aside[along > 0.3 * short]).min(initial=reach) / short, -1, REACH))
        found.append(
            {
                "beside": math.exp(-max(0.0, gap)),
                "close": float(gap < 1.5),
                "stacked": math.exp(-max(0.0, row)),
            }
        )
    return found
