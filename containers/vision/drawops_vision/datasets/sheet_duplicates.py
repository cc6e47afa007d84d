"""Find the same sheet twice: the same bytes, or the same drawing scaled, compressed or slightly turned.

Line drawings look alike: one frame, one title block, thin lines on white. Perceptual hashes of 64 bits, made
for photographs, do not tell two P&IDs apart (`benchmarks/cleaning.py` measures one). So there
are two steps:

1. **Signature**: where on the sheet there is how much ink, 48 x 48 cells within the ink's own frame. Margins
   and resolution do not count, a turn of a degree or two hardly does. Correlation finds the candidates.
2. **Comparison**: one picture is laid over the other by the affine map with the largest enhanced correlation
   coefficient (Evangelidis and Psarakis, 2008). Then ink of one without ink of the other near it must be
   rare: a few pieces as large as what differs between two characters, and they are two sheets.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

CELLS = 48
ALIKE = 0.6
"""Correlation of signatures from which two sheets are compared."""
LONG_SIDE = 3200
"""Most pixels at which sheets are compared: lettering of 2.5 mm on an A3 sheet has 19."""
_COARSE = 800
_ITERATIONS = 60
_STEPS = ((800, 15), (800, 5), (1600, 5))
_OFF = 2
"""Pixels that ink may lie off: what scaling, compression and alignment leave."""
CHANGED_PIXELS = 14
"""Unmatched pixels in one piece that count as a change."""
CHANGES = 4
"""So many changes make another sheet: less may be dirt of a scan."""
_CORRELATED = 0.5


@dataclass(frozen=True)
class Signature:
    """What a sheet is recognised by.

    Attributes:
        sha256: of the picture's file.
        cells: 48 x 48 amounts of ink, mean 0 and length 1.
    """

    sha256: str
    cells: NDArray[np.float32]


@dataclass(frozen=True)
class Duplicate:
    """A sheet that another one shows as well.

    Attributes:
        index: of the sheet that can go.
        kept: of the one that stays.
        exact: whether the files are the same, byte for byte.
    """

    index: int
    kept: int
    exact: bool


def signature(content: bytes, pixels: NDArray[np.uint8]) -> Signature:
    """The signature of a sheet (H x W grey or H x W x 3), whose file has this content."""
    return Signature(hashlib.sha256(content).hexdigest(), _cells(ink(pixels, _COARSE)))


def ink(pixels: NDArray[np.uint8], long_side: int) -> NDArray[np.uint8]:
    """How much darker than the paper around it each pixel is, scaled to a long side of so many pixels.

    Returns:
        H x W, uint8, 0: paper, 255: black. Light drawings on dark paper come out the same.
    """
    grey = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)
    scale = long_side / max(grey.shape)
    size = (max(8, round(grey.shape[1] * scale)), max(8, round(grey.shape[0] * scale)))
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    if float(np.median(small)) < 128:
        small = cv2.bitwise_not(small)
    paper = cv2.medianBlur(
        cv2.resize(small, (size[0] // 8 + 1, size[1] // 8 + 1), interpolation=cv2.INTER_AREA), 15
    )
    paper = cv2.resize(paper, size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.subtract(paper, small), np.uint8)


def find(
    signatures: Sequence[Signature], worth: Sequence[float], picture: Callable[[int], NDArray[np.uint8]]
) -> list[Duplicate]:
    """Sheets that can go, because one worth more shows the same.

    Args:
        signatures: of all sheets.
        worth: of all sheets; of two that are the same the one with more stays, of equals the first.
        picture: gives the pixels of a sheet; asked for candidates only.
    """
    order = sorted(range(len(signatures)), key=lambda index: (-worth[index], index))
    kept: list[int] = []
    by_content: dict[str, int] = {}
    found = []
    pictures = _Recent(picture)
    for index in order:
        same = by_content.get(signatures[index].sha256)
        if same is not None:
            found.append(Duplicate(index, same, exact=True))
            continue
        near = next(
            (
                other
                for other in _candidates(signatures, kept, index)
                if same_sheet(pictures.get(other), pictures.get(index))
            ),
            None,
        )
        if near is None:
            kept.append(index)
            by_content[signatures[index].sha256] = index
        else:
            by_content[signatures[index].sha256] = near
            found.append(Duplicate(index, near, exact=False))
    return sorted(found, key=lambda duplicate: duplicate.index)


def same_sheet(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> bool:
    """Whether two pictures show the same sheet."""
    changed = changes(a, b)
    return changed is not None and changed < CHANGES


def changes(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> int | None:
    """In how many places two pictures differ after one is laid over the other; None: they cannot be."""
    # More pixels than the larger one has would tell no more.
    whole_side = min(LONG_SIDE, max(*a.shape[:2], *b.shape[:2]))
    first, second = ink(a, whole_side), ink(b, whole_side)
    turn = _by_frames(first, second)
    for long_side, blur in _STEPS:
        if turn is None:
            return None
        scale = min(1.0, long_side / whole_side)
        turn = _aligned(_resized(first, scale), _resized(second, scale), blur, _scaled(turn, scale))
        turn = _scaled(turn, 1 / scale) if turn is not None else None
    if turn is None:
        return None
    height, width = first.shape
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    laid = np.asarray(cv2.warpAffine(second, turn, (width, height), flags=flags), np.uint8)
    paper = np.full(second.shape, 255, np.uint8)
    seen = cv2.erode(cv2.warpAffine(paper, turn, (width, height), flags=flags), np.ones((9, 9), np.uint8))
    both = np.asarray(seen, np.uint8)
    return _unmatched(first, laid, both) + _unmatched(laid, first, both)


def _resized(picture: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


def _unmatched(one: NDArray[np.uint8], other: NDArray[np.uint8], seen: NDArray[np.uint8]) -> int:
    """Pieces of dark ink in `one` where `other` has not even faint ink nearby."""
    dark = one > 110
    near = cv2.dilate(
        (other > 40).astype(np.uint8),
        cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * _OFF + 1, 2 * _OFF + 1)),
    )
    lost = (dark & (near == 0) & (seen > 0)).astype(np.uint8)
    _, _, stats, _ = cv2.connectedComponentsWithStats(lost, connectivity=8)
    return int((stats[1:, cv2.CC_STAT_AREA] >= CHANGED_PIXELS).sum())


def _scaled(turn: NDArray[np.float32], scale: float) -> NDArray[np.float32]:
    """An affine map in pixels of another resolution."""
    return np.hstack([turn[:, :2], turn[:, 2:] * scale]).astype(np.float32)


def _aligned(
    first: NDArray[np.uint8], second: NDArray[np.uint8], blur: int, start: NDArray[np.float32]
) -> NDArray[np.float32] | None:
    """The affine map from places in `first` to places in `second`; None when they have nothing in common."""
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, _ITERATIONS, 1e-6)
    # Blurred, so that lines attract each other from afar.
    blurred = [cv2.GaussianBlur(each, (blur, blur), 0).astype(np.float32) for each in (first, second)]
    try:
        strength, turn = cv2.findTransformECC(blurred[0], blurred[1], start, cv2.MOTION_AFFINE, stop)
    except cv2.error:
        return None  # it did not converge
    return np.asarray(turn, np.float32) if strength >= _CORRELATED else None


def _by_frames(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.float32] | None:
    one, other = _frame(first), _frame(second)
    if one is None or other is None:
        return None
    (x1, y1, w1, h1), (x2, y2, w2, h2) = one, other
    return np.array([[w2 / w1, 0, x2 - x1 * w2 / w1], [0, h2 / h1, y2 - y1 * h2 / h1]], np.float32)


def _frame(drawn: NDArray[np.uint8]) -> tuple[int, int, int, int] | None:
    """Left, top, width, height of the ink, without the outermost specks."""
    dark = drawn > 60
    columns, rows = dark.sum(axis=0), dark.sum(axis=1)
    if not columns.any():
        return None
    edges = []
    for sums in (columns, rows):
        total = np.cumsum(sums) / sums.sum()
        edges.append((int(np.searchsorted(total, 0.001)), int(np.searchsorted(total, 0.999)) + 1))
    (left, right), (top, bottom) = edges
    return left, top, max(1, right - left), max(1, bottom - top)


def _cells(drawn: NDArray[np.uint8]) -> NDArray[np.float32]:
    frame = _frame(drawn)
    if frame is None:
        return np.zeros((CELLS, CELLS), np.float32)
    left, top, width, height = frame
    part = drawn[top : top + height, left : left + width]
    amount = cv2.resize(part, (CELLS, CELLS), interpolation=cv2.INTER_AREA).astype(np.float32)
    # A little blur: ink may fall into the neighbouring cell.
    amount = np.sqrt(cv2.GaussianBlur(amount, (3, 3), 0))
    amount -= amount.mean()
    length = float(np.linalg.norm(amount))
    return amount / length if length else amount


def _candidates(signatures: Sequence[Signature], kept: Sequence[int], index: int) -> list[int]:
    """Kept sheets that are alike, the likest first."""
    if not kept:
        return []
    alike = np.array([float((signatures[other].cells * signatures[index].cells).sum()) for other in kept])
    return [kept[place] for place in np.argsort(-alike, kind="stable") if alike[place] >= ALIKE]


class _Recent:
    """Gives pictures, and keeps the last few: one sheet is often compared with several."""

    def __init__(self, picture: Callable[[int], NDArray[np.uint8]], size: int = 4) -> None:
        self._picture, self._size = picture, size
        self._kept: dict[int, NDArray[np.uint8]] = {}

    def get(self, index: int) -> NDArray[np.uint8]:
        """The pixels of a sheet."""
        pixels = self._kept.pop(index, None)
        if pixels is None:
            pixels = self._picture(index)
        self._kept[index] = pixels
        while len(self._kept) > self._size:
            del self._kept[next(iter(self._kept))]
        return pixels
