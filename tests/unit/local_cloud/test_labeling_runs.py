# ruff: noqa: ANN401 - JSON documents have no narrower type here
"""A labeling job that is killed at any step goes on to the same end; other programs can be its workers."""

import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
from drawops_local.sagemaker.job_runs import Jobs
from drawops_local.sagemaker.labeling_jobs import KIND, create_labeling_job
from drawops_local.sagemaker.labeling_runs import LabelingRuns
from drawops_local.sagemaker.operations import Runner
from drawops_local.sagemaker.outbox import Outbox
from drawops_local.sagemaker.store import Store
from drawops_local.sagemaker.workers import Script, Worker
from drawops_local.sagemaker.workteams import TEAM_ARN
from moto import mock_aws

OBJECTS = 12
OUTPUT = "out/job/manifests/output/output.manifest"


class Killed(BaseException):
    """The process ends here: nothing catches it."""


class Counted:
    """A client whose calls are counted; after `left` of them the process is killed."""

    def __init__(self, client: Any, budget: dict[str, int]) -> None:
        self._client, self._budget = client, budget

    def __getattr__(self, name: str) -> Any:
        def call(**parameters: Any) -> Any:
            if self._budget["left"] == 0:
                raise Killed
            self._budget["left"] -= 1
            self._budget["used"] += 1
            return getattr(self._client, name)(**parameters)

        return call


class Functions:
    """Lambda, as far as a job sees it."""

    def __init__(self, s3: Any) -> None:
        self._s3 = s3
        self.consolidated: list[str] = []

    def invoke(self, FunctionName: str, Payload: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        event = json.loads(Payload)
        answer: Any = {"taskInput": event.get("dataObject")}
        if FunctionName.endswith(":post"):
            bucket, key = event["payload"]["s3Uri"].removeprefix("s3://").split("/", 1)
            payload = json.loads(self._s3.get_object(Bucket=bucket, Key=key)["Body"].read())
            self.consolidated += [entry["datasetObjectId"] for entry in payload]
            answer = [
                {
                    "datasetObjectId": entry["datasetObjectId"],
                    "consolidatedAnnotation": {
                        "content": {"texts": [each["annotationData"] for each in entry["annotations"]]}
                    },
                }
                for entry in payload
            ]
        return {"Payload": io.BytesIO(json.dumps(answer).encode())}


REQUEST: dict[str, Any] = {
    "LabelingJobName": "job",
    "LabelAttributeName": "texts",
    "InputConfig": {"DataSource": {"S3DataSource": {"ManifestS3Uri": "s3://bucket/input.manifest"}}},
    "OutputConfig": {"S3OutputPath": "s3://bucket/out"},
    "RoleArn": "arn:aws:iam::000000000000:role/r",
    "HumanTaskConfig": {
        "WorkteamArn": TEAM_ARN,
        "UiConfig": {"UiTemplateS3Uri": "s3://bucket/template.html"},
        "PreHumanTaskLambdaArn": "arn:aws:lambda:us-east-1:000000000000:function:pre",
        "TaskTitle": "t",
        "TaskDescription": "t",
        "NumberOfHumanWorkersPerDataObject": 2,
        "TaskTimeLimitInSeconds": 60,
        "MaxConcurrentTaskCount": 5,
        "AnnotationConsolidationConfig": {
            "AnnotationConsolidationLambdaArn": "arn:aws:lambda:us-east-1:000000000000:function:post"
        },
    },
}


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="bucket")
        client.put_object(Bucket="bucket", Key="template.html", Body=b"<crowd-form></crowd-form>")
        lines = [json.dumps({"source": f"text {number}"}) + "\n" for number in range(OBJECTS)]
        client.put_object(Bucket="bucket", Key="input.manifest", Body="".join(lines).encode())
        yield client


