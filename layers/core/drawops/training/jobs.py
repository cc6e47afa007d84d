"""The SageMaker jobs of a run: training on spot instances, then the gate as a processing job.

Jobs are named by their run, so starting one twice finds it. Both run in network isolation: SageMaker itself
moves data, checkpoints and artifacts (Developer Guide, "Run Training and Inference Containers in
Internet-Free Mode"), the container gets neither a network nor credentials.
"""

import math
from typing import TYPE_CHECKING, cast

from botocore.exceptions import ClientError
from pydantic import BaseModel, Field

from drawops.contracts.training import (
    METRIC_DEFINITIONS,
    ModelRef,
    Prepared,
    RunState,
    StartGateJob,
    StartTrainingJob,
    TrainingRun,
)
from drawops.errors import NotReady
from drawops.keys import TrainingKeys, gate_job, s3_uri, training_job
from drawops.training.channels import DATASET, GATE
from drawops.training.runs import RunStore, WaitingJob

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker.literals import (
        ProcessingInstanceTypeType,
        ProcessingS3DataTypeType,
        S3DataTypeType,
        TrainingInstanceTypeType,
    )
    from mypy_boto3_sagemaker.type_defs import (
        ChannelTypeDef,
        CreateProcessingJobRequestTypeDef,
        CreateTrainingJobRequestTypeDef,
        DataSourceTypeDef,
        MetricDefinitionTypeDef,
        ProcessingInputTypeDef,
        TagTypeDef,
    )

CHECKPOINTS = "/opt/ml/checkpoints"
PROCESSING = "/opt/ml/processing"
_GIB = 2**30
_LEAST_GIB = 30
_MOST_GIB = 1024


class JobSettings(BaseModel):
    """What the stack decides about jobs; field names in capitals are environment variables."""

    job_name_prefix: str = Field(description="The stack's name.")
    data_bucket: str
    training_image: str
    training_role_arn: str


class TrainingJobSettings(JobSettings):
    """Those of the training job."""

    training_instance_type: str
    training_maximum_seconds: int = Field(ge=60)
    spot_wait_seconds: int = Field(default=21_600, ge=0, description="For spot instances, on top.")


class GateJobSettings(JobSettings):
    """Those of the processing job."""

    gate_instance_type: str
    gate_maximum_seconds: int = Field(default=14_400, ge=60)


def start_training(
    request: StartTrainingJob, *, store: RunStore, sagemaker: "SageMakerClient", settings: TrainingJobSettings
) -> str:
    """Start the run's training job and keep who waits for it; returns the job's name.

    The token is kept before the call: the job may end faster than our next line.

    Raises:
        NotReady: AWS allows no more jobs of this kind at the moment.
        Conflict: the run has ended in the meantime.
    """
    name = training_job(settings.job_name_prefix, request.run.run_id)
    _await(name, RunState.TRAINING, request.run, request.task_token, store)
    try:
        sagemaker.create_training_job(**training_request(name, request.run, request.prepared, settings))
    except ClientError as error:
        _forgive_repetition(error)
    return name


def start_gate(
    request: StartGateJob, *, store: RunStore, sagemaker: "SageMakerClient", settings: GateJobSettings
) -> str:
    """Start the run's gate and keep who waits for it; returns the job's name.

    Raises:
        NotReady: AWS allows no more jobs of this kind at the moment.
        Conflict: the run has ended in the meantime.
    """
    name = gate_job(settings.job_name_prefix, request.run.run_id)
    _await(name, RunState.GATING, request.run, request.task_token, store)
    made = processing_request(name, request.run, request.prepared, request.candidate_key, settings)
    try:
        sagemaker.create_processing_job(**made)
    except ClientError as error:
        _forgive_repetition(error)
    return name


