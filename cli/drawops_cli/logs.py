"""`drawops logs`."""

import json
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from drawops_cli.console import err, out
from drawops_cli.failures import Failure
from drawops_cli.invoke import folder_name, physical_name
from drawops_cli.project import project_root, state_directory
from drawops_cli.target import Profile, Region, Stack, Target, choose

_POLL_SECONDS = 1.0
_JOBS = {"training": "TrainingJobs", "gate": "ProcessingJobs"}
_SPAN = re.compile(r"^(\d+)([smhd])$")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
# What Lambda itself says about every invocation, as text or as JSON.
_PLATFORM = re.compile(r'^((START|END|REPORT) RequestId: |\{.*"type": ?"platform\.)')
_LEVEL_STYLES = {"ERROR": "red", "CRITICAL": "red", "WARNING": "yellow", "WARN": "yellow", "DEBUG": "dim"}
# Fields of a JSON log line that the printed line shows otherwise, or that tell nothing new.
_KNOWN = {"level", "location", "message", "timestamp", "service", "type", "time", "record", "requestId"}


def logs(
    name: Annotated[
        str | None,
        typer.Argument(metavar="FUNCTION|endpoint|training|gate|cloud", help="Default: all functions."),
    ] = None,
    follow: Annotated[
        bool, typer.Option("-f", "--follow", help="Go on with what comes; end with Ctrl-C.")
    ] = False,
    since: Annotated[str, typer.Option(help="How far back: 90s, 10m, 2h, 1d.")] = "1h",
    lines: Annotated[int, typer.Option("-n", min=1, help="The last N lines only.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="Print the lines as they were logged.")] = False,
    profile: Profile = None,
    region: Region = None,
    stack: Stack = None,
) -> None:
    """Print logs: of functions, of the model behind the endpoint, of training and gate jobs, of the cloud.

    \b
    Examples:
        drawops logs -f
        drawops logs register_drawing --since 10m
        drawops logs endpoint -n 30
        drawops logs training -f    # training jobs; gate: the jobs that judge their models
        drawops logs cloud          # MiniStack, SageMaker runner, sam
    """
    start = time.time() - _seconds(since)
    if name == "cloud":
        if stack:
            raise Failure("There is no local cloud behind a stack on AWS. Leave out --stack.")
        state = state_directory(project_root())
        _print_files(sorted((state / "logs").glob("*.log")), lines, follow)
        return
    if name == "endpoint" and not stack and not profile and not region:
        # Also readable after the endpoint failed to start and `drawops up` gave up.
        _print_files(
            sorted((state_directory(project_root()) / "sagemaker" / "logs").glob("*.log")), lines, follow
        )
        return
    if name in _JOBS and not stack and not profile and not region:
        folder = state_directory(project_root()) / "sagemaker" / "logs" / _JOBS[name]
        files = sorted(folder.glob("*.log"), key=lambda path: path.stat().st_mtime)
        if not files:
            raise Failure(f"There are no logs of {name} jobs: none has run on this machine.")
        _print_files(files, lines, follow)
        return
    target = choose(profile, region, stack)
    if name in _JOBS:
        # Jobs of the stack begin with its name.
        group = f"/aws/sagemaker/{_JOBS[name]}"
        _print_group(
            target, group, lambda stream: stream.startswith(target.stack), start, lines, follow, as_json
        )
        return
    if name == "endpoint":
        group = f"/aws/sagemaker/Endpoints/{target.output('EndpointName')}"
        _print_group(target, group, lambda stream: True, start, lines, follow, as_json)
        return
    functions = target.functions()
    wanted = physical_name(name, functions) if name else None
    _print_group(
        target,
        target.output("FunctionsLogGroupName"),
        # Streams of a log group that functions share are named <date>/<function>[<version>]<id>.
        lambda stream: wanted is None or f"/{wanted}[" in stream,
        start,
        lines,
        follow,
        as_json,
    )


def _seconds(span: str) -> int:
    found = _SPAN.match(span)
    if not found:
        raise Failure(f"--since {span} is not a time span. Write it as 90s, 10m, 2h or 1d.")
    return int(found[1]) * _UNITS[found[2]]


def _print_group(
    target: Target,
    group: str,
    wanted: Callable[[str], bool],
    start: float,
    lines: int,
    follow: bool,
    as_json: bool,
) -> None:
    client = target.client("logs")
    names = {physical: folder_name(logical) for logical, physical in target.functions().items()}
    seen: set[str] = set()
    since = int(start * 1000)
    first = True
    while True:
        try:
            events = [event for event in _events(client, group, since) if wanted(event["logStreamName"])]
        except client.exceptions.ResourceNotFoundException:
            raise Failure(f"There is no log group {group} yet: nothing has run.") from None
        fresh = [event for event in events if _identity(event) not in seen]
        if first and not fresh:
            err.print("Nothing was logged in that time.")
        for event in fresh[-lines:] if first else fresh:
            _print_event(event, names, as_json)
        seen.update(_identity(event) for event in fresh)
        if events:
            # Late lines may still come for this second; what was printed is remembered.
            since = max(since, max(event["timestamp"] for event in events) - 1000)
        if not follow:
            return
        first = False
        time.sleep(_POLL_SECONDS)


def _identity(event: dict[str, Any]) -> str:
    return event.get("eventId") or f"{event['logStreamName']}{event['timestamp']}{event['message']}"


def _events(client: Any, group: str, since: int) -> Iterator[dict[str, Any]]:  # noqa: ANN401
    for page in client.get_paginator("filter_log_events").paginate(logGroupName=group, startTime=since):
        yield from page["events"]


def _print_event(event: dict[str, Any], names: dict[str, str], as_json: bool) -> None:
    message = event["message"].rstrip()
    if as_json:
        print(message)
        return
    if _PLATFORM.match(message):
        return
    moment = datetime.fromtimestamp(event["timestamp"] / 1000, UTC).astimezone().strftime("%H:%M:%S")
    function = next((short for name, short in names.items() if name in event["logStreamName"]), "")
    try:
        document = json.loads(message)
    except ValueError:
        document = None
    if not isinstance(document, dict) or "message" not in document:
        out.print(Text.assemble((f"{moment} ", "dim"), (f"{function} ", "cyan"), message), soft_wrap=True)
        return
    level = str(document.get("level", "INFO"))
    more = " ".join(f"{key}={value}" for key, value in document.items() if key not in _KNOWN)
    out.print(
        Text.assemble(
            (f"{moment} ", "dim"),
            (f"{level:<7} ", _LEVEL_STYLES.get(level, "")),
            (f"{function} ", "cyan"),
            str(document["message"]),
            (f" {more}" if more else "", "dim"),
        ),
        soft_wrap=True,
    )


def _print_files(files: list[Path], lines: int, follow: bool) -> None:
    if not files:
        raise Failure("There are no logs: the local cloud was never started here (`drawops up`).")
    positions = {}
    for file in files:
        content = file.read_bytes()
        positions[file] = len(content)
        _print_lines(file, content.splitlines()[-lines:])
    while follow:
        time.sleep(_POLL_SECONDS)
        for file in files:
            with file.open("rb") as opened:
                opened.seek(positions[file])
                content = opened.read()
            # A line still being written waits for its end.
            complete = content[: content.rfind(b"\n") + 1]
            positions[file] += len(complete)
            _print_lines(file, complete.splitlines())


def _print_lines(file: Path, lines: list[bytes]) -> None:
    for line in lines:
        out.print(Text.assemble((f"{file.stem:<12} ", "cyan"), line.decode(errors="replace")), soft_wrap=True)
