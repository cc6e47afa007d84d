"""How a run ends: a candidate that waits for approval, one that the gate turned down, or a failure.

A retried step finds what it did: the artifact's key and the package follow from the run, and a run ends once.
"""

from datetime import timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from pydantic import BaseModel, Field, ValidationError

from drawops.contracts.events import CandidateRegistered, CandidateRejected, TrainingFailed
from drawops.contracts.training import (
    Concluded,
    ConcludeRequest,
    ModelRef,
    Outcome,
    RunState,
    TrainingFailure,
    TrainingRun,
    Verdict,
)
from drawops.contracts.workflow import jsonable
from drawops.errors import InvalidResult
from drawops.intake.quarantine import message_of
from drawops.keys import TrainingKeys, gate_job, model_artifact, s3_uri, training_job
from drawops.labeling.invitations import Invitations
from drawops.registry.artifacts import artifact_sha256
from drawops.registry.card import model_card
from drawops.registry.links import approval_link
from drawops.registry.packages import PENDING, Package, properties, register
from drawops.training import mail
from drawops.training.resumption import JOB_FAILED, JOB_STOPPED, stop
from drawops.training.runs import RunStore

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sns import SNSClient

_GONE = ("404", "NoSuchKey")
_KEPT_METRICS = 40
"""`CustomerMetadataProperties` hold 50 entries at most."""
_FIRST = ("new_", "regression_", "general_")


class ConcludeSettings(BaseModel):
    """What the stack decides; field names in capitals are environment variables."""

    job_name_prefix: str
    data_bucket: str
    model_package_group: str
    inference_image: str
    training_image: str
    candidates_topic_arn: str
    console_url: str
    approver: str = Field(
        default="", description="Who the mail goes to; stands beside what the link decides."
    )
    approval_days: int = Field(default=14, ge=1, description="The link in the mail ends after so many days.")


def conclude(
    request: ConcludeRequest,
    *,
    store: RunStore,
    s3: "S3Client",
    sagemaker: "SageMakerClient",
    sns: "SNSClient",
    invitations: Invitations,
    settings: ConcludeSettings,
) -> Concluded:
    """Read the verdict; register what passed and ask for approval, record what did not.

    Raises:
        InvalidResult: the verdict or the artifact is missing, or one does not belong to the other.
    """
    run, bucket = request.run, settings.data_bucket
    verdict = load_verdict(run, s3=s3, bucket=bucket)
    if verdict.outcome is not Outcome.PASSED:
        return _rejected(run, verdict, store, bucket)
    keys = TrainingKeys(run.run_id)
    model = _keep_artifact(request, verdict, s3, bucket)
    package = _register(run, verdict, model, sagemaker, settings)
    link = approval_link(package, invitations, settings.console_url, settings.approver, _lifetime(settings))
    mail.send(
        mail.candidate(package, run, verdict, link=link, verdict_uri=s3_uri(bucket, keys.verdict_page)),
        sns=sns,
        topic_arn=settings.candidates_topic_arn,
    )
    store.end(
        run,
        RunState.REGISTERED,
        verdict_key=keys.verdict,
        package_arn=package.arn,
        package_version=package.number,
    )
    event = CandidateRegistered(
        id=run.run_id,
        run_id=run.run_id,
        project=run.project,
        dataset_version=run.dataset_version,
        package_arn=package.arn,
        package_version=package.number,
        model_version=model.version,
        verdict_bucket=bucket,
        verdict_key=keys.verdict,
    )
    return Concluded(outcome=verdict.outcome, detail_type="CandidateRegistered", event=jsonable(event))


def fail(
    failure: TrainingFailure, *, store: RunStore, sagemaker: "SageMakerClient", prefix: str
) -> TrainingFailed | None:
    """End a run that came to no verdict, and stop what still runs for it.

    Args:
        prefix: the stack's name, which its jobs' names begin with.

    Returns:
        The event to send; None when the run has ended otherwise in the meantime.
    """
    run = failure.run
    for job in (training_job(prefix, run.run_id), gate_job(prefix, run.run_id)):
        stop(job, sagemaker=sagemaker)
    state = RunState.STOPPED if failure.error == JOB_STOPPED else RunState.FAILED
    reason = _sentence(failure)
    if not store.end(run, state, reason=reason):
        known = store.run(run.run_id)
        if known is None or (known.state, known.reason) != (state, reason):
            return None
    return TrainingFailed(
        id=run.run_id,
        run_id=run.run_id,
        project=run.project,
        dataset_version=run.dataset_version,
        state=state.value,
        reason=reason,
    )


