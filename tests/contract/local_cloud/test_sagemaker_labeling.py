# ruff: noqa: ANN401 - JSON documents have no narrower type here
"""Labeling jobs, as AWS documents them, on the SageMaker runner, with real Lambda functions."""

import json
import os
import signal
from typing import Any

import pytest
from botocore.exceptions import ClientError
from drawops_local.cloud import Cloud

from tests.contract.local_cloud.conftest import Again, Eventually, Make, eventually

ROLE = "arn:aws:iam::000000000000:role/ground-truth"
TEAM = "arn:aws:sagemaker:us-east-1:000000000000:workteam/private-crowd/local"
LABEL = "texts"

# Functions as AWS's own samples have them; every event goes to S3 for the test to look at.
PRE = """
import boto3, json, urllib.parse

def handler(event, context):
    line = event["dataObject"]
    bucket, key = line["source-ref"].removeprefix("s3://").split("/", 1)
    boto3.client("s3").put_object(Bucket=bucket, Key=f"events/pre/{key}", Body=json.dumps(event).encode())
    if line.get("explode"):
        raise ValueError("exploded")
    if line.get("skip"):
        return {"taskInput": {}, "humanAnnotationRequired": "false"}
    return {"taskInput": line["task"], "isHumanAnnotationRequired": True}
"""
POST = """
import boto3, json

def handler(event, context):
    s3 = boto3.client("s3")
    bucket, key = event["payload"]["s3Uri"].removeprefix("s3://").split("/", 1)
    s3.put_object(Bucket=bucket, Key="events/post.json", Body=json.dumps(event).encode())
    payload = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    return [
        {
            "datasetObjectId": entry["datasetObjectId"],
            "consolidatedAnnotation": {"content": {event["labelAttributeName"]: {
                "answers": [
                    {"worker": each["workerId"], "content": each["annotationData"]["content"]}
                    for each in entry["annotations"]
                ]
            }}},
        }
        for entry in payload
        if "lose" not in entry["dataObject"]["s3Uri"]
    ]
"""


def task(text: str = "P-1O1") -> dict[str, Any]:
    """What the form of drawops is given: one box, at (10, 10) to (60, 30)."""
    corners = [(10, 10), (60, 10), (60, 30), (10, 30)]
    return {
        "picture": "s3://b/k", "width": 800, "height": 600, "labels": ["1", "n1"], "added": ["n1"],
        "polygons": [{"label": "1", "vertices": [{"x": x, "y": y} for x, y in corners]}],
        "fields": [{"number": "1", "text": text, "unsure": True}],
    }  # fmt: skip


TRUTH = [
    {"points": [[11, 11], [59, 11], [59, 29], [11, 29]], "text": "P-101"},
    {"points": [[200, 40], [260, 40], [260, 60], [200, 60]], "text": "PIC 4711"},
]


