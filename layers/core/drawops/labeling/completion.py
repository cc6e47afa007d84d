"""When all tasks of a round are handed in: labels, or another round for what people disagree on.

    consolidate   SUBMITTED -> DONE, labels at `LabelingKeys.consolidated`
                  SUBMITTED -> OPEN, with a task of disputed boxes for each area that has some

Both may be repeated: a labeling that is done, or whose next round has begun, is found as it is. After the
last round what is still disputed is marked difficult and unreadable ('###'), so that it teaches nothing.

An answer that is no work is left out: nothing was decided, or a long task was waved through faster than one
can look. If nobody else answered that area it goes back to people as it was.
"""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from pydantic import BaseModel, Field

from drawops.contracts.labeling import Area, Backend, Box, BoxState, LabelingState
from drawops.contracts.labels import UNREADABLE, Label, LabelSource, PageLabels
from drawops.contracts.reading import Contract
from drawops.errors import Conflict, NotReady
from drawops.keys import LabelingKeys
from drawops.labeling import boxes as saved
from drawops.labeling.agreement import Agreement, Rate, measure
from drawops.labeling.consolidation import Kind, Opinion, Unit, overlay, place, question, units
from drawops.labeling.opening import new_task
from drawops.labeling.store import Labeling, LabelingStore, Task

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class CompletionSettings(BaseModel):
    """The stack's choice; field names in capitals are environment variables."""

    most_rounds: int = Field(default=3, ge=1, le=9, description="The first one and those sent back.")
    least_seconds: float = Field(
        default=5.0, ge=0, description="A task handed in sooner with nothing decided is no work."
    )
    least_seconds_per_box: float = Field(
        default=0.15, ge=0, description="Nobody looks at boxes faster than this; 20 boxes or more."
    )


class Outcome(StrEnum):
    """What became of a labeling."""

    DONE = "DONE"
    SENT_BACK = "SENT_BACK"


class AnnotatorFigures(Contract):
    """What is known of one person's work on one page."""

    pairs: int = Field(description="Comparisons with other people's answers.")
    agreed: int
    judged: int = Field(description="Answers on units with a verdict of several people.")
    wrong: int = Field(description="Of these the ones that differ from the verdict.")


class Consolidated(Contract):
    """What `consolidate` found; kept with the labeling when it is done.

    `strings` and `changes` are Krippendorff's alphas (`drawops.labeling.agreement`), None when undefined.
    """

    labeling_id: str
    drawing_id: str
    revision: str
    page: int
    project: str
    backend: Backend = Backend.OWN
    round: int
    outcome: Outcome
    labels_key: str | None = None
    labels_sha256: str | None = None
    labels: int = 0
    by_people: int = Field(default=0, description="Labels that a person decided on.")
    difficult: int = Field(default=0, description="Labels kept for detection only: disputed or undecided.")
    disputed: int = 0
    shared_units: int = Field(default=0, description="Units that two or more people decided on.")
    observed: float | None = None
    strings: float | None = None
    changes: float | None = None
    annotators: dict[str, AnnotatorFigures] = Field(default={})
    left_out: dict[str, str] = Field(default={}, description="Tasks that count for nothing, and why.")


@dataclass
class _AreaAnswer:
    """One area after all its rounds."""

    number: int
    area: Area
    first: list[Unit] = field(default_factory=list)
    settled: list[Unit] = field(default_factory=list)
    model: tuple[Box, ...] = ()
    answered: bool = False
    people: list[str] = field(default_factory=list)

    @property
    def disputed(self) -> list[Unit]:
        return [unit for unit in self.settled if unit.disputed]


