"""How many labelled pages does active selection save, compared with pages taken at random?

    python -m benchmarks.active_selection [--runs N] [--seed N] [--pages N] [--budget N]

A whole loop of active learning, with a light model in place of the recogniser: characters, each cut out
where it stands, are classified by one random layer and ridge regression (an extreme learning machine:
Huang, Zhu and Siew, Neurocomputing 70, 2006). It really learns from the labelled pages, and its confidences
are its own. What it cannot show is how much of an office's lettering the shipped recogniser, which has seen
much, still has to learn: read the ratio, not the error rates.

Styles are offices: the 25 letterings of generated sheets, each with a size, blur and grain of its scans and
with words of its own. In the pool few offices have most pages (Zipf), as in any archive. The error rate is
measured on other pages: as many of each office, and as the pool has them. The last row chooses by the offices
themselves, which no selection is told: what it saves is about as much as choosing can save here.
"""

import argparse
import functools
import random
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from drawops.contracts.reading import DpiSource, Page, PageTimings, Text, TextSource
from drawops.labeling.selection import Candidate, candidate, select
from drawops_vision.sheets import words
from drawops_vision.sheets.faces import Face
from drawops_vision.sheets.lettering import PAIRS
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

Array = NDArray[np.float32]

TEXTS = 25
"""On a page."""
START, STEP = 4, 4
_CAPITAL, _HEIGHT, _WIDTH = 14, 24, 18
"""Pixels: of a capital letter, and of the cut-out character."""
_HIDDEN = 800
_SHARPNESS = 6.0
_MAKERS: tuple[Callable[[random.Random], str], ...] = (
    words.tag, words.value, words.words, words.number, words.pair, words.size, words.line_number, words.date,
    words.hole, words.material, words.iso_tag, words.drawing_number, words.person,
)  # fmt: skip

Strategy = Callable[[list[Candidate], list[Candidate], random.Random], list[str]]


@dataclass(frozen=True)
class Style:
    """One office: its lettering, its scans, and what it writes."""

    face: Face
    pixels: float
    blur: float
    grain: float
    makers: tuple[Callable[[random.Random], str], ...]


@dataclass(frozen=True)
class Sheet:
    """A page: its strings and, for every character but blanks, what the model sees of it."""

    name: str
    style: int
    height: float
    strings: tuple[str, ...]
    hidden: Array


