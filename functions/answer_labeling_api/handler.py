"""The labeling page's API."""

from typing import Any

from drawops import runtime
from drawops.labeling.http import answer
from drawops.labeling.wiring import ApiSettings, wired


@runtime.entry_point
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Request of an HTTP API (payload format 2.0) in, its answer out."""
    settings = runtime.settings(ApiSettings)
    service, invitations = wired(
        runtime.client,
        settings.labeling_table,
        settings.data_bucket,
        settings.invitation_secret_arn,
        settings.event_bus_name,
    )
    return answer(event, service=service, invitations=invitations)
