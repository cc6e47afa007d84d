"""The learning loop's documents: what a run learns from, what the gate found, what is registered.

One **run** turns a dataset version into a candidate: training job, gate, model package. Names of SageMaker
jobs, S3 keys and the candidate's version follow from the run's id, so a repeated step finds what it made.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field

from drawops.contracts.datasets import Project, Sha256, VersionId
from drawops.contracts.reading import Contract, Quad

RunId = Annotated[str, Field(pattern=r"^t-[0-9a-f]{20}$")]


class Network(StrEnum):
    """Which of the two networks a run tunes."""

    RECOGNITION = "recognition"
    DETECTION = "detection"
    BOTH = "both"


class Freeze(StrEnum):
    """What keeps its weights."""

    NOTHING = "nothing"
    BACKBONE = "backbone"
    ALL_BUT_HEAD = "all-but-head"


class Hyperparameters(Contract):
    """What a training job is told. SageMaker hands hyperparameters on as strings: see `as_strings`."""

    networks: Network = Network.RECOGNITION
    iterations: int = Field(default=400, ge=1, le=100_000, description="Most batches for the recogniser.")
    detection_iterations: int = Field(default=60, ge=1, le=100_000, description="Most batches, detection.")
    learning_rate: float = Field(default=1e-4, gt=0, le=0.1, description="Highest; AdamW.")
    batch_columns: int = Field(
        default=5120, ge=320, le=200_000, description="Pixel columns of a batch: as many lines as fit."
    )
    replay_share: float = Field(
        default=0.25, ge=0, lt=1, description="Of the lines: pages that the parent model was trained on."
    )
    general_share: float = Field(
        default=0.5, ge=0, lt=1, description="Of the lines: generated general words, all charset blocks."
    )
    retention_groups: int = Field(
        default=30,
        ge=1,
        le=1000,
        description="Of general words, some 15 lines each, that the candidate must read as its parent does.",
    )
    augmentation: bool = Field(
        default=True, description="Show labelled lines also turned, struck through, noisy, blurred, coarser."
    )
    freeze: Freeze = Field(default=Freeze.NOTHING, description="Of each network that is tuned.")
    new_characters: Literal["refuse", "extend"] = Field(
        default="refuse", description="What to do when a label has a character that the dictionary lacks."
    )
    checkpoint_every: int = Field(default=50, ge=1, description="Batches between two checkpoints.")
    evaluate_every: int = Field(default=50, ge=1, description="Batches between two looks at the val split.")
    patience: int = Field(default=4, ge=1, description="Looks without a better one until it stops early.")
    seed: int = Field(default=1, ge=0, lt=2**31)
    mixed_precision: bool = Field(default=False, description="bfloat16 on GPUs that have it.")

    def as_strings(self) -> dict[str, str]:
        """For `CreateTrainingJob`."""
        return {name: str(value) for name, value in self.model_dump(mode="json").items()}


METRIC_DEFINITIONS: tuple[dict[str, str], ...] = tuple(
    {"Name": name, "Regex": rf"metric {name}=([0-9.eE+-]+)"}
    for name in (
        "recognition:loss",
        "recognition:val_cer",
        "recognition:val_exact",
        "detection:loss",
        "detection:val_hmean",
        "progress:percent",
        "memory:peak_mb",
    )
)
"""`AlgorithmSpecification.MetricDefinitions` of CreateTrainingJob: what the program `train` prints."""


class ModelRef(Contract):
    """A model artifact and where it is registered."""

    name: str
    version: str
    artifact_key: str = Field(description="In the data bucket.")
    artifact_sha256: Sha256 = Field(description="Of the archive model.tar.gz.")
    package_arn: str | None = Field(default=None, description="Of the model package; None: not registered.")
    project: Project | None = Field(default=None, description="Whose labels it was trained on.")
    dataset_version: VersionId | None = Field(default=None, description="None: none of ours.")


class Trigger(StrEnum):
    """Why a run was asked for."""

    DATASET_VERSION = "dataset-version"
    SCHEDULE = "schedule"
    COMMAND = "command"


class RunState(StrEnum):
    """Where a run is. The last four do not change any more."""

    PREPARING = "PREPARING"
    TRAINING = "TRAINING"
    GATING = "GATING"
    REGISTERED = "REGISTERED"
    REJECTED = "REJECTED"
    FAILED = "FAILED"
    STOPPED = "STOPPED"


class TrainingRequest(Contract):
    """Asks for a run. Input of `consider_training`."""

    project: Project
    version: VersionId | None = Field(default=None, description="None: the newest version.")
    trigger: Trigger = Trigger.COMMAND
    force: bool = Field(default=False, description="Train although there are few new labels.")
    reason: str = ""
    hyperparameters: Hyperparameters = Hyperparameters()
    request: str = Field(default="", description="Names the caller's request; another one is another run.")
    allow_lost_characters: str = Field(default="", description="Characters that the candidate may lose.")


class TrainingRun(Contract):
    """Input of the `training` workflow: everything that follows from the decision to train."""

    run_id: RunId
    project: Project
    dataset_version: VersionId
    parent: ModelRef
    candidate_name: str
    candidate_version: str
    hyperparameters: Hyperparameters
    trigger: Trigger
    reason: str = ""
    allow_lost_characters: str = Field(default="", description="Characters that the candidate may lose.")
    request: str = Field(default="", description="Of whom it answers: see `TrainingRequest`.")


class Outcome(StrEnum):
    """What the gate says of a candidate."""

    PASSED = "PASSED"
    NO_BETTER = "NO_BETTER"
    REJECTED = "REJECTED"


class ReasonCode(StrEnum):
    """Why the gate does not let a candidate through; one candidate may have several."""

    NOT_BETTER = "NOT_BETTER"
    SLICE_WORSE = "SLICE_WORSE"
    CHARACTER_LOST = "CHARACTER_LOST"
    DICTIONARY_LOST = "DICTIONARY_LOST"
    DICTIONARY_ORDER = "DICTIONARY_ORDER"
    PARITY = "PARITY"
    NOT_FINITE = "NOT_FINITE"
    TOO_SLOW = "TOO_SLOW"
    TOO_LARGE = "TOO_LARGE"
    TRAINED_ON_TEST = "TRAINED_ON_TEST"
    CALIBRATION = "CALIBRATION"
    BROKEN_ARTIFACT = "BROKEN_ARTIFACT"
    TOO_FEW_DATA = "TOO_FEW_DATA"


class GateReason(Contract):
    """One reason, as a code and as a sentence for people."""

    code: ReasonCode
    sentence: str


class GateRow(Contract):
    """One line of the gate's table: approved model against candidate on one slice of one set.

    Figures are percentages, F1 unless `figure` says otherwise; `delta` = candidate - approved.
    """

    set: str = Field(description="new, regression, general.")
    axis: str = Field(description="all, class, angle, height, charset, source …")
    slice: str
    figure: Literal["f1", "recall", "cer"] = "f1"
    labels: int = Field(ge=0)
    approved: float | None
    candidate: float | None
    delta: float | None
    low: float | None = Field(description="Lower bound of delta, 95 % paired bootstrap over sheets.")
    high: float | None
    allowance: float | None = Field(description="Points that it may fall; None: shown only.")
    passed: bool


class GoldenText(Contract):
    """A text of a golden page as the candidate read it in the gate."""

    text: str
    quad: Quad


class GoldenPage(Contract):
    """A page that the deployed candidate must read as it did in the gate."""

    page_id: str
    name: str
    key: str = Field(description="Of the drawing's file in the data bucket.")
    media_type: str
    page: int = Field(ge=1)
    texts: tuple[GoldenText, ...]


class Verdict(Contract):
    """`verdict.json`: the gate's document, stored with the candidate.

    Beside it: `verdict.html` for people. The golden pages are what the canary of a deployment reads.
    """

    schema_version: Literal["1.0"] = "1.0"
    run_id: RunId
    outcome: Outcome
    reasons: tuple[GateReason, ...]
    candidate: ModelRef
    approved: ModelRef
    project: Project
    dataset_version: VersionId
    rows: tuple[GateRow, ...]
    metrics: dict[str, float] = Field(description="Figures of the whole: new_f1, new_cer, new_f1_delta …")
    golden: tuple[GoldenPage, ...]
    seconds: float = Field(ge=0)
    created_at: datetime


class Decision(StrEnum):
    """What a person says to a candidate; SageMaker's own words."""

    APPROVED = "Approved"
    REJECTED = "Rejected"


