"""How long it takes to correct a sheet of 200 texts with 10 % planted errors, by keyboard, in a real browser.

    .venv/bin/python -m benchmarks.labeling_session [--texts 200] [--seed 11] [--all]

Planted: strings with a wrong, missing or additional character; two texts read as one; one text read as two; a
text read in the wrong direction; a box where there is no text; a text that was not found. By default the
unsure boxes are the wrong ones and as many right ones. `--all` trusts no confidence: every text is looked at.
The text that was not found has no box, so the script knows where it is and goes there at the end; a person
has to see it.

A script types faster than a person. So the same strokes are also summed up with the keystroke-level model
(Card, Moran, Newell: The keystroke-level model for user performance time with interactive systems, CACM
23(7), 1980): K 0.28 s for each key, modifiers included (their "average non-secretary typist"), P 1.10 s to
point with the mouse, B 0.10 s to press or let go its button, H 0.40 s to move a hand between keyboard and
mouse, M 1.35 s to look and decide: one for every text looked at and one more for every correction. The model
knows neither fatigue nor drawings that are hard to read.
"""

import argparse
import os
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from drawops.contracts.labeling import BoxState
from drawops.contracts.reading import Quad
from drawops_vision.evaluation.scoring import Label, score
from drawops_vision.sheets import generate
from playwright.sync_api import Page

from benchmarks.browser import browser
from benchmarks.labeling_desk import Desk, Reading, desk, pyramid

K, P, B, H, M = 0.28, 1.10, 0.10, 0.40, 1.35  # seconds, Card, Moran and Newell 1980
LOOK_ALIKE = dict(zip("0O1I5S8B2Z-", "O0I1S5B8Z2.", strict=True))


@dataclass
class Planted:
    """A sheet as the model is said to have read it, and what has to be done.

    Attributes:
        readings: boxes in the order of reading.
        right: for each box the texts that stand there: none for a box without text, two for a joined one.
        kinds: for each box what is wrong with it, "" when nothing is.
        missing: texts without a box.
    """

    truth: list[Label]
    readings: list[Reading] = field(default_factory=list)
    right: list[tuple[Label, ...]] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    missing: list[Label] = field(default_factory=list)

    def add(self, text: str, quad: Quad, right: tuple[Label, ...], kind: str = "") -> None:
        """Add a box as it was read."""
        self.readings.append(Reading(text, quad))
        self.right.append(right)
        self.kinds.append(kind)


def between(a: tuple[float, float], b: tuple[float, float], t: float) -> tuple[float, float]:
    """The point at `t` (0..1) of the way from a to b."""
    return a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t


def cut(quad: Quad, start: float, end: float) -> Quad:
    """The part of a quad between two places along the text (0..1)."""
    return (
        between(quad[0], quad[1], start),
        between(quad[0], quad[1], end),
        between(quad[3], quad[2], end),
        between(quad[3], quad[2], start),
    )


def misread(text: str, random_: random.Random) -> str:
    """One character wrong, missing or too many."""
    kind = random_.choice(["wrong", "wrong", "wrong", "missing", "additional"])
    at = random_.randrange(len(text))
    alike = [i for i, c in enumerate(text) if c in LOOK_ALIKE]
    if kind == "wrong" and alike:
        at = random_.choice(alike)
        return text[:at] + LOOK_ALIKE[text[at]] + text[at + 1 :]
    if kind == "missing" and len(text) > 1 and text[at] != " " and 0 < at < len(text) - 1:
        return text[:at] + text[at + 1 :]
    return text[:at] + random_.choice("1I.-'") + text[at:]


