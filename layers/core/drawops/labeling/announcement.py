"""Tell everybody that a labeling's round is complete."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from drawops.contracts.events import SOURCE_LABELING, LabelingSubmitted
from drawops.errors import Transient

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient


def announcer(events: "EventBridgeClient", bus: str = "default") -> Callable[[LabelingSubmitted], None]:
    """A function that puts `LabelingSubmitted` on the bus; it raises `Transient` when the bus refuses."""

    def announce(detail: LabelingSubmitted) -> None:
        answer = events.put_events(
            Entries=[
                {
                    "EventBusName": bus,
                    "Source": SOURCE_LABELING,
                    "DetailType": "LabelingSubmitted",
                    "Detail": detail.model_dump_json(),
                }
            ]
        )
        if answer["FailedEntryCount"]:
            raise Transient(f"LabelingSubmitted was refused: {answer['Entries'][0].get('ErrorCode')}")

    return announce
