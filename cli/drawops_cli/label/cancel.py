"""`drawops label cancel`."""

from typing import Annotated

import typer
from drawops.contracts.labeling import LabelingState
from drawops.errors import Conflict

from drawops_cli.console import err
from drawops_cli.failures import Failure
from drawops_cli.label.access import store_of
from drawops_cli.target import Profile, Region, Stack, choose


def cancel(
    labeling: Annotated[str, typer.Argument(metavar="ID", help="As `drawops label status --all` shows it.")],
    profile: Profile = None,
    region: Region = None,
    stack: Stack = None,
) -> None:
    """Take a page back from people. What they saved stays, and asking for the page again goes on with it.

    \b
    Examples:
        drawops label cancel l-fa96cc71411489d87c06
    """
    store = store_of(choose(profile, region, stack))
    try:
        store.end(labeling, LabelingState.CANCELLED)
    except Conflict:
        raise Failure(
            f"There is no open labeling {labeling}. `drawops label status --all` lists them."
        ) from None
    err.print(f"{labeling} was taken back.")
