"""Does measured agreement tell how often people err? Planted errors against what consolidation estimates.

    python -m benchmarks.agreement [--sheets N] [--seed S]

Texts and places come from generated sheets. The model has read one text in ten wrongly; people with known
rates of errors answer: they type or leave a wrong string (look-alike characters, lost or doubled ones, case),
throw away or overlook a text, draw one that is not there, and put a box beside its text; every corner is off
by about a pixel. Then the product's own code matches, votes, sends back and measures. Nothing is tuned on it.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from drawops.contracts.labeling import Box, BoxState, Quad
from drawops.datasets.geometry import iou, overlapping_pairs
from drawops.labeling.agreement import Rate, measure, merged
from drawops.labeling.consolidation import (
    SAME,
    Kind,
    Opinion,
    Unit,
    normalised,
    overlay,
    place,
    question,
    units,
)
from drawops_vision.sheets import generate
from rich.console import Console
from rich.progress import track
from rich.table import Table

_PAIRS = ("0O", "1I", "5S", "8B", "2Z", "6G", "UV", "CG", "ce", "-_", ".,")
_LOOK_ALIKE = {pair[i]: pair[1 - i] for pair in _PAIRS for i in (0, 1)}
_MODEL_WRONG = 0.10
_JITTER = 1.0
"""Standard deviation of a corner, in pixels at 300 dpi."""


@dataclass(frozen=True)
class Annotator:
    """A person who errs at known rates, each per text."""

    name: str
    string: float
    box: float
    """Split evenly over: thrown away, put beside the text, and drawn where there is none."""


@dataclass(frozen=True)
class Truth:
    """One text of a page."""

    id: str
    quad: Quad
    text: str


@dataclass
class Run:
    """What came out over all pages.

    Attributes:
        real: by annotator the answers that are really wrong, of all that he gave.
        estimated: by annotator what `measure` says of them.
        labels: labels of the outcome that are wrong, missing or too many, of all texts.
        sent_back: units that went to another round.
        undecided: units without a verdict at the end.
    """

    name: str
    real: dict[str, Rate] = field(default_factory=dict)
    estimated: dict[str, Rate] = field(default_factory=dict)
    labels: Rate = field(default_factory=Rate)
    observed: Rate = field(default_factory=Rate)
    strings: list[float] = field(default_factory=list)
    changes: list[float] = field(default_factory=list)
    units: int = 0
    sent_back: int = 0
    undecided: int = 0


ONE, FIVE, TEN = Annotator("1 %", 0.008, 0.002), Annotator("5 %", 0.04, 0.01), Annotator("10 %", 0.08, 0.02)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns the exit code."""
    command = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    command.add_argument("--sheets", type=int, default=20)
    command.add_argument("--seed", type=int, default=0)
    options = command.parse_args(arguments)
    pages = [
        _page(seed) for seed in track(range(options.seed, options.seed + options.sheets), "drawing sheets")
    ]
    runs = [
        run("1 % alone", pages, [ONE], [], options.seed),
        run("10 % alone", pages, [TEN], [], options.seed),
        run("5 % + 10 %, disputes to 1 %", pages, [FIVE, TEN], [ONE], options.seed),
        run("1 % + 10 %, disputes to 5 %", pages, [ONE, TEN], [FIVE], options.seed),
        run("1 % + 5 % + 10 %, disputes again to 5 %", pages, [ONE, FIVE, TEN], [FIVE], options.seed),
        run("10 % + 10 % + 10 %, disputes to 10 %", pages, *_three_careless(), options.seed),
    ]
    console = Console(width=118)
    texts = sum(len(page) for page in pages)
    people = Table(
        "people", "who", "planted", "really wrong", "estimated", "95 % interval", "holds", title="errors"
    )
    labels = Table(
        "people", "labels wrong", "sent back", "undecided", "observed", "alpha strings", "alpha changes",
        title=f"labels of {texts:,} texts on {len(pages)} sheets",
    )  # fmt: skip
    for found in runs:
        for who, real in sorted(found.real.items()):
            estimate, share = found.estimated.get(who, Rate()), real.value or 0.0
            low, high = estimate.interval
            measured = ["not measured"]
            if estimate.value is not None:
                holds = "yes" if low <= share <= high else "no"
                measured = [f"{estimate.value:.2%}", f"{low:.2%} to {high:.2%}", holds]
            people.add_row(found.name, who, who.split("#")[0], f"{share:.2%}", *measured)
        labels.add_row(
            found.name, f"{found.labels.value or 0:.2%}", f"{found.sent_back / max(found.units, 1):.2%}",
            f"{found.undecided / max(found.units, 1):.2%}",
            *("" if value is None else f"{value:.3f}"
              for value in (found.observed.value, _mean(found.strings), _mean(found.changes))),
        )  # fmt: skip
    console.print(people)
    console.print(labels)
    return 0


def run(
    name: str,
    pages: Sequence[Sequence[Truth]],
    first: Sequence[Annotator],
    judges: Sequence[Annotator],
    seed: int,
) -> Run:
    """Let `first` answer every page and `judges` what is disputed, one round each."""
    found = Run(name)
    chance = Random(seed)
    for page in pages:
        model = [_read(text, chance) for text in page]
        opinions = [Opinion(person.name, _answer(person, page, model, chance)) for person in first]
        for opinion in opinions:
            wrong = _errors([box for box in opinion.boxes if box.state is not BoxState.DELETED], page)
            found.real = merged([found.real, {opinion.annotator: Rate(len(page), wrong)}])
        before = units(opinions)
        settled: list[Unit] = before
        for judge in judges:
            disputed = [unit for unit in settled if unit.disputed]
            found.sent_back += len(disputed)
            answers = tuple(_judge(judge, unit, page, chance) for unit in disputed)
            settled = overlay(settled, Opinion(judge.name, answers))
        agreed = measure(before, settled)
        found.estimated = merged([found.estimated, agreed.errors])
        found.observed += agreed.observed
        found.strings += [agreed.strings] if agreed.strings is not None else []
        found.changes += [agreed.changes] if agreed.changes is not None else []
        found.units += len(before)
        found.undecided += sum(unit.disputed for unit in settled)
        outcome = [
            _as_box(unit) for unit in settled if unit.winner is not None and unit.winner[0] is Kind.TEXT
        ]
        found.labels += Rate(len(page), _errors(outcome, page, ignore=[u for u in settled if u.disputed]))
    return found


