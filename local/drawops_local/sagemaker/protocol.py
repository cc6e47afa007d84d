"""Requests and answers as botocore's service models describe them.

The same models tell the SDKs how to write a request, so what is refused here is refused there: unknown
members, missing required ones, wrong types, and values outside the model's enums, patterns, lengths and
ranges. Messages follow AWS's wording.
"""

import base64
import binascii
import datetime
import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import unquote

import botocore.session
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape

from drawops_local.sagemaker.errors import ServiceError, unsupported

SERVICES = ("sagemaker", "sagemaker-runtime", "application-autoscaling")
_TARGETS = {"SageMaker": "sagemaker", "AnyScaleFrontendService": "application-autoscaling"}
_VALIDATION_CODES = {"sagemaker-runtime": "ValidationError"}
_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "list": (list,),
    "map": (dict,),
    "structure": (dict,),
}
# Java's character classes, which Python's regular expressions do not know. \p{L} and \p{N} become \w,
# which also accepts the underscore.
_JAVA_CLASSES = (
    (r"[\p{Print}]", r"[\x20-\x7E]"),
    (r"\p{ASCII}", r"[\x00-\x7F]"),
    (r"\p{L}", r"\w"),
    (r"\p{N}", r"\d"),
    (r"\p{Z}", r"\s"),
    (r"\z", r"\Z"),
)

Parameters = dict[str, Any]


@cache
def service_model(service: str) -> ServiceModel:
    """botocore's model of a service."""
    return botocore.session.Session().get_service_model(service)


def operation_of(
    method: str, path: str, headers: Mapping[str, str]
) -> tuple[str, OperationModel, dict[str, str]]:
    """Which operation a request asks for.

    Returns:
        service name, operation model, values from the path.

    Raises:
        ServiceError: no known service or operation.
    """
    target = headers.get("x-amz-target")
    if target:
        prefix, _, name = target.partition(".")
        service = _TARGETS.get(prefix)
        if service is None or name not in service_model(service).operation_names:
            raise ServiceError("UnknownOperationException", f"unknown target {target}")
        return service, service_model(service).operation_model(name), {}
    for name, operation, pattern in _routes():
        found = pattern.fullmatch(path)
        if found and operation.http["method"] == method:
            return (
                "sagemaker-runtime",
                service_model("sagemaker-runtime").operation_model(name),
                {key: unquote(value) for key, value in found.groupdict().items()},
            )
    raise ServiceError("UnknownOperationException", f"no operation {method} {path}", 404)


@cache
def _routes() -> tuple[tuple[str, OperationModel, re.Pattern[str]], ...]:
    model = service_model("sagemaker-runtime")
    routes = []
    for name in model.operation_names:
        operation = model.operation_model(name)
        path = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", operation.http["requestUri"])
        routes.append((name, operation, re.compile(path)))
    return tuple(routes)


def parse(
    service: str,
    operation: OperationModel,
    path_values: Mapping[str, str],
    headers: Mapping[str, str],
    body: bytes,
) -> Parameters:
    """The parameters of a request, validated.

    Raises:
        ServiceError: malformed body or parameters that the model does not allow.
    """
    shape = operation.input_shape
    if shape is None:
        return {}
    if service == "sagemaker-runtime":
        parameters = _from_rest(shape, path_values, headers, body)
    else:
        try:
            parameters = json.loads(body or b"{}")
        except ValueError as error:
            raise ServiceError("SerializationException", f"the body is not JSON: {error}") from error
    problems: list[str] = []
    validated: Parameters = _validated(shape, parameters, "", problems)
    if problems:
        plural = "s" if len(problems) > 1 else ""
        message = f"{len(problems)} validation error{plural} detected: {'; '.join(problems)}"
        raise ServiceError(_VALIDATION_CODES.get(service, "ValidationException"), message)
    return validated


def _from_rest(
    shape: StructureShape, path_values: Mapping[str, str], headers: Mapping[str, str], body: bytes
) -> Parameters:
    parameters: Parameters = {}
    for name, member in shape.members.items():
        location = member.serialization.get("location")
        key = member.serialization.get("name", name)
        if location == "uri":
            parameters[name] = path_values[key]
        elif location == "header" and key.lower() in headers:
            text = headers[key.lower()]
            numeric = member.type_name in ("integer", "long")
            parameters[name] = int(text) if numeric and re.fullmatch(r"-?\d+", text) else text
    payload = shape.serialization.get("payload")
    if payload and body:
        parameters[payload] = body
    return parameters


