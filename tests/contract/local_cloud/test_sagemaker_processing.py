"""Processing jobs, as AWS documents them, on the SageMaker runner, with a program that obeys the contract."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from drawops.contracts.events import ProcessingJobStateChange
from drawops_local.cloud import Cloud

from tests.contract.local_cloud.conftest import Make, eventually

IMAGE = "drawops-stand-in:local"


class Processing:
    """A bucket with everything that a processing job needs."""

    def __init__(self, cloud: Cloud, name: str) -> None:
        self.cloud, self.name, self.make = cloud, name, Make(cloud)
        self.make.bucket(name)
        self.s3 = cloud.client("s3")
        self.sagemaker = cloud.client("sagemaker")
        self.put("candidate/model.tar.gz", "candidate")
        self.put("pages/a/1.png", "one")
        self.put("dataset.manifest", json.dumps([{"prefix": f"s3://{name}/"}, "pages/a/1.png"]))

    def put(self, key: str, body: str) -> None:
        self.s3.put_object(Bucket=self.name, Key=key, Body=body.encode())

    def keys(self, prefix: str) -> list[str]:
        found = self.s3.list_objects_v2(Bucket=self.name, Prefix=prefix).get("Contents", [])
        return [each["Key"] for each in found]

    def create(
        self,
        entrypoint: tuple[str, ...] = ("gate",),
        arguments: tuple[str, ...] = (),
        upload: str = "EndOfJob",
        **environment: str,
    ) -> "Processing":
        def given(name: str, kind: str, key: str) -> dict[str, Any]:
            source = {"S3Uri": f"s3://{self.name}/{key}", "S3DataType": kind, "S3InputMode": "File"}
            return {
                "InputName": name,
                "S3Input": {**source, "LocalPath": f"/opt/ml/processing/input/{name}"},
            }

        output = {
            "S3Uri": f"s3://{self.name}/gate",
            "LocalPath": "/opt/ml/processing/output/verdict",
            "S3UploadMode": upload,
        }
        application = {"ImageUri": IMAGE, "ContainerEntrypoint": list(entrypoint)}
        if arguments:
            application["ContainerArguments"] = list(arguments)
        self.sagemaker.create_processing_job(
            ProcessingJobName=self.name,
            AppSpecification=application,
            ProcessingInputs=[
                given("candidate", "S3Prefix", "candidate/model.tar.gz"),
                given("dataset", "ManifestFile", "dataset.manifest"),
            ],
            ProcessingOutputConfig={"Outputs": [{"OutputName": "verdict", "S3Output": output}]},
            ProcessingResources={
                "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
            },
            StoppingCondition={"MaxRuntimeInSeconds": 60},
            Environment=environment,
            RoleArn="arn:aws:iam::000000000000:role/gate",
        )
        return self

    def describe(self) -> dict[str, Any]:
        return dict(self.sagemaker.describe_processing_job(ProcessingJobName=self.name))

    def ended(self) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            found = self.describe()
            return found if found["ProcessingJobStatus"] in ("Completed", "Failed", "Stopped") else None

        return dict(eventually(look, 60))


@pytest.fixture
def job(cloud: Cloud, name: str) -> Processing:
    return Processing(cloud, name)


def test_a_job_turns_inputs_into_outputs_and_announces_it(job: Processing, make: Make) -> None:
    url, arn = make.queue(f"{job.name}-events")
    resource = f"arn:aws:sagemaker:us-east-1:000000000000:processing-job/{job.name}"
    make.rule(job.name, {"source": ["aws.sagemaker"], "resources": [resource]}, arn)
    ended = job.create(arguments=("--to", "/opt/ml/processing/output"), GREETING="hello").ended()

    assert ended["ProcessingJobStatus"] == "Completed"
    assert ended["ExitMessage"] == "PASSED"
    assert job.keys("gate/") == ["gate/pictures/1.txt", "gate/verdict.json"]
    verdict = json.loads(job.s3.get_object(Bucket=job.name, Key="gate/verdict.json")["Body"].read())
    assert verdict["files"] == [
        "processing/input/candidate/model.tar.gz",
        "processing/input/dataset/pages/a/1.png",
    ]
    assert verdict["greeting"] == "hello"
    assert verdict["arguments"][0] == "--to"
    assert verdict["arguments"][1].endswith(f"{job.name}/ml/processing/output")
    while True:
        change = ProcessingJobStateChange.model_validate_json(job.make.receive(url))
        if change.ended:
            break
    assert (change.job, change.detail.exit_message) == (job.name, "PASSED")


def test_a_job_that_fails_says_so_and_uploads_nothing(job: Processing) -> None:
    ended = job.create(CODE="4", MESSAGE="The candidate has no dictionary.").ended()
    assert ended["ProcessingJobStatus"] == "Failed"
    assert "exit code: 4" in ended["FailureReason"]
    assert ended["ExitMessage"] == "The candidate has no dictionary."
    assert job.keys("gate/") == []


def test_continuous_outputs_are_there_although_the_job_was_stopped(job: Processing) -> None:
    job.create(upload="Continuous", SECONDS="60")
    eventually(lambda: len(job.keys("gate/")) == 2, 60)
    job.sagemaker.stop_processing_job(ProcessingJobName=job.name)
    ended = job.ended()
    assert ended["ProcessingJobStatus"] == "Stopped"
    with pytest.raises(ClientError, match="in status Stopped"):
        job.sagemaker.stop_processing_job(ProcessingJobName=job.name)


def test_a_script_from_s3_can_be_the_entry_point(job: Processing) -> None:
    job.put("candidate/model.tar.gz", "print('from S3')\nraise SystemExit(0)")
    ended = job.create(entrypoint=("python3", "/opt/ml/processing/input/candidate/model.tar.gz")).ended()
    assert ended["ProcessingJobStatus"] == "Completed"


def test_an_unknown_program_fails_the_job(job: Processing) -> None:
    ended = job.create(entrypoint=("nothing",)).ended()
    assert ended["ProcessingJobStatus"] == "Failed"
    assert "no program for 'nothing'" in ended["FailureReason"]


def test_jobs_are_listed_and_names_are_unique(job: Processing) -> None:
    job.create().ended()
    listed = job.sagemaker.list_processing_jobs(NameContains=job.name, StatusEquals="Completed")
    (summary,) = listed["ProcessingJobSummaries"]
    assert summary["ProcessingJobName"] == job.name
    with pytest.raises(ClientError) as taken:
        job.create()
    assert taken.value.response["Error"]["Code"] == "ResourceInUse"
    with pytest.raises(ClientError, match="Could not find requested job"):
        job.sagemaker.describe_processing_job(ProcessingJobName="nobody")
