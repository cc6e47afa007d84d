"""How verbs reach the labeling table, and people the labeling page."""

import getpass
import re
from datetime import timedelta
from urllib.parse import quote

from drawops.labeling.invitations import Invitations
from drawops.labeling.store import LabelingStore
from drawops.labeling.wiring import invitation_key

from drawops_cli.failures import Failure
from drawops_cli.target import Target


def store_of(target: Target) -> LabelingStore:
    """The stack's labeling table."""
    return LabelingStore(target.client("dynamodb"), target.output("LabelingTableName"))


def invitations_of(target: Target) -> Invitations:
    """Issues invitations of the stack; needs permission to read its secret."""
    key = invitation_key(target.client("secretsmanager"), target.output("InvitationSecretArn"))
    return Invitations(target.client("dynamodb"), target.output("LabelingTableName"), key)


def console_url(target: Target) -> str:
    """Address of the web page; ends with a slash."""
    if target.cloud is not None:
        return f"{target.cloud.endpoint}/_aws/execute-api/{target.output('ConsoleApiId')}/$default/"
    return target.output("ConsoleUrl")


def invitation_link(target: Target, name: str, lifetime: timedelta) -> str:
    """A link that lets `name` work on the labeling page.

    Raises:
        Failure: the name is empty, too long or has control characters.
    """
    try:
        token, _ = invitations_of(target).issue(name, lifetime=lifetime)
    except ValueError as error:
        raise Failure(f"{error} Choose another name.") from None
    return f"{console_url(target)}#token={quote(token)}"


def own_name() -> str:
    """The name of whoever types, as the system knows it."""
    try:
        return re.sub(r"[^\w.@-]", "", getpass.getuser()) or "me"
    except (OSError, KeyError):
        return "me"
