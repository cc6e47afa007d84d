"""Jobs as SageMaker's service model allows them; their ends wake who waits, once."""

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.stub import Stubber
from drawops.contracts.training import (
    Hyperparameters,
    JobEnded,
    Prepared,
    RunState,
    StartGateJob,
    StartTrainingJob,
)
from drawops.errors import Conflict, NotReady
from drawops.keys import candidate_version, gate_job, training_job
from drawops.training import jobs
from drawops.training.resumption import resume
from drawops.training.runs import RunStore

from tests.unit.core.conftest import DATA, client_of
from tests.unit.core.training.conftest import STACK, make_run

if TYPE_CHECKING:
    pass

ROLE = "arn:aws:iam::123456789012:role/training-role-of-the-stack"
RUN = make_run()
JOB, GATE = training_job(STACK, RUN.run_id), gate_job(STACK, RUN.run_id)
ARN = "arn:aws:sagemaker:us-east-1:123456789012:training-job/"
PREPARED = Prepared(training_bytes=10, gate_bytes=10, parent_dataset_version=None)
KEY = f"training/{RUN.run_id}/output/{JOB}/output/model.tar.gz"
TRAINING = jobs.TrainingJobSettings(
    job_name_prefix=STACK,
    data_bucket=DATA,
    training_image="123456789012.dkr.ecr.us-east-1.amazonaws.com/drawops-training:1",
    training_role_arn=ROLE,
    training_instance_type="ml.g5.xlarge",
    training_maximum_seconds=14_400,
)
GATING = jobs.GateJobSettings(
    **TRAINING.model_dump(include={*jobs.JobSettings.model_fields}), gate_instance_type="ml.m5.2xlarge"
)


@pytest.fixture
def stub() -> Stubber:
    return Stubber(boto3.client("sagemaker"))


@pytest.fixture
def begun(store: RunStore) -> RunStore:
    store.begin(RUN)
    return store


def start(stub: Stubber, store: RunStore, token: str = "token") -> str:
    with stub:
        return jobs.start_training(
            StartTrainingJob(run=RUN, prepared=PREPARED, task_token=token),
            store=store, sagemaker=client_of(stub), settings=TRAINING,
        )  # fmt: skip


def test_names_of_jobs_follow_from_the_run_and_are_never_too_long() -> None:
    assert f"{STACK}-{RUN.run_id}" == JOB
    for stack in ("drawops", "a" * 128, "a" * 34 + "-b"):
        for name in (training_job(stack, RUN.run_id), gate_job(stack, RUN.run_id)):
            assert len(name) <= 63
            assert "--" not in name


def test_a_candidates_version_names_its_release_and_its_run_only() -> None:
    first = candidate_version("1.2.0", "t-0123456789abcdef0123")
    assert first == "1.2.0-t-0123456789"
    assert candidate_version(first, "t-ffffffffffffffffffff") == "1.2.0-t-ffffffffff"
    assert len(candidate_version("1" * 63, RUN.run_id)) <= 63


def test_training_runs_on_spot_instances_without_a_network_and_goes_on_from_checkpoints(
    stub: Stubber, begun: RunStore
) -> None:
    asked: dict[str, Any] = {}
    stub.client.meta.events.register(
        "before-parameter-build.sagemaker.CreateTrainingJob", lambda params, **_: asked.update(params)
    )
    stub.add_response("create_training_job", {"TrainingJobArn": ARN + JOB})
    assert start(stub, begun) == JOB
    assert asked["EnableManagedSpotTraining"]
    assert asked["EnableNetworkIsolation"]
    assert asked["StoppingCondition"]["MaxWaitTimeInSeconds"] > 14_400
    assert asked["CheckpointConfig"] == {
        "S3Uri": f"s3://{DATA}/training/{RUN.run_id}/checkpoints/",
        "LocalPath": "/opt/ml/checkpoints",
    }
    channels = {each["ChannelName"]: each["DataSource"]["S3DataSource"] for each in asked["InputDataConfig"]}
    assert channels["model"]["S3Uri"] == f"s3://{DATA}/{RUN.parent.artifact_key}"
    assert channels["dataset"]["S3DataType"] == "ManifestFile"
    assert asked["OutputDataConfig"]["S3OutputPath"] == f"s3://{DATA}/training/{RUN.run_id}/output/"
    assert {tag["Key"]: tag["Value"] for tag in asked["Tags"]}["drawops:run"] == RUN.run_id


