"""Score the reader on the real P&IDs of ../shared/data/dexpi: texts, P, R, F1, CER, seconds and memory.

    python benchmarks/read_dexpi.py --model DIR           read the sheets here and now
    python benchmarks/read_dexpi.py --results DIR         score result.json files of readings done elsewhere

A result belongs to a sheet when its path, relative to DIR, contains the sheet's file name or the name without
its ending (`C03V01-SAG.EX01/result.json`, `C03V01-SAG.EX01.png.json`), or, for a result stored by the
platform, when its `source.key` ends in the sheet's file name. The yardstick is
`drawops_vision.evaluation.scoring`. Exit code 1 when --min-f1 is given and the total stays under it.
"""

import argparse
import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from drawops.contracts.reading import DrawingResult, Reading
from drawops_vision.evaluation.scoring import Score, read_labels, score
from rich.console import Console
from rich.table import Table

DATA = Path(__file__).parents[2] / "shared" / "data" / "dexpi"


@dataclass(frozen=True)
class Run:
    """One sheet read: its reading, the wall-clock seconds, and the process's peak memory so far in bytes."""

    reading: Reading
    seconds: float
    peak: int | None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns the exit code."""
    command = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    source = command.add_mutually_exclusive_group(required=True)
    source.add_argument("--model", type=Path, metavar="DIR", help="unpacked model artifact")
    source.add_argument("--results", type=Path, metavar="DIR", help="folder of result.json files")
    command.add_argument(
        "--labels",
        type=Path,
        default=DATA / "Label.txt",
        metavar="FILE",
        help="PaddleOCR labels (default: the five DEXPI sheets)",
    )
    command.add_argument("--min-f1", type=float, metavar="F1", help="fail when the total is lower")
    options = command.parse_args(arguments)
    if not options.labels.exists():
        command.error(f"{options.labels} does not exist")
    labels = read_labels(options.labels)
    read = _reader(options.model) if options.model else _results(options.results)
    total, seconds, peak = Score(), 0.0, 0
    console = Console()
    table = _table(f"{options.labels.parent.name}/{options.labels.name}")
    for name, truths in labels.items():
        run = read(options.labels.parent / name)
        page = run.reading.pages[0]
        result = score(truths, page.texts)
        total, seconds, peak = total + result, seconds + run.seconds, max(peak, run.peak or 0)
        _row(table, Path(name).name, result, run.seconds, run.peak)
    table.add_section()
    _row(table, "total", total, seconds, peak or None)
    console.print(table)
    recalls = [
        f"{angle}{'°' if angle.isdigit() else ''} {tally.recall:.3f} of {tally.labels}"
        for angle, tally in total.by_angle.items()
        if tally.labels
    ]
    console.print(
        f"recall by reading direction (clockwise; 270° reads upwards): {', '.join(recalls)}", soft_wrap=True
    )
    if options.min_f1 is not None and total.f1 < options.min_f1:
        console.print(f"F1 {total.f1:.3f} is under {options.min_f1}")
        return 1
    return 0


def _reader(model: Path) -> Callable[[Path], Run]:
    from drawops_vision.reader import Reader  # needs ONNX Runtime, which scoring stored results does not

    reader = Reader(model)

    def read(image: Path) -> Run:
        data = image.read_bytes()
        start = time.perf_counter()
        reading = reader.read(data)
        return Run(reading, time.perf_counter() - start, _peak())

    return read


def _results(folder: Path) -> Callable[[Path], Run]:
    """Readings found in a folder; seconds are those that the reader itself wrote down."""
    files = [(file, file.read_text(encoding="utf-8")) for file in sorted(folder.rglob("*.json"))]
    stored = []
    for file, text in files:
        kind = DrawingResult if '"drawing_id"' in text else Reading
        stored.append((str(file.relative_to(folder)), kind.model_validate_json(text)))

    def read(image: Path) -> Run:
        for place, reading in stored:
            key = reading.source.key if isinstance(reading, DrawingResult) else None
            parts = {part.removesuffix(".json") for part in Path(place).parts}
            if (key and Path(key).name == image.name) or parts & {image.name, image.stem}:
                return Run(reading, reading.timings.total, None)
        raise SystemExit(f"no result for {image.name} in {folder}")

    return read


def _peak() -> int:
    """Peak resident memory of this process in bytes (Linux counts KiB, macOS bytes)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _table(title: str) -> Table:
    table = Table(title=title)
    table.add_column("sheet")
    for heading in ("texts", "read", "P", "R", "F1", "det. F1", "CER", "seconds", "peak MB"):
        table.add_column(heading, justify="right")
    return table


def _row(table: Table, name: str, result: Score, seconds: float, peak: int | None) -> None:
    figures = (result.precision, result.recall, result.f1, result.detection_f1, result.cer)
    table.add_row(
        name,
        str(result.labels),
        str(result.predictions),
        *(f"{figure:.3f}" for figure in figures),
        f"{seconds:.1f}",
        f"{peak / 1e6:.0f}" if peak else "-",
    )


if __name__ == "__main__":
    sys.exit(main())
