"""People take, save, hand in and give back tasks."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from drawops.contracts.events import LabelingSubmitted
from drawops.contracts.labeling import (
    Box,
    BoxState,
    LabelingState,
    SaveRequest,
    SubmitRequest,
    TaskDocument,
    TaskState,
)
from drawops.keys import LabelingKeys
from drawops.labeling import boxes as saved
from drawops.labeling.problems import Problem
from drawops.labeling.service import LabelingService
from drawops.labeling.store import LabelingStore

from tests.unit.core.labeling.pages import DATA, Open, accept_all, drawn, grid

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def code(call: Callable[[], object]) -> str:
    """The code that a request is refused with."""
    with pytest.raises(Problem) as refused:
        call()
    return refused.value.answer.code


def save(
    service: LabelingService,
    who: str,
    task: TaskDocument,
    boxes: tuple[Box, ...],
    base: int = 0,
    seconds: float = 0,
) -> int:
    request = SaveRequest(base_revision=base, boxes=boxes, seconds=seconds)
    return service.save(who, task.task_id, request).revision


def hand_in(
    service: LabelingService, who: str, task: TaskDocument, boxes: tuple[Box, ...] | None = None
) -> None:
    request = SubmitRequest(base_revision=0, boxes=boxes or accept_all(task.boxes))
    service.submit(who, task.task_id, request)


def edited(box: Box, text: str) -> Box:
    return box.model_copy(update={"text": text, "state": BoxState.EDITED})


# ---------------------------------------------------------------------- the usual way


def test_a_page_goes_from_opening_to_the_event(
    opened: Open, service: LabelingService, store: LabelingStore, announced: list[LabelingSubmitted]
) -> None:
    labeling = opened().labeling
    task = service.claim_next("ann")
    assert (task.state, task.annotator, task.revision) == (TaskState.CLAIMED, "ann", 0)
    assert save(service, "ann", task, accept_all(task.boxes)) == 1
    handed_in = service.submit("ann", task.task_id, SubmitRequest(base_revision=1))
    assert handed_in.state is TaskState.SUBMITTED
    (event,) = announced
    assert (event.labeling_id, event.round, event.tasks) == (labeling.labeling_id, 1, 1)
    known = store.labeling(labeling.labeling_id)
    assert known is not None
    assert known.state is LabelingState.SUBMITTED


def test_a_list_shows_what_i_hold_what_i_may_take_and_how_far_all_are(
    opened: Open, service: LabelingService
) -> None:
    count = opened(grid(count=40, doubtful=40), boxes_per_task=10).labeling.tasks
    mine = service.claim_next("ann")
    service.claim_next("bob")
    found = service.list("ann")
    assert found.tasks[0].task_id == mine.task_id
    assert found.tasks[0].state is TaskState.CLAIMED
    assert [task.state for task in found.tasks[1:]] == [TaskState.OPEN] * (count - 2)
    assert (found.open, found.submitted) == (count, 0)


def test_next_goes_on_with_what_i_hold(opened: Open, service: LabelingService) -> None:
    opened(grid(count=40, doubtful=40), boxes_per_task=10)
    assert service.claim_next("ann").task_id == service.claim_next("ann").task_id


def test_the_page_that_has_waited_longest_comes_first(opened: Open, service: LabelingService) -> None:
    first = opened(name="first.png")
    opened(name="second.png")
    assert service.claim_next("ann").labeling_id == first.labeling.labeling_id


def test_without_work_next_says_so(service: LabelingService) -> None:
    assert code(lambda: service.claim_next("ann")) == "NOT_FOUND"


def test_the_event_is_sent_after_the_last_task_only(
    opened: Open, service: LabelingService, announced: list[LabelingSubmitted]
) -> None:
    opened(grid(count=24, doubtful=24), boxes_per_task=12)
    for expected in ([], [1]):
        hand_in(service, "ann", service.claim_next("ann"))
        assert [event.round for event in announced] == expected


def test_seconds_and_actions_of_all_saves_add_up(
    opened: Open, service: LabelingService, store: LabelingStore
) -> None:
    opened()
    task = service.claim_next("ann")
    for base in range(3):
        boxes = (edited(task.boxes[0], f"V-{base}"), *task.boxes[1:])
        request = SaveRequest(base_revision=base, boxes=boxes, seconds=1.5, actions=4)
        service.save("ann", task.task_id, request)
    known = store.task(task.task_id)
    assert known is not None
    assert (known.seconds, known.actions, known.revision, known.unsure) == (4.5, 12, 3, 5)


def test_every_save_stays_where_it_was_written(
    opened: Open, service: LabelingService, s3: "S3Client"
) -> None:
    opened()
    task = service.claim_next("ann")
    for base in range(3):
        save(service, "ann", task, (edited(task.boxes[0], f"V-{base}"), *task.boxes[1:]), base)
    found = s3.list_objects_v2(Bucket=DATA, Prefix=f"labeling/{task.labeling_id}/tasks/{task.task_id}/")
    assert found["KeyCount"] == 4


def test_script_and_odd_characters_come_back_as_they_were(opened: Open, service: LabelingService) -> None:
    opened()
    task = service.claim_next("ann")
    odd = "<script>alert(1)</script>\t\"'&{{7*7}}\u202e\x00 锅炉 ⌀Ø \\n %s"
    save(service, "ann", task, (edited(task.boxes[0], odd), *task.boxes[1:]))
    assert service.get("ann", task.task_id).boxes[0].text == odd


# ---------------------------------------------------------------------- two people


def test_a_task_that_another_person_holds_is_not_mine(opened: Open, service: LabelingService) -> None:
    opened()
    task = service.claim_next("ann")
    request = SaveRequest(base_revision=0, boxes=task.boxes)
    for call in (
        lambda: service.get("bob", task.task_id),
        lambda: service.claim("bob", task.task_id),
        lambda: service.save("bob", task.task_id, request),
        lambda: service.submit("bob", task.task_id, SubmitRequest(base_revision=0, leave_unsure=True)),
        lambda: service.release("bob", task.task_id),
        lambda: service.renew("bob", task.task_id),
        lambda: service.tile("bob", task.task_id, 0, 0, 0, "webp"),
    ):
        assert code(call) == "NOT_YOURS"
    assert service.get("ann", task.task_id).revision == 0


def test_a_stale_save_hears_what_stands_and_who_saved_it(opened: Open, service: LabelingService) -> None:
    opened()
    task = service.claim_next("ann")
    mine = (edited(task.boxes[0], "first tab"), *task.boxes[1:])
    save(service, "ann", task, mine)
    with pytest.raises(Problem) as refused:
        save(service, "ann", task, (edited(task.boxes[0], "second tab"), *task.boxes[1:]))
    assert refused.value.answer.code == "STALE"
    assert (refused.value.answer.revision, refused.value.answer.saved_by) == (1, "ann")
    assert service.get("ann", task.task_id).boxes == mine


def test_a_save_that_is_sent_again_counts_once(
    opened: Open, service: LabelingService, store: LabelingStore
) -> None:
    opened()
    task = service.claim_next("ann")
    boxes = accept_all(task.boxes)
    assert save(service, "ann", task, boxes, seconds=7) == save(service, "ann", task, boxes, seconds=7) == 1
    known = store.task(task.task_id)
    assert known is not None
    assert known.seconds == 7


def test_of_two_saves_at_once_one_counts_and_neither_is_mixed(opened: Open, service: LabelingService) -> None:
    opened()
    task = service.claim_next("ann")
    answers = {name: (edited(task.boxes[0], name), *task.boxes[1:]) for name in ("left", "right")}
    outcome: dict[str, str] = {}
    together = threading.Barrier(2)

    def run(name: str) -> None:
        together.wait()
        try:
            save(service, "ann", task, answers[name])
            outcome[name] = "kept"
        except Problem as problem:
            outcome[name] = problem.answer.code

    threads = [threading.Thread(target=run, args=(name,)) for name in answers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcome.values()) == ["STALE", "kept"]
    kept = next(name for name, said in outcome.items() if said == "kept")
    assert service.get("ann", task.task_id).boxes == answers[kept]


def test_a_claim_that_is_over_can_be_taken_over_and_nothing_saved_is_lost(
    opened: Open, service: LabelingService, hasty: LabelingService
) -> None:
    opened()
    task = hasty.claim_next("ann")
    boxes = (edited(task.boxes[0], "saved by ann"), *task.boxes[1:])
    save(hasty, "ann", task, boxes)
    taken = service.claim("bob", task.task_id)
    assert (taken.annotator, taken.boxes, taken.revision) == ("bob", boxes, 1)
    with pytest.raises(Problem) as refused:
        save(hasty, "ann", task, accept_all(boxes), base=1)
    assert refused.value.answer.code == "NOT_YOURS"
    assert "what you saved is kept" in refused.value.answer.message
    assert (refused.value.answer.revision, refused.value.answer.saved_by) == (1, "ann")


def test_a_claim_that_is_over_but_that_nobody_took_can_still_be_saved(
    opened: Open, service: LabelingService, hasty: LabelingService
) -> None:
    opened()
    task = hasty.claim_next("ann")
    save(service, "ann", task, accept_all(task.boxes))
    assert code(lambda: service.claim("bob", task.task_id)) == "NOT_YOURS"


def test_a_save_and_a_renewal_prolong_the_claim(opened: Open, service: LabelingService) -> None:
    opened()
    task = service.claim_next("ann")
    renewed = service.renew("ann", task.task_id)
    kept = service.save("ann", task.task_id, SaveRequest(base_revision=0, boxes=accept_all(task.boxes)))
    assert task.lease_expires_at is not None
    assert renewed.lease_expires_at is not None
    assert kept.lease_expires_at is not None
    assert task.lease_expires_at < renewed.lease_expires_at < kept.lease_expires_at


def test_a_task_that_was_given_back_goes_on_where_it_was(opened: Open, service: LabelingService) -> None:
    opened()
    task = service.claim_next("ann")
    boxes = (edited(task.boxes[0], "ann's"), *task.boxes[1:])
    save(service, "ann", task, boxes)
    assert service.release("ann", task.task_id).state is TaskState.OPEN
    assert code(lambda: save(service, "ann", task, accept_all(boxes), base=1)) == "NOT_YOURS"
    assert service.claim("bob", task.task_id).boxes == boxes


def test_of_many_people_who_want_the_next_task_each_gets_another(
    opened: Open, service: LabelingService
) -> None:
    opened(grid(count=80, doubtful=80), boxes_per_task=10)
    got: list[str] = []
    together = threading.Barrier(8)

    def run(who: str) -> None:
        together.wait()
        got.append(service.claim_next(who).task_id)

    threads = [threading.Thread(target=run, args=(f"person {number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(got)) == 8


def test_of_many_last_submissions_exactly_one_sends_the_event(
    opened: Open, service: LabelingService, announced: list[LabelingSubmitted]
) -> None:
    people = [f"person {n}" for n in range(opened(grid(80, 80), boxes_per_task=10).labeling.tasks)]
    tasks = [(who, service.claim_next(who)) for who in people]
    together = threading.Barrier(len(tasks))

    def run(who: str, task: TaskDocument) -> None:
        together.wait()
        hand_in(service, who, task)

    threads = [threading.Thread(target=run, args=pair) for pair in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(announced) == 1


# ---------------------------------------------------------------------- second opinions


def test_nobody_gives_two_opinions_on_one_area(opened: Open, service: LabelingService) -> None:
    first, second = opened(second_opinions=1).task_ids
    service.claim("ann", first)
    assert code(lambda: service.claim("ann", second)) == "NOT_YOURS"
    hand_in(service, "ann", service.get("ann", first))
    assert code(lambda: service.claim("ann", second)) == "NOT_YOURS"
    assert [task.task_id for task in service.list("ann").tasks] == []
    assert service.claim("bob", second).annotator == "bob"


def test_who_gave_a_task_back_untouched_may_take_the_other_opinion(
    opened: Open, service: LabelingService
) -> None:
    first, second = opened(second_opinions=1).task_ids
    service.claim("ann", first)
    service.release("ann", first)
    assert service.claim("ann", second).annotator == "ann"


def test_who_saved_something_may_not_take_the_other_opinion(opened: Open, service: LabelingService) -> None:
    first, second = opened(second_opinions=1).task_ids
    task = service.claim("ann", first)
    save(service, "ann", task, accept_all(task.boxes))
    service.release("ann", first)
    assert code(lambda: service.claim("ann", second)) == "NOT_YOURS"


def test_second_opinions_can_be_waived_where_there_are_few_people(
    opened: Open, service: LabelingService, announced: list[LabelingSubmitted]
) -> None:
    page = opened(second_opinions=1)
    hand_in(service, "ann", service.claim_next("ann"))
    assert announced == []
    assert service.waive_second_opinions(page.labeling.labeling_id) == 1
    assert [event.tasks for event in announced] == [1]


# ---------------------------------------------------------------------- what is refused


def test_unsure_boxes_are_handed_in_only_when_asked_for(
    opened: Open, service: LabelingService, store: LabelingStore
) -> None:
    opened()
    task = service.claim_next("ann")
    assert code(lambda: service.submit("ann", task.task_id, SubmitRequest(base_revision=0))) == "INVALID"
    service.submit("ann", task.task_id, SubmitRequest(base_revision=0, leave_unsure=True))
    known = store.task(task.task_id)
    assert known is not None
    assert known.unsure == 6


def test_boxes_that_vanish_are_refused(opened: Open, service: LabelingService) -> None:
    opened()
    task = service.claim_next("ann")
    assert code(lambda: save(service, "ann", task, accept_all(task.boxes)[1:])) == "INVALID"
    assert code(lambda: save(service, "ann", task, ())) == "INVALID"


def test_a_box_that_was_drawn_may_vanish_again(opened: Open, service: LabelingService) -> None:
    opened()
    task = service.claim_next("ann")
    save(service, "ann", task, (*task.boxes, drawn("new", 300, 300)))
    assert save(service, "ann", task, task.boxes, base=1) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"state": BoxState.SURE},
        {"state": BoxState.ACCEPTED},
        {"confidence": 0.9},
        {"proposals": ("P-1",)},
        {"quad": ((-500.0, 0.0), (-400.0, 0.0), (-400.0, 20.0), (-500.0, 20.0))},
    ],
)
def test_a_new_box_must_be_drawn_on_the_page(
    change: dict[str, object], opened: Open, service: LabelingService
) -> None:
    opened()
    task = service.claim_next("ann")
    new = drawn("new", 300, 300).model_copy(update=change)
    assert code(lambda: save(service, "ann", task, (*task.boxes, new))) == "INVALID"


def test_two_boxes_with_one_id_are_refused(opened: Open, service: LabelingService) -> None:
    opened()
    task = service.claim_next("ann")
    assert code(lambda: save(service, "ann", task, (*task.boxes, task.boxes[0]))) == "INVALID"


def test_the_models_confidence_is_not_for_people_to_change(opened: Open, service: LabelingService) -> None:
    opened()
    task = service.claim_next("ann")
    forged = task.boxes[0].model_copy(update={"confidence": 1.0})
    assert code(lambda: save(service, "ann", task, (forged, *task.boxes[1:]))) == "INVALID"


def test_a_task_that_was_handed_in_is_closed(opened: Open, service: LabelingService) -> None:
    opened()
    task = service.claim_next("ann")
    hand_in(service, "ann", task)
    assert code(lambda: save(service, "ann", task, task.boxes, base=1)) == "CLOSED"
    assert code(lambda: service.claim("ann", task.task_id)) == "CLOSED"
    assert code(lambda: service.claim("bob", task.task_id)) == "CLOSED"


def test_handing_in_twice_is_the_same_as_once(
    opened: Open, service: LabelingService, announced: list[LabelingSubmitted]
) -> None:
    opened()
    task = service.claim_next("ann")
    hand_in(service, "ann", task)
    again = service.submit("ann", task.task_id, SubmitRequest(base_revision=1))
    assert again.state is TaskState.SUBMITTED
    assert len(announced) == 1


def test_the_tasks_of_a_page_that_was_given_up_are_closed(
    opened: Open, service: LabelingService, store: LabelingStore
) -> None:
    page = opened(grid(count=40, doubtful=40), boxes_per_task=10)
    task = service.claim_next("ann")
    store.end(page.labeling.labeling_id, LabelingState.CANCELLED)
    assert code(lambda: save(service, "ann", task, accept_all(task.boxes))) == "CLOSED"
    assert code(lambda: service.claim("bob", page.task_ids[-1])) == "CLOSED"
    assert service.list("bob").tasks == ()


@pytest.mark.parametrize(
    "name", ["", "t", "l-0-r1a001s1", "l-" + "0" * 20 + "-r1a001s1", "../../etc", "LABELING"]
)
def test_a_task_that_does_not_exist_is_not_found(name: str, service: LabelingService) -> None:
    assert code(lambda: service.get("ann", name)) == "NOT_FOUND"


# ---------------------------------------------------------------------- answers from elsewhere


def test_an_answer_of_ground_truth_is_a_submission_of_the_same_task(
    opened: Open, service: LabelingService, announced: list[LabelingSubmitted]
) -> None:
    page = opened(backend="ground-truth")
    assert service.list("ann").tasks == ()
    (name,) = page.task_ids
    boxes = accept_all(service.get("worker-1", name).boxes)
    for _ in range(2):
        assert service.answer(name, "worker-1", boxes, seconds=12).state is TaskState.SUBMITTED
    assert len(announced) == 1
    assert code(lambda: service.answer(name, "worker-2", boxes)) == "CLOSED"


def test_pre_labels_lie_where_the_keys_say(opened: Open, s3: "S3Client") -> None:
    page = opened()
    key = LabelingKeys(page.labeling.labeling_id).boxes(page.task_ids[0], 0)
    assert len(saved.read(key, s3=s3, data_bucket=DATA).boxes) == 12


def test_leases_can_be_of_any_length(opened: Open, store: LabelingStore) -> None:
    page = opened()
    task = store.task(page.task_ids[0])
    assert task is not None
    assert store.claim(task, "ann", timedelta(seconds=-1))
    expired = store.task(task.task_id)
    assert expired is not None
    assert expired.lease_is_over()
    assert [found.task_id for found in store.claimable("bob")] == [task.task_id]
