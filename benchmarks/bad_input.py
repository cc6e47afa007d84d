"""What becomes of bad scans and odd pages: result, warning, seconds and memory of each.

    python -m benchmarks.bad_input --model DIR [--texts 20000] [--only 'NAME;…'] [--threads 2]

Every page is read in a process of its own. All but the last are one generated P&ID (A4, 300 dpi) with one
fault; the last bears 20,000 texts on A0 and must end within the endpoint's default limit. Prints the table
and writes docs/benchmarks/bad_input.md (not with --only). Exit code 1 when that takes too long or a page
2 GB.
"""

import argparse
import os
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
from drawops_vision.evaluation.scoring import Labelled, score
from drawops_vision.sheets import SIZES, Drawing, Look, Scanner, Sheet, generate, words
from drawops_vision.sheets.faces import vera
from drawops_vision.sheets.model import Text
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.one_page import read_alone

OUT = Path(__file__).parents[1] / "docs" / "benchmarks" / "bad_input.md"
SEED, DPI = 3, 300
LIMIT_SECONDS, LIMIT_MB = 900, 2000
CROWDED = "20,000 texts on A0"
HEADINGS = ("page", "Mpx", "drawn", "read", "recall", "precision", "seconds", "peak MB", "warning")

Page = tuple[bytes, Sequence[Labelled]]
"""A drawing's bytes and the texts that it bears."""


