"""What annotators can do: list, claim, get, save, hand in, give back, prolong. One object a process.

A save is first written to S3 under a name of its own content and then made the one that counts by a
conditional write. So of two saves that were made from the same one exactly one counts, the other is told so,
and neither is ever half written. A save that is sent again after its answer got lost is recognised.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from drawops.contracts.events import LabelingSubmitted
from drawops.contracts.labeling import (
    Box,
    BoxState,
    LabelingState,
    Pyramid,
    SaveRequest,
    SaveResult,
    SubmitRequest,
    TaskDocument,
    TaskList,
    TaskSheet,
    TaskState,
    TaskSummary,
)
from drawops.keys import LabelingKeys
from drawops.labeling import boxes as saved
from drawops.labeling.areas import middle
from drawops.labeling.problems import Problem, closed, invalid, not_found, not_yours, stale
from drawops.labeling.pyramid import CONTENT_TYPES, Pyramids
from drawops.labeling.store import LEASE, Labeling, LabelingStore, Task

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_LISTED = 100
"""Tasks that a list shows."""
_TRIES = 20
"""Tasks that 'next' tries to claim while others claim, too."""
# A box may be drawn and then marked, thrown away or brought back before it is saved for the first time.
_OF_A_NEW_BOX = frozenset({BoxState.DRAWN, BoxState.EDITED, BoxState.UNREADABLE, BoxState.DELETED})
_CLAIMED_BY_OTHERS = "Another person works on this task now; take another one."


@dataclass(frozen=True)
class Tile:
    """One tile of a page's picture."""

    content: bytes
    content_type: str