def consolidate(
    labeling_id: str,
    *,
    store: LabelingStore,
    s3: "S3Client",
    data_bucket: str,
    round_: int | None = None,
    settings: CompletionSettings | None = None,
) -> Consolidated:
    """Bring the answers of a labeling together.

    Args:
        round_: of the event that asks for it; an event of an earlier round changes nothing.

    Raises:
        NotReady: the labeling is unknown, or its tasks are not all handed in.
    """
    settings = settings or CompletionSettings()
    labeling = store.labeling(labeling_id)
    if labeling is None:
        raise NotReady(f"There is no labeling {labeling_id}.")
    if labeling.state is LabelingState.DONE and labeling.result is not None:
        return Consolidated.model_validate_json(labeling.result)
    if round_ is not None and labeling.round > round_:
        return _outcome(labeling, Outcome.SENT_BACK, round_)
    if labeling.state is not LabelingState.SUBMITTED:
        raise NotReady(f"Labeling {labeling_id} is {labeling.state.value}; it is not handed in.")
    answers, left_out = _answers(labeling, store.tasks(labeling_id), s3, data_bucket, settings)
    again = [answer for answer in answers if answer.disputed or not answer.answered]
    if again and labeling.round < settings.most_rounds:
        _send_back(labeling, again, store=store, s3=s3, data_bucket=data_bucket)
        return _outcome(labeling, Outcome.SENT_BACK, labeling.round, answers, left_out)
    page = page_labels(labeling, answers)
    body = page.model_dump_json().encode()
    key = LabelingKeys(labeling_id).consolidated
    s3.put_object(Bucket=data_bucket, Key=key, Body=body, ContentType="application/json; charset=utf-8")
    result = _outcome(labeling, Outcome.DONE, labeling.round, answers, left_out).model_copy(
        update={
            "labels_key": key,
            "labels_sha256": hashlib.sha256(body).hexdigest(),
            "labels": len(page.labels),
            "by_people": sum(label.source is LabelSource.PERSON for label in page.labels),
            "difficult": sum(label.difficult for label in page.labels),
        }
    )
    try:
        store.done(labeling_id, result.model_dump_json())
    except Conflict:
        # Given up while we were at it, or done by another run, which found the same.
        known = store.labeling(labeling_id)
        if known is None or known.state is not LabelingState.DONE or known.result is None:
            raise
        return Consolidated.model_validate_json(known.result)
    return result


def why_no_work(task: Task, boxes: Sequence[Box], asked: int, settings: CompletionSettings) -> str | None:
    """Why an answer counts for nothing, in a sentence; None when it counts.

    Args:
        boxes: as they were handed in.
        asked: boxes that waited for a decision when the task was new.
    """
    decided = saved.touched(boxes)
    if asked and not decided and task.seconds < settings.least_seconds:
        return f"None of {asked} boxes was decided, in {task.seconds:.1f} s."
    waved = all(box.state in (BoxState.ACCEPTED, BoxState.SURE, BoxState.UNSURE) for box in boxes)
    # Time is unknown (0) when answers come from Ground Truth without it.
    if waved and decided >= 20 and 0 < task.seconds < settings.least_seconds_per_box * decided:
        return f"{decided} boxes were accepted in {task.seconds:.1f} s, faster than one can look."
    return None


def page_labels(labeling: Labeling, answers: Sequence[_AreaAnswer]) -> PageLabels:
    """The labels of a page: areas in their order, in each the model's texts first, then what people drew."""
    labels: list[Label] = []
    used: set[str] = set()
    for answer in answers:
        for unit in answer.settled:
            label = _label(unit)
            if label is None:
                continue
            if label.id in used:
                # Drawn in two areas under one name: people's browsers choose the names.
                label = label.model_copy(update={"id": f"a{answer.number}-{label.id}"[:64]})
            used.add(label.id)
            labels.append(label)
    return PageLabels(width=labeling.width, height=labeling.height, labels=tuple(labels))


def _label(unit: Unit) -> Label | None:
    winner = unit.winner
    if winner is None and unit.cast:
        return Label(id=unit.id, points=place(unit), text=UNREADABLE, difficult=True)
    if winner is None:
        box = next(vote.box for _, vote in sorted(unit.votes.items()) if vote.box is not None)
        return Label(
            id=unit.id,
            points=box.quad,
            text=box.text,
            difficult=box.difficult or box.state is BoxState.UNSURE,
            confidence=box.confidence,
            source=LabelSource.MODEL,
        )
    kind = winner[0]
    if kind is Kind.NOTHING:
        return None
    votes = [vote for _, vote in sorted(unit.cast.items()) if vote.key == winner]
    marks = [vote.box.difficult for vote in votes if vote.box is not None]
    return Label(
        id=unit.id,
        points=place(unit),
        text=UNREADABLE if kind is Kind.UNREADABLE else votes[0].text,
        difficult=2 * sum(marks) > len(marks),
    )


