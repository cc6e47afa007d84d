"""Deploying a model: every call as SageMaker's service model allows it, and idempotent."""

from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber
from drawops.deployment.endpoint import DeployRequest, EndpointSettings, deploy
from drawops.deployment.scaling import ScalingSettings, scale
from drawops.errors import NotReady

from tests.unit.core.conftest import client_of

SETTINGS = EndpointSettings(
    endpoint_name="drawops-prod-ocr",
    inference_image="123456789012.dkr.ecr.us-east-1.amazonaws.com/drawops-inference:1",
    inference_role_arn="arn:aws:iam::123456789012:role/inference-role-for-endpoint",
    inference_instance_type="ml.g5.xlarge",
    data_bucket="data",
    success_topic_arn="arn:aws:sns:us-east-1:123456789012:succeeded",
    error_topic_arn="arn:aws:sns:us-east-1:123456789012:failed",
)
REQUEST = DeployRequest(
    model_name="ppocr-v6-small",
    model_version="1.0.0",
    artifact_key="models/ppocr-v6-small/1.0.0/model.tar.gz",
)
ARN = "arn:aws:sagemaker:us-east-1:123456789012:endpoint/drawops-prod-ocr"
TIME = "2026-11-22T00:00:00Z"


@pytest.fixture
def stub() -> Stubber:
    return Stubber(boto3.client("sagemaker"))


def describe(stub: Stubber, config: str, status: str = "InService") -> None:
    answer: dict[str, Any] = {
        "EndpointName": "drawops-prod-ocr", "EndpointArn": ARN, "EndpointConfigName": config,
        "EndpointStatus": status, "CreationTime": TIME, "LastModifiedTime": TIME,
    }  # fmt: skip
    stub.add_response("describe_endpoint", answer, {"EndpointName": "drawops-prod-ocr"})


def create_parts(stub: Stubber) -> None:
    stub.add_response("create_model", {"ModelArn": ARN.replace("endpoint", "model")})
    stub.add_response(
        "create_endpoint_config",
        {"EndpointConfigArn": ARN.replace("endpoint", "endpoint-config")},
        {"EndpointConfigName": ANY, "ProductionVariants": ANY, "AsyncInferenceConfig": ANY},
    )


def run(stub: Stubber) -> str:
    with stub:
        action = deploy(REQUEST, sagemaker=client_of(stub), settings=SETTINGS).action
        stub.assert_no_pending_responses()
    return action


def test_the_first_deployment_creates_model_configuration_and_endpoint(stub: Stubber) -> None:
    create_parts(stub)
    stub.add_client_error("describe_endpoint", "ValidationException", "Could not find endpoint")
    stub.add_response("create_endpoint", {"EndpointArn": ARN})
    assert run(stub) == "created"


def test_another_model_moves_the_endpoint_to_it(stub: Stubber) -> None:
    create_parts(stub)
    describe(stub, "an-older-configuration")
    stub.add_response(
        "update_endpoint",
        {"EndpointArn": ARN},
        {
            "EndpointName": "drawops-prod-ocr",
            "EndpointConfigName": ANY,
            "RetainAllVariantProperties": False,
            "DeploymentConfig": ANY,
        },
    )
    assert run(stub) == "updated"


def test_deploying_the_same_again_changes_nothing(stub: Stubber) -> None:
    stub.add_client_error("create_model", "ValidationException", "Cannot create already existing model")
    stub.add_client_error(
        "create_endpoint_config",
        "ValidationException",
        "Cannot create already existing endpoint configuration",
    )
    create_parts(first := Stubber(boto3.client("sagemaker")))
    first.add_client_error("describe_endpoint", "ValidationException", "Could not find endpoint")
    first.add_response("create_endpoint", {"EndpointArn": ARN})
    with first:
        name = deploy(REQUEST, sagemaker=client_of(first), settings=SETTINGS).endpoint_config_name
    describe(stub, name)
    assert run(stub) == "unchanged"
    assert len(name) <= 63


@pytest.mark.parametrize("status", ["Creating", "Updating", "Failed"])
def test_an_endpoint_that_is_not_in_service_is_not_touched(status: str, stub: Stubber) -> None:
    create_parts(stub)
    describe(stub, "an-older-configuration", status)
    with pytest.raises(NotReady):
        run(stub)


def test_a_refused_request_is_not_taken_for_an_existing_object(stub: Stubber) -> None:
    stub.add_client_error("create_model", "ValidationException", "Role is not assumable")
    with pytest.raises(stub.client.exceptions.ClientError, match="not assumable"):
        run(stub)


def test_the_endpoint_sleeps_at_zero_and_wakes_by_an_alarm() -> None:
    autoscaling = Stubber(boto3.client("application-autoscaling"))
    cloudwatch = Stubber(boto3.client("cloudwatch"))
    autoscaling.add_response(
        "register_scalable_target",
        {},
        {
            "ServiceNamespace": "sagemaker",
            "ResourceId": "endpoint/drawops-prod-ocr/variant/primary",
            "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
            "MinCapacity": 0,
            "MaxCapacity": 2,
        },
    )
    autoscaling.add_response("put_scaling_policy", {"PolicyARN": "arn:backlog"})
    autoscaling.add_response("put_scaling_policy", {"PolicyARN": "arn:wake"})
    cloudwatch.add_response(
        "put_metric_alarm",
        {},
        {
            "AlarmName": "drawops-prod-ocr-wake-from-zero", "AlarmDescription": ANY,
            "MetricName": "HasBacklogWithoutCapacity", "Namespace": "AWS/SageMaker",
            "Dimensions": [{"Name": "EndpointName", "Value": "drawops-prod-ocr"}], "Statistic": "Average",
            "Period": 60, "EvaluationPeriods": 1, "DatapointsToAlarm": 1, "Threshold": 1,
            "ComparisonOperator": "GreaterThanOrEqualToThreshold", "TreatMissingData": "missing",
            "AlarmActions": ["arn:wake"],
        },
    )  # fmt: skip
    with autoscaling, cloudwatch:
        alarm = scale(
            autoscaling=client_of(autoscaling),
            cloudwatch=client_of(cloudwatch),
            settings=ScalingSettings(endpoint_name="drawops-prod-ocr"),
        )
        cloudwatch.assert_no_pending_responses()
    assert alarm == "drawops-prod-ocr-wake-from-zero"
