"""Starting jobs: the request is one that SageMaker takes, and none is started twice."""

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from drawops.contracts.ground_truth import StartedLabelingJobs, StartLabelingJob
from drawops.contracts.labeling import Backend
from drawops.errors import Misconfigured, NotReady
from drawops.keys import LabelingJobKeys, area_picture_key
from drawops.labeling.ground_truth.job import JobSettings, start
from drawops.labeling.store import Labeling

from tests.unit.core.conftest import client_of
from tests.unit.core.labeling.conftest import DATA
from tests.unit.core.labeling.ground_truth.conftest import SETTINGS, GroundTruth
from tests.unit.core.labeling.pages import Open


def run(
    ground_truth: GroundTruth, labeling: Labeling, stub: Stubber, settings: JobSettings = SETTINGS
) -> StartedLabelingJobs:
    with stub:
        started = start(
            StartLabelingJob(labeling_ids=(labeling.labeling_id,)),
            store=ground_truth.store,
            s3=ground_truth.s3,
            sagemaker=client_of(stub),
            settings=settings,
        )
        stub.assert_no_pending_responses()
    return started


@pytest.fixture
def stub(aws: None) -> Stubber:
    return Stubber(boto3.client("sagemaker"))


def test_a_page_becomes_a_job_with_a_line_for_each_area(ground_truth: GroundTruth) -> None:
    labeling = ground_truth.opened(boxes_per_task=2)

    started, (request,) = ground_truth.start(labeling)

    job = f"drawops-test-{labeling.labeling_id}-r1w1a0"
    assert started == StartedLabelingJobs(jobs=(job,), tasks=labeling.tasks)
    lines = ground_truth.manifest(job)
    assert len(lines) == labeling.areas > 1
    task = ground_truth.store.tasks(labeling.labeling_id)[0]
    assert lines[0]["source-ref"] == f"s3://{DATA}/{area_picture_key(labeling.labeling_id, task.area)}"
    assert lines[0]["drawops"]["tasks"] == [task.task_id]
    assert request["LabelingJobName"] == job
    config = request["HumanTaskConfig"]
    assert config["NumberOfHumanWorkersPerDataObject"] == 1
    assert config["MaxConcurrentTaskCount"] == labeling.areas
    template = ground_truth.s3.get_object(Bucket=DATA, Key=LabelingJobKeys(job).template)["Body"].read()
    assert b"<crowd-polygon" in template
    assert {"Key": "drawops:labeling", "Value": labeling.labeling_id} in request["Tags"]


def test_areas_with_second_opinions_get_a_job_of_their_own(ground_truth: GroundTruth) -> None:
    labeling = ground_truth.opened(boxes_per_task=1, second_opinions=0.5)
    started, requests = ground_truth.start(labeling, jobs=2)
    workers = [request["HumanTaskConfig"]["NumberOfHumanWorkersPerDataObject"] for request in requests]
    assert sorted(workers) == [1, 2]
    assert started.tasks == labeling.tasks
    for job, count in zip(started.jobs, workers, strict=True):
        assert {len(line["drawops"]["tasks"]) for line in ground_truth.manifest(job)} == {count}


def test_a_job_that_exists_is_not_touched(ground_truth: GroundTruth, stub: Stubber) -> None:
    labeling = ground_truth.opened()
    (job,) = ground_truth.start(labeling)[0].jobs
    ground_truth.s3.delete_object(Bucket=DATA, Key=LabelingJobKeys(job).manifest)
    counters = {"TotalLabeled": 0}
    stub.add_response(
        "describe_labeling_job",
        {
            "LabelingJobStatus": "InProgress", "LabelCounters": counters, "CreationTime": "2026-11-25",
            "LastModifiedTime": "2026-11-25", "JobReferenceCode": "1", "LabelingJobName": job,
            "LabelingJobArn": f"arn:aws:sagemaker:us-east-1:123456789012:labeling-job/{job}",
            "InputConfig": {"DataSource": {}}, "OutputConfig": {"S3OutputPath": "s3://b/k"},
            "RoleArn": SETTINGS.ground_truth_role_arn,
            "HumanTaskConfig": {
                "WorkteamArn": SETTINGS.labeling_workteam_arn, "UiConfig": {}, "TaskTitle": "t",
                "TaskDescription": "t", "NumberOfHumanWorkersPerDataObject": 1,
                "TaskTimeLimitInSeconds": 60,
            },
        },
        {"LabelingJobName": job},
    )  # fmt: skip
    assert run(ground_truth, labeling, stub).jobs == (job,)
    with pytest.raises(ClientError, match="NoSuchKey"):
        ground_truth.manifest(job)


@pytest.mark.parametrize("missing", ["ResourceNotFound", "ValidationException"])
def test_two_starts_at_once_make_one_job(ground_truth: GroundTruth, stub: Stubber, missing: str) -> None:
    stub.add_client_error("describe_labeling_job", missing, "no such job")
    stub.add_client_error("create_labeling_job", "ResourceInUse", "exists")
    assert len(run(ground_truth, ground_truth.opened(), stub).jobs) == 1


def test_a_quota_of_aws_is_waited_for(ground_truth: GroundTruth, stub: Stubber) -> None:
    stub.add_client_error("describe_labeling_job", "ResourceNotFound", "no such job")
    stub.add_client_error("create_labeling_job", "ResourceLimitExceeded", "too many")
    with pytest.raises(NotReady, match="no more labeling jobs"):
        run(ground_truth, ground_truth.opened(), stub)


def test_a_picture_that_is_not_there_yet_is_named(ground_truth: GroundTruth, stub: Stubber) -> None:
    labeling = ground_truth.opened()
    (task,) = ground_truth.store.tasks(labeling.labeling_id)
    key = area_picture_key(labeling.labeling_id, task.area)
    ground_truth.s3.delete_object(Bucket=DATA, Key=key)
    stub.add_client_error("describe_labeling_job", "ResourceNotFound", "no such job")
    with pytest.raises(NotReady, match=key):
        run(ground_truth, labeling, stub)


@pytest.mark.parametrize("team", ["workteam/public-crowd/default", "workteam/vendor-crowd/v"])
def test_only_a_private_team_gets_drawings(ground_truth: GroundTruth, stub: Stubber, team: str) -> None:
    arn = f"arn:aws:sagemaker:us-east-1:123456789012:{team}"
    settings = SETTINGS.model_copy(update={"labeling_workteam_arn": arn})
    with pytest.raises(Misconfigured, match="private work team"):
        run(ground_truth, ground_truth.opened(), stub, settings)


def test_a_page_of_the_labeling_page_is_not_given_to_workers_too(
    ground_truth: GroundTruth, opened: Open, stub: Stubber
) -> None:
    labeling = opened().labeling
    assert labeling.backend is Backend.OWN
    with pytest.raises(Misconfigured, match="for the labeling page"):
        run(ground_truth, labeling, stub)


def test_a_labeling_that_is_not_open_has_to_wait(ground_truth: GroundTruth, stub: Stubber) -> None:
    labeling = ground_truth.opened().model_copy(update={"labeling_id": "l-" + "0" * 20})
    with pytest.raises(NotReady, match="is unknown"):
        run(ground_truth, labeling, stub)


def test_the_longest_names_still_fit(ground_truth: GroundTruth) -> None:
    from drawops.labeling.ground_truth.job import job_name

    labeling = ground_truth.opened().model_copy(update={"round": 99})
    name = job_name("A-Very-Long-Stack-Name-" * 5, labeling, 9, 99)
    assert len(name) <= 63
    assert name == name.lower()
