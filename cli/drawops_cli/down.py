"""`drawops down`."""

from drawops_local import processes
from drawops_local.cloud import Cloud, CloudFailed

from drawops_cli.console import err
from drawops_cli.project import project_root, state_directory
from drawops_cli.steps import Steps


def down() -> None:
    """Stop the local cloud. Drawings, results and models are kept for the next `drawops up`.

    \b
    Examples:
        drawops down
        drawops up --fresh          # to start empty afterwards
    """
    state = state_directory(project_root())
    try:
        cloud = Cloud.attach(state)
    except CloudFailed:
        err.print("Nothing to stop: no local cloud was ever started here.")
        return
    if not cloud.status().up and not processes.processes_of(cloud.state):
        err.print("Nothing to stop: the local cloud is down.")
        return
    with Steps().step("stop local cloud") as note:
        cloud.down(note)
        note("state kept")