def test_the_program_is_told_its_hyperparameters_and_what_it_makes() -> None:
    prepared = PREPARED.model_copy(update={"parent_dataset_version": f"v-{9:020x}"})
    told = jobs.training_request(JOB, RUN, prepared, TRAINING)["HyperParameters"]
    assert told == Hyperparameters().as_strings() | {
        "project": RUN.project,
        "dataset_version": RUN.dataset_version,
        "parent_version": f"v-{9:020x}",
        "model_name": "ppocr-v6-small",
        "model_version": RUN.candidate_version,
        "run_id": RUN.run_id,
    }


def test_the_gate_gets_both_models_and_its_verdict_lands_with_the_run(stub: Stubber, begun: RunStore) -> None:
    asked: dict[str, Any] = {}
    stub.client.meta.events.register(
        "before-parameter-build.sagemaker.CreateProcessingJob", lambda params, **_: asked.update(params)
    )
    arn = ARN.replace("training", "processing") + GATE
    stub.add_response("create_processing_job", {"ProcessingJobArn": arn})
    with stub:
        jobs.start_gate(
            StartGateJob(run=RUN, prepared=PREPARED, candidate_key=KEY, task_token="token"),
            store=begun, sagemaker=client_of(stub), settings=GATING,
        )  # fmt: skip
    inputs = {each["InputName"]: each["S3Input"] for each in asked["ProcessingInputs"]}
    assert inputs["candidate"]["S3Uri"] == f"s3://{DATA}/{KEY}"
    assert inputs["approved"]["S3Uri"] == f"s3://{DATA}/{RUN.parent.artifact_key}"
    assert {each["LocalPath"] for each in inputs.values()} == {
        f"/opt/ml/processing/input/{name}" for name in ("candidate", "approved", "dataset", "settings")
    }
    (output,) = asked["ProcessingOutputConfig"]["Outputs"]
    assert output["S3Output"]["S3Uri"] == f"s3://{DATA}/training/{RUN.run_id}/gate/"
    assert asked["AppSpecification"]["ContainerEntrypoint"] == ["gate"]
    found = begun.run(RUN.run_id)
    assert found is not None
    assert (found.state, found.job) == (RunState.GATING, GATE)


def test_a_disk_grows_with_the_data() -> None:
    assert jobs.volume_gib(0) == 30
    assert jobs.volume_gib(50 * 2**30) == 200
    assert jobs.volume_gib(10**15) == 1024


def test_a_job_that_was_started_before_is_found_and_the_new_token_counts(
    stub: Stubber, begun: RunStore
) -> None:
    stub.add_client_error("create_training_job", "ResourceInUse", "Training job names must be unique")
    assert start(stub, begun, "second") == JOB
    waiting = begun.job(JOB)
    assert waiting is not None
    assert waiting.task_token == "second"


def test_a_quota_that_is_full_may_have_room_later(stub: Stubber, begun: RunStore) -> None:
    stub.add_client_error(
        "create_training_job", "ResourceLimitExceeded", "The account-level limit is 0 Instances."
    )
    with pytest.raises(NotReady, match="limit is 0 Instances"):
        start(stub, begun)


def test_a_run_that_has_ended_pays_for_no_job(stub: Stubber, begun: RunStore) -> None:
    begun.end(RUN, RunState.STOPPED)
    with pytest.raises(Conflict):
        start(stub, begun)


