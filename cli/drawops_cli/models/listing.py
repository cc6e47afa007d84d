"""`drawops models list`."""

from typing import Annotated

import typer
from drawops.registry.packages import APPROVED, PENDING, packages
from rich.text import Text

from drawops_cli import deploying
from drawops_cli.console import err, out, print_json, table
from drawops_cli.target import Profile, Region, Stack, choose

# The gate's figure of the whole: F1 on the new data.
FIGURE = "new_f1"
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
    serving = deploying.store_of(target).serving()
    artifact = serving.model.artifact_sha256 if serving else None
    if as_json:
        print_json(
            [
                {**package.model_dump(mode="json"), "serves": package.model.artifact_sha256 == artifact}
                for package in found
            ]
        )
        return
    if not found:
        err.print("No model is registered yet. `drawops up` registers the one that it deploys.")
        return
    made = table(
        "version", "model", "serves", "approval", "F1", "trained on", "from", right=("version", "F1")
    )
    for package in found:
        made.add_row(
            str(package.number),
            f"{package.model.name} {package.model.version}",
            Text("yes", "bold green") if package.model.artifact_sha256 == artifact else "",
            Text(package.approval, STYLES.get(package.approval, "red")),
            f"{figure:.4g}" if (figure := package.metrics.get(FIGURE)) is not None else "",
            package.model.dataset_version or "",
            package.parent_version or "",
        )
    out.print(made)
