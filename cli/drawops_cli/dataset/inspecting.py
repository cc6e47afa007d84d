"""`drawops dataset inspect`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from drawops_cli.console import number, out, print_json, table
from drawops_cli.dataset import progress
from drawops_cli.failures import Failure

if TYPE_CHECKING:
    from drawops_vision.datasets.inspection import Inspection


def inspect(
    folder: Annotated[Path, typer.Argument(help="A data set.", show_default=False)],
    pictures: Annotated[
        Path | None,
        typer.Option(help="Write overview pictures with all boxes into this folder.", file_okay=False),
    ] = None,
    most: Annotated[int, typer.Option("--most", min=1, help="How many pictures at most.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Show what is in a data set, and what in it looks wrong.

    Counts, licence, sizes, text heights, angles, characters, suspicious labels with examples, and lines that
    cannot be read. A folder with images/ and a Label.txt is enough.

    \b
    Examples:
        drawops dataset inspect datasets/plant
        drawops dataset inspect datasets/plant --pictures out --most 50
        drawops dataset inspect datasets/plant --json
    """
    from drawops_vision.datasets import inspection
    from drawops_vision.datasets.folder import BadDataset, DatasetFolder

    try:
        opened = DatasetFolder.open(folder)
        with progress.pages("inspect", opened.about.counts.pages or None) as bar:
            found = inspection.inspect(opened, bar.done)
        written = []
        if pictures is not None:
            with progress.pages("pictures", min(most, found.counts.pages)) as bar:
                written = inspection.pictures(opened, pictures, most, bar.done)
    except (BadDataset, OSError) as error:
        raise Failure(str(error)) from error
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    _print(found)
    progress.show_problems(found.problems)
    for path in written:
        out.print(str(path), markup=False, soft_wrap=True)


def _print(found: "Inspection") -> None:
    about, counts = found.about, found.counts
    facts = table("", about.name, fold=about.name)
    rows = {
        "title": about.title,
        "licence": about.licence,
        "attribution": about.attribution,
        "from": about.url,
        "made": about.made,
        "pages": number(counts.pages),
        "texts": f"{counts.texts:,} with {counts.characters:,} characters",
        "unreadable (###)": number(counts.unreadable),
        "difficult": number(found.difficult),
        "polygons": number(found.polygons),
        "sources": _listed(found.sources),
        "kinds": _listed(found.kinds),
        "sizes": _listed(found.sizes),
        "text heights, px": _listed(found.heights)
        + (f"; median {found.median_height:.0f}" if found.median_height else ""),
        "angles, clockwise": _listed(found.angles),
        "characters a text": _listed(found.lengths),
        "objects": _listed(found.objects),
        "characters": f"{len(found.charset)}: {found.charset}",
        "rare characters": _listed(found.rare),
        "unlisted pictures": number(found.unlisted) if found.unlisted else "",
    }
    for title, value in rows.items():
        if value:
            # Control characters of a stranger's strings must not reach the terminal.
            facts.add_row(title, Text(_printable(value)))
    out.print(facts)
    if found.suspicions:
        suspicious = table("looks wrong", "count", "for example", right=("count",), fold="for example")
        for one in found.suspicions:
            suspicious.add_row(one.what, number(one.count), Text(_printable("; ".join(one.examples))))
        out.print(suspicious)


def _listed(counts: dict[str, int], most: int = 12) -> str:
    shown = [f"{name} ({count:,})" for name, count in list(counts.items())[:most]]
    rest = len(counts) - len(shown)
    return ", ".join(shown) + (f", {rest} more" if rest > 0 else "")


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
