"""From a job's output to submitted tasks: what people did counts once, nobody's silence holds up a page."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from drawops.contracts.labeling import Box, BoxState, LabelingState, TaskState
from drawops.errors import InvalidResult
from drawops.labeling import boxes as saved
from drawops.labeling.store import Labeling

from tests.unit.core.labeling.conftest import DATA
from tests.unit.core.labeling.ground_truth.conftest import GroundTruth, accepts, form


def corrects(task: Mapping[str, Any]) -> str:
    """A worker who reads another string in box 1 of every area."""
    return form(task, **{"1": "CORRECTED"})


def silent(task: Mapping[str, Any]) -> None:
    """A worker who never submits."""


def empty(task: Mapping[str, Any]) -> str:
    """A worker who answers nothing."""
    return "{}"


def boxes_of(ground_truth: GroundTruth, task_id: str) -> tuple[Box, ...]:
    task = ground_truth.store.task(task_id)
    assert task is not None
    return saved.read(task.boxes_key, s3=ground_truth.s3, data_bucket=DATA).boxes


def state(ground_truth: GroundTruth, labeling: Labeling) -> LabelingState:
    known = ground_truth.store.labeling(labeling.labeling_id)
    assert known is not None
    return known.state


@pytest.fixture
def page(ground_truth: GroundTruth) -> Labeling:
    """A page of several areas, one opinion each."""
    return ground_truth.opened(boxes_per_task=2)


@pytest.fixture
def double(ground_truth: GroundTruth) -> Labeling:
    """A page of one area and two opinions."""
    return ground_truth.opened(second_opinions=1.0)


def test_a_job_that_all_answered_completes_its_page_and_says_so_once(
    ground_truth: GroundTruth, page: Labeling
) -> None:
    (job,) = ground_truth.start(page)[0].jobs
    ground_truth.work(job, {"private.anna": corrects})

    report = ground_truth.collect(job)

    tasks = ground_truth.store.tasks(page.labeling_id)
    assert report.submitted == tuple(task.task_id for task in tasks)
    assert report.unanswered == ()
    assert {(task.state, task.annotator) for task in tasks} == {(TaskState.SUBMITTED, "private.anna")}
    assert state(ground_truth, page) is LabelingState.SUBMITTED
    assert [event.labeling_id for event in ground_truth.announced] == [page.labeling_id]
    first = boxes_of(ground_truth, tasks[0].task_id)
    assert (first[0].text, first[0].state) == ("CORRECTED", BoxState.EDITED)
    assert not [box for task in tasks for box in boxes_of(ground_truth, task.task_id)
                if box.state is BoxState.UNSURE]  # fmt: skip


def test_collecting_again_changes_nothing(ground_truth: GroundTruth, page: Labeling) -> None:
    (job,) = ground_truth.start(page)[0].jobs
    ground_truth.work(job, {"private.anna": accepts})
    ground_truth.collect(job)
    before = ground_truth.store.tasks(page.labeling_id)

    again = ground_truth.collect(job)

    assert again.submitted == ()
    assert again.unanswered == ()
    assert ground_truth.store.tasks(page.labeling_id) == before
    assert len(ground_truth.announced) == 1


def test_a_collection_that_broke_off_before_the_event_is_made_good(
    ground_truth: GroundTruth, page: Labeling
) -> None:
    (job,) = ground_truth.start(page)[0].jobs
    ground_truth.work(job, {"private.anna": accepts})
    ground_truth.collect(job)
    # As if the first collection had ended after its last answer and before the labeling was closed.
    ground_truth.announced.clear()
    ground_truth.store.client.update_item(
        TableName=ground_truth.store.table,
        Key={"pk": {"S": f"LABELING#{page.labeling_id}"}, "sk": {"S": "LABELING"}},
        UpdateExpression="SET #s = :open",
        ExpressionAttributeNames={"#s": "state"},
        ExpressionAttributeValues={":open": {"S": "LABELING#OPEN"}},
    )
    ground_truth.collect(job)
    assert len(ground_truth.announced) == 1


def test_two_workers_answer_the_two_tasks_of_an_area_and_are_compared(
    ground_truth: GroundTruth, double: Labeling
) -> None:
    (job,) = ground_truth.start(double)[0].jobs
    ground_truth.work(job, {"private.ben": corrects, "private.anna": accepts})
    report = ground_truth.collect(job)
    tasks = ground_truth.store.tasks(double.labeling_id)
    assert [task.annotator for task in tasks] == ["private.anna", "private.ben"]
    figures = {worker.worker: (worker.submitted, worker.compared, worker.agreed) for worker in report.workers}
    assert figures == {"private.anna": (1, 6, 5), "private.ben": (1, 6, 5)}
    assert report.workers[0].agreement == pytest.approx(5 / 6)


def test_a_second_opinion_that_nobody_gave_is_given_up(ground_truth: GroundTruth, double: Labeling) -> None:
    (job,) = ground_truth.start(double)[0].jobs
    ground_truth.work(job, {"private.anna": accepts, "private.ben": silent})
    report = ground_truth.collect(job)
    assert len(report.submitted) == 1
    assert report.unanswered == ()
    assert state(ground_truth, double) is LabelingState.SUBMITTED
    assert len(ground_truth.announced) == 1


def test_an_empty_answer_is_no_answer(ground_truth: GroundTruth, double: Labeling) -> None:
    (job,) = ground_truth.start(double)[0].jobs
    ground_truth.work(job, {"private.anna": empty, "private.ben": accepts})
    report = ground_truth.collect(job)
    assert [worker.worker for worker in report.workers] == ["private.ben"]
    assert [(problem.worker, problem.reason) for problem in report.problems] == [
        ("private.anna", "Nothing was answered.")
    ]
    assert state(ground_truth, double) is LabelingState.SUBMITTED


def test_an_area_that_nobody_answered_stays_open_and_can_be_asked_again(
    ground_truth: GroundTruth, page: Labeling
) -> None:
    (job,) = ground_truth.start(page)[0].jobs
    only_the_first = iter([accepts])
    ground_truth.work(
        job, {"private.anna": lambda task: next(only_the_first, silent)(task)}  # type: ignore[arg-type]
    )  # fmt: skip
    report = ground_truth.collect(job)
    assert len(report.submitted) == 1
    assert len(report.unanswered) == page.tasks - 1
    assert state(ground_truth, page) is LabelingState.OPEN

    (again,) = ground_truth.start(page, attempt=1)[0].jobs
    assert again != job
    assert len(ground_truth.manifest(again)) == page.tasks - 1
    ground_truth.work(again, {"private.anna": accepts})
    ground_truth.collect(again)
    assert state(ground_truth, page) is LabelingState.SUBMITTED


def test_one_person_gives_no_two_opinions_on_an_area(ground_truth: GroundTruth, double: Labeling) -> None:
    (job,) = ground_truth.start(double)[0].jobs
    lines = ground_truth.manifest(job)
    ground_truth.work(job, {"private.anna": accepts})
    (line,) = [
        json.loads(text)
        for text in ground_truth.s3.get_object(
            Bucket=DATA, Key=f"ground-truth/{job}/manifests/output/output.manifest"
        )["Body"].iter_lines()
    ]
    line["drawops-texts"]["answers"] *= 2
    ground_truth.output(job, [line])
    report = ground_truth.collect(job)
    assert len(lines) == 1
    assert len(report.submitted) == 1


@pytest.mark.parametrize("status", ["Failed", "Stopped"])
def test_a_job_that_broke_off_keeps_what_was_answered(
    ground_truth: GroundTruth, page: Labeling, status: str
) -> None:
    (job,) = ground_truth.start(page)[0].jobs
    ground_truth.work(job, {"private.anna": accepts})
    lines = [
        line.decode()
        for line in ground_truth.s3.get_object(
            Bucket=DATA, Key=f"ground-truth/{job}/manifests/output/output.manifest"
        )["Body"].iter_lines()
    ]
    ground_truth.output(job, [lines[0], *ground_truth.manifest(job)[1:]])
    report = ground_truth.collect(job, status)
    assert len(report.submitted) == 1
    assert len(report.unanswered) == page.tasks - 1


def test_a_job_that_failed_before_it_began_names_its_tasks(ground_truth: GroundTruth, page: Labeling) -> None:
    (job,) = ground_truth.start(page)[0].jobs
    report = ground_truth.collect(job, "Failed")
    assert report.unanswered == tuple(task.task_id for task in ground_truth.store.tasks(page.labeling_id))


def test_a_job_that_is_complete_without_output_is_an_error(ground_truth: GroundTruth, page: Labeling) -> None:
    (job,) = ground_truth.start(page)[0].jobs
    with pytest.raises(InvalidResult, match=r"output\.manifest"):
        ground_truth.collect(job)


def test_jobs_of_others_are_left_alone(ground_truth: GroundTruth) -> None:
    assert ground_truth.collect("somebody-elses-job").submitted == ()


def test_broken_lines_are_named_and_the_others_taken(ground_truth: GroundTruth, page: Labeling) -> None:
    (job,) = ground_truth.start(page)[0].jobs
    ground_truth.work(job, {"private.anna": accepts})
    body = ground_truth.s3.get_object(
        Bucket=DATA, Key=f"ground-truth/{job}/manifests/output/output.manifest"
    )["Body"].read()
    ground_truth.output(job, ["{", *body.decode().splitlines()])
    report = ground_truth.collect(job)
    assert [line.line for line in report.broken] == [1]
    assert len(report.submitted) == page.tasks


def test_answers_that_come_after_a_page_was_given_up_are_not_taken(
    ground_truth: GroundTruth, page: Labeling
) -> None:
    (job,) = ground_truth.start(page)[0].jobs
    ground_truth.work(job, {"private.anna": accepts})
    ground_truth.store.end(page.labeling_id, LabelingState.CANCELLED)
    report = ground_truth.collect(job)
    assert report.submitted == ()
    assert "CANCELLED" in report.problems[0].reason
    assert state(ground_truth, page) is LabelingState.CANCELLED


def test_a_form_that_vanished_or_was_damaged_costs_only_itself(
    ground_truth: GroundTruth, page: Labeling
) -> None:
    (job,) = ground_truth.start(page)[0].jobs
    ground_truth.work(job, {"private.anna": accepts})
    ground_truth.s3.delete_object(Bucket=DATA, Key=f"ground-truth/{job}/answers/0/private.anna.json")
    ground_truth.s3.put_object(
        Bucket=DATA, Key=f"ground-truth/{job}/answers/1/private.anna.json", Body=b"{"
    )  # fmt: skip
    report = ground_truth.collect(job)
    assert len(report.submitted) == page.tasks - 2
    assert [problem.reason.rpartition(" is ")[2] for problem in report.problems] == ["gone.", "damaged."]


def test_working_time_is_taken_from_what_ground_truth_writes(
    ground_truth: GroundTruth, double: Labeling
) -> None:
    (job,) = ground_truth.start(double)[0].jobs
    ground_truth.work(job, {"private.anna": accepts, "private.ben": accepts})
    responses = f"ground-truth/{job}/annotations/worker-response/iteration-1/0/"
    for number, answer in enumerate(
        [
            {"workerId": "private.anna", "timeSpentInSeconds": 40.543, "answerContent": {}},
            {"workerId": "private.ben", "timeSpentInSeconds": "long"},
        ]
    ):
        ground_truth.s3.put_object(
            Bucket=DATA, Key=f"{responses}{number}.json", Body=json.dumps({"answers": [answer]}).encode()
        )
    ground_truth.collect(job)
    tasks = ground_truth.store.tasks(double.labeling_id)
    assert {task.annotator: task.seconds for task in tasks} == {"private.anna": 40.543, "private.ben": 0}
