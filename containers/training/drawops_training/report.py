"""What the job prints and leaves for SageMaker and for people: figures, progress, why it failed."""

import os
import resource
import sys
import time
from pathlib import Path

MOST_REASON = 1024
"""Characters of the failure file that SageMaker shows."""


def metric(name: str, value: float) -> None:
    """Print a figure in the form of `drawops.contracts.training.METRIC_DEFINITIONS`."""
    print(f"metric {name}={value:.6g}", flush=True)


class Progress:
    """How far one network has come."""

    def __init__(self, phase: str, first: int, steps: int) -> None:
        self._phase, self._first, self._steps = phase, first, steps
        self._started = time.perf_counter()

    def tell(self, step: int) -> None:
        """Print where it is and how long it may still take."""
        spent = time.perf_counter() - self._started
        left = spent / max(1, step - self._first) * (self._steps - step)
        print(
            f"progress phase={self._phase} step={step}/{self._steps} seconds={spent:.0f} "
            f"eta_seconds={left:.0f}",
            flush=True,
        )
        metric("progress:percent", 100 * step / self._steps)


def peak_mb() -> float:
    """The most memory that this process has held so far, in MiB."""
    try:
        # What getrusage says begins with the peak of the process that started this one.
        status = Path("/proc/self/status").read_text("ascii", "replace")
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024
    except (FileNotFoundError, IndexError):
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most / (1 << 20 if sys.platform == "darwin" else 1 << 10)


class Failure:
    """`output/failure`: why the job failed, for people.

    Room for it is taken when the job starts, so that a disk that the job fills does not swallow the reason.
    """

    def __init__(self, folder: Path, worker: int = 0) -> None:
        """Take the room; what an earlier start has left is removed by who leads, `worker` 0."""
        self._worker = worker
        self._file = folder / "failure"
        self._room = folder / f".failure-{worker}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if worker == 0:
                self._file.unlink(missing_ok=True)
            with self._room.open("wb") as file:
                file.write(b" " * 4 * MOST_REASON)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            print(f"no room for {self._file}: {error}", flush=True)

    def tell(self, reason: str) -> None:
        """Write the reason, and print it."""
        print(f"failed: {reason}", flush=True)
        said = reason[:MOST_REASON].encode()
        try:
            with self._room.open("r+b" if self._room.exists() else "wb") as file:
                file.write(said)
                file.truncate()
            self._room.replace(self._file)
        except OSError as error:
            print(f"{self._file} cannot be written: {error}", flush=True)

    def forget(self) -> None:
        """Give back the room; who leads, that of killed workers too."""
        for room in [self._room] if self._worker else self._file.parent.glob(".failure-*"):
            room.unlink(missing_ok=True)
