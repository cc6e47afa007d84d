"""Which strings of a PDF's text layer may be believed, and what is left for the recogniser.

A text layer is exact only where it says what the page shows. Two questions are asked of it:

1. *Can it be seen?* Every glyph must add ink to the page. Clipped, covered, white, or tiny text does not; a
   string is cut back to the glyphs that do (`visible_runs`).
2. *Does it say what is seen?* A font's table of characters may be wrong (subset fonts with a scrambled
   ToUnicode, symbols encoded as letters). That is a fault of the font, so a sample of strings of every font
   is read from the page's picture and compared (`choose`, `Comparison`, `judge`); the fonts that fail are
   read by the recogniser, the others stay exact.

Everything here is free of PDFium; `pdf_file` draws the pictures.
"""

import math
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from drawops_vision.rasterise import LayerText

# At most this many strings of a page are read as a check.
SAMPLES = 20
# Longer strings cost time and say no more.
LONGEST = 10
# A cut glyph still counts as seen when this much of its box shows, in width and in height: less is smoothing
# at the edge of a clip.
SEEN = 0.05
# One that shows less of its width than this is cut, and so is its box.
WHOLE = 0.9
# Ink would show on a glyph's place when this much of it is plain.
PLAIN = 0.5
# A reading agrees with its string from this similarity on. Of 1,360 strings of eight real P&IDs, single
# characters included, the least similar reading has 0.67; unrelated strings stay below 0.4.
AGREEMENT = 0.6
# A reading below this confidence says nothing about the layer.
SURE = 0.6
# A font is judged by itself when so many characters were compared, with the rest of its page below that.
ENOUGH = 3
# One character is wrong in a font when this share of its readings is one and the same other character, in so
# many places or more. No character of the eight P&IDs is misread that steadily.
STEADY = 0.8
STEADY_PLACES = 3
# A detected box that lies this far (of its area) under strings of the text layer is one of them.
SAME_AS_LAYER = 0.5
# Characters that a reader confuses although the layer is right.
LOOK_ALIKES = str.maketrans(
    dict.fromkeys("0öòóø°º", "o")
    | dict.fromkeys("l1|!/\\", "i")
    | dict.fromkeys("“”″", '"')
    | dict.fromkeys("′‘’`", "'")
    | dict.fromkeys("—–‐−_", "-")
    | {"×": "x", "ä": "a", "ü": "u", "µ": "u", "μ": "u"}
)


@dataclass(frozen=True)
class Comparison:
    """One string of the layer and what the recogniser reads in its place."""

    fonts: frozenset[str]
    text: str
    read: str
    confidence: float

    @property
    def agrees(self) -> bool:
        """True when both say the same, up to what a recogniser confuses."""
        return similarity(self.text, self.read) >= AGREEMENT

    @property
    def counts(self) -> bool:
        """True when this is evidence: a match always, another string only when it is read with confidence."""
        return self.agrees or self.confidence >= SURE


@dataclass(frozen=True)
class Verdict:
    """What the comparisons of a page say.

    Attributes:
        distrusted: the fonts whose strings are not to be believed.
        agreeing: comparisons of distrusted fonts that agree exactly ...
        compared: ... of so many.
    """

    distrusted: frozenset[str] = frozenset()
    agreeing: int = 0
    compared: int = 0


def choose(texts: Sequence[LayerText], alphabet: frozenset[str]) -> list[int]:
    """Choose the strings that are read as a check: positions in `texts`, at most `SAMPLES`.

    Fonts take turns, those with most characters first; of each font the longest strings of at most `LONGEST`
    characters come first, each wording once. Strings with characters outside `alphabet` cannot be compared.
    The choice depends on nothing but the arguments.
    """
    by_font: defaultdict[str, list[int]] = defaultdict(list)
    amount: Counter[str] = Counter()
    for position, text in enumerate(texts):
        for font in text.fonts:
            amount[font] += len(text.text)
            if alphabet.issuperset(text.text.replace(" ", "")):
                by_font[font].append(position)
    queues = []
    for font in sorted(by_font, key=lambda font: (-amount[font], font)):
        seen: set[str] = set()
        queue = []
        for position in sorted(by_font[font], key=lambda position: (_cost(texts[position].text), position)):
            if texts[position].text not in seen:
                seen.add(texts[position].text)
                queue.append(position)
        queues.append(queue)
    chosen: list[int] = []
    for turn in range(max((len(queue) for queue in queues), default=0)):
        for queue in queues:
            if turn < len(queue) and queue[turn] not in chosen and len(chosen) < SAMPLES:
                chosen.append(queue[turn])
    return chosen


