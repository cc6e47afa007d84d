"""`drawops up`."""

from typing import Annotated

import typer
from drawops_local.cloud import Cloud

from drawops_cli import bring_up
from drawops_cli.console import err, out, print_json
from drawops_cli.failures import Failure
from drawops_cli.project import project_root, state_directory
from drawops_cli.steps import Steps
from drawops_cli.target import running_cloud


def up(
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Start empty: wipe drawings, results and models first.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before wiping.")] = False,
    training: Annotated[
        bool, typer.Option("--training", help="Build the training image too: 5.5 GB, once.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print where everything is as JSON.")] = False,
) -> None:
    """Start the local cloud, deploy drawops to it, bring the reading endpoint into service.

    Does only what is missing, so run it again after any change or crash: drawings that hang get moving.

    \b
    Examples:
        drawops up
        drawops up --fresh          # wipe everything first
        drawops up --training       # ... and be able to train on this machine
        eval "$(drawops up --json | jq -r '.environment | to_entries[] | "export \\(.key)=\\(.value)"')"
        aws s3 ls                   # ... now the AWS CLI talks to the local cloud
    """
    root = project_root()
    state = state_directory(root)
    if fresh:
        if not yes and not typer.confirm(f"Wipe the local cloud in {state}?", err=True):
            raise Failure("Nothing was wiped.")
        if running_cloud(state):
            Cloud.attach(state).down()
    target = bring_up.bring_up(root, state, Steps(), restore=not fresh, training=training)
    assert target.cloud is not None
    if as_json:
        print_json(
            {"stack": target.stack, "outputs": target.outputs, "environment": target.cloud.environment()}
        )
        return
    out.print()
    out.print(f"  drop drawings into  s3://{target.raw_bucket}  at  {target.cloud.endpoint}", soft_wrap=True)
    out.print("  or with             drawops submit FILE…", soft_wrap=True)
    err.print("  stop with           drawops down", soft_wrap=True)
