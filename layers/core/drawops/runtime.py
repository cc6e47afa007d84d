"""What every Lambda function shares: settings from the environment, AWS clients, logging, error names.

A handler stays: parse the event, read settings, one domain call, return.
"""

import functools
import os
from collections.abc import Callable
from typing import Any, TypeVar

from aws_lambda_powertools.logging import Logger
from pydantic import BaseModel, ValidationError

from drawops.errors import DrawopsError, InvalidInput, Misconfigured, Transient

logger = Logger(service="drawops")

_Settings = TypeVar("_Settings", bound=BaseModel)
_Answer = TypeVar("_Answer", dict[str, Any], list[dict[str, Any]])

_THROTTLED = frozenset(
    {
        "InternalError",
        "InternalServerError",
        "InternalServiceError",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestTimeout",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "NoSuchBucket", "UnauthorizedOperation"})


def settings(model: type[_Settings]) -> _Settings:
    """Read `model`'s fields from environment variables of the same name in capitals.

    Raises:
        Misconfigured: a variable is missing or not of its type; the sentence names it.
    """
    values = {name: os.environ[name.upper()] for name in model.model_fields if name.upper() in os.environ}
    try:
        return model.model_validate(values)
    except ValidationError as error:
        wrong = ", ".join(str(item["loc"][0]).upper() for item in error.errors())
        raise Misconfigured(f"Set these environment variables of the function: {wrong}.") from None


@functools.cache
def client(service: str) -> Any:  # noqa: ANN401 - boto3 clients have no common type
    """A boto3 client made once per execution environment, with standard retries and short timeouts."""
    import boto3
    from botocore.config import Config

    return boto3.client(
        service,  # type: ignore[call-overload]
        config=Config(
            retries={"mode": "standard", "max_attempts": 5},
            connect_timeout=5,
            read_timeout=60,
            # A Lambda works one event at a time; a pool of ten connections only costs memory.
            max_pool_connections=4,
        ),
    )


def entry_point(
    handler: Callable[[dict[str, Any], object], _Answer],
) -> Callable[[dict[str, Any], object], _Answer]:
    """Wrap a handler: log errors once, and give AWS faults the names that state machines retry on.

    The event itself is never logged: it may name a customer's drawing.
    """

    @functools.wraps(handler)
    def wrapped(event: dict[str, Any], context: object) -> _Answer:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return handler(event, context)
        except InvalidInput as error:
            logger.info("drawing refused", extra={"code": error.code.value})
            raise
        except DrawopsError as error:
            logger.warning(str(error), extra={"error": type(error).__name__})
            raise
        except ClientError as error:
            code = error.response["Error"]["Code"]
            logger.warning("AWS refused a call", extra={"operation": error.operation_name, "code": code})
            if code in _THROTTLED or error.response["ResponseMetadata"].get("HTTPStatusCode", 0) >= 500:
                raise Transient(f"{error.operation_name}: {code}") from error
            if code in _DENIED:
                raise Misconfigured(f"{error.operation_name}: {code}. Check the policy.") from error
            raise
        except BotoCoreError as error:
            logger.warning("AWS could not be reached", extra={"error": type(error).__name__})
            raise Transient(str(error)) from error
        except Exception:
            logger.exception("unexpected error")
            raise

    return wrapped
