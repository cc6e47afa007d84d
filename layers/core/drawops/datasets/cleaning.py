"""Find labels that would teach a model something wrong. Here: whatever can be told without the picture.

A page goes through these steps; what one step rejects the next does not see:

1. **Shape**: no area, outline that crosses itself, off the page. Points that run the wrong way round are
   turned round; a box that sticks out a little is cut at the page's edge.
2. **String**: empty, with invisible characters, with characters that the dictionary lacks. Blanks around it
   are taken off.
3. **Fit**: a string has about as many widths of a character as its box. How wide characters are is taken from
   the page itself (median and median absolute deviation of the logarithm). A text whose box only fits when
   it begins at another corner gets that corner first, if it is clear which.
4. **Neighbours**: boxes with IoU >= 0.5 hold one text. The same string again is a duplicate; another string
   contradicts it. The one that the model reads is kept, else the one by a person, else the surer one;
   where nothing tells, two contradicting labels are both rejected.
5. **Model**: labels that the model reads otherwise are kept, but listed, likeliest wrong first.

The score of step 5 is the idea of confident learning (Northcutt et al., 2021) for strings: how likely is a
wrong label, given that the model reads something else with a confidence? A model also has habits (O for 0);
how often it exchanges these very characters where nobody suspects anything is counted on the same data, so
that its habits do not drown the errors of people. Confidences must be calibrated, as those of a reading are.
"""

import difflib
import math
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median

from drawops.contracts.cleaning import CleanedPage, CorrectedLabel, RejectedLabel, Rule, SuspectLabel
from drawops.contracts.labels import Label, LabelSource, PageLabels
from drawops.contracts.reading import Text
from drawops.datasets import geometry
from drawops.datasets.geometry import Point

MAX_POINTS = 256
MIN_SIDE = 1.0
"""Pixels; a box with a shorter side has no area to speak of."""
MIN_INSIDE = 0.8
"""A box with less of its area on the page is rejected, not cut: some of its string cannot be seen."""
SAME_PLACE = 0.5
"""IoU of two boxes that hold one text."""
EXACTLY = 1.0
"""Pixels that the corners of exact duplicates may differ."""

# Widths of characters as drawn, in heights of a capital letter; between the usual proportional faces and
# single-stroke CAD lettering, which are all within a factor of 1.5 of it.
_NARROW, _WIDE, _USUAL, _BLANK, _IDEOGRAPH = 0.4, 1.1, 0.8, 0.45, 1.1
_NARROW_ONES = frozenset("iIljtfr.,:;'\"|!()[]{}/\\-°`·")
_STROKES = frozenset("iIl1|!")
_WIDE_ONES = frozenset("mwMW@%&—")
# A string's width is off when it differs by this factor from the page's usual, and by so many deviations.
_WIDTH_FACTOR = 1.9
_DEVIATIONS = 4.0
# The fewer characters, the more a single one matters: factor for one character.
_ONE_CHARACTER = 2.0
_ENOUGH = 8
"""Labels from which a page's own widths are taken; below, they are taken to be usual."""
_USUAL_DEVIATION = 0.25
_TALL = 1.5
_VERTICAL = 45.0
_AGREED = 0.8

NOISE = 0.02
"""Share of labels that are wrong before anything is known (Northcutt et al. estimate 3.4 % on average)."""
_READ_SURELY = 0.5
_ELSEWHERE_SURELY = 0.8
_NEAR = 3.0
_MOSTLY = 0.5


@dataclass
class Habits:
    """How often the model reads some characters as others, counted over labels that it was compared with."""

    exchanged: Counter[tuple[str, str]] = field(default_factory=Counter)
    seen: Counter[str] = field(default_factory=Counter)

    def add(self, stands: str, read: str) -> None:
        """Count one label and what was read there."""
        self.seen.update(stands)
        self.seen[""] += 1
        self.exchanged.update(_exchanges(stands, read))

    def chance(self, stands: str, read: str) -> float:
        """How likely the model reads `stands` as `read`, by all other labels; the rarest exchange decides."""
        rates = []
        for before, after in _exchanges(stands, read):
            # This label itself was counted, too.
            others = self.exchanged[before, after] - 1
            rates.append(
                max(0, others) / max(1, min((self.seen[each] for each in before or ("",)), default=1))
            )
        return min(rates, default=1.0)


