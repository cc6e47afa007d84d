"""Large areas in pieces, small pictures on few canvases: a network is asked seldom and about little paper."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

GAP = 8
"""Pixels of paper between neighbours."""


@dataclass(frozen=True)
class Place:
    """Where a picture lies: the canvas's number and the picture's left top corner on it, in pixels."""

    canvas: int
    x: int
    y: int


@dataclass
class _Shelf:
    canvas: int
    y: int
    height: int
    free: int  # x from which on it is empty


def split(length: int, largest: int) -> list[tuple[int, int]]:
    """Cut a length into the fewest pieces [start, stop) of even size, none longer than `largest` (pixels)."""
    count = -(-length // largest)
    edges = [length * index // count for index in range(count + 1)]
    return list(itertools.pairwise(edges))


def pack(sizes: Sequence[tuple[int, int]], side: int) -> tuple[list[Place], list[tuple[int, int]]]:
    """Put rectangles on shelves, the highest first (first-fit decreasing height; Coffman et al., 1980).

    Args:
        sizes: (width, height) in pixels, neither more than `side`.
        side: width and greatest height of a canvas.

    Returns:
        A place for every rectangle, and the used (width, height) of every canvas.

    Raises:
        ValueError: a rectangle is larger than a canvas.
    """
    if any(width > side or height > side for width, height in sizes):
        raise ValueError(f"a picture is larger than {side} px")
    places = [Place(0, 0, 0)] * len(sizes)
    shelves: list[_Shelf] = []
    used: list[tuple[int, int]] = []
    for index in sorted(range(len(sizes)), key=lambda index: (-sizes[index][1], -sizes[index][0])):
        width, height = sizes[index]
        fitting = (
            at for at, shelf in enumerate(shelves) if height <= shelf.height and shelf.free + width <= side
        )
        number = next(fitting, None)
        if number is None:
            number = len(shelves)
            shelves.append(_Shelf(*_new_shelf(used, height, side), height, 0))
        shelf = shelves[number]
        places[index] = Place(shelf.canvas, shelf.free, shelf.y)
        right, bottom = used[shelf.canvas]
        used[shelf.canvas] = (max(right, shelf.free + width), max(bottom, shelf.y + height))
        shelf.free += width + GAP
    return places, used


def _new_shelf(used: list[tuple[int, int]], height: int, side: int) -> tuple[int, int]:
    """Canvas and y of a shelf for something of this height, on a new canvas where no old one has room."""
    for canvas, (_, bottom) in enumerate(used):
        if bottom + GAP + height <= side:
            return canvas, bottom + GAP
    used.append((0, 0))
    return len(used) - 1, 0
