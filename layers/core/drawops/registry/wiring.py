"""Approvals and links with their clients, from a function's environment."""

import functools
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel

from drawops.labeling.invitations import Invitations
from drawops.labeling.wiring import invitation_key
from drawops.registry.approvals import Approvals


class ApprovalSettings(BaseModel):
    """Whose packages are decided on; field names in capitals are environment variables."""

    models_table: str
    model_package_group: str


class LinkSettings(BaseModel):
    """What links are signed with, and where it is known which are spent."""

    labeling_table: str
    invitation_secret_arn: str


def approvals_of(client: Callable[[str], Any], settings: ApprovalSettings) -> Approvals:
    """Decisions of one stack.

    Args:
        client: makes boto3 clients by the service's name (`drawops.runtime.client`).
    """
    return Approvals(
        client("dynamodb"), settings.models_table, client("sagemaker"), settings.model_package_group
    )


def invitations_of(client: Callable[[str], Any], settings: LinkSettings) -> Invitations:
    """Links of one stack; the key is asked for once per warm Lambda."""
    key = _key(client, settings.invitation_secret_arn)
    return Invitations(client("dynamodb"), settings.labeling_table, key)


@functools.cache
def _key(client: Callable[[str], Any], secret: str) -> bytes:
    return invitation_key(client("secretsmanager"), secret)