def clean_page(
    page: PageLabels,
    reading: Sequence[Text] = (),
    dictionary: Collection[str] | None = None,
    habits: Habits | None = None,
) -> CleanedPage:
    """Clean the labels of one page; running it on what it kept changes nothing more.

    Args:
        page: labels, as they come.
        reading: what the model read on this page, in the same pixels, with calibrated confidences.
        dictionary: characters that a string may have, besides the blank; None: any.
        habits: the model's, from `count_habits` over many pages; None: from this page alone.
    """
    cleaner = _Cleaner(page, reading, dictionary)
    # What is usual on the page changes when labels go: again until nothing does.
    found = -1
    while found != (found := len(cleaner.rejected) + len(cleaner.corrected)):
        cleaner.shapes()
        cleaner.strings()
        cleaner.fits()
        cleaner.neighbours()
    suspects = suspected(cleaner.labels, reading, habits)
    return CleanedPage(
        labels=page.model_copy(update={"labels": tuple(cleaner.labels)}),
        rejected=tuple(cleaner.rejected),
        corrected=tuple(cleaner.corrected),
        suspects=tuple(suspects),
    )


def count_habits(labels: Sequence[Label], reading: Sequence[Text], habits: Habits) -> None:
    """Add what the model made of the labels of one page to `habits`."""
    for label, text in _read_in_place(labels, reading):
        habits.add(label.text, text.text)


def suspected(
    labels: Sequence[Label], reading: Sequence[Text], habits: Habits | None = None
) -> list[SuspectLabel]:
    """Labels that the model contradicts, likeliest wrong first."""
    if habits is None:
        habits = Habits()
        count_habits(labels, reading, habits)
    found = []
    for label, text in _read_in_place(labels, reading):
        if _plain(text.text) == _plain(label.text) or text.confidence < _READ_SURELY:
            continue
        found.append(
            SuspectLabel(
                label=label,
                rule=Rule.MODEL_DISAGREES,
                reason=f"The label says {label.text!r}, the model reads {text.text!r} "
                f"with confidence {text.confidence:.2f}.",
                score=_score(label.text, text.text, text.confidence, habits),
                read=text.text,
                confidence=text.confidence,
            )
        )
    found += _displaced(labels, reading)
    return _ranked(found)


def rescored(suspects: Iterable[SuspectLabel], habits: Habits) -> list[SuspectLabel]:
    """Suspects with their scores by other habits, as known when more pages have been seen."""
    return _ranked(
        suspect.model_copy(
            update={"score": _score(suspect.label.text, suspect.read, suspect.confidence, habits)}
        )
        if suspect.rule is Rule.MODEL_DISAGREES
        else suspect
        for suspect in suspects
    )


def _score(stands: str, read: str, confidence: float, habits: Habits) -> float:
    return round(confidence * NOISE / (NOISE + habits.chance(stands, read)), 4)


def _ranked(suspects: Iterable[SuspectLabel]) -> list[SuspectLabel]:
    return sorted(suspects, key=lambda suspect: (-suspect.score, suspect.label.id))