def _answers(
    labeling: Labeling, tasks: Sequence[Task], s3: "S3Client", data_bucket: str, settings: CompletionSettings
) -> tuple[list[_AreaAnswer], dict[str, str]]:
    """Every area with its units after all rounds, and the tasks that count for nothing."""
    left_out: dict[str, str] = {}
    by_area: defaultdict[int, list[Task]] = defaultdict(list)
    for task in tasks:
        by_area[task.area_number].append(task)
    answers = []
    for number in sorted(by_area):
        answer = _AreaAnswer(number, by_area[number][0].area)
        for round_ in range(1, labeling.round + 1):
            opinions = []
            for task in sorted(by_area[number], key=lambda task: task.slot):
                if task.round != round_ or task.annotator is None:
                    continue
                new = saved.read(
                    LabelingKeys(labeling.labeling_id).boxes(task.task_id, 0), s3=s3, data_bucket=data_bucket
                ).boxes
                if not answer.model:
                    answer.model = new
                boxes = saved.read(task.boxes_key, s3=s3, data_bucket=data_bucket).boxes
                answer.people.append(task.annotator)
                reason = why_no_work(task, boxes, saved.unsure(new), settings)
                if reason is None:
                    opinions.append(Opinion(task.annotator, boxes))
                else:
                    left_out[task.task_id] = reason
            if opinions and not answer.answered:
                answer.answered = True
                answer.first = answer.settled = units(opinions)
            else:
                for opinion in opinions:
                    answer.settled = overlay(answer.settled, opinion)
        if not answer.answered:
            answer.settled = units([Opinion("", answer.model)])
        answers.append(answer)
    return answers, left_out


def _send_back(
    labeling: Labeling,
    answers: Sequence[_AreaAnswer],
    *,
    store: LabelingStore,
    s3: "S3Client",
    data_bucket: str,
) -> None:
    """Begin the next round: one task an area, with what is disputed, or all when nobody worked on it."""
    tasks = [
        new_task(
            labeling.labeling_id,
            sheet_name=labeling.name,
            page=labeling.page,
            round_=labeling.round + 1,
            area_number=answer.number,
            area=answer.area,
            slot=1,
            boxes=tuple(question(unit) for unit in answer.disputed) if answer.answered else answer.model,
            s3=s3,
            data_bucket=data_bucket,
            avoid=tuple(answer.people),
        )
        for answer in answers
    ]
    store.send_back(labeling.labeling_id, labeling.round, tasks)


def _outcome(
    labeling: Labeling,
    outcome: Outcome,
    round_: int,
    answers: Sequence[_AreaAnswer] = (),
    left_out: dict[str, str] | None = None,
) -> Consolidated:
    found = measure(
        [unit for answer in answers for unit in _named(answer, answer.first)],
        [unit for answer in answers for unit in _named(answer, answer.settled)],
    )
    return Consolidated(
        labeling_id=labeling.labeling_id,
        drawing_id=labeling.drawing_id,
        revision=labeling.revision,
        page=labeling.page,
        project=labeling.project,
        backend=labeling.backend,
        round=round_,
        outcome=outcome,
        disputed=sum(len(answer.disputed) for answer in answers),
        shared_units=found.units,
        observed=_rounded(found.observed.value),
        strings=_rounded(found.strings),
        changes=_rounded(found.changes),
        annotators=_figures(found),
        left_out=left_out or {},
    )


def _named(answer: _AreaAnswer, those: Sequence[Unit]) -> list[Unit]:
    """Units with names that are unique on the page."""
    return [Unit(f"{answer.number}/{unit.id}", unit.votes) for unit in those]


def _figures(found: Agreement) -> dict[str, AnnotatorFigures]:
    people = sorted({*found.by_annotator, *found.errors})
    none = Rate()
    return {
        who: AnnotatorFigures(
            pairs=found.by_annotator.get(who, none).of,
            agreed=found.by_annotator.get(who, none).count,
            judged=found.errors.get(who, none).of,
            wrong=found.errors.get(who, none).count,
        )
        for who in people
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
