"""The page behind the link in the mail, on which a person approves or rejects a version."""

from typing import Any

from drawops import runtime
from drawops.registry.http import answer
from drawops.registry.wiring import ApprovalSettings, LinkSettings, approvals_of, invitations_of


@runtime.entry_point
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Request of an HTTP API (payload format 2.0) in, a page out."""
    return answer(
        event,
        approvals=approvals_of(runtime.client, runtime.settings(ApprovalSettings)),
        invitations=invitations_of(runtime.client, runtime.settings(LinkSettings)),
    )
