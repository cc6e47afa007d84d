"""Ground Truth as the backend on a local cloud: the stack's own functions, a real job, scripted workers."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from drawops.contracts.ground_truth import StartedLabelingJobs
from drawops.contracts.labeling import Backend, BoxState, LabelingState, Reason, TaskState
from drawops.keys import LabelingKeys, area_picture_key
from drawops.labeling import boxes as saved
from drawops.labeling.areas import holds
from drawops.labeling.opening import OpeningSettings, open_page, publish
from drawops.labeling.store import Labeling, LabelingStore
from drawops_local.cloud import Cloud
from drawops_local.sagemaker.workteams import TEAM_ARN

from benchmarks.local_stack import ROOT, eventually
from tests.unit.core.labeling.pages import grid, szi

TEXTS = 12
OVERLOOKED: dict[str, Any] = {
    "points": [[900.5, 800.25], [1000.5, 800.25], [1000.5, 830.25], [900.5, 830.25]],
    "text": "PIC 4711",
}


class GroundTruthStack:
    """The stack with Ground Truth switched on, and what one does with it."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.s3 = cloud.client("s3")
        cloudformation = cloud.client("cloudformation")
        found = cloudformation.describe_stack_resources(StackName="drawops-local")["StackResources"]
        self.names = {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in found}
        self.bucket = self.names["DataBucket"]
        self.store = LabelingStore(cloud.client("dynamodb"), self.names["LabelingTable"])
        sqs, events = cloud.client("sqs"), cloud.client("events")
        self.queue = sqs.create_queue(QueueName="submitted")["QueueUrl"]
        attributes = sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=["QueueArn"])
        events.put_rule(Name="submitted", EventPattern=json.dumps({"source": ["drawops.labeling"]}))
        events.put_targets(
            Rule="submitted", Targets=[{"Id": "1", "Arn": attributes["Attributes"]["QueueArn"]}]
        )

    def opened(self, **settings: Any) -> Labeling:  # noqa: ANN401
        """A page of twelve texts that is open for Ground Truth, with its pictures."""
        labeling = open_page(
            grid(TEXTS),
            1,
            reason=Reason.REQUESTED,
            s3=self.s3,
            store=self.store,
            data_bucket=self.bucket,
            backend=Backend.GROUND_TRUTH,
            settings=OpeningSettings(**settings),
        )
        self.s3.put_object(Bucket=self.bucket, Key=LabelingKeys(labeling.labeling_id).pyramid, Body=szi())
        for task in self.store.tasks(labeling.labeling_id):
            key = area_picture_key(labeling.labeling_id, task.area)
            self.s3.put_object(Bucket=self.bucket, Key=key, Body=b"PNG")
        return publish(labeling.labeling_id, s3=self.s3, store=self.store, data_bucket=self.bucket)

    def truth(self, labeling: Labeling, workers: list[dict[str, Any]]) -> str:
        """A truth document: every text of the page reads TRUE and its number, one text was overlooked."""
        objects: dict[str, list[dict[str, Any]]] = {}
        for task in self.store.tasks(labeling.labeling_id):
            uri = f"s3://{self.bucket}/{area_picture_key(labeling.labeling_id, task.area)}"
            boxes = saved.read(task.boxes_key, s3=self.s3, data_bucket=self.bucket).boxes
            shift = (task.area.x, task.area.y)
            texts = [{"points": box.quad, "text": f"TRUE-{box.id.rpartition('t')[2]}"} for box in boxes]
            if holds(task.area, (950.5, 815.25)):
                texts.append(OVERLOOKED)
            objects[uri] = [
                {"text": text["text"], "points": [[x - shift[0], y - shift[1]] for x, y in text["points"]]}
                for text in texts
            ]
        key = f"ground-truth/truth/{labeling.labeling_id}.json"
        document = {"seed": 7, "workers": workers, "objects": objects}
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=json.dumps(document).encode())
        return f"s3://{self.bucket}/{key}"

    def start(self, labeling: Labeling, **request: Any) -> StartedLabelingJobs:  # noqa: ANN401
        """Invoke the stack's function."""
        answer = self.cloud.client("lambda").invoke(
            FunctionName=self.names["StartLabelingJobFunction"],
            Payload=json.dumps({"labeling_ids": [labeling.labeling_id], **request}),
        )
        content = answer["Payload"].read()
        assert "FunctionError" not in answer, content
        return StartedLabelingJobs.model_validate_json(content)

    def submitted(self, seconds: float = 120) -> dict[str, Any]:
        """Detail of the next `LabelingSubmitted`."""
        sqs = self.cloud.client("sqs")

        def look() -> dict[str, Any] | None:
            for message in sqs.receive_message(QueueUrl=self.queue, WaitTimeSeconds=1).get("Messages", []):
                sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
                event: dict[str, Any] = json.loads(message["Body"])
                assert event["detail-type"] == "LabelingSubmitted"
                return dict(event["detail"])
            return None

        found = eventually(look, seconds)
        assert found is not None
        return found


