"""`drawops label request`."""

import secrets
from typing import Annotated

import typer
from drawops.catalog import Revision, Status
from drawops.contracts.labeling import Reason
from drawops.contracts.workflow import OpenRequest
from drawops.labeling.consideration import start_labeling

from drawops_cli import lookup
from drawops_cli.console import err, out, print_json
from drawops_cli.failures import Failure
from drawops_cli.target import Profile, Region, Stack, Target, choose


def request(
    drawings: Annotated[
        list[str], typer.Argument(metavar="ID…", help="Drawing ids, unique starts of them, or S3 keys.")
    ],
    page: Annotated[int | None, typer.Option(min=1, help="Only this page (default: all).")] = None,
    why: Annotated[str, typer.Option(help="Noted beside the work.")] = "A person asked for it.",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    profile: Profile = None,
    region: Region = None,
    stack: Stack = None,
) -> None:
    """Make drawings labeling work, whatever their confidence. Pages that are work already stay as they are.

    \b
    Examples:
        drawops label request plan.pdf
        drawops label request d-3f2a --page 2 --why "new lettering"
    """
    target = choose(profile, region, stack)
    chosen = [_read_revision(target, drawing) for drawing in drawings]
    for revision in chosen:
        if page is not None and page > (revision.pages or 1):
            raise Failure(f"{revision.key} has {revision.pages} pages, so there is no page {page}.")
    started = []
    for revision in chosen:
        for number in [page] if page else range(1, (revision.pages or 1) + 1):
            started.append((revision, number, ask(target, revision, number, Reason.REQUESTED, why)))
    if as_json:
        print_json([{"labeling_id": name, "key": one.key, "page": at} for one, at, name in started])
        return
    for one, at, name in started:
        out.print(f"{name}  {one.key}, page {at}", markup=False, soft_wrap=True)
    err.print("In a moment they are on the page: `drawops label open`.")


def ask(target: Target, revision: Revision, page: int, reason: Reason, why: str) -> str:
    """Start the workflow that makes one page work; returns the labeling's id."""
    return start_labeling(
        OpenRequest(
            drawing_id=revision.drawing_id, revision=revision.revision, page=page, reason=reason, why=why
        ),
        stepfunctions=target.client("stepfunctions"),
        state_machine_arn=target.output("LabelingStateMachineArn"),
        attempt=secrets.token_hex(4),
    )


def _read_revision(target: Target, wanted: str) -> Revision:
    current = lookup.latest(lookup.revisions_of(target, wanted))[-1]
    if current.status is not Status.PROCESSED:
        raise Failure(
            f"{current.key} is {current.status.value.lower()}; only a drawing that was read can be labelled."
        )
    return current
