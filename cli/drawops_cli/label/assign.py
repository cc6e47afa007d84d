"""`drawops label assign`."""

from datetime import timedelta
from typing import Annotated

import typer
from drawops.contracts.labeling import TaskState

from drawops_cli.console import err
from drawops_cli.failures import Failure
from drawops_cli.label.access import store_of
from drawops_cli.target import Profile, Region, Stack, choose


def assign(
    work: Annotated[str, typer.Argument(metavar="ID", help="A task, or a labeling for all of its tasks.")],
    name: Annotated[str, typer.Argument(help="Who shall do it, as in the invitation.")],
    days: Annotated[int, typer.Option(min=1, max=90, help="Kept for that person for so long.")] = 7,
    profile: Profile = None,
    region: Region = None,
    stack: Stack = None,
) -> None:
    """Keep tasks for one person. Without it, people take what comes next.

    \b
    Examples:
        drawops label assign l-fa96cc71411489d87c06 mei
        drawops label assign l-fa96cc71411489d87c06-r1a002s1 jan --days 2
    """
    store = store_of(choose(profile, region, stack))
    one = store.task(work)
    tasks = [one] if one else store.tasks(work)
    if not tasks:
        raise Failure(f"There is no task or labeling {work}. `drawops label status --all` lists them.")
    free = [task for task in tasks if task.state is TaskState.OPEN or task.lease_is_over()]
    given = [task for task in free if store.claim(task, name, timedelta(days=days))]
    err.print(f"{len(given)} of {len(tasks)} tasks are kept for {name} for {days} days.", markup=False)
    if not given:
        raise Failure(
            "None could be given: somebody holds them, perhaps this very person, they are handed in, or that "
            "person has an opinion on the same area already."
        )
