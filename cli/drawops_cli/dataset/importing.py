"""`drawops dataset import`."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from drawops_cli.console import out, print_json
from drawops_cli.dataset import progress
from drawops_cli.failures import Failure

if TYPE_CHECKING:
    from drawops_vision.datasets.conversion import Conversion
    from drawops_vision.rasterise import LineReader


class ImportKind(StrEnum):
    """Formats that can be converted."""

    PDF = "pdf"
    PPOCRLABEL = "ppocrlabel"
    LABEL_STUDIO = "label-studio"
    DATASET_PID = "dataset-pid"
    FUNSD = "funsd"
    SROIE = "sroie"


class TallBoxes(StrEnum):
    """Which way text in boxes that are higher than wide reads."""

    KEEP = "keep"
    UP = "up"
    DOWN = "down"


def import_dataset(
    kind: Annotated[ImportKind, typer.Argument(help="The format.", show_default=False)],
    sources: Annotated[list[Path], typer.Argument(help="Files or folders.", metavar="PATH...")],
    target: Annotated[Path, typer.Option("--out", help="New folder.", file_okay=False)],
    dpi: Annotated[int, typer.Option(min=50, max=1200, help="pdf: resolution of the pictures.")] = 300,
    model: Annotated[
        Path | None, typer.Option(help="pdf: check text layers with this unpacked model.", file_okay=False)
    ] = None,
    tall: Annotated[
        TallBoxes, typer.Option(help="ppocrlabel: which way text in tall boxes reads.")
    ] = TallBoxes.KEEP,
    images: Annotated[
        Path | None, typer.Option(help="label-studio: where the pictures are.", file_okay=False)
    ] = None,
    licence: Annotated[str, typer.Option(help="SPDX identifier, or the licence's name.")] = "",
    title: Annotated[str, typer.Option(help="A name for people.")] = "",
    attribution: Annotated[str, typer.Option(help="Whom the licence wants named.")] = "",
    url: Annotated[str, typer.Option(help="Where the data came from.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print what was made as JSON.")] = False,
) -> None:
    """Convert labels of other tools, or vector PDFs, into the working format.

    pdf takes strings and boxes from the text layer of PDFs that a CAD system exported: labels for free.
    Everything that could not be converted is said, and written to problems.txt beside the data.

    \b
    Examples:
        drawops dataset import pdf exports/ plan.pdf --out datasets/plant --licence Proprietary
        drawops dataset import ppocrlabel scans/ --tall up --out datasets/scans
        drawops dataset import label-studio export.json --images media/ --out datasets/studio
    """
    from drawops_vision.datasets.folder import UNKNOWN_LICENCE, About, BadDataset, DatasetFolder
    from drawops_vision.datasets.known import KNOWN

    for source in sources:
        if not source.exists():
            raise Failure(f"{source} does not exist.")
    published = KNOWN[kind.value].about if kind.value in KNOWN else None
    about = About(
        name=target.resolve().name or "dataset",
        title=title or (published.title if published else ""),
        licence=licence or (published.licence if published else UNKNOWN_LICENCE),
        attribution=attribution or (published.attribution if published else ""),
        url=url or (published.url if published else ""),
        made=f"drawops dataset import {kind}"
        + (f" at {dpi} dpi" if kind is ImportKind.PDF else "")
        + f" of {', '.join(source.name for source in sources)}",
    )
    reader = _line_reader(model) if model else None
    try:
        with DatasetFolder.create(target, about) as folder, progress.pages("convert") as bar:
            from drawops_vision.datasets.conversion import Conversion

            conversion = Conversion(folder, bar.expect, bar.done)
            _convert(kind, sources, conversion, dpi, reader, tall, images)
    except BadDataset as error:
        raise Failure(str(error)) from error
    progress.show_problems(conversion.problems, conversion.notes)
    if conversion.problems:
        lines = "".join(f"{problem}\n" for problem in conversion.problems)
        (target / "problems.txt").write_text(lines, encoding="utf-8")
    counts = folder.about.counts
    if as_json:
        document = folder.about.model_dump(mode="json")
        print_json(document | {"notes": conversion.notes, "problems": list(map(str, conversion.problems))})
    else:
        out.print(f"{target}: {counts.pages:,} pages, {counts.texts:,} texts", markup=False, soft_wrap=True)
    if not counts.pages:
        raise Failure("No page could be converted; the reasons are above.")


def _convert(
    kind: ImportKind,
    sources: Sequence[Path],
    conversion: "Conversion",
    dpi: int,
    reader: "LineReader | None",
    tall: TallBoxes,
    images: Path | None,
) -> None:
    from drawops_vision.datasets import label_studio, ppocrlabel, vector_pdf
    from drawops_vision.datasets.known import KNOWN

    match kind:
        case ImportKind.PDF:
            vector_pdf.convert(sources, conversion, dpi, reader)
        case ImportKind.PPOCRLABEL:
            for source in sources:
                ppocrlabel.convert(source, conversion, ppocrlabel.Tall(tall.value))
        case ImportKind.LABEL_STUDIO:
            for source in sources:
                label_studio.convert(source, conversion, images)
        case _:
            if not all(source.is_dir() for source in sources):
                raise Failure(f"{kind} is converted from folders; `drawops dataset get` unpacks archives.")
            KNOWN[kind.value].convert(sources, conversion)


def _line_reader(model: Path) -> "LineReader":
    from drawops_vision.artifact import Model
    from drawops_vision.rasterise import LineReader
    from drawops_vision.recognise import Recogniser

    loaded = Model(model)
    return LineReader(Recogniser(loaded).lines, frozenset(loaded.classes))