def crowded(texts: int = 20_000) -> Sheet:
    """An A0 sheet with so many tags and numbers in columns, 1.6 mm high, and nothing else."""
    width, height = SIZES["A0"]
    rng = random.Random(SEED)
    drawing = Drawing(width, height, title="Crowded")
    face, size, pitch = vera(), 1.6, 3.9
    rows = int((height - 20) / pitch)
    columns = -(-texts // rows)
    room = (width - 20) / columns
    while len(drawing.items) < texts:
        string = rng.choice((words.tag, words.number, words.value, words.lone))(rng)
        if face.width(string) * size <= room - 2 * size:
            column, row = divmod(len(drawing.items), rows)
            drawing.items.append(Text((10 + column * room, 12 + row * pitch), string, size, face))
    return Sheet(drawing, DPI)


def pages(texts: int) -> dict[str, Callable[[], Page]]:
    """How to make every page, by its name."""
    clean = generate(SEED, "A4", DPI)

    def scanned(look: Look = Look.SCANNED, **faults: float) -> Page:
        drawn = Sheet(clean.drawing, DPI, replace(Scanner.of(SEED, look), **faults))  # type: ignore[arg-type]
        return drawn.png(), drawn.truth

    def coarse(dpi: int) -> Page:
        drawn = Sheet(clean.drawing, dpi)
        return drawn.png(), drawn.truth

    def levels(ink: int, paper: int) -> Page:
        table = np.round(np.linspace(ink, paper, 256)).astype(np.uint8)
        return _png(cv2.LUT(clean.image, table)), clean.truth

    def coloured(ink: tuple[int, int, int], paper: tuple[int, int, int]) -> Page:
        share = clean.image[:, :, None] / np.float32(255)
        return _png((np.array(ink) * (1 - share) + np.array(paper) * share).astype(np.uint8)), clean.truth

    def even(level: int) -> Page:
        return _png(np.full(clean.image.shape, level, np.uint8)), []

    def crowd() -> Page:
        sheet = crowded(texts)
        return sheet.png(), sheet.truth

    return {
        "as it is": lambda: (clean.png(), clean.truth),
        "scanned": scanned,
        "scanned, skewed by 3°": lambda: scanned(skew=3.0),
        "scanned, skewed by -3°": lambda: scanned(skew=-3.0),
        "150 dpi": lambda: coarse(150),
        "72 dpi": lambda: coarse(72),
        "scanned, white on black": lambda: scanned(Look.INVERTED),
        "white on blue": lambda: coloured((255, 255, 255), (150, 70, 20)),
        "red on yellow": lambda: coloured((20, 20, 200), (170, 235, 250)),
        "JPEG of quality 20": lambda: (clean.jpeg(20), clean.truth),
        "scanned, faded to 60 levels": lambda: scanned(paper=225, toner=165),
        "faded to 24 levels": lambda: levels(226, 250),
        "faded to 12 levels": lambda: levels(238, 250),
        "faded to 8 levels": lambda: levels(242, 250),
        "faded to 4 levels": lambda: levels(246, 250),
        "scanned, faded to 20 levels": lambda: scanned(paper=225, toner=205),
        "black and white, thick": lambda: scanned(Look.BILEVEL),
        "scanned, worn": lambda: scanned(Look.WORN),
        "all black": lambda: even(0),
        "all white": lambda: even(255),
        CROWDED: crowd,
    }


def _png(pixels: NDArray[np.uint8] | cv2.typing.MatLike) -> bytes:
    return bytes(cv2.imencode(".png", pixels)[1].tobytes())


@dataclass(frozen=True)
class Row:
    """One page; fields as in `HEADINGS`, recall and precision None where there is nothing to count."""

    name: str
    megapixels: float
    drawn: int
    read: int
    recall: float | None
    precision: float | None
    seconds: float
    peak_mb: float
    warning: str

    def cells(self) -> list[str]:
        """What the tables show."""
        shares = [f"{share:.3f}" if share is not None else "" for share in (self.recall, self.precision)]
        return [
            self.name,
            f"{self.megapixels:.1f}",
            f"{self.drawn:,}",
            f"{self.read:,}",
            *shares,
            f"{self.seconds:.1f}",
            f"{self.peak_mb:.0f}",
            self.warning,
        ]


def measure(name: str, page: Page, model: Path, threads: int) -> Row:
    """Read one page and compare it with what it bears.

    Raises:
        subprocess.CalledProcessError: the reading failed; its traceback went to stderr.
    """
    data, truth = page
    alone = read_alone(model, data, threads)
    (read,) = alone.reading.pages
    result = score(truth, read.texts)
    return Row(
        name,
        read.width * read.height / 1e6,
        len(truth),
        len(read.texts),
        result.recall if truth else None,
        result.precision if read.texts else None,
        alone.reading.timings.total,
        alone.peak_mb,
        " ".join(f"`{warning.code}` {warning.message}" for warning in alone.reading.warnings),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns the exit code."""
    command = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    command.add_argument("--model", type=Path, required=True, metavar="DIR", help="unpacked model artifact")
    command.add_argument("--texts", type=int, default=20_000, help="on the crowded sheet")
    command.add_argument("--only", metavar="'NAME;…'", help="pages, by name, between semicolons")
    command.add_argument("--threads", type=int, default=2, help="of the networks")
    options = command.parse_args(arguments)
    makers = pages(options.texts)
    chosen = options.only.split(";") if options.only else list(makers)
    if unknown := [name for name in chosen if name not in makers]:
        command.error(f"no page {'; '.join(unknown)}; there are {'; '.join(makers)}")
    console = Console(width=180)
    rows = []
    for name in chosen:
        rows.append(measure(name, makers[name](), options.model, options.threads))
        console.print(" · ".join(rows[-1].cells()), style="dim", highlight=False)
    table = Table(*HEADINGS, title="Bad scans and odd pages")
    for row in rows:
        table.add_row(*row.cells())
    console.print(table)
    if not options.only:
        OUT.write_text(markdown(rows, options.threads), "utf-8")
    late = any(row.name == CROWDED and row.seconds > LIMIT_SECONDS for row in rows)
    return int(late or max(row.peak_mb for row in rows) >= LIMIT_MB)


def markdown(rows: Sequence[Row], threads: int) -> str:
    """The page for docs/benchmarks."""
    lines = [
        "# Bad scans and odd pages",
        "",
        "Written by `python -m benchmarks.bad_input`; do not edit.",
        "",
        f"One generated P&ID (A4, {DPI} dpi, seed {SEED}, with all that is hard) with one fault each, and a "
        "sheet that bears nothing but texts. Each was read in a process of its own. Recall and precision are "
        f"end to end. Measured {datetime.now(UTC).date().isoformat()} on {os.cpu_count()} cores with "
        f"{threads} thread(s), load average {os.getloadavg()[0]:.1f} (other work counts in it, and in the "
        "seconds).",
        "",
        "| " + " | ".join(HEADINGS) + " |",
        "|---" + "|--:" * (len(HEADINGS) - 2) + "|---|",
        *("| " + " | ".join(row.cells()) + " |" for row in rows),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
