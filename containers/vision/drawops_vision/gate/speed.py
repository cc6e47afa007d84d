"""Which of two models is slower, on a machine that does other things too.

Both run in turn on the same input, and the least of several times counts: what disturbs a run can only make
it longer. A candidate is slower when it is so by the clock **and** by the processor time of all threads: the
first alone rises when other programs take the cores, the second alone when threads spin. When it
seems too slow, both run again before it is believed.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

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
    """Seconds of each side for one page or one line.

    Attributes:
        what: page or line.
        approved: seconds by the clock.
        candidate: the same of the candidate.
        processor: how many times the processor time the candidate takes.
    """

    what: str
    approved: float
    candidate: float
    processor: float

    @property
    def ratio(self) -> float:
        """How many times as long the candidate takes: the smaller of clock and processor time."""
        return min(self.candidate / self.approved, self.processor)


def in_turn(what: str, approved: Callable[[], object], candidate: Callable[[], object], most: float) -> Speed:
    """Time two callables alternately."""
    clock, processor = [float("inf"), float("inf")], [float("inf"), float("inf")]
    for _ in range(ROUNDS):
        for _ in range(REPEATS):
            for side, run in enumerate((approved, candidate)):
                started, busy = time.perf_counter(), time.process_time()
                run()
                processor[side] = min(processor[side], time.process_time() - busy)
                clock[side] = min(clock[side], time.perf_counter() - started)
        found = Speed(what, clock[0], clock[1], processor[1] / max(processor[0], 1e-9))
        if found.ratio <= most:
            break
    return found


def of_page(page: GatePage, approved: Reader, candidate: Reader, most: float) -> Speed:
    """Seconds for one page."""
    data = page.data()
    return in_turn("page", lambda: approved.read(data), lambda: candidate.read(data), most)


def of_lines(pictures: Sequence[Picture], approved: Recogniser, candidate: Recogniser, most: float) -> Speed:
    """Seconds for one line."""
    some = list(pictures[:LINES])
    found = in_turn("line", lambda: approved.lines(some), lambda: candidate.lines(some), most)
    return replace(found, approved=found.approved / len(some), candidate=found.candidate / len(some))


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