class Model:
    """Ridge regression on the hidden layer, fitted by sums that pages add to."""

    def __init__(self, alphabet: str) -> None:
        self._alphabet = alphabet
        self._products = np.zeros((_HIDDEN, _HIDDEN), np.float64)
        self._targets = np.zeros((_HIDDEN, len(alphabet)), np.float64)
        self._weights = np.zeros((_HIDDEN, len(alphabet)), np.float32)

    def learn(self, sheets: Sequence[Sheet]) -> None:
        """Add labelled pages and fit again."""
        for sheet in sheets:
            wanted = [self._alphabet.index(character) for character in _ink(sheet)]
            self._products += sheet.hidden.T @ sheet.hidden
            np.add.at(self._targets.T, wanted, sheet.hidden)
        ridge = self._products + 1.0 * np.eye(_HIDDEN)
        self._weights = np.linalg.solve(ridge, self._targets).astype(np.float32)

    def read(self, sheet: Sheet) -> tuple[str, Array]:
        """The characters read and the confidence of each."""
        scores = _SHARPNESS * (sheet.hidden @ self._weights)
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        return "".join(self._alphabet[index] for index in shares.argmax(axis=1)), shares.max(axis=1)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns the exit code."""
    command = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    command.add_argument("--runs", type=int, default=5, help="pools to average over")
    command.add_argument("--seed", type=int, default=0, help="of the first pool, then +1 each")
    command.add_argument("--pages", type=int, default=300, help="in a pool")
    command.add_argument("--budget", type=int, default=80, help="pages that are labelled at most")
    options = command.parse_args(arguments)
    budgets = list(range(START, options.budget + 1, STEP))
    curves = {name: np.zeros((2, options.runs, len(budgets))) for name in STRATEGIES}
    with Progress() as bar:
        work = bar.add_task("rounds", total=options.runs * len(STRATEGIES) * len(budgets))
        for run in range(options.runs):
            seed = options.seed + run
            pool, tests, alphabet = _world(seed, options.pages)
            for name, strategy in STRATEGIES.items():
                for number, errors in enumerate(_loop(pool, tests, alphabet, strategy, budgets, seed)):
                    curves[name][:, run, number] = errors
                    bar.advance(work)
    console = Console(width=118)
    for which, title in enumerate(("as many pages of each office", "pages as the pool has them")):
        table = Table(
            "pages chosen by", *(f"CER at {budget}" for budget in budgets[1::4]), "labels needed", title=title
        )
        goal = curves["random"][which].mean(axis=0)[-1]
        for name, curve in curves.items():
            mean = curve[which].mean(axis=0)
            needed = _needed(mean, budgets, goal)
            table.add_row(
                name, *(f"{mean[budgets.index(budget)]:.2%}" for budget in budgets[1::4]),
                f"{needed:.0f} = {needed / budgets[-1]:.0%}" if needed else f"more than {budgets[-1]}",
            )  # fmt: skip
        console.print(table)
        console.print(f"labels needed: pages until the CER that random pages reach with {budgets[-1]}\n")
    return 0


def _loop(
    pool: Sequence[Sheet], tests: Sequence[Sequence[Sheet]], alphabet: str, strategy: Strategy,
    budgets: Sequence[int], seed: int,
) -> list[tuple[float, ...]]:  # fmt: skip
    """Error rates on each test set after every round."""
    chance = random.Random(seed)
    by_name = {sheet.name: sheet for sheet in pool}
    labelled = chance.sample(sorted(by_name), START)
    model, errors, new = Model(alphabet), [], labelled
    for budget in budgets:
        model.learn([by_name[name] for name in new])
        errors.append(tuple(_error_rate(model, sheets) for sheets in tests))
        if budget == budgets[-1]:
            break
        if strategy is _at_random:
            seen = {sheet.name: Candidate(sheet.name, 0, 0, ()) for sheet in pool}
        else:
            seen = {sheet.name: candidate(sheet.name, _page(sheet, model)) for sheet in pool}
        left = [found for name, found in seen.items() if name not in set(labelled)]
        new = strategy(left, [seen[name] for name in labelled], chance)
        labelled = [*labelled, *new]
    return errors


def _at_random(pool: list[Candidate], labelled: list[Candidate], chance: random.Random) -> list[str]:
    return [page.name for page in chance.sample(pool, STEP)]


def _uncertain(pool: list[Candidate], labelled: list[Candidate], chance: random.Random) -> list[str]:
    return [page.name for page in sorted(pool, key=lambda page: -page.errors)[:STEP]]


def _selected(pool: list[Candidate], labelled: list[Candidate], chance: random.Random) -> list[str]:
    return select(pool, STEP, labelled=labelled)


def _diverse(pool: list[Candidate], labelled: list[Candidate], chance: random.Random) -> list[str]:
    def alike(page: Candidate) -> Candidate:
        return Candidate(page.name, 1.0, 1, page.features)

    return select(map(alike, pool), STEP, labelled=list(map(alike, labelled)))


def _knowing(pool: list[Candidate], labelled: list[Candidate], chance: random.Random) -> list[str]:
    """By the offices themselves, which no selection is told: errors of an office fall as 1 / sqrt(pages)."""
    pages = Counter(_office(page) for page in labelled)
    errors: dict[str, float] = defaultdict(float)
    for page in pool:
        errors[_office(page)] += page.errors
    left = sorted(pool, key=lambda page: -page.errors)
    chosen: list[str] = []
    for _ in range(STEP):
        gains = {
            office: errors[office] * ((1 + pages[office]) ** -0.5 - (2 + pages[office]) ** -0.5)
            for office in map(_office, left)
        }
        best = max(gains, key=lambda office: gains[office])
        taken = next(page for page in left if _office(page) == best)
        left.remove(taken)
        pages[best] += 1
        chosen.append(taken.name)
    return chosen


def _office(page: Candidate) -> str:
    return page.name.rpartition("-")[2]


STRATEGIES: dict[str, Strategy] = {
    "random": _at_random,
    "uncertainty alone": _uncertain,
    "diversity alone": _diverse,
    "drawops (both)": _selected,
    "knowing the offices": _knowing,
}


def _world(seed: int, pages: int) -> tuple[list[Sheet], tuple[list[Sheet], list[Sheet]], str]:
    """A pool, the two test sets, and the alphabet."""
    chance = random.Random(seed)
    noise = np.random.default_rng(seed)
    styles = [
        Style(
            face(),
            chance.choice((9.0, 11.0, 14.0)),
            chance.choice((0.0, 0.4, 0.8)),
            chance.choice((0.02, 0.05, 0.1)),
            tuple(chance.sample(_MAKERS, 4)),
        )
        for _, face, _ in PAIRS
    ]
    chance.shuffle(styles)
    layer = noise.normal(0, (_HEIGHT * _WIDTH) ** -0.5, (_HEIGHT * _WIDTH, _HIDDEN)).astype(np.float32)
    shares = [1 / (rank + 1) ** 1.2 for rank in range(len(styles))]

    def sheet(name: str, style: int) -> Sheet:
        strings = tuple(_writable(styles[style], chance) for _ in range(TEXTS))
        seen = _seen(styles[style], "".join(strings).replace(" ", ""), noise)
        return Sheet(name, style, styles[style].pixels, strings, np.maximum(seen @ layer, 0.0))

    drawn = chance.choices(range(len(styles)), shares, k=pages)
    pool = [sheet(f"pool-{number}-{style}", style) for number, style in enumerate(drawn)]
    each = [sheet(f"each-{number}", number % len(styles)) for number in range(2 * len(styles))]
    alike = [
        sheet(f"alike-{number}", style)
        for number, style in enumerate(chance.choices(range(len(styles)), shares, k=60))
    ]
    alphabet = "".join(sorted({c for one in (*pool, *each, *alike) for c in _ink(one)}))
    return pool, (each, alike), alphabet


def _writable(style: Style, chance: random.Random) -> str:
    """A string that the style's face has all characters of."""
    while True:
        string = chance.choice(style.makers)(chance)
        try:
            style.face.width(string)
        except KeyError:
            continue
        return string


