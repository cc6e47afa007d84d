"""What the SageMaker runner refuses, and that it refuses it as AWS does."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from drawops_local.cloud import Cloud

from tests.contract.local_cloud.conftest import Endpoint

ROLE = "arn:aws:iam::000000000000:role/r"


@pytest.fixture
def refusal(cloud: Cloud) -> Callable[..., dict[str, Any]]:
    """Sends CreateModel as it is, as any SDK might, and returns the error."""

    def send(body: bytes) -> dict[str, Any]:
        headers = {"X-Amz-Target": "SageMaker.CreateModel"}
        request = urllib.request.Request(cloud.sagemaker_endpoint, data=body, headers=headers)
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request)
        assert refused.value.code == 400
        error: dict[str, Any] = json.loads(refused.value.read())
        return error

    return send


@pytest.fixture
def endpoint_of_nobody(cloud: Cloud, make_endpoint: type[Endpoint], name: str) -> Endpoint:
    """Model and configuration without an endpoint."""
    return make_endpoint(cloud, name)


MODEL = {"ModelName": "m", "ExecutionRoleArn": ROLE, "PrimaryContainer": {"Image": "drawops-stand-in:local"}}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (
            {"ModelName": None},
            "Value null at 'modelName' failed to satisfy constraint: Member must not be null",
        ),
        ({"ModelName": "under_score"}, "Member must satisfy regular expression pattern"),
        ({"ModelName": "m" * 64}, "length less than or equal to 63"),
        ({"ModelName": 3}, "Member must be a string"),
        ({"Colour": "red"}, "Unknown member 'Colour'"),
        ({"EnableNetworkIsolation": "yes"}, "Member must be a boolean"),
        ({"PrimaryContainer": {"Image": "drawops-stand-in:local", "Mode": "Duo"}}, "enum value set"),
        ({"PrimaryContainer": {"Image": "drawops-unknown:local"}}, "not found"),
        ({"PrimaryContainer": {"Image": "nginx"}}, "images here: drawops-stand-in:local"),
        ({"PrimaryContainer": None}, "PrimaryContainer"),
        (
            {"PrimaryContainer": {"Image": "drawops-stand-in:local", "ModelDataUrl": "s3://b/model.zip"}},
            "tar.gz",
        ),
    ],
)
def test_a_malformed_model_is_refused(
    refusal: Callable[..., dict[str, Any]], change: dict[str, Any], complaint: str
) -> None:
    request = {key: value for key, value in {**MODEL, **change}.items() if value is not None}
    error = refusal(json.dumps(request).encode())
    assert error["__type"] == "ValidationException"
    assert complaint in error["message"]


def test_every_fault_of_a_request_is_named_at_once(refusal: Callable[..., dict[str, Any]]) -> None:
    error = refusal(b'{"ModelName": "a_b", "PrimaryContainer": 3}')
    assert error["message"].startswith("2 validation errors detected: ")


def test_a_body_that_is_not_json_is_refused(refusal: Callable[..., dict[str, Any]]) -> None:
    assert refusal(b"{")["__type"] == "SerializationException"


def test_names_that_are_taken_are_refused(endpoint: Endpoint) -> None:
    name = endpoint.name
    with pytest.raises(ClientError, match=r"ValidationException.*Cannot create already existing model"):
        endpoint.model(name, "again")
    with pytest.raises(ClientError, match="Cannot create already existing endpoint configuration"):
        endpoint.config(name, name)
    with pytest.raises(ClientError, match='Cannot create already existing endpoint "arn:aws'):
        endpoint.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)


def test_names_that_nobody_has_are_refused(cloud: Cloud) -> None:
    sagemaker = cloud.client("sagemaker")
    with pytest.raises(ClientError, match="Could not find model"):
        sagemaker.describe_model(ModelName="nobody")
    with pytest.raises(ClientError, match="Could not find model"):
        sagemaker.create_endpoint_config(
            EndpointConfigName="nobody",
            ProductionVariants=[
                {
                    "VariantName": "v",
                    "ModelName": "nobody",
                    "InstanceType": "ml.m5.large",
                    "InitialInstanceCount": 1,
                }
            ],
        )
    with pytest.raises(ClientError, match="Could not find endpoint configuration"):
        sagemaker.create_endpoint(EndpointName="nobody", EndpointConfigName="nobody")
    with pytest.raises(ClientError, match="Could not find endpoint"):
        sagemaker.describe_endpoint(EndpointName="nobody")
    with pytest.raises(ClientError, match=r"ValidationError.*Endpoint nobody of account"):
        cloud.client("sagemaker-runtime").invoke_endpoint_async(
            EndpointName="nobody", InputLocation="s3://bucket/key"
        )


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        ({"InputLocation": "ftp://bucket/key"}, "pattern"),
        ({"InputLocation": "s3://bucket"}, "Invalid InputLocation"),
        ({"InputLocation": "s3://b/k", "InvocationTimeoutSeconds": 3601}, "less than or equal to 3600"),
        ({"InputLocation": "s3://b/k", "RequestTTLSeconds": 5}, "greater than or equal to 60"),
        ({"InputLocation": "s3://b/k", "Filename": "../up"}, "pattern"),
        ({"Body": b"{}"}, "InputLocation is required"),
    ],
)
def test_a_malformed_invocation_is_refused(
    endpoint: Endpoint, parameters: dict[str, Any], complaint: str
) -> None:
    client = boto3.client(
        "sagemaker-runtime",
        endpoint_url=endpoint.cloud.sagemaker_endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(parameter_validation=False),
    )
    with pytest.raises(ClientError) as refused:
        client.invoke_endpoint_async(EndpointName=endpoint.name, **parameters)
    assert refused.value.response["Error"]["Code"] == "ValidationError"
    assert complaint in refused.value.response["Error"]["Message"]


def test_operations_that_aws_has_and_this_has_not_say_so(cloud: Cloud) -> None:
    with pytest.raises(ClientError) as refused:
        cloud.client("sagemaker").create_notebook_instance(
            NotebookInstanceName="n", InstanceType="ml.t2.medium", RoleArn=ROLE
        )
    assert refused.value.response["Error"]["Code"] == "UnsupportedOperation"
    supported = str(refused.value).partition("supported: ")[2].split(", ")
    assert {"CreateEndpoint", "CreateLabelingJob", "CreateTrainingJob", "UpdateModelPackage"} <= {*supported}
    assert "CreateNotebookInstance" not in supported


def test_a_configuration_that_an_endpoint_uses_cannot_be_deleted(endpoint: Endpoint) -> None:
    with pytest.raises(ClientError, match="in use by endpoint shared-endpoint"):
        endpoint.sagemaker.delete_endpoint_config(EndpointConfigName=endpoint.name)


def test_what_was_created_is_described_and_listed(endpoint: Endpoint) -> None:
    sagemaker, name = endpoint.sagemaker, endpoint.name
    model = sagemaker.describe_model(ModelName=name)
    assert model["PrimaryContainer"]["Image"] == "drawops-stand-in:local"
    assert model["ModelArn"].endswith(f":model/{name}")
    config = sagemaker.describe_endpoint_config(EndpointConfigName=name)
    assert config["AsyncInferenceConfig"]["ClientConfig"] == {"MaxConcurrentInvocationsPerInstance": 2}
    described = sagemaker.describe_endpoint(EndpointName=name)
    assert described["EndpointStatus"] == "InService"
    assert described["ProductionVariants"][0]["CurrentInstanceCount"] == 1
    assert described["CreationTime"] <= described["LastModifiedTime"]
    assert name in [each["ModelName"] for each in sagemaker.list_models(NameContains=name)["Models"]]
    listed = sagemaker.list_endpoints(StatusEquals="InService", NameContains=name)["Endpoints"]
    assert [each["EndpointName"] for each in listed] == [name]


def test_lists_come_in_pages(endpoint_of_nobody: Endpoint) -> None:
    base = endpoint_of_nobody.name
    for number in range(3):
        endpoint_of_nobody.model(f"{base}-{number}", "x")
    pages = endpoint_of_nobody.sagemaker.get_paginator("list_models").paginate(
        NameContains=f"{base}-", SortBy="Name", SortOrder="Ascending", PaginationConfig={"PageSize": 2}
    )
    found = [[model["ModelName"] for model in page["Models"]] for page in pages]
    assert found == [[f"{base}-0", f"{base}-1"], [f"{base}-2"]]


def test_models_and_configurations_can_be_deleted(endpoint_of_nobody: Endpoint) -> None:
    name, sagemaker = endpoint_of_nobody.name, endpoint_of_nobody.sagemaker
    sagemaker.delete_endpoint_config(EndpointConfigName=name)
    sagemaker.delete_model(ModelName=name)
    with pytest.raises(ClientError, match="Could not find model"):
        sagemaker.delete_model(ModelName=name)


def test_scaling_targets_and_policies_are_kept_and_listed(endpoint: Endpoint) -> None:
    scaling = endpoint.cloud.client("application-autoscaling")
    target = {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{endpoint.name}/variant/primary",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }
    with pytest.raises(ClientError, match="ObjectNotFoundException"):
        scaling.put_scaling_policy(PolicyName="p", PolicyType="StepScaling", **target)
    scaling.register_scalable_target(MinCapacity=0, MaxCapacity=2, **target)
    scaling.register_scalable_target(MaxCapacity=3, **target)
    scaling.put_scaling_policy(
        PolicyName="p",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": 5.0,
            "CustomizedMetricSpecification": {
                "MetricName": "ApproximateBacklogSizePerInstance",
                "Namespace": "AWS/SageMaker",
                "Dimensions": [{"Name": "EndpointName", "Value": endpoint.name}],
                "Statistic": "Average",
            },
        },
        **target,
    )
    found = scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    assert [(each["MinCapacity"], each["MaxCapacity"]) for each in found] == [(0, 3)]
    policies = scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"]
    assert policies[0]["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == 5.0
    scaling.deregister_scalable_target(**target)
    assert not scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"]


def test_a_scaling_target_must_name_an_endpoint_that_exists(cloud: Cloud) -> None:
    with pytest.raises(ClientError, match="ValidationException"):
        cloud.client("application-autoscaling").register_scalable_target(
            ServiceNamespace="sagemaker",
            ResourceId="endpoint/nobody/variant/primary",
            ScalableDimension="sagemaker:variant:DesiredInstanceCount",
            MinCapacity=0,
            MaxCapacity=1,
        )
