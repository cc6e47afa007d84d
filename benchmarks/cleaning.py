"""Plant dirty labels into good sheets, clean, and count what is found and how many good labels are flagged.

    python -m benchmarks.cleaning [--model model.tar.gz] [--sheets 6] [--each 20]

Twelve kinds of dirt, `--each` of each, are spread over generated sheets and, where they are, the labelled
drawings of ../shared/data. A planted label counts as found when it is rejected or put right; a wrong string
when it stands among the first suspects. Every other label is a good one: it must be left alone. Then sheets
are compared: each with copies of itself, scaled, compressed and turned, which are the same sheet, and with
copies on which texts were exchanged, which are others.
"""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from drawops.contracts.cleaning import CleanedPage, Rule, SuspectLabel
from drawops.contracts.labels import Label
from drawops.datasets import geometry
from drawops.datasets.cleaning import Habits, rescored
from drawops_vision.artifact import unpack_verified
from drawops_vision.datasets import sheet_duplicates
from drawops_vision.datasets.cleaning import LabelReader, Pixels, clean_labels
from drawops_vision.datasets.label_file import Line, labels_of, read_lines
from drawops_vision.rasterise import render_page
from drawops_vision.sheets import Kind, Look, generate
from rich.console import Console
from rich.table import Table

DATA = Path(__file__).parents[2] / "shared" / "data"
REAL = ("dexpi/Label.txt", "mechanical/Label.txt")
SEEDS = 41_000
LOOKS = (Look.CLEAN, Look.SCANNED, Look.WORN)
KINDS = (Kind.PID, Kind.MECHANICAL, Kind.ISOMETRIC)
PHASH_BITS = 10
"""Hamming distance up to which two pictures are usually called the same."""


@dataclass
class Sheet:
    """A page with good labels."""

    name: str
    pixels: Pixels
    labels: list[Label]


@dataclass
class Planting:
    """Dirty labels on their way into one sheet."""

    sheet: Sheet
    random: random.Random
    victims: list[int]
    labels: list[Label]
    planted: dict[str, str] = field(default_factory=dict)

    def victim(self, suits: Callable[[Label], bool] = lambda _: True) -> int | None:
        """The place of a label that nothing was done to yet."""
        for place, index in enumerate(self.victims):
            if suits(self.labels[index]):
                return self.victims.pop(place)
        return None


def off_page(p: Planting, label: Label) -> Label:
    """The box lies over the page's edge with most of its area, or wholly beside it."""
    left, _, right, _ = geometry.bounds(label.points)
    width = p.sheet.pixels.shape[1]
    by = width - left - p.random.uniform(-1.0, 0.6) * (right - left)
    return label.model_copy(update={"points": tuple((x + by, y) for x, y in label.points)})


def zero_size(_: Planting, label: Label) -> Label:
    """All points on one line."""
    a, b = label.points[0], label.points[1]
    return label.model_copy(update={"points": (a, b, b, a)})


def crosses_itself(_: Planting, label: Label) -> Label:
    """Two neighbouring points exchanged."""
    a, b, c, d = label.points
    return label.model_copy(update={"points": (a, b, d, c)})


def wrong_corner(p: Planting, label: Label) -> Label:
    """Begins at the next or the last corner, or runs the wrong way round."""
    a, b, c, d = label.points
    return label.model_copy(update={"points": p.random.choice(((b, c, d, a), (d, a, b, c), (a, d, c, b)))})


def no_string(p: Planting, label: Label) -> Label:
    """Nothing, blanks, or what nobody sees."""
    return label.model_copy(update={"text": p.random.choice(("", " ", "\u200b", label.text + "\t"))})


def strange_character(p: Planting, label: Label) -> Label:
    """A character that the dictionary lacks."""
    return label.model_copy(update={"text": label.text[:-1] + p.random.choice("☃Ж⛔あ")})


def exact_duplicate(_: Planting, label: Label) -> Label:
    """The same once more."""
    return label


def near_duplicate(p: Planting, label: Label) -> Label:
    """The same string, the box a little off."""
    across = geometry.sides(label.points)[1]
    dx, dy = (p.random.uniform(-0.2, 0.2) * across for _ in range(2))
    return label.model_copy(update={"points": tuple((x + dx, y + dy) for x, y in label.points)})


def contradiction(p: Planting, label: Label) -> Label:
    """Another string in the same place."""
    return near_duplicate(p, wrong_string(p, label))


