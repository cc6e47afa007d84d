"""Tell EventBridge how a run ended when its workflow could not."""

from typing import TYPE_CHECKING

from drawops.contracts.events import SOURCE_TRAINING, TrainingFailed
from drawops.errors import Transient

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient


def announce_failure(event: TrainingFailed, events: "EventBridgeClient", bus: str = "default") -> None:
    """Send `TrainingFailed`.

    Raises:
        Transient: EventBridge did not take it.
    """
    answer = events.put_events(
        Entries=[
            {
                "EventBusName": bus,
                "Source": SOURCE_TRAINING,
                "DetailType": type(event).__name__,
                "Detail": event.model_dump_json(),
            }
        ]
    )
    if answer["FailedEntryCount"]:
        raise Transient("EventBridge did not take the event about a failed run.")
