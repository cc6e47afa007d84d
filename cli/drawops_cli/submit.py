"""`drawops submit`."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from drawops.catalog import Status
from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table
from rich.text import Text

from drawops_cli import tracking
from drawops_cli.console import STATUS_STYLES, err, number, out, print_json, symbol, table
from drawops_cli.failures import Failure
from drawops_cli.target import Profile, Region, Stack, Target, choose

_LIVE_ROWS = 12


def submit(
    paths: Annotated[list[Path], typer.Argument(metavar="FILE", help="Drawings; with -r also folders.")],
    recursive: Annotated[
        bool, typer.Option("-r", "--recursive", help="Submit the drawings in folders.")
    ] = False,
    prefix: Annotated[
        str, typer.Option(help="Put before each file name to make the S3 key, e.g. plant-7/.")
    ] = "",
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait until every drawing has ended.")
    ] = True,
    timeout: Annotated[float, typer.Option(min=0, help="Seconds to wait at most.")] = 3600,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
    profile: Profile = None,
    region: Region = None,
    stack: Stack = None,
) -> None:
    """Upload drawings (PDF, PNG, JPEG, TIFF) and follow each one to its result.

    The same file under the same key is not read twice; a changed one becomes a new revision. Exit code 1 when
    a drawing went to quarantine or time ran out.

    \b
    Examples:
        drawops submit plan.pdf
        drawops submit -r scans/ --prefix plant-7/
        drawops submit *.tif --no-wait
        drawops submit plan.pdf --json | jq '.[].status'
    """
    files = tracking.files_by_key(paths, prefix, recursive)
    target = choose(profile, region, stack)
    submissions = upload_all(target, files)
    if not wait:
        if as_json:
            print_json([outcome(tracking.Progress(submission)) for submission in submissions])
        else:
            err.print("Follow them with `drawops results`.")
        return
    started = time.monotonic()
    everything = follow_live(target, submissions, timeout)
    if as_json:
        print_json([outcome(progress) for progress in everything])
    else:
        print_outcome(everything, time.monotonic() - started)
    unfinished = sum(not progress.ended for progress in everything)
    if unfinished:
        raise Failure(
            f"{unfinished} of {len(everything)} drawings have not ended after {timeout:.0f} s. They go on: "
            "look with `drawops results`."
        )
    if any(progress.status != Status.PROCESSED for progress in everything):
        raise typer.Exit(1)


def upload_all(target: Target, files: Mapping[str, Path]) -> list[tracking.Submission]:
    """Upload with a progress bar; returns one submission a file, in order."""
    total = sum(file.stat().st_size for file in files.values())
    columns = (
        TextColumn("  {task.description}"),
        BarColumn(bar_width=30),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    submissions = []
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task("upload", total=total)
        for key, file in files.items():
            bar.update(task, description=f"upload {file.name}")
            submissions.append(tracking.upload(target, file, key, lambda sent: bar.advance(task, sent)))
    plural = "drawing" if len(files) == 1 else "drawings"
    err.print(
        Text.assemble(
            "  ",
            (symbol("✓", "ok"), "green"),
            f" {len(files)} {plural}, {total / 1e6:.1f} MB, to s3://{target.raw_bucket}",
        ),
        soft_wrap=True,
    )
    return submissions


def follow_live(
    target: Target, submissions: Sequence[tracking.Submission], timeout: float
) -> list[tracking.Progress]:
    """Follow submissions; on a terminal with a live table, elsewhere with a line for each change."""
    if not err.is_terminal:
        return tracking.follow(target.catalog, submissions, timeout, _print_change)
    view = _View(submissions)
    with Live(view, console=err, refresh_per_second=8, transient=True):
        return tracking.follow(target.catalog, submissions, timeout, view.note)


def _print_change(progress: tracking.Progress) -> None:
    err.print(f"{progress.submission.key}: {progress.status.lower()}", markup=False, soft_wrap=True)


class _View:
    """The live table: what is open first, then counts."""

    def __init__(self, submissions: Sequence[tracking.Submission]) -> None:
        self._seen = {item.key: tracking.Progress(item) for item in submissions}

    def note(self, progress: tracking.Progress) -> None:
        self._seen[progress.submission.key] = progress

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        rows = sorted(self._seen.values(), key=lambda progress: progress.ended)
        grid = Table.grid(padding=(0, 2))
        grid.add_column(no_wrap=True, overflow="ellipsis", max_width=60)
        grid.add_column(no_wrap=True)
        grid.add_column(no_wrap=True, justify="right")
        for progress in rows[:_LIVE_ROWS]:
            seconds = (
                progress.seconds if progress.ended else time.monotonic() - progress.submission.uploaded_at
            )
            grid.add_row(
                Text(f"  {progress.submission.key}"),
                Text(progress.status.lower(), STATUS_STYLES[progress.status]),
                Text(f"{seconds:.0f} s", "dim"),
            )
        yield grid
        if len(rows) > _LIVE_ROWS:
            ended = sum(progress.ended for progress in rows)
            yield Text(f"  … {ended} of {len(rows)} ended", "dim")


def print_outcome(everything: Sequence[tracking.Progress], seconds: float) -> None:
    """The closing table, then a sentence for each drawing in quarantine."""
    made = table(
        *("drawing", "pages", "texts", "mean confidence", "seconds", "status"),
        right=("pages", "texts", "mean confidence", "seconds"),
    )
    for progress in everything:
        revision = progress.revision
        status = Text(progress.status.lower(), STATUS_STYLES[progress.status])
        made.add_row(
            Text(progress.submission.key),
            number(revision.pages if revision else None),
            number(revision.texts if revision else None),
            number(revision.mean_confidence if revision else None, 3),
            number(progress.seconds, 1),
            status,
        )
    out.print(made)
    for progress in everything:
        if progress.revision and progress.revision.reason:
            line = f"{progress.submission.key}: {progress.revision.code}: {progress.revision.reason}"
            out.print(line, markup=False, soft_wrap=True)
    done = sum(progress.status == Status.PROCESSED for progress in everything)
    err.print(f"{done} of {len(everything)} processed in {seconds:.1f} s", style="dim")


def outcome(progress: tracking.Progress) -> dict[str, Any]:
    """One submission for --json."""
    submission = progress.submission
    known = progress.revision.model_dump(mode="json", exclude_none=True) if progress.revision else {}
    return {
        "key": submission.key,
        "drawing_id": submission.drawing_id,
        "version_id": submission.version_id,
        **known,
        "status": progress.status,
        "seconds_since_upload": round(progress.seconds, 3),
    }
