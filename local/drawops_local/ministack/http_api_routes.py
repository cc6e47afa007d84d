"""Routes of an HTTP API that come from its OpenAPI body.

SAM writes the routes of `AWS::Serverless::HttpApi` into the `Body` of `AWS::ApiGatewayV2::Api`; MiniStack
ignores the body, and every request gets 404.
"""

import re
from typing import Any

from ministack.services.cloudformation import provisioners  # type: ignore[import-not-found]

from . import guard

NAME = "http-api-routes"
_TYPE = "AWS::ApiGatewayV2::Api"
_INTEGRATION = "x-amazon-apigateway-integration"


def apply() -> None:
    """Create a route and an integration for each operation of the body."""
    handlers = provisioners._RESOURCE_HANDLERS.get(_TYPE, {})
    guard.require({"create", "update"} <= handlers.keys(), NAME, f"create and update handlers of {_TYPE}")
    guard.function(provisioners, "_apigw_v2_integration_create", ("logical_id", "props", "stack_name"), NAME)
    guard.function(provisioners, "_apigw_v2_route_create", ("logical_id", "props", "stack_name"), NAME)
    create, update = handlers["create"], handlers["update"]

    def create_api(logical_id: str, props: dict[str, Any], stack_name: str) -> Any:  # noqa: ANN401
        result = create(logical_id, props, stack_name)
        _import_body(result[0], props, stack_name)
        return result

    def update_api(
        physical_id: str,
        old: dict[str, Any],
        new: dict[str, Any],
        stack_name: str,
        *rest: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        result = update(physical_id, old, new, stack_name, *rest)
        _import_body(result[0] if isinstance(result, tuple) else physical_id, new, stack_name)
        return result

    handlers.update(create=create_api, update=update_api)


def _import_body(api_id: str, props: dict[str, Any], stack_name: str) -> None:
    body = props.get("Body")
    if not body:
        return
    provisioners._apigw_v2._routes[api_id] = {}
    provisioners._apigw_v2._integrations[api_id] = {}
    for path, operations in (body.get("paths") or {}).items():
        for verb, operation in operations.items():
            integration = operation.get(_INTEGRATION) if isinstance(operation, dict) else None
            if integration:
                _add_route(api_id, _route_key(path, verb), integration, stack_name)


def _route_key(path: str, verb: str) -> str:
    if path == "/$default":
        return "$default"
    return f"{'ANY' if 'any' in verb.lower() else verb.upper()} {path}"


def _add_route(api_id: str, key: str, integration: dict[str, Any], stack_name: str) -> None:
    function = re.search(r"functions/(arn:[^/]+)/invocations", str(integration["uri"]))
    properties = {
        "ApiId": api_id,
        "IntegrationType": "AWS_PROXY",
        "IntegrationUri": function.group(1) if function else integration["uri"],
        "PayloadFormatVersion": integration.get("payloadFormatVersion", "2.0"),
    }
    integration_id, _ = provisioners._apigw_v2_integration_create("BodyIntegration", properties, stack_name)
    route = {"ApiId": api_id, "RouteKey": key, "Target": f"integrations/{integration_id}"}
    provisioners._apigw_v2_route_create("BodyRoute", route, stack_name)
