"""`drawops sheets`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from drawops_cli.failures import Failure


class Size(StrEnum):
    """ISO 216 paper, landscape."""

    A5 = "A5"
    A4 = "A4"
    A3 = "A3"
    A2 = "A2"
    A1 = "A1"
    A0 = "A0"


class SheetLook(StrEnum):
    """Straight from CAD, printed and scanned, or scanned with a fault more."""

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


class SheetKind(StrEnum):
    """What sheets show."""

    PID = "pid"
    MECHANICAL = "mechanical"
    ISOMETRIC = "isometric"


class Format(StrEnum):
    """File formats of sheets."""

    PNG = "png"
    JPEG = "jpeg"
    TIFF = "tiff"
    PDF = "pdf"


def sheets(
    out: Annotated[Path, typer.Option(help="Folder to write to; made if missing.")],
    count: Annotated[int, typer.Option(min=1, help="How many sheets.")] = 1,
    size: Annotated[Size, typer.Option(help="Paper, landscape.", case_sensitive=False)] = Size.A3,
    look: Annotated[
        SheetLook, typer.Option(help="Straight from CAD, or scanned; worn: with several faults.")
    ] = SheetLook.CLEAN,
    kind: Annotated[SheetKind, typer.Option(help="P&ID, part drawing or piping isometric.")] = SheetKind.PID,
    file_format: Annotated[
        Format, typer.Option("--format", help="pdf: vectors with a text layer.")
    ] = Format.PNG,
    dpi: Annotated[int, typer.Option(min=50, max=1200, help="Resolution of pictures.")] = 300,
    seed: Annotated[int, typer.Option(min=0, help="Of the first sheet, then +1 each.")] = 1,
) -> None:
    """Draw sheets to try drawops on, with the exact position of every text in Label.txt.

    The same options always write the same bytes.

    \b
    Examples:
        drawops sheets --count 3 --look scanned --format jpeg --out sheets
        drawops sheets --size A1 --format pdf --out sheets
        drawops sheets --kind mechanical --look worn --out parts
        drawops submit -r sheets
    """
    # Drawing needs numpy and friends; no other verb should wait for them.
    from drawops_vision.sheets import __main__ as program

    arguments = ["--out", str(out), "--count", str(count), "--size", size.value, "--look", look.value]
    arguments += ["--format", file_format.value, "--kind", kind.value, "--dpi", str(dpi), "--seed", str(seed)]
    if code := program.main(arguments):
        raise Failure(f"The sheets could not be drawn (exit code {code}).")