def does_not_fit(p: Planting, label: Label) -> Label:
    """The string of another label, much longer or shorter."""
    length = len(label.text)
    others = [
        each.text for each in p.sheet.labels if len(each.text) >= 3 * length or 3 * len(each.text) <= length
    ]
    return label.model_copy(update={"text": p.random.choice(others)}) if others else label


def no_ink(p: Planting, label: Label) -> Label:
    """The box lies on empty paper."""
    left, top, right, bottom = geometry.bounds(label.points)
    height, width = p.sheet.pixels.shape[:2]
    grey = p.sheet.pixels if p.sheet.pixels.ndim == 2 else p.sheet.pixels.min(axis=2)
    for _ in range(4000):
        x = p.random.uniform(5, max(6, width - (right - left) - 5))
        y = p.random.uniform(5, max(6, height - (bottom - top) - 5))
        part = grey[int(y) - 2 : int(y + bottom - top) + 3, int(x) - 2 : int(x + right - left) + 3]
        if part.size and int(part.min()) > int(np.median(grey)) - 60:
            return label.model_copy(
                update={"points": tuple((px - left + x, py - top + y) for px, py in label.points)}
            )
    return label


def wrong_string(p: Planting, label: Label) -> Label:
    """One or two characters exchanged for others of their kind, as a tired person does."""
    letters = list(label.text)
    places = [place for place, letter in enumerate(letters) if letter.isascii() and letter.isalnum()]
    for place in p.random.sample(places, min(len(places), p.random.choice((1, 1, 2)))):
        kind = "0123456789" if letters[place].isdigit() else "ABCDEFGHKLMNPRSTUVWXYZ"
        letters[place] = p.random.choice([each for each in kind if each != letters[place].upper()])
    return label.model_copy(update={"text": "".join(letters)})


COPIES = (exact_duplicate, near_duplicate, contradiction)
DIRT = (
    *(off_page, zero_size, crosses_itself, wrong_corner, no_string, strange_character),
    *(*COPIES, does_not_fit, no_ink, wrong_string),
)
EXPECTED: dict[str, set[Rule]] = {
    "off_page": {Rule.OUTSIDE_PAGE},
    "zero_size": {Rule.ZERO_SIZE},
    "crosses_itself": {Rule.CROSSES_ITSELF},
    "wrong_corner": {Rule.WRONG_START, Rule.COUNTER_CLOCKWISE, Rule.ASPECT_MISMATCH},
    "no_string": {Rule.EMPTY, Rule.CONTROL_CHARACTERS},
    "strange_character": {Rule.OUTSIDE_DICTIONARY},
    "exact_duplicate": {Rule.EXACT_DUPLICATE},
    "near_duplicate": {Rule.NEAR_DUPLICATE, Rule.EXACT_DUPLICATE},
    "contradiction": {Rule.CONTRADICTION},
    "does_not_fit": {Rule.ASPECT_MISMATCH},
    "no_ink": {Rule.NO_INK, Rule.LOW_CONTRAST},
}


def sheets(count: int) -> Iterator[Sheet]:
    """Generated sheets, then the real ones that are there."""
    for number in range(count):
        made = generate(SEEDS + number, kind=KINDS[number % len(KINDS)], look=LOOKS[number % len(LOOKS)])
        labels = [
            Label(id=f"t{place}", points=text.quad, text=text.text) for place, text in enumerate(made.truth)
        ]
        yield Sheet(f"generated {number}", render_page(made.png(), 1), labels)
    for name in REAL:
        path = DATA / name
        if not path.is_file():
            continue
        for line in read_lines(path):
            if isinstance(line, Line) and (path.parent / line.name).is_file():
                pixels = render_page((path.parent / line.name).read_bytes(), 1)
                yield Sheet(Path(line.name).name, pixels, list(labels_of(line, path.name)[0]))


def plant(sheet: Sheet, counts: Sequence[int], seed: int) -> Planting:
    """Dirty `counts[k]` labels with kind `DIRT[k]`."""
    draw = random.Random(seed)
    order = list(range(len(sheet.labels)))
    draw.shuffle(order)
    planting = Planting(sheet, draw, order, list(sheet.labels))
    for kind, count in zip(DIRT, counts, strict=True):
        for _ in range(count):
            # Of a box as wide as high nothing but the picture tells the corner.
            place = planting.victim(
                lambda label: (
                    len(label.text) >= 4
                    and not label.unreadable
                    and geometry.sides(label.points)[0] > 2 * geometry.sides(label.points)[1]
                    and len(label.points) == 4
                )
            )
            if place is None:
                continue
            good = planting.labels[place]
            dirty = kind(planting, good)
            if kind in COPIES:
                dirty = dirty.model_copy(update={"id": f"copy{len(planting.labels)}"})
                planting.labels.append(dirty)
            elif dirty == good:
                continue
            else:
                planting.labels[place] = dirty
            planting.planted[dirty.id] = kind.__name__
    return planting