def _cost(text: str) -> int:
    """Longest first up to `LONGEST`, then the less over it the better."""
    return -len(text) if len(text) <= LONGEST else len(text) - LONGEST


def similarity(one: str, other: str) -> float:
    """1 - Levenshtein distance / length of the longer, of strings without case, spaces and look-alikes."""
    a, b = _skeleton(one), _skeleton(other)
    if not a or not b:
        return float(a == b)
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, start=1):
        diagonal, row[0] = row[0], i
        for j, y in enumerate(b, start=1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (x != y))
    return 1 - row[-1] / max(len(a), len(b))


def _skeleton(text: str) -> str:
    # Folding first: NFKC makes of º and ² the letters and digits that a reader takes them for.
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return "".join(folded.translate(LOOK_ALIKES).split())


def judge(comparisons: Iterable[Comparison]) -> Verdict:
    """Decide font by font: one is distrusted when most of its comparisons disagree.

    A font of which fewer than `ENOUGH` characters were compared shares the verdict on the whole page. A font
    whose strings mostly agree is distrusted too when one of its characters is steadily read as another: its
    table has that glyph wrong.
    """
    counted = [one for one in comparisons if one.counts]
    by_font: defaultdict[str, list[Comparison]] = defaultdict(list)
    for one in counted:
        for font in one.fonts:
            by_font[font].append(one)
    page = _mostly_wrong(counted)
    distrusted = frozenset(
        font
        for font, evidence in by_font.items()
        if (_mostly_wrong(evidence) and (page or sum(len(_skeleton(one.text)) for one in evidence) >= ENOUGH))
        or _wrong_character(evidence)
    )
    concerned = [one for one in counted if one.fonts & distrusted]
    return Verdict(distrusted, sum(one.text == one.read for one in concerned), len(concerned))


def _mostly_wrong(comparisons: Sequence[Comparison]) -> bool:
    return 2 * sum(one.agrees for one in comparisons) < len(comparisons)


def _wrong_character(comparisons: Sequence[Comparison]) -> bool:
    """True when one character is steadily read as another, in more than one wording."""
    readings: defaultdict[str, Counter[str]] = defaultdict(Counter)
    wordings: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for one in comparisons:
        text, read = _skeleton(one.text), _skeleton(one.read)
        # A wrong table replaces characters one by one; what is inserted or lost is the reader's fault.
        if one.agrees and len(text) == len(read):
            for expected, found in zip(text, read, strict=True):
                readings[expected][found] += 1
                wordings[expected, found].add(text)
    for expected, counts in readings.items():
        commonest, count = counts.most_common(1)[0]
        if (
            commonest != expected
            and count >= STEADY_PLACES
            and count >= STEADY * counts.total()
            and len(wordings[expected, commonest]) > 1
        ):
            return True
    return False


