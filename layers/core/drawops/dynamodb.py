"""What the tables of drawops share: items to and from DynamoDB's own types, times, lost races."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError


def now() -> str:
    """The present as ISO 8601 in UTC with microseconds: sorts as text."""
    return moment(datetime.now(UTC))


def moment(time: datetime) -> str:
    """A time as ISO 8601 in UTC with microseconds: sorts as text."""
    return time.astimezone(UTC).isoformat(timespec="microseconds")


def serialize(item: dict[str, Any]) -> dict[str, Any]:
    """An item in DynamoDB's types; values that are None are left out, floats become exact decimals."""
    serializer = TypeSerializer()
    return {
        name: serializer.serialize(Decimal(str(value)) if isinstance(value, float) else value)
        for name, value in item.items()
        if value is not None
    }


def deserialize(item: dict[str, Any]) -> dict[str, Any]:
    """The plain values of an item; numbers come as `Decimal`."""
    deserializer = TypeDeserializer()
    return {name: deserializer.deserialize(value) for name, value in item.items()}


def lost_the_race(error: ClientError) -> bool:
    """Whether the condition of a single write did not hold."""
    return bool(error.response["Error"]["Code"] == "ConditionalCheckFailedException")
