"""`drawops dataset synth`."""

import os
import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from drawops_cli.console import err, out
from drawops_cli.dataset import progress
from drawops_cli.failures import Failure
from drawops_cli.sheets import Size


class SynthFormat(StrEnum):
    """File formats of the pictures."""

    PNG = "png"
    JPEG = "jpeg"
    TIFF = "tiff"


class Style(StrEnum):
    """How sheets look: as `drawops sheets --look`, or each its own."""

    CLEAN = "clean"
    SCANNED = "scanned"
    SKEWED = "skewed"
    FADED = "faded"
    INVERTED = "inverted"
    FOLDED = "folded"
    STAINED = "stained"
    COARSE = "coarse"
    COMPRESSED = "compressed"
    BILEVEL = "bilevel"
    WORN = "worn"
    MIXED = "mixed"


class Kind(StrEnum):
    """What sheets show: as `drawops sheets --kind`, or each its own."""

    PID = "pid"
    MECHANICAL = "mechanical"
    ISOMETRIC = "isometric"
    MIXED = "mixed"


class Lettering(StrEnum):
    """Who letters: an office as its seed picks it, or joined writing."""

    OFFICE = "office"
    SCRIPT = "script"


def synth(
    target: Annotated[Path, typer.Option("--out", help="New folder.", file_okay=False)],
    count: Annotated[int, typer.Option(min=1, help="How many sheets.")] = 1,
    style: Annotated[
        Style, typer.Option(help="Straight from CAD, scanned, or scanned with a fault; mixed: each its own.")
    ] = Style.CLEAN,
    kind: Annotated[Kind, typer.Option(help="P&ID, part drawing, isometric; mixed: each its own.")] = Kind[
        "PID"
    ],
    lettering: Annotated[
        Lettering, typer.Option(help="Faces that offices use; script: joined writing, hard to read.")
    ] = Lettering.OFFICE,
    size: Annotated[Size, typer.Option(help="Paper, landscape.", case_sensitive=False)] = Size.A3,
    dpi: Annotated[int, typer.Option(min=50, max=1200, help="Resolution.")] = 300,
    seed: Annotated[int, typer.Option(min=0, help="Of the first sheet, then +1 each.")] = 1,
    tidy: Annotated[bool, typer.Option("--tidy", help="Without what makes sheets hard to read.")] = False,
    file_format: Annotated[
        SynthFormat, typer.Option("--format", help="Of the pictures; jpeg is quickest for scans.")
    ] = SynthFormat.PNG,
    processes: Annotated[int, typer.Option(min=0, help="How many work; 0: one a core.")] = 0,
) -> None:
    """Generate sheets with exact labels, in parallel.

    The same options write the same bytes, whatever the number of processes. `drawops sheets` draws a few to
    try the platform on, PDFs too; this makes data sets.

    \b
    Examples:
        drawops dataset synth --count 200 --style mixed --kind mixed --out datasets/synth
        drawops dataset synth --count 1000 --style worn --format jpeg --seed 5000 --out datasets/worn
    """
    from drawops_vision.datasets.folder import About, BadDataset, DatasetFolder
    from drawops_vision.datasets.synthesis import Plan, synthesise
    from drawops_vision.sheets import Hand, Look
    from drawops_vision.sheets import Kind as Shown

    plan = Plan(
        count=count,
        seed=seed,
        size=size.value,
        dpi=dpi,
        look=None if style is Style.MIXED else Look(style.value),
        kind=None if kind is Kind.MIXED else Shown(kind.value),
        hard=not tidy,
        format=file_format.value,
        hand=Hand(lettering.value),
    )
    about = About(
        name=target.resolve().name or "synth",
        title="Generated sheets",
        licence="CC0-1.0",
        made=plan.sentence(),
    )
    workers = min(count, processes or os.cpu_count() or 1)
    started = time.perf_counter()
    try:
        with DatasetFolder.create(target, about) as folder, progress.pages("draw", count) as bar:
            synthesise(folder, plan, workers, bar.done)
    except (BadDataset, OSError) as error:
        raise Failure(str(error)) from error
    seconds = time.perf_counter() - started
    err.print(f"{count / seconds:.1f} sheets/s in {workers} processes", markup=False)
    counts = folder.about.counts
    out.print(f"{target}: {counts.pages:,} pages, {counts.texts:,} texts", markup=False, soft_wrap=True)
