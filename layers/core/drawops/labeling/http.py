"""The labeling page's API as a Lambda behind an HTTP API answers it (payload format 2.0).

    GET  /api/me                        who am I
    GET  /api/tasks                     what I hold and may take
    POST /api/tasks/next                take the next one
    GET  /api/tasks/{id}                one task with its boxes
    POST /api/tasks/{id}/claim          take it (or prolong my claim)
    PUT  /api/tasks/{id}                save
    POST /api/tasks/{id}/submit         hand in
    POST /api/tasks/{id}/release        give back
    POST /api/tasks/{id}/renew          prolong my claim
    GET  /api/tasks/{id}/tiles/{level}/{column}_{row}.{format}

Everyone shows an invitation: `Authorization: Bearer <token>`. Every refusal is an `ApiProblem`. Nothing that
a request says is repeated in a refusal, and an answer can be neither framed nor run nor sniffed.

Format: Amazon API Gateway Developer Guide, "Create AWS Lambda proxy integrations for HTTP APIs".
"""

import base64
import binascii
import json
import re
from collections.abc import Callable
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from drawops.contracts.labeling import MAX_BODY_BYTES, ApiProblem, Me, SaveRequest, SubmitRequest
from drawops.errors import InvalidResult, NotReady
from drawops.labeling.invitations import Invitation, Invitations
from drawops.labeling.problems import Problem, invalid, not_found, unauthorized
from drawops.labeling.service import LabelingService

_Body = TypeVar("_Body", bound=BaseModel)
_Answer = dict[str, Any]

_HEADERS = {
    "content-type": "application/json; charset=utf-8",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}
# A page's picture never changes; only the browser that may see it may keep it.
_TILE_HEADERS = {"cache-control": "private, max-age=604800, immutable", "vary": "authorization"}

_TASK = r"/api/tasks/(?P<task>[A-Za-z0-9-]{1,64})"
_TILE = r"/tiles/(?P<level>[0-9]{1,2})/(?P<column>[0-9]{1,6})_(?P<row>[0-9]{1,6})\.(?P<format>[a-z]{3,4})"


def answer(event: dict[str, Any], *, service: LabelingService, invitations: Invitations) -> _Answer:
    """Answer one request.

    Args:
        event: of an HTTP API, payload format 2.0.

    Returns:
        Status, headers and body for the HTTP API. `Transient` faults of AWS are not caught here.
    """
    try:
        method, path = _asked(event)
        who = invitations.check(_token(event))
        for verb, pattern, operation in _ROUTES:
            found = re.fullmatch(pattern, path)
            if found is not None and verb == method:
                return operation(service, who, event, found)
        raise not_found("There is no such thing here.")
    except Problem as problem:
        return _problem(problem.status, problem.answer)
    except (NotReady, InvalidResult) as error:
        return _problem(404, ApiProblem(code="NOT_FOUND", message=str(error)))


def _me(service: LabelingService, who: Invitation, event: _Answer, path: re.Match[str]) -> _Answer:
    return _json(Me(annotator=who.annotator, expires_at=who.expires_at))


def _list(service: LabelingService, who: Invitation, event: _Answer, path: re.Match[str]) -> _Answer:
    return _json(service.list(who.annotator))


def _next(service: LabelingService, who: Invitation, event: _Answer, path: re.Match[str]) -> _Answer:
    return _json(service.claim_next(who.annotator))


def _get(service: LabelingService, who: Invitation, event: _Answer, path: re.Match[str]) -> _Answer:
    return _json(service.get(who.annotator, path["task"]))


def _claim(service: LabelingService, who: Invitation, event: _Answer, path: re.Match[str]) -> _Answer:
    return _json(service.claim(who.annotator, path["task"]))


def _save(service: LabelingService, who: Invitation, event: _Answer, path: re.Match[str]) -> _Answer:
    return _json(service.save(who.annotator, path["task"], _body(event, SaveRequest)))


def _submit(service: LabelingService, who: Invitation, event: _Answer, path: re.Match[str]) -> _Answer:
    return _json(service.submit(who.annotator, path["task"], _body(event, SubmitRequest)))


