"""Record why a page could not become labeling work."""

from typing import Any

from drawops import runtime
from drawops.contracts.workflow import LabelingFailure
from drawops.labeling.failure import fail
from drawops.labeling.store import LabelingStore
from pydantic import BaseModel


class Settings(BaseModel):
    """Environment of this function."""

    labeling_table: str


@runtime.entry_point
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`LabelingFailure` in, the recorded sentence out."""
    store = LabelingStore(runtime.client("dynamodb"), runtime.settings(Settings).labeling_table)
    return {"reason": fail(LabelingFailure.model_validate(event), store=store)}
