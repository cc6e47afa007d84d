"""How offices letter: which face, how wide, how far apart, leaning how much."""

import random
from collections.abc import Callable
from enum import StrEnum
from functools import partial

from drawops_vision.sheets.draft import Style
from drawops_vision.sheets.faces import FAMILIES, Face, noto_chinese, outline, stroked, vera


class Hand(StrEnum):
    """Who letters."""

    OFFICE = "office"
    """One of `PAIRS`, as the seed picks it."""
    SCRIPT = "script"
    """Joined writing, plotted in single strokes. No model of ours was trained on it."""


_FAMILY = {family.name: family for family in FAMILIES}


def _family(name: str, weight: int = 400, width: int = 100, slant: float = 0.0, italic: bool = False) -> Face:
    return outline(_FAMILY[name], weight, width, slant, italic)


PAIRS: tuple[tuple[int, Callable[[], Face], Callable[[], Face]], ...] = (
    # How often, ordinary lettering, headings. CAD strokes and the widths of Arial are the commonest.
    (12, partial(stroked, "futural", 0.1), partial(stroked, "futural", 0.14)),
    (6, partial(stroked, "futural", 1 / 14), partial(stroked, "futural", 0.1)),
    (4, partial(stroked, "futural", 0.12, 15.0), partial(stroked, "futural", 0.15, 15.0)),
    (3, partial(stroked, "futural", 0.085, 10.0), partial(stroked, "futuram", 0.07)),
    (3, partial(stroked, "futuram", 0.06), partial(stroked, "futuram", 0.1)),
    (3, partial(stroked, "rowmans", 0.11), partial(stroked, "timesr", 0.07)),
    (2, partial(stroked, "timesr", 0.06), partial(stroked, "timesr", 0.08)),
    (1, partial(stroked, "rowmans", 0.1, -8.0), partial(stroked, "futural", 0.13)),
    (14, partial(_family, "Arimo"), partial(_family, "Arimo", 700)),
    (4, partial(_family, "Arimo", italic=True), partial(_family, "Arimo", 700, italic=True)),
    (3, partial(_family, "Arimo", 550), partial(_family, "Arimo", 700, slant=10.0)),
    (2, partial(_family, "Arimo", slant=-10.0), partial(_family, "Arimo", 700)),
    (4, vera, partial(vera, True)),
    (3, partial(_family, "OpenSans"), partial(_family, "OpenSans", 700)),
    (3, partial(_family, "OpenSans", 400, 75), partial(_family, "OpenSans", 700, 75)),
    (2, partial(_family, "OpenSans", 300, 87, italic=True), partial(_family, "OpenSans", 600, 87)),
    (4, partial(_family, "RobotoCondensed"), partial(_family, "RobotoCondensed", 700)),
    (2, partial(_family, "RobotoCondensed", 300), partial(_family, "RobotoCondensed", 500, slant=15.0)),
    (5, partial(_family, "Jost"), partial(_family, "Jost", 600)),
    (2, partial(_family, "Jost", 300), partial(_family, "Jost", 400)),
    (2, partial(_family, "Jost", slant=12.0), partial(_family, "Jost", 700)),
    (5, partial(_family, "Barlow"), partial(_family, "Barlow", 700)),
    (3, partial(_family, "Barlow", slant=15.0), partial(_family, "Barlow", 700)),
    (4, partial(_family, "PlexMono"), partial(_family, "PlexMono", 700)),
    (1, partial(_family, "PlexMono", italic=True), partial(_family, "PlexMono", 700)),
)


def pair(rng: random.Random, hand: Hand = Hand.OFFICE) -> tuple[Face, Face]:
    """The faces of ordinary texts and of headings."""
    _, face, heading = rng.choices(PAIRS, [weight for weight, _, _ in PAIRS])[0]
    if hand is Hand.SCRIPT:
        return stroked("scripts", 0.1), stroked("scripts", 0.13)
    return face(), heading()


def stretch(rng: random.Random) -> float:
    """A width factor: mostly as designed or a little condensed."""
    return round(rng.choice((1.0, 1.0, 0.9, 0.85, 0.8, rng.uniform(0.7, 1.1))), 3)


def spacing(rng: random.Random) -> float:
    """What is added between characters, in text heights."""
    return round(rng.choice((0.0, 0.0, 0.0, 0.0, 0.03, rng.uniform(-0.03, 0.12))), 3)


def style(rng: random.Random, height: float, chinese: str = "", hand: Hand = Hand.OFFICE) -> Style:
    """One office's lettering and pens; `height` of ordinary text in mm, `chinese` the characters it needs."""
    face, heading = pair(rng, hand)
    thin = rng.choice((0.13, 0.18, 0.18, 0.25))
    return Style(
        height,
        face,
        heading,
        stretch(rng),
        thin=thin,
        medium=thin + 0.07,
        thick=rng.choice((0.35, 0.4, 0.5, 0.7)),
        chinese=noto_chinese(chinese) if chinese else None,
        spacing=spacing(rng),
        shared_display=rng.random() < 0.3,
    )