@dataclass
class Tally:
    """What came out, over all sheets."""

    planted: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    by_right_rule: Counter[str] = field(default_factory=Counter)
    right_string: Counter[str] = field(default_factory=Counter)
    flagged: Counter[Rule] = field(default_factory=Counter)
    flagged_good: Counter[Rule] = field(default_factory=Counter)
    good: int = 0
    suspects: list[tuple[SuspectLabel, bool]] = field(default_factory=list)

    def add(self, planting: Planting, cleaned: CleanedPage) -> None:
        """Count one sheet."""
        self.planted.update(planting.planted.values())
        self.good += len(planting.labels) - len(planting.planted)
        reasons: defaultdict[str, set[Rule]] = defaultdict(set)
        for rejected in cleaned.rejected:
            reasons[rejected.label.id].add(rejected.rule)
        for corrected in cleaned.corrected:
            reasons[corrected.before.id].add(corrected.rule)
        for label, rules in reasons.items():
            kind = planting.planted.get(label)
            for rule in rules:
                self.flagged[rule] += 1
                self.flagged_good[rule] += kind is None
            if kind is not None:
                self.found[kind] += 1
                self.by_right_rule[kind] += bool(rules & EXPECTED.get(kind, set()))
        self.suspects += [
            (suspect, planting.planted.get(suspect.label.id) == "wrong_string")
            for suspect in cleaned.suspects
        ]


def run(sheets_: Sequence[Sheet], each: int, reader: LabelReader | None) -> Tally:
    """Plant, clean and count."""
    tally, habits = Tally(), Habits()
    letters = {letter for sheet in sheets_ for label in sheet.labels for letter in label.text}
    for number, sheet in enumerate(sheets_):
        # The same dirt with and without a model.
        counts = [each * (number + 1) // len(sheets_) - each * number // len(sheets_) for _ in DIRT]
        planting = plant(sheet, counts, seed=number)
        tally.add(
            planting,
            clean_labels(planting.labels, sheet.pixels, reader=reader, dictionary=letters, habits=habits),
        )
    order = {id(suspect.label): wrong for suspect, wrong in tally.suspects}
    ranked = rescored([suspect for suspect, _ in tally.suspects], habits)
    tally.suspects = [(suspect, order[id(suspect.label)]) for suspect in ranked]
    return tally


def variants(pixels: Pixels) -> Iterator[tuple[str, Pixels]]:
    """The same sheet, as it comes a second time."""
    height, width = pixels.shape[:2]
    white = (255, 255, 255)
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), 1.0, 1.0)
    small = cv2.resize(pixels, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    yield "0.6 of the size", np.asarray(small, np.uint8)
    yield "JPEG quality 40", _jpeg(pixels, 40)
    yield (
        "turned by 1°",
        np.asarray(cv2.warpAffine(pixels, turn, (width, height), borderValue=white), np.uint8),
    )
    turn = cv2.getRotationMatrix2D((300, 200), 0.6, 1.0)
    moved = cv2.warpAffine(small, turn, (small.shape[1], small.shape[0]), borderValue=white)
    yield "all three", _jpeg(np.asarray(moved, np.uint8), 50)


def _jpeg(pixels: Pixels, quality: int) -> Pixels:
    data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(
        cv2.imdecode(data, cv2.IMREAD_GRAYSCALE if pixels.ndim == 2 else cv2.IMREAD_COLOR), np.uint8
    )


def retagged(sheet: Sheet, share: float, seed: int) -> Pixels:
    """The sheet with that share of its level texts exchanged for others of the same length."""
    draw = random.Random(seed)
    pixels = sheet.pixels.copy()
    for label in sheet.labels:
        if len(label.text) < 3 or abs(geometry.angle(label.points)) > 1 or draw.random() > share:
            continue
        left, top, right, bottom = (round(value) for value in geometry.bounds(label.points))
        pixels[max(0, top - 1) : bottom + 1, max(0, left - 1) : right + 1] = 255
        text = "".join(draw.choice("ABCDEFGHKLMNPRSTUVWXYZ23456789") for _ in label.text)
        (wide, high), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 1.0, 2)
        scale = min((right - left) / wide, (bottom - top) / high)
        cv2.putText(pixels, text, (left, bottom), cv2.FONT_HERSHEY_SIMPLEX, scale, (0, 0, 0), 2, cv2.LINE_AA)
    return pixels


