# ruff: noqa: ANN401 - JSON documents have no narrower type here
"""A page that was opened for Ground Truth, its job, and workers who fill in forms."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.stub import Stubber
from drawops.contracts.events import LabelingSubmitted
from drawops.contracts.ground_truth import (
    CollectedLabelingJob,
    LabelingJobStateChange,
    PostAnnotationRequest,
    PreAnnotationRequest,
    StartedLabelingJobs,
    StartLabelingJob,
)
from drawops.contracts.labeling import Backend, Reason
from drawops.contracts.reading import DrawingResult
from drawops.keys import LabelingJobKeys, LabelingKeys, area_picture_key
from drawops.labeling.ground_truth.collection import Collector
from drawops.labeling.ground_truth.job import JobSettings, start
from drawops.labeling.ground_truth.manifests import LABEL
from drawops.labeling.ground_truth.post_annotation import consolidate
from drawops.labeling.ground_truth.pre_annotation import prepare
from drawops.labeling.opening import OpeningSettings, open_page, publish
from drawops.labeling.store import Labeling, LabelingStore

from tests.unit.core.conftest import client_of
from tests.unit.core.labeling.conftest import DATA
from tests.unit.core.labeling.pages import grid, szi

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SETTINGS = JobSettings(
    data_bucket=DATA,
    job_name_prefix="Drawops-Test",
    labeling_workteam_arn="arn:aws:sagemaker:us-east-1:123456789012:workteam/private-crowd/readers",
    ground_truth_role_arn="arn:aws:iam::123456789012:role/ground-truth",
    prepare_function_arn="arn:aws:lambda:us-east-1:123456789012:function:prepare",
    consolidate_function_arn="arn:aws:lambda:us-east-1:123456789012:function:consolidate",
)
JOB_ARN = "arn:aws:sagemaker:us-east-1:123456789012:labeling-job"

Content = str | None
"""What a worker submits; None: nothing."""
Worker = Callable[[Mapping[str, Any]], Content]


def form(task: Mapping[str, Any], **texts: str) -> str:
    """The form as it was shown, with other texts in some fields."""
    fields = {field["number"]: field["text"] for field in task["fields"]}
    return json.dumps(
        {
            "places": {
                "polygons": task["polygons"],
                "inputImageProperties": {"width": task["width"], "height": task["height"]},
            },
            "unreadable": dict.fromkeys(fields, False),
            **{f"text-{number}": text for number, text in {**fields, **texts}.items() if text},
        }
    )


def accepts(task: Mapping[str, Any]) -> Content:
    """A worker who submits the form as it is."""
    return form(task)


@dataclass
class GroundTruth:
    """AWS's side of a labeling job, by hand: calls the two functions and writes what AWS writes."""

    s3: "S3Client"
    store: LabelingStore
    announced: list[LabelingSubmitted] = field(default_factory=list)

    def opened(self, drawing: DrawingResult | None = None, **settings: Any) -> Labeling:
        """A page that is open for Ground Truth, with pictures of its areas."""
        labeling = open_page(
            drawing or grid(),
            1,
            reason=Reason.REQUESTED,
            s3=self.s3,
            store=self.store,
            data_bucket=DATA,
            backend=Backend.GROUND_TRUTH,
            settings=OpeningSettings(**settings),
        )
        self.s3.put_object(Bucket=DATA, Key=LabelingKeys(labeling.labeling_id).pyramid, Body=szi())
        self.pictures(labeling)
        return publish(labeling.labeling_id, s3=self.s3, store=self.store, data_bucket=DATA)

    def pictures(self, labeling: Labeling) -> None:
        for task in self.store.tasks(labeling.labeling_id):
            key = area_picture_key(labeling.labeling_id, task.area)
            self.s3.put_object(Bucket=DATA, Key=key, Body=b"PNG")

    def start(
        self, labeling: Labeling, *, jobs: int = 1, attempt: int = 0
    ) -> tuple[StartedLabelingJobs, list[dict[str, Any]]]:
        """Start jobs; returns the report and the requests that SageMaker got."""
        requests: list[dict[str, Any]] = []
        client = boto3.client("sagemaker")
        client.meta.events.register(
            "provide-client-params.sagemaker.CreateLabelingJob",
            lambda params, **_: requests.append(params),
        )
        stub = Stubber(client)
        for _ in range(jobs):
            stub.add_client_error("describe_labeling_job", "ResourceNotFound", "no such job")
            stub.add_response("create_labeling_job", {"LabelingJobArn": f"{JOB_ARN}/x"})
        with stub:
            started = start(
                StartLabelingJob(labeling_ids=(labeling.labeling_id,), attempt=attempt),
                store=self.store,
                s3=self.s3,
                sagemaker=client_of(stub),
                settings=SETTINGS,
            )
            stub.assert_no_pending_responses()
        return started, requests

    def manifest(self, job: str) -> list[dict[str, Any]]:
        body = self.s3.get_object(Bucket=DATA, Key=LabelingJobKeys(job).manifest)["Body"].read()
        return [json.loads(line) for line in body.decode().splitlines()]

    def form_of(self, job: str, line: Mapping[str, Any]) -> dict[str, Any]:
        """`taskInput` that the pre-annotation function gives for a line."""
        event = {"version": "2018-10-16", "labelingJobArn": f"{JOB_ARN}/{job}", "dataObject": line}
        answer = prepare(PreAnnotationRequest.model_validate(event), s3=self.s3, data_bucket=DATA)
        found: dict[str, Any] = answer.model_dump(mode="json", by_alias=True)["taskInput"]
        return found

    def consolidate(self, job: str, payload: Any) -> list[dict[str, Any]]:
        key = f"ground-truth/{job}/annotations/consolidated-annotation/request.json"
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self.s3.put_object(Bucket=DATA, Key=key, Body=body)
        event = {
            "version": "2018-10-06", "labelingJobArn": f"{JOB_ARN}/{job}", "labelAttributeName": LABEL,
            "roleArn": "arn:aws:iam::123456789012:role/r", "payload": {"s3Uri": f"s3://{DATA}/{key}"},
        }  # fmt: skip
        return consolidate(PostAnnotationRequest.model_validate(event), s3=self.s3, data_bucket=DATA)

    def work(self, job: str, workers: Mapping[str, Worker]) -> None:
        """All workers answer all objects; the output manifest is written as AWS does."""
        lines = self.manifest(job)
        payload = [
            {
                "datasetObjectId": str(number),
                "dataObject": {"s3Uri": line["source-ref"]},
                "annotations": [
                    {"workerId": name, "annotationData": {"content": content}}
                    for name, worker in workers.items()
                    if (content := worker(self.form_of(job, line))) is not None
                ],
            }
            for number, line in enumerate(lines)
        ]
        labels = {
            entry["datasetObjectId"]: entry["consolidatedAnnotation"]["content"]
            for entry in self.consolidate(job, [entry for entry in payload if entry["annotations"]])
        }
        expired = {"failure-reason": "ClientError: Annotation tasks expired.", "human-annotated": "true"}
        self.output(
            job,
            [
                {**line, **labels.get(str(number), {}), f"{LABEL}-metadata": {} if labels else expired}
                for number, line in enumerate(lines)
            ],
        )

    def output(self, job: str, lines: Sequence[Any]) -> None:
        body = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
        key = LabelingJobKeys(job).output_manifest
        self.s3.put_object(Bucket=DATA, Key=key, Body=body.encode())

    def collect(self, job: str, status: str = "Completed") -> CollectedLabelingJob:
        event = {"resources": [f"{JOB_ARN}/{job}"], "detail": {"LabelingJobStatus": status}}
        collector = Collector(
            store=self.store,
            s3=self.s3,
            data_bucket=DATA,
            announce=self.announced.append,
            prefix=SETTINGS.job_name_prefix,
        )
        return collector.collect(LabelingJobStateChange.model_validate(event))


@pytest.fixture
def ground_truth(s3: "S3Client", store: LabelingStore) -> GroundTruth:
    return GroundTruth(s3, store)
