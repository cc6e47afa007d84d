"""Labelings that hang between the last submission and consolidation get moving again.

The last submission changes the state first and sends its event then, so a crash between the two loses the
event. Sending it once more is harmless: consolidation may be repeated.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from drawops.contracts.events import LabelingSubmitted
from drawops.contracts.labeling import LabelingState
from drawops.dynamodb import moment
from drawops.labeling.service import submitted_event
from drawops.labeling.store import LabelingStore

GIVE_UP = timedelta(days=2)
"""Older than this, sending it again does not help; an alarm has told the operator meanwhile."""


def reconcile(
    store: LabelingStore, *, announce: Callable[[LabelingSubmitted], None], grace: timedelta
) -> list[str]:
    """Announce labelings again that are SUBMITTED for longer than `grace`.

    Returns:
        Their ids.
    """
    now = datetime.now(UTC)
    again = []
    for labeling in store.labelings(LabelingState.SUBMITTED, before=moment(now - grace)):
        if labeling.updated_at > moment(now - GIVE_UP):
            announce(submitted_event(labeling))
            again.append(labeling.labeling_id)
    return again
