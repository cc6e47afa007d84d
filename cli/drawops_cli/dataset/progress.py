"""What the verbs of `drawops dataset` show while they work, and of what went wrong."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from drawops_cli.console import err

if TYPE_CHECKING:
    from drawops_vision.datasets.label_file import Problem

MOST = 10
"""Problems that are shown; all of them are in --json or in problems.txt."""


class Bar:
    """Counts pages; the total may come later."""

    def __init__(self, progress: Progress, title: str, total: int | None) -> None:
        self._progress = progress
        self._task = progress.add_task(title, total=total)

    def expect(self, total: int) -> None:
        """Say how many there will be."""
        self._progress.update(self._task, total=total)

    def done(self, _: object = None) -> None:
        """One more."""
        self._progress.advance(self._task)

    def to(self, completed: int, total: int | None) -> None:
        """So many of so many."""
        self._progress.update(self._task, completed=completed, total=total)


@contextmanager
def pages(title: str, total: int | None = None) -> Iterator[Bar]:
    """A bar of pages on stderr that goes away at the end."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True) as progress:
        yield Bar(progress, title, total)


@contextmanager
def transfer(title: str) -> Iterator[Bar]:
    """A bar of bytes on stderr that goes away at the end."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True) as progress:
        yield Bar(progress, title, None)


def show_problems(problems: "Sequence[Problem | str]", notes: Mapping[str, int] | None = None) -> None:
    """Say on stderr what was left out."""
    for note, count in (notes or {}).items():
        err.print(f"{count} {note}", markup=False, soft_wrap=True)
    for problem in problems[:MOST]:
        err.print(f"{problem}", style="yellow", markup=False, soft_wrap=True)
    if len(problems) > MOST:
        err.print(f"… and {len(problems) - MOST} more problems", style="yellow")