class _Cleaner:
    """One page on its way through the steps; `labels` are those that are still kept."""

    def __init__(self, page: PageLabels, reading: Sequence[Text], dictionary: Collection[str] | None) -> None:
        self.labels = list(page.labels)
        self.rejected: list[RejectedLabel] = []
        self.corrected: list[CorrectedLabel] = []
        self._frame: list[Point] = [
            (0.0, 0.0), (float(page.width), 0.0), (float(page.width), float(page.height)),
            (0.0, float(page.height)),
        ]  # fmt: skip
        self._reading = reading
        self._dictionary = None if dictionary is None else frozenset(dictionary) | {" "}

    def _reject(self, label: Label, rule: Rule, reason: str, other: Label | None = None) -> None:
        self.rejected.append(
            RejectedLabel(label=label, rule=rule, reason=reason, other=other.id if other else None)
        )

    def _correct(self, label: Label, rule: Rule, reason: str, **changes: object) -> Label:
        after = label.model_copy(update=changes)
        self.corrected.append(CorrectedLabel(before=label, after=after, rule=rule, reason=reason))
        return after

    def shapes(self) -> None:
        """Step 1."""
        kept, self.labels = self.labels, []
        for label in kept:
            if (shaped := self._shaped(label)) is not None:
                self.labels.append(shaped)

    def _shaped(self, label: Label) -> Label | None:
        points = label.points
        if len(points) > MAX_POINTS:
            self._reject(label, Rule.TOO_MANY_POINTS, f"The outline has {len(points)} points.")
            return None
        hull = geometry.convex_hull(points)
        along, across = geometry.sides(points)
        area = abs(geometry.signed_area(hull)) if len(hull) > 2 else 0.0
        if area < MIN_SIDE * MIN_SIDE or area < MIN_SIDE * max(along, across):
            self._reject(label, Rule.ZERO_SIZE, f"The box has {area:.1f} square pixels.")
            return None
        if geometry.crosses_itself(points):
            self._reject(label, Rule.CROSSES_ITSELF, "The outline crosses itself; draw the box again.")
            return None
        if not geometry.is_clockwise(points):
            label = self._correct(
                label,
                Rule.COUNTER_CLOCKWISE,
                "The points ran counter-clockwise; they run clockwise now, from the same first point.",
                points=(points[0], *points[:0:-1]),
            )
        return self._on_page(label, hull)

    def _on_page(self, label: Label, hull: list[Point]) -> Label | None:
        (left, top), _, (right, bottom), _ = self._frame
        if all(left <= x <= right and top <= y <= bottom for x, y in label.points):
            return label
        inside = geometry.share_inside(hull, self._frame)
        if not inside >= MIN_INSIDE:
            part = f"only {inside:.0%} of it" if inside > 0 else "none of it"
            self._reject(label, Rule.OUTSIDE_PAGE, f"The box lies off the page: {part} is on it.")
            return None
        return self._correct(
            label,
            Rule.OUTSIDE_PAGE,
            f"The box stuck out of the page with {1 - inside:.0%} of its area; it ends at the edge now.",
            points=tuple((min(max(x, left), right), min(max(y, top), bottom)) for x, y in label.points),
        )

    def strings(self) -> None:
        """Step 2."""
        kept, self.labels = self.labels, []
        for label in kept:
            if label.unreadable:
                self.labels.append(label)
                continue
            hidden = sorted({letter for letter in label.text if _is_hidden(letter)})
            if hidden:
                self._reject(
                    label,
                    Rule.CONTROL_CHARACTERS,
                    f"The string {label.text!r} holds {', '.join(f'U+{ord(each):04X}' for each in hidden)}.",
                )
            elif not label.text.strip():
                self._reject(
                    label, Rule.EMPTY, "The string is only blanks." if label.text else "There is no string."
                )
            elif self._dictionary is not None and (strange := set(label.text.strip()) - self._dictionary):
                self._reject(
                    label,
                    Rule.OUTSIDE_DICTIONARY,
                    f"The dictionary lacks {', '.join(map(repr, sorted(strange)))} of {label.text!r}.",
                )
            elif label.text != label.text.strip():
                self.labels.append(
                    self._correct(
                        label,
                        Rule.OUTER_SPACE,
                        "Blanks before or after the string cannot be seen; they are off now.",
                        text=label.text.strip(),
                    )
                )
            else:
                self.labels.append(label)

    def fits(self) -> None:
        """Step 3."""
        usual, deviation = _usual_width(self.labels)
        limit = max(math.log(_WIDTH_FACTOR), _DEVIATIONS * deviation)
        vertical = self._direction_of_vertical_texts(usual, limit)
        kept, self.labels = self.labels, []
        for label in kept:
            off = _off(label, usual)
            if off is None or abs(off) <= _limit_for(label.text, limit):
                self.labels.append(label)
            elif off < 0 and (turned := self._turned(label, usual, limit, vertical)) is not None:
                self.labels.append(turned)
            elif not self._read_there(label):
                along, across = geometry.sides(label.points)
                much = "too short" if off < 0 else "too long"
                self._reject(
                    label,
                    Rule.ASPECT_MISMATCH,
                    f"A box of {along:.0f} x {across:.0f} pixels is {much} for {label.text!r} "
                    f"(by a factor of {math.exp(abs(off)):.1f}).",
                )
            else:
                self.labels.append(label)

    def _turned(self, label: Label, usual: float, limit: float, vertical: float | None) -> Label | None:
        """The label with another first point, when it fits so and it is clear which; None otherwise."""
        along, across = geometry.sides(label.points)
        if len(label.points) != 4 or across < _TALL * along or _is_stacked(label.text):
            return None
        points = label.points
        ways = [(*points[shift:], *points[:shift]) for shift in (1, 3)]
        fitting = [label.model_copy(update={"points": way}) for way in ways]
        off = _off(fitting[0], usual)
        if off is None or abs(off) > _limit_for(label.text, limit):
            return None
        angles = [geometry.angle(way.points) for way in fitting]
        wanted = self._angle_read_there(label)
        if wanted is None:
            # Nobody writes upside down; upright text reads the way that others on the page do.
            wanted = 0.0 if min(map(abs, angles)) <= _VERTICAL else vertical
        if wanted is None:
            return None
        best = min(range(2), key=lambda way: abs((angles[way] - wanted + 180) % 360 - 180))
        return self._correct(
            label,
            Rule.WRONG_START,
            "The string only fits when the text runs along the box's longer side; it begins there now.",
            points=fitting[best].points,
        )

    def _direction_of_vertical_texts(self, usual: float, limit: float) -> float | None:
        """-90 or 90 when the upright texts of the page, by their labels, agree in it."""
        angles = []
        for label in self.labels:
            off = _off(label, usual)
            turn = geometry.angle(label.points)
            if off is not None and abs(off) <= limit and len(label.text) > 2 and 45 < abs(turn) < 135:
                angles.append(-90.0 if turn < 0 else 90.0)
        for turn in (-90.0, 90.0):
            if len(angles) >= 3 and angles.count(turn) >= _AGREED * len(angles):
                return turn
        return None

    def _read_there(self, label: Label) -> bool:
        """Whether the model reads this very string in this very box: then it fits, however it looks."""
        return any(
            _plain(text.text) == _plain(label.text) and geometry.iou(text.quad, label.points) >= SAME_PLACE
            for text in self._reading
        )

    def _angle_read_there(self, label: Label) -> float | None:
        pairs = [(geometry.iou(text.quad, label.points), text) for text in self._reading]
        overlap, best = max(pairs, key=lambda pair: pair[0], default=(0.0, None))
        return best.angle if best is not None and overlap >= SAME_PLACE else None

    def neighbours(self) -> None:
        """Step 4."""
        shapes = [label.points for label in self.labels]
        pairs = [pair for pair in geometry.overlapping_pairs(shapes, shapes, SAME_PLACE) if pair[0] < pair[1]]
        agreed = {label.id for label, text in _read_in_place(self.labels, self._reading)
                  if _plain(label.text) == _plain(text.text)}  # fmt: skip
        gone: set[int] = set()
        # Equal strings first: what contradicts two duplicates contradicts one label.
        for i, j, _ in sorted(pairs, key=lambda p: (self._differ(p[0], p[1]), -p[2], p[0], p[1])):
            one, other = self.labels[i], self.labels[j]
            if i in gone or j in gone or (one.unreadable != other.unreadable):
                continue
            better = _better(one, other, agreed)
            if not self._differ(i, j):
                keep, drop = (j, i) if better == 1 else (i, j)
                exact = one.text == other.text and _corners_match(one.points, other.points)
                rule = Rule.EXACT_DUPLICATE if exact else Rule.NEAR_DUPLICATE
                gone.add(drop)
                self._reject(
                    self.labels[drop],
                    rule,
                    f"{self.labels[keep].text!r} ({self.labels[keep].id}) is labelled in the same place.",
                    self.labels[keep],
                )
            elif better is None:
                gone |= {i, j}
                for label, rival in ((one, other), (other, one)):
                    self._reject(
                        label,
                        Rule.CONTRADICTION,
                        f"In the same place stands {rival.text!r} ({rival.id}); either may be right.",
                        rival,
                    )
            else:
                drop, keep = (i, j) if better == 1 else (j, i)
                gone.add(drop)
                self._reject(
                    self.labels[drop],
                    Rule.CONTRADICTION,
                    f"In the same place stands {self.labels[keep].text!r} ({self.labels[keep].id}), "
                    "which is likelier right.",
                    self.labels[keep],
                )
        self.labels = [label for place, label in enumerate(self.labels) if place not in gone]

    def _differ(self, i: int, j: int) -> bool:
        return _loose(self.labels[i].text) != _loose(self.labels[j].text)


