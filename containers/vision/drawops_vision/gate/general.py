"""General words: lines drawn for the gate alone, of every block of characters that the dictionary has.

Who draws is handed in (`Lettering`): the training package, which stands a floor higher. Seeds are strings
that name the run, so no training has seen these lines.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from drawops_vision.evaluation.slices import SYMBOLS
from drawops_vision.gate.charsets import CHARSETS, charset_of_character, common_chinese
from drawops_vision.recognise import canonical

Picture = NDArray[np.uint8]
Drawn = tuple[Picture, str]

MIXED = 6
"""Lines of a group as drawings have them."""
BLOCKS = {"chinese": 3}
"""Lines of a group that hold characters of one block, dealt from a deck; of other blocks it is one."""
LENGTHS = {"chinese": (6, 8), "symbols": (1, 2), "other script": (1, 2)}
AMONG_DIGITS = frozenset({"symbols", "other script"})
"""Blocks of which hardly two characters are in one face: each stands among digits, which every face has."""
COMMON_SIGNS = 0x2280
"""Signs from this code point on (box drawing, enclosed figures …) do not stand on drawings."""
RARE = frozenset({"other script"})
"""Blocks of which only every third group has a line."""
TRIES = 8


@dataclass(frozen=True)
class Lettering:
    """Who draws lines of text.

    Attributes:
        mixed: a line as drawings have them, or None where the drawn lot cannot be drawn.
        of_text: a line of a given string, or None where no face has all of its characters.
    """

    mixed: Callable[[random.Random], Drawn | None]
    of_text: Callable[[str, random.Random], Drawn | None]


@dataclass(frozen=True)
class Line:
    """A drawn line: its picture (H x W, grey), its string, and the group that it was drawn in."""

    picture: Picture
    text: str
    group: int


@dataclass(frozen=True)
class General:
    """The lines, and the blocks of the dictionary of which none could be drawn (no font has them)."""

    lines: tuple[Line, ...]
    undrawn: tuple[str, ...]


def general(lettering: Lettering, dictionary: Sequence[str], seed: str, groups: int) -> General:
    """Draw the general words of a run.

    Args:
        lettering: who draws.
        dictionary: the approved model's characters; every block of it is drawn.
        seed: names the run.
        groups: how many groups; lines of one share nothing but their number.
    """
    by_block = blocks(dictionary)
    made: list[Line] = []
    tried: set[str] = set()
    drawn: set[str] = set()
    decks = {name: _deck(characters, f"{seed}/{name}") for name, characters in by_block.items()}
    for group in range(groups):
        r = random.Random(f"{seed}/{group}")
        for _ in range(MIXED):
            made += _line(partial(lettering.mixed, r), group)
        for name, deck in decks.items():
            if name in RARE and group % 3:
                continue
            tried.add(name)
            for _ in range(BLOCKS.get(name, 1)):
                found = _line(partial(_of_block, lettering, deck, name, r), group)
                drawn.update(name for _ in found)
                made += found
    return General(tuple(made), tuple(name for name in CHARSETS if name in tried - drawn))


def again(
    lettering: Lettering, characters: Sequence[str], company: Sequence[str], seed: str, count: int
) -> dict[str, list[Line]]:
    """Fresh lines that hold one character each among others that are known to be read well.

    Returns:
        Lines by character; none for one that no face has.
    """
    found: dict[str, list[Line]] = {}
    for character in characters:
        r = random.Random(f"{seed}/again/{character}")
        beside = [one for one in company if charset_of_character(one) == charset_of_character(character)]
        made: list[Line] = []
        for number in range(count):
            drawn = _line(partial(_among, lettering, character, beside, r), number)
            made += [line for line in drawn if character in line.text]
        if made:
            found[character] = made
    return found


def _line(draw: Callable[[], Drawn | None], group: int) -> list[Line]:
    """One line with a string, or none: faces that have all of its characters are drawn by lot."""
    for _ in range(TRIES):
        drawn = draw()
        if drawn is not None and min(drawn[0].shape) >= 4:
            return [Line(drawn[0], canonical(drawn[1]), group)]
    return []


def _of_block(lettering: Lettering, deck: list[str], name: str, r: random.Random) -> Drawn | None:
    return lettering.of_text(_string(deck, name, r), r)


def _among(lettering: Lettering, character: str, beside: Sequence[str], r: random.Random) -> Drawn | None:
    others = [r.choice(beside) for _ in range(r.randint(1, 3))] if beside else []
    others.insert(r.randint(0, len(others)), character)
    return lettering.of_text("".join(others), r)


def blocks(dictionary: Sequence[str]) -> dict[str, list[str]]:
    """The characters of a dictionary by block, without those that do not stand on drawings."""
    found: dict[str, list[str]] = {name: [] for name in CHARSETS}
    for character in dictionary:
        if len(character) != 1 or canonical(character) != character:
            continue
        name = charset_of_character(character)
        if name == "symbols" and ord(character) >= COMMON_SIGNS and character not in SYMBOLS:
            continue
        if name != "chinese" or common_chinese(character):
            found[name].append(character)
    return {name: characters for name, characters in found.items() if characters}


def _deck(characters: list[str], seed: str) -> "list[str]":
    """The characters, shuffled: dealing from it shows every one before any comes again."""
    deck = list(characters)
    random.Random(seed).shuffle(deck)
    return deck


def _string(deck: list[str], name: str, r: random.Random) -> str:
    count = min(len(deck), length(name, r))
    dealt = deck[:count]
    del deck[:count]
    deck += dealt
    return among_digits(dealt, name, r)


def length(name: str, r: random.Random) -> int:
    """How many characters of a block a line has."""
    return r.randint(*LENGTHS.get(name, (3, 6)))


def among_digits(characters: Sequence[str], name: str, r: random.Random) -> str:
    """A line of characters of a block; between digits where hardly two of the block share a face."""
    if name not in AMONG_DIGITS:
        return "".join(characters)
    return "".join(
        [
            *r.choices("0123456789", k=r.randint(1, 3)),
            *characters,
            *r.choices("0123456789", k=r.randint(0, 2)),
        ]
    )
