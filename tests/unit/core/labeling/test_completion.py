"""A labeling that is handed in becomes labels, or goes back to people."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import pytest
from drawops.contracts.labeling import Box, BoxState, LabelingState, SubmitRequest
from drawops.contracts.labels import UNREADABLE, LabelSource, PageLabels
from drawops.errors import NotReady
from drawops.labeling.completion import CompletionSettings, Consolidated, Outcome, consolidate
from drawops.labeling.service import LabelingService
from drawops.labeling.store import LabelingStore

from tests.unit.core.labeling.pages import DATA, Open, accept_all, drawn, grid

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Finish = Callable[..., Consolidated]


@pytest.fixture
def finish(store: LabelingStore, s3: "S3Client") -> Finish:
    def finish(labeling: str, round_: int | None = None, **settings: float) -> Consolidated:
        return consolidate(
            labeling,
            store=store,
            s3=s3,
            data_bucket=DATA,
            round_=round_,
            settings=CompletionSettings.model_validate(settings),
        )

    return finish


def work(
    service: LabelingService,
    who: str,
    texts: Mapping[str, str | BoxState] | None = None,
    *,
    seconds: float = 60,
    more: tuple[Box, ...] = (),
    leave: bool = False,
) -> str:
    """Take the next task, answer these boxes so and accept the rest; hand it in. Returns the task's id."""
    task = service.claim_next(who)
    answers = []
    for box in task.boxes if leave else accept_all(task.boxes):
        said = (texts or {}).get(box.id)
        if isinstance(said, BoxState):
            box = box.model_copy(update={"state": said})
        elif said is not None:
            box = box.model_copy(update={"state": BoxState.EDITED, "text": said})
        answers.append(box)
    request = SubmitRequest(base_revision=0, boxes=(*answers, *more), seconds=seconds, leave_unsure=leave)
    service.submit(who, task.task_id, request)
    return task.task_id


def labels(result: Consolidated, s3: "S3Client") -> PageLabels:
    assert result.labels_key is not None
    return PageLabels.model_validate_json(s3.get_object(Bucket=DATA, Key=result.labels_key)["Body"].read())


def test_one_persons_answer_becomes_the_labels(
    opened: Open, service: LabelingService, finish: Finish, store: LabelingStore, s3: "S3Client"
) -> None:
    page = opened().labeling.labeling_id
    work(
        service,
        "ann",
        {"p1-t0": "V-77", "p1-t1": BoxState.DELETED, "p1-t2": BoxState.UNREADABLE},
        more=(drawn("new", 900, 900, "MISSED"),),
    )
    result = finish(page)
    assert (result.outcome, result.disputed) == (Outcome.DONE, 0)
    found = {label.id: label for label in labels(result, s3).labels}
    assert len(found) == result.labels == 12
    assert found["p1-t0"].text == "V-77"
    assert "p1-t1" not in found
    assert found["p1-t2"].text == UNREADABLE
    assert found["new"].text == "MISSED"
    assert found["p1-t3"].source is LabelSource.PERSON
    assert (found["p1-t9"].source, found["p1-t9"].confidence) == (LabelSource.MODEL, 0.99)
    known = store.labeling(page)
    assert known is not None
    assert known.state is LabelingState.DONE


def test_what_nobody_decided_stays_out_of_training(
    opened: Open, service: LabelingService, finish: Finish, s3: "S3Client"
) -> None:
    page = opened().labeling.labeling_id
    work(service, "ann", {"p1-t0": "V-77"}, leave=True)
    result = finish(page)
    assert result.difficult == 5
    assert {label.id for label in labels(result, s3).labels if label.difficult} == {
        f"p1-t{n}" for n in range(1, 6)
    }


def test_consolidating_twice_gives_the_same(opened: Open, service: LabelingService, finish: Finish) -> None:
    page = opened().labeling.labeling_id
    work(service, "ann")
    assert finish(page) == finish(page) == finish(page, round_=1)


def test_what_is_not_handed_in_is_not_consolidated(opened: Open, finish: Finish) -> None:
    page = opened().labeling.labeling_id
    with pytest.raises(NotReady, match="OPEN"):
        finish(page)
    with pytest.raises(NotReady):
        finish("l-" + "0" * 20)


def test_two_who_agree_are_done(
    opened: Open, service: LabelingService, finish: Finish, s3: "S3Client"
) -> None:
    page = opened(second_opinions=1).labeling.labeling_id
    for who in ("ann", "bob"):
        work(service, who, {"p1-t0": "V-77"})
    result = finish(page)
    assert (result.outcome, result.shared_units, result.observed, result.strings) == (
        Outcome.DONE,
        6,
        1.0,
        1.0,
    )
    assert {label.id: label.text for label in labels(result, s3).labels}["p1-t0"] == "V-77"


