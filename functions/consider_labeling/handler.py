"""Decide by the confidence policy which pages of a fresh result become labeling work."""

from typing import Any

from drawops import runtime
from drawops.contracts.events import DrawingProcessed
from drawops.labeling.consideration import consider
from drawops.labeling.policy import ConfidencePolicy


class Settings(ConfidencePolicy):
    """Environment of this function."""

    labeling_state_machine_arn: str


@runtime.entry_point
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Event `DrawingProcessed` in, ids of the labelings out."""
    settings = runtime.settings(Settings)
    chosen = consider(
        DrawingProcessed.model_validate(event["detail"]),
        s3=runtime.client("s3"),
        stepfunctions=runtime.client("stepfunctions"),
        state_machine_arn=settings.labeling_state_machine_arn,
        policy=settings,
    )
    return {"labelings": chosen}