class Machine:
    """A runner's state on disk, and the processes that come and go on it."""

    def __init__(self, folder: Path, s3: Any) -> None:
        self.store = Store(folder / "sagemaker.db")
        self.s3 = s3
        self.functions = Functions(s3)
        self.calls = 0

    def process(self, *, calls: int = 10**9, create: bool = False, **options: Any) -> None:
        """One process: it works until there is nothing to do, or is killed after so many calls."""
        budget = {"left": calls, "used": 0}
        runs = LabelingRuns(**options)
        runner = Runner(
            store=self.store,
            outbox=Outbox(self.store, None, None),
            hosting=None,  # type: ignore[arg-type]
            labeling=runs,
            jobs=Jobs(1),
            images=Path(),
            state=Path(),
            s3=Counted(self.s3, budget),
            functions=Counted(self.functions, budget),
        )
        runs.resume(runner)
        if create:
            create_labeling_job(runner, REQUEST)
        runs.wait()
        self.calls = budget["used"]

    def job(self) -> dict[str, Any]:
        return self.store.get(KIND, "job") or {}

    def output(self) -> list[dict[str, Any]]:
        body = self.s3.get_object(Bucket="bucket", Key=OUTPUT)["Body"].read()
        return [json.loads(line) for line in body.decode().splitlines()]

    def responses(self) -> list[str]:
        prefix = "out/job/annotations/worker-response/"
        found = self.s3.list_objects_v2(Bucket="bucket", Prefix=prefix)
        return [each["Key"] for each in found.get("Contents", [])]


def assert_whole(machine: Machine) -> None:
    job = machine.job()
    assert job["LabelingJobStatus"] == "Completed"
    assert job["LabelCounters"]["HumanLabeled"] == OBJECTS
    assert [line["source"] for line in machine.output()] == [f"text {n}" for n in range(OBJECTS)]
    assert all(len(line["texts"]) == 2 for line in machine.output())
    assert len(machine.responses()) == 2 * OBJECTS
    events = [document for _, kind, document in machine.store.undelivered() if kind == "event"]
    assert [json.loads(event["Detail"]) for event in events] == [{"LabelingJobStatus": "Completed"}]


def test_a_job_that_is_killed_at_any_call_goes_on_to_the_same_end(tmp_path: Path, s3: Any) -> None:
    whole = Machine(tmp_path / "whole", s3)
    whole.process(create=True)
    assert_whole(whole)
    assert whole.functions.consolidated == [str(number) for number in range(OBJECTS)]
    every = max(1, whole.calls // 10)
    for calls in range(0, whole.calls, every):
        for key in [*whole.responses(), OUTPUT]:
            s3.delete_object(Bucket="bucket", Key=key)
        machine = Machine(tmp_path / str(calls), s3)
        machine.process(create=True, calls=calls)
        assert machine.job()["LabelingJobStatus"] in ("Initializing", "InProgress")
        machine.process()
        assert_whole(machine)
        # At most the batch that was under way is consolidated twice.
        assert len(machine.functions.consolidated) <= OBJECTS + 5


def test_a_job_that_is_killed_again_and_again_still_ends(tmp_path: Path, s3: Any) -> None:
    machine = Machine(tmp_path, s3)
    machine.process(create=True, calls=7)
    for _ in range(60):
        if machine.job()["LabelingJobStatus"] == "Completed":
            break
        machine.process(calls=23)
    assert_whole(machine)


def test_workers_can_be_another_program(tmp_path: Path, s3: Any) -> None:
    def shout(
        script: Script, worker: Worker, data_object: Mapping[str, Any], task: Mapping[str, Any]
    ) -> list[str]:
        return [json.dumps({"said": str(data_object["source"]).upper()})]

    machine = Machine(tmp_path, s3)
    machine.process(create=True, program=shout)
    said = [json.loads(line["texts"][0]["content"])["said"] for line in machine.output()]
    assert said == [f"TEXT {number}" for number in range(OBJECTS)]