class Job:
    """A bucket with everything that a labeling job needs."""

    def __init__(self, cloud: Cloud, name: str) -> None:
        self.cloud, self.name, self.make = cloud, name, Make(cloud)
        self.make.bucket(name)
        self.s3 = cloud.client("s3")
        self.sagemaker = cloud.client("sagemaker")
        self.pre = self.make.function(f"{name}-pre", PRE)
        self.post = self.make.function(f"{name}-post", POST)
        self.put("template.liquid.html", "<crowd-form></crowd-form>")

    def put(self, key: str, body: str) -> str:
        self.s3.put_object(Bucket=self.name, Key=key, Body=body.encode())
        return f"s3://{self.name}/{key}"

    def read(self, key: str) -> str:
        return str(self.s3.get_object(Bucket=self.name, Key=key)["Body"].read().decode())

    def keys(self, prefix: str) -> list[str]:
        found = self.s3.list_objects_v2(Bucket=self.name, Prefix=prefix).get("Contents", [])
        return [each["Key"] for each in found]

    def line(self, number: int, **more: Any) -> dict[str, Any]:
        return {
            "source-ref": f"s3://{self.name}/areas/{number}.png",
            "task": task(),
            "number": number,
            **more,
        }

    def manifest(self, *lines: dict[str, Any]) -> str:
        return self.put("input.manifest", "".join(json.dumps(line) + "\n" for line in lines))

    def truth(self, *workers: dict[str, Any], objects: int = 1, seed: int = 1) -> list[dict[str, str]]:
        """Tags that name a truth document."""
        known = {f"s3://{self.name}/areas/{number}.png": TRUTH for number in range(objects)}
        script = {"seed": seed, "workers": workers, "objects": known}
        return [{"Key": "drawops:truth", "Value": self.put("truth.json", json.dumps(script))}]

    def request(self, **changes: Any) -> dict[str, Any]:
        task_changes = changes.pop("HumanTaskConfig", {})
        return {
            "LabelingJobName": self.name,
            "LabelAttributeName": LABEL,
            "InputConfig": {"DataSource": {"S3DataSource": {"ManifestS3Uri": f"s3://{self.name}/input.manifest"}}},
            "OutputConfig": {"S3OutputPath": f"s3://{self.name}/out/"},
            "RoleArn": ROLE,
            "HumanTaskConfig": {
                "WorkteamArn": TEAM,
                "UiConfig": {"UiTemplateS3Uri": f"s3://{self.name}/template.liquid.html"},
                "PreHumanTaskLambdaArn": self.pre,
                "TaskTitle": "Read the texts",
                "TaskDescription": "Correct the texts of a drawing",
                "NumberOfHumanWorkersPerDataObject": 1,
                "TaskTimeLimitInSeconds": 3600,
                "AnnotationConsolidationConfig": {"AnnotationConsolidationLambdaArn": self.post},
                **task_changes,
            },
            **changes,
        }  # fmt: skip

    def create(self, **changes: Any) -> "Job":
        self.sagemaker.create_labeling_job(**self.request(**changes))
        return self

    def describe(self) -> dict[str, Any]:
        return dict(self.sagemaker.describe_labeling_job(LabelingJobName=self.name))

    def ended(self, seconds: float = 60) -> dict[str, Any]:
        """DescribeLabelingJob as soon as the job has ended."""

        def look() -> dict[str, Any] | None:
            found = self.describe()
            return found if found["LabelingJobStatus"] in ("Completed", "Failed", "Stopped") else None

        return dict(eventually(look, seconds))

    def output(self) -> list[dict[str, Any]]:
        text = self.read(f"out/{self.name}/manifests/output/output.manifest")
        return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def job(cloud: Cloud, name: str) -> Job:
    return Job(cloud, name)


@pytest.fixture
def events(make: Make, job: Job) -> str:
    """URL of a queue that gets the job's events."""
    url, arn = make.queue(f"{job.name}-events")
    pattern = {
        "source": ["aws.sagemaker"],
        "detail-type": ["SageMaker Ground Truth Labeling Job State Change"],
        "resources": [f"arn:aws:sagemaker:us-east-1:000000000000:labeling-job/{job.name}"],
    }
    make.rule(job.name, pattern, arn)
    return url


def test_a_job_ends_with_a_label_in_every_line_of_the_output_manifest(job: Job, events: str) -> None:
    job.manifest(job.line(0, comment="stays"), job.line(1))

    ended = job.create().ended()

    assert ended["LabelingJobStatus"] == "Completed"
    assert ended["LabelCounters"] == {
        "TotalLabeled": 2, "HumanLabeled": 2, "MachineLabeled": 0, "FailedNonRetryableError": 0,
        "Unlabeled": 0,
    }  # fmt: skip
    uri = f"s3://{job.name}/out/{job.name}/manifests/output/output.manifest"
    assert ended["LabelingJobOutput"] == {"OutputDatasetS3Uri": uri}
    first, second = job.output()
    assert first["comment"] == "stays"
    assert first["source-ref"] == f"s3://{job.name}/areas/0.png"
    metadata = first[f"{LABEL}-metadata"]
    assert metadata.pop("creation-date")
    assert metadata == {"type": "groundtruth/custom", "job-name": job.name, "human-annotated": "yes"}
    content = json.loads(second[LABEL]["answers"][0]["content"])
    assert content["text-1"] == "P-1O1"
    assert content["places"]["inputImageProperties"] == {"width": 800, "height": 600}
    assert content["places"]["polygons"] == task()["polygons"]


