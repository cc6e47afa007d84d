"""`drawops results`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from drawops.catalog import Revision, Status
from rich.text import Text

from drawops_cli import downloads, lookup
from drawops_cli.console import STATUS_STYLES, err, is_narrow, number, out, print_json, table
from drawops_cli.failures import Failure
from drawops_cli.steps import Steps
from drawops_cli.target import Profile, Region, Stack, choose


class WantedStatus(StrEnum):
    """Statuses as typed on the command line."""

    REGISTERED = "registered"
    READING = "reading"
    PROCESSED = "processed"
    QUARANTINED = "quarantined"


def results(
    drawing: Annotated[
        str | None, typer.Argument(metavar="ID", help="Drawing id, a unique start of it, or the S3 key.")
    ] = None,
    status: Annotated[WantedStatus | None, typer.Option(help="Only these.", case_sensitive=False)] = None,
    folder: Annotated[
        Path | None, typer.Option("--out", help="Download into this folder.", file_okay=False)
    ] = None,
    every_revision: Annotated[
        bool, typer.Option("--all", help="Also revisions that a newer upload replaced.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    profile: Profile = None,
    region: Region = None,
    stack: Stack = None,
) -> None:
    """List drawings, or download what was read: result.json, texts.csv and an overlay picture of each page.

    \b
    Examples:
        drawops results
        drawops results --status quarantined
        drawops results plan.pdf --out out
        drawops results --out out --status processed
        drawops results --json | jq -r '.[] | [.key, .texts] | @tsv'
    """
    target = choose(profile, region, stack)
    wanted = Status(status.value.upper()) if status else None
    if drawing is None:
        found = lookup.everything(target, None if not every_revision else wanted)
    else:
        found = lookup.revisions_of(target, drawing)
    if not every_revision:
        found = lookup.latest(found)
    found = [revision for revision in found if wanted in (None, revision.status)]
    if folder is None:
        if as_json:
            print_json([revision.model_dump(mode="json", exclude_none=True) for revision in found])
        else:
            _print(found)
        return
    if not found:
        raise Failure("There is nothing to download. `drawops results` lists the drawings.")
    names = downloads.folder_names(found)
    written = []
    with Steps().step(f"download to {folder}") as note:
        for revision in found:
            note(revision.key)
            written.append(
                downloads.download(target, revision, folder / names[revision.drawing_id, revision.revision])
            )
        note(f"{len(found)} drawings")
    if as_json:
        print_json(
            [
                {
                    **item.revision.model_dump(mode="json", exclude_none=True),
                    "files": [str(path) for path in item.files],
                }
                for item in written
            ]
        )
        return
    for path in (path for item in written for path in item.files):
        out.print(str(path), markup=False, soft_wrap=True)


def _print(found: list[Revision]) -> None:
    if not found:
        err.print("No drawings yet. Drop one with `drawops submit FILE`.")
        return
    short = lookup.short_ids(found)
    narrow = is_narrow()
    columns = ["id", "drawing", "pages", "texts", "confidence", "status"]
    if not narrow:
        columns += ["code", "seconds", "changed (UTC)"]
    made = table(*columns, right=("pages", "texts", "confidence", "seconds"))
    for revision in found:
        cells: list[str | Text] = [
            short[revision.drawing_id],
            Text(revision.key),
            number(revision.pages),
            number(revision.texts),
            number(revision.mean_confidence, 3),
            Text(revision.status.value.lower(), STATUS_STYLES[revision.status.value]),
        ]
        if not narrow:
            cells += [
                revision.code or "",
                number(revision.seconds, 1),
                revision.updated_at[:19].replace("T", " "),
            ]
        made.add_row(*cells)
    out.print(made)
