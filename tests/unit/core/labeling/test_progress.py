"""What `drawops label status` says is what happened; lost events are found."""

from datetime import timedelta
from typing import TYPE_CHECKING

import boto3
import pytest
from drawops.contracts.events import LabelingSubmitted
from drawops.contracts.labeling import LabelingState, SaveRequest, SubmitRequest, TaskState
from drawops.errors import Transient
from drawops.labeling.announcing import announcer, unannounced
from drawops.labeling.completion import consolidate
from drawops.labeling.progress import progress
from drawops.labeling.service import LabelingService
from drawops.labeling.store import LabelingStore

from tests.unit.core.labeling.pages import DATA, Open, accept_all, grid

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def hand_in(service: LabelingService, who: str, seconds: float = 30) -> None:
    task = service.claim_next(who)
    request = SubmitRequest(base_revision=0, boxes=accept_all(task.boxes), seconds=seconds)
    service.submit(who, task.task_id, request)


def test_before_anybody_worked_only_the_work_is_known(opened: Open, store: LabelingStore) -> None:
    opened(grid(100, 80), boxes_per_task=20)
    found = progress(store)
    assert found.labelings == {LabelingState.OPEN: 1}
    assert (found.boxes_done, found.boxes_left, found.seconds_per_box, found.seconds_left) == (
        0,
        80,
        None,
        None,
    )


def test_the_time_left_follows_from_the_time_measured(
    opened: Open, store: LabelingStore, service: LabelingService
) -> None:
    opened(grid(100, 80), boxes_per_task=60)
    task = service.claim_next("ann")
    boxes = accept_all(task.boxes)
    service.save("ann", task.task_id, SaveRequest(base_revision=0, boxes=boxes, seconds=2.0 * len(boxes)))
    found = progress(store)
    decided = sum(box.state.value == "ACCEPTED" for box in boxes)
    assert (found.boxes_done, found.boxes_left) == (decided, 80 - decided)
    assert found.seconds_per_box == pytest.approx(2.0 * len(boxes) / decided)
    assert found.seconds_left == pytest.approx(2.0 * len(boxes) / decided * (80 - decided))
    assert found.tasks[TaskState.CLAIMED] == 1


def test_people_are_told_apart(
    opened: Open, store: LabelingStore, service: LabelingService, s3: "S3Client"
) -> None:
    page = opened(grid(40, 30), second_opinions=1).labeling
    hand_in(service, "ann", 60)
    hand_in(service, "bob", 30)
    consolidate(page.labeling_id, store=store, s3=s3, data_bucket=DATA)
    people = progress(store).annotators
    assert (people["ann"].boxes, people["ann"].seconds_per_box, people["bob"].boxes_per_hour) == (
        30,
        2.0,
        3600,
    )
    assert people["ann"].agreed.value == 1.0
    assert people["bob"].wrong.of == 30


def test_other_projects_do_not_count(opened: Open, store: LabelingStore) -> None:
    opened()
    assert progress(store, project="other").pages == []
    assert len(progress(store, project="default").pages) == 1


def test_the_event_reaches_the_bus(opened: Open, store: LabelingStore, s3: "S3Client") -> None:
    sent = boto3.client("events")
    queue = boto3.client("sqs").create_queue(QueueName="q")["QueueUrl"]
    arn = boto3.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    sent.put_rule(
        Name="r", EventPattern='{"source": ["drawops.labeling"], "detail-type": ["LabelingSubmitted"]}'
    )
    sent.put_targets(Rule="r", Targets=[{"Id": "q", "Arn": arn}])
    page = opened().labeling
    hand_in(LabelingService(store=store, s3=s3, data_bucket=DATA, announce=announcer(sent)), "ann")
    (message,) = boto3.client("sqs").receive_message(QueueUrl=queue)["Messages"]
    assert page.labeling_id in message["Body"]


def test_an_event_that_is_not_taken_is_sent_again_later(
    opened: Open, store: LabelingStore, s3: "S3Client"
) -> None:
    def broken(event: LabelingSubmitted) -> None:
        raise Transient("no bus")

    page = opened().labeling
    with pytest.raises(Transient):
        hand_in(LabelingService(store=store, s3=s3, data_bucket=DATA, announce=broken), "ann")
    assert list(unannounced(store)) == [], "it may still be on its way"
    (event,) = unannounced(store, grace=timedelta(0))
    assert (event.labeling_id, event.round) == (page.labeling_id, 1)


def test_a_submission_that_died_before_it_could_end_the_round_is_found(
    opened: Open, store: LabelingStore, service: LabelingService
) -> None:
    page = opened()
    task = service.claim_next("ann")
    service.save("ann", task.task_id, SaveRequest(base_revision=0, boxes=accept_all(task.boxes)))
    known = store.task(page.task_ids[0])
    assert known is not None
    assert store.submit(known, "ann", 1)
    (event,) = unannounced(store, grace=timedelta(0))
    assert event.labeling_id == page.labeling.labeling_id


def test_a_page_that_is_worked_on_or_done_sends_nothing(
    opened: Open, store: LabelingStore, service: LabelingService, s3: "S3Client"
) -> None:
    page = opened()
    assert list(unannounced(store, grace=timedelta(0))) == []
    hand_in(service, "ann")
    consolidate(page.labeling.labeling_id, store=store, s3=s3, data_bucket=DATA)
    assert list(unannounced(store, grace=timedelta(0))) == []
