"""Events from source `aws.sagemaker`.

`PutEvents` refuses sources that start with `aws.`, here as on AWS, where SageMaker itself is the sender.
In the local cloud the SageMaker runner is, and it calls PutEvents like anybody else; it is known by its
user agent. Everybody else is still refused.
"""

import contextvars
from typing import Any

from ministack.services import eventbridge  # type: ignore[import-not-found]

from . import guard

NAME = "sagemaker-events"
USER_AGENT = "drawops-sagemaker-runner"
SOURCE = "aws.sagemaker"

_from_runner: contextvars.ContextVar[bool] = contextvars.ContextVar("from_sagemaker_runner", default=False)


def apply() -> None:
    """Accept `aws.sagemaker` entries of requests that the runner sent."""
    handle = guard.function(
        eventbridge, "handle_request", ("method", "path", "headers", "body", "query_params"), NAME
    )
    put = guard.function(eventbridge, "_put_events", ("data", "allow_aws_source"), NAME)

    async def handle_request(
        method: str, path: str, headers: dict[str, str], body: bytes, query_params: dict[str, Any]
    ) -> Any:  # noqa: ANN401
        token = _from_runner.set(USER_AGENT in headers.get("user-agent", ""))
        try:
            return await handle(method, path, headers, body, query_params)
        finally:
            _from_runner.reset(token)

    def put_events(data: dict[str, Any], allow_aws_source: bool = False) -> Any:  # noqa: ANN401
        entries = data.get("Entries", [])
        allowed = _from_runner.get() and all(
            entry.get("Source") == SOURCE or not str(entry.get("Source")).startswith("aws.")
            for entry in entries
        )
        return put(data, allow_aws_source=allow_aws_source or allowed)

    eventbridge.handle_request = handle_request
    eventbridge._put_events = put_events
