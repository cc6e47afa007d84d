"""Several people's answers on one area become one: which boxes are the same, what they say, what is disputed.

1. **Units.** Boxes of different people are the same text when they overlap (IoU >= 0.5), best pairs first,
   never two of one person: single linkage with a cannot-link constraint, so it is one to one between any two
   people and holds together over all of them.
2. **Votes.** In each unit a person says a string, "unreadable", or "nothing" (deleted it, or has no box
   there). Who left a box as the model gave it did not look (the page shows unsure boxes only) and abstains.
3. **Verdict.** What more than half of the votes say. Otherwise the unit is disputed and goes back to people
   with all proposals. When nobody voted, the model's reading stands.
4. **Later rounds.** One person has one vote, and the latest counts: who gives in changes his own.

The place is the median of the corners of those who said what won, coordinate by coordinate: of three people
one may be far off.

No weights: with two opinions a weight would always make the same person win, where the two should look again;
with three, two who agree are right but for one case in hundreds (`benchmarks/agreement.py`).
"""

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import median

from drawops.contracts.labeling import BY_A_PERSON, Box, BoxState, Quad
from drawops.contracts.labels import UNREADABLE
from drawops.datasets.geometry import overlapping_pairs

SAME = 0.5
"""IoU from which two boxes are the same text."""


class Kind(StrEnum):
    """What a person can say of a unit."""

    TEXT = "text"
    UNREADABLE = "unreadable"
    NOTHING = "nothing"
    ABSTAINS = "abstains"


@dataclass(frozen=True)
class Opinion:
    """One person's answer on one area."""

    annotator: str
    boxes: tuple[Box, ...]


@dataclass(frozen=True)
class Vote:
    """What one person says of one unit.

    Attributes:
        text: as it was typed; compared by `normalised`.
        turn: by how many corners the box begins later than the unit's first one: where it reads to.
        box: None when the person has no box there.
    """

    kind: Kind
    text: str = ""
    turn: int = 0
    box: Box | None = None

    @property
    def key(self) -> tuple[Kind, str, int]:
        """What must be equal for two votes to agree."""
        if self.kind is Kind.TEXT:
            return self.kind, normalised(self.text), self.turn
        return self.kind, "", 0


@dataclass
class Unit:
    """One text, or what somebody took for one, as everybody who worked on the area sees it.

    Attributes:
        votes: by annotator; the latest of each.
    """

    id: str
    votes: dict[str, Vote] = field(default_factory=dict)

    @property
    def cast(self) -> dict[str, Vote]:
        """Votes of those who looked."""
        return {who: vote for who, vote in self.votes.items() if vote.kind is not Kind.ABSTAINS}

    @property
    def winner(self) -> tuple[Kind, str, int] | None:
        """What more than half of those who looked say; None when disputed or when nobody looked."""
        votes = Counter(vote.key for vote in self.cast.values())
        if not votes:
            return None
        best, count = votes.most_common(1)[0]
        return best if 2 * count > votes.total() else None

    @property
    def disputed(self) -> bool:
        """Whether people looked and no answer has more than half of their votes."""
        return bool(self.cast) and self.winner is None


