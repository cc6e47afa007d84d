"""`drawops models list`."""

from typing import Annotated

import typer
from drawops.registry.packages import APPROVED, PENDING, packages
from rich.text import Text

from drawops_cli.console import err, out, print_json, table
from drawops_cli.target import Profile, Region, Stack, choose

STYLES = {PENDING: "yellow", APPROVED: "green"}


def listing(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    profile: Profile = None,
    region: Region = None,
    stack: Stack = None,
) -> None:
    """List the versions of the reading model, newest first.

    \b
    Examples:
        drawops models list
        drawops models list --json | jq '.[0].metrics'
    """
    target = choose(profile, region, stack)
    found = packages(target.output("ModelPackageGroupName"), sagemaker=target.client("sagemaker"))
    if as_json:
        print_json([package.model_dump(mode="json") for package in found])
        return
    if not found:
        err.print("No model is registered yet. `drawops up` registers the one that it deploys.")
        return
    made = table("version", "model", "approval", "trained on", "from", right=("version",))
    for package in found:
        made.add_row(
            str(package.number),
            f"{package.model.name} {package.model.version}",
            Text(package.approval, STYLES.get(package.approval, "red")),
            package.model.dataset_version or "",
            package.parent_version or "",
        )
    out.print(made)
