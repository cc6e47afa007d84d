"""SIGTERM (managed spot, StopTrainingJob): what was learnt is kept, and the job ends within seconds."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

STOPPED = 143
"""Exit code of a job that was told to stop: 128 + SIGTERM."""


class Stopped(BaseException):
    """The job was told to stop; what it needs to go on is in a checkpoint.

    Like KeyboardInterrupt no `Exception`: nobody who handles faults of a page or a file means this.
    """


class Stop:
    """Whether SIGTERM came."""

    def __init__(self) -> None:
        self.asked = False
        self._at_once = False

    def listen(self) -> None:
        """Catch SIGTERM and SIGINT."""
        for one in (signal.SIGTERM, signal.SIGINT):
            signal.signal(one, self._ask)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True
        if self._at_once:
            self._at_once = False  # a second signal must not disturb who cleans up after the first
            raise Stopped

    def check(self) -> None:
        """Give up when asked to.

        Raises:
            Stopped: asked to.
        """
        if self.asked:
            raise Stopped

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Inside, the signal itself interrupts: for long steps that are done again when the job goes on.

        Raises:
            Stopped: asked to.
        """
        self._at_once = True
        try:
            self.check()
            yield
        finally:
            self._at_once = False
