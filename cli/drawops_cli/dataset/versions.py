"""`drawops dataset versions` and `drawops dataset diff`."""

from collections.abc import Sequence
from typing import Annotated

import typer
from drawops.contracts.datasets import DatasetDiff, DatasetManifest, HistoryEntry
from drawops.datasets import versions as store
from rich.text import Text

from drawops_cli.console import number, out, print_json, table
from drawops_cli.failures import Failure
from drawops_cli.target import Profile, Region, Stack, Target, choose

_MOST = 20


def versions(
    project: Annotated[str | None, typer.Option(help="Only of this project; by default of all.")] = None,
    profile: Profile = None,
    region: Region = None,
    stack: Stack = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the list as JSON.")] = False,
) -> None:
    """List the dataset versions, newest first.

    \b
    Examples:
        drawops dataset versions
        drawops dataset versions --project unit-40 --json
    """
    target = choose(profile, region, stack)
    found = _histories(target, project)
    if as_json:
        print_json(
            [
                {"project": name, **entry.model_dump(mode="json", exclude={"schema_version", "request"})}
                for name, history in found.items()
                for entry in history
            ]
        )
        return
    if not any(found.values()):
        there = f"Project {project} has" if project else "There are"
        out.print(f"{there} no dataset versions yet; `drawops dataset publish` makes one.")
        return
    columns = ("project", "no.", "version", "parent", "made (UTC)", "pages", "texts", "new")
    listed = table(*columns, right=("no.", "pages", "texts", "new"), fold="project")
    for name, history in found.items():
        for entry in history:
            listed.add_row(
                name,
                number(entry.number),
                entry.version,
                entry.parent or "",
                entry.created_at.strftime("%Y-%m-%d %H:%M"),
                *(number(value) for value in (entry.pages, entry.texts, entry.new_texts)),
            )
    out.print(listed)


def diff(
    a: Annotated[
        str, typer.Argument(help="A version id, or as much of it as is unique.", show_default=False)
    ],
    b: Annotated[str, typer.Argument(help="The later one.", show_default=False)],
    project: Annotated[str | None, typer.Option(help="Look only among this project's versions.")] = None,
    profile: Profile = None,
    region: Region = None,
    stack: Stack = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Show what changed between two dataset versions: pages, texts, splits, sources, characters.

    \b
    Examples:
        drawops dataset diff v-4f2a v-9b01
        drawops dataset diff v-4f2a v-9b01 --json
    """
    target = choose(profile, region, stack)
    found = _histories(target, project)
    one, other = (_manifest(target, found, prefix) for prefix in (a, b))
    changed = store.diff(one, other, s3=target.s3, bucket=target.data_bucket)
    if as_json:
        print_json(changed.model_dump(mode="json"))
    else:
        _print(changed)


def _histories(target: Target, project: str | None) -> dict[str, list[HistoryEntry]]:
    names = [project] if project else store.projects(s3=target.s3, bucket=target.data_bucket)
    return {name: store.versions(s3=target.s3, bucket=target.data_bucket, project=name) for name in names}


def _manifest(target: Target, histories: dict[str, list[HistoryEntry]], prefix: str) -> DatasetManifest:
    wanted = prefix if prefix.startswith("v-") else f"v-{prefix}"
    matching = [
        (project, entry.version)
        for project, history in histories.items()
        for entry in history
        if entry.version.startswith(wanted)
    ]
    if not matching:
        raise Failure(f"There is no dataset version {prefix}; `drawops dataset versions` lists them.")
    if len(matching) > 1:
        raise Failure(f"{prefix} is the start of {len(matching)} versions; give more of it.")
    project, version = matching[0]
    return store.load_manifest(s3=target.s3, bucket=target.data_bucket, project=project, version=version)


def _print(found: DatasetDiff) -> None:
    columns = ("added", "removed", "changed")
    shown = table("", *columns, right=columns, fold="", title=f"{found.project}: {found.a} to {found.b}")
    pages = (found.pages_added, found.pages_removed, found.pages_relabelled)
    for name, counts in (
        ("pages", tuple(map(len, pages))),
        ("texts", (found.texts_added, found.texts_removed, found.texts_changed)),
        ("sources", (len(found.sources_added), len(found.sources_removed), None)),
        ("characters", (len(found.characters_gained), len(found.characters_lost), None)),
    ):
        shown.add_row(name, *map(number, counts))
    out.print(shown)
    for title, names in (
        ("pages added", found.pages_added),
        ("pages removed", found.pages_removed),
        ("sources added", found.sources_added),
        ("sources removed", found.sources_removed),
        ("characters gained", found.characters_gained),
        ("characters lost", found.characters_lost),
        ("changed sides", [f"{split.name}: {split.before} -> {split.after}" for split in found.splits]),
    ):
        _list(title, names)
    changes = [
        (page.name, f"{change.before!r} -> {change.after!r}")
        for page in found.pages_relabelled
        for change in page.changed
    ]
    changes += [(page.name, f"+ {text!r}") for page in found.pages_relabelled for text in page.added]
    changes += [(page.name, f"- {text!r}") for page in found.pages_relabelled for text in page.removed]
    if changes:
        listed = table("page", "text", fold="text")
        for name, change in changes[:_MOST]:
            listed.add_row(Text(repr(name)), Text(change))
        out.print(listed)
        if len(changes) > _MOST:
            out.print(f"and {len(changes) - _MOST} more; --json has all")


def _list(title: str, names: Sequence[str]) -> None:
    if names:
        more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
        # repr: names and characters of strangers must not reach the terminal as they are.
        shown = ", ".join(map(repr, names[:_MOST]))
        out.print(f"{title}: {shown}{more}", markup=False, soft_wrap=True)
