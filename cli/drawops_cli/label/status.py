"""`drawops label status`."""

from dataclasses import asdict
from typing import Annotated

import typer
from drawops.contracts.labeling import LabelingState, TaskState
from drawops.labeling.progress import ACTIVE, AnnotatorProgress, LabelingProgress, Progress, progress
from rich.text import Text

from drawops_cli.console import err, number, out, print_json, symbol, table
from drawops_cli.label.access import store_of
from drawops_cli.target import Profile, Region, Stack, choose

STYLES = {
    LabelingState.PREPARING: "blue",
    LabelingState.OPEN: "cyan",
    LabelingState.SUBMITTED: "cyan",
    LabelingState.DONE: "green",
    LabelingState.FAILED: "red",
    LabelingState.CANCELLED: "dim",
}


def status(
    project: Annotated[str | None, typer.Option(help="Only this project (default: all).")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also pages that are done, failed or taken back.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    profile: Profile = None,
    region: Region = None,
    stack: Stack = None,
) -> None:
    """Say what waits for people, how far they are, how long it will take, and how well they agree.

    \b
    Examples:
        drawops label status
        drawops label status --all --json | jq .seconds_left
    """
    store = store_of(choose(profile, region, stack))
    found = progress(store, states=tuple(LabelingState), project=project)
    shown = [
        page for page in found.pages if everything or page.labeling.state in (*ACTIVE, LabelingState.FAILED)
    ]
    if as_json:
        print_json(_document(found, shown))
        return
    if not found.pages:
        err.print(
            "No page is labeling work. `drawops label request` makes one, low confidence does by itself."
        )
        return
    _print_pages(shown)
    _print_people(found)
    _print_sum(found)


def _print_pages(pages: list[LabelingProgress]) -> None:
    if not pages:
        return
    made = table(
        *("drawing", "page", "state", "tasks", "boxes left", "done", "labeling"),
        right=("page", "tasks", "boxes left", "done"),
    )
    for page in pages:
        labeling = page.labeling
        made.add_row(
            labeling.name,
            str(labeling.page),
            Text(labeling.state.value.lower(), STYLES[labeling.state]),
            f"{page.tasks[TaskState.SUBMITTED]}/{sum(page.tasks.values())}",
            number(page.left),
            number(page.done),
            labeling.labeling_id,
        )
    out.print(made)
    for page in pages:
        if page.labeling.failure:
            out.print(
                f"{page.labeling.name}: {page.labeling.failure}", style="red", markup=False, soft_wrap=True
            )


def _print_people(found: Progress) -> None:
    if not found.annotators:
        return
    made = table(
        *("person", "handed in", "holds", "boxes", "boxes an hour", "agreed", "wrong"),
        right=("handed in", "holds", "boxes", "boxes an hour", "agreed", "wrong"),
        fold="person",
    )
    for name, person in sorted(found.annotators.items()):
        made.add_row(
            name,
            number(person.tasks_submitted),
            number(person.tasks_held),
            number(person.boxes),
            number(person.boxes_per_hour),
            _rate(person.agreed.value),
            _rate(person.wrong.value),
        )
    out.print(made)


def _print_sum(found: Progress) -> None:
    dot = symbol("·", "|")
    states = f" {dot} ".join(
        f"{found.labelings[state]} {state.value.lower()}" for state in LabelingState if found.labelings[state]
    )
    out.print(f"pages     {states}")
    left = "not known yet" if found.seconds_left is None else _duration(found.seconds_left)
    out.print(f"boxes     {number(found.boxes_done)} done, {number(found.boxes_left)} left")
    pace = found.seconds_per_box
    out.print(f"time      {left} left for one person" + (f", {pace:.1f} s a box so far" if pace else ""))


def _rate(share: float | None) -> str:
    return symbol("–", "-") if share is None else f"{share:.1%}"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def _document(found: Progress, shown: list[LabelingProgress]) -> dict[str, object]:
    return {
        "labelings": {state.value: count for state, count in found.labelings.items()},
        "tasks": {state.value: count for state, count in found.tasks.items()},
        "boxes_done": found.boxes_done,
        "boxes_left": found.boxes_left,
        "seconds": found.seconds,
        "seconds_per_box": found.seconds_per_box,
        "seconds_left": found.seconds_left,
        "pages": [
            {
                **page.labeling.model_dump(mode="json", exclude_none=True, exclude={"result"}),
                "boxes_done": page.done,
                "boxes_left": page.left,
                "result": page.result.model_dump(mode="json") if page.result else None,
            }
            for page in shown
        ],
        "annotators": {name: _person(person) for name, person in sorted(found.annotators.items())},
    }


def _person(person: AnnotatorProgress) -> dict[str, object]:
    return {
        **{name: value for name, value in asdict(person).items() if not isinstance(value, dict)},
        "boxes_per_hour": person.boxes_per_hour,
        "agreed": person.agreed.value,
        "wrong": person.wrong.value,
    }