def phash(pixels: Pixels) -> int:
    """The usual perceptual hash: which of the 8 x 8 lowest frequencies of 32 x 32 pixels are strong."""
    grey = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)
    small = cv2.resize(grey, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32)
    low = np.asarray(cv2.dct(small))[:8, :8].ravel()
    return int("".join("1" if value > np.median(low[1:]) else "0" for value in low), 2)


def compare_sheets(sheets_: Sequence[Sheet], console: Console) -> None:
    """How the comparison of sheets and a perceptual hash tell the same from another."""
    table = Table("pair", "pairs", "called the same", "by pHash", title="sheets")
    counts: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0, 0])

    def look(what: str, a: Pixels, b: Pixels) -> None:
        row = counts[what]
        row[0] += 1
        one, other = (sheet_duplicates.signature(b"", each).cells for each in (a, b))
        alike = float((one * other).sum()) >= sheet_duplicates.ALIKE
        row[1] += alike and sheet_duplicates.same_sheet(a, b)
        row[2] += (phash(a) ^ phash(b)).bit_count() <= PHASH_BITS

    for number, sheet in enumerate(sheets_):
        for name, other in variants(sheet.pixels):
            look(f"same: {name}", sheet.pixels, other)
        for share in (0.1, 0.3, 1.0):
            look(f"other: {share:.0%} of the texts changed", sheet.pixels, retagged(sheet, share, number))
        for later in sheets_[number + 1 :]:
            look("other: different drawings", sheet.pixels, later.pixels)
    for name, (pairs, same, hashed) in counts.items():
        table.add_row(name, *map(str, (pairs, same, hashed)))
    console.print(table)


def print_tally(tally: Tally, title: str, console: Console) -> None:
    """Two tables: what was planted and found; what was flagged, by rule."""
    table = Table("planted", "labels", "found", "by its rule", title=title)
    for kind in (each.__name__ for each in DIRT):
        if kind == "wrong_string":
            wanted = tally.planted[kind]
            for most in (wanted, 2 * wanted, 5 * wanted):
                hits = sum(wrong for _, wrong in tally.suspects[:most])
                table.add_row(f"{kind}: in the first {most} suspects", str(wanted), str(hits), "")
            table.add_row(
                f"{kind}: among all {len(tally.suspects)} suspects",
                str(wanted),
                str(sum(wrong for _, wrong in tally.suspects)),
                "",
            )
        else:
            table.add_row(kind, *(str(c[kind]) for c in (tally.planted, tally.found, tally.by_right_rule)))
    console.print(table)
    rules = Table("rule", "flagged", "good ones among them", "precision", title=f"{tally.good} good labels")
    for rule, count in sorted(tally.flagged.items()):
        good = tally.flagged_good[rule]
        rules.add_row(rule.value, str(count), str(good), f"{(count - good) / count:.3f}")
    console.print(rules)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--model", type=Path, help="model.tar.gz")
    parser.add_argument("--sheets", type=int, default=6, help="generated ones")
    parser.add_argument("--each", type=int, default=20, help="dirty labels of each kind")
    parser.add_argument("--pairs", type=int, default=4, help="sheets that are compared; 0: none")
    options = parser.parse_args(arguments)
    console = Console(width=110)
    every = list(sheets(options.sheets))
    console.print(f"{len(every)} sheets, {sum(len(sheet.labels) for sheet in every)} labels")
    print_tally(run(every, options.each, None), "without a model", console)
    if options.model:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            unpack_verified(options.model, folder)
            started = time.monotonic()
            tally = run(every, options.each, LabelReader(folder))
            print_tally(tally, "with a model", console)
            console.print(f"{(time.monotonic() - started) / len(every):.1f} s a sheet")
    if options.pairs:
        # Half of them generated, half real: of those, sheets on one template look most alike.
        few = every[: (options.pairs + 1) // 2] + every[options.sheets :][: options.pairs // 2]
        compare_sheets(few, console)
    return 0


if __name__ == "__main__":
    sys.exit(main())