def _better(one: Label, other: Label, agreed: Collection[str]) -> int | None:
    """0 or 1 for the label with more evidence behind it; None when there is none."""
    for ranks in (
        [label.id in agreed for label in (one, other)],
        [label.source is LabelSource.PERSON for label in (one, other)],
        [label.confidence or 0.0 for label in (one, other)],
    ):
        if ranks[0] != ranks[1]:
            return int(ranks[1] > ranks[0])
    return None


def _usual_width(labels: Iterable[Label]) -> tuple[float, float]:
    """Median and deviation (as a standard deviation) of the logarithm of the labels' widths, see `_off`."""
    widths = [width for label in labels if len(label.text) >= 3 and (width := _off(label, 0.0)) is not None]
    if len(widths) < _ENOUGH:
        return 0.0, _USUAL_DEVIATION
    usual = median(widths)
    # 1.4826: a normal distribution's standard deviation is so many median absolute deviations.
    return usual, 1.4826 * median(abs(width - usual) for width in widths)


def _off(label: Label, usual: float) -> float | None:
    """Logarithm of the box's width, in widths of its string; above 0: too long. None: nobody can tell."""
    if label.unreadable or not any(letter.isalnum() for letter in label.text):
        return None  # dashes and dots are as high as they like
    along, across = geometry.sides(label.points)
    if _is_stacked(label.text) and across > along:
        along, across = across, along
    if not along or not across:
        return None
    off = math.log(along / across / _widths(label.text)) - usual
    # A lone stroke may be as thin as a line.
    return max(0.0, off) if set(label.text) <= _STROKES else off


