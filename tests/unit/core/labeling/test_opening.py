"""Pages become work: which, why, and how they are cut."""

from typing import TYPE_CHECKING

import pytest
from drawops.contracts.labeling import MAX_TEXT, BoxState, LabelingState, Reason
from drawops.contracts.reading import TextSource
from drawops.errors import Conflict, InvalidResult, NotReady
from drawops.keys import LabelingKeys
from drawops.labeling import boxes as saved
from drawops.labeling.opening import OpeningSettings, open_page, opinions_on, publish
from drawops.labeling.policy import ConfidencePolicy, assess, pages_that_need_people
from drawops.labeling.service import LabelingService
from drawops.labeling.store import LabelingStore

from tests.unit.core.labeling.pages import DATA, Open, grid, result, szi, text

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

POLICY = ConfidencePolicy(unsure_below=0.9, most_expected_errors=2, most_unsure_share=0.2)


def confidences(*values: float) -> list[str]:
    """What the policy says of a page with these: work or not, and why."""
    page = result([text(number, 50, 40 * number, value) for number, value in enumerate(values)]).pages[0]
    found = assess(page, POLICY)
    return [str(found.work), found.why]


def test_a_page_that_is_read_surely_is_no_work() -> None:
    assert confidences(*[0.99] * 20)[0] == "False"


def test_many_expected_errors_make_work_and_the_reason_says_how_many() -> None:
    work, why = confidences(*[0.95] * 50)
    assert work == "True"
    assert why == "2.5 errors are expected (more than 2)."


def test_a_large_share_of_doubtful_texts_makes_work() -> None:
    work, why = confidences(0.8, 0.8, 0.99, 0.99)
    assert work == "True"
    assert why == "2 of 4 texts, 50%, are under the confidence 0.9 (more than 20%)."


def test_an_empty_page_is_no_work() -> None:
    assert confidences()[0] == "False"


def test_of_a_drawing_the_pages_that_need_people_are_named() -> None:
    sure, doubtful = result([text(0, 0, 0, 0.99)]).pages[0], result([text(0, 0, 0, 0.2)]).pages[0]
    pages = [sure, doubtful.model_copy(update={"number": 2})]
    ((number, why),) = pages_that_need_people(pages, POLICY)
    assert number == 2
    assert "1 of 1 texts" in why


def test_a_text_layer_is_believed() -> None:
    exact = text(0, 0, 0, 0.1).model_copy(update={"source": TextSource.TEXT_LAYER})
    found = assess(result([exact]).pages[0], POLICY)
    assert (found.work, found.unsure, found.expected_errors) == (False, 0, 0)


def test_pre_labels_are_unsure_under_the_threshold(
    opened: Open, store: LabelingStore, s3: "S3Client"
) -> None:
    page = opened()
    (task,) = store.tasks(page.labeling.labeling_id)
    states = [box.state for box in saved.read(task.boxes_key, s3=s3, data_bucket=DATA).boxes]
    assert states == [BoxState.UNSURE] * 6 + [BoxState.SURE] * 6
    assert (task.boxes, task.unsure, page.labeling.unsure) == (12, 6, 6)


def test_a_string_that_is_too_long_for_a_box_is_cut_and_unsure(
    opened: Open, service: LabelingService
) -> None:
    opened(result([text(0, 50, 50, 1.0, "x" * 600)]))
    (box,) = service.claim_next("ann").boxes
    assert (len(box.text), box.state) == (MAX_TEXT, BoxState.UNSURE)


def test_opening_twice_finds_the_same_work(
    opened: Open, service: LabelingService, store: LabelingStore
) -> None:
    first = opened()
    service.claim_next("ann")
    again = opened(boxes_per_task=2)
    assert (again.labeling.labeling_id, again.task_ids) == (first.labeling.labeling_id, first.task_ids)
    assert service.list("ann").tasks[0].annotator == "ann"


