"""The labeling table: one DynamoDB table that knows every labeling, its tasks and who sits at which.

    pk                      sk                                what
    LABELING#<labeling_id>  LABELING                          one page that people correct
    LABELING#<labeling_id>  TASK#<task_id>                    one area of it for one person
    LABELING#<labeling_id>  SEAT#<round>#<area>#<annotator>   this person works or worked on this area
    INVITATION#<id>         INVITATION                        see `drawops.labeling.invitations`

Index `by_state` (state, updated_at). Its key holds the kind as well: `LABELING#OPEN`, `TASK#CLAIMED`; tasks
that nobody may take (their labeling is being prepared, has ended, or belongs to Ground Truth) are
`HIDDEN#<state>`. So the index answers: labelings in a state, tasks that can be taken (oldest first, so that
sheets are finished one after another), tasks that are held.

Every change is a conditional write. A claim is a transaction with a seat, which keeps one person from
giving two opinions on one area. Boxes are not here but in S3; an item names the object that counts.
"""

import itertools
import random
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from pydantic import ConfigDict, Field

from drawops.contracts.labeling import Area, Backend, LabelingState, Reason, TaskState
from drawops.contracts.reading import Contract
from drawops.dynamodb import deserialize, lost_the_race, moment, now, serialize
from drawops.errors import Conflict, Transient
from drawops.keys import labeling_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

STATE_INDEX = "by_state"
LEASE = timedelta(minutes=30)
_CONFLICTS = 6
"""Tries of a transaction that meets another one on the same item."""


class Labeling(Contract):
    """One page that people correct, as the table knows it."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    labeling_id: str
    drawing_id: str
    revision: str
    page: int
    name: str = Field(description="The S3 key that the drawing was dropped at.")
    project: str
    reason: Reason
    why: str = Field(description="The reason in words.")
    backend: Backend
    state: LabelingState
    round: int = 1
    areas: int
    tasks: int = Field(description="Of the present round.")
    submitted: int = Field(default=0, description="Tasks of the present round that are handed in.")
    boxes: int
    unsure: int = Field(description="Boxes that waited for a person when the page was opened.")
    width: int
    height: int
    media_type: str
    source_sha256: str
    model_version: str
    pyramid_format: str | None = None
    pyramid_tile_size: int | None = None
    pyramid_overlap: int | None = None
    failure: str | None = None
    result: str | None = Field(default=None, description="JSON of what the consolidation found.")
    created_at: str
    updated_at: str


class Task(Contract):
    """One area of a labeling for one person, as the table knows it."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    task_id: str
    labeling_id: str
    name: str
    page: int
    round: int
    area_number: int
    area: Area
    slot: int = Field(description="From 1; above 1 it is a further opinion on the same area.")
    state: TaskState
    annotator: str | None = None
    lease_expires_at: str | None = None
    revision: int = Field(default=0, description="Counts saves.")
    boxes_key: str = Field(description="The object in the data bucket that counts now.")
    boxes_sha256: str
    saved_by: str | None = None
    saved_at: str | None = None
    submitted_at: str | None = None
    seconds: float = 0
    actions: int = 0
    boxes: int
    unsure: int
    touched: int = Field(default=0, description="Boxes that a person decided on.")
    avoid: tuple[str, ...] = Field(default=(), description="Better not these people: they disagreed here.")
    created_at: str
    updated_at: str

    def held_by(self, annotator: str) -> bool:
        """Whether this person has the task now."""
        return self.state is TaskState.CLAIMED and self.annotator == annotator

    def lease_is_over(self, at: datetime | None = None) -> bool:
        """Whether the claim may be taken over."""
        return (
            self.state is TaskState.CLAIMED
            and self.lease_expires_at is not None
            and self.lease_expires_at < moment(at or datetime.now(UTC))
        )


