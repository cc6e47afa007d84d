"""Why a page could not become labeling work, in a sentence for people."""

from drawops.contracts.labeling import LabelingState
from drawops.contracts.workflow import LabelingFailure
from drawops.errors import Conflict
from drawops.intake.quarantine import explain
from drawops.keys import labeling_id
from drawops.labeling.store import LabelingStore

TIMED_OUT = "The page's picture did not come in time; check that the endpoint is in service."


def fail(failure: LabelingFailure, *, store: LabelingStore) -> str:
    """Mark the labeling FAILED and say why. Asking for the page again starts anew.

    Returns:
        The sentence that was recorded; when the labeling could not even be opened, it is recorded nowhere
        but in the execution.
    """
    request = failure.request
    reason = (
        TIMED_OUT if failure.error == "States.Timeout" else explain(failure.error, failure.cause).sentence
    )
    sentence = f"{reason} Ask for the page again with `drawops label request`."
    try:
        store.end(
            labeling_id(request.drawing_id, request.revision, request.page), LabelingState.FAILED, sentence
        )
    except Conflict:
        # Unknown, because opening it failed; or done, because an earlier attempt came through after all.
        return sentence
    return sentence
