"""Send again what got lost between the last submission of a labeling and its consolidation."""

from datetime import timedelta
from functools import partial
from typing import Any

from drawops import runtime
from drawops.labeling.reconciliation import reconcile
from drawops.labeling.store import LabelingStore
from drawops.labeling.wiring import send
from pydantic import BaseModel


class Settings(BaseModel):
    """Environment of this function."""

    labeling_table: str
    event_bus_name: str
    grace_seconds: int


@runtime.entry_point
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Anything in; ids of the labelings that were announced again out."""
    settings = runtime.settings(Settings)
    again = reconcile(
        LabelingStore(runtime.client("dynamodb"), settings.labeling_table),
        announce=partial(send, events=runtime.client("events"), bus=settings.event_bus_name),
        grace=timedelta(seconds=settings.grace_seconds),
    )
    return {"announced": again}