class LabelingStore:
    """Reads and writes the labeling table."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self.client = client
        self.table = table

    # ------------------------------------------------------------------ labelings

    def create(self, labeling: Labeling, tasks: Iterable[Task]) -> bool:
        """Keep a labeling in PREPARING with its tasks, unless it exists.

        The labeling is written last: an opening that breaks before leaves tasks that no labeling has, and
        the next one replaces them.

        Returns:
            False when it exists already; nothing has changed then.
        """
        if self.labeling(labeling.labeling_id) is not None:
            return False
        tasks = list(tasks)
        ours = {task.task_id for task in tasks}
        for old in self.tasks(labeling.labeling_id):
            if old.task_id not in ours:
                self.client.delete_item(TableName=self.table, Key=serialize(_task_key(old.task_id)))
        for task in tasks:
            self.client.put_item(TableName=self.table, Item=serialize(_task_item(task, "HIDDEN")))
        try:
            self.client.put_item(
                TableName=self.table,
                Item=serialize(_labeling_item(labeling)),
                ConditionExpression="attribute_not_exists(pk)",
            )
        except ClientError as error:
            if lost_the_race(error):
                return False
            raise
        return True

    def labeling(self, labeling_id: str) -> Labeling | None:
        """One labeling, read consistently; None when unknown."""
        item = self._get(_labeling_key(labeling_id))
        return Labeling.model_validate(item) if item else None

    def labelings(self, state: LabelingState, before: str | None = None) -> Iterator[Labeling]:
        """Labelings in `state`, least recently changed first; `before` is an ISO time."""
        for item in self._by_state(f"LABELING#{state.value}", before):
            yield Labeling.model_validate(item)

    def publish(self, labeling_id: str, *, pyramid_format: str, tile_size: int, overlap: int) -> Labeling:
        """PREPARING -> OPEN: people may take its tasks, unless Ground Truth shows them.

        Raises:
            Conflict: the labeling is neither being prepared nor open.
        """
        known = self.labeling(labeling_id)
        if known is not None and known.backend is Backend.OWN:
            for task in self.tasks(labeling_id):
                self._show(task, shown=True)
        values = {
            "pyramid_format": pyramid_format, "pyramid_tile_size": tile_size, "pyramid_overlap": overlap,
        }  # fmt: skip
        self._move(labeling_id, (LabelingState.PREPARING, LabelingState.OPEN), LabelingState.OPEN, values)
        return self._known(labeling_id)

    def all_submitted(self, labeling_id: str) -> bool:
        """OPEN -> SUBMITTED, when every task of the round is handed in.

        Returns:
            True for exactly one caller a round: the one who tells the others (`LabelingSubmitted`).
        """
        try:
            self.client.update_item(
                TableName=self.table,
                Key=serialize(_labeling_key(labeling_id)),
                UpdateExpression="SET #state = :submitted, updated_at = :now",
                ConditionExpression="#state = :open AND submitted = tasks",
                ExpressionAttributeNames={"#state": "state"},
                ExpressionAttributeValues=serialize(
                    {":submitted": "LABELING#SUBMITTED", ":open": "LABELING#OPEN", ":now": now()}
                ),
            )
        except ClientError as error:
            if lost_the_race(error):
                return False
            raise
        return True

    def done(self, labeling_id: str, result: str) -> None:
        """SUBMITTED -> DONE.

        Args:
            result: JSON of what the consolidation found.

        Raises:
            Conflict: the labeling is in another state.
        """
        self._move(labeling_id, (LabelingState.SUBMITTED,), LabelingState.DONE, {"result": result})

    def send_back(self, labeling_id: str, round_: int, tasks: Iterable[Task]) -> bool:
        """SUBMITTED -> OPEN for the round after `round_`, with these tasks.

        Returns:
            False when that round has begun already.
        """
        tasks = list(tasks)
        labeling = self._known(labeling_id)
        if labeling.round > round_:
            return False
        kind = "TASK" if labeling.backend is Backend.OWN else "HIDDEN"
        for task in tasks:
            try:
                self.client.put_item(
                    TableName=self.table,
                    Item=serialize(_task_item(task, kind)),
                    ConditionExpression="attribute_not_exists(pk)",
                )
            except ClientError as error:
                if not lost_the_race(error):
                    raise
        try:
            self._move(
                labeling_id,
                (LabelingState.SUBMITTED,),
                LabelingState.OPEN,
                {"round": round_ + 1, "tasks": len(tasks), "submitted": 0},
                also=("round", round_),
            )
        except Conflict:
            return False
        return True

    def end(self, labeling_id: str, state: LabelingState, failure: str | None = None) -> None:
        """Give up a labeling: CANCELLED by a person or FAILED; what was saved stays.

        Raises:
            Conflict: it is DONE or unknown.
        """
        open_states = tuple(known for known in LabelingState if known is not LabelingState.DONE)
        self._move(labeling_id, open_states, state, {"failure": failure})
        for task in self.tasks(labeling_id):
            self._show(task, shown=False)

    def reopen(self, labeling_id: str, *, reason: Reason, why: str) -> None:
        """CANCELLED or FAILED -> PREPARING, with the tasks and the saves that it had.

        Raises:
            Conflict: it is in another state.
        """
        self._move(
            labeling_id,
            (LabelingState.CANCELLED, LabelingState.FAILED),
            LabelingState.PREPARING,
            {"reason": reason, "why": why, "failure": ""},
        )

    # ------------------------------------------------------------------ tasks

    def task(self, task_id: str) -> Task | None:
        """One task, read consistently; None when unknown."""
        if labeling_of(task_id) is None:
            return None
        item = self._get(_task_key(task_id))
        return Task.model_validate(item) if item else None

    def tasks(self, labeling_id: str) -> list[Task]:
        """All tasks of a labeling with all its rounds, in the order of their ids."""
        pages = self.client.get_paginator("query").paginate(
            TableName=self.table,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :sk)",
            ExpressionAttributeValues=serialize({":pk": f"LABELING#{labeling_id}", ":sk": "TASK#"}),
            ConsistentRead=True,
        )
        return [Task.model_validate(_plain(item)) for page in pages for item in page["Items"]]

    def held(self, annotator: str) -> list[Task]:
        """The tasks that a person holds (also when the lease is over and nobody took them)."""
        found = (Task.model_validate(item) for item in self._by_state("TASK#CLAIMED"))
        return [task for task in found if task.annotator == annotator]

    def claimable(self, annotator: str, limit: int = 100) -> list[Task]:
        """Tasks that a person may take, at most `limit`.

        Open ones and such whose lease is over; never one on an area that this person works or worked on.
        Tasks that better go to somebody else (`Task.avoid`) come last, else the oldest first.
        """
        claimed = (Task.model_validate(item) for item in self._by_state("TASK#CLAIMED"))
        over = (task for task in claimed if task.lease_is_over() and task.annotator != annotator)
        waiting = (Task.model_validate(item) for item in self._by_state("TASK#OPEN"))
        # More than asked for: some of them this person may not take.
        candidates = list(itertools.islice(itertools.chain(over, waiting), 4 * limit))
        seats = self._seats(annotator, candidates)
        free = [
            task for task in candidates if seats.get(_seat(task, annotator), task.task_id) == task.task_id
        ]
        free.sort(key=lambda task: task.avoid.count(annotator))
        return free[:limit]

    def claim(self, task: Task, annotator: str, lease: timedelta = LEASE) -> bool:
        """Give the task to a person; also renews a claim that the person has.

        Returns:
            False when somebody else holds it, it is handed in, its labeling is not open, or this person
            gave another opinion on this area.
        """
        at = datetime.now(UTC)
        seat = {**_seat_key(task, annotator), "task_id": task.task_id, "annotator": annotator}
        return self._transact(
            [
                self._check_open(task.labeling_id),
                {
                    "Update": {
                        "TableName": self.table,
                        "Key": serialize(_task_key(task.task_id)),
                        "UpdateExpression": "SET #state = :claimed, annotator = :me, "
                        "lease_expires_at = :until, updated_at = :now",
                        "ConditionExpression": "#state = :open OR (#state = :claimed AND "
                        "(annotator = :me OR lease_expires_at < :now))",
                        "ExpressionAttributeNames": {"#state": "state"},
                        "ExpressionAttributeValues": serialize(
                            {
                                ":claimed": "TASK#CLAIMED",
                                ":open": "TASK#OPEN",
                                ":me": annotator,
                                ":until": moment(at + lease),
                                ":now": moment(at),
                            }
                        ),
                    }
                },
                {
                    "Put": {
                        "TableName": self.table,
                        "Item": serialize(seat),
                        "ConditionExpression": "attribute_not_exists(pk) OR task_id = :task",
                        "ExpressionAttributeValues": serialize({":task": task.task_id}),
                    }
                },
            ]
        )

    def save(
        self,
        task_id: str,
        annotator: str,
        base_revision: int,
        *,
        boxes_key: str,
        boxes_sha256: str,
        boxes: int,
        unsure: int,
        touched: int,
        seconds: float,
        actions: int,
        lease: timedelta = LEASE,
    ) -> bool:
        """Make an object the boxes that count, if `base_revision` still stands and the person holds the task.

        Renews the lease. A lease that is over but that nobody took over does no harm.

        Returns:
            False when another save came first or the person does not hold the task (any more).
        """
        at = datetime.now(UTC)
        return self._update_task(
            task_id,
            "SET revision = :next, boxes_key = :key, boxes_sha256 = :sha, boxes = :boxes, unsure = :unsure, "
            "touched = :touched, saved_by = :me, saved_at = :now, updated_at = :now, "
            "lease_expires_at = :until ADD seconds :seconds, actions :actions",
            "#state = :claimed AND annotator = :me AND revision = :base",
            {
                ":next": base_revision + 1,
                ":base": base_revision,
                ":key": boxes_key,
                ":sha": boxes_sha256,
                ":boxes": boxes,
                ":unsure": unsure,
                ":touched": touched,
                ":me": annotator,
                ":now": moment(at),
                ":until": moment(at + lease),
                ":seconds": round(float(seconds), 3),
                ":actions": actions,
                ":claimed": "TASK#CLAIMED",
            },
        )

    def submit(self, task: Task, annotator: str, revision: int) -> bool:
        """Hand in the task as its save `revision` has it; counts it at the labeling.

        Returns:
            False when the person does not hold it, another save came first, or the labeling is not open.
        """
        return self._transact(
            [
                {
                    "Update": {
                        "TableName": self.table,
                        "Key": serialize(_task_key(task.task_id)),
                        "UpdateExpression": "SET #state = :submitted, submitted_at = :now, updated_at = :now "
                        "REMOVE lease_expires_at",
                        "ConditionExpression": "#state = :claimed AND annotator = :me AND revision = :base",
                        "ExpressionAttributeNames": {"#state": "state"},
                        "ExpressionAttributeValues": serialize(
                            {
                                ":submitted": "TASK#SUBMITTED",
                                ":claimed": "TASK#CLAIMED",
                                ":me": annotator,
                                ":base": revision,
                                ":now": now(),
                            }
                        ),
                    }
                },
                self._count_submitted(task, 1),
            ]
        )

    def answer(
        self,
        task: Task,
        annotator: str,
        *,
        boxes_key: str,
        boxes_sha256: str,
        boxes: int,
        unsure: int,
        touched: int,
        seconds: float,
    ) -> bool:
        """Claim, save and hand in at once: how answers from Ground Truth come in.

        Returns:
            False when the task is handed in already or its labeling is not open.
        """
        return self._transact(
            [
                {
                    "Update": {
                        "TableName": self.table,
                        "Key": serialize(_task_key(task.task_id)),
                        "UpdateExpression": "SET #state = :submitted, annotator = :me, saved_by = :me, "
                        "saved_at = :now, submitted_at = :now, updated_at = :now, boxes_key = :key, "
                        "boxes_sha256 = :sha, boxes = :boxes, unsure = :unsure, touched = :touched, "
                        "seconds = :seconds ADD revision :one",
                        "ConditionExpression": "#state IN (:hidden, :open)",
                        "ExpressionAttributeNames": {"#state": "state"},
                        "ExpressionAttributeValues": serialize(
                            {
                                ":submitted": "HIDDEN#SUBMITTED",
                                ":hidden": "HIDDEN#OPEN",
                                ":open": "TASK#OPEN",
                                ":me": annotator,
                                ":now": now(),
                                ":key": boxes_key,
                                ":sha": boxes_sha256,
                                ":boxes": boxes,
                                ":unsure": unsure,
                                ":touched": touched,
                                ":seconds": round(float(seconds), 3),
                                ":one": 1,
                            }
                        ),
                    }
                },
                self._count_submitted(task, 1),
            ]
        )

    def release(self, task: Task, annotator: str) -> bool:
        """Give a task back; what was saved stays for whoever takes it next.

        A person who saved nothing may take another task on the same area later; one who did may not.

        Returns:
            False when the person does not hold it.
        """
        released = self._update_task(
            task.task_id,
            "SET #state = :open, updated_at = :now REMOVE annotator, lease_expires_at",
            "#state = :claimed AND annotator = :me",
            {":open": "TASK#OPEN", ":claimed": "TASK#CLAIMED", ":me": annotator, ":now": now()},
        )
        if released and task.saved_by != annotator:
            self.client.delete_item(
                TableName=self.table,
                Key=serialize(_seat_key(task, annotator)),
            )
        return released

    def withdraw(self, task: Task) -> bool:
        """Take back a task that nobody holds; the labeling asks for one less.

        Returns:
            False when somebody holds it or handed it in.
        """
        return self._transact(
            [
                {
                    "Delete": {
                        "TableName": self.table,
                        "Key": serialize(_task_key(task.task_id)),
                        "ConditionExpression": "#state IN (:hidden, :open)",
                        "ExpressionAttributeNames": {"#state": "state"},
                        "ExpressionAttributeValues": serialize(
                            {":hidden": "HIDDEN#OPEN", ":open": "TASK#OPEN"}
                        ),
                    }
                },
                self._count(task, "SET tasks = tasks - :one", {":one": 1}),
            ]
        )

    # ------------------------------------------------------------------ details

    def _known(self, labeling_id: str) -> Labeling:
        labeling = self.labeling(labeling_id)
        if labeling is None:
            raise Conflict("There is no such labeling.")
        return labeling

    def _get(self, key: dict[str, str]) -> dict[str, Any] | None:
        item = self.client.get_item(TableName=self.table, Key=serialize(key), ConsistentRead=True).get("Item")
        return _plain(item) if item else None

    def _by_state(self, state: str, before: str | None = None) -> Iterator[dict[str, Any]]:
        condition, values = "#state = :state", {":state": state}
        if before is not None:
            condition, values = condition + " AND updated_at < :before", {**values, ":before": before}
        pages = self.client.get_paginator("query").paginate(
            TableName=self.table,
            IndexName=STATE_INDEX,
            KeyConditionExpression=condition,
            ExpressionAttributeNames={"#state": "state"},
            ExpressionAttributeValues=serialize(values),
        )
        for page in pages:
            for item in page["Items"]:
                yield _plain(item)

    def _seats(self, annotator: str, tasks: Iterable[Task]) -> dict[tuple[str, str], str]:
        """Seat -> task, of the seats that this person has in the areas of `tasks`."""
        keys = {_seat(task, annotator) for task in tasks}
        wanted = [serialize({"pk": pk, "sk": sk}) for pk, sk in sorted(keys)]
        found: dict[tuple[str, str], str] = {}
        while wanted:
            answer = self.client.batch_get_item(
                RequestItems={self.table: {"Keys": wanted[:100], "ConsistentRead": True}}
            )
            for item in answer["Responses"].get(self.table, []):
                seat = deserialize(item)
                found[seat["pk"], seat["sk"]] = seat["task_id"]
            left = answer.get("UnprocessedKeys", {}).get(self.table)
            wanted = [*(left["Keys"] if left else []), *wanted[100:]]
        return found

    def _show(self, task: Task, *, shown: bool) -> None:
        """Put a task into the part of the index that people see, or take it out."""
        old, new = ("HIDDEN", "TASK") if shown else ("TASK", "HIDDEN")
        self._update_task(
            task.task_id,
            "SET #state = :new",
            "#state = :old",
            {":old": f"{old}#{task.state.value}", ":new": f"{new}#{task.state.value}"},
        )

    def _update_task(self, task_id: str, update: str, condition: str, values: dict[str, Any]) -> bool:
        try:
            self.client.update_item(
                TableName=self.table,
                Key=serialize(_task_key(task_id)),
                UpdateExpression=update,
                ConditionExpression=condition,
                ExpressionAttributeNames={"#state": "state"},
                ExpressionAttributeValues=serialize(values),
            )
        except ClientError as error:
            if lost_the_race(error):
                return False
            raise
        return True

    def _move(
        self,
        labeling_id: str,
        before: tuple[LabelingState, ...],
        after: LabelingState,
        values: Mapping[str, Any],
        also: tuple[str, Any] | None = None,
    ) -> None:
        """Change a labeling's state.

        Raises:
            Conflict: it is in none of the states `before`, or its field `also` has another value.
        """
        changes = {name: value for name, value in values.items() if value is not None}
        changes |= {"state": f"LABELING#{after.value}", "updated_at": now()}
        condition = "#state IN (" + ", ".join(f":before{number}" for number in range(len(before))) + ")"
        expected = {f":before{number}": f"LABELING#{state.value}" for number, state in enumerate(before)}
        names = {f"#{name}": name for name in changes}
        if also is not None:
            condition += " AND #also = :also"
            expected[":also"], names["#also"] = also[1], also[0]
        try:
            self.client.update_item(
                TableName=self.table,
                Key=serialize(_labeling_key(labeling_id)),
                UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in changes),
                ConditionExpression=condition,
                ExpressionAttributeNames=names,
                ExpressionAttributeValues=serialize(
                    {**{f":{name}": value for name, value in changes.items()}, **expected}
                ),
            )
        except ClientError as error:
            if lost_the_race(error):
                raise Conflict(f"Labeling {labeling_id} cannot become {after.value} now.") from error
            raise

    def _check_open(self, labeling_id: str) -> dict[str, Any]:
        return {
            "ConditionCheck": {
                "TableName": self.table,
                "Key": serialize(_labeling_key(labeling_id)),
                "ConditionExpression": "#state = :labeling_open",
                "ExpressionAttributeNames": {"#state": "state"},
                "ExpressionAttributeValues": serialize({":labeling_open": "LABELING#OPEN"}),
            }
        }

    def _count_submitted(self, task: Task, by: int) -> dict[str, Any]:
        return self._count(task, "SET submitted = submitted + :by", {":by": by})

    def _count(self, task: Task, change: str, values: dict[str, Any]) -> dict[str, Any]:
        return {
            "Update": {
                "TableName": self.table,
                "Key": serialize(_labeling_key(task.labeling_id)),
                "UpdateExpression": change + ", updated_at = :now",
                "ConditionExpression": "#state = :labeling_open AND #round = :round",
                "ExpressionAttributeNames": {"#state": "state", "#round": "round"},
                "ExpressionAttributeValues": serialize(
                    {":labeling_open": "LABELING#OPEN", ":round": task.round, ":now": now(), **values}
                ),
            }
        }

    def _transact(self, items: list[dict[str, Any]]) -> bool:
        """Write all or nothing; False when a condition does not hold.

        Two transactions that meet on one item (two people hand in two tasks of one labeling) are not a
        failed condition: DynamoDB asks to try again, and after a short random pause we do.
        """
        for attempt in range(_CONFLICTS):
            try:
                self.client.transact_write_items(TransactItems=items)  # type: ignore[arg-type]
            except ClientError as error:
                if error.response["Error"]["Code"] not in (
                    "TransactionCanceledException",
                    "TransactionConflictException",
                ):
                    raise
                reasons = {
                    str(reason.get("Code")) for reason in error.response.get("CancellationReasons", [])
                }
                if "ConditionalCheckFailed" in reasons:
                    return False
                if reasons and not reasons & {"TransactionConflict", "ThrottlingError"}:
                    raise
                time.sleep(random.uniform(0, 0.02 * 2**attempt))
            else:
                return True
        raise Transient("The labeling table is busy; try again.")


def _labeling_key(labeling_id: str) -> dict[str, str]:
    return {"pk": f"LABELING#{labeling_id}", "sk": "LABELING"}


def _task_key(task_id: str) -> dict[str, str]:
    return {"pk": f"LABELING#{labeling_of(task_id)}", "sk": f"TASK#{task_id}"}


def _seat(task: Task, annotator: str) -> tuple[str, str]:
    return f"LABELING#{task.labeling_id}", f"SEAT#{task.round}#{task.area_number}#{annotator}"


def _seat_key(task: Task, annotator: str) -> dict[str, str]:
    pk, sk = _seat(task, annotator)
    return {"pk": pk, "sk": sk}


def _labeling_item(labeling: Labeling) -> dict[str, Any]:
    values = labeling.model_dump()
    return {**_labeling_key(labeling.labeling_id), **values, "state": f"LABELING#{labeling.state.value}"}


def _task_item(task: Task, kind: str) -> dict[str, Any]:
    values = {**task.model_dump(), "avoid": list(task.avoid)}
    return {**_task_key(task.task_id), **values, "state": f"{kind}#{task.state.value}"}


def _plain(item: dict[str, Any]) -> dict[str, Any]:
    """An item's values; the state without the kind before it."""
    values = deserialize(item)
    return {**values, "state": values.get("state", "").rpartition("#")[2]}
