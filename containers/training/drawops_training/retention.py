"""How far to go from the parent towards what was tuned, so that what the parent knew is kept.

Between the parent's weights and the tuned ones lies a straight line, and the skills do not change along it at
the same pace: what was learnt comes early, what is forgotten is lost late (WiSE-FT: Wortsman et al., *Robust
fine-tuning of zero-shot models*, 2022). The candidate is the farthest point at which general words, drawn for
this and neither trained on nor known to the gate, are still read as the parent reads them, block by block of
characters.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from drawops_vision.gate.charsets import charset
from drawops_vision.gate.general import Lettering, general

from drawops_training import lines
from drawops_training.examples import Example

STEPS = 10
"""Points of the line that may be chosen; the parent itself is none."""
BLOCK_LOSS, WHOLE_LOSS = 0.01, 0.002
"""CER that a block of characters, and that all lines together, may lose."""


@dataclass(frozen=True)
class Kept:
    """The chosen point.

    Attributes:
        share: of the way from the parent (0) to what was tuned (1).
        before: CER by block as the parent reads, "all" among them.
        after: the same at the chosen point.
        holds: whether nothing is lost there; if not, nothing nearer to the parent was tried.
    """

    share: float
    before: Mapping[str, float]
    after: Mapping[str, float]
    holds: bool


def drawn(dictionary: Sequence[str], seed: int, groups: int) -> dict[str, list[Example]]:
    """General words by block of characters, some 15 lines a group."""
    made = general(
        Lettering(mixed=lines.line, of_text=lines.of_text), dictionary, f"retention/{seed}", groups
    ).lines
    found: dict[str, list[Example]] = {}
    for one in made:
        if one.text:
            found.setdefault(charset(one.text), []).append(Example(one.picture, one.text))
    return found


def with_all(by_block: Mapping[str, float], words: Mapping[str, Sequence[Example]]) -> dict[str, float]:
    """CER by block and, as "all", that of all lines together."""
    letters = {block: sum(len(one.text) for one in some) for block, some in words.items()}
    whole = sum(by_block[block] * count for block, count in letters.items()) / max(1, sum(letters.values()))
    return {**by_block, "all": whole}


def farthest(
    parent: Sequence[torch.Tensor],
    tuned: Sequence[torch.Tensor],
    place: Callable[[Sequence[torch.Tensor]], None],
    measure: Callable[[], Mapping[str, float]],
) -> Kept:
    """Find the farthest point that keeps what the parent knew, by halving; leaves it placed.

    Args:
        parent: its parameters.
        tuned: the same after the tuning.
        place: gives parameters to the network.
        measure: CER by block of what is placed.
    """

    def at(step: int) -> Mapping[str, float]:
        share = step / STEPS
        place([old + share * (new - old) for old, new in zip(parent, tuned, strict=True)])
        return measure()

    before = at(0)
    found: dict[int, Mapping[str, float]] = {}
    low, high = 1, STEPS  # `low` is taken when nothing holds
    while low < high:
        middle = STEPS if not found else (low + high + 1) // 2  # mostly all of the way will do
        found[middle] = at(middle)
        if holds(before, found[middle]):
            low = middle
        else:
            high = middle - 1
    after = at(low)
    return Kept(low / STEPS, before, after, holds(before, after))


def holds(before: Mapping[str, float], after: Mapping[str, float]) -> bool:
    """Whether no block lost more than it may."""
    return all(
        after[block] <= cer + (WHOLE_LOSS if block == "all" else BLOCK_LOSS) for block, cer in before.items()
    )
