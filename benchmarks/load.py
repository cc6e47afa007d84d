"""Drop many small drawings at once: each gets exactly one result, about as fast as the model alone reads.

    python -m benchmarks.load [--count 200] [--max-ratio 1.3]

A fresh stack on a local cloud of its own. First the model alone: each sheet is posted straight to the
inference process, one after another. Then the same sheets are dropped into the bucket at once. The ratio is
the wall time of the second over that of the first; it means something only on an otherwise idle machine.
Exit code 1 when a drawing is lost or processed twice, or the ratio is above --max-ratio.
"""

import argparse
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

import psutil
import urllib3
from drawops.catalog import Revision, Status
from drawops_vision.sheets import generate
from rich.console import Console
from rich.table import Table

from benchmarks.local_stack import Dropped, Stack, all_ended, temporary_stack

UPLOADERS = 16


@dataclass
class Outcome:
    """What came of the drawings.

    Attributes:
        wall: seconds from the first upload to the last status in the catalog.
        faults: sentences about drawings that were lost or processed twice; empty when all is well.
        processor: CPU seconds of each part of the local cloud meanwhile.
    """

    revisions: list[Revision]
    wall: float
    faults: list[str] = field(default_factory=list)
    processor: dict[str, float] = field(default_factory=dict)


def sheets(count: int) -> list[bytes]:
    """Small P&ID sheets (A5, 150 dpi, PNG), all different."""
    return [generate(seed, "A5", 150).png() for seed in range(count)]


def model_alone(stack: Stack, files: Sequence[bytes]) -> float:
    """Seconds that the inference process takes for all files, posted one after another."""
    port = int(stack.container().environ()["SAGEMAKER_BIND_TO_PORT"])
    with urllib3.HTTPConnectionPool("127.0.0.1", port, maxsize=1) as pool:
        started = time.monotonic()
        for data in files:
            answer = pool.request("POST", "/invocations", body=data, headers={"Content-Type": "image/png"})
            assert answer.status == 200, answer.data
        return time.monotonic() - started


def drop_at_once(stack: Stack, files: Sequence[bytes], seconds: float) -> Outcome:
    """Drop all files, wait until all have ended, count what happened to each.

    Raises:
        TooSlow: some have not ended within `seconds`.
    """
    started = time.time()
    with _processor_times(stack) as processor:
        with ThreadPoolExecutor(UPLOADERS) as pool:
            dropped = list(
                pool.map(lambda item: stack.drop(f"load/{item[0]:04}.png", item[1]), enumerate(files))
            )
        revisions = list(all_ended(stack, dropped, seconds).values())
    last = max(datetime.fromisoformat(revision.updated_at).timestamp() for revision in revisions)
    for one in dropped:
        stack.ended(one)
    outcome = Outcome(revisions, last - started, processor=processor)
    outcome.faults = faults(stack, dropped)
    return outcome


def faults(stack: Stack, dropped: Sequence[Dropped]) -> list[str]:
    """What is wrong: exactly one of everything is expected for each drawing."""
    executions, events = stack.executions(), Counter[str]()
    for event in stack.events():
        events[event["detail"]["drawing_id"]] += event["detail-type"] == "DrawingProcessed"
    results = Counter[str]()
    pages = stack.target.s3.get_paginator("list_object_versions").paginate(
        Bucket=stack.target.data_bucket, Prefix="drawings/"
    )
    for page in pages:
        for version in page.get("Versions", []):
            results[version["Key"]] += version["Key"].endswith("/result.json")
    found = []
    for one in dropped:
        known = stack.target.catalog.revisions(one.drawing_id)
        if [revision.status for revision in known] != [Status.PROCESSED]:
            found.append(f"{one.key}: catalog says {[(item.status, item.reason) for item in known]}")
            continue
        counts = {
            "executions": len(executions[one.drawing_id]),
            "events": events[one.drawing_id],
            "results": results[known[0].result_key or ""],
        }
        found += [f"{one.key}: {count} {what}" for what, count in counts.items() if count != 1]
    return found


@contextmanager
def _processor_times(stack: Stack) -> Iterator[dict[str, float]]:
    """CPU seconds by part of the local cloud, filled in at the end of the block.

    Parts that end inside the block (Lambda workers that are let go) are not counted.
    """
    spent: dict[str, float] = {}
    before = _by_process(stack)
    yield spent
    sums: defaultdict[str, float] = defaultdict(float)
    for process, (part, seconds) in _by_process(stack).items():
        sums[part] += seconds - before.get(process, ("", 0.0))[1]
    spent.update(sums)


def _by_process(stack: Stack) -> dict[tuple[int, float], tuple[str, float]]:
    servers = {stack.server("ministack").pid: "MiniStack", stack.server("sagemaker").pid: "SageMaker runner"}
    found = {}
    for process in [*stack.processes(), psutil.Process()]:
        try:
            times = process.cpu_times()
            part = servers.get(process.pid) or _part(process)
            found[process.pid, process.create_time()] = (part, times.user + times.system)
        except psutil.NoSuchProcess:
            continue
    return found


def _part(process: psutil.Process) -> str:
    if process.pid == psutil.Process().pid:
        return "this benchmark"
    return "inference process" if "DRAWOPS_ENDPOINT" in process.environ() else "Lambda functions"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns the exit code."""
    command = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    command.add_argument("--count", type=int, default=200, help="drawings")
    command.add_argument("--max-ratio", type=float, default=1.3)
    options = command.parse_args(arguments)
    console = Console()
    files = sheets(options.count)
    with temporary_stack() as stack:
        model_alone(stack, files[:3])
        alone = model_alone(stack, files)
        # The first event of its kind starts each function; that belongs to the run.
        outcome = drop_at_once(stack, files, seconds=60 + 10 * alone)
        peak = stack.container_peak()
    ratio = outcome.wall / alone
    in_model = sum(revision.seconds or 0 for revision in outcome.revisions)
    table = Table(title=f"{options.count} drawings at once", show_header=False)
    table.add_column("what")
    table.add_column("figure", justify="right")
    statuses = Counter(revision.status.value for revision in outcome.revisions)
    table.add_row("ended", ", ".join(f"{count} {status}" for status, count in statuses.items()))
    table.add_row("lost or processed twice", str(len(outcome.faults)))
    table.add_row("model alone", f"{alone:.1f} s")
    table.add_row("through the platform", f"{outcome.wall:.1f} s")
    table.add_row("ratio", f"{ratio:.2f}", style="" if ratio <= options.max_ratio else "red")
    table.add_row("inside the model meanwhile", f"{in_model:.1f} s")
    if peak:
        table.add_row("peak memory of the inference process", f"{peak / 1e6:.0f} MB")
    table.add_section()
    for part, seconds in sorted(outcome.processor.items(), key=lambda item: -item[1]):
        table.add_row(f"CPU: {part}", f"{seconds:.1f} s")
    console.print(table)
    for fault in outcome.faults:
        console.print(fault, style="red")
    return 1 if outcome.faults or ratio > options.max_ratio else 0


if __name__ == "__main__":
    sys.exit(main())