def _release(service: LabelingService, who: Invitation, event: _Answer, path: re.Match[str]) -> _Answer:
    return _json(service.release(who.annotator, path["task"]))


def _renew(service: LabelingService, who: Invitation, event: _Answer, path: re.Match[str]) -> _Answer:
    return _json(service.renew(who.annotator, path["task"]))


def _tile(service: LabelingService, who: Invitation, event: _Answer, path: re.Match[str]) -> _Answer:
    tile = service.tile(
        who.annotator, path["task"], int(path["level"]), int(path["column"]), int(path["row"]), path["format"]
    )
    return {
        "statusCode": 200,
        "headers": {**_HEADERS, **_TILE_HEADERS, "content-type": tile.content_type},
        "body": base64.b64encode(tile.content).decode(),
        "isBase64Encoded": True,
    }


_Operation = Callable[[LabelingService, Invitation, dict[str, Any], "re.Match[str]"], _Answer]
_ROUTES: tuple[tuple[str, str, _Operation], ...] = (
    ("GET", "/api/me", _me),
    ("GET", "/api/tasks", _list),
    ("POST", "/api/tasks/next", _next),
    ("GET", _TASK, _get),
    ("PUT", _TASK, _save),
    ("POST", _TASK + "/claim", _claim),
    ("POST", _TASK + "/submit", _submit),
    ("POST", _TASK + "/release", _release),
    ("POST", _TASK + "/renew", _renew),
    ("GET", _TASK + _TILE, _tile),
)


def _asked(event: dict[str, Any]) -> tuple[str, str]:
    """Method and path, the latter without the stage's name, which a stage that is not $default puts first."""
    context = event.get("requestContext", {})
    method, path = context.get("http", {}).get("method", ""), event.get("rawPath", "")
    stage = context.get("stage", "$default")
    if stage != "$default" and path.startswith(f"/{stage}/"):
        path = path.removeprefix(f"/{stage}")
    return method, path


def _token(event: dict[str, Any]) -> str:
    headers = {name.lower(): value for name, value in event.get("headers", {}).items()}
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise unauthorized("Open the link that you were sent: it carries your invitation.")
    return str(token.strip())


def _body(event: dict[str, Any], model: type[_Body]) -> _Body:
    """The request's JSON as `model`.

    Raises:
        Problem: TOO_LARGE or INVALID; the sentence names the place by field names of ours and numbers only.
    """
    raw = event.get("body") or ""
    encoded = bool(event.get("isBase64Encoded"))
    if len(raw) > (MAX_BODY_BYTES * 4 // 3 + 4 if encoded else MAX_BODY_BYTES):
        raise _too_large()
    try:
        data = base64.b64decode(raw, validate=True) if encoded else raw.encode()
    except (binascii.Error, UnicodeEncodeError):
        raise invalid("The body is not text in UTF-8.") from None
    if len(data) > MAX_BODY_BYTES:
        raise _too_large()
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        if first["type"] == "too_long":
            raise _too_large() from None
        where = ".".join(str(part) for part in first["loc"] if first["type"] != "extra_forbidden")
        said = first["msg"] if first["type"] != "json_invalid" else "it is not proper JSON"
        raise invalid(f"The body is refused{' at ' + where if where else ''}: {said}.") from None


def _too_large() -> Problem:
    return Problem(
        ApiProblem(
            code="TOO_LARGE",
            message="That is more than one task may hold: 5,000 boxes and 5 MB. Nothing was saved.",
        )
    )


def _json(content: BaseModel) -> _Answer:
    return {"statusCode": 200, "headers": dict(_HEADERS), "body": content.model_dump_json()}


def _problem(status: int, content: ApiProblem) -> _Answer:
    headers = {**_HEADERS, **({"www-authenticate": "Bearer"} if status == 401 else {})}
    body = json.dumps(content.model_dump(exclude_none=True))
    return {"statusCode": status, "headers": headers, "body": body}