def _seen(style: Style, characters: str, noise: np.random.Generator) -> Array:
    """Each character as scanned: shrunk to the style's size and back, blurred, grained, off by a pixel."""
    pictures = []
    for character in characters:
        small = max(style.pixels / _CAPITAL, 0.1)
        picture = _drawn(style.face, character)
        picture = np.roll(picture, noise.integers(0, 2, 2), (0, 1))
        if small < 1:
            shrunk = cv2.resize(picture, None, fx=small, fy=small, interpolation=cv2.INTER_AREA)
            picture = _floats(cv2.resize(shrunk, (_WIDTH, _HEIGHT), interpolation=cv2.INTER_LINEAR))
        if style.blur:
            picture = _floats(cv2.GaussianBlur(picture, (0, 0), style.blur))
        pictures.append(picture.reshape(-1))
    ink = np.stack(pictures).astype(np.float32)
    ink += noise.normal(0, style.grain, ink.shape).astype(np.float32)
    ink -= ink.mean(axis=1, keepdims=True)
    return np.asarray(ink / (ink.std(axis=1, keepdims=True) + 1e-6), np.float32)


@functools.cache
def _drawn(face: Face, character: str) -> Array:
    """Ink of one character, 0 to 1; the baseline lies at two thirds of the height."""
    fine = 8
    picture = np.zeros((_HEIGHT * fine, _WIDTH * fine), np.uint8)
    scale, baseline = _CAPITAL * fine, (_HEIGHT - 6) * fine
    points, lengths = face.outlines(character)
    placed = np.round(points * (scale, -scale) + (2 * fine, baseline)).astype(np.int32)
    cv2.fillPoly(picture, np.split(placed, np.cumsum(lengths)[:-1]), 255)
    small = cv2.resize(picture, (_WIDTH, _HEIGHT), interpolation=cv2.INTER_AREA)
    return _floats(small) / np.float32(255)


def _floats(picture: NDArray[np.generic]) -> Array:
    return np.asarray(picture, np.float32)


def _page(sheet: Sheet, model: Model) -> Page:
    """The page as the model reads it: what selection gets to see, and nothing else."""
    read, confidences = model.read(sheet)
    texts, at = [], 0
    height = sheet.height
    for number, string in enumerate(sheet.strings):
        count = len(string.replace(" ", ""))
        y = 40.0 * number
        texts.append(
            Text(
                id=f"p1-t{number}",
                quad=((0, y), (10.0 * count, y), (10.0 * count, y + height), (0, y + height)),
                text=read[at : at + count],
                confidence=float(np.clip(confidences[at : at + count].mean(), 0, 1)),
                angle=0,
                source=TextSource.OCR,
            )
        )
        at += count
    nothing = PageTimings(decode=0, detect=0, recognise=0)
    return Page(
        number=1,
        width=1_000,
        height=1_000,
        dpi_source=DpiSource.UNKNOWN,
        tiles=(),
        texts=tuple(texts),
        timings=nothing,
    )


def _error_rate(model: Model, sheets: Sequence[Sheet]) -> float:
    """Characters read wrongly; every one stands alone, so none is inserted or lost."""
    wrong = total = 0
    for sheet in sheets:
        read, _ = model.read(sheet)
        truth = _ink(sheet)
        wrong += sum(a != b for a, b in zip(read, truth, strict=True))
        total += len(truth)
    return wrong / total


def _needed(curve: NDArray[np.float64], budgets: Sequence[int], goal: float) -> float | None:
    """Labelled pages at which a curve comes down to `goal`, between two rounds in proportion."""
    for number, error in enumerate(curve):
        if error <= goal:
            if number == 0:
                return float(budgets[0])
            before = curve[number - 1]
            return float(budgets[number] - STEP * (goal - error) / (before - error))
    return None


def _ink(sheet: Sheet) -> str:
    return "".join(sheet.strings).replace(" ", "")


if __name__ == "__main__":
    sys.exit(main())