def normalised(text: str) -> str:
    """What counts of a string: canonical composition (NFC), blanks at the ends and repeated ones do not."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def units(opinions: Sequence[Opinion]) -> list[Unit]:
    """The units of one area, in the order of the first opinion's boxes, then of the further ones.

    Deterministic: neither the order of the opinions nor that of their boxes changes which boxes are together.

    Args:
        opinions: of different people.
    """
    opinions = sorted(opinions, key=lambda opinion: opinion.annotator)
    members = _cluster(opinions)
    found: list[Unit] = []
    used: set[str] = set()
    for cluster in members:
        boxes = {
            opinions[person].annotator: opinions[person].boxes[index] for person, index in cluster.items()
        }
        reference = next(iter(boxes.values()))
        unit = Unit(_name(boxes, used))
        used.add(unit.id)
        for opinion in opinions:
            unit.votes[opinion.annotator] = _vote(boxes.get(opinion.annotator), reference.quad)
        found.append(unit)
    return found


def overlay(known: Sequence[Unit], later: Opinion) -> list[Unit]:
    """Units after an answer of a later round, which was about those that were disputed.

    A box of a known unit is the person's new vote; a box that is none (somebody split a text, or drew what
    was missing) is a unit of its own, which nobody else was asked about.
    """
    by_id = {unit.id: Unit(unit.id, dict(unit.votes)) for unit in known}
    for box in later.boxes:
        unit = by_id.get(box.id)
        if unit is None:
            by_id[box.id] = Unit(box.id, {later.annotator: _vote(box, box.quad)})
        else:
            vote = _vote(box, _reference(unit))
            if vote.kind is not Kind.ABSTAINS:
                unit.votes[later.annotator] = vote
    return list(by_id.values())


def place(unit: Unit) -> Quad:
    """Where the unit is: median corners of those who said what won; of all who have a box when none did."""
    winner = unit.winner
    votes = [vote for vote in unit.votes.values() if vote.box is not None]
    chosen = [vote for vote in votes if vote.key == winner] or [
        vote for vote in votes if vote.kind is not Kind.NOTHING
    ]
    if winner is None and chosen:
        # Different directions of reading cannot be averaged corner by corner.
        chosen = [vote for vote in chosen if vote.turn == chosen[0].turn]
    return median_quad([vote.box.quad for vote in chosen or votes if vote.box is not None])


def median_quad(quads: Sequence[Quad]) -> Quad:
    """Median of each coordinate of each corner."""
    corners = [
        (median(quad[corner][0] for quad in quads), median(quad[corner][1] for quad in quads))
        for corner in range(4)
    ]
    return corners[0], corners[1], corners[2], corners[3]


def proposals(unit: Unit) -> tuple[str, ...]:
    """The strings that people read, the most frequent first; '###' where one could not read it."""
    said = Counter(
        UNREADABLE if vote.kind is Kind.UNREADABLE else normalised(vote.text)
        for vote in unit.cast.values()
        if vote.kind is not Kind.NOTHING
    )
    ordered = sorted(said.items(), key=lambda item: (-item[1], item[0]))
    return tuple(text for text, _ in ordered if text)[:8]


def question(unit: Unit) -> Box:
    """A disputed unit as a box that somebody must look at again."""
    read = proposals(unit)
    return Box(
        id=unit.id,
        quad=place(unit),
        text=read[0] if read and read[0] != UNREADABLE else "",
        state=BoxState.UNSURE,
        proposals=read,
    )


def _cluster(opinions: Sequence[Opinion]) -> list[dict[int, int]]:
    """Boxes that are the same text: for each unit the index of each person's box.

    Pairs of boxes that are both there come before pairs with a deleted one: who deletes a box and draws it
    anew at the same place has the new one in the unit.
    """
    candidates = []
    for a in range(len(opinions)):
        for b in range(a + 1, len(opinions)):
            boxes_a, boxes_b = opinions[a].boxes, opinions[b].boxes
            pairs = overlapping_pairs([box.quad for box in boxes_a], [box.quad for box in boxes_b], SAME)
            for i, j, overlap in pairs:
                gone = BoxState.DELETED in (boxes_a[i].state, boxes_b[j].state)
                other_id = boxes_a[i].id != boxes_b[j].id
                candidates.append((gone, -round(overlap, 6), other_id, (a, i), (b, j)))
    unit_of: dict[tuple[int, int], int] = {}
    clusters: list[dict[int, int]] = []
    for person, opinion in enumerate(opinions):
        for index in range(len(opinion.boxes)):
            unit_of[person, index] = len(clusters)
            clusters.append({person: index})
    # Equal overlaps are put in the order of the boxes' ids, not of their numbers in a list.
    candidates.sort(
        key=lambda found: (*found[:3], opinions[found[3][0]].boxes[found[3][1]].id, found[3][0], found[4])
    )
    for *_, first, second in candidates:
        one, two = unit_of[first], unit_of[second]
        if one == two or clusters[one].keys() & clusters[two].keys():
            continue
        keep, drop = min(one, two), max(one, two)
        for member in clusters[drop].items():
            unit_of[member] = keep
        clusters[keep] |= clusters[drop]
        clusters[drop] = {}
    return [dict(sorted(cluster.items())) for cluster in clusters if cluster]


def _vote(box: Box | None, reference: Quad) -> Vote:
    if box is None or box.state is BoxState.DELETED:
        return Vote(Kind.NOTHING, box=box)
    if box.state not in BY_A_PERSON:
        return Vote(Kind.ABSTAINS, box.text, box=box)
    if box.state is BoxState.UNREADABLE or normalised(box.text) == UNREADABLE:
        return Vote(Kind.UNREADABLE, box=box)
    return Vote(Kind.TEXT, box.text, turn(box.quad, reference), box)


def turn(quad: Quad, reference: Quad) -> int:
    """By how many corners (0 to 3) `quad` begins later than `reference`: 2 is upside down."""

    def apart(by: int) -> float:
        return sum(
            abs(quad[corner][axis] - reference[(corner + by) % 4][axis])
            for corner in range(4)
            for axis in (0, 1)
        )

    return min(range(4), key=apart)


def _reference(unit: Unit) -> Quad:
    first = next(vote.box for _, vote in sorted(unit.votes.items()) if vote.box is not None)
    return first.quad


def _name(boxes: Mapping[str, Box], used: set[str]) -> str:
    """The id that most of the boxes have; a new one when another unit has it already."""
    counted = Counter(box.id for box in boxes.values())
    for name, _ in sorted(counted.items(), key=lambda item: (-item[1], item[0])):
        if name not in used:
            return name
    said = "\n".join(f"{who}/{box.id}" for who, box in sorted(boxes.items()))
    return "u-" + hashlib.sha256(said.encode()).hexdigest()[:20]
