"""Labeling jobs: their life as the API shows it. What works them off is `labeling_runs`.

Done are custom jobs with a private team: a manifest in S3, a worker template, pre- and post-annotation
functions. What else AWS offers (built-in task types, streaming, automated labeling, public and vendor
workers, label categories, stopping conditions, KMS keys) is refused by name.
"""

import uuid

from drawops_local.credentials import ACCOUNT
from drawops_local.sagemaker import workteams
from drawops_local.sagemaker.errors import ServiceError, unsupported, validation
from drawops_local.sagemaker.model_data import split_s3_uri
from drawops_local.sagemaker.operations import Runner, arn, list_page, now, operation
from drawops_local.sagemaker.protocol import Parameters
from drawops_local.sagemaker.store import Document

KIND = "labeling-job"
RUNNING = ("Initializing", "InProgress")
_ENDED = ("Completed", "Failed", "Stopped")
_NOT_DONE = {
    "LabelCategoryConfigS3Uri": "label categories",
    "StoppingConditions": "stopping conditions",
    "LabelingJobAlgorithmsConfig": "automated data labeling",
}


@operation("sagemaker", "CreateLabelingJob")
def create_labeling_job(runner: Runner, request: Parameters) -> Parameters:
    """Store the job and begin to work it off; the answer comes before the manifest is read."""
    name = request["LabelingJobName"]
    _check(request)
    created = now()
    document: Document = {
        **request,
        "LabelingJobStatus": "Initializing",
        "LabelCounters": counters(),
        "CreationTime": created,
        "LastModifiedTime": created,
        # A dash and the job's own letters, as AWS makes it: account number and 16 characters.
        "JobReferenceCode": f"{ACCOUNT}{uuid.uuid4().hex[:16]}",
    }
    if not runner.store.add(KIND, name, document):
        raise ServiceError(
            "ResourceInUse", f'Cannot create already existing labeling job "{arn(KIND, name)}".'
        )
    runner.labeling.start(name)
    return {"LabelingJobArn": arn(KIND, name)}


@operation("sagemaker", "DescribeLabelingJob")
def describe_labeling_job(runner: Runner, request: Parameters) -> Parameters:
    """Status, counters and, when it has ended, where the output manifest lies."""
    document = _require(runner, request["LabelingJobName"])
    return {**document, "LabelingJobArn": arn(KIND, document["LabelingJobName"]), **_output(document)}


@operation("sagemaker", "ListLabelingJobs")
def list_labeling_jobs(runner: Runner, request: Parameters) -> Parameters:
    """Labeling jobs by name, age or status."""
    return list_page(
        runner.store.all(KIND),
        request,
        name="LabelingJobName",
        summary=_summary,
        member="LabelingJobSummaryList",
    )


@operation("sagemaker", "StopLabelingJob")
def stop_labeling_job(runner: Runner, request: Parameters) -> Parameters:
    """Stop a job; what has been labeled is kept."""
    name = request["LabelingJobName"]
    with runner.store.transaction():
        document = _require(runner, name)
        status = document["LabelingJobStatus"]
        if status in _ENDED:
            raise validation(f"The labeling job {name} has status {status} and cannot be stopped.")
        runner.store.change(KIND, name, LabelingJobStatus="Stopping", LastModifiedTime=now())
    runner.labeling.start(name)
    return {}


def counters(human: int = 0, failed: int = 0, unlabeled: int = 0) -> Document:
    """LabelCounters of a job in which nothing is labeled by machine."""
    return {
        "TotalLabeled": human,
        "HumanLabeled": human,
        "MachineLabeled": 0,
        "FailedNonRetryableError": failed,
        "Unlabeled": unlabeled,
    }


def output_prefix(document: Document) -> str:
    """The S3 URI that everything of a job lies under, with a slash at the end."""
    return f"{document['OutputConfig']['S3OutputPath'].rstrip('/')}/{document['LabelingJobName']}/"


def _output(document: Document) -> Document:
    if document["LabelingJobStatus"] not in ("Completed", "Stopped"):
        return {}
    uri = f"{output_prefix(document)}manifests/output/output.manifest"
    return {"LabelingJobOutput": {"OutputDatasetS3Uri": uri}}


def _check(request: Parameters) -> None:
    label, task = request["LabelAttributeName"], request["HumanTaskConfig"]
    if label.endswith("-metadata") or label.endswith("-ref"):
        raise validation(
            f"Invalid LabelAttributeName {label!r}: it must end neither with '-metadata' nor, for a custom "
            "task type, with '-ref'."
        )
    for member, what in _NOT_DONE.items():
        if member in request:
            raise unsupported(f"{what} ({member}) are not done here")
    source = request["InputConfig"]["DataSource"]
    if "SnsDataSource" in source or "SnsTopicArn" in request["OutputConfig"]:
        raise unsupported("streaming labeling jobs (SnsDataSource, SnsTopicArn) are not done here")
    if "S3DataSource" not in source:
        raise validation("Specify S3DataSource or SnsDataSource.")
    if request["OutputConfig"].get("KmsKeyId"):
        raise unsupported("nothing is encrypted here: leave KmsKeyId out")
    _check_uri("ManifestS3Uri", source["S3DataSource"]["ManifestS3Uri"])
    _check_uri("S3OutputPath", request["OutputConfig"]["S3OutputPath"].rstrip("/") + "/x")
    _check_task(task)


def _check_task(task: Parameters) -> None:
    if "UiTemplateS3Uri" not in task["UiConfig"]:
        raise unsupported("built-in task types (HumanTaskUiArn) are not done here; name a UiTemplateS3Uri")
    _check_uri("UiTemplateS3Uri", task["UiConfig"]["UiTemplateS3Uri"])
    team = task["WorkteamArn"]
    if "PublicWorkforceTaskPrice" in task or ":workteam/private-crowd/" not in team:
        raise unsupported("only a private workforce works here: no public or vendor work team")
    if team != workteams.TEAM_ARN:
        raise validation(f"Could not find work team {team}; the one here is {workteams.TEAM_ARN}.")
    if task["TaskTimeLimitInSeconds"] > 28_800:
        raise validation("TaskTimeLimitInSeconds of a custom labeling job is at most 28800.")


def _check_uri(member: str, uri: str) -> None:
    try:
        split_s3_uri(uri)
    except ValueError as error:
        raise validation(f"Invalid {member}: {error}") from error


def _require(runner: Runner, name: str) -> Document:
    document = runner.store.get(KIND, name)
    if document is None:
        raise ServiceError("ResourceNotFound", f'Could not find labeling job "{arn(KIND, name)}".')
    return document


def _summary(document: Document) -> Parameters:
    task = document["HumanTaskConfig"]
    consolidation = task.get("AnnotationConsolidationConfig", {})
    summary = {
        "LabelingJobName": document["LabelingJobName"],
        "LabelingJobArn": arn(KIND, document["LabelingJobName"]),
        "CreationTime": document["CreationTime"],
        "LastModifiedTime": document["LastModifiedTime"],
        "LabelingJobStatus": document["LabelingJobStatus"],
        "LabelCounters": document["LabelCounters"],
        "WorkteamArn": task["WorkteamArn"],
        "PreHumanTaskLambdaArn": task.get("PreHumanTaskLambdaArn"),
        "AnnotationConsolidationLambdaArn": consolidation.get("AnnotationConsolidationLambdaArn"),
        "FailureReason": document.get("FailureReason"),
        "InputConfig": document["InputConfig"],
        **_output(document),
    }
    return {name: value for name, value in summary.items() if value is not None}