def load_verdict(run: TrainingRun, *, s3: "S3Client", bucket: str) -> Verdict:
    """The gate's document on a run.

    Raises:
        InvalidResult: it is missing, breaks its contract, or is about another run.
    """
    key = TrainingKeys(run.run_id).verdict
    try:
        body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] in _GONE:
            raise InvalidResult(f"The gate left no verdict at {key}; see its log.") from None
        raise
    try:
        verdict = Verdict.model_validate_json(body)
    except ValidationError as error:
        raise InvalidResult(
            f"The verdict at {key} breaks its contract: {error.errors()[0]['msg']}."
        ) from None
    if verdict.run_id != run.run_id or verdict.approved.artifact_sha256 != run.parent.artifact_sha256:
        raise InvalidResult(f"The verdict at {key} is about another run or another approved model.")
    return verdict


def _rejected(run: TrainingRun, verdict: Verdict, store: RunStore, bucket: str) -> Concluded:
    keys = TrainingKeys(run.run_id)
    reasons = tuple(f"{reason.code.value}: {reason.sentence}" for reason in verdict.reasons)
    store.end(run, RunState.REJECTED, verdict_key=keys.verdict, reason=" ".join(reasons)[:2000])
    event = CandidateRejected(
        id=run.run_id,
        run_id=run.run_id,
        project=run.project,
        dataset_version=run.dataset_version,
        outcome=verdict.outcome.value,
        reasons=reasons,
        verdict_bucket=bucket,
        verdict_key=keys.verdict,
    )
    return Concluded(outcome=verdict.outcome, detail_type="CandidateRejected", event=jsonable(event))


def _keep_artifact(request: ConcludeRequest, verdict: Verdict, s3: "S3Client", bucket: str) -> ModelRef:
    """Copy exactly the archive that passed the gate to its place among the models."""
    run = request.run
    key = model_artifact(run.candidate_name, run.candidate_version)
    passed = verdict.candidate.artifact_sha256
    found = artifact_sha256(request.candidate_key, s3=s3, bucket=bucket)
    if found != passed:
        said = "is gone" if found is None else "was changed since"
        raise InvalidResult(f"The artifact that passed the gate, {request.candidate_key}, {said}.")
    s3.copy_object(
        Bucket=bucket,
        Key=key,
        CopySource={"Bucket": bucket, "Key": request.candidate_key},
        Metadata={"sha256": passed},
        MetadataDirective="REPLACE",
        # Copying tags would need a permission of its own, and there are none.
        TaggingDirective="REPLACE",
        ContentType="application/gzip",
    )
    if artifact_sha256(key, s3=s3, bucket=bucket) != passed:
        raise InvalidResult(f"The copy of the artifact at {key} is not the archive that passed the gate.")
    return ModelRef(
        name=run.candidate_name,
        version=run.candidate_version,
        artifact_key=key,
        artifact_sha256=passed,
        project=run.project,
        dataset_version=run.dataset_version,
    )


def _register(
    run: TrainingRun,
    verdict: Verdict,
    model: ModelRef,
    sagemaker: "SageMakerClient",
    settings: ConcludeSettings,
) -> Package:
    keys, bucket = TrainingKeys(run.run_id), settings.data_bucket
    job = sagemaker.describe_training_job(TrainingJobName=training_job(settings.job_name_prefix, run.run_id))[
        "TrainingJobArn"
    ]
    by_weight = sorted(verdict.metrics.items(), key=lambda item: (not item[0].startswith(_FIRST), item[0]))
    kept = dict(by_weight[:_KEPT_METRICS])
    return register(
        settings.model_package_group,
        model,
        bucket=bucket,
        image=settings.inference_image,
        approval=PENDING,
        # One line: SageMaker takes no control characters here.
        description=f"{model.name} {model.version}: trained from {run.parent.version} on dataset version "
        f"{run.dataset_version} of {run.project}. {' '.join(run.reason.split())}",
        stated=properties(
            model,
            parent_version=run.parent.version,
            run_id=run.run_id,
            verdict_key=keys.verdict,
            metrics=kept,
        ),
        sagemaker=sagemaker,
        more={
            "ModelMetrics": {
                "ModelQuality": {
                    "Statistics": {
                        "ContentType": "application/json",
                        "S3Uri": s3_uri(bucket, keys.verdict),
                    }
                }
            },
            "MetadataProperties": {"GeneratedBy": job, "ProjectId": run.project},
            "ModelCard": {
                "ModelCardContent": model_card(run, verdict, model, bucket, job, settings.training_image),
                "ModelCardStatus": "PendingReview",
            },
        },
    )


def _sentence(failure: TrainingFailure) -> str:
    if failure.error in (JOB_FAILED, JOB_STOPPED):
        said = failure.cause  # ours, with the program's own words in full
    elif failure.error in ("States.Timeout", "States.HeartbeatTimeout"):
        said = "A job did not end in the time that the stack allows; it was stopped."
    else:
        said = message_of(failure.cause) or failure.error
    return f"{said[:1800]}{'' if said.endswith('.') else '.'} Ask again with `drawops train`."


def _lifetime(settings: ConcludeSettings) -> timedelta:
    return timedelta(days=settings.approval_days)
