"""How time and memory grow with the page: one generated P&ID of every size from A5 to A0.

    python -m benchmarks.page_sizes --model DIR [--sizes A5,A4,…] [--dpi 300] [--threads 2]

Every size is read in a process of its own, after a warm-up, so that a peak belongs to one page. What time
should follow is what must be looked at, not the size of the paper: the last lines fit seconds against the
megapixels that the detection network was shown, and against texts. Prints the table and writes
docs/benchmarks/page_sizes.json and .md. Exit code 1 when a page takes 2 GB or more.
"""

import argparse
import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from drawops_vision.evaluation.scoring import Labelled, score
from drawops_vision.sheets import SIZES, Look, generate
from numpy.typing import ArrayLike
from rich.console import Console
from rich.table import Table

from benchmarks.one_page import Alone, read_alone

OUT = Path(__file__).parents[1] / "docs" / "benchmarks"
LIMIT_MB = 2000
SEED = 11


@dataclass(frozen=True)
class Row:
    """One page.

    Attributes:
        size: of the paper, ISO 216.
        width: pixels.
        height: pixels.
        inked: megapixels of the parts that the detection network was shown. Margins are included and may
            overlap, so that a crowded page can count more than once.
        drawn: texts that the sheet bears.
        texts: texts that were read.
        f1: end to end.
        decode: seconds.
        detect: seconds.
        recognise: seconds.
        loaded_mb: peak before the page: libraries, networks, warm-up (10^6 bytes).
        peak_mb: peak with the page.
        model: what read, with its version and digest.
    """

    size: str
    width: int
    height: int
    inked: float
    drawn: int
    texts: int
    f1: float
    decode: float
    detect: float
    recognise: float
    loaded_mb: float
    peak_mb: float
    model: str

    @property
    def megapixels(self) -> float:
        """Of the page."""
        return self.width * self.height / 1e6

    @property
    def seconds(self) -> float:
        """For the page."""
        return self.decode + self.detect + self.recognise

    def cells(self) -> list[str]:
        """What the tables show."""
        return [
            self.size,
            f"{self.width} × {self.height}",
            f"{self.megapixels:.1f}",
            f"{100 * self.inked / self.megapixels:.0f} %",
            f"{self.texts}",
            f"{self.f1:.3f}",
            f"{self.decode:.2f}",
            f"{self.detect:.2f}",
            f"{self.recognise:.2f}",
            f"{self.seconds:.1f}",
            f"{1000 * self.seconds / max(1, self.texts):.1f}",
            f"{self.seconds / max(1e-6, self.inked):.2f}",
            f"{self.peak_mb:.0f}",
        ]


