"""What every adapter does around its engine: take the job, warm up, time each sheet, report.

The job comes on standard input, one JSON object: `warm_up` (path of an image), `images` (paths), `runs` (how
often each is read) and `threads`. The report goes to the file descriptor that `--report` names, one JSON
object a line, so that what was read before a crash is not lost:

    {"event": "ready", "seconds": 2.1, "versions": {"rapidocr": "3.10.0"}}
    {"event": "sheet", "image": "…", "seconds": [9.8], "texts": [["PI-101", [[x, y], …]]], "peak": 812000000}
    {"event": "failed", "image": "…", "error": "MemoryError: …"}

`seconds` runs from the file on disk to the texts, decoding included. Standard output stays the engine's own.
"""

import argparse
import json
import math
import os
import resource
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version

Read = Callable[[str], "Iterable[FoundText]"]


@dataclass(frozen=True)
class FoundText:
    """A string and its quad: four (x, y) in pixels of the whole sheet, clockwise from its own top-left."""

    text: str
    quad: Sequence[Sequence[float]]


def argument_parser(description: str | None) -> argparse.ArgumentParser:
    """The arguments that all adapters take."""
    command = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    command.add_argument("--report", type=int, required=True, metavar="FD")
    return command


def serve(
    report: int,
    load: Callable[[int], tuple[Read, dict[str, str]]],
    peak: Callable[[], int] | None = None,
) -> None:
    """Do the job that standard input describes.

    Args:
        report: file descriptor for the report.
        load: makes a reader that uses the given number of threads; with it the versions of what reads.
        peak: peak resident memory in bytes, when it is not this process that reads.
    """
    job = json.load(sys.stdin)
    with os.fdopen(report, "w", encoding="utf-8", buffering=1) as lines:

        def tell(event: str, **fields: object) -> None:
            print(json.dumps({"event": event, **fields}), file=lines)

        started = time.perf_counter()
        read, versions = load(job["threads"])
        list(read(job["warm_up"]))
        tell("ready", seconds=time.perf_counter() - started, versions=versions)
        for image in job["images"]:
            try:
                seconds, texts = _timed(read, image, job["runs"])
            except Exception as error:  # noqa: BLE001 - an engine may raise anything; the next sheet may go well
                tell("failed", image=image, error=f"{type(error).__name__}: {error}")
            else:
                plain = [[text.text, _points(text.quad)] for text in texts if _is_quad(text.quad)]
                tell("sheet", image=image, seconds=seconds, texts=plain, peak=(peak or peak_memory)())


def _timed(read: Read, image: str, runs: int) -> tuple[list[float], list[FoundText]]:
    seconds = []
    texts: list[FoundText] = []
    for _ in range(runs):
        started = time.perf_counter()
        texts = list(read(image))
        seconds.append(time.perf_counter() - started)
    return seconds, texts


def _points(quad: Sequence[Sequence[float]]) -> list[list[float]]:
    return [[float(x), float(y)] for x, y in quad]


def _is_quad(quad: Sequence[Sequence[float]]) -> bool:
    return len(quad) == 4 and all(math.isfinite(value) for point in quad for value in point)


def installed(*packages: str) -> dict[str, str]:
    """Versions of installed packages."""
    return {package: version(package) for package in packages}


def peak_memory() -> int:
    """Peak resident memory of this process in bytes.

    Linux's `ru_maxrss` starts at what the parent process held when it forked; VmHWM does not.
    """
    try:
        with open("/proc/self/status", encoding="ascii") as status:
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
    except FileNotFoundError:
        pass  # not Linux
    return _bytes(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def peak_memory_of_children() -> int:
    """Largest peak resident memory, in bytes, of the programs that this process ran and waited for."""
    return _bytes(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)


def _bytes(maxrss: int) -> int:
    # Linux counts KiB, macOS bytes.
    return maxrss if sys.platform == "darwin" else maxrss * 1024