class LabelingService:
    """The operations of the labeling page's API.

    Every method raises `Problem` when the request cannot be met, and names the annotator first.

    Args:
        announce: called with the event by exactly one submission a round, the last one.
        lease: how long a claim lasts without a save.
    """

    def __init__(
        self,
        *,
        store: LabelingStore,
        s3: "S3Client",
        data_bucket: str,
        announce: Callable[[LabelingSubmitted], None],
        lease: timedelta = LEASE,
    ) -> None:
        self._store = store
        self._s3 = s3
        self._bucket = data_bucket
        self._announce = announce
        self._lease = lease
        self._pyramids = Pyramids(s3, data_bucket)

    def list(self, annotator: str) -> TaskList:
        """What this person holds, then what this person may take; and how far all are."""
        tasks = [*self._store.held(annotator), *self._store.claimable(annotator, _LISTED)]
        waiting = submitted = 0
        for state in (LabelingState.OPEN, LabelingState.SUBMITTED):
            for labeling in self._store.labelings(state):
                submitted += labeling.submitted
                waiting += labeling.tasks - labeling.submitted
        return TaskList(
            annotator=annotator,
            tasks=tuple(_summary(task, annotator) for task in tasks),
            open=waiting,
            submitted=submitted,
        )

    def get(self, annotator: str, task_id: str) -> TaskDocument:
        """A task that this person holds or handed in, or that nobody holds."""
        return self._document(self._visible(annotator, task_id))

    def claim(self, annotator: str, task_id: str) -> TaskDocument:
        """Take a task; taking one again that this person holds renews the claim."""
        task = self._task(task_id)
        if not self._store.claim(task, annotator, self._lease):
            raise self._why_not(annotator, task_id)
        return self._document(self._task(task_id))

    def claim_next(self, annotator: str) -> TaskDocument:
        """Go on with the task that this person holds, or take the one that has waited longest."""
        for task in [*self._store.held(annotator), *self._store.claimable(annotator, _TRIES)]:
            if self._store.claim(task, annotator, self._lease):
                return self._document(self._task(task.task_id))
        raise not_found("There is no task for you at the moment.")

    def renew(self, annotator: str, task_id: str) -> SaveResult:
        """Prolong a claim without saving."""
        task = self._task(task_id)
        if not task.held_by(annotator) or not self._store.claim(task, annotator, self._lease):
            raise self._why_not(annotator, task_id)
        return _result(self._task(task_id))

    def save(self, annotator: str, task_id: str, request: SaveRequest) -> SaveResult:
        """Keep all boxes of the task as they are now, if nobody saved since `base_revision`."""
        task = self._task(task_id)
        boxes = request.boxes
        sha256 = saved.digest(boxes)
        if _is_repeated(task, annotator, request.base_revision, sha256):
            return _result(task)
        if not task.held_by(annotator) or task.revision != request.base_revision:
            raise self._why_not(annotator, task_id, request.base_revision)
        self._check(task, boxes)
        revision = task.revision + 1
        key = LabelingKeys(task.labeling_id).boxes(task_id, revision, sha256)
        document = saved.TaskBoxes(task_id=task_id, revision=revision, saved_by=annotator, boxes=boxes)
        saved.write(document, key, s3=self._s3, data_bucket=self._bucket)
        kept = self._store.save(
            task_id,
            annotator,
            request.base_revision,
            boxes_key=key,
            boxes_sha256=sha256,
            boxes=len(boxes),
            unsure=saved.unsure(boxes),
            touched=saved.touched(boxes),
            seconds=request.seconds,
            actions=request.actions,
            lease=self._lease,
        )
        stands = self._task(task_id)
        if not kept and not _is_repeated(stands, annotator, request.base_revision, sha256):
            raise self._why_not(annotator, task_id, request.base_revision)
        return _result(stands)

    def submit(self, annotator: str, task_id: str, request: SubmitRequest) -> SaveResult:
        """Hand in the task. Handing it in again changes nothing, but makes sure that the event is sent.

        Boxes that are UNSURE are refused, unless `leave_unsure`: then they are counted and stay what the
        model read.
        """
        revision = request.base_revision
        task = self._task(task_id)
        if task.state is TaskState.SUBMITTED and task.annotator == annotator:
            self._announce_if_complete(task.labeling_id)
            return _result(task)
        if request.boxes is not None:
            save = SaveRequest(
                base_revision=revision,
                boxes=request.boxes,
                seconds=request.seconds,
                actions=request.actions,
            )
            revision = self.save(annotator, task_id, save).revision
            task = self._task(task_id)
        if not task.held_by(annotator) or task.revision != revision:
            raise self._why_not(annotator, task_id, revision)
        if task.unsure and not request.leave_unsure:
            raise invalid(
                f"{task.unsure} boxes still wait for a decision; decide them, or hand in with leave_unsure."
            )
        if not self._store.submit(task, annotator, revision):
            raise self._why_not(annotator, task_id, revision)
        self._announce_if_complete(task.labeling_id)
        return _result(self._task(task_id))

    def release(self, annotator: str, task_id: str) -> SaveResult:
        """Give a task back; what was saved stays."""
        task = self._task(task_id)
        if not self._store.release(task, annotator):
            raise self._why_not(annotator, task_id)
        return _result(self._task(task_id))

    def tile(self, annotator: str, task_id: str, level: int, column: int, row: int, suffix: str) -> Tile:
        """One tile of the picture of a task's page."""
        task = self._visible(annotator, task_id)
        picture = self._pyramids.file(LabelingKeys(task.labeling_id).pyramid)
        found = picture.description().format
        content = picture.tile(level, column, row) if suffix == found else None
        if content is None:
            raise not_found("There is no such tile.")
        return Tile(content, CONTENT_TYPES[found])

    # ------------------------------------------------------------------ for other callers than the page

    def answer(
        self, task_id: str, annotator: str, boxes: tuple[Box, ...], *, seconds: float = 0
    ) -> SaveResult:
        """Claim, save and hand in at once: how an answer of Ground Truth becomes one of a task.

        An answer that comes twice changes nothing.
        """
        task = self._task(task_id)
        sha256 = saved.digest(boxes)
        if task.state is TaskState.SUBMITTED and task.annotator == annotator and task.boxes_sha256 == sha256:
            self._announce_if_complete(task.labeling_id)
            return _result(task)
        self._check(task, boxes)
        key = LabelingKeys(task.labeling_id).boxes(task_id, task.revision + 1, sha256)
        document = saved.TaskBoxes(
            task_id=task_id, revision=task.revision + 1, saved_by=annotator, boxes=boxes
        )
        saved.write(document, key, s3=self._s3, data_bucket=self._bucket)
        kept = self._store.answer(
            task,
            annotator,
            boxes_key=key,
            boxes_sha256=sha256,
            boxes=len(boxes),
            unsure=saved.unsure(boxes),
            touched=saved.touched(boxes),
            seconds=seconds,
        )
        if not kept:
            raise self._why_not(annotator, task_id)
        self._announce_if_complete(task.labeling_id)
        return _result(self._task(task_id))

    def waive_second_opinions(self, labeling_id: str) -> int:
        """Take back further opinions that nobody has begun, so that a labeling with few people can end.

        Returns:
            How many tasks were taken back.
        """
        labeling = self._labeling(labeling_id)
        tasks = [task for task in self._store.tasks(labeling_id) if task.round == labeling.round]
        withdrawn = 0
        for task in tasks:
            if task.slot > 1 and task.state is TaskState.OPEN:
                withdrawn += self._store.withdraw(task)
        self._announce_if_complete(labeling_id)
        return withdrawn

    # ------------------------------------------------------------------ details

    def _task(self, task_id: str) -> Task:
        task = self._store.task(task_id)
        if task is None:
            raise not_found("There is no such task.")
        return task

    def _visible(self, annotator: str, task_id: str) -> Task:
        task = self._task(task_id)
        if task.state is not TaskState.OPEN and task.annotator != annotator:
            raise not_yours("This task is another person's.")
        return task

    def _labeling(self, labeling_id: str) -> Labeling:
        labeling = self._store.labeling(labeling_id)
        if labeling is None:
            raise not_found("There is no such labeling.")
        return labeling

    def _document(self, task: Task) -> TaskDocument:
        labeling = self._labeling(task.labeling_id)
        if labeling.pyramid_tile_size is None or labeling.pyramid_overlap is None:
            raise closed("The page's picture is being made; come back in a minute.")
        document = saved.read(task.boxes_key, s3=self._s3, data_bucket=self._bucket)
        return TaskDocument(
            task_id=task.task_id,
            labeling_id=task.labeling_id,
            state=task.state,
            annotator=task.annotator,
            lease_expires_at=_time(task.lease_expires_at),
            revision=task.revision,
            round=task.round,
            sheet=TaskSheet(
                drawing_id=labeling.drawing_id,
                revision=labeling.revision,
                page=labeling.page,
                name=labeling.name,
                width=labeling.width,
                height=labeling.height,
                pyramid=Pyramid.model_validate(
                    {
                        "tiles": f"/api/tasks/{task.task_id}/tiles",
                        "format": labeling.pyramid_format,
                        "tile_size": labeling.pyramid_tile_size,
                        "overlap": labeling.pyramid_overlap,
                    }
                ),
            ),
            area=task.area,
            boxes=document.boxes,
        )

    def _check(self, task: Task, boxes: tuple[Box, ...]) -> None:
        """Refuse boxes that cannot have come from correcting this task.

        What the model read may not vanish: a box that a person does not want is DELETED, not left out. A box
        that a person drew may: its drawing was undone, and the save before still has it.
        """
        ids = [box.id for box in boxes]
        if len(set(ids)) != len(ids):
            raise invalid("Two boxes have the same id; every box needs its own.")
        before = self._boxes(task.boxes_key)
        missing = before.keys() - set(ids)
        if missing:
            first = self._boxes(LabelingKeys(task.labeling_id).boxes(task.task_id, 0))
            lost = len(missing & first.keys())
            if lost:
                raise invalid(
                    f"{lost} boxes are missing; send all boxes of the task, unwanted ones with state DELETED."
                )
        labeling = self._labeling(task.labeling_id)
        for number, box in enumerate(boxes):
            known = before.get(box.id)
            if known is None and box.state not in _OF_A_NEW_BOX:
                raise invalid(f"Box {number} is new, so its state must be DRAWN.")
            confidence, proposals = (known.confidence, known.proposals) if known is not None else (None, ())
            if (box.confidence, box.proposals) != (confidence, proposals):
                raise invalid(f"Box {number}: confidence and proposals are not for the page to change.")
            if known is not None and known.quad == box.quad:
                continue
            x, y = middle(box.quad)
            if not (0 <= x <= labeling.width and 0 <= y <= labeling.height):
                raise invalid(f"Box {number} lies outside the page.")

    def _boxes(self, key: str) -> dict[str, Box]:
        return {box.id: box for box in saved.read(key, s3=self._s3, data_bucket=self._bucket).boxes}

    def _announce_if_complete(self, labeling_id: str) -> None:
        if self._store.all_submitted(labeling_id):
            self._announce(submitted_event(self._labeling(labeling_id)))

    def _why_not(self, annotator: str, task_id: str, base_revision: int | None = None) -> Problem:
        """Why a claim or a save did not work, from what stands now."""
        task = self._task(task_id)
        labeling = self._labeling(task.labeling_id)
        if task.state is TaskState.SUBMITTED:
            return closed("This task was handed in already.")
        if labeling.state is not LabelingState.OPEN:
            return closed(f"This page is not open for labeling; it is {labeling.state.value}.")
        if task.state is TaskState.CLAIMED and task.annotator != annotator:
            if base_revision is None:
                return not_yours(_CLAIMED_BY_OTHERS)
            return Problem(
                not_yours(
                    "Your claim was over and another person took the task; what you saved is kept.",
                    saved_by=task.saved_by,
                ).answer.model_copy(update={"revision": task.revision})
            )
        if task.state is TaskState.OPEN and base_revision is not None:
            return not_yours("You do not hold this task; claim it first.")
        if base_revision is not None and task.revision != base_revision:
            return stale(
                "The task was saved elsewhere in the meantime; load it, merge, save again.",
                task.revision,
                task.saved_by,
            )
        if task.state is TaskState.OPEN:
            return not_yours(
                "You work or worked on this area already; its other opinion is for other people."
            )
        return stale("The task has changed; load it again.", task.revision, task.saved_by)


