"""Which characters a candidate has lost.

With 20 texts of each of thousands of characters the gate would take a day, and with one of each no test is
sure. So in two steps: what was read of pages and general lines names **suspects** (more often right with the
approved model alone than with the candidate alone), and `profiles` names more; for these, fresh lines are
drawn and read by both, and only these lines are tested: exact McNemar, corrected (Holm) for the number of
suspects. The first step may be as careless as it likes, since the second does not use its data. Suspects that
no font has are tested on what was read, corrected for all characters.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from drawops.contracts.training import GateReason, GateRow, ReasonCode

from drawops_vision.evaluation.predictions import Prediction
from drawops_vision.gate.allowances import Allowances
from drawops_vision.gate.counts import characters_right
from drawops_vision.gate.general import Lettering, Line, Picture, again
from drawops_vision.gate.statistics import holm, lost

READS = 0.5
"""A character that the approved model has right less often than that is not one that it reads."""
HALVED = 0.5
"""Lost is what is read less than half as often as before."""
UNLIKELY = 0.3
WELL_READ = 0.9

Both = Callable[[Sequence[Picture]], tuple[list[Prediction], list[Prediction]]]


@dataclass(frozen=True)
class Lost:
    """A character's figures in the test."""

    character: str
    stands: int
    approved: int
    candidate: int
    p: float
    lost: bool


def suspects(
    counted: Sequence[Mapping[str, Counter[str]]], most: int, allowed: str
) -> dict[str, Counter[str]]:
    """Characters that the candidate may have lost, the likeliest first."""
    found: dict[str, Counter[str]] = {}
    for one in counted:
        for character, tally in one.items():
            found.setdefault(character, Counter()).update(tally)
    rated = {
        character: lost(tally["only_a"], tally["only_b"])
        for character, tally in found.items()
        if tally["only_a"] > tally["only_b"] and character not in allowed
    }
    likely = sorted(
        (character for character, p in rated.items() if p <= UNLIKELY or _gone(found[character])),
        key=lambda character: (rated[character], -found[character]["only_a"], character),
    )
    return {character: found[character] for character in likely[:most]}


def well_read(counted: Sequence[Mapping[str, Counter[str]]]) -> list[str]:
    """Characters that both models read: company for a suspect."""
    total: dict[str, Counter[str]] = {}
    for one in counted:
        for character, tally in one.items():
            total.setdefault(character, Counter()).update(tally)
    return sorted(
        character for character, tally in total.items() if tally["both"] >= WELL_READ * tally["stands"] > 0
    )


def look_again(
    found: Mapping[str, Counter[str]],
    company: Sequence[str],
    lettering: Lettering,
    both: Both,
    seed: str,
    tested: int,
    allowances: Allowances,
) -> list[Lost]:
    """Have suspects read again by both models.

    Args:
        found: see `suspects`.
        company: see `well_read`.
        lettering: draws the lines.
        both: reads pictures with the approved model and with the candidate.
        seed: names the run.
        tested: how many characters were looked at in all: what the undrawable ones are corrected for.
        allowances: how many lines, and the significance.
    """
    drawn = again(lettering, list(found), company, seed, allowances.confirmations)
    lines: list[tuple[str, Line]] = [(character, line) for character, made in drawn.items() for line in made]
    reads = both([line.picture for _, line in lines])
    tallies: dict[str, Counter[str]] = {character: Counter() for character in drawn}
    for (character, line), left, right in zip(lines, *reads, strict=True):
        sides = [characters_right(line.text, one.text) for one in (left, right)]
        for place, one in enumerate(line.text):
            if one == character:
                a, b = sides[0][place], sides[1][place]
                tallies[character].update(
                    {"stands": 1, "both": a and b, "only_a": a and not b, "only_b": b and not a}
                )
    adjusted = dict(
        zip(tallies, holm([lost(one["only_a"], one["only_b"]) for one in tallies.values()]), strict=True)
    )
    for character in found.keys() - tallies.keys():
        tallies[character] = found[character]
        tally = found[character]
        adjusted[character] = min(1.0, tested * lost(tally["only_a"], tally["only_b"]))
    return [_judged(one, tallies[one], adjusted[one], allowances.significance) for one in found]


def reasons(found: Sequence[Lost]) -> list[GateReason]:
    """One reason that names all lost characters."""
    gone = [one for one in found if one.lost]
    if not gone:
        return []
    named = ", ".join(
        f"{one.character!r} ({one.approved} -> {one.candidate} of {one.stands})" for one in gone[:30]
    )
    more = f" and {len(gone) - 30} more" if len(gone) > 30 else ""
    return [
        GateReason(
            code=ReasonCode.CHARACTER_LOST,
            sentence=f"{len(gone)} characters are not read any more: {named}{more}. Add replay or general "
            "words with them, or allow their loss by name.",
        )
    ]


def rows(found: Sequence[Lost]) -> list[GateRow]:
    """The characters that were looked at again, for the table."""
    return [
        GateRow(
            set="general",
            axis="character",
            slice=one.character,
            figure="recall",
            labels=one.stands,
            approved=100 * one.approved / one.stands if one.stands else None,
            candidate=100 * one.candidate / one.stands if one.stands else None,
            delta=100 * (one.candidate - one.approved) / one.stands if one.stands else None,
            low=None,
            high=None,
            allowance=None,
            passed=not one.lost,
        )
        for one in found
    ]


def _gone(tally: Counter[str]) -> bool:
    return tally["both"] + tally["only_b"] == 0


def _judged(character: str, tally: Counter[str], p: float, significance: float) -> Lost:
    approved, candidate = tally["both"] + tally["only_a"], tally["both"] + tally["only_b"]
    reads = approved >= READS * tally["stands"] > 0
    return Lost(
        character,
        tally["stands"],
        approved,
        candidate,
        p,
        reads and candidate < HALVED * approved and p < significance,
    )