def _three_careless() -> tuple[list[Annotator], list[Annotator]]:
    people = [Annotator(f"10 %#{number}", TEN.string, TEN.box) for number in range(1, 5)]
    return people[:3], people[3:]


def _page(seed: int) -> list[Truth]:
    texts = generate(seed, size="A3", hard=False).truth
    return [
        Truth(f"t{number}", _quad(text.quad), text.text)
        for number, text in enumerate(texts)
        if normalised(text.text)
    ]


def _quad(points: Sequence[Sequence[float]]) -> Quad:
    a, b, c, d = ((float(x), float(y)) for x, y in points)
    return a, b, c, d


def _read(text: Truth, chance: Random) -> Box:
    """The model's reading, one in ten wrong; every box waits for a person."""
    read = _misread(text.text, chance) if chance.random() < _MODEL_WRONG else text.text
    return Box(id=text.id, quad=text.quad, text=read, state=BoxState.UNSURE, confidence=0.5)


def _answer(who: Annotator, page: Sequence[Truth], model: Sequence[Box], chance: Random) -> tuple[Box, ...]:
    boxes = []
    for text, read in zip(page, model, strict=True):
        quad = _jittered(text.quad, chance)
        said = text.text
        if chance.random() < who.string:
            # Leaves what the model got wrong, or spoils what was right.
            said = read.text if read.text != text.text else _misread(text.text, chance)
        state = BoxState.ACCEPTED if said == read.text else BoxState.EDITED
        kind = chance.random() * 3 / who.box if who.box else 3.0
        if kind < 1:
            state = BoxState.DELETED
        elif kind < 2:
            height = max(abs(quad[3][1] - quad[0][1]), abs(quad[3][0] - quad[0][0]))
            quad = _moved(quad, 2 * height, 2 * height)
            state = BoxState.EDITED
        elif kind < 3:
            stray = _moved(_jittered(text.quad, chance), 7, 31)
            boxes.append(
                Box(id=f"{who.name[:2].strip()}-{text.id}", quad=stray, text="X", state=BoxState.DRAWN)
            )
        boxes.append(Box(id=text.id, quad=quad, text=said, state=state))
    return tuple(boxes)


def _judge(who: Annotator, unit: Unit, page: Sequence[Truth], chance: Random) -> Box:
    """Who looks at a disputed box sees the truth, but errs as ever."""
    asked = question(unit)
    truth = next((text for text in page if iou(text.quad, asked.quad) >= 0.5), None)
    if truth is None:
        kept = chance.random() < who.string + who.box
        return asked.model_copy(update={"state": BoxState.ACCEPTED if kept else BoxState.DELETED})
    said = truth.text
    if chance.random() < who.string + who.box:
        others = [read for read in asked.proposals if read != truth.text]
        said = chance.choice(others) if others else _misread(truth.text, chance)
    return asked.model_copy(
        update={"text": said, "state": BoxState.EDITED, "quad": _jittered(truth.quad, chance)}
    )


def _as_box(unit: Unit) -> Box:
    assert unit.winner is not None
    return Box(id="u", quad=place(unit), text=unit.winner[1], state=BoxState.ACCEPTED)


def _errors(boxes: Sequence[Box], page: Sequence[Truth], ignore: Sequence[Unit] = ()) -> int:
    """Texts that are missing or wrong; a box where no text is counts as well."""
    truth = [text.quad for text in page]
    pairs = overlapping_pairs([box.quad for box in boxes], truth, SAME)
    box_of: dict[int, int] = {}
    for index, number, _ in sorted(pairs, key=lambda pair: -pair[2]):
        if number not in box_of and index not in box_of.values():
            box_of[number] = index
    undecided = {number for _, number, _ in overlapping_pairs([place(unit) for unit in ignore], truth, SAME)}
    wrong = sum(
        normalised(boxes[box_of[number]].text) != normalised(text.text)
        if number in box_of
        else number not in undecided
        for number, text in enumerate(page)
    )
    return wrong + len(boxes) - len(box_of)


def _misread(text: str, chance: Random) -> str:
    place_ = chance.randrange(len(text))
    character = text[place_]
    changes: list[Callable[[], str]] = [
        lambda: text[:place_] + _LOOK_ALIKE.get(character, character.swapcase()) + text[place_ + 1 :],
        lambda: text[:place_] + text[place_ + 1 :],
        lambda: text[:place_] + character + text[place_:],
    ]
    for change in chance.sample(changes, len(changes)):
        if normalised(change()) not in ("", normalised(text)):
            return change()
    return text + "."


def _jittered(quad: Quad, chance: Random) -> Quad:
    return _quad([(x + chance.gauss(0, _JITTER), y + chance.gauss(0, _JITTER)) for x, y in quad])


def _moved(quad: Quad, dx: float, dy: float) -> Quad:
    return _quad([(x + dx, y + dy) for x, y in quad])


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


if __name__ == "__main__":
    sys.exit(main())