def test_an_opening_that_broke_is_made_up_for(store: LabelingStore, s3: "S3Client", opened: Open) -> None:
    broken = open_page(
        grid(40, 40), 1, reason=Reason.REQUESTED, s3=s3, store=store, data_bucket=DATA,
        settings=OpeningSettings(boxes_per_task=5),
    )  # fmt: skip
    # It broke before its last write, the labeling itself; the tasks were there.
    key = {"pk": {"S": f"LABELING#{broken.labeling_id}"}, "sk": {"S": "LABELING"}}
    store.client.delete_item(TableName=store.table, Key=key)
    page = opened(grid(40, 40), boxes_per_task=20)
    assert len(page.task_ids) == page.labeling.tasks == page.labeling.areas < broken.areas


def test_every_box_of_the_page_is_in_exactly_one_task(
    opened: Open, store: LabelingStore, s3: "S3Client"
) -> None:
    page = opened(grid(100, 70), boxes_per_task=10)
    found = [
        box.id
        for task in store.tasks(page.labeling.labeling_id)
        for box in saved.read(task.boxes_key, s3=s3, data_bucket=DATA).boxes
    ]
    assert sorted(found) == sorted(f"p1-t{number}" for number in range(100))


def test_second_opinions_are_drawn_by_hash() -> None:
    settings = OpeningSettings(second_opinions=0.2)
    drawn = [opinions_on(f"l-{number:020x}", 1, settings) for number in range(2_000)]
    assert drawn == [opinions_on(f"l-{number:020x}", 1, settings) for number in range(2_000)]
    assert 0.17 < drawn.count(2) / 2_000 < 0.23
    assert opinions_on("l", 1, OpeningSettings(second_opinions=1, opinions=3)) == 3


def test_nobody_sees_a_page_before_its_picture_is_there(
    store: LabelingStore, s3: "S3Client", service: LabelingService
) -> None:
    labeling = open_page(grid(), 1, reason=Reason.SELECTED, s3=s3, store=store, data_bucket=DATA)
    assert labeling.state is LabelingState.PREPARING
    assert service.list("ann").tasks == ()
    with pytest.raises(NotReady):
        publish(labeling.labeling_id, s3=s3, store=store, data_bucket=DATA)


def test_a_picture_of_another_size_is_refused(store: LabelingStore, s3: "S3Client") -> None:
    labeling = open_page(grid(), 1, reason=Reason.SELECTED, s3=s3, store=store, data_bucket=DATA)
    s3.put_object(Bucket=DATA, Key=LabelingKeys(labeling.labeling_id).pyramid, Body=szi(width=10))
    with pytest.raises(InvalidResult, match="10 x 1200"):
        publish(labeling.labeling_id, s3=s3, store=store, data_bucket=DATA)


def test_publishing_twice_changes_nothing(opened: Open, store: LabelingStore, s3: "S3Client") -> None:
    page = opened()
    again = publish(page.labeling.labeling_id, s3=s3, store=store, data_bucket=DATA)
    assert again.state is LabelingState.OPEN


def test_a_page_that_does_not_exist_cannot_be_opened(store: LabelingStore, s3: "S3Client") -> None:
    with pytest.raises(InvalidResult, match="no page 2"):
        open_page(grid(), 2, reason=Reason.REQUESTED, s3=s3, store=store, data_bucket=DATA)


def test_a_page_that_was_given_up_goes_on_where_it_was(
    opened: Open, store: LabelingStore, service: LabelingService
) -> None:
    page = opened()
    service.claim_next("ann")
    store.end(page.labeling.labeling_id, LabelingState.CANCELLED)
    again = opened()
    assert (again.labeling.state, again.task_ids) == (LabelingState.OPEN, page.task_ids)
    assert [task.annotator for task in service.list("ann").tasks] == ["ann"]


def test_a_page_that_is_done_cannot_be_given_up(opened: Open, store: LabelingStore) -> None:
    page = opened()
    assert not store.all_submitted(page.labeling.labeling_id)
    with pytest.raises(Conflict):
        store.done(page.labeling.labeling_id, "{}")