def training_request(
    name: str, run: TrainingRun, prepared: Prepared, settings: TrainingJobSettings
) -> "CreateTrainingJobRequestTypeDef":
    """The CreateTrainingJob request of a run."""
    keys, bucket = TrainingKeys(run.run_id), settings.data_bucket
    longest = settings.training_maximum_seconds
    return {
        "TrainingJobName": name,
        "AlgorithmSpecification": {
            "TrainingImage": settings.training_image,
            "TrainingInputMode": "File",
            "MetricDefinitions": [cast("MetricDefinitionTypeDef", each) for each in METRIC_DEFINITIONS],
        },
        "RoleArn": settings.training_role_arn,
        "HyperParameters": {
            **run.hyperparameters.as_strings(),
            "project": run.project,
            "dataset_version": run.dataset_version,
            "parent_version": prepared.parent_dataset_version or "",
            "model_name": run.candidate_name,
            "model_version": run.candidate_version,
            "run_id": run.run_id,
        },
        "InputDataConfig": [
            _channel("model", "S3Prefix", s3_uri(bucket, run.parent.artifact_key)),
            _channel("dataset", "ManifestFile", s3_uri(bucket, keys.channel(DATASET))),
        ],
        "OutputDataConfig": {"S3OutputPath": s3_uri(bucket, keys.output)},
        "ResourceConfig": {
            "InstanceType": cast("TrainingInstanceTypeType", settings.training_instance_type),
            "InstanceCount": 1,
            "VolumeSizeInGB": volume_gib(prepared.training_bytes),
        },
        "StoppingCondition": {
            "MaxRuntimeInSeconds": longest,
            "MaxWaitTimeInSeconds": longest + settings.spot_wait_seconds,
        },
        "EnableManagedSpotTraining": True,
        "CheckpointConfig": {"S3Uri": s3_uri(bucket, keys.checkpoints), "LocalPath": CHECKPOINTS},
        "EnableNetworkIsolation": True,
        "Tags": _tags(run),
    }


def processing_request(
    name: str, run: TrainingRun, prepared: Prepared, candidate_key: str, settings: GateJobSettings
) -> "CreateProcessingJobRequestTypeDef":
    """The CreateProcessingJob request of a run's gate."""
    keys, bucket = TrainingKeys(run.run_id), settings.data_bucket
    return {
        "ProcessingJobName": name,
        "ProcessingResources": {
            "ClusterConfig": {
                "InstanceCount": 1,
                "InstanceType": cast("ProcessingInstanceTypeType", settings.gate_instance_type),
                "VolumeSizeInGB": volume_gib(prepared.gate_bytes),
            }
        },
        "AppSpecification": {"ImageUri": settings.training_image, "ContainerEntrypoint": ["gate"]},
        "ProcessingInputs": [
            _input("candidate", "S3Prefix", s3_uri(bucket, candidate_key)),
            _input("approved", "S3Prefix", s3_uri(bucket, run.parent.artifact_key)),
            _input("dataset", "ManifestFile", s3_uri(bucket, keys.channel(GATE))),
            _input("settings", "S3Prefix", s3_uri(bucket, keys.settings)),
        ],
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": "verdict",
                    "S3Output": {
                        "S3Uri": s3_uri(bucket, keys.gate),
                        "LocalPath": f"{PROCESSING}/output/verdict",
                        "S3UploadMode": "EndOfJob",
                    },
                }
            ]
        },
        "NetworkConfig": {"EnableNetworkIsolation": True},
        "StoppingCondition": {"MaxRuntimeInSeconds": settings.gate_maximum_seconds},
        "RoleArn": settings.training_role_arn,
        "Tags": _tags(run),
    }


def volume_gib(content: int) -> int:
    """Disk for so many bytes of input: drawings unpack to several times their size. In GiB."""
    return min(_MOST_GIB, max(_LEAST_GIB, math.ceil(4 * content / _GIB)))


def lineage(run: TrainingRun, parent: ModelRef) -> dict[str, str]:
    """Where a run's model comes from, as tags and metadata say it."""
    return {
        "drawops:run": run.run_id,
        "drawops:project": run.project,
        "drawops:dataset-version": run.dataset_version,
        "drawops:parent": parent.version,
    }


def _await(name: str, state: RunState, run: TrainingRun, token: str, store: RunStore) -> None:
    store.await_job(WaitingJob(job=name, run_id=run.run_id, task_token=token))
    store.move(run.run_id, state, name)


def _forgive_repetition(error: ClientError) -> None:
    """Raises: whatever does not say that the job exists already."""
    code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
    if code == "ResourceLimitExceeded":
        raise NotReady(f"AWS allows no more such jobs now: {message} Ask for a higher quota.") from error
    if code != "ResourceInUse" and "already exist" not in message:
        raise error


def _channel(name: str, kind: "S3DataTypeType", uri: str) -> "ChannelTypeDef":
    source: DataSourceTypeDef = {
        "S3DataSource": {"S3DataType": kind, "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    }
    return {
        "ChannelName": name,
        "DataSource": source,
        "CompressionType": "None",
        "InputMode": "File",
    }


def _input(name: str, kind: "ProcessingS3DataTypeType", uri: str) -> "ProcessingInputTypeDef":
    return {
        "InputName": name,
        "S3Input": {
            "S3Uri": uri,
            "LocalPath": f"{PROCESSING}/input/{name}",
            "S3DataType": kind,
            "S3InputMode": "File",
            "S3DataDistributionType": "FullyReplicated",
        },
    }


def _tags(run: TrainingRun) -> "list[TagTypeDef]":
    return [{"Key": key, "Value": value} for key, value in lineage(run, run.parent).items()]
