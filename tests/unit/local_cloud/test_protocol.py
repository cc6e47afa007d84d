"""Requests are checked against AWS's own description of the service."""

import json
from typing import Any

import pytest
from drawops_local.sagemaker.errors import ServiceError
from drawops_local.sagemaker.protocol import answer, error_answer, operation_of, parse, service_model


def parsed(operation: str, request: dict[str, Any], service: str = "sagemaker") -> dict[str, Any]:
    model = service_model(service).operation_model(operation)
    return parse(service, model, {}, {}, json.dumps(request).encode())


def refused(operation: str, request: dict[str, Any]) -> str:
    with pytest.raises(ServiceError) as error:
        parsed(operation, request)
    assert error.value.code == "ValidationException"
    return error.value.message


def test_a_valid_request_comes_through_unchanged() -> None:
    request = {"EndpointName": "e-1", "EndpointConfigName": "c-1", "Tags": [{"Key": "a", "Value": "b c"}]}
    assert parsed("CreateEndpoint", request) == request


def test_faults_deep_inside_are_named_with_their_path() -> None:
    message = refused(
        "CreateEndpointConfig",
        {
            "EndpointConfigName": "c",
            "ProductionVariants": [
                {"VariantName": "v", "ModelName": "m", "InstanceType": "ml.huge", "InitialInstanceCount": 0}
            ],
        },
    )
    assert "Value 'ml.huge' at 'productionVariants.1.member.instanceType'" in message
    assert "Value '0' at 'productionVariants.1.member.initialInstanceCount'" in message
    assert "greater than or equal to 1" in message


def test_a_number_is_not_a_boolean_and_a_boolean_not_a_number() -> None:
    base = {"EndpointConfigName": "c", "ProductionVariants": [{"VariantName": "v", "ModelName": "m"}]}
    assert "must be a boolean" in refused("CreateEndpointConfig", {**base, "EnableNetworkIsolation": 1})
    variant = {"VariantName": "v", "ModelName": "m", "InitialInstanceCount": True}
    assert "must be a integer" in refused("CreateEndpointConfig", {**base, "ProductionVariants": [variant]})


def test_null_is_the_same_as_absent() -> None:
    assert parsed("ListModels", {"NameContains": None}) == {}
    assert "must not be null" in refused("DescribeModel", {"ModelName": None})


def test_timestamps_become_moments() -> None:
    found = parsed("ListModels", {"CreationTimeAfter": 0})
    assert found["CreationTimeAfter"].isoformat() == "1970-01-01T00:00:00+00:00"
    assert "must be a timestamp" in refused("ListModels", {"CreationTimeAfter": "yesterday"})


def test_a_rest_request_is_found_by_its_path_and_headers() -> None:
    path = "/endpoints/my-endpoint/async-invocations"
    service, model, values = operation_of("POST", path, {})
    headers = {
        "x-amzn-sagemaker-inputlocation": "s3://bucket/key",
        "x-amzn-sagemaker-requestttlseconds": "60",
    }
    assert (service, model.name) == ("sagemaker-runtime", "InvokeEndpointAsync")
    assert parse(service, model, values, headers, b"") == {
        "EndpointName": "my-endpoint",
        "InputLocation": "s3://bucket/key",
        "RequestTTLSeconds": 60,
    }


@pytest.mark.parametrize("target", ["SageMaker.CreateNothing", "Unheard.Of", "CreateModel"])
def test_an_unknown_operation_is_refused(target: str) -> None:
    with pytest.raises(ServiceError, match="unknown target"):
        operation_of("POST", "/", {"x-amz-target": target})


def test_an_answer_puts_members_where_the_model_wants_them() -> None:
    model = service_model("sagemaker-runtime").operation_model("InvokeEndpointAsync")
    status, headers, body = answer(model, {"InferenceId": "i", "OutputLocation": "s3://b/o"})
    assert status == 202
    assert headers["x-amzn-sagemaker-outputlocation"] == "s3://b/o"
    assert json.loads(body) == {"InferenceId": "i"}


def test_an_error_carries_its_code_for_both_protocols() -> None:
    status, headers, body = error_answer(ServiceError("ValidationException", "no"))
    assert (status, headers["x-amzn-errortype"]) == (400, "ValidationException")
    assert json.loads(body)["__type"] == "ValidationException"