def test_its_end_is_announced_in_the_documented_shape(job: Job, events: str) -> None:
    job.manifest(job.line(0))
    job.create().ended()
    event = json.loads(job.make.receive(events))
    assert event["detail-type"] == "SageMaker Ground Truth Labeling Job State Change"
    assert event["source"] == "aws.sagemaker"
    assert event["resources"] == [f"arn:aws:sagemaker:us-east-1:000000000000:labeling-job/{job.name}"]
    assert event["detail"] == {"LabelingJobStatus": "Completed"}


def test_functions_get_the_documented_events_and_workers_answers_lie_where_aws_puts_them(job: Job) -> None:
    job.manifest(job.line(0))
    job.create(HumanTaskConfig={"NumberOfHumanWorkersPerDataObject": 2}).ended()

    arn = f"arn:aws:sagemaker:us-east-1:000000000000:labeling-job/{job.name}"
    assert json.loads(job.read("events/pre/areas/0.png")) == {
        "version": "2018-10-16", "labelingJobArn": arn, "dataObject": job.line(0),
    }  # fmt: skip
    event = json.loads(job.read("events/post.json"))
    payload = event.pop("payload")["s3Uri"]
    assert event == {
        "version": "2018-10-16", "labelingJobArn": arn, "labelAttributeName": LABEL, "roleArn": ROLE,
        "outputConfig": f"s3://{job.name}/out/{job.name}/annotations",
    }  # fmt: skip
    folder = f"out/{job.name}/annotations/"
    assert payload.startswith(
        f"s3://{job.name}/{folder}consolidated-annotation/consolidation-request/iteration-1/"
    )
    (entry,) = json.loads(job.read(payload.removeprefix(f"s3://{job.name}/")))
    assert entry["datasetObjectId"] == "0"
    assert entry["dataObject"] == {"s3Uri": f"s3://{job.name}/areas/0.png"}
    assert len({each["workerId"] for each in entry["annotations"]}) == 2
    responses = job.keys(f"{folder}worker-response/iteration-1/0/")
    assert len(responses) == 2
    (answer,) = json.loads(job.read(responses[0]))["answers"]
    assert answer["answerContent"]["text-1"] == "P-1O1"
    assert answer["workerMetadata"]["identityData"]["identityProviderType"] == "Cognito"
    assert {"acceptanceTime", "submissionTime", "timeSpentInSeconds", "workerId"} < answer.keys()
    assert job.keys(f"{folder}consolidated-annotation/consolidation-response/iteration-1/")
    assert job.keys(f"{folder}intermediate/1/annotations.manifest")


def texts(line: dict[str, Any]) -> dict[str, dict[str, str]]:
    """Texts by worker and number."""
    found = {each["worker"]: json.loads(each["content"]) for each in line[LABEL]["answers"]}
    return {
        worker: {name[5:]: text for name, text in content.items() if name.startswith("text-")}
        for worker, content in found.items()
    }


def test_scripted_workers_answer_from_the_truth_with_their_own_mistakes(job: Job) -> None:
    tags = job.truth(
        {"id": "careful"}, {"id": "careless", "accuracy": 0.0}, {"id": "diligent", "draws": True}
    )
    job.manifest(job.line(0))
    job.create(Tags=tags, HumanTaskConfig={"NumberOfHumanWorkersPerDataObject": 3}).ended()
    found = texts(job.output()[0])
    assert found["careful"] == {"1": "P-101"}
    assert found["careless"]["1"] != "P-101"
    assert len(found["careless"]["1"]) == len("P-101")
    assert found["diligent"] == {"1": "P-101", "n1": "PIC 4711"}


def test_a_worker_who_never_submits_is_missing_from_the_payload(job: Job) -> None:
    job.manifest(job.line(0))
    tags = job.truth({"id": "anna"}, {"id": "ben", "behaviour": "silent"})
    ended = job.create(Tags=tags, HumanTaskConfig={"NumberOfHumanWorkersPerDataObject": 2}).ended()
    assert ended["LabelingJobStatus"] == "Completed"
    assert list(texts(job.output()[0])) == ["anna"]