def visible_runs(
    ink: NDArray[np.bool_], clear: NDArray[np.bool_], glyphs: NDArray[np.float64]
) -> tuple[list[slice], NDArray[np.float64]]:
    """The stretches of a string's glyphs that can be seen.

    Args:
        ink: H x W picture of the string, upright: where it changes the page.
        clear: H x W: where the page behind it is plain, so that ink would show.
        glyphs: N x 4 boxes as fractions of the picture: left, top, right, bottom.

    Returns:
        Slices of `glyphs`, and their boxes, smaller where a glyph is cut. A lone glyph between two that are
        seen counts as seen, and so does one at an end whose ink cannot show (a hyphen on a line of its
        colour).
    """
    height, width = ink.shape
    boxes = glyphs.copy()
    states = []
    for index, (left, top, right, bottom) in enumerate(glyphs * [width, height, width, height]):
        # A pixel of its own at least, but none that is mostly its neighbour's.
        x = slice(max(0, round(left)), max(math.floor(left) + 1, round(right)))
        y = slice(max(0, round(top)), max(math.floor(top) + 1, round(bottom)))
        part = ink[y, x]
        if not part.size:
            states.append("hidden")
            continue
        columns, lines = np.flatnonzero(part.any(axis=0)), np.flatnonzero(part.any(axis=1))
        across = columns[-1] - columns[0] + 1 if len(columns) else 0
        down = lines[-1] - lines[0] + 1 if len(lines) else 0
        if across and across >= SEEN * (right - left) and down >= SEEN * (bottom - top):
            states.append("seen")
            # Of a thin stroke, rounding alone can hide a pixel.
            if across < min(WHOLE * (right - left), right - left - 1.5):
                boxes[index, [0, 2]] = (x.start + columns[0]) / width, (x.start + columns[-1] + 1) / width
        else:
            states.append("hidden" if clear[y, x].mean() >= PLAIN else "unknown")
    for position in range(len(states)):
        before, after = states[position - 1 : position], states[position + 1 : position + 2]
        between = before == after == ["seen"]
        beside = states[position] == "unknown" and "seen" in before + after and len(before + after) == 1
        if states[position] != "seen" and (between or beside):
            states[position] = "bridged"
    runs = []
    start = None
    for position, state in enumerate([*states, "hidden"]):
        if state in ("seen", "bridged"):
            start = position if start is None else start
        elif start is not None:
            runs.append(slice(start, position))
            start = None
    return runs, boxes


def upright(
    picture: NDArray[np.uint8],
    quad: NDArray[np.floating],
    padding: float = 0.0,
    mirrored: bool = False,
    paper: int = 255,
) -> NDArray[np.uint8]:
    """Cut a quad (4 x 2 pixels) out of a grey picture so that its text is level.

    Args:
        picture: H x W.
        quad: clockwise from the text's own top-left.
        padding: added on all sides, as a fraction of the text's height.
        mirrored: undo a mirror.
        paper: what is outside.
    """
    right, down = quad[1] - quad[0], quad[3] - quad[0]
    width, height = float(np.hypot(*right)), float(np.hypot(*down))
    if not min(width, height) > 0:
        return np.full((1, 1), paper, np.uint8)
    pad = padding * height
    origin = quad[0] - right / width * pad - down / height * pad
    size = max(1, round(width + 2 * pad)), max(1, round(height + 2 * pad))
    step_x = right / width * (width + 2 * pad) / size[0]
    step_y = down / height * (height + 2 * pad) / size[1]
    if mirrored:
        origin, step_y = origin + step_y * (size[1] - 1), -step_y
    transform = np.column_stack([step_x, step_y, origin + (step_x + step_y - 1) / 2])
    return np.asarray(
        cv2.warpAffine(
            picture,
            transform,
            size,
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=(paper,),
        ),
        np.uint8,
    )


def overlapping(low: NDArray[np.floating], high: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Which of N upright boxes (`low`, `high`: N x 2) overlap another."""
    found = np.zeros(len(low), np.bool_)
    order = np.argsort(low[:, 0], kind="stable")
    low, high = low[order], high[order]
    for position in range(len(low)):
        # Sorted by their left ends, so those that begin before this one ends follow it directly.
        stop = int(np.searchsorted(low[:, 0], high[position, 0]))
        after = slice(position + 1, max(stop, position + 1))
        meets = (low[after, 1] < high[position, 1]) & (high[after, 1] > low[position, 1])
        if meets.any():
            found[order[position]] = True
            found[order[after][meets]] = True
    return found


def not_in_layer(detected: NDArray[np.float32], layer: Sequence[LayerText]) -> NDArray[np.float32]:
    """Drop detected quads (N x 4 x 2) that strings of the text layer already cover."""
    if not layer or not len(detected):
        return detected
    known = np.array([text.quad for text in layer], np.float32)
    low, high = known.min(axis=1), known.max(axis=1)
    kept = []
    for quad in detected:
        left, top = quad.min(axis=0)
        right, bottom = quad.max(axis=0)
        near = (low[:, 0] < right) & (high[:, 0] > left) & (low[:, 1] < bottom) & (high[:, 1] > top)
        covered = sum(float(cv2.intersectConvexConvex(quad, other)[0]) for other in known[near])
        if covered < SAME_AS_LAYER * cv2.contourArea(quad):
            kept.append(quad)
    return np.array(kept, np.float32).reshape(-1, 4, 2)
