"""Runs of the learning loop in the models table, and who waits for which job.

    pk                   sk        what
    RUN#<run_id>         RUN       one run: its input, where it is, how it ended
    PROJECT#<project>    TRAINING  which run is under way, and the request that waits for its end
    JOB#<job>            JOB       task token of the workflow that waits for a SageMaker job (expires)

Index `by_state` (state, updated_at): `RUN#TRAINING` …, and `REQUEST#WAITING` for projects with a request that
waits. Beginning and ending a run are transactions of run and project, so that a project has one run at most
and a crash never leaves it taken by a run that has ended.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from pydantic import ConfigDict

from drawops.contracts.reading import Contract
from drawops.contracts.training import RunState, TrainingRequest, TrainingRun, Trigger
from drawops.dynamodb import deserialize, lost_the_race, now, serialize
from drawops.errors import Conflict

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

STATE_INDEX = "by_state"
TOKEN_LIFETIME = timedelta(days=12)
"""Longer than the workflow may live."""
OPEN = (RunState.PREPARING, RunState.TRAINING, RunState.GATING)
_WAITING = "REQUEST#WAITING"


class Run(Contract):
    """One run as the table knows it."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    run_id: str
    project: str
    state: RunState
    document: str = "{}"
    job: str | None = None
    reason: str | None = None
    verdict_key: str | None = None
    package_arn: str | None = None
    package_version: int | None = None
    created_at: str
    updated_at: str

    @property
    def run(self) -> TrainingRun:
        """The workflow's input."""
        return TrainingRun.model_validate_json(self.document)

    @property
    def ended(self) -> bool:
        """Whether it does not change any more."""
        return self.state not in OPEN


class ProjectState(Contract):
    """What a project trains at the moment, and what it is asked to train next."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    project: str
    active: str | None = None
    waiting: str | None = None

    @property
    def request(self) -> TrainingRequest | None:
        """The request that waits."""
        return TrainingRequest.model_validate_json(self.waiting) if self.waiting else None


class WaitingJob(Contract):
    """A workflow that waits for a SageMaker job."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    job: str
    run_id: str
    task_token: str


