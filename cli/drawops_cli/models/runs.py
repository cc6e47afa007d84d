"""`drawops models runs`."""

from itertools import islice
from typing import Annotated

import typer
from drawops.contracts.training import RunState, TrainingRun
from drawops.training.runs import RunStore
from rich.text import Text

from drawops_cli.console import err, out, print_json, table
from drawops_cli.target import Profile, Region, Stack, choose

STYLES = {
    RunState.REGISTERED: "green",
    RunState.REJECTED: "yellow",
    RunState.FAILED: "red",
    RunState.STOPPED: "red",
}


def runs(
    project: Annotated[str | None, typer.Option(help="Only this project (default: all).")] = None,
    limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    profile: Profile = None,
    region: Region = None,
    stack: Stack = None,
) -> None:
    """List training runs, newest first: where they are, or how they ended and why.

    \b
    Examples:
        drawops models runs
        drawops models runs --json | jq '.[0].reason'
    """
    target = choose(profile, region, stack)
    store = RunStore(target.client("dynamodb"), target.output("ModelsTableName"))
    found = sorted(
        (run for state in RunState for run in store.runs(state) if project in (None, run.project)),
        key=lambda run: run.created_at,
        reverse=True,
    )
    shown = list(islice(found, limit))
    if as_json:
        print_json(
            [{**run.model_dump(mode="json", exclude={"document"}), **_asked(run.run)} for run in shown]
        )
        return
    if not shown:
        err.print("Nothing was trained yet. `drawops train` asks for a run.")
        return
    made = table("run", "project", "dataset version", "state", "version", "why", fold="why")
    for run in shown:
        made.add_row(
            run.run_id,
            run.project,
            run.run.dataset_version,
            Text(run.state.value, STYLES.get(run.state, "cyan")),
            str(run.package_version or ""),
            Text(run.reason or run.run.reason),
        )
    out.print(made)
    waiting = [state.project for state in store.waiting() if project in (None, state.project)]
    for name in sorted(waiting):
        err.print(f"Another run of {name} follows when the present one has ended.", markup=False)


def _asked(run: TrainingRun) -> dict[str, object]:
    return {
        "dataset_version": run.dataset_version,
        "candidate_version": run.candidate_version,
        "parent_version": run.parent.version,
        "trigger": run.trigger.value,
        "asked": run.reason,
        "hyperparameters": run.hyperparameters.model_dump(mode="json"),
    }
