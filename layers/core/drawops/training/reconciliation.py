"""Find runs that a lost event or a crash left hanging, and requests that wait for nothing any more."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from drawops.contracts.training import ReconciledTrainings, RunState, TrainingFailure
from drawops.dynamodb import moment
from drawops.intake.start import execution_arn
from drawops.training.announcing import announce_failure
from drawops.training.conclusion import fail
from drawops.training.consideration import Considerer
from drawops.training.resumption import JOB_STOPPED, resume
from drawops.training.runs import OPEN, Run

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient


class Reconciler:
    """One pass over all runs that are under way.

    Args:
        considerer: starts runs, and knows their table.
        events: for `TrainingFailed` of runs whose workflow broke.
        prefix: the stack's name.
        grace: runs changed more recently than this are left alone.
    """

    def __init__(
        self, considerer: Considerer, *, events: "EventBridgeClient", bus: str, prefix: str, grace: timedelta
    ) -> None:
        self._considerer = considerer
        self._store = considerer.store
        self._events = events
        self._bus = bus
        self._prefix = prefix
        self._grace = grace

    def reconcile(self) -> ReconciledTrainings:
        """Resume, start or end what hangs; then look at the requests that wait."""
        done: dict[str, list[str]] = {"resumed": [], "restarted": [], "failed": [], "considered": []}
        before = moment(datetime.now(UTC) - self._grace)
        for state in OPEN:
            for run in list(self._store.runs(state, before)):
                what = self._revive(run)
                if what:
                    done[what].append(run.run_id)
        for project in list(self._store.waiting()):
            if project.active is None and project.request is not None:
                self._considerer.follow_up(project.request)
                done["considered"].append(project.project)
        return ReconciledTrainings(**{name: tuple(found) for name, found in done.items()})

    def _revive(self, run: Run) -> str | None:
        status, cause = self._execution(run.run_id)
        if status == "RUNNING":
            resumed = run.job is not None and resume(
                run.job,
                store=self._store,
                sagemaker=self._considerer.sagemaker,
                stepfunctions=self._considerer.stepfunctions,
            )
            return "resumed" if resumed else None
        if status is None and run.state is RunState.PREPARING:
            self._considerer.start(run.run)
            return "restarted"
        self._end(run, status, cause)
        return "failed"

    def _end(self, run: Run, status: str | None, cause: str) -> None:
        said = cause or f"Its workflow ended ({status or 'it is gone'}) without saying so."
        failure = TrainingFailure(
            run=run.run, error=JOB_STOPPED if status == "ABORTED" else "WorkflowBroken", cause=said
        )
        event = fail(failure, store=self._store, sagemaker=self._considerer.sagemaker, prefix=self._prefix)
        if event is not None:
            announce_failure(event, self._events, self._bus)

    def _execution(self, run_id: str) -> tuple[str | None, str]:
        """Status and cause of a run's execution; None: it never began, or is forgotten (90 days)."""
        machine = self._considerer.settings.training_state_machine_arn
        try:
            found = self._considerer.stepfunctions.describe_execution(
                executionArn=execution_arn(machine, run_id)
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == "ExecutionDoesNotExist":
                return None, ""
            raise
        status = "RUNNING" if found["status"] == "PENDING_REDRIVE" else found["status"]
        return status, found.get("cause", "")