class Woken:
    """Answers what SageMaker says of jobs, and keeps what the workflow is told."""

    def __init__(self, store: RunStore) -> None:
        self.store = store
        self.told: list[dict[str, Any]] = []

    def resume(self, job: str, described: dict[str, Any] | None, spent: bool = False) -> bool:
        sagemaker, stepfunctions = Stubber(boto3.client("sagemaker")), Stubber(boto3.client("stepfunctions"))
        operation = "describe_processing_job" if job.endswith("-gate") else "describe_training_job"
        if described is None:
            sagemaker.add_client_error(operation, "ValidationException", "Requested resource not found.")
        else:
            sagemaker.add_response(operation, described)
        for verb in ("SendTaskSuccess", "SendTaskFailure"):
            stepfunctions.client.meta.events.register(
                f"before-parameter-build.stepfunctions.{verb}", lambda params, **_: self.told.append(params)
            )
        status = (described or {}).get("TrainingJobStatus") or (described or {}).get("ProcessingJobStatus")
        sends = "send_task_success" if status == "Completed" else "send_task_failure"
        if spent:
            stepfunctions.add_client_error(sends, "TaskTimedOut")
        else:
            stepfunctions.add_response(sends, {})
        with sagemaker, stepfunctions:
            return resume(
                job, store=self.store, sagemaker=client_of(sagemaker), stepfunctions=client_of(stepfunctions)
            )


@pytest.fixture
def woken(begun: RunStore) -> Woken:
    for job in (JOB, GATE):
        jobs._await(job, RunState.TRAINING, RUN, f"token of {job}", begun)
    return Woken(begun)


def training(status: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    return {
        "TrainingJobName": JOB, "TrainingJobArn": ARN + JOB, "TrainingJobStatus": status,
        "SecondaryStatus": status, "AlgorithmSpecification": {"TrainingInputMode": "File"},
        "ResourceConfig": {"VolumeSizeInGB": 30}, "StoppingCondition": {}, "CreationTime": 0,
        "ModelArtifacts": {"S3ModelArtifacts": f"s3://{DATA}/{KEY}"}, **more,
    }  # fmt: skip


def gating(status: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    return {
        "ProcessingJobName": GATE, "ProcessingJobArn": ARN.replace("training", "processing") + GATE,
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 30}
        },
        "AppSpecification": {"ImageUri": "i"}, "ProcessingJobStatus": status, "CreationTime": 0, **more,
    }  # fmt: skip


def test_a_training_that_ended_well_hands_on_its_artifact(woken: Woken) -> None:
    assert woken.resume(JOB, training("Completed"))
    (told,) = woken.told
    assert told["taskToken"] == f"token of {JOB}"
    assert JobEnded.model_validate_json(told["output"]) == JobEnded(job=JOB, artifact_key=KEY)


def test_a_failure_is_told_in_the_programs_own_words(woken: Woken) -> None:
    said = "AlgorithmError: A label has a character that the dictionary lacks: ⌀"
    assert woken.resume(JOB, training("Failed", FailureReason=said))
    assert woken.resume(GATE, gating("Failed", ExitMessage="The candidate has NaN weights."))
    assert [told["error"] for told in woken.told] == ["JobFailed", "JobFailed"]
    assert said in woken.told[0]["cause"]
    assert "NaN weights" in woken.told[1]["cause"]


@pytest.mark.parametrize(
    ("secondary", "sentence"),
    [
        ("MaxRuntimeExceeded", "TrainingMaximumSeconds"),
        ("MaxWaitTimeExceeded", "no spot instance"),
        ("Stopped", "somebody"),
    ],
)
def test_a_job_that_was_stopped_says_by_what(woken: Woken, secondary: str, sentence: str) -> None:
    assert woken.resume(JOB, training("Stopped", SecondaryStatus=secondary))
    (told,) = woken.told
    assert told["error"] == "JobStopped"
    assert sentence in told["cause"]


def test_events_that_are_early_late_or_about_others_wake_nobody(woken: Woken) -> None:
    assert not woken.resume(JOB, training("InProgress"))
    assert not woken.resume(JOB, training("Completed"), spent=True)
    assert not woken.resume(JOB, None)
    assert not woken.resume("somebody-elses-job", None)
