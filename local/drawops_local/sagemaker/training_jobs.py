"""Training jobs: their life as the API shows it. What runs them is `training_runs`.

What AWS offers and this machine does not (several machines, AlgorithmName, Pipe mode, file systems,
augmented manifests, warm pools, debugger rules, keys of KMS) is refused by name. What has no meaning here
but does no harm (VpcConfig, ProfilerConfig, DebugHookConfig, ExperimentConfig, tags) is kept and shown.
"""

import re

from drawops_local.images import ImageNotFound, find_image
from drawops_local.sagemaker.errors import unsupported, validation
from drawops_local.sagemaker.job_runs import ENDED, LOCAL, TRAINING, local_path
from drawops_local.sagemaker.job_storage import split_prefix
from drawops_local.sagemaker.operations import Runner, arn, list_page, now, operation
from drawops_local.sagemaker.protocol import Parameters
from drawops_local.sagemaker.store import Document

KIND = TRAINING.kind
DEFAULT_RUNTIME_SECONDS = 86_400
_NOT_DONE = {
    "ServerlessJobConfig": "serverless customisation jobs",
    "ModelPackageConfig": "jobs that register a model package",
    "DebugRuleConfigurations": "debugger rules",
    "SessionChainingConfig": "session chaining",
    "MlflowConfig": "MLflow",
}


@operation("sagemaker", "CreateTrainingJob")
def create_training_job(runner: Runner, request: Parameters) -> Parameters:
    """Put the job into the queue; the answer comes before anything is downloaded."""
    _check(runner, request)
    created = now()
    document: Document = {
        "StoppingCondition": {"MaxRuntimeInSeconds": DEFAULT_RUNTIME_SECONDS},
        "EnableNetworkIsolation": False,
        "EnableInterContainerTrafficEncryption": False,
        "EnableManagedSpotTraining": False,
        **request,
        "TrainingJobStatus": "InProgress",
        "SecondaryStatus": "Starting",
        "SecondaryStatusTransitions": [
            {
                "Status": "Starting",
                "StartTime": created,
                "StatusMessage": "Preparing the instances for training",
            }
        ],
        "CreationTime": created,
        "LastModifiedTime": created,
    }
    document["StoppingCondition"].setdefault("MaxRuntimeInSeconds", DEFAULT_RUNTIME_SECONDS)
    return TRAINING.add(runner, document)


@operation("sagemaker", "DescribeTrainingJob")
def describe_training_job(runner: Runner, request: Parameters) -> Parameters:
    """Everything about a job."""
    return TRAINING.describe(TRAINING.require(runner, request["TrainingJobName"]))


@operation("sagemaker", "ListTrainingJobs")
def list_training_jobs(runner: Runner, request: Parameters) -> Parameters:
    """Jobs by name, age or status."""
    return list_page(
        runner.store.all(KIND),
        request,
        name="TrainingJobName",
        summary=_summary,
        member="TrainingJobSummaries",
    )


@operation("sagemaker", "StopTrainingJob")
def stop_training_job(runner: Runner, request: Parameters) -> Parameters:
    """SIGTERM to the program, SIGKILL 120 s later; what it made is kept."""
    name = request["TrainingJobName"]
    TRAINING.stop(
        runner,
        name,
        lambda: move(runner, name, "Stopping", "Stopping the training job", TrainingJobStatus="Stopping"),
    )
    return {}


@operation("sagemaker", "DeleteTrainingJob")
def delete_training_job(runner: Runner, request: Parameters) -> Parameters:
    """Forget a job that has ended; what it wrote to S3 stays."""
    TRAINING.forget(runner, request["TrainingJobName"])
    return {}


def move(runner: Runner, name: str, secondary: str, message: str, **members: object) -> None:
    """Go to the next secondary status, set further members and announce all of it, in one transaction."""
    with runner.store.transaction():
        document = runner.store.get(KIND, name)
        if document is None:
            return
        moment = now()
        transitions = document["SecondaryStatusTransitions"]
        if "EndTime" not in transitions[-1]:
            transitions[-1]["EndTime"] = moment
        transition = {"Status": secondary, "StartTime": moment, "StatusMessage": message}
        if members.get("TrainingJobStatus") in ENDED:
            transition["EndTime"] = moment
        changed = runner.store.change(
            KIND,
            name,
            SecondaryStatus=secondary,
            SecondaryStatusTransitions=[*transitions, transition],
            LastModifiedTime=moment,
            **members,
        )
        assert changed is not None
        TRAINING.announce(runner, changed)


def _summary(document: Document) -> Parameters:
    members = ("TrainingJobName", "CreationTime", "TrainingEndTime", "LastModifiedTime", "TrainingJobStatus",
               "SecondaryStatus")  # fmt: skip
    summary = {member: document[member] for member in members if member in document}
    return {**summary, "TrainingJobArn": arn(KIND, document["TrainingJobName"])}