def test_an_object_that_nobody_answers_fails_alone(job: Job) -> None:
    job.manifest(
        job.line(0, skip=True),
        job.line(1),
        job.line(2, explode=True),
        {**job.line(3), "source-ref": f"s3://{job.name}/lose.png"},
    )
    ended = job.create().ended()
    assert ended["LabelingJobStatus"] == "Completed"
    assert ended["LabelCounters"]["FailedNonRetryableError"] == 3
    assert ended["LabelCounters"]["HumanLabeled"] == 1
    skipped, good, exploded, lost = job.output()
    assert LABEL in good
    for line, words in ((skipped, "asked for no annotation"), (exploded, "exploded"), (lost, "no label")):
        assert LABEL not in line
        assert words in line[f"{LABEL}-metadata"]["failure-reason"]


def test_a_job_of_silent_workers_fails_and_says_so(job: Job, events: str) -> None:
    job.manifest(job.line(0))
    ended = job.create(Tags=job.truth({"id": "anna", "behaviour": "silent"})).ended()
    assert ended["LabelingJobStatus"] == "Failed"
    assert "Annotation tasks expired" in ended["FailureReason"]
    assert json.loads(job.make.receive(events))["detail"] == {"LabelingJobStatus": "Failed"}


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        (None, "input manifest"),
        ("", "no data objects"),
        ('{"source-ref": "s3://b/k"}\n{"source-ref"', "Line 2 of the input manifest is not JSON"),
        ('{"reference": "s3://b/k"}\n', "Line 1 of the input manifest has neither source nor source-ref"),
        ('{"source": "' + "x" * 100_000 + '"}\n', "longer than 100 kilobytes"),
    ],
)
def test_a_manifest_that_cannot_be_read_fails_the_job(job: Job, manifest: str | None, words: str) -> None:
    if manifest is not None:
        job.put("input.manifest", manifest)
    ended = job.create().ended()
    assert ended["LabelingJobStatus"] == "Failed"
    assert words in ended["FailureReason"]


def test_a_job_without_functions_shows_the_line_itself_and_refers_to_the_workers_answer(job: Job) -> None:
    job.manifest({**job.line(0), **task()})
    request = job.request()
    del request["HumanTaskConfig"]["PreHumanTaskLambdaArn"]
    del request["HumanTaskConfig"]["AnnotationConsolidationConfig"]
    job.sagemaker.create_labeling_job(**request)
    job.ended()
    (line,) = job.output()
    assert line[LABEL] == {}
    reference = line[f"{LABEL}-metadata"]["worker-response-ref"]
    answer = json.loads(job.read(reference.removeprefix(f"s3://{job.name}/")))["answers"][0]
    assert answer["answerContent"]["text-1"] == "P-1O1"


def test_a_stopped_job_keeps_what_was_labeled(job: Job, events: str) -> None:
    job.manifest(*(job.line(number) for number in range(20)))
    job.create(Tags=job.truth({"id": "anna", "seconds": 0.3}), HumanTaskConfig={"MaxConcurrentTaskCount": 1})
    eventually(lambda: job.describe()["LabelCounters"]["HumanLabeled"] >= 2, 60)
    job.sagemaker.stop_labeling_job(LabelingJobName=job.name)
    ended = job.ended()
    assert ended["LabelingJobStatus"] == "Stopped"
    lines = job.output()
    assert len(lines) == 20
    assert sum(LABEL in line for line in lines) == ended["LabelCounters"]["HumanLabeled"] < 20
    assert json.loads(job.make.receive(events))["detail"] == {"LabelingJobStatus": "Stopped"}
    with pytest.raises(ClientError, match="cannot be stopped"):
        job.sagemaker.stop_labeling_job(LabelingJobName=job.name)


