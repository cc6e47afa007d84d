"""Processing jobs: their life as the API shows it. What runs them is `processing_runs`.

Refused by name: several machines, Pipe mode, dataset definitions, feature stores, packed inputs, keys of
KMS, images without an entry point.
"""

from drawops_local.images import ImageNotFound, find_image
from drawops_local.sagemaker.errors import unsupported, validation
from drawops_local.sagemaker.job_runs import PROCESSING, local_path
from drawops_local.sagemaker.job_storage import split_prefix
from drawops_local.sagemaker.operations import Runner, arn, list_page, now, operation
from drawops_local.sagemaker.protocol import Parameters
from drawops_local.sagemaker.store import Document

KIND = PROCESSING.kind


@operation("sagemaker", "CreateProcessingJob")
def create_processing_job(runner: Runner, request: Parameters) -> Parameters:
    """Put the job into the queue; the answer comes before anything is downloaded."""
    _check(runner, request)
    created = now()
    document: Document = {
        **request,
        "ProcessingJobStatus": "InProgress",
        "CreationTime": created,
        "LastModifiedTime": created,
    }
    return PROCESSING.add(runner, document)


@operation("sagemaker", "DescribeProcessingJob")
def describe_processing_job(runner: Runner, request: Parameters) -> Parameters:
    """Everything about a job."""
    return PROCESSING.describe(PROCESSING.require(runner, request["ProcessingJobName"]))


@operation("sagemaker", "ListProcessingJobs")
def list_processing_jobs(runner: Runner, request: Parameters) -> Parameters:
    """Jobs by name, age or status."""
    return list_page(
        runner.store.all(KIND),
        request,
        name="ProcessingJobName",
        summary=_summary,
        member="ProcessingJobSummaries",
    )


@operation("sagemaker", "StopProcessingJob")
def stop_processing_job(runner: Runner, request: Parameters) -> Parameters:
    """SIGTERM to the program, SIGKILL 120 s later."""
    name = request["ProcessingJobName"]
    PROCESSING.stop(runner, name, lambda: change(runner, name, ProcessingJobStatus="Stopping"))
    return {}


@operation("sagemaker", "DeleteProcessingJob")
def delete_processing_job(runner: Runner, request: Parameters) -> Parameters:
    """Forget a job that has ended; what it wrote to S3 stays."""
    PROCESSING.forget(runner, request["ProcessingJobName"])
    return {}


def change(runner: Runner, name: str, **members: object) -> None:
    """Set members of a job and announce the change, in one transaction."""
    with runner.store.transaction():
        changed = runner.store.change(KIND, name, LastModifiedTime=now(), **members)
        if changed is not None:
            PROCESSING.announce(runner, changed)


def _summary(document: Document) -> Parameters:
    members = ("ProcessingJobName", "CreationTime", "ProcessingEndTime", "LastModifiedTime",
               "ProcessingJobStatus", "FailureReason", "ExitMessage")  # fmt: skip
    summary = {member: document[member] for member in members if member in document}
    return {**summary, "ProcessingJobArn": arn(KIND, document["ProcessingJobName"])}


def _check(runner: Runner, request: Parameters) -> None:
    application = request["AppSpecification"]
    if "ContainerEntrypoint" not in application:
        raise unsupported("a processing job needs AppSpecification.ContainerEntrypoint here")
    try:
        find_image(runner.images, application["ImageUri"])
    except ImageNotFound as error:
        raise validation(f"Requested image {application['ImageUri']} not found: {error}") from error
    cluster = request["ProcessingResources"].get("ClusterConfig", {})
    if cluster.get("InstanceCount", 1) != 1:
        raise unsupported("several machines (InstanceCount) are not done here")
    outputs = request.get("ProcessingOutputConfig", {})
    if cluster.get("VolumeKmsKeyId") or outputs.get("KmsKeyId"):
        raise unsupported("nothing is encrypted here: leave the keys of KMS out")
    names = [given["InputName"] for given in request.get("ProcessingInputs", [])]
    names += [made["OutputName"] for made in outputs.get("Outputs", [])]
    if len(set(names)) != len(names):
        raise validation("Names of processing inputs and outputs must be unique.")
    for given in request.get("ProcessingInputs", []):
        _check_input(runner, given)
    for made in outputs.get("Outputs", []):
        if "S3Output" not in made:
            raise unsupported(f"output {made['OutputName']}: only S3Output is done here")
        _check_uri(made["OutputName"], made["S3Output"]["S3Uri"])
        _check_path(runner, made["OutputName"], made["S3Output"].get("LocalPath"))


def _check_input(runner: Runner, given: Document) -> None:
    name, source = given["InputName"], given.get("S3Input")
    if source is None:
        raise unsupported(f"input {name}: only S3Input is done here")
    if source["S3DataType"] not in ("S3Prefix", "ManifestFile"):
        raise unsupported(f"input {name}: S3DataType {source['S3DataType']} is not done here")
    if source.get("S3InputMode", "File") != "File" or source.get("S3CompressionType", "None") != "None":
        raise unsupported(f"input {name}: only S3InputMode File without compression is done here")
    _check_uri(name, source["S3Uri"])
    _check_path(runner, name, source.get("LocalPath"))


def _check_path(runner: Runner, name: str, path: str | None) -> None:
    if path is None:
        raise validation(f"LocalPath of {name} is missing.")
    local_path(runner.state, path)


def _check_uri(name: str, uri: str) -> None:
    try:
        split_prefix(uri)
    except ValueError as error:
        raise validation(f"Invalid S3Uri of {name}: {error}") from error