def _limit_for(text: str, limit: float) -> float:
    return limit + math.log(_ONE_CHARACTER) / len(text)


def _widths(text: str) -> float:
    """Width of a string in heights of a capital letter."""
    total = 0.0
    for letter in text:
        if unicodedata.combining(letter):
            continue
        if letter.isspace():
            total += _BLANK
        elif unicodedata.east_asian_width(letter) in "WF":
            total += _IDEOGRAPH
        elif letter in _NARROW_ONES:
            total += _NARROW
        else:
            total += _WIDE if letter in _WIDE_ONES else _USUAL
    return max(_NARROW, total)


def _is_stacked(text: str) -> bool:
    """Whether a text may be set in a column, glyph below glyph: as Chinese is."""
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return 2 * wide >= len(text)


def _is_hidden(letter: str) -> bool:
    # Joiners are part of how some scripts are written.
    return unicodedata.category(letter) in ("Cc", "Cf", "Co", "Cn", "Cs") and letter not in "\u200c\u200d"


def _corners_match(one: Sequence[Point], other: Sequence[Point]) -> bool:
    return len(one) == len(other) and all(math.dist(a, b) <= EXACTLY for a, b in zip(one, other, strict=True))


def _plain(text: str) -> str:
    """A string without its blanks: where words are apart is often a matter of taste."""
    return "".join(text.split())


