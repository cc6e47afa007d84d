"""`kill -9` of each part of the local cloud while it reads, then `drawops up`: every drawing gets its result.

    python -m benchmarks.faults [--count 20]

A fresh stack; for each part in turn: drop the drawings at once, wait until some have a result, kill, bring
up again, wait for the rest. Exit code 1 when a drawing does not end in a result.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import psutil
from drawops.catalog import Revision, Status
from drawops_vision.sheets import generate
from rich.console import Console
from rich.table import Table

from benchmarks.local_stack import Dropped, Stack, all_ended, eventually, temporary_stack

VICTIMS: dict[str, Callable[[Stack], psutil.Process]] = {
    "inference process": lambda stack: stack.container(),
    "SageMaker runner": lambda stack: stack.server("sagemaker"),
    "MiniStack": lambda stack: stack.server("ministack"),
}
DONE_BEFORE = 0.25


@dataclass(frozen=True)
class Recovery:
    """What a kill did.

    Attributes:
        ended_before: drawings that had a result when the process was killed.
        up: seconds from the kill until the stack was up again.
        first: seconds from the kill to the next result.
        last: seconds from the kill to the last result.
        revisions: the drawings as the catalog knows them in the end.
        executions: workflow executions in all; one a drawing when nothing had to be started again.
        events: `DrawingProcessed` events in all; after a crash one may come twice.
    """

    victim: str
    ended_before: int
    up: float
    first: float
    last: float
    revisions: tuple[Revision, ...]
    executions: int
    events: int

    @property
    def without_result(self) -> list[Revision]:
        """Drawings that did not end in a result."""
        return [revision for revision in self.revisions if revision.status is not Status.PROCESSED]


def kill(stack: Stack, victim: str, files: Sequence[bytes], seconds: float) -> Recovery:
    """Drop `files`, kill `victim` while they are being read, bring the stack up again, wait for the rest.

    Raises:
        TooSlow: some drawings have not ended within `seconds` of being up again.
    """
    folder = f"faults/{victim}/{time.time_ns()}"
    dropped = [stack.drop(f"{folder}/{number:03}.png", data) for number, data in enumerate(files)]
    enough = max(1, int(DONE_BEFORE * len(files)))
    eventually(lambda: len(_with_result(stack, dropped)) >= enough, seconds, lambda: "too few results")
    process = VICTIMS[victim](stack)
    before = len(_with_result(stack, dropped))
    killed = datetime.now(UTC)
    process.kill()
    psutil.wait_procs([process], timeout=10)
    stack.bring_up_again()
    up = (datetime.now(UTC) - killed).total_seconds()
    revisions = all_ended(stack, dropped, seconds)
    eventually(lambda: not _running(stack, dropped), 60, lambda: "executions do not end")
    after = sorted(
        since for item in revisions.values() if (since := (_time(item) - killed).total_seconds()) > 0
    )
    executions = stack.executions()
    wanted = set(revisions)
    return Recovery(
        victim=victim,
        ended_before=before,
        up=up,
        first=after[0] if after else 0.0,
        last=after[-1] if after else 0.0,
        revisions=tuple(revisions.values()),
        executions=sum(len(executions[drawing_id]) for drawing_id in wanted),
        events=sum(event["detail"]["drawing_id"] in wanted for event in stack.events()),
    )


def _with_result(stack: Stack, dropped: Sequence[Dropped]) -> list[Revision]:
    wanted = {one.drawing_id for one in dropped}
    return [item for item in stack.target.catalog.by_status(Status.PROCESSED) if item.drawing_id in wanted]


def _running(stack: Stack, dropped: Sequence[Dropped]) -> bool:
    executions = stack.executions()
    return any(item.status == "RUNNING" for one in dropped for item in executions[one.drawing_id])


def _time(revision: Revision) -> datetime:
    return datetime.fromisoformat(revision.updated_at)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns the exit code."""
    command = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    command.add_argument("--count", type=int, default=20, help="drawings for each kill")
    options = command.parse_args(arguments)
    files = [generate(seed, "A5", 150).png() for seed in range(options.count)]
    console = Console()
    # Unwrapped in a log, too.
    console.width = max(console.width, 110)
    table = Table(
        title=f"kill -9 in the middle of {options.count} drawings, then drawops up; seconds after the kill"
    )
    table.add_column("killed")
    for heading in (
        "done before",
        "up again",
        "next result",
        "last result",
        "results",
        "executions",
        "events",
    ):
        table.add_column(heading, justify="right")
    failed = False
    with temporary_stack() as stack:
        for victim in VICTIMS:
            recovery = kill(stack, victim, files, seconds=120 + 10 * options.count)
            lost = recovery.without_result
            failed |= bool(lost)
            table.add_row(
                victim,
                str(recovery.ended_before),
                *(f"{figure:.1f}" for figure in (recovery.up, recovery.first, recovery.last)),
                f"{options.count - len(lost)} of {options.count}",
                str(recovery.executions),
                str(recovery.events),
                style="red" if lost else "",
            )
            for revision in lost:
                console.print(
                    f"{revision.key}: {revision.status} {revision.code} {revision.reason}", style="red"
                )
    console.print(table)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
