"""Events that drawops receives and sends.

Received: S3 `Object Created` through EventBridge and SQS; SageMaker's asynchronous inference notification
through SNS; SageMaker's state changes of endpoints, training jobs, processing jobs and model packages.
Sent: `DrawingProcessed` and `DrawingQuarantined` from `drawops.processing`, `LabelingSubmitted` from
`drawops.labeling`, `DatasetVersionCreated` from `drawops.datasets`; `CandidateRejected`,
`CandidateRegistered` and `TrainingFailed` from `drawops.training`; `ModelDeployed` and `DeploymentFailed`
from `drawops.deployment`. Contracts of foreign events ignore fields that we do not use.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from drawops.contracts.datasets import CreatedVersion, Project, VersionId
from drawops.contracts.reading import Contract
from drawops.contracts.workflow import Upload

SOURCE_PROCESSING = "drawops.processing"
SOURCE_LABELING = "drawops.labeling"
SOURCE_DATASETS = "drawops.datasets"
SOURCE_TRAINING = "drawops.training"
SOURCE_DEPLOYMENT = "drawops.deployment"

ENDED_JOB = ("Completed", "Failed", "Stopped")


class Foreign(BaseModel):
    """Base of events that others define: what we do not know is ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)


class _Bucket(Foreign):
    name: str


class _Object(Foreign):
    key: str
    size: int = 0
    etag: str = ""
    version_id: str | None = Field(default=None, alias="version-id")


class _ObjectCreatedDetail(Foreign):
    bucket: _Bucket
    object: _Object


class ObjectCreated(Foreign):
    """S3 event by EventBridge; the key comes as it is, not URL-encoded.

    Format: Amazon S3 User Guide, "EventBridge event message structure".
    """

    detail_type: Literal["Object Created"] = Field(alias="detail-type")
    detail: _ObjectCreatedDetail

    def upload(self) -> Upload:
        """The workflow's input for this event."""
        found = self.detail.object
        return Upload(
            bucket=self.detail.bucket.name,
            key=found.key,
            version_id=found.version_id,
            etag=found.etag,
            size=found.size,
        )


class _ResponseParameters(Foreign):
    output_location: str = Field(alias="outputLocation")


class InferenceNotification(Foreign):
    """SNS message of SageMaker asynchronous inference.

    Format: Amazon SageMaker Developer Guide, "Check prediction results".
    """

    invocation_status: Literal["Completed", "Failed"] = Field(alias="invocationStatus")
    inference_id: str = Field(alias="inferenceId")
    failure_reason: str = Field(default="", alias="failureReason")
    response_parameters: _ResponseParameters | None = Field(default=None, alias="responseParameters")


class _EndpointDetail(Foreign):
    endpoint_name: str = Field(alias="EndpointName")
    endpoint_status: str = Field(alias="EndpointStatus")


class EndpointStateChange(Foreign):
    """EventBridge event `SageMaker Endpoint State Change`."""

    detail: _EndpointDetail


class _TrainingJobDetail(Foreign):
    name: str = Field(alias="TrainingJobName")
    arn: str = Field(alias="TrainingJobArn")
    status: str = Field(alias="TrainingJobStatus")
    secondary_status: str = Field(default="", alias="SecondaryStatus")
    failure_reason: str = Field(default="", alias="FailureReason")


class TrainingJobStateChange(Foreign):
    """EventBridge event `SageMaker Training Job State Change`.

    It comes for InProgress (once for each secondary status), Stopping, Completed, Failed and Stopped, maybe
    more than once and in any order: `DescribeTrainingJob` knows better.
    Format: Amazon SageMaker Developer Guide, "Events that Amazon SageMaker AI sends to Amazon EventBridge".
    """

    detail_type: Literal["SageMaker Training Job State Change"] = Field(alias="detail-type")
    detail: _TrainingJobDetail

    @property
    def job(self) -> str:
        """Name of the training job."""
        return self.detail.name

    @property
    def ended(self) -> bool:
        """Whether the status will not change any more."""
        return self.detail.status in ENDED_JOB


class _ProcessingJobDetail(Foreign):
    name: str = Field(alias="ProcessingJobName")
    arn: str = Field(alias="ProcessingJobArn")
    status: str = Field(alias="ProcessingJobStatus")
    failure_reason: str = Field(default="", alias="FailureReason")
    exit_message: str = Field(default="", alias="ExitMessage")


class ProcessingJobStateChange(Foreign):
    """EventBridge event `SageMaker Processing Job State Change`; see `TrainingJobStateChange`."""

    detail_type: Literal["SageMaker Processing Job State Change"] = Field(alias="detail-type")
    detail: _ProcessingJobDetail

    @property
    def job(self) -> str:
        """Name of the processing job."""
        return self.detail.name

    @property
    def ended(self) -> bool:
        """Whether the status will not change any more."""
        return self.detail.status in ENDED_JOB


