"""Send again what got lost between the last submission of a labeling and its consolidation."""

from datetime import timedelta
from typing import Any

from drawops import runtime
from drawops.labeling.announcing import announcer, unannounced
from drawops.labeling.store import LabelingStore
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
    store = LabelingStore(runtime.client("dynamodb"), settings.labeling_table)
    announce = announcer(runtime.client("events"), settings.event_bus_name)
    again = list(unannounced(store, grace=timedelta(seconds=settings.grace_seconds)))
    for submitted in again:
        announce(submitted)
    return {"announced": [submitted.labeling_id for submitted in again]}