class ApprovalRecord(Contract):
    """Who decided on a model package, when and why."""

    package_arn: str
    decision: Decision
    by: str = Field(min_length=1, max_length=200)
    reason: str = Field(default="", max_length=1000)
    at: datetime
    channel: Literal["command", "link", "sagemaker", "baseline"]


class DeploymentMode(StrEnum):
    """How a model comes into service."""

    CANARY = "canary"
    ROLLBACK = "rollback"
    BASELINE = "baseline"


class DeploymentRequest(Contract):
    """Input of the `deployment` workflow: one transition to Approved, or one command to go back.

    Mode `baseline` is for a model that comes with drawops, without run and gate: registered as approved, and
    put into service as it is. Its package may not exist yet.
    """

    deployment_id: str = Field(pattern=r"^dep-[0-9a-f]{20}$")
    mode: DeploymentMode
    model: ModelRef
    verdict_key: str | None = Field(default=None, description="None: no gate; the canary then reads nothing.")
    requested_by: str = ""
    reason: str = ""


class DeploymentState(StrEnum):
    """Where a deployment is. The last four do not change any more."""

    STARTED = "STARTED"
    CANARY = "CANARY"
    UPDATING = "UPDATING"
    DEPLOYED = "DEPLOYED"
    FAILED = "FAILED"
    ROLLED_BACK = "ROLLED_BACK"
    SUPERSEDED = "SUPERSEDED"


