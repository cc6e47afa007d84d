"""From a trigger to a run: judge by the policy, take the project, start the workflow. All of it repeatable.

Runs that nobody asked for by name are named by what they would teach whom (dataset version and approved
model), so that the same event, or the daily schedule, never trains the same twice; after a failure a person
asks again (`drawops train`).
"""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from pydantic import BaseModel, Field

from drawops.contracts.datasets import DatasetManifest
from drawops.contracts.events import DatasetVersionCreated
from drawops.contracts.training import (
    Consideration,
    Considered,
    TrainingRequest,
    TrainingRun,
    Trigger,
)
from drawops.datasets.versions import load_manifest, newest_version
from drawops.errors import Misconfigured, NotReady
from drawops.keys import candidate_version, run_id
from drawops.registry.packages import Package, newest_approved
from drawops.registry.serving import serving_artifacts
from drawops.training.policy import TrainingPolicy, drift_of, judge, new_texts, recent_confidences
from drawops.training.runs import RunStore

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_stepfunctions import SFNClient

_ENDS = ("CandidateRegistered", "CandidateRejected", "TrainingFailed")


class ConsiderSettings(TrainingPolicy):
    """What the stack decides about runs; field names in capitals are environment variables."""

    training_image: str = Field(default="", description="Empty: nothing is ever trained.")
    training_state_machine_arn: str
    data_bucket: str
    catalog_table: str
    model_package_group: str
    endpoint_name: str
    training_iterations: int = Field(default=400, ge=1, description="Of runs that nobody asked for.")


class Cause(BaseModel):
    """What woke `consider_training`: a request, or the end of a run, after which one may wait."""

    request: TrainingRequest | None = None
    ended_project: str | None = None


def cause_of(event: dict[str, Any]) -> Cause:
    """Read an event.

    Args:
        event: `DatasetVersionCreated` or one of the events that end a run, as EventBridge delivers them; or a
            `TrainingRequest`, from the schedule or a person.

    Raises:
        Misconfigured: a request is not valid; the sentence names the member and its range.
    """
    kind = event.get("detail-type")
    if kind == "DatasetVersionCreated":
        created = DatasetVersionCreated.model_validate(event["detail"])
        return Cause(
            request=TrainingRequest(
                project=created.project, version=created.version, trigger=Trigger.DATASET_VERSION
            )
        )
    if kind in _ENDS:
        return Cause(ended_project=event["detail"]["project"])
    try:
        return Cause(request=TrainingRequest.model_validate(event))
    except ValueError as error:
        errors = getattr(error, "errors", None)
        if errors is None:
            raise
        first = errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Misconfigured(f"The request is refused at {where}: {first['msg']}.") from None


