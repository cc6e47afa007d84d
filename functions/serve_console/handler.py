"""The web page's files."""

from base64 import b64encode
from typing import Any

from drawops import runtime
from drawops_console import HEADERS, asset
from pydantic import BaseModel


class Settings(BaseModel):
    """Environment of this function: none."""


@runtime.entry_point
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Request of an HTTP API (payload format 2.0) in, the file out."""
    try:
        found = asset(event["rawPath"].lstrip("/").removeprefix("console/"))
    except FileNotFoundError:
        return {"statusCode": 404, "headers": dict(HEADERS), "body": "There is no such page."}
    headers = {
        **HEADERS,
        "Content-Type": found.media_type,
        "Cache-Control": found.cache_control,
        "ETag": found.etag,
    }
    if event.get("headers", {}).get("if-none-match") == found.etag:
        return {"statusCode": 304, "headers": headers}
    return {
        "statusCode": 200,
        "headers": headers,
        "body": b64encode(found.content).decode(),
        "isBase64Encoded": True,
    }