class Consideration(StrEnum):
    """What came of asking for a run."""

    STARTED = "STARTED"
    KNOWN = "KNOWN"
    WAITING = "WAITING"
    DECLINED = "DECLINED"
    OFF = "OFF"


class Considered(Contract):
    """Answer of `consider_training`.

    STARTED: a run begins. KNOWN: the same was asked before, here is its run. WAITING: it begins when the
    project's present run has ended. DECLINED: the policy sees no reason. OFF: nothing is ever trained here.
    """

    decision: Consideration
    sentence: str
    run_id: RunId | None = None


class Prepared(Contract):
    """What `prepare_training` found in the channels."""

    training_bytes: int = Field(ge=0)
    gate_bytes: int = Field(ge=0)
    parent_dataset_version: VersionId | None = Field(
        description="Of the same project, when it is still there: tells new pages from replayed ones."
    )


class StartTrainingJob(Contract):
    """Input of `start_training_job`."""

    run: TrainingRun
    prepared: Prepared
    task_token: str


class StartGateJob(Contract):
    """Input of `start_gate_job`."""

    run: TrainingRun
    prepared: Prepared
    candidate_key: str = Field(description="The artifact as the training job left it.")
    task_token: str


class JobEnded(Contract):
    """What a task that waited for a job hands on."""

    job: str
    artifact_key: str | None = Field(default=None, description="Of a training job.")


class ConcludeRequest(Contract):
    """Input of `register_candidate`."""

    run: TrainingRun
    candidate_key: str


class Concluded(Contract):
    """What the gate's verdict came to, with the event that tells of it."""

    outcome: Outcome
    detail_type: Literal["CandidateRegistered", "CandidateRejected"]
    event: dict[str, Any]


class TrainingFailure(Contract):
    """Input of `fail_training`: the workflow's input and the error as Step Functions reports it."""

    run: TrainingRun
    error: str
    cause: str


class ReconciledTrainings(Contract):
    """What `reconcile_trainings` did, by run id (pending requests by project)."""

    resumed: tuple[str, ...] = ()
    restarted: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    considered: tuple[str, ...] = ()
