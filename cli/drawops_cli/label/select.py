"""`drawops label select`."""

from typing import Annotated

import typer
from drawops.catalog import Revision, Status
from drawops.contracts.labeling import LabelingState, Reason
from drawops.labeling.selection import candidate
from drawops.labeling.selection import select as most_valuable
from rich.progress import track

from drawops_cli import downloads, lookup
from drawops_cli.console import err, out, print_json
from drawops_cli.label.access import store_of
from drawops_cli.label.request import ask
from drawops_cli.target import Profile, Region, Stack, choose


def select(
    count: Annotated[int, typer.Argument(min=1, max=1000, help="How many pages.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list them.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    profile: Profile = None,
    region: Region = None,
    stack: Stack = None,
) -> None:
    """Choose the pages whose labels will teach the model most, and make them labeling work.

    Of all drawings that were read: those on which many errors are to be expected, and that differ from each
    other and from what is labelled already.

    \b
    Examples:
        drawops label select 10 --dry-run
        drawops label select 10
    """
    target = choose(profile, region, stack)
    store = store_of(target)
    known = {
        (one.drawing_id, one.revision, one.page): one
        for state in LabelingState
        if state is not LabelingState.CANCELLED
        for one in store.labelings(state)
    }
    pool: dict[str, tuple[Revision, int]] = {}
    candidates, labelled = [], []
    for revision in track(
        lookup.latest(lookup.everything(target, Status.PROCESSED)), "looking at results", console=err
    ):
        for page in downloads.load_result(target, revision).pages:
            name = f"{revision.drawing_id}/{revision.revision}/{page.number}"
            found = candidate(name, page)
            if (revision.drawing_id, revision.revision, page.number) in known:
                labelled.append(found)
            elif page.texts:
                pool[name] = revision, page.number
                candidates.append(found)
    chosen = most_valuable(candidates, count, labelled=labelled)
    expected = {one.name: one.errors for one in candidates}
    rows = []
    for name in chosen:
        revision, number = pool[name]
        why = f"Chosen out of {len(candidates)} pages; {expected[name]:.1f} errors are expected on it."
        labeling = None if dry_run else ask(target, revision, number, Reason.SELECTED, why)
        rows.append(
            {
                "key": revision.key,
                "page": number,
                "expected_errors": round(expected[name], 2),
                "labeling_id": labeling,
            }
        )
    if as_json:
        print_json(rows)
        return
    for row in rows:
        out.print(
            f"{row['expected_errors']:>6} errors expected  {row['key']}, page {row['page']}",
            markup=False,
            soft_wrap=True,
        )
    if len(chosen) < count:
        err.print(f"{len(chosen)} of {count}: no more pages wait that are not labelled already.")
