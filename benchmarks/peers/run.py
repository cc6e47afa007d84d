"""Start one engine's adapter, follow its report, score what it read."""

import json
import os
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from drawops_vision.evaluation.scoring import Label, Score, score

from benchmarks.peers.engines import Launch
from benchmarks.peers.environments import HOME, ROOT

FIRST_SHEET_MINUTES = 10
"""Loading and warming up may take this long on top of a sheet's time."""


@dataclass
class SheetRead:
    """What an engine read on one sheet: its texts, the seconds of each run, or why there is nothing."""

    texts: list[Label] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    error: str | None = None


@dataclass
class EngineRun:
    """One engine on some sheets.

    Attributes:
        sheets: by image path; those that an engine did not live to read are missing.
        load: seconds to load the models and to read the warm-up image.
        peak: peak resident memory in bytes, after the last sheet.
        versions: of the packages that read.
        failure: why the engine ended early.
    """

    sheets: dict[Path, SheetRead] = field(default_factory=dict)
    load: float | None = None
    peak: int | None = None
    versions: dict[str, str] = field(default_factory=dict)
    failure: str | None = None

    def take(self, event: dict[str, Any]) -> None:
        """Take one line of the adapter's report (see `adapters.session`)."""
        match event["event"]:
            case "ready":
                self.load, self.versions = event["seconds"], event["versions"]
            case "sheet":
                texts = [
                    Label(text, ((a[0], a[1]), (b[0], b[1]), (c[0], c[1]), (d[0], d[1])))
                    for text, (a, b, c, d) in event["texts"]
                ]
                self.sheets[Path(event["image"])] = SheetRead(texts, event["seconds"])
                self.peak = max(self.peak or 0, event["peak"])
            case "failed":
                self.sheets[Path(event["image"])] = SheetRead(error=event["error"])

    def score(self, labels: Mapping[Path, Sequence[Label]]) -> Score:
        """The score over all sheets; a sheet that was not read counts as read without a text."""
        total = Score()
        for image, truths in labels.items():
            read = self.sheets.get(image, SheetRead())
            total += score(truths, read.texts)
        return total

    @property
    def seconds(self) -> float | None:
        """Total seconds, each sheet at the median of its runs; None unless every sheet was read."""
        if self.failure or not self.sheets or any(read.error for read in self.sheets.values()):
            return None
        return sum(median(read.seconds) for read in self.sheets.values())


def run(
    name: str,
    launch: Launch,
    warm_up: Path,
    images: Sequence[Path],
    *,
    threads: int,
    runs: int,
    minutes: float,
    progress: Callable[[], None],
) -> EngineRun:
    """Let an engine read all images in a process of its own.

    Args:
        name: of the engine; its output goes to `.drawops/peers/<name>.log`.
        launch: how its adapter is started.
        warm_up: image that is read first, outside the measured time.
        images: the sheets.
        threads: for the engine's networks.
        runs: how often each sheet is read.
        minutes: an engine that takes longer for a sheet (all runs) is stopped.
        progress: called after each sheet.
    """
    found = EngineRun()
    job = {
        "warm_up": str(warm_up),
        "images": [str(image) for image in images],
        "runs": runs,
        "threads": threads,
    }
    variables = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    variables |= {"OMP_NUM_THREADS": str(threads), **launch.variables}
    HOME.mkdir(parents=True, exist_ok=True)
    log = HOME / f"{name}.log"
    read_end, write_end = os.pipe()
    with log.open("wb") as output, os.fdopen(read_end, encoding="utf-8") as report:
        process = subprocess.Popen(
            [*launch.command, "--report", str(write_end)],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env=variables,
            pass_fds=[write_end],
        )
        os.close(write_end)
        # An engine that wants more memory than there is shall be the one that the kernel ends.
        with suppress(OSError):
            Path(f"/proc/{process.pid}/oom_score_adj").write_text("1000")
        try:
            assert process.stdin is not None
            process.stdin.write(json.dumps(job).encode())
            process.stdin.close()
            late = threading.Event()
            watch = _watch(process, minutes + FIRST_SHEET_MINUTES, late)
            for line in report:
                watch.cancel()
                event = json.loads(line)
                found.take(event)
                if event["event"] != "ready":
                    progress()
                watch = _watch(process, minutes, late)
            code = process.wait()
            watch.cancel()
        finally:
            process.kill()
            process.wait()
    if late.is_set():
        found.failure = f"stopped: more than {minutes:g} minutes for one sheet"
    elif code:
        found.failure = f"ended with {code}: {_last_line(log)}"
    return found


def _watch(process: "subprocess.Popen[bytes]", minutes: float, late: threading.Event) -> threading.Timer:
    """Kill the process when it says nothing for so long."""

    def stop() -> None:
        late.set()
        process.kill()

    timer = threading.Timer(60 * minutes, stop)
    timer.daemon = True
    timer.start()
    return timer


def _last_line(log: Path) -> str:
    said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return said[-1] if said else "it said nothing"
