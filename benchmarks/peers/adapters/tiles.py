"""Naive tiling: overlapping squares read one by one; of two boxes that overlap much the surer one is kept."""

from collections.abc import Iterable

from benchmarks.peers.adapters.session import FoundText

SAME_TEXT_IOU = 0.5


def starts(length: int, tile: int, overlap: int) -> list[int]:
    """Where tiles begin along one side of the sheet; the last one ends at its edge."""
    if length <= tile:
        return [0]
    return [*range(0, length - tile, tile - overlap), length - tile]


def shifted(text: FoundText, x: int, y: int) -> FoundText:
    """A text found in the tile whose top-left is (x, y), in pixels of the sheet."""
    return FoundText(text.text, [[point[0] + x, point[1] + y] for point in text.quad])


def without_duplicates(found: Iterable[tuple[float, FoundText]]) -> list[FoundText]:
    """Go through (score, text) from the surest on; drop what overlaps a kept one with IoU >= 0.5.

    IoU of the upright boxes, as most tiling recipes do.
    """
    kept: list[tuple[tuple[float, float, float, float], FoundText]] = []
    for _, text in sorted(found, key=lambda item: item[0], reverse=True):
        box = _upright(text)
        if all(_iou(box, other) < SAME_TEXT_IOU for other, _ in kept):
            kept.append((box, text))
    return [text for _, text in kept]


def _upright(text: FoundText) -> tuple[float, float, float, float]:
    xs, ys = [point[0] for point in text.quad], [point[1] for point in text.quad]
    return min(xs), min(ys), max(xs), max(ys)


def _iou(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return width * height / (areas - width * height)
