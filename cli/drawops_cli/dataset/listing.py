"""`drawops dataset list`."""

from typing import Annotated

import typer

from drawops_cli.console import number, out, print_json, table
from drawops_cli.dataset import place


def list_datasets(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List known data sets and those that lie here: licence, size, what they hold.

    Here is the folder DRAWOPS_DATASETS, by default datasets/ in the working directory.

    \b
    Examples:
        drawops dataset list
        drawops dataset list --json
    """
    from drawops_vision.datasets.folder import BadDataset, DatasetFolder
    from drawops_vision.datasets.known import KNOWN

    lying = {}
    for path in place.here():
        try:
            lying[path.name] = DatasetFolder.open(path).about
        except BadDataset as error:
            out.print(str(error), style="yellow", markup=False, soft_wrap=True)
    entries: list[dict[str, object]] = []
    for name, known in KNOWN.items():
        about = lying.pop(name, None)
        entries.append(
            {
                "name": name,
                "title": known.about.title,
                "licence": known.about.licence,
                "terms": known.terms,
                "pages": str(about.counts.pages) if about else known.pages,
                "megabytes": known.megabytes,
                "holds": known.holds,
                "here": str(place.root() / name) if about else "",
                "page": known.page,
            }
        )
    for name, about in lying.items():
        entries.append(
            {
                "name": name,
                "title": about.title,
                "licence": about.licence,
                "terms": "",
                "pages": str(about.counts.pages),
                "megabytes": None,
                "holds": f"{about.counts.texts:,} texts",
                "here": str(place.root() / name),
                "page": about.url,
            }
        )
    if as_json:
        print_json(entries)
        return
    shown = table("data set", "licence", "pages", "MB", "holds", "here", right=("pages", "MB"), fold="holds")
    for entry in entries:
        megabytes = entry["megabytes"]
        size = number(megabytes if isinstance(megabytes, int) else None)
        shown.add_row(
            *(str(entry[key]) for key in ("name", "licence", "pages")),
            size,
            str(entry["holds"]),
            str(entry["here"]),
        )
    out.print(shown)
    out.print("drawops dataset get NAME shows a licence in full before anything is fetched.", markup=False)