@dataclass(frozen=True)
class Considerer:
    """Decides on runs of one stack."""

    store: RunStore
    s3: "S3Client"
    sagemaker: "SageMakerClient"
    stepfunctions: "SFNClient"
    settings: ConsiderSettings

    def consider(self, cause: Cause) -> Considered:
        """Begin a run, or say why not.

        Raises:
            NotReady: a person asked for a version that does not exist, there is no approved model, or what is
                approved does not serve.
            Corrupt: the dataset version's manifest was changed.
        """
        if (request := cause.request) is not None:
            try:
                return self._consider(request)
            except NotReady as reason:
                if request.trigger is Trigger.COMMAND:
                    raise
                # Nobody waits for the answer of an event; the daily schedule looks again.
                return Considered(decision=Consideration.DECLINED, sentence=str(reason))
        project = self.store.project(cause.ended_project or "")
        if project.request is None or project.active is not None:
            return Considered(decision=Consideration.DECLINED, sentence="No request waits.")
        return self.follow_up(project.request)

    def follow_up(self, request: TrainingRequest) -> Considered:
        """Look at a request that waited; unless it begins or still has to wait, it is dropped."""
        try:
            considered = self._consider(request)
        except NotReady as reason:
            return Considered(decision=Consideration.WAITING, sentence=str(reason))
        if considered.decision not in (Consideration.STARTED, Consideration.WAITING):
            self.store.forget_waiting(request.project)
        return considered

    def start(self, run: TrainingRun) -> None:
        """Start the workflow of a run; once, however often it is asked."""
        try:
            self.stepfunctions.start_execution(
                stateMachineArn=self.settings.training_state_machine_arn,
                name=run.run_id,
                input=json.dumps(run.model_dump(mode="json"), sort_keys=True),
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
                raise

    def _consider(self, request: TrainingRequest) -> Considered:
        if not self.settings.training_image:
            return Considered(
                decision=Consideration.OFF,
                sentence="This stack trains nothing: its parameter TrainingImage is empty.",
            )
        manifest = self._manifest(request)
        approved = self._approved()
        run = self._run(request, manifest.version, approved)
        if (known := self.store.run(run.run_id)) is not None:
            return self._known(known.run_id, known.state.value, run)
        fresh = new_texts(manifest, self._trained_on(approved, request.project))
        train, why = judge(request, fresh, self._drift(approved), self.settings)
        if not train:
            return Considered(decision=Consideration.DECLINED, sentence=why)
        run = run.model_copy(update={"reason": request.reason or why})
        return self._begin(request, run, why)

    def _begin(self, request: TrainingRequest, run: TrainingRun, why: str) -> Considered:
        for _ in range(3):
            if self.store.begin(run):
                self.start(run)
                return Considered(decision=Consideration.STARTED, sentence=why, run_id=run.run_id)
            if (known := self.store.run(run.run_id)) is not None:
                return self._known(known.run_id, known.state.value, run)
            # Whoever asked by an event or the schedule means the newest version, whichever that is then.
            by_person = request.trigger is Trigger.COMMAND
            if self.store.wait(request if by_person else request.model_copy(update={"version": None})):
                active = self.store.project(request.project).active
                return Considered(
                    decision=Consideration.WAITING,
                    sentence=f"Run {active} of project {request.project} is under way; this follows it.",
                )
        raise NotReady(f"Runs of project {request.project} begin and end right now; ask again.")

    def _known(self, run: str, state: str, asked: TrainingRun) -> Considered:
        if state == "PREPARING":
            # Its start may have been lost between the table and the workflow.
            self.start(self._stored(run, asked))
        return Considered(
            decision=Consideration.KNOWN,
            sentence=f"Asked before: run {run} is {state}.",
            run_id=run,
        )

    def _stored(self, run: str, otherwise: TrainingRun) -> TrainingRun:
        found = self.store.run(run)
        return found.run if found else otherwise

    def _manifest(self, request: TrainingRequest) -> DatasetManifest:
        version = request.version
        if version is None:
            newest = newest_version(s3=self.s3, bucket=self.settings.data_bucket, project=request.project)
            if newest is None:
                raise NotReady(
                    f"Project {request.project} has no dataset version yet; make one with "
                    "`drawops label export` or `drawops dataset publish`."
                )
            version = newest.version
        return load_manifest(
            s3=self.s3, bucket=self.settings.data_bucket, project=request.project, version=version
        )

    def _approved(self) -> Package:
        approved = newest_approved(self.settings.model_package_group, sagemaker=self.sagemaker)
        if approved is None:
            raise NotReady(
                "No version of the model is approved, so there is nothing to train from; see "
                "`drawops models list`."
            )
        serving = serving_artifacts(self.settings.endpoint_name, sagemaker=self.sagemaker)
        if serving and approved.model.artifact_key not in serving:
            raise NotReady(
                f"Version {approved.number} ({approved.model.version}) is approved, but {serving[0]} serves. "
                "Wait for its deployment; if it was rolled back, take its approval back with "
                f"`drawops models reject {approved.number} --withdraw`."
            )
        return approved

    def _trained_on(self, approved: Package, project: str) -> DatasetManifest | None:
        model = approved.model
        if model.dataset_version is None or model.project != project:
            return None
        try:
            return load_manifest(
                s3=self.s3,
                bucket=self.settings.data_bucket,
                project=project,
                version=model.dataset_version,
            )
        except NotReady:
            return None  # deleted: then everything counts as new

    def _drift(self, approved: Package) -> float | None:
        confidences = recent_confidences(
            self.store.client,
            self.settings.catalog_table,
            approved.model.version,
            self.settings.drift_drawings,
        )
        return drift_of(approved, confidences, self.settings)

    def _run(self, request: TrainingRequest, version: str, approved: Package) -> TrainingRun:
        by_person = request.trigger is Trigger.COMMAND
        asked = request.request if by_person and request.request else f"from {approved.model.version}"
        name = run_id(request.project, version, asked)
        return TrainingRun(
            run_id=name,
            project=request.project,
            dataset_version=version,
            parent=approved.model,
            candidate_name=approved.model.name,
            candidate_version=candidate_version(approved.model.version, name),
            hyperparameters=request.hyperparameters
            if by_person
            else request.hyperparameters.model_copy(update={"iterations": self.settings.training_iterations}),
            trigger=request.trigger,
            reason=request.reason,
            request=request.request,
            allow_lost_characters=request.allow_lost_characters,
        )