def test_what_two_dispute_goes_back_alone_and_the_third_decides(
    opened: Open, service: LabelingService, finish: Finish, store: LabelingStore, s3: "S3Client"
) -> None:
    page = opened(second_opinions=1).labeling.labeling_id
    work(service, "ann", {"p1-t0": "V-77"})
    work(service, "bob", {"p1-t0": "V-7T"})
    sent_back = finish(page)
    assert (sent_back.outcome, sent_back.disputed) == (Outcome.SENT_BACK, 1)
    known = store.labeling(page)
    assert known is not None
    assert (known.state, known.round, known.tasks, known.submitted) == (LabelingState.OPEN, 2, 1, 0)
    assert finish(page, round_=1).outcome is Outcome.SENT_BACK, "a repeated event changes nothing"

    task = service.claim_next("cid")
    (box,) = task.boxes
    assert (task.round, box.state, box.proposals) == (2, BoxState.UNSURE, ("V-77", "V-7T"))
    service.release("cid", task.task_id)
    work(service, "cid", {"p1-t0": "V-77"})
    result = finish(page)
    assert (result.outcome, result.disputed, result.round) == (Outcome.DONE, 0, 2)
    assert {label.id: label.text for label in labels(result, s3).labels}["p1-t0"] == "V-77"
    assert (result.annotators["bob"].wrong, result.annotators["ann"].wrong) == (1, 0)
    assert result.observed == round(5 / 6, 4)


def test_what_is_disputed_to_the_end_teaches_nothing(
    opened: Open, service: LabelingService, finish: Finish, s3: "S3Client"
) -> None:
    page = opened(second_opinions=1).labeling.labeling_id
    for who in ("ann", "bob", "cid"):
        work(service, who, {"p1-t0": f"V-{who}"})
        if who != "ann":
            assert finish(page, most_rounds=3).outcome is Outcome.SENT_BACK
    work(service, "dan", {"p1-t0": "V-dan"})
    result = finish(page, most_rounds=3)
    assert (result.outcome, result.disputed, result.difficult) == (Outcome.DONE, 1, 1)
    label = next(label for label in labels(result, s3).labels if label.id == "p1-t0")
    assert (label.text, label.difficult) == (UNREADABLE, True)


def test_a_dispute_goes_to_whoever_has_not_said_anything_yet(
    opened: Open, service: LabelingService, finish: Finish
) -> None:
    page = opened(second_opinions=1, name="disputed.png").labeling.labeling_id
    work(service, "ann", {"p1-t0": "1"})
    work(service, "bob", {"p1-t0": "I"})
    finish(page)
    other = opened(name="other.png").labeling.labeling_id
    assert service.list("cid").tasks[0].labeling_id == page
    assert service.list("ann").tasks[0].labeling_id == other


def test_a_person_who_answers_nothing_is_left_out_and_the_area_goes_back(
    opened: Open, service: LabelingService, finish: Finish, s3: "S3Client"
) -> None:
    page = opened().labeling.labeling_id
    task = work(service, "ann", leave=True, seconds=0.5)
    result = finish(page)
    assert result.outcome is Outcome.SENT_BACK
    assert "None of 6 boxes" in result.left_out[task]
    work(service, "bob", {"p1-t0": "V-1"})
    done = finish(page)
    assert done.outcome is Outcome.DONE
    assert {label.id: label.text for label in labels(done, s3).labels}["p1-t0"] == "V-1"


def test_a_person_who_answers_nothing_does_not_spoil_the_others_answer(
    opened: Open, service: LabelingService, finish: Finish
) -> None:
    page = opened(second_opinions=1).labeling.labeling_id
    work(service, "ann", {"p1-t0": "V-1"})
    work(service, "bob", leave=True, seconds=0)
    result = finish(page)
    assert (result.outcome, result.shared_units, len(result.left_out)) == (Outcome.DONE, 0, 1)


def test_accepting_faster_than_one_can_look_is_no_work(
    opened: Open, service: LabelingService, finish: Finish
) -> None:
    page = opened(grid(40, 40)).labeling.labeling_id
    task = work(service, "ann", seconds=2)
    assert "faster than one can look" in finish(page).left_out[task]


def test_a_page_on_which_nobody_works_ends_as_the_model_read_it(
    opened: Open, service: LabelingService, finish: Finish
) -> None:
    page = opened().labeling.labeling_id
    work(service, "ann", leave=True, seconds=0)
    assert finish(page, most_rounds=2).outcome is Outcome.SENT_BACK
    work(service, "bob", leave=True, seconds=0)
    result = finish(page, most_rounds=2)
    assert (result.outcome, result.by_people, result.difficult) == (Outcome.DONE, 0, 6)


def test_boxes_that_were_drawn_under_one_name_in_two_areas_are_two_labels(
    opened: Open, service: LabelingService, finish: Finish, s3: "S3Client", store: LabelingStore
) -> None:
    page = opened(grid(40, 40), boxes_per_task=20).labeling
    for _ in range(page.tasks):
        area = service.claim_next("ann").area
        work(service, "ann", more=(drawn("new", area.x + 5, area.y + 5),))
    names = [label.id for label in labels(finish(page.labeling_id), s3).labels]
    assert len(names) == len(set(names)) == 40 + page.tasks
