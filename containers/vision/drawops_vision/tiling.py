"""Which rectangles of a page the detector looks at.

A page is read at its own resolution, so it is cut into tiles. A tile's answer is poor near its border,
where text is cut; so tiles overlap, and each one answers only for its core. The cores partition the page:
every pixel belongs to exactly one, and lies at least a margin away from any tile border inside the page.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Span:
    """One tile along one axis: pixels [start, stop) are looked at, [core_start, core_stop) are kept."""

    start: int
    stop: int
    core_start: int
    core_stop: int


@dataclass(frozen=True)
class TileArea:
    """One tile of a page."""

    x: Span
    y: Span


def spans(length: int, size: int, margin: int) -> list[Span]:
    """Cut one axis of a page into overlapping spans of equal size, evenly spread.

    Args:
        length: pixels along the axis, at least 1.
        size: pixels a tile has along the axis; a shorter page makes one shorter tile.
        margin: pixels between a core and its tile's border, where that is not the page's border.

    Raises:
        ValueError: the margins leave nothing of a tile, or there is no page.
    """
    if length < 1 or margin < 0 or size <= 2 * margin:
        raise ValueError(f"cannot cut {length} px into tiles of {size} px with a margin of {margin} px")
    if length <= size:
        return [Span(0, length, 0, length)]
    count = -(-(length - 2 * margin) // (size - 2 * margin))
    starts = [index * (length - size) // (count - 1) for index in range(count)]
    cuts = [0, *((left + size + right) // 2 for left, right in itertools.pairwise(starts)), length]
    return [Span(s, s + size, a, b) for s, a, b in zip(starts, cuts[:-1], cuts[1:], strict=True)]


def tiles(width: int, height: int, size: int, margin: int) -> Iterator[TileArea]:
    """Tiles of a page in row order; see `spans` for the arguments (pixels) and errors."""
    columns = spans(width, size, margin)
    for row in spans(height, size, margin):
        for column in columns:
            yield TileArea(column, row)
