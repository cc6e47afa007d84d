"""The labeling page's API with its clients: made once per warm Lambda, since it keeps opened pictures."""

import functools
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel

from drawops.labeling.announcing import announcer
from drawops.labeling.invitations import Invitations
from drawops.labeling.service import LabelingService
from drawops.labeling.store import LabelingStore


class ApiSettings(BaseModel):
    """Environment of the API's function."""

    labeling_table: str
    data_bucket: str
    invitation_secret_arn: str
    event_bus_name: str = "default"


@functools.cache
def wired(
    client: Callable[[str], Any], table: str, bucket: str, secret: str, bus: str
) -> tuple[LabelingService, Invitations]:
    """Service and invitations of one stack.

    Args:
        client: makes boto3 clients by the service's name (`drawops.runtime.client`).
        table: the labeling table.
        bucket: the data bucket.
        secret: ARN of the secret that invitations are signed with.
        bus: where `LabelingSubmitted` goes.
    """
    return (
        LabelingService(
            store=LabelingStore(client("dynamodb"), table),
            s3=client("s3"),
            data_bucket=bucket,
            announce=announcer(client("events"), bus),
        ),
        Invitations(client("dynamodb"), table, invitation_key(client("secretsmanager"), secret)),
    )


def invitation_key(secretsmanager: Any, secret: str) -> bytes:  # noqa: ANN401
    """The key that invitations are signed with."""
    return str(secretsmanager.get_secret_value(SecretId=secret)["SecretString"]).encode()
