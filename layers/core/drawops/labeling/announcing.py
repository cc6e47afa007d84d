"""Tell EventBridge that a labeling's round is complete, and find rounds whose event got lost."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from drawops.contracts.events import SOURCE_LABELING, LabelingSubmitted
from drawops.contracts.labeling import LabelingState
from drawops.dynamodb import moment
from drawops.errors import Transient
from drawops.labeling.service import submitted_event
from drawops.labeling.store import LabelingStore

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

DETAIL_TYPE = "LabelingSubmitted"


def announcer(events: "EventBridgeClient", bus: str = "default") -> Callable[[LabelingSubmitted], None]:
    """What `LabelingService` announces with: sends the event, raises `Transient` when it is not taken."""

    def announce(event: LabelingSubmitted) -> None:
        answer = events.put_events(
            Entries=[
                {
                    "EventBusName": bus,
                    "Source": SOURCE_LABELING,
                    "DetailType": DETAIL_TYPE,
                    "Detail": event.model_dump_json(),
                }
            ]
        )
        if answer["FailedEntryCount"]:
            raise Transient("EventBridge did not take the event; it is sent again by the reconciler.")

    return announce


def unannounced(
    store: LabelingStore, *, grace: timedelta = timedelta(minutes=15)
) -> Iterator[LabelingSubmitted]:
    """Events of rounds that are complete but that nothing has followed for `grace`.

    Between the last submission and its event, or between the event and the end of its workflow, a process may
    die. Sending an event again does no harm: consolidating twice is the same as once.
    """
    before = moment(datetime.now(UTC) - grace)
    for labeling in store.labelings(LabelingState.OPEN, before):
        if labeling.submitted == labeling.tasks and store.all_submitted(labeling.labeling_id):
            yield submitted_event(labeling)
    for labeling in store.labelings(LabelingState.SUBMITTED, before):
        yield submitted_event(labeling)
