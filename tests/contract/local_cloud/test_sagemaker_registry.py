# ruff: noqa: ANN401 - JSON documents have no narrower type here
"""Model Registry on the SageMaker runner, as a user's notebook uses it."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from drawops.contracts.events import ModelPackageStateChange
from drawops_local.cloud import Cloud

from tests.contract.local_cloud.conftest import Endpoint, Make


class Registry:
    """A group of model packages."""

    def __init__(self, cloud: Cloud, name: str) -> None:
        self.cloud, self.name = cloud, name
        self.sagemaker = cloud.client("sagemaker")
        self.sagemaker.create_model_package_group(
            ModelPackageGroupName=name, ModelPackageGroupDescription="Texts"
        )

    def register(self, **more: Any) -> str:
        container = {
            "Image": "drawops-stand-in:local",
            "ModelDataUrl": f"s3://{self.name}/models/m/model.tar.gz",
        }
        created = self.sagemaker.create_model_package(
            **{
                "ModelPackageGroupName": self.name,
                "InferenceSpecification": {
                    "Containers": [container],
                    "SupportedContentTypes": ["image/png"],
                    "SupportedResponseMIMETypes": ["application/json"],
                },
                "ModelApprovalStatus": "PendingManualApproval",
                **more,
            }
        )
        return str(created["ModelPackageArn"])

    def describe(self, arn: str) -> dict[str, Any]:
        return dict(self.sagemaker.describe_model_package(ModelPackageName=arn))


@pytest.fixture
def registry(cloud: Cloud, name: str) -> Registry:
    return Registry(cloud, name)


def test_versions_are_numbered_and_described_by_arn(registry: Registry) -> None:
    metrics = {"ModelQuality": {"Statistics": {"ContentType": "application/json", "S3Uri": "s3://b/v.json"}}}
    first = registry.register(CustomerMetadataProperties={"run_id": "t-1"}, ModelMetrics=metrics)
    second = registry.register()
    prefix = f"arn:aws:sagemaker:us-east-1:000000000000:model-package/{registry.name}"
    assert (first, second) == (f"{prefix}/1", f"{prefix}/2")
    found = registry.describe(first)
    assert (found["ModelPackageGroupName"], found["ModelPackageVersion"]) == (registry.name, 1)
    assert found["ModelPackageStatus"] == "Completed"
    assert found["ModelApprovalStatus"] == "PendingManualApproval"
    assert found["CustomerMetadataProperties"] == {"run_id": "t-1"}
    assert found["ModelMetrics"] == metrics
    registry.sagemaker.delete_model_package(ModelPackageName=second)
    assert registry.register() == f"{prefix}/3"


def test_the_same_request_twice_registers_once(registry: Registry) -> None:
    assert registry.register(ClientToken="a" * 36) == registry.register(ClientToken="a" * 36)


def test_an_approval_is_kept_and_announced(registry: Registry, make: Make) -> None:
    url, queue = make.queue(f"{registry.name}-events")
    pattern = {
        "source": ["aws.sagemaker"],
        "detail-type": ["SageMaker Model Package State Change"],
        "detail": {"ModelPackageGroupName": [registry.name], "ModelApprovalStatus": ["Approved"]},
    }
    make.rule(registry.name, pattern, queue)
    arn = registry.register()
    registry.sagemaker.update_model_package(
        ModelPackageArn=arn, ModelApprovalStatus="Approved", ApprovalDescription="Reads better"
    )
    event = json.loads(make.receive(url))
    assert event["resources"] == [arn]
    change = ModelPackageStateChange.model_validate(event)
    assert (change.detail.arn, change.detail.number, change.detail.approval) == (arn, 1, "Approved")
    assert change.detail.updated == ("ApprovalDescription", "ModelApprovalStatus")
    found = registry.describe(arn)
    assert found["ApprovalDescription"] == "Reads better"
    assert found["LastModifiedTime"] >= found["CreationTime"]
    assert found["LastModifiedBy"]["IamIdentity"]["Arn"].startswith("arn:aws:iam::000000000000:")


def test_properties_and_card_can_be_changed(registry: Registry) -> None:
    card = {"ModelCardContent": json.dumps({"model_overview": {}}), "ModelCardStatus": "Draft"}
    arn = registry.register(CustomerMetadataProperties={"keep": "1", "drop": "2"}, ModelCard=card)
    registry.sagemaker.update_model_package(
        ModelPackageArn=arn,
        CustomerMetadataProperties={"new": "3"},
        CustomerMetadataPropertiesToRemove=["drop"],
        ModelCard={**card, "ModelCardStatus": "Approved"},
    )
    found = registry.describe(arn)
    assert found["CustomerMetadataProperties"] == {"keep": "1", "new": "3"}
    assert found["ModelCard"]["ModelCardStatus"] == "Approved"


def test_versions_are_listed_by_approval_and_in_pages(registry: Registry) -> None:
    arns = [registry.register() for _ in range(3)]
    registry.sagemaker.update_model_package(ModelPackageArn=arns[1], ModelApprovalStatus="Approved")
    pages = registry.sagemaker.get_paginator("list_model_packages").paginate(
        ModelPackageGroupName=registry.name, PaginationConfig={"PageSize": 2}
    )
    listed = [found for page in pages for found in page["ModelPackageSummaryList"]]
    assert [found["ModelPackageArn"] for found in listed] == arns[::-1]
    approved = registry.sagemaker.list_model_packages(
        ModelPackageGroupName=registry.name, ModelApprovalStatus="Approved"
    )
    assert [found["ModelPackageVersion"] for found in approved["ModelPackageSummaryList"]] == [2]


def test_a_group_goes_when_its_versions_are_gone(registry: Registry) -> None:
    arn = registry.register()
    with pytest.raises(ClientError) as refused:
        registry.sagemaker.delete_model_package_group(ModelPackageGroupName=registry.name)
    assert refused.value.response["Error"]["Code"] == "ConflictException"
    registry.sagemaker.delete_model_package(ModelPackageName=arn)
    registry.sagemaker.delete_model_package_group(ModelPackageGroupName=registry.name)
    with pytest.raises(ClientError, match="does not exist"):
        registry.sagemaker.list_model_packages(ModelPackageGroupName=registry.name)
    with pytest.raises(ClientError, match="does not exist"):
        registry.describe(arn)


def test_packages_carry_tags(registry: Registry) -> None:
    registry.sagemaker.create_model_package_group(
        ModelPackageGroupName=f"{registry.name}-T", Tags=[{"Key": "stage", "Value": "test"}]
    )
    group = registry.sagemaker.describe_model_package_group(ModelPackageGroupName=f"{registry.name}-T")
    arn = group["ModelPackageGroupArn"]
    registry.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "owner", "Value": "me"}])
    registry.sagemaker.delete_tags(ResourceArn=arn, TagKeys=["stage"])
    assert registry.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "owner", "Value": "me"}]


def test_a_model_is_made_from_a_package_and_served_beside_another_endpoint(
    cloud: Cloud, name: str, endpoint: Endpoint, make_endpoint: type[Endpoint]
) -> None:
    canary = make_endpoint(cloud, name)
    registry = Registry(cloud, name)
    container = {"Image": "drawops-stand-in:local", "ModelDataUrl": f"s3://{name}/models/{name}/model.tar.gz"}
    arn = registry.register(
        InferenceSpecification={
            "Containers": [container],
            "SupportedContentTypes": ["application/json"],
            "SupportedResponseMIMETypes": ["application/json"],
        }
    )
    canary.sagemaker.create_model(
        ModelName=f"{name}-p",
        ExecutionRoleArn="arn:aws:iam::000000000000:role/r",
        PrimaryContainer={"ModelPackageName": arn, "Environment": {"OWN": "value"}},
    )
    described = canary.sagemaker.describe_model(ModelName=f"{name}-p")
    assert described["PrimaryContainer"] == {"ModelPackageName": arn, "Environment": {"OWN": "value"}}
    canary.config(f"{name}-p", f"{name}-p")
    canary.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=f"{name}-p")
    assert canary.settled()["EndpointStatus"] == "InService"

    answers = [(found, found.ask({"who": found.name})) for found in (canary, endpoint)]

    for found, _ in answers:
        found.succeeded()
    served = canary.read(answers[0][1]["OutputLocation"])
    assert served["model"] == "first"
    assert served["environment"]["OWN"] == "value"
    assert endpoint.read(answers[1][1]["OutputLocation"])["echo"] == {"who": "shared-endpoint"}
    canary.sagemaker.delete_endpoint(EndpointName=name)