def test_a_job_goes_on_where_it_was_when_the_runner_is_killed(
    own_cloud: Cloud, again: Again, name: str, eventually: Eventually
) -> None:
    job = Job(own_cloud, name)
    url, arn = job.make.queue("events")
    job.make.rule("labeling", {"source": ["aws.sagemaker"]}, arn)
    job.manifest(*(job.line(number) for number in range(12)))
    tags = job.truth({"id": "anna", "accuracy": 0.5, "seconds": 0.25}, objects=12)
    job.create(Tags=tags, HumanTaskConfig={"MaxConcurrentTaskCount": 2})
    eventually(lambda: job.describe()["LabelCounters"]["HumanLabeled"] >= 4, 60)
    runner = next(server.pid for server in own_cloud.status().servers if server.name == "sagemaker")
    assert runner is not None
    before = job.keys(f"out/{name}/annotations/worker-response/")

    os.kill(runner, signal.SIGKILL)
    again(own_cloud)

    ended = job.ended()
    assert ended["LabelingJobStatus"] == "Completed"
    assert ended["LabelCounters"]["HumanLabeled"] == 12
    responses = job.keys(f"out/{name}/annotations/worker-response/")
    assert set(before) <= set(responses)
    assert len(responses) == 12
    assert [line["number"] for line in job.output() if LABEL in line] == list(range(12))
    assert json.loads(job.make.receive(url))["detail"] == {"LabelingJobStatus": "Completed"}


def test_jobs_are_listed(job: Job) -> None:
    job.manifest(job.line(0))
    job.create().ended()
    listed = job.sagemaker.list_labeling_jobs(NameContains=job.name, StatusEquals="Completed")
    (summary,) = listed["LabelingJobSummaryList"]
    assert summary["LabelingJobName"] == job.name
    assert summary["WorkteamArn"] == TEAM
    assert summary["LabelCounters"]["HumanLabeled"] == 1


def test_a_name_that_is_taken_or_unknown_is_refused_as_on_aws(job: Job) -> None:
    job.manifest(job.line(0))
    job.create()
    with pytest.raises(ClientError) as taken:
        job.create()
    assert taken.value.response["Error"]["Code"] == "ResourceInUse"
    with pytest.raises(ClientError) as unknown:
        job.sagemaker.describe_labeling_job(LabelingJobName="nobody")
    assert unknown.value.response["Error"]["Code"] == "ResourceNotFound"


PUBLIC = "arn:aws:sagemaker:us-west-2:394669845002:workteam/public-crowd/default"
BUILT_IN = "arn:aws:sagemaker:us-east-1:394669845002:human-task-ui/PointCloudObjectDetection"
TOPIC = "arn:aws:sns:us-east-1:000000000000:labels"


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"LabelAttributeName": "texts-ref"}, "must end neither with '-metadata' nor"),
        ({"LabelAttributeName": "texts-metadata"}, "must end neither"),
        ({"StoppingConditions": {"MaxHumanLabeledObjectCount": 1}}, "stopping conditions"),
        ({"LabelCategoryConfigS3Uri": "s3://b/k"}, "label categories"),
        ({"OutputConfig": {"S3OutputPath": "s3://b/k", "KmsKeyId": "key"}}, "leave KmsKeyId out"),
        ({"OutputConfig": {"S3OutputPath": "s3://b", "SnsTopicArn": TOPIC}}, "streaming"),
        ({"HumanTaskConfig": {"WorkteamArn": PUBLIC}}, "only a private workforce"),
        ({"HumanTaskConfig": {"WorkteamArn": TEAM + "-other"}}, "Could not find work team"),
        ({"HumanTaskConfig": {"TaskTimeLimitInSeconds": 28_801}}, "at most 28800"),
        ({"HumanTaskConfig": {"NumberOfHumanWorkersPerDataObject": 10}}, "less than or equal to 9"),
        ({"HumanTaskConfig": {"UiConfig": {"HumanTaskUiArn": BUILT_IN}}}, "built-in task types"),
    ],
)  # fmt: skip
def test_what_is_not_done_here_is_refused_by_name(job: Job, changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ClientError, match=complaint):
        job.create(**changes)


def test_the_local_work_team_is_described(cloud: Cloud) -> None:
    sagemaker = cloud.client("sagemaker")
    team = sagemaker.describe_workteam(WorkteamName="local")["Workteam"]
    assert team["WorkteamArn"] == TEAM
    assert sagemaker.list_workteams()["Workteams"] == [team]
    with pytest.raises(ClientError, match="Could not find work team"):
        sagemaker.describe_workteam(WorkteamName="nobody")
