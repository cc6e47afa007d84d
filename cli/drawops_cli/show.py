"""`drawops show`."""

from typing import Annotated

import typer
from drawops.catalog import Revision, Status
from drawops.contracts.reading import DrawingResult, Page
from rich.text import Text

from drawops_cli import downloads, lookup
from drawops_cli.console import STATUS_STYLES, number, out, print_json, table
from drawops_cli.target import Profile, Region, Stack, choose


def show(
    drawing: Annotated[
        str, typer.Argument(metavar="ID", help="Drawing id, a unique start of it, or the S3 key.")
    ],
    texts: Annotated[int, typer.Option(min=0, help="How many texts to list, at most.")] = 20,
    page: Annotated[int | None, typer.Option(min=1, help="Only the texts of this page.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result document as JSON.")] = False,
    profile: Profile = None,
    region: Region = None,
    stack: Stack = None,
) -> None:
    """Show one drawing: pages, texts, warnings, earlier revisions, or why it lies in quarantine.

    \b
    Examples:
        drawops show d-3f2a
        drawops show plant-7/plan.pdf --texts 500 --page 2
        drawops show plan.pdf --json | jq -r '.result.pages[].texts[].text'
    """
    target = choose(profile, region, stack)
    revisions = lookup.revisions_of(target, drawing)
    current = lookup.latest(revisions)[-1]
    result = downloads.load_result(target, current) if current.status is Status.PROCESSED else None
    if as_json:
        print_json(
            {
                "revisions": [each.model_dump(mode="json", exclude_none=True) for each in revisions],
                "result": result.model_dump(mode="json") if result else None,
            }
        )
        return
    _print_head(current)
    if result:
        _print_result(result, texts, page)
    if len(revisions) > 1:
        _print_revisions(revisions)


def _print_head(revision: Revision) -> None:
    lines: list[tuple[str, str | Text | None]] = [
        ("drawing", Text(f"s3://{revision.bucket}/{revision.key}")),
        ("id", revision.drawing_id),
        ("revision", f"{revision.revision}, {revision.size:,} bytes"),
        ("status", Text(revision.status.value.lower(), STATUS_STYLES[revision.status.value])),
        ("changed", revision.updated_at[:19].replace("T", " ") + " UTC"),
        ("code", revision.code),
        ("reason", Text(revision.reason) if revision.reason else None),
    ]
    for name, value in lines:
        if value is not None:
            out.print(Text.assemble((f"{name:<10}", "dim"), value), soft_wrap=True)


def _print_result(result: DrawingResult, limit: int, only: int | None) -> None:
    out.print(
        Text.assemble(
            ("model     ", "dim"), f"{result.model.name} {result.model.version}, {result.timings.total:.1f} s"
        ),
        soft_wrap=True,
    )
    made = table(
        *("page", "width", "height", "dpi", "tiles", "blank", "texts", "confidence", "seconds"),
        right=("page", "width", "height", "dpi", "tiles", "blank", "texts", "confidence", "seconds"),
    )
    for page in result.pages:
        timings = page.timings
        made.add_row(
            str(page.number),
            number(page.width),
            number(page.height),
            number(page.dpi),
            number(len(page.tiles)),
            number(sum(tile.blank for tile in page.tiles)),
            number(len(page.texts)),
            number(_mean_confidence(page), 3),
            number(timings.decode + timings.detect + timings.recognise, 1),
        )
    out.print(made)
    for warning in result.warnings:
        where = f"page {warning.page}: " if warning.page else ""
        out.print(
            Text.assemble(("warning   ", "yellow"), f"{where}{warning.message} ({warning.code})"),
            soft_wrap=True,
        )
    chosen = [(page, text) for page in result.pages if only in (None, page.number) for text in page.texts]
    if not limit or not chosen:
        return
    listed = table(
        *("text", "confidence", "angle", "x", "y", "source", "id"),
        right=("confidence", "angle", "x", "y"),
        fold="text",
    )
    for _, text in chosen[:limit]:
        listed.add_row(
            Text(text.text),
            number(text.confidence, 3),
            number(text.angle),
            number(text.quad[0][0]),
            number(text.quad[0][1]),
            text.source.value,
            text.id,
        )
    out.print(listed)
    if len(chosen) > limit:
        out.print(f"{len(chosen) - limit:,} more: --texts {len(chosen)}", style="dim")


def _print_revisions(revisions: list[Revision]) -> None:
    made = table("revision", "uploaded", "status", "texts", right=("texts",), title="revisions, oldest first")
    for revision in revisions:
        made.add_row(
            revision.revision,
            revision.created_at[:19].replace("T", " "),
            Text(revision.status.value.lower(), STATUS_STYLES[revision.status.value]),
            number(revision.texts),
        )
    out.print(made)


def _mean_confidence(page: Page) -> float | None:
    return sum(text.confidence for text in page.texts) / len(page.texts) if page.texts else None