class RunStore:
    """Reads and writes runs in the models table."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self.client = client
        self.table = table

    def begin(self, run: TrainingRun) -> bool:
        """Take the project for a new run; what waited there is thereby answered.

        Returns:
            False when the project has another run under way, or this run is known already.
        """
        item = {
            **_run_key(run.run_id),
            "run_id": run.run_id,
            "project": run.project,
            "state": f"RUN#{RunState.PREPARING.value}",
            "document": run.model_dump_json(),
            "created_at": now(),
            "updated_at": now(),
        }
        return self._both(
            {
                "Put": {
                    "TableName": self.table,
                    "Item": serialize(item),
                    "ConditionExpression": "attribute_not_exists(pk)",
                }
            },
            {
                "Update": {
                    "TableName": self.table,
                    "Key": serialize(_project_key(run.project)),
                    "UpdateExpression": "SET #project = :project, active = :run, updated_at = :now"
                    " REMOVE waiting, waiting_trigger, #state",
                    "ConditionExpression": "attribute_not_exists(active) OR active = :run",
                    "ExpressionAttributeNames": {"#project": "project", "#state": "state"},
                    "ExpressionAttributeValues": serialize(
                        {":project": run.project, ":run": run.run_id, ":now": now()}
                    ),
                }
            },
        )

    def wait(self, request: TrainingRequest) -> bool:
        """Remember a request until the project's present run has ended. A person's outranks the others.

        Returns:
            False when no run is under way: it can begin at once.
        """
        keeps_persons = " AND (attribute_not_exists(waiting_trigger) OR waiting_trigger <> :command)"
        by_person = request.trigger is Trigger.COMMAND
        values = {":trigger": request.trigger.value, ":waiting": request.model_dump_json(), ":now": now()}
        try:
            self.client.update_item(
                TableName=self.table,
                Key=serialize(_project_key(request.project)),
                UpdateExpression="SET waiting = :waiting, waiting_trigger = :trigger, #state = :state,"
                " updated_at = :now",
                ConditionExpression="attribute_exists(active)" + ("" if by_person else keeps_persons),
                ExpressionAttributeNames={"#state": "state"},
                ExpressionAttributeValues=serialize(
                    {
                        **values,
                        ":state": _WAITING,
                        **({} if by_person else {":command": Trigger.COMMAND.value}),
                    }
                ),
            )
        except ClientError as error:
            if not lost_the_race(error):
                raise
            return self.project(request.project).active is not None
        return True

    def forget_waiting(self, project: str) -> None:
        """Drop the request that waits: it was looked at and comes to nothing."""
        self.client.update_item(
            TableName=self.table,
            Key=serialize(_project_key(project)),
            UpdateExpression="REMOVE waiting, waiting_trigger, #state",
            ExpressionAttributeNames={"#state": "state"},
        )

    def move(self, run_id: str, state: RunState, job: str) -> None:
        """A run that is under way is now at this job.

        Raises:
            Conflict: it has ended, or is unknown.
        """
        try:
            self.client.update_item(
                TableName=self.table,
                Key=serialize(_run_key(run_id)),
                UpdateExpression="SET #state = :state, job = :job, updated_at = :now",
                ConditionExpression=_IS_OPEN,
                ExpressionAttributeNames={"#state": "state"},
                ExpressionAttributeValues=serialize(
                    {**_open_values(), ":state": f"RUN#{state.value}", ":job": job, ":now": now()}
                ),
            )
        except ClientError as error:
            if lost_the_race(error):
                raise Conflict(f"Run {run_id} has ended already.") from error
            raise

    def end(self, run: TrainingRun, state: RunState, **values: str | int | None) -> bool:
        """End a run and give its project free.

        Returns:
            False when it had ended before; nothing has changed then.
        """
        given = {name: value for name, value in values.items() if value is not None}
        return self._both(
            {
                "Update": {
                    "TableName": self.table,
                    "Key": serialize(_run_key(run.run_id)),
                    "UpdateExpression": "SET #state = :state, updated_at = :now"
                    + "".join(f", #{name} = :{name}" for name in given),
                    "ConditionExpression": _IS_OPEN,
                    "ExpressionAttributeNames": {
                        "#state": "state",
                        **{f"#{name}": name for name in given},
                    },
                    "ExpressionAttributeValues": serialize(
                        {
                            **_open_values(),
                            ":state": f"RUN#{state.value}",
                            ":now": now(),
                            **{f":{name}": value for name, value in given.items()},
                        }
                    ),
                }
            },
            {
                "Update": {
                    "TableName": self.table,
                    "Key": serialize(_project_key(run.project)),
                    "UpdateExpression": "REMOVE active SET updated_at = :now",
                    "ConditionExpression": "active = :run",
                    "ExpressionAttributeValues": serialize({":run": run.run_id, ":now": now()}),
                }
            },
        )

    def run(self, run_id: str) -> Run | None:
        """One run, read consistently; None when unknown."""
        item = self._get(_run_key(run_id))
        return _run(item) if item else None

    def runs(self, state: RunState, before: str | None = None) -> Iterator[Run]:
        """Runs in a state, least recently changed first; `before` is an ISO time."""
        for item in self._by_state(f"RUN#{state.value}", before):
            yield _run(item)

    def project(self, project: str) -> ProjectState:
        """What a project trains, read consistently."""
        return ProjectState.model_validate(self._get(_project_key(project)) or {"project": project})

    def waiting(self) -> Iterator[ProjectState]:
        """Projects with a request that waits."""
        for item in self._by_state(_WAITING, None):
            yield ProjectState.model_validate(item)

    def await_job(self, waiting: WaitingJob) -> None:
        """Keep who waits for a job."""
        expires = int((datetime.now(UTC) + TOKEN_LIFETIME).timestamp())
        item = {**_job_key(waiting.job), **waiting.model_dump(), "expires_at": expires}
        self.client.put_item(TableName=self.table, Item=serialize(item))

    def job(self, name: str) -> WaitingJob | None:
        """Who waits for a job; None: nobody of ours."""
        item = self._get(_job_key(name))
        return WaitingJob.model_validate(item) if item else None

    def _both(self, first: dict[str, Any], second: dict[str, Any]) -> bool:
        try:
            self.client.transact_write_items(TransactItems=[first, second])  # type: ignore[list-item]
        except ClientError as error:
            if error.response["Error"]["Code"] != "TransactionCanceledException":
                raise
            reasons: list[dict[str, Any]] = error.response.get("CancellationReasons", [])  # type: ignore[assignment]
            if any(reason.get("Code") == "ConditionalCheckFailed" for reason in reasons):
                return False
            raise
        return True

    def _get(self, key: dict[str, str]) -> dict[str, Any] | None:
        found = self.client.get_item(TableName=self.table, Key=serialize(key), ConsistentRead=True).get(
            "Item"
        )
        return deserialize(found) if found else None

    def _by_state(self, state: str, before: str | None) -> Iterator[dict[str, Any]]:
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
                yield deserialize(item)


_IS_OPEN = "#state IN (:preparing, :training, :gating)"


def _open_values() -> dict[str, str]:
    return {f":{state.value.lower()}": f"RUN#{state.value}" for state in OPEN}


def _run(item: dict[str, Any]) -> Run:
    return Run.model_validate({**item, "state": item["state"].removeprefix("RUN#")})


def _run_key(run_id: str) -> dict[str, str]:
    return {"pk": f"RUN#{run_id}", "sk": "RUN"}


def _project_key(project: str) -> dict[str, str]:
    return {"pk": f"PROJECT#{project}", "sk": "TRAINING"}


def _job_key(job: str) -> dict[str, str]:
    return {"pk": f"JOB#{job}", "sk": "JOB"}
