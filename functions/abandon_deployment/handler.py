"""Put everything back as it was before a deployment that cannot go on."""

from typing import Any

from drawops import runtime
from drawops.contracts.deployment import AbandonRequest
from drawops.deployment.ending import EndingsSettings, endings


@runtime.entry_point
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`AbandonRequest` in; detail of the event `DeploymentFailed`, or null when there is nothing to say."""
    settings = runtime.settings(EndingsSettings)
    failed = endings(runtime.client, settings).answer(
        AbandonRequest.model_validate(event),
        stepfunctions=runtime.client("stepfunctions"),
        state_machine_arn=settings.state_machine_arn,
    )
    return {"event": failed.model_dump(mode="json") if failed else None}
