"""How far labeling is and how long it will take: the figures of `drawops label status`."""

from collections import Counter
from dataclasses import dataclass, field

from drawops.contracts.labeling import LabelingState, TaskState
from drawops.labeling.agreement import Rate
from drawops.labeling.completion import Consolidated
from drawops.labeling.store import Labeling, LabelingStore, Task

_ENOUGH_BOXES = 20
"""Decided boxes from which on a mean of seconds says something."""


@dataclass
class AnnotatorProgress:
    """One person's work.

    Attributes:
        seconds: active, as the page measures it.
        boxes: decided in tasks of this person.
        agreed: comparisons with other people's answers, on pages that are done.
        wrong: answers that differ from a verdict of several people.
    """

    tasks_submitted: int = 0
    tasks_held: int = 0
    seconds: float = 0.0
    boxes: int = 0
    agreed: Rate = field(default_factory=Rate)
    wrong: Rate = field(default_factory=Rate)

    @property
    def seconds_per_box(self) -> float | None:
        """Mean; None before the first box."""
        return self.seconds / self.boxes if self.boxes else None

    @property
    def boxes_per_hour(self) -> float | None:
        """Mean; None before the first second."""
        return 3600 * self.boxes / self.seconds if self.seconds else None


@dataclass
class LabelingProgress:
    """One page.

    Attributes:
        done: boxes decided, of those that waited for a person and those that people added.
        left: boxes that still wait, in all tasks of the present round (a second opinion counts again).
    """

    labeling: Labeling
    tasks: Counter[TaskState] = field(default_factory=Counter)
    done: int = 0
    left: int = 0
    seconds: float = 0.0
    result: Consolidated | None = None


@dataclass
class Progress:
    """All pages that were asked for."""

    labelings: Counter[LabelingState] = field(default_factory=Counter)
    tasks: Counter[TaskState] = field(default_factory=Counter)
    pages: list[LabelingProgress] = field(default_factory=list)
    annotators: dict[str, AnnotatorProgress] = field(default_factory=dict)
    boxes_done: int = 0
    boxes_left: int = 0
    seconds: float = 0.0

    @property
    def seconds_per_box(self) -> float | None:
        """Measured so far over all people; None before enough boxes are decided."""
        return self.seconds / self.boxes_done if self.boxes_done >= _ENOUGH_BOXES and self.seconds else None

    @property
    def seconds_left(self) -> float | None:
        """One person's working time for what is left; None while nothing is known."""
        per_box = self.seconds_per_box
        if per_box is None:
            return 0.0 if not self.boxes_left else None
        return per_box * self.boxes_left


ACTIVE = (LabelingState.PREPARING, LabelingState.OPEN, LabelingState.SUBMITTED)


def progress(
    store: LabelingStore,
    *,
    states: tuple[LabelingState, ...] = (*ACTIVE, LabelingState.DONE),
    project: str | None = None,
) -> Progress:
    """Figures over the labelings in `states`, of one project or of all.

    Reads every task of these labelings: one query a labeling.
    """
    total = Progress()
    for state in states:
        for labeling in store.labelings(state):
            if project is not None and labeling.project != project:
                continue
            page = _page(labeling, store.tasks(labeling.labeling_id), total.annotators)
            total.labelings[labeling.state] += 1
            total.tasks.update(page.tasks)
            total.pages.append(page)
            total.boxes_done += page.done
            total.boxes_left += page.left
            total.seconds += page.seconds
    return total


def _page(labeling: Labeling, tasks: list[Task], people: dict[str, AnnotatorProgress]) -> LabelingProgress:
    page = LabelingProgress(labeling)
    for task in tasks:
        page.tasks[task.state] += 1
        page.done += task.touched
        page.seconds += task.seconds
        if (
            labeling.state in ACTIVE
            and task.round == labeling.round
            and task.state is not TaskState.SUBMITTED
        ):
            page.left += task.unsure
        who = task.annotator or task.saved_by
        if who is None:
            continue
        person = people.setdefault(who, AnnotatorProgress())
        person.tasks_submitted += task.state is TaskState.SUBMITTED
        person.tasks_held += task.state is TaskState.CLAIMED
        person.seconds += task.seconds
        person.boxes += task.touched
    if labeling.result is not None:
        page.result = Consolidated.model_validate_json(labeling.result)
        for who, figures in page.result.annotators.items():
            person = people.setdefault(who, AnnotatorProgress())
            person.agreed += Rate(figures.pairs, figures.agreed)
            person.wrong += Rate(figures.judged, figures.wrong)
    return page