def submitted_event(labeling: Labeling) -> LabelingSubmitted:
    """The event that says that a labeling's round is complete."""
    return LabelingSubmitted(
        id=f"{labeling.labeling_id}-{labeling.round}",
        labeling_id=labeling.labeling_id,
        drawing_id=labeling.drawing_id,
        revision=labeling.revision,
        page=labeling.page,
        project=labeling.project,
        round=labeling.round,
        tasks=labeling.tasks,
    )


def _is_repeated(task: Task, annotator: str, base_revision: int, sha256: str) -> bool:
    return (
        task.revision == base_revision + 1
        and task.saved_by == annotator
        and task.boxes_sha256 == sha256
        and task.annotator == annotator
    )


def _result(task: Task) -> SaveResult:
    return SaveResult(revision=task.revision, state=task.state, lease_expires_at=_time(task.lease_expires_at))


def _summary(task: Task, annotator: str) -> TaskSummary:
    mine = task.annotator == annotator
    return TaskSummary(
        task_id=task.task_id,
        labeling_id=task.labeling_id,
        name=task.name,
        page=task.page,
        state=task.state if mine else TaskState.OPEN,
        annotator=task.annotator if mine else None,
        boxes=task.boxes,
        unsure=task.unsure,
        round=task.round,
    )


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