def _validated(shape: Shape, value: Any, path: str, problems: list[str]) -> Any:  # noqa: ANN401
    """`value` with timestamps and blobs decoded; adds a sentence to `problems` for each fault."""
    if shape.type_name == "blob":
        return _blob(value, path, problems)
    if shape.type_name == "timestamp":
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return datetime.datetime.fromtimestamp(value, datetime.UTC)
        problems.append(f"Value at '{path}' failed to satisfy constraint: Member must be a timestamp")
        return value
    if not _has_type(value, _PYTHON_TYPES[shape.type_name]):
        where = path or "the request"
        problems.append(
            f"Value at '{where}' failed to satisfy constraint: Member must be a {shape.type_name}"
        )
        return value
    if isinstance(shape, StructureShape):
        return _structure(shape, value, path, problems)
    _check_limits(shape, value, path, problems)
    if isinstance(shape, ListShape):
        return [
            _validated(shape.member, item, f"{path}.{number}.member", problems)
            for number, item in enumerate(value, 1)
        ]
    if isinstance(shape, MapShape):
        return {
            _validated(shape.key, key, f"{path}.key", problems): _validated(
                shape.value, item, f"{path}.{key}.member", problems
            )
            for key, item in value.items()
        }
    return value


def _has_type(value: object, wanted: tuple[type, ...]) -> bool:
    # Python counts True as an integer, JSON does not.
    return isinstance(value, wanted) and (bool in wanted or not isinstance(value, bool))


def _structure(shape: StructureShape, value: Parameters, path: str, problems: list[str]) -> Parameters:
    prefix = f"{path}." if path else ""
    for name in shape.required_members:
        if value.get(name) is None:
            problems.append(
                f"Value null at '{prefix}{_lower(name)}' failed to satisfy constraint: "
                "Member must not be null"
            )
    result = {}
    for name, item in value.items():
        member = shape.members.get(name)
        if member is None:
            known = ", ".join(shape.members)
            problems.append(f"Unknown member '{prefix}{name}', must be one of: {known}")
        elif item is not None:
            result[name] = _validated(member, item, f"{prefix}{_lower(name)}", problems)
    if shape.is_tagged_union and len(result) != 1:
        problems.append(f"Value at '{path}' failed to satisfy constraint: exactly one member must be set")
    return result


def _check_limits(shape: Shape, value: Any, path: str, problems: list[str]) -> None:  # noqa: ANN401
    metadata = shape.metadata
    shown = "**" if metadata.get("sensitive") else value

    def problem(constraint: str) -> None:
        problems.append(f"Value '{shown}' at '{path}' failed to satisfy constraint: {constraint}")

    enum = metadata.get("enum")
    if enum and value not in enum:
        problem(f"Member must satisfy enum value set: [{', '.join(enum)}]")
    sized = isinstance(value, (str, list, dict))
    size = len(value) if sized else value
    noun = "have length" if sized else "have value"
    if not isinstance(value, bool):
        if "min" in metadata and size < metadata["min"]:
            problem(f"Member must {noun} greater than or equal to {metadata['min']}")
        if "max" in metadata and size > metadata["max"]:
            problem(f"Member must {noun} less than or equal to {metadata['max']}")
    pattern = metadata.get("pattern")
    if isinstance(value, str) and pattern:
        compiled = _pattern(pattern)
        if compiled is not None and not compiled.fullmatch(value):
            problem(f"Member must satisfy regular expression pattern: {pattern}")


@cache
def _pattern(pattern: str) -> re.Pattern[str] | None:
    for java, python in _JAVA_CLASSES:
        pattern = pattern.replace(java, python)
    try:
        return re.compile(pattern, re.DOTALL)
    except re.error:
        return None  # a construct only Java has: the value is checked in every other way


def _blob(value: Any, path: str, problems: list[str]) -> bytes:  # noqa: ANN401
    if isinstance(value, bytes):
        return value
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, TypeError, ValueError):
        problems.append(f"Value at '{path}' failed to satisfy constraint: Member must be base64")
        return b""


def _lower(name: str) -> str:
    return name[:1].lower() + name[1:]


def answer(operation: OperationModel, result: Parameters) -> tuple[int, dict[str, str], bytes]:
    """HTTP status, headers and body of a successful answer."""
    headers = {"content-type": "application/x-amz-json-1.1"}
    shape = operation.output_shape
    status = int(operation.http.get("responseCode", 200))
    if shape is None:
        return status, headers, b""
    document = {}
    payload = shape.serialization.get("payload")
    raw = b""
    for name, value in result.items():
        member = shape.members.get(name)
        if member is None:
            raise unsupported(f"the answer of {operation.name} has no member {name}")
        if name == payload:
            raw = value
        elif member.serialization.get("location") == "header":
            headers[member.serialization["name"].lower()] = str(value)
        else:
            document[name] = value
    if payload:
        return status, headers, raw
    return status, headers, json.dumps(document, default=_timestamp).encode()


def error_answer(error: ServiceError) -> tuple[int, dict[str, str], bytes]:
    """HTTP status, headers and body of an error, in the form of both protocols."""
    headers = {"content-type": "application/x-amz-json-1.1", "x-amzn-errortype": error.code}
    body = {"__type": error.code, "message": error.message, "Message": error.message}
    return error.status, headers, json.dumps(body).encode()


def _timestamp(value: Any) -> float:  # noqa: ANN401
    if isinstance(value, datetime.datetime):
        return value.timestamp()
    raise TypeError(f"cannot write {type(value).__name__} as JSON")
