"""Which of two models is slower, on a machine that does other things too.

Both run in turn on the same input, and the least of several times counts: what disturbs a run can only make
it longer. When the candidate seems too slow, both run again before it is believed.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from drawops.contracts.training import GateReason, ReasonCode

from drawops_vision.gate.general import Picture
from drawops_vision.gate.pages import GatePage
from drawops_vision.reader import Reader
from drawops_vision.recognise import Recogniser

REPEATS = 2
ROUNDS = 4
LINES = 32


@dataclass(frozen=True)
class Speed:
    """Seconds of each side for one page or one line."""

    what: str
    approved: float
    candidate: float

    @property
    def ratio(self) -> float:
        """How many times as long the candidate takes."""
        return self.candidate / self.approved


def in_turn(what: str, approved: Callable[[], object], candidate: Callable[[], object], most: float) -> Speed:
    """Time two callables alternately."""
    least = [float("inf"), float("inf")]
    for _ in range(ROUNDS):
        for _ in range(REPEATS):
            for side, run in enumerate((approved, candidate)):
                started = time.perf_counter()
                run()
                least[side] = min(least[side], time.perf_counter() - started)
        if least[1] <= most * least[0]:
            break
    return Speed(what, least[0], least[1])


def of_page(page: GatePage, approved: Reader, candidate: Reader, most: float) -> Speed:
    """Seconds for one page."""
    data = page.data()
    return in_turn("page", lambda: approved.read(data), lambda: candidate.read(data), most)


def of_lines(pictures: Sequence[Picture], approved: Recogniser, candidate: Recogniser, most: float) -> Speed:
    """Seconds for one line."""
    some = list(pictures[:LINES])
    found = in_turn("line", lambda: approved.lines(some), lambda: candidate.lines(some), most)
    return Speed("line", found.approved / len(some), found.candidate / len(some))


def reasons(found: Sequence[Speed], most: float) -> list[GateReason]:
    """A reason for each that is too slow."""
    return [
        GateReason(
            code=ReasonCode.TOO_SLOW,
            sentence=f"A {one.what} takes {1000 * one.candidate:.1f} ms instead of "
            f"{1000 * one.approved:.1f}, {one.ratio:.2f} times as long; "
            f"{most:g} times are allowed. The network has grown.",
        )
        for one in found
        if one.ratio > most
    ]