class _ModelPackageDetail(Foreign):
    arn: str = Field(alias="ModelPackageArn")
    group: str = Field(default="", alias="ModelPackageGroupName")
    number: int = Field(default=0, alias="ModelPackageVersion")
    status: str = Field(alias="ModelPackageStatus")
    approval: str = Field(default="", alias="ModelApprovalStatus")
    updated: tuple[str, ...] = Field(default=(), alias="UpdatedModelPackageFields")


class ModelPackageStateChange(Foreign):
    """EventBridge event `SageMaker Model Package State Change`.

    It comes when a package is registered and whenever it is changed, for whatever member (`updated` names
    them on newer packages), maybe more than once. So `ModelApprovalStatus` is the state, not a transition.
    Format: Amazon SageMaker Developer Guide, "Events that Amazon SageMaker AI sends to Amazon EventBridge".
    """

    detail_type: Literal["SageMaker Model Package State Change"] = Field(alias="detail-type")
    detail: _ModelPackageDetail


class DrawingProcessed(Contract):
    """Detail of the event sent when a revision has a result. `id` is the same for every repetition."""

    schema_version: Literal["1.0"] = "1.0"
    id: str
    drawing_id: str
    revision: str
    bucket: str
    key: str
    result_bucket: str
    result_key: str
    pages: int
    texts: int
    mean_confidence: float | None
    model_version: str


class DrawingQuarantined(Contract):
    """Detail of the event sent when a revision cannot be read."""

    schema_version: Literal["1.0"] = "1.0"
    id: str
    drawing_id: str
    revision: str
    bucket: str
    key: str
    code: str
    reason: str


class LabelingSubmitted(Contract):
    """Detail of the event sent when the last task of a labeling's round is handed in.

    `id` is the same for every repetition of one round, so it can name the workflow's execution.
    """

    schema_version: Literal["1.0"] = "1.0"
    id: str
    labeling_id: str
    drawing_id: str
    revision: str
    page: int
    project: str
    round: int
    tasks: int


class DatasetVersionCreated(Contract):
    """Detail of the event sent when a project has a new dataset version."""

    schema_version: Literal["1.0"] = "1.0"
    id: str
    project: Project
    version: VersionId
    parent: VersionId | None
    manifest_bucket: str
    manifest_key: str
    pages: int
    texts: int
    new_texts: int = Field(description="Texts of pages that are new or labelled again since the parent.")

    @classmethod
    def of(cls, made: CreatedVersion, bucket: str) -> "DatasetVersionCreated":
        """The detail for a version whose manifest lies in `bucket`."""
        manifest = made.manifest
        return cls(
            id=f"{manifest.project}/{manifest.version}",
            project=manifest.project,
            version=manifest.version,
            parent=manifest.parent,
            manifest_bucket=bucket,
            manifest_key=made.manifest_key,
            pages=manifest.statistics.total.pages,
            texts=manifest.statistics.total.texts,
            new_texts=made.new_texts,
        )


class CandidateRejected(Contract):
    """Detail of the event sent when the gate does not let a candidate through. Nothing is registered."""

    schema_version: Literal["1.0"] = "1.0"
    id: str
    run_id: str
    project: Project
    dataset_version: VersionId
    outcome: str
    reasons: tuple[str, ...]
    verdict_bucket: str
    verdict_key: str


class CandidateRegistered(Contract):
    """Detail of the event sent when a candidate waits for a person's approval."""

    schema_version: Literal["1.0"] = "1.0"
    id: str
    run_id: str
    project: Project
    dataset_version: VersionId
    package_arn: str
    package_version: int
    model_version: str
    verdict_bucket: str
    verdict_key: str


class TrainingFailed(Contract):
    """Detail of the event sent when a run ends without a verdict."""

    schema_version: Literal["1.0"] = "1.0"
    id: str
    run_id: str
    project: Project
    dataset_version: VersionId
    state: str
    reason: str


class ModelDeployed(Contract):
    """Detail of the event sent when a model serves: canary, update and smoke test went well."""

    schema_version: Literal["1.0"] = "1.0"
    id: str
    endpoint_name: str
    model_name: str
    model_version: str
    package_arn: str | None
    previous_version: str | None
    mode: str


class DeploymentFailed(Contract):
    """Detail of the event sent when a model did not come into service; what served before still does."""

    schema_version: Literal["1.0"] = "1.0"
    id: str
    endpoint_name: str
    model_name: str
    model_version: str
    package_arn: str | None
    serving_version: str | None
    reason: str
