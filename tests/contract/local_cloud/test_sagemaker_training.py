# ruff: noqa: ANN401 - JSON documents have no narrower type here
"""Training jobs, as AWS documents them, on the SageMaker runner, with a program that obeys the contract."""

import io
import json
import os
import signal
import tarfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import psutil
import pytest
from botocore.exceptions import ClientError
from drawops.contracts.events import TrainingJobStateChange
from drawops_local.cloud import Cloud

from tests.contract.local_cloud.conftest import Again, Eventually, Make, eventually

ROLE = "arn:aws:iam::000000000000:role/training"
IMAGE = "drawops-stand-in:local"
TWO_MACHINES = {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1}


class Training:
    """A bucket with everything that a training job needs."""

    def __init__(self, cloud: Cloud, name: str) -> None:
        self.cloud, self.name, self.make = cloud, name, Make(cloud)
        self.make.bucket(name)
        self.s3 = cloud.client("s3")
        self.sagemaker = cloud.client("sagemaker")
        self.put("models/base/model.tar.gz", "base")
        self.put("pages/a/1.png", "one")
        self.put("pages/b/2.png", "two")
        manifest = [{"prefix": f"s3://{name}/"}, "pages/a/1.png", "pages/b/2.png"]
        self.put("training/dataset.manifest", json.dumps(manifest))

    def put(self, key: str, body: str) -> None:
        self.s3.put_object(Bucket=self.name, Key=key, Body=body.encode())

    def read(self, key: str) -> bytes:
        return bytes(self.s3.get_object(Bucket=self.name, Key=key)["Body"].read())

    def unpacked(self, archive: str) -> dict[str, str]:
        """Texts of an archive of the job's output, by file name."""
        content = io.BytesIO(self.read(f"out/{self.name}/output/{archive}"))
        with tarfile.open(fileobj=content) as tar:
            found = {member.name: tar.extractfile(member) for member in tar}
            return {name: file.read().decode() for name, file in found.items() if file is not None}

    def request(self, **changes: Any) -> dict[str, Any]:
        return {
            "TrainingJobName": self.name,
            "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
            "RoleArn": ROLE,
            "InputDataConfig": [
                self.channel("model", "S3Prefix", "models/base/model.tar.gz"),
                self.channel("dataset", "ManifestFile", "training/dataset.manifest"),
            ],
            "OutputDataConfig": {"S3OutputPath": f"s3://{self.name}/out/"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
            **changes,
        }

    def channel(self, name: str, kind: str, key: str) -> dict[str, Any]:
        source = {"S3DataType": kind, "S3Uri": f"s3://{self.name}/{key}"}
        return {"ChannelName": name, "DataSource": {"S3DataSource": source}}

    def create(self, **changes: Any) -> "Training":
        self.sagemaker.create_training_job(**self.request(**changes))
        return self

    def spot(self, **changes: Any) -> "Training":
        return self.create(
            EnableManagedSpotTraining=True,
            StoppingCondition={"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 120},
            CheckpointConfig={"S3Uri": f"s3://{self.name}/checkpoints"},
            **changes,
        )

    def describe(self) -> dict[str, Any]:
        return dict(self.sagemaker.describe_training_job(TrainingJobName=self.name))

    def ended(self, seconds: float = 60) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            found = self.describe()
            return found if found["TrainingJobStatus"] in ("Completed", "Failed", "Stopped") else None

        return dict(eventually(look, seconds))

    def log(self) -> str:
        path = self.cloud.state / "sagemaker" / "logs" / "TrainingJobs" / f"{self.name}.log"
        return path.read_text() if path.exists() else ""

    def reached(self, step: int) -> None:
        """Until the program has done this step."""
        eventually(lambda: f"step={step} " in self.log(), 60)

    def programs(self) -> list[psutil.Process]:
        """Processes of the job's program, without the shell that waits for it."""
        found = []
        for process in psutil.process_iter():
            try:
                own = process.environ().get("DRAWOPS_JOB") == f"training-job/{self.name}"
                if own and process.cmdline()[:1] != ["/bin/sh"]:
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
                continue
        return found

    def interrupt(self, notice: float) -> None:
        url = f"{self.cloud.sagemaker_endpoint}/_drawops/interrupt/{self.name}?notice={notice}"
        urllib.request.urlopen(urllib.request.Request(url, method="POST")).close()


@pytest.fixture
def job(cloud: Cloud, name: str) -> Training:
    return Training(cloud, name)


@pytest.fixture
def events(make: Make, job: Training) -> str:
    """URL of a queue that gets the job's events."""
    url, arn = make.queue(f"{job.name}-events")
    pattern = {
        "source": ["aws.sagemaker"],
        "detail-type": ["SageMaker Training Job State Change"],
        "resources": [f"arn:aws:sagemaker:us-east-1:000000000000:training-job/{job.name}"],
    }
    make.rule(job.name, pattern, arn)
    return url


def secondary(described: dict[str, Any]) -> list[str]:
    return [found["Status"] for found in described["SecondaryStatusTransitions"]]


def test_a_job_turns_channels_into_a_model(job: Training) -> None:
    metrics = [{"Name": "loss", "Regex": "loss=([0-9.]+)"}, {"Name": "none", "Regex": "gain=([0-9.]+)"}]
    algorithm = {"TrainingImage": IMAGE, "TrainingInputMode": "File", "MetricDefinitions": metrics}
    ended = job.create(HyperParameters={"steps": "3"}, AlgorithmSpecification=algorithm).ended()

    assert ended["TrainingJobStatus"] == ended["SecondaryStatus"] == "Completed"
    assert secondary(ended) == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert (
        ended["ModelArtifacts"]["S3ModelArtifacts"] == f"s3://{job.name}/out/{job.name}/output/model.tar.gz"
    )
    assert job.unpacked("model.tar.gz") == {"weights.txt": "3 steps from 0", "name.txt": "stand-in"}
    assert [(found["MetricName"], found["Value"]) for found in ended["FinalMetricDataList"]] == [
        ("loss", pytest.approx(0.333))
    ]
    assert ended["TrainingEndTime"] >= ended["TrainingStartTime"] >= ended["CreationTime"]
    assert "Local" not in ended


def test_the_program_finds_what_sagemaker_promises(job: Training) -> None:
    job.create(HyperParameters={"steps": "1", "rate": "0.1"}, Environment={"OWN": "value"}).ended()
    seen = json.loads(job.unpacked("output.tar.gz")["seen.json"])
    assert seen["files"] == [
        "input/data/dataset/pages/a/1.png",
        "input/data/dataset/pages/b/2.png",
        "input/data/model/model.tar.gz",
    ]
    assert seen["config"]["hyperparameters.json"] == {"steps": "1", "rate": "0.1"}
    assert seen["config"]["inputdataconfig.json"]["dataset"]["TrainingInputMode"] == "File"
    assert seen["config"]["resourceconfig.json"]["hosts"] == ["algo-1"]
    variables = seen["environment"]
    assert variables["TRAINING_JOB_NAME"] == job.name
    assert variables["OWN"] == "value"
    assert json.loads(variables["SM_CHANNELS"]) == ["dataset", "model"]
    assert variables["SM_CHANNEL_DATASET"].endswith("/input/data/dataset")
    assert variables["SM_HP_RATE"] == "0.1"
    assert variables["SM_MODEL_DIR"] == variables["DRAWOPS_ML_ROOT"] + "/model"
    assert seen["niceness"] > 0


def test_every_step_is_announced_in_the_documented_shape(job: Training, events: str) -> None:
    job.create(HyperParameters={"steps": "1"}, Tags=[{"Key": "run", "Value": "t-1"}]).ended()
    seen = []
    while True:
        event = json.loads(job.make.receive(events))
        change = TrainingJobStateChange.model_validate(event)
        assert change.job == job.name
        seen.append(change.detail.secondary_status)
        if change.ended:
            break
    assert seen == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    detail = event["detail"]
    assert detail["TrainingEndTime"] > 1_600_000_000_000
    assert detail["Tags"] == {"run": "t-1"}
    assert detail["ModelArtifacts"]["S3ModelArtifacts"].endswith("/output/model.tar.gz")


def test_a_failure_is_told_in_the_programs_own_words(job: Training) -> None:
    ended = job.create(HyperParameters={"fail": "The labels are empty. " + "x" * 2000}).ended()
    assert ended["TrainingJobStatus"] == "Failed"
    assert ended["FailureReason"].startswith("AlgorithmError: The labels are empty. xxx")
    assert ended["FailureReason"].endswith(", exit code: 3")
    assert len(ended["FailureReason"]) == 1024
    assert "ModelArtifacts" not in ended


@pytest.mark.parametrize(
    ("kind", "key", "words"),
    [
        ("S3Prefix", "nothing/", "No S3 objects found"),
        ("ManifestFile", "pages/a/1.png", "is not a JSON list"),
        ("ManifestFile", "training/gone.manifest", "NoSuchKey"),
        ("ManifestFile", "training/names-gone.manifest", "404 for s3://"),
    ],
)
def test_an_input_that_is_not_there_fails_the_job(job: Training, kind: str, key: str, words: str) -> None:
    job.put("training/names-gone.manifest", json.dumps([{"prefix": f"s3://{job.name}/"}, "pages/gone.png"]))
    ended = job.create(InputDataConfig=[job.channel("dataset", kind, key)]).ended()
    assert ended["TrainingJobStatus"] == "Failed"
    assert words in ended["FailureReason"]


def test_a_stopped_job_keeps_its_model(job: Training) -> None:
    job.create(HyperParameters={"steps": "1000", "seconds": "0.05"})
    job.reached(2)
    job.sagemaker.stop_training_job(TrainingJobName=job.name)
    ended = job.ended()
    assert (ended["TrainingJobStatus"], ended["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert "steps from 0" in job.unpacked("model.tar.gz")["weights.txt"]
    assert "told to stop" in job.log()
    with pytest.raises(ClientError, match="in status Stopped"):
        job.sagemaker.stop_training_job(TrainingJobName=job.name)


def test_a_job_that_takes_too_long_is_stopped_and_keeps_its_model(job: Training) -> None:
    stopping = {"MaxRuntimeInSeconds": 1}
    job.create(HyperParameters={"steps": "1000", "seconds": "0.05"}, StoppingCondition=stopping)
    ended = job.ended()
    assert (ended["TrainingJobStatus"], ended["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert "steps from 0" in job.unpacked("model.tar.gz")["weights.txt"]


def test_one_job_runs_at_a_time_and_a_waiting_one_can_be_stopped(
    cloud: Cloud, job: Training, name: str
) -> None:
    second, third = Training(cloud, f"{name}-2"), Training(cloud, f"{name}-3")
    job.create(HyperParameters={"steps": "1000", "seconds": "0.05"})
    job.reached(1)
    second.create()
    third.create()
    third.sagemaker.stop_training_job(TrainingJobName=third.name)
    assert third.describe()["TrainingJobStatus"] == "Stopped"
    assert second.describe()["SecondaryStatus"] == "Starting"
    job.sagemaker.stop_training_job(TrainingJobName=job.name)
    first = job.ended()
    ended = second.ended()
    assert ended["TrainingJobStatus"] == "Completed"
    assert ended["TrainingStartTime"] >= first["TrainingEndTime"]
    listed = job.sagemaker.list_training_jobs(NameContains=name, StatusEquals="Stopped")
    names = {found["TrainingJobName"] for found in listed["TrainingJobSummaries"]}
    assert names == {job.name, third.name}


def test_a_spot_machine_that_is_taken_away_costs_no_checkpoint(job: Training) -> None:
    job.spot(HyperParameters={"steps": "40", "seconds": "0.1"})
    job.reached(3)
    job.interrupt(notice=20)
    ended = job.ended()
    assert ended["TrainingJobStatus"] == "Completed"
    found = secondary(ended)
    assert found[found.index("Interrupted") :] == [
        "Interrupted", "Starting", "Downloading", "Training", "Uploading", "Completed",
    ]  # fmt: skip
    starts = [line for line in job.log().splitlines() if line.startswith("starting at")]
    assert starts[0] == "starting at step=0"
    assert int(starts[1].partition("=")[2]) >= 3
    assert job.unpacked("model.tar.gz")["weights.txt"].startswith("40 steps from ")
    assert int(job.read("checkpoints/step")) == 40


def test_a_spot_machine_that_vanishes_costs_only_what_was_not_copied(job: Training) -> None:
    job.spot(HyperParameters={"steps": "60", "seconds": "0.1", "deaf": "1"})
    # Copied while the program runs.
    eventually(lambda: job.s3.list_objects_v2(Bucket=job.name, Prefix="checkpoints/").get("KeyCount"), 30)
    job.interrupt(notice=0)
    ended = job.ended()
    assert ended["TrainingJobStatus"] == "Completed"
    assert "told to stop" not in job.log()
    assert int(job.log().split("starting at step=")[2].split()[0]) >= 1


def test_only_a_running_spot_job_can_be_interrupted(job: Training) -> None:
    job.create().ended()
    with pytest.raises(urllib.error.HTTPError) as refused:
        job.interrupt(notice=1)
    assert refused.value.code == 409


def test_a_running_program_goes_on_when_the_runner_is_killed(
    own_cloud: Cloud, again: Again, name: str, tmp_path: Path, eventually: Eventually
) -> None:
    job = Training(own_cloud, name)
    job.create(HyperParameters={"steps": "60", "seconds": "0.1"})
    job.reached(2)
    runner = next(server.pid for server in own_cloud.status().servers if server.name == "sagemaker")
    assert runner is not None

    os.kill(runner, signal.SIGKILL)
    again(own_cloud)

    assert job.ended()["TrainingJobStatus"] == "Completed"
    # Whether it was still running or had ended meanwhile: one program did all of it.
    assert job.log().count("starting at step=") == 1
    assert job.unpacked("model.tar.gz")["weights.txt"] == "60 steps from 0"
    assert job.programs() == []


def test_a_job_goes_on_from_its_checkpoint_after_everything_was_stopped(
    own_cloud: Cloud, again: Again, name: str, eventually: Eventually
) -> None:
    job = Training(own_cloud, name)
    checkpoints = {"S3Uri": f"s3://{job.name}/checkpoints"}
    job.create(HyperParameters={"steps": "50", "seconds": "0.1"}, CheckpointConfig=checkpoints)
    job.reached(5)
    # The program obeys SIGTERM and ends well, which is not the end of the job.
    own_cloud.down()
    again(own_cloud)
    ended = job.ended()
    assert ended["TrainingJobStatus"] == "Completed"
    assert "Restarting" in secondary(ended)
    assert int(job.log().split("starting at step=")[2].split()[0]) >= 5
    assert job.unpacked("model.tar.gz")["weights.txt"].startswith("50 steps from ")


def test_a_program_that_was_killed_with_the_runner_starts_again(
    own_cloud: Cloud, again: Again, name: str
) -> None:
    job = Training(own_cloud, name)
    checkpoints = {"S3Uri": f"s3://{job.name}/checkpoints"}
    job.create(HyperParameters={"steps": "30", "seconds": "0.1"}, CheckpointConfig=checkpoints)
    job.reached(4)
    runner = next(server.pid for server in own_cloud.status().servers if server.name == "sagemaker")
    assert runner is not None
    os.kill(runner, signal.SIGKILL)
    for program in job.programs():
        os.killpg(os.getpgid(program.pid), signal.SIGKILL)
    again(own_cloud)
    ended = job.ended()
    assert ended["TrainingJobStatus"] == "Completed"
    assert int(job.log().split("starting at step=")[2].split()[0]) >= 3
    assert job.unpacked("model.tar.gz")["weights.txt"].startswith("30 steps from ")


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"EnableManagedSpotTraining": True}, "MaxWaitTimeInSeconds"),
        (
            {"ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1}},
            "several",
        ),
        ({"AlgorithmSpecification": {"TrainingImage": "x/gone:1", "TrainingInputMode": "File"}}, "not found"),
        ({"AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "Pipe"}}, "Pipe mode"),
        ({"OutputDataConfig": {"S3OutputPath": "https://bucket/key"}}, "S3OutputPath"),
        ({"CheckpointConfig": {"S3Uri": "s3://b/c", "LocalPath": "/data"}}, "only paths under /opt/ml"),
    ],
)
def test_what_cannot_work_is_refused_at_once(job: Training, changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ClientError, match=complaint):
        job.create(**changes)


def test_names_are_unique_and_unknown_ones_refused_as_on_aws(job: Training) -> None:
    job.create().ended()
    with pytest.raises(ClientError) as taken:
        job.create()
    assert taken.value.response["Error"]["Code"] == "ResourceInUse"
    job.sagemaker.delete_training_job(TrainingJobName=job.name)
    with pytest.raises(ClientError, match="Requested resource not found"):
        job.describe()