@pytest.fixture(scope="module")
def ground_truth(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GroundTruthStack]:
    folder = tmp_path_factory.mktemp("ground-truth")
    (folder / "images").mkdir()
    cloud = Cloud.up(
        ROOT, folder / "cloud", lambda line: None, images_from=folder / "images", preferred_ports={}
    )
    try:
        cloud.deploy(
            ROOT,
            lambda line: None,
            parameters={"LabelingBackend": "ground-truth", "LabelingWorkteamArn": TEAM_ARN},
        )
        yield GroundTruthStack(cloud)
    finally:
        cloud.down()


def test_a_page_goes_to_workers_and_comes_back_as_submitted_tasks(ground_truth: GroundTruthStack) -> None:
    labeling = ground_truth.opened(boxes_per_task=3, second_opinions=1.0)
    workers = [
        {"id": "private.us-east-1.anna", "draws": True},
        {"id": "private.us-east-1.ben", "accuracy": 0.5},
    ]
    tags = {"drawops:truth": ground_truth.truth(labeling, workers)}

    started = ground_truth.start(labeling, tags=tags)

    assert started.tasks == labeling.tasks == 2 * labeling.areas > 2
    assert ground_truth.start(labeling, tags=tags) == started  # a repeated start is the same job
    detail = ground_truth.submitted()
    assert (detail["labeling_id"], detail["tasks"]) == (labeling.labeling_id, labeling.tasks)
    known = ground_truth.store.labeling(labeling.labeling_id)
    assert known is not None
    assert known.state is LabelingState.SUBMITTED
    tasks = ground_truth.store.tasks(labeling.labeling_id)
    assert {task.state for task in tasks} == {TaskState.SUBMITTED}
    read = {
        who: [
            box
            for task in tasks
            if task.annotator == f"private.us-east-1.{who}"
            for box in saved.read(task.boxes_key, s3=ground_truth.s3, data_bucket=ground_truth.bucket).boxes
        ]
        for who in ("anna", "ben")
    }
    shown = {text.id: text for text in grid(TEXTS).pages[0].texts}
    by_anna = {box.id: box for box in read["anna"] if box.id in shown}
    assert {name: box.text for name, box in by_anna.items()} == {
        name: f"TRUE-{name.rpartition('t')[2]}" for name in shown
    }
    assert all(box.quad == shown[name].quad for name, box in by_anna.items())
    (drawn,) = [box for box in read["anna"] if box.state is BoxState.DRAWN]
    assert drawn.text == "PIC 4711"
    assert all(
        abs(a - b) <= 1 for one, other in zip(drawn.quad, OVERLOOKED["points"], strict=True)
        for a, b in zip(one, other, strict=True)
    )  # fmt: skip
    wrong = [box for box in read["ben"] if box.text != by_anna[box.id].text]
    assert 0 < len(wrong) < TEXTS