def _loose(text: str) -> str:
    return _plain(unicodedata.normalize("NFKC", text)).casefold()


def _exchanges(stands: str, read: str) -> list[tuple[str, str]]:
    """Stretches that differ, as (what stands, what was read); either may be empty."""
    before, after = _plain(stands), _plain(read)
    opcodes = difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    return [(before[i1:i2], after[j1:j2]) for tag, i1, i2, j1, j2 in opcodes if tag != "equal"]


def _read_in_place(labels: Sequence[Label], reading: Sequence[Text]) -> list[tuple[Label, Text]]:
    """Labels with what the model reads in their boxes, where it reads something that can be compared.

    A label over several texts is compared with all of them in the label's direction; one that is a part of a
    longer text is left out, because nothing contradicts it.
    """
    # A reading's quad is ink-tight, labels may be loose: a low bar, then a closer look.
    touching: defaultdict[int, list[tuple[int, float]]] = defaultdict(list)
    shapes, quads = [label.points for label in labels], [text.quad for text in reading]
    for i, j, overlap in geometry.overlapping_pairs(shapes, quads, 0.05):
        touching[i].append((j, overlap))
    found = []
    for i, near in sorted(touching.items()):
        label = labels[i]
        if label.unreadable or not label.text:
            continue
        inside = [j for j, _ in near if geometry.share_inside(quads[j], shapes[i]) >= _MOSTLY]
        best, overlap = max(near, key=lambda pair: pair[1])
        text = reading[best]
        if len(inside) > 1:
            turn = math.radians(geometry.angle(label.points))
            inside.sort(
                key=lambda j: (
                    geometry.centre(quads[j])[0] * math.cos(turn)
                    + geometry.centre(quads[j])[1] * math.sin(turn)
                )
            )
            joined = " ".join(reading[j].text for j in inside)
            if _plain(joined) == _plain(label.text):
                text = text.model_copy(update={"text": joined})
                found.append((label, text))
                continue
        if overlap < SAME_PLACE:
            continue
        if _plain(label.text) in _plain(text.text) and geometry.share_inside(shapes[i], quads[best]) > 0.9:
            text = text.model_copy(update={"text": label.text})
        found.append((label, text))
    return found


def _displaced(labels: Sequence[Label], reading: Sequence[Text]) -> list[SuspectLabel]:
    """Labels whose string the model reads nearby, in a place that no label has."""
    shapes, quads = [label.points for label in labels], [text.quad for text in reading]
    pairs = geometry.overlapping_pairs(shapes, quads, SAME_PLACE)
    in_place, taken = {i for i, _, _ in pairs}, {j for _, j, _ in pairs}
    free: defaultdict[str, list[Text]] = defaultdict(list)
    for j, text in enumerate(reading):
        if j not in taken and text.confidence >= _ELSEWHERE_SURELY:
            free[_plain(text.text)].append(text)
    found = []
    for i, label in enumerate(labels):
        if i in in_place or label.unreadable:
            continue
        reach = _NEAR * max(geometry.sides(label.points))
        centre = geometry.centre(label.points)
        for text in free.get(_plain(label.text), ()):
            # A part of a text and the whole may lie in each other's way; those are no displaced boxes.
            overlap = geometry.share_inside(text.quad, label.points)
            if math.dist(centre, geometry.centre(text.quad)) <= reach and overlap < 0.9:
                found.append(
                    SuspectLabel(
                        label=label,
                        rule=Rule.DISPLACED,
                        reason=f"The model reads {text.text!r} beside the box "
                        f"(confidence {text.confidence:.2f}), and nothing in it.",
                        score=text.confidence,
                        read=text.text,
                        confidence=text.confidence,
                    )
                )
                break
    return found
