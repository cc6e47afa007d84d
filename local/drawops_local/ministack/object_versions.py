"""The version of an object in its EventBridge event.

On AWS the `object` of an S3 event names the `version-id` in a versioned bucket; MiniStack leaves it out,
and a workflow could not read exactly the bytes that were uploaded.
"""

import contextvars
import json
from typing import Any

from ministack.services import eventbridge, s3  # type: ignore[import-not-found]

from . import guard

NAME = "object-versions"

_version: contextvars.ContextVar[str | None] = contextvars.ContextVar("version_of_s3_event", default=None)


def apply() -> None:
    """Add `version-id` to S3's EventBridge events."""
    fire = guard.function(s3, "_fire_s3_event", ("bucket_name", "key", "event_name"), NAME)
    dispatch = guard.function(eventbridge, "_dispatch_event", ("event", "view"), NAME)

    def fire_s3_event(bucket_name: str, key: str, event_name: str, *rest: Any, **named: Any) -> None:  # noqa: ANN401
        token = _version.set(named.get("version_id"))
        try:
            fire(bucket_name, key, event_name, *rest, **named)
        finally:
            _version.reset(token)

    def dispatch_event(event: dict[str, Any], view: Any = None) -> None:  # noqa: ANN401
        version = _version.get()
        if version and event.get("Source") == "aws.s3":
            detail = json.loads(event["Detail"])
            detail["object"].setdefault("version-id", version)
            event, view = {**event, "Detail": json.dumps(detail)}, None
        dispatch(event, view)

    s3._fire_s3_event = fire_s3_event
    eventbridge._dispatch_event = dispatch_event