HEADINGS = (
    "size",
    "pixels",
    "Mpx",
    "looked at",
    "texts",
    "F1",
    "decode s",
    "detect s",
    "recognise s",
    "total s",
    "s per 1,000 texts",
    "s per Mpx looked at",
    "peak MB",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns the exit code."""
    command = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    command.add_argument("--model", type=Path, required=True, metavar="DIR", help="unpacked model artifact")
    command.add_argument("--sizes", default=",".join(SIZES), metavar="A5,A4,…")
    command.add_argument("--dpi", type=int, default=300)
    command.add_argument("--threads", type=int, default=2, help="of the networks")
    command.add_argument("--look", type=Look, choices=list(Look), default=Look.CLEAN)
    options = command.parse_args(arguments)
    if unknown := [size for size in options.sizes.split(",") if size not in SIZES]:
        command.error(f"unknown sizes {', '.join(unknown)}; choose from {', '.join(SIZES)}")
    console = Console(width=160)
    rows = []
    for size in options.sizes.split(","):
        rows.append(measure(options.model, size, options.dpi, options.threads, options.look))
        console.print(f"{size}: {rows[-1].texts} texts in {rows[-1].seconds:.1f} s", style="dim")
    table = Table(*HEADINGS, title=f"Reading pages of {options.dpi} dpi")
    for row in rows:
        table.add_row(*row.cells())
    console.print(table)
    for line in laws(rows):
        console.print(line)
    write(rows, options.dpi, options.threads, options.look)
    return int(max(row.peak_mb for row in rows) >= LIMIT_MB)


def measure(model: Path, size: str, dpi: int, threads: int, look: Look) -> Row:
    """Draw one sheet, read it in a fresh process, score it.

    Raises:
        subprocess.CalledProcessError: the reading failed; its traceback went to stderr.
    """
    sheet = generate(SEED, size, dpi, look)
    return row_of(size, read_alone(model, sheet.png(), threads), sheet.truth)


def row_of(size: str, alone: Alone, truth: Sequence[Labelled]) -> Row:
    """A row from what the reading process found on the page, which bears the texts of `truth`."""
    reading = alone.reading
    (page,) = reading.pages
    return Row(
        size=size,
        width=page.width,
        height=page.height,
        inked=sum(tile.width * tile.height for tile in page.tiles) / 1e6,
        drawn=len(truth),
        texts=len(page.texts),
        f1=score(truth, page.texts).f1,
        decode=page.timings.decode,
        detect=page.timings.detect,
        recognise=page.timings.recognise,
        loaded_mb=alone.loaded_mb,
        peak_mb=alone.peak_mb,
        model=f"{reading.model.name} {reading.model.version} ({reading.model.sha256[:12]})",
    )


def laws(rows: Sequence[Row]) -> list[str]:
    """Straight lines through the measurements (least squares), one sentence each."""
    if len(rows) < 3:
        return []
    inked = [row.inked for row in rows]
    pages = [row.megapixels for row in rows]
    texts = [row.texts for row in rows]
    return [
        fit("Detection", "s", "Mpx looked at", inked, [row.detect for row in rows]),
        fit("Recognition", "s", "text", texts, [row.recognise for row in rows]),
        fit("All", "s", "Mpx looked at", inked, [row.seconds for row in rows]),
        fit("Decoding", "s", "Mpx of the page", pages, [row.decode for row in rows]),
        fit("Peak memory", "MB", "Mpx of the page", pages, [row.peak_mb for row in rows]),
    ]


def fit(what: str, unit: str, per: str, x: ArrayLike, y: ArrayLike) -> str:
    """Say the straight line through points, and how much of the spread it explains (R²)."""
    across, up = np.asarray(x, float), np.asarray(y, float)
    slope, start = np.polyfit(across, up, 1)
    spread = float(((up - up.mean()) ** 2).sum())
    left = float(((up - slope * across - start) ** 2).sum())
    explained = 1 - left / spread if spread else 1.0
    return f"{what}: {start:.3g} {unit} + {slope:.3g} {unit} per {per}, R² = {explained:.3f}"


def write(rows: Sequence[Row], dpi: int, threads: int, look: Look) -> None:
    """Write docs/benchmarks/page_sizes.json and .md."""
    OUT.mkdir(parents=True, exist_ok=True)
    when = datetime.now(UTC).date().isoformat()
    record = {
        "measured": when,
        "machine": {
            "cores": os.cpu_count(),
            "load_average": [round(load, 2) for load in os.getloadavg()],
            "system": platform.system(),
            "machine": platform.machine(),
            "python": platform.python_version(),
        },
        "settings": {"dpi": dpi, "threads": threads, "look": look.value, "seed": SEED},
        "pages": [
            asdict(row) | {"megapixels": round(row.megapixels, 2), "seconds": round(row.seconds, 3)}
            for row in rows
        ],
        "laws": laws(rows),
    }
    (OUT / "page_sizes.json").write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", "utf-8")
    body = ["| " + " | ".join(row.cells()) + " |" for row in rows]
    text = [
        "# Time and memory by page size",
        "",
        "Written by `python -m benchmarks.page_sizes`; do not edit. "
        "The figures: [page_sizes.json](page_sizes.json).",
        "",
        f"Generated P&IDs ({look.value}, seed {SEED}) at {dpi} dpi, each read in a process of its own with "
        f"{', '.join(sorted({row.model for row in rows}))}. "
        f"Measured {when} on {os.cpu_count()} cores with {threads} thread(s), load average "
        f"{os.getloadavg()[0]:.1f} (other work counts in it, and in the seconds).",
        "",
        "| " + " | ".join(HEADINGS) + " |",
        "|---" * len(HEADINGS) + "|",
        *body,
        "",
        "*Looked at* is what the detection network was shown, as a share of the page; margins overlap and "
        "count each time, so that a crowded page exceeds 100 %. "
        "*Peak* is of the whole process; before the page it held "
        f"{max(row.loaded_mb for row in rows):.0f} MB at most (libraries, networks, warm-up).",
        "",
        *[f"- {line}" for line in laws(rows)],
    ]
    (OUT / "page_sizes.md").write_text("\n".join(text).rstrip() + "\n", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
