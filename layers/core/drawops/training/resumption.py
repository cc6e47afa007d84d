"""Wake the workflow that waits for a SageMaker job, once, whatever events arrive.

An event only says which job to look at: what counts is what SageMaker says of the job now.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from drawops.contracts.training import JobEnded
from drawops.keys import parse_s3_uri
from drawops.training.runs import RunStore, WaitingJob

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_stepfunctions import SFNClient

JOB_FAILED, JOB_STOPPED = "JobFailed", "JobStopped"
# A token whose task has ended: the event came twice or too late.
_SPENT = frozenset({"TaskDoesNotExist", "TaskTimedOut", "InvalidToken"})
_MISSING = frozenset({"ValidationException", "ResourceNotFound"})
_CAUSE_LENGTH = 2000
_GATE = "-gate"
_TOO_LONG = {
    "MaxRuntimeExceeded": "it ran longer than TrainingMaximumSeconds allows",
    "MaxWaitTimeExceeded": "no spot instance was free in time; ask later, or choose another instance type",
    "Interrupted": "its spot instance was taken away and none came back",
}


@dataclass(frozen=True)
class JobStatus:
    """What SageMaker says of a job.

    Attributes:
        status: InProgress, Stopping, Completed, Failed or Stopped.
        reason: why it failed or stopped, in words.
        artifact_key: where a training job put its model.
    """

    status: str
    reason: str = ""
    artifact_key: str | None = None


def resume(job: str, *, store: RunStore, sagemaker: "SageMakerClient", stepfunctions: "SFNClient") -> bool:
    """Hand the end of a job to the workflow that waits for it.

    Returns:
        False when the job goes on, or nobody waits (any more): a foreign, repeated or late event.
    """
    waiting = store.job(job)
    if waiting is None:
        return False
    found = job_status(job, sagemaker=sagemaker)
    if found is None or found.status in ("InProgress", "Stopping"):
        return False
    try:
        _send(waiting, found, stepfunctions)
    except ClientError as error:
        if error.response["Error"]["Code"] in _SPENT:
            return False
        raise
    return True


def job_status(job: str, *, sagemaker: "SageMakerClient") -> JobStatus | None:
    """How a training or gate job of ours stands; None when there is none."""
    try:
        return _gate_status(job, sagemaker) if is_gate(job) else _training_status(job, sagemaker)
    except ClientError as error:
        if error.response["Error"]["Code"] in _MISSING:
            return None
        raise


def stop(job: str, *, sagemaker: "SageMakerClient") -> None:
    """Stop a job that nobody waits for any more; one that has ended, or never was, is left alone."""
    try:
        if is_gate(job):
            sagemaker.stop_processing_job(ProcessingJobName=job)
        else:
            sagemaker.stop_training_job(TrainingJobName=job)
    except ClientError as error:
        if error.response["Error"]["Code"] not in _MISSING:
            raise


def is_gate(job: str) -> bool:
    """Whether a job of a run is its gate."""
    return job.endswith(_GATE)


def _training_status(job: str, sagemaker: "SageMakerClient") -> JobStatus:
    found = sagemaker.describe_training_job(TrainingJobName=job)
    artifact = found.get("ModelArtifacts", {}).get("S3ModelArtifacts")
    reason = found.get("FailureReason", "")
    if found["TrainingJobStatus"] == "Stopped":
        reason = _TOO_LONG.get(found.get("SecondaryStatus", ""), reason or "somebody stopped it")
    return JobStatus(found["TrainingJobStatus"], reason, parse_s3_uri(artifact)[1] if artifact else None)


def _gate_status(job: str, sagemaker: "SageMakerClient") -> JobStatus:
    found = sagemaker.describe_processing_job(ProcessingJobName=job)
    # What the program said stands in the exit message; SageMaker's reason only wraps it.
    reason = found.get("ExitMessage") or found.get("FailureReason", "")
    if found["ProcessingJobStatus"] == "Stopped":
        reason = reason or "somebody stopped it, or it ran too long"
    return JobStatus(found["ProcessingJobStatus"], reason)


def _send(waiting: WaitingJob, found: JobStatus, stepfunctions: "SFNClient") -> None:
    kind = "gate" if is_gate(waiting.job) else "training"
    if found.status == "Completed":
        stepfunctions.send_task_success(
            taskToken=waiting.task_token,
            output=JobEnded(job=waiting.job, artifact_key=found.artifact_key).model_dump_json(),
        )
        return
    verb = "failed" if found.status == "Failed" else "was stopped"
    cause = f"The {kind} job {waiting.job} {verb}: {found.reason or 'no reason given'}"
    stepfunctions.send_task_failure(
        taskToken=waiting.task_token,
        error=JOB_FAILED if found.status == "Failed" else JOB_STOPPED,
        cause=cause[:_CAUSE_LENGTH],
    )
