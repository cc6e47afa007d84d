"""What a piece of text says: crops, CTC recognition, and which way the text reads.

Coordinates are page pixels, x to the right, y down; quads are clockwise.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from drawops_vision import layout
from drawops_vision.artifact import Model
from drawops_vision.detect import session
from drawops_vision.layout import Alternatives
from drawops_vision.rasterise import LineReader

# A crop this much taller than wide is read in both quarter turns, and the surer reading is kept.
TALL = 1.5
# Below this confidence a crop is also read in other directions.
SURE = 0.8
# Such a reading must be sure and say something: symbols, turned this way and that, resemble letters.
TURNED_LENGTH = 2
TURNED_CONFIDENCE = 0.9
# Pixels; what is lower is dust.
SMALLEST_TEXT = 5.0
# Width of narrow characters' cells, in units of their height.
CELLS = {"1": 0.5, "I": 0.4, "l": 0.4, "i": 0.4, "J": 0.6}
# A character that only its shape speaks for must be this sure.
OVERLOOKED = 0.9
# A less likely way to cut must read this much surer.
SURER = 0.05
SAME_SIGN = str.maketrans(
    {
        "℃": "°C",
        "℉": "°F",
        "∅": "Ø",
        "⌀": "Ø",
        "º": "°",
        "˚": "°",
        "–": "-",
        "−": "-",
        "μ": "µ",
        "″": '"',
        "′": "'",
    }
)
# A lone character that lies on its side is likelier a narrow one that stands, a 1 or an I, and counts less.
LYING = 0.8
# Lines are widened to a multiple of this, so that those in one batch need little padding.
BUCKET = 32
BATCH_LINES = 16
# A blank at least this probable says that nothing stands there.
SURELY_BLANK = 0.99
# Columns a batch may have in all: the output has one probability per 8 columns and class (18,710 of them),
# which for 16 lines of 2000 px would be 300 MB, and activations on top.
BATCH_COLUMNS = 16 * 320
# Crops are at most this large (pixels), far above what the network sees: a huge box must not cost memory.
MAX_CROP_HEIGHT = 512
MAX_CROP_SIDE = 8000


@dataclass(frozen=True)
class Line:
    """What the network says of one picture of a line, and how sure it is.

    Attributes:
        text: the string.
        confidence: mean probability of its characters, 0 for an empty string.
        least: probability of the character that is least sure.
        margin: least lead of a character's probability over the second-best class.
        path: mean logarithm of the best class's probability over all steps that are not surely blank, 0 or
            less: also says how sure it is that no character stands between two.
        hidden: most probability that a character has where a blank is read instead.
    """

    text: str
    confidence: float
    least: float = 0.0
    margin: float = 0.0
    path: float = 0.0
    hidden: float = 0.0


SILENCE = Line("", 0.0)


@dataclass(frozen=True)
class Recognised:
    """One string.

    Attributes:
        quad: 4 x 2, starts at the text's own top-left.
        text: the string.
        confidence: the network's, lowered where its shape speaks against the string.
        line: what the network said.
        rival: confidence of the best other string that the same ink gave in another direction.
        lead: by how much the chosen way to cut the ink read surer than the best other one; 1 without any.
        overlooked: True where the detection network saw nothing.
    """

    quad: NDArray[np.float32]
    text: str
    confidence: float
    line: Line = SILENCE
    rival: float = 0.0
    lead: float = 1.0
    overlooked: bool = False


def crop(page: NDArray[np.uint8], quad: NDArray[np.float32], padding: float) -> NDArray[np.uint8]:
    """Cut a quad out of a page and make it upright; beyond the page its border is repeated.

    Args:
        page: H x W or H x W x 3.
        quad: 4 x 2, clockwise, a rectangle at any angle.
        padding: added on all sides, as a fraction of the quad's shorter side.
    """
    right, down = quad[1] - quad[0], quad[3] - quad[0]
    width, height = float(np.hypot(*right)), float(np.hypot(*down))
    if width == 0 or height == 0:
        return np.full((1, 1), 255, np.uint8)
    pad = padding * min(width, height)
    right, down = right / width * pad, down / height * pad
    corners = quad + np.array([-right - down, right - down, right + down, down - right])
    shrink = min(1.0, MAX_CROP_SIDE / max(width, height), MAX_CROP_HEIGHT / min(width, height))
    out_width = max(2, int((width + 2 * pad) * shrink))
    out_height = max(2, int((height + 2 * pad) * shrink))
    # Warping only the part that is needed: OpenCV refuses sources of 32,767 px and more.
    page_height, page_width = page.shape[:2]
    low = np.clip(np.floor(corners.min(axis=0)).astype(int) - 2, 0, (page_width - 1, page_height - 1))
    high = np.clip(np.ceil(corners.max(axis=0)).astype(int) + 3, 1, (page_width, page_height))
    part = page[low[1] : high[1], low[0] : high[0]]
    target = np.array([[0, 0], [out_width, 0], [out_width, out_height], [0, out_height]], np.float32)
    transform = cv2.getPerspectiveTransform((corners - low).astype(np.float32), target)
    return np.asarray(
        cv2.warpPerspective(
            part, transform, (out_width, out_height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        ),
        np.uint8,
    )


def decode(probabilities: NDArray[np.float32], classes: list[str]) -> Line:
    """Best-path CTC decoding (Graves et al., 2006): merge repeats, drop blanks.

    Args:
        probabilities: steps x classes.
        classes: the character of every class; class 0 is the blank.
    """
    best = probabilities.argmax(axis=1)
    changed = np.concatenate(([True], best[1:] != best[:-1]))
    kept = np.flatnonzero(changed & (best != 0))
    if not len(kept):
        return SILENCE
    sure = np.take_along_axis(probabilities, best[:, None], axis=1)[:, 0]
    characters = sure[kept]
    # The second best of the steps that count; whole rows would be copied for all others in vain.
    rivals = np.partition(probabilities[kept], -2, axis=1)[:, -2]
    blank = best == 0
    doubtful = sure[~blank | (sure < SURELY_BLANK)]
    return Line(
        "".join(classes[best[i]] for i in kept),
        confidence=float(characters.mean()),
        least=float(characters.min()),
        margin=float((characters - rivals).min()),
        path=float(np.log(np.maximum(doubtful, 1e-6)).mean()),
        hidden=float(1 - sure[blank].min()) if blank.any() else 0.0,
    )


class Recogniser:
    """The recognition network of a model."""

    def __init__(self, model: Model, threads: int = 0) -> None:
        self._preprocessing = model.manifest.preprocessing
        self._confidence = model.manifest.thresholds.confidence
        self._classes = model.classes
        self._session = session(str(model.recognition), threads, arena=False)
        self._input = self._session.get_inputs()[0].name

    def warm_up(self) -> None:
        """Run once on an empty line, so that the first real one does not pay for it."""
        self.lines([np.full((48, 320), 255, np.uint8)])

    def line_reader(self, check: Callable[[], None] = lambda: None) -> LineReader:
        """What checks a PDF's text layer with this network; `check` as for `lines`."""

        def read(images: list[NDArray[np.uint8]]) -> list[tuple[str, float]]:
            return [(one.text, one.confidence) for one in self.lines(images, check)]

        return LineReader(read, frozenset(self._classes))

    def lines(self, images: list[NDArray[np.uint8]], check: Callable[[], None] = lambda: None) -> list[Line]:
        """Recognise upright line images (H x W grey or H x W x 3 BGR).

        `check` is called before every batch and may raise to give up.
        """
        height = self._preprocessing.recognition_height
        limit = self._preprocessing.recognition_max_width
        widths = [min(limit, max(4, math.ceil(height * image.shape[1] / image.shape[0]))) for image in images]
        order = sorted(range(len(images)), key=lambda index: widths[index])
        answers = [SILENCE] * len(images)
        while order:
            check()
            batch: list[int] = []
            columns = 0
            while order and len(batch) < BATCH_LINES:
                wide = -(-widths[order[0]] // BUCKET) * BUCKET
                if batch and wide * (len(batch) + 1) > BATCH_COLUMNS:
                    break
                batch.append(order.pop(0))
                columns = wide
            # Zero is mid-grey after scaling to [-1, 1]: the padding the network was trained with.
            blob = np.zeros((len(batch), 3, height, columns), np.float32)
            for row, index in enumerate(batch):
                image = images[index]
                colour = image if image.ndim == 3 else cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
                line = cv2.resize(colour, (widths[index], height))
                blob[row, :, :, : widths[index]] = line.transpose(2, 0, 1) / 127.5 - 1
            outputs = self._session.run(None, {self._input: blob})[0]
            for row, index in enumerate(batch):
                said = decode(outputs[row], self._classes)
                answers[index] = replace(said, text=canonical(said.text))
        return answers

    def texts(
        self,
        page: NDArray[np.uint8],
        patches: Sequence[Alternatives],
        check: Callable[[], None] = lambda: None,
    ) -> list[Recognised]:
        """Read the patches of a page (see `layout.cut`), each in the way that reads best.

        Empty and doubtful strings (below the model's confidence threshold) are left out.
        """
        ways = [way for patch in patches for way in patch.ways]
        flat = [quad for way in ways for quad in way]
        reads = self.either_way(page, flat, check)
        self._columns(page, flat, reads, check)
        chosen: list[Recognised] = []
        position = 0
        for patch in patches:
            options: list[list[Recognised]] = []
            for way in patch.ways:
                options.append(reads[position : position + len(way)])
                position += len(way)
            best = 0
            sure = [certainty(option) for option in options]
            for other in range(1, len(options)):
                if sure[other] > sure[best] + SURER:
                    best = other
            lead = min((sure[best] - one for at, one in enumerate(sure) if at != best), default=1.0)
            chosen += [replace(one, lead=lead) for one in options[best]]
        return [
            _in_cell(one)
            for one in chosen
            if one.text
            and one.confidence >= self._confidence
            and min(layout.sides(one.quad)) >= SMALLEST_TEXT
        ]

    def overlooked(
        self,
        page: NDArray[np.uint8],
        quads: Sequence[NDArray[np.float32]],
        check: Callable[[], None] = lambda: None,
    ) -> list[Recognised]:
        """Read what may be characters that the detection network did not see; only sure ones count."""
        crops = [crop(page, quad, self._preprocessing.crop_padding) for quad in quads]
        reads = [
            Recognised(quad, line.text, line.confidence, line, overlooked=True)
            for quad, line in zip(quads, self.lines(crops, check), strict=True)
        ]
        return [_in_cell(one) for one in reads if one.confidence >= OVERLOOKED and one.text.isalnum()]

    def again(
        self,
        page: NDArray[np.uint8],
        quads: Sequence[NDArray[np.float32]],
        padding: float,
        check: Callable[[], None] = lambda: None,
    ) -> list[Line]:
        """Read quads as they stand with another padding: a string that is right comes out the same."""
        return self.lines([crop(page, quad, padding) for quad in quads], check)

    def _columns(
        self,
        page: NDArray[np.uint8],
        quads: Sequence[NDArray[np.float32]],
        reads: list[Recognised],
        check: Callable[[], None],
    ) -> None:
        """Join glyphs in a column to a text that runs up or down, in place, where that reads surer."""
        stacked = layout.stacks(quads)
        joined = self.either_way(page, [quad for _, quad in stacked], check)
        for (members, _), whole in zip(stacked, joined, strict=True):
            parts = [reads[index] for index in members]
            if len(whole.text) >= len(members) and whole.confidence > certainty(parts):
                for index in members:
                    reads[index] = NOTHING
                reads[members[0]] = whole

    def either_way(
        self,
        page: NDArray[np.uint8],
        quads: Sequence[NDArray[np.float32]],
        check: Callable[[], None] = lambda: None,
    ) -> list[Recognised]:
        """Read quads (4 x 2 each) in the direction that reads best.

        Tall ones are read upwards and downwards. Others are read as they stand, and turned only when that
        gives no sure string. The answer has one entry a quad, perhaps with an empty string.
        """
        images: list[NDArray[np.uint8]] = []
        owners: list[tuple[int, int]] = []  # index of the quad; which of its corners is the text's first
        crops = [crop(page, quad, self._preprocessing.crop_padding) for quad in quads]
        for index, image in enumerate(crops):
            if image.shape[0] >= TALL * image.shape[1]:
                # Also as it stands: it may be an I or a 1, and such a narrow line costs next to nothing.
                images += [_turned(image, 3), _turned(image, 1), image]
                owners += [(index, 3), (index, 1), (index, 0)]
            else:
                images.append(image)
                owners.append((index, 0))
        best: dict[int, Recognised] = {}
        self._keep_best(best, quads, images, owners, check)
        images, owners = [], []
        for index, image in enumerate(crops):
            if image.shape[0] >= TALL * image.shape[1] or best[index].confidence >= SURE:
                continue
            squarish = TALL * image.shape[0] >= image.shape[1]
            for first in (3, 1, 2) if squarish else (2,):
                images.append(_turned(image, first))
                owners.append((index, first))
        self._keep_best(best, quads, images, owners, check, turned=True)
        return [best[index] for index in range(len(quads))]

    def _keep_best(
        self,
        best: dict[int, Recognised],
        quads: Sequence[NDArray[np.float32]],
        images: list[NDArray[np.uint8]],
        owners: list[tuple[int, int]],
        check: Callable[[], None],
        turned: bool = False,
    ) -> None:
        for (index, first), line in zip(owners, self.lines(images, check), strict=True):
            text, confidence = line.text, line.confidence
            if first in (1, 3) and len(text) == 1:
                confidence *= LYING
            known = best.get(index)
            if turned and (len(text) < TURNED_LENGTH or confidence < TURNED_CONFIDENCE):
                pass  # says too little to be taken; no rival either
            elif known is None or confidence > known.confidence:
                rival = 0.0
                if known is not None:
                    rival = known.rival if known.text == text else max(known.rival, known.confidence)
                best[index] = Recognised(np.roll(quads[index], -first, axis=0), text, confidence, line, rival)
            elif text != known.text:
                best[index] = replace(known, rival=max(known.rival, confidence))


NOTHING = Recognised(np.zeros((4, 2), np.float32), "", 0.0)


def certainty(reads: Iterable[Recognised]) -> float:
    """Mean confidence per character.

    What holds no letter or digit counts as one character of no confidence: a slash that was cut off a text
    speaks against the cut.
    """
    says = [(one, any(letter.isalnum() for letter in one.text)) for one in reads]
    weighted = [(len(one.text), one.confidence) if some else (1, 0.0) for one, some in says]
    total = sum(weight for weight, _ in weighted)
    return sum(weight * confidence for weight, confidence in weighted) / max(1, total)


def _in_cell(one: Recognised) -> Recognised:
    """Give a lone narrow character the width of its cell: a 1 takes as much room as any digit."""
    width, height = layout.sides(one.quad)
    wanted = CELLS.get(one.text, 0.0) * height
    if width >= wanted or width == 0:
        return one
    grow = (one.quad[1] - one.quad[0]) / width * (wanted - width) / 2
    return replace(one, quad=one.quad + np.array([-grow, grow, grow, -grow], np.float32))


def _turned(image: NDArray[np.uint8], first: int) -> NDArray[np.uint8]:
    """Turn a crop so that the quad's corner number `first` becomes the top-left one."""
    return np.ascontiguousarray(np.rot90(image, first))


def canonical(text: str) -> str:
    """One way to write what a drawing can show in one way only.

    The network's alphabet has several characters for one sign: a degree sign before a C may come out as the
    single character U+2103. Strings are trimmed, and words are one space apart.
    """
    return " ".join(text.translate(SAME_SIGN).replace("°°", "°").split())
