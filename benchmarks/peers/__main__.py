"""Read the same sheets with drawops and with other OCR engines, score all alike, write the comparison.

    python -m benchmarks.peers [--sheets dexpi,hard,mechanical] [--engines drawops,rapidocr] [--model DIR]
                               [--threads N] [--runs N] [--out docs/benchmarks]

Sheets are `dexpi`, `hard` (DEXPI sheets with small and overprinted text), `mechanical`, or label files in
PaddleOCR's format. Each engine gets an environment of its own under .drawops/peers, made once; engines run
one after another. Figures mean something only on an otherwise idle machine. Exit code 1 when drawops itself
fails.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from drawops_vision.evaluation.scoring import Label, read_labels
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.peers import report
from benchmarks.peers.engines import ENGINES, NAIVE_TILES, Engine, Launch
from benchmarks.peers.environments import ROOT, Unavailable
from benchmarks.peers.run import EngineRun, run

DATA = ROOT.parent / "shared" / "data"
SHEETS = {
    "dexpi": DATA / "dexpi" / "Label.txt",
    "hard": DATA / "dexpi" / "Label_hard.txt",
    "mechanical": DATA / "mechanical" / "Label.txt",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the comparison; returns the exit code."""
    options = _options(arguments)
    console = Console()
    # Unwrapped in a log, too.
    console.width = max(console.width, 130)
    if options.pages:
        stored = json.loads((options.out / report.STORED).read_text(encoding="utf-8"))
        return _write(stored, options.out, console)
    if hasattr(os, "sched_setaffinity"):
        # Some libraries size their pools by what they may use, whatever they are told.
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])
    chosen = [engine for engine in ENGINES if engine.name in options.engines]
    ready, unavailable = _prepare(chosen, options.model, console)
    sets, failed = [], "drawops" in unavailable
    for name, labels in options.sheets.items():
        runs = _read_all(name, ready, labels, options, console)
        naive = runs[NAIVE_TILES].seconds if NAIVE_TILES in runs else None
        rows = [
            report.row(key, done, done.score(labels), len(labels), ready[key].download, naive)
            for key, done in runs.items()
        ]
        console.print(report.terminal_table(name, rows))
        for item in rows:
            for note in item.notes:
                console.print(f"{item.title}: {note}", style="red", soft_wrap=True, markup=False)
            failed |= item.name == "drawops" and bool(item.notes)
        sets.append(
            {
                "name": name,
                "texts": sum(text.text != "###" for texts in labels.values() for text in texts),
                "pixels": sum(_pixels(image) for image in labels),
                "sheets": _sheet_by_sheet(labels, runs),
                "engines": [asdict(item) for item in rows],
            }
        )
    given = sys.argv[1:] if arguments is None else list(arguments)
    document: dict[str, Any] = {
        "when": datetime.now(UTC).strftime("%Y-%m-%d"),
        "command": " ".join(["python -m benchmarks.peers", *map(_public, given)]),
        "machine": report.machine(),
        "threads": options.threads,
        "runs": options.runs,
        "sets": sets,
        "unavailable": unavailable,
    }
    _write(document, options.out, console)
    return 1 if failed else 0


def _public(argument: str) -> str:
    """An argument as the page may show it: folders of this machine are nobody else's."""
    return Path(argument).name if Path(argument).is_absolute() else argument


