"""People take, save, hand in and give back tasks."""

from drawops.contracts.events import LabelingSubmitted
from drawops.contracts.labeling import LabelingState, SaveRequest, SubmitRequest, TaskState
from drawops.labeling.service import LabelingService
from drawops.labeling.store import LabelingStore

from tests.unit.core.labeling.pages import Open, accept_all


def test_a_page_goes_from_opening_to_the_event(
    opened: Open, service: LabelingService, store: LabelingStore, announced: list[LabelingSubmitted]
) -> None:
    labeling = opened().labeling
    task = service.claim_next("ann")
    assert (task.state, task.annotator, task.revision) == (TaskState.CLAIMED, "ann", 0)
    saved = service.save("ann", task.task_id, SaveRequest(base_revision=0, boxes=accept_all(task.boxes)))
    assert saved.revision == 1
    handed_in = service.submit("ann", task.task_id, SubmitRequest(base_revision=1))
    assert handed_in.state is TaskState.SUBMITTED
    (event,) = announced
    assert (event.labeling_id, event.round, event.tasks) == (labeling.labeling_id, 1, 1)
    known = store.labeling(labeling.labeling_id)
    assert known is not None
    assert known.state is LabelingState.SUBMITTED
