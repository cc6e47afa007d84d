"""`drawops reconcile`."""

from typing import Annotated

import typer
from drawops.contracts.workflow import ReconcileRequest, jsonable

from drawops_cli import bring_up
from drawops_cli.console import out, print_json
from drawops_cli.target import Profile, Region, Stack, choose


def reconcile(
    sweep: Annotated[
        bool, typer.Option("--sweep", help="Also look for uploads that no workflow ever saw.")
    ] = False,
    grace: Annotated[
        int | None,
        typer.Option(min=0, help="Leave alone what changed in the last N seconds [default: of the stack]."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    profile: Profile = None,
    region: Region = None,
    stack: Stack = None,
) -> None:
    """Get drawings moving that a lost notification or a crash left hanging. Runs by itself every 5 minutes.

    \b
    Examples:
        drawops reconcile
        drawops reconcile --sweep --grace 0
    """
    report = bring_up.reconcile(
        choose(profile, region, stack), ReconcileRequest(sweep=sweep, grace_seconds=grace)
    )
    if as_json:
        print_json(jsonable(report))
        return
    out.print(bring_up.summary(report))
    for what, found in report:
        for label in found:
            out.print(f"  {what:<12} {label}", markup=False, soft_wrap=True)