def plant(truth: Sequence[Label], errors: int, random_: random.Random) -> Planted:
    """Read the sheet with `errors` errors: three in ten of structure, the rest of strings."""
    planted = Planted(list(truth))
    structure = ["joined", "joined", "halved", "turned", "phantom", "missing"][: max(1, errors * 3 // 10)]
    # A blank in the middle third gives two halves that can be told apart.
    worded = [
        i for i, label in enumerate(truth)
        if " " in label.text[len(label.text) // 3 : 2 * len(label.text) // 3 + 1] and len(label.text) > 8
    ]  # fmt: skip
    places = random_.sample(worded, structure.count("joined") + structure.count("halved"))
    others = [i for i in range(len(truth)) if i not in worded and len(truth[i].text) > 3]
    chosen = random_.sample(others, errors - len(places))
    kinds = dict(zip(places, ["joined"] * structure.count("joined") + ["halved"], strict=False))
    rest = [kind for kind in structure if kind not in ("joined", "halved", "phantom")]
    kinds |= dict(zip(chosen, rest + ["string"] * (len(chosen) - len(rest) - 1), strict=False))

    for i, label in enumerate(truth):
        kind = kinds.get(i, "")
        middle = len(label.text) // 3 + label.text[len(label.text) // 3 :].find(" ")
        if kind == "joined":
            # On the sheet these are said to be two texts that the model read as one.
            t = (middle + 0.5) / len(label.text)
            first = Label(label.text[:middle], cut(label.quad, 0, t))
            second = Label(label.text[middle + 1 :], cut(label.quad, t, 1))
            planted.truth.remove(label)
            planted.truth += [first, second]
            planted.add(label.text, label.quad, (first, second), kind)
        elif kind == "halved":
            a, b = middle / len(label.text), (middle + 1) / len(label.text)
            planted.add(label.text[:middle], cut(label.quad, 0, a), (label,), kind)
            planted.add(label.text[middle + 1 :], cut(label.quad, b, 1), (), "rest")
        elif kind == "turned":
            q = label.quad
            planted.add(label.text, (q[3], q[0], q[1], q[2]), (label,), kind)
        elif kind == "missing":
            planted.missing.append(label)
        elif kind == "string":
            planted.add(misread(label.text, random_), label.quad, (label,), kind)
        else:
            planted.add(label.text, label.quad, (label,))
    if "phantom" in structure:
        planted.add("IT", ((700, 500), (740, 500), (740, 530), (700, 530)), (), "phantom")
    return planted


@dataclass
class Hands:
    """Keys and mouse of the script; counts what they do."""

    page: Page
    keys: int = 0
    clicks: int = 0
    seconds: float = 0.0
    looks: int = 0

    def press(self, *keys: str) -> None:
        """Press keys; a key with modifiers counts all of them."""
        for key in keys:
            self.page.keyboard.press(key)
            strokes = len(key.split("+"))
            self.keys += strokes
            self.seconds += K * strokes

    def type(self, text: str) -> None:
        """Type a text; a capital counts as one key (drawings are typed with caps lock)."""
        self.page.keyboard.type(text)
        self.keys += len(text)
        self.seconds += K * len(text)

    def think(self) -> None:
        """Look at something and decide."""
        self.looks += 1
        self.seconds += M

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Drag the mouse between two points of the window."""
        self.page.mouse.move(*start)
        self.page.mouse.down()
        self.page.mouse.move(*end, steps=6)
        self.page.mouse.up()
        self.clicks += 1
        self.seconds += 2 * H + 2 * P + 2 * B


def correct_text(hands: Hands, read: str, right: str) -> None:
    """Bring the selected string of the field to `right` in the fewest keys: anew, or from the nearer end."""
    head = 0
    while head < min(len(read), len(right)) and read[head] == right[head]:
        head += 1
    tail = 0
    while tail < min(len(read), len(right)) - head and read[-1 - tail] == right[-1 - tail]:
        tail += 1
    gone, new = len(read) - head - tail, right[head : len(right) - tail]
    from_left = ["Home", *["ArrowRight"] * head, *["Delete"] * gone]
    from_right = ["End", *["ArrowLeft"] * tail, *["Backspace"] * gone]
    strokes = min(from_left, from_right, key=len)
    if len(right) <= len(strokes) + len(new):
        hands.type(right)
    else:
        hands.press(*strokes)
        hands.type(new)


def work(hands: Hands, planted: Planted, everything: bool) -> None:
    """Go through the task as a person would who sees every error."""
    page = hands.page
    if everything:
        hands.press("Alt+a")
    visited = set()
    while True:
        now = page.evaluate("() => { const b = window.drawops.editor.selected; return b && [b.id, b.text]; }")
        waiting = page.evaluate("window.drawops.editor.counts.waiting")
        if now is None or now[0] in visited or (not everything and not waiting):
            break
        visited.add(now[0])
        hands.think()
        if not now[0].startswith("p1-t"):
            hands.press("Enter")
            continue
        number = int(now[0][4:])
        kind, right = planted.kinds[number], planted.right[number]
        if kind:
            hands.think()
        if kind == "phantom":
            hands.press("Alt+x")
        elif kind == "joined":
            hands.press("Home", *["ArrowRight"] * len(right[0].text), "Alt+s", "Enter")
        elif kind == "halved":
            hands.press("Alt+m")
            merged = page.evaluate("window.drawops.editor.selected.text")
            if merged != right[0].text:
                correct_text(hands, merged, right[0].text)
            hands.press("Enter")
        else:
            if kind == "turned":
                hands.press("Alt+r")
            if now[1] != right[0].text:
                correct_text(hands, now[1], right[0].text)
            hands.press("Enter")
    for label in planted.missing:
        hands.think()
        page.evaluate("(quad) => window.drawops.sheet.zoomTo(quad)", label.quad)  # as the wheel would
        page.wait_for_timeout(600)
        hands.press("Alt+n")
        place = page.evaluate("window.drawops.sheet.placement")
        frame = page.locator(".sheet").bounding_box()
        assert frame is not None
        xs, ys = [x for x, _ in label.quad], [y for _, y in label.quad]
        at = [
            (frame["x"] + place["x"] + x * place["zoom"], frame["y"] + place["y"] + y * place["zoom"])
            for x, y in ((min(xs), min(ys)), (max(xs), max(ys)))
        ]
        hands.drag(at[0], at[1])
        hands.type(label.text)
        hands.press("Enter")


def session(running: Desk, page: Page, task: str, planted: Planted, everything: bool) -> dict[str, float]:
    """Correct the task from opening it to handing it in; figures, and the score of what was saved."""
    page.goto(running.link("Anna"))
    page.goto(f"{running.url}#/tasks/{task}")
    page.wait_for_selector(".sheet[data-ready=yes]")
    hands = Hands(page, seconds=H)
    start = time.monotonic()
    work(hands, planted, everything)
    hands.press("Control+Enter")
    page.wait_for_selector("dialog")
    hands.press("Enter")
    page.get_by_text("Handed in. Thank you.").wait_for()
    seconds = time.monotonic() - start
    saved = [
        Label(box.text, box.quad)
        for box in running.task(task, "Anna").boxes
        if box.state is not BoxState.DELETED
    ]
    result = score(planted.truth, saved)
    counted = running.store.task(task)
    assert counted is not None
    return {
        "seconds": seconds,
        "keys": hands.keys,
        "clicks": hands.clicks,
        "looks": hands.looks,
        "klm": hands.seconds,
        "actions": counted.actions,
        "f1": result.f1,
        "exact": Counter(label.text for label in saved) == Counter(label.text for label in planted.truth),
    }


def main() -> None:
    """Plant, correct, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--texts", type=int, default=200)
    parser.add_argument("--errors", type=float, default=0.1, help="share of the texts (default 0.1)")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--all", action="store_true", help="look at every text, not at unsure ones only")
    options = parser.parse_args()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        os.environ[name] = "testing"
    random_ = random.Random(options.seed)
    sheet = generate(options.seed, "A3")
    height, width = sheet.image.shape
    truth = [Label(text.text, text.quad) for text in sheet.truth][: options.texts]
    errors = round(options.errors * options.texts)
    planted = plant(truth, errors, random_)
    wrong = [i for i, kind in enumerate(planted.kinds) if kind]
    good = [i for i, kind in enumerate(planted.kinds) if not kind]
    doubted = set(wrong) | set(random_.sample(good, len(wrong)))
    readings = [
        Reading(one.text, one.quad, 0.6 if i in doubted else 0.99) for i, one in enumerate(planted.readings)
    ]
    with desk() as running, browser() as chromium:
        [task] = running.open(pyramid(sheet), width, height, readings)
        page = chromium.new_page(viewport={"width": 1280, "height": 720})
        page.set_default_timeout(60_000)
        got = session(running, page, task, planted, options.all)
        kinds = Counter(kind for kind in planted.kinds if kind not in ("", "rest"))
        listed = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
        looked = got["looks"] - len(planted.missing) - kinds.total()
        print(
            f"A3 sheet, {len(truth)} texts, {errors} planted errors ({listed}, "
            f"{len(planted.missing)} missing), {len(doubted)} boxes unsure, Chromium {chromium.version}\n"
        )
        print(
            "| texts looked at | keys | clicks | script s | person s (KLM) | F1 of what was saved | strings |"
        )
        print("|---|---|---|---|---|---|---|")
        print(
            f"| {looked:.0f} | {got['keys']:.0f} | {got['clicks']:.0f} | {got['seconds']:.1f} "
            f"| {got['klm']:.0f} | {got['f1']:.3f} | {'all equal' if got['exact'] else 'NOT EQUAL'} |"
        )
        print(f"\nThe page itself counted {got['actions']:.0f} keys and clicks.")


if __name__ == "__main__":
    main()