def _check(runner: Runner, request: Parameters) -> None:
    for member, what in _NOT_DONE.items():
        if request.get(member):
            raise unsupported(f"{what} ({member}) are not done here")
    algorithm = request.get("AlgorithmSpecification") or {}
    if "TrainingImage" not in algorithm:
        raise unsupported("a training job needs AlgorithmSpecification.TrainingImage here")
    if algorithm["TrainingInputMode"] == "Pipe":
        raise unsupported("Pipe mode is not done here: take File or FastFile")
    try:
        find_image(runner.images, algorithm["TrainingImage"])
    except ImageNotFound as error:
        raise validation(f"Requested image {algorithm['TrainingImage']} not found: {error}") from error
    for definition in algorithm.get("MetricDefinitions", []):
        _check_regex(definition)
    resources = request.get("ResourceConfig", {})
    if resources.get("InstanceCount", 1) != 1 or resources.get("InstanceGroups"):
        raise unsupported("several machines (InstanceCount, InstanceGroups) are not done here")
    if resources.get("KeepAlivePeriodInSeconds"):
        raise unsupported("warm pools (KeepAlivePeriodInSeconds) are not done here")
    if resources.get("VolumeKmsKeyId") or request["OutputDataConfig"].get("KmsKeyId"):
        raise unsupported("nothing is encrypted here: leave the keys of KMS out")
    if request["OutputDataConfig"].get("CompressionType", "GZIP") != "GZIP":
        raise unsupported("output that is not packed (CompressionType NONE) is not done here")
    _check_uri("S3OutputPath", request["OutputDataConfig"]["S3OutputPath"])
    _check_channels(request.get("InputDataConfig", []))
    _check_stopping(request)
    if "CheckpointConfig" in request:
        _check_uri("CheckpointConfig.S3Uri", request["CheckpointConfig"]["S3Uri"])
        if "LocalPath" in request["CheckpointConfig"]:
            local_path(runner.state, request["CheckpointConfig"]["LocalPath"])


def _check_channels(channels: list[Document]) -> None:
    names = [channel["ChannelName"] for channel in channels]
    if len(set(names)) != len(names):
        raise validation("Channel names in InputDataConfig must be unique.")
    for channel in channels:
        name = channel["ChannelName"]
        source = channel["DataSource"].get("S3DataSource")
        if source is None:
            raise unsupported(f"channel {name}: only S3DataSource is done here")
        if source["S3DataType"] not in ("S3Prefix", "ManifestFile"):
            raise unsupported(f"channel {name}: S3DataType {source['S3DataType']} is not done here")
        if channel.get("InputMode") == "Pipe":
            raise unsupported(f"channel {name}: Pipe mode is not done here; take File or FastFile")
        if (
            channel.get("CompressionType", "None") != "None"
            or channel.get("RecordWrapperType", "None") != "None"
        ):
            raise unsupported(f"channel {name}: CompressionType and RecordWrapperType are not done here")
        _check_uri(f"S3Uri of channel {name}", source["S3Uri"])


def _check_stopping(request: Parameters) -> None:
    stopping = request.get("StoppingCondition", {})
    runtime = stopping.get("MaxRuntimeInSeconds", DEFAULT_RUNTIME_SECONDS)
    wait = stopping.get("MaxWaitTimeInSeconds")
    if request.get("EnableManagedSpotTraining"):
        if wait is None or wait < runtime:
            raise validation(
                "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to "
                "MaxRuntimeInSeconds when EnableManagedSpotTraining is true."
            )
    elif wait is not None:
        raise validation("Invalid MaxWaitTimeInSeconds. It needs EnableManagedSpotTraining.")


def _check_regex(definition: Document) -> None:
    try:
        groups = re.compile(definition["Regex"]).groups
    except re.error as error:
        raise validation(f"Invalid Regex of metric {definition['Name']}: {error}") from error
    if not groups:
        raise validation(
            f"Invalid Regex of metric {definition['Name']}: it has no group that holds the value."
        )


def _check_uri(member: str, uri: str) -> None:
    try:
        split_prefix(uri)
    except ValueError as error:
        raise validation(f"Invalid {member}: {error}") from error


def interrupt(runner: Runner, name: str, notice: float) -> None:
    """Take the machine of a running job on managed spot capacity away.

    Args:
        notice: seconds between SIGTERM and SIGKILL; 0: SIGKILL at once; what was not copied to S3 is lost.

    Raises:
        ServiceError: the job does not run, or not on managed spot capacity.
    """
    with runner.store.transaction():
        document = TRAINING.require(runner, name)
        local = document.get(LOCAL, {})
        if not document["EnableManagedSpotTraining"] or not local.get("process"):
            raise validation(f"Training job {name} does not run on managed spot capacity now.")
        runner.store.change(KIND, name, **{LOCAL: {**local, "interrupt": {"notice": notice}}})