def _write(document: Mapping[str, Any], out: Path, console: Console) -> int:
    for path in report.write(document, out):
        console.print(f"wrote {os.path.relpath(path)}")
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    command = argparse.ArgumentParser(
        prog="python -m benchmarks.peers",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = [engine.name for engine in ENGINES]
    command.add_argument("--sheets", default="dexpi", metavar="A,B", help="default: dexpi")
    command.add_argument("--engines", default=",".join(names), metavar="A,B", help=", ".join(names))
    command.add_argument("--model", type=Path, metavar="DIR", help="model of drawops (default: the baseline)")
    command.add_argument("--threads", type=int, default=os.cpu_count(), help="default: one a core")
    command.add_argument(
        "--runs", type=int, default=1, help="times that each sheet is read; the median counts"
    )
    command.add_argument(
        "--minutes", type=float, default=30, help="an engine that needs more for a sheet is stopped"
    )
    command.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks", metavar="DIR")
    command.add_argument("--pages", action="store_true", help="only write the pages of the last run again")
    options = command.parse_args(arguments)
    if options.pages and not (options.out / report.STORED).is_file():
        command.error(f"there is no {report.STORED} in {options.out}")
    if options.pages:
        return options
    options.engines = options.engines.split(",")
    if unknown := set(options.engines) - set(names):
        command.error(f"no engine {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    sets = {}
    for name in options.sheets.split(","):
        path = SHEETS.get(name, Path(name))
        if not path.is_file():
            command.error(f"no labels {path}; give {', '.join(SHEETS)} or a Label.txt")
        try:
            sets[f"{path.resolve().parent.name}/{path.name}"] = _labels(path.resolve())
        except ValueError as error:
            command.error(str(error))
    options.sheets = sets
    if min(options.threads, options.runs) < 1:
        command.error("--threads and --runs start at 1")
    return options


def _labels(file: Path) -> dict[Path, list[Label]]:
    """Labels by image path.

    Raises:
        ValueError: there are none, they are malformed, or an image is missing.
    """
    labels = {file.parent / image: texts for image, texts in read_labels(file).items()}
    if not labels:
        raise ValueError(f"{file} labels no sheet")
    if missing := [image.name for image in labels if not image.is_file()]:
        raise ValueError(f"{file}: there is no {', '.join(missing)}")
    return labels


def _prepare(
    chosen: Sequence[Engine], model: Path | None, console: Console
) -> tuple[dict[str, Launch], dict[str, str]]:
    """Environments of all engines, before anything is timed; those that cannot be had, with the reason."""
    ready, unavailable = {}, {}
    for engine in chosen:
        try:
            ready[engine.name] = engine.prepare(model, console.print)
        except Unavailable as error:
            unavailable[engine.name] = str(error)
            console.print(
                f"{engine.title} is left out: {error}", style="yellow", soft_wrap=True, markup=False
            )
    return ready, unavailable


def _read_all(
    name: str,
    ready: Mapping[str, Launch],
    labels: Mapping[Path, Sequence[Label]],
    options: argparse.Namespace,
    console: Console,
) -> dict[str, EngineRun]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    runs = {}
    with tempfile.TemporaryDirectory() as folder, Progress(*columns, console=console) as bar:
        warm_up = Path(folder) / "warm-up.png"
        cv2.imwrite(str(warm_up), _warm_up_image())
        for key, launch in ready.items():
            task = bar.add_task(f"{name}  {key}", total=len(labels))
            runs[key] = run(
                key,
                launch,
                warm_up,
                list(labels),
                threads=options.threads,
                runs=options.runs,
                minutes=options.minutes,
                progress=partial(bar.advance, task),
            )
            bar.stop_task(task)
    return runs


def _warm_up_image() -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A small sheet with four lines of text."""
    image = np.full((640, 640, 3), 255, np.uint8)
    for number in range(4):
        cv2.putText(
            image, "PUMP P-101", (40, 120 + 130 * number), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (0, 0, 0), 2
        )
    return image


def _pixels(image: Path) -> int:
    pixels = cv2.imread(str(image), cv2.IMREAD_GRAYSCALE)
    return 0 if pixels is None else int(pixels.size)


def _sheet_by_sheet(
    labels: Mapping[Path, Sequence[Label]], runs: Mapping[str, EngineRun]
) -> list[dict[str, Any]]:
    sheets = []
    for image, truths in labels.items():
        engines = {}
        for key, done in runs.items():
            score = done.score({image: truths})
            read = done.sheets.get(image)
            engines[key] = {"f1": score.f1, "cer": score.cer, "seconds": read.seconds if read else []}
        sheets.append({"image": image.name, "texts": len(truths), "engines": engines})
    return sheets


if __name__ == "__main__":
    sys.exit(main())
