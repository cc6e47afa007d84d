"""Model Registry: groups of versions, their approval, and the events that tell of it.

ARNs are ``…:model-package/<group>/<number>``; numbers are never given twice. Every change is announced with
UpdatedModelPackageFields, whether the approval changed or not. Packages without a group (AWS calls them
unversioned) and those for AWS Marketplace are refused by name.
"""

import datetime
import json
import re
from typing import Any

from drawops_local.credentials import ACCOUNT
from drawops_local.sagemaker.errors import ServiceError, unsupported, validation
from drawops_local.sagemaker.operations import Runner, arn, list_page, now, operation
from drawops_local.sagemaker.protocol import Parameters
from drawops_local.sagemaker.store import Document

GROUP = "model-package-group"
KIND = "model-package"
_CALLER = {"IamIdentity": {"Arn": f"arn:aws:iam::{ACCOUNT}:root", "PrincipalId": ACCOUNT}}
_NOT_DONE = {
    "ModelPackageName": "packages without a group",
    "ValidationSpecification": "validation of a package",
    "SourceAlgorithmSpecification": "packages made from an algorithm",
}
_HIDDEN = ("Tags", "ClientToken")
_PLAIN_UPDATES = (
    "ModelApprovalStatus",
    "ApprovalDescription",
    "InferenceSpecification",
    "SourceUri",
    "ModelCard",
    "ModelLifeCycle",
    "ModelPackageRegistrationType",
)
_NOT_IN_EVENTS = (
    "CustomerMetadataProperties",
    "ModelCard",
    "CreatedBy",
    "LastModifiedBy",
    "ApprovalDescription",
)


@operation("sagemaker", "CreateModelPackageGroup")
def create_model_package_group(runner: Runner, request: Parameters) -> Parameters:
    """An empty group."""
    name = request["ModelPackageGroupName"]
    document = {
        **request,
        "ModelPackageGroupStatus": "Completed",
        "CreationTime": now(),
        "CreatedBy": _CALLER,
        "Next": 1,
    }
    if not runner.store.add(GROUP, name.lower(), document):
        raise validation(f"Model Package Group already exists: {arn(GROUP, name)}")
    return {"ModelPackageGroupArn": arn(GROUP, name)}


@operation("sagemaker", "DescribeModelPackageGroup")
def describe_model_package_group(runner: Runner, request: Parameters) -> Parameters:
    """A group by name or ARN."""
    return group_description(_require_group(runner, request["ModelPackageGroupName"]))


@operation("sagemaker", "ListModelPackageGroups")
def list_model_package_groups(runner: Runner, request: Parameters) -> Parameters:
    """Groups by name or age."""
    return list_page(
        runner.store.all(GROUP),
        request,
        name="ModelPackageGroupName",
        summary=_group_summary,
        member="ModelPackageGroupSummaryList",
    )


@operation("sagemaker", "DeleteModelPackageGroup")
def delete_model_package_group(runner: Runner, request: Parameters) -> Parameters:
    """Remove a group that has no versions left."""
    with runner.store.transaction():
        group = _require_group(runner, request["ModelPackageGroupName"])
        name = group["ModelPackageGroupName"]
        if any(found["ModelPackageGroupName"] == name for found in runner.store.all(KIND)):
            raise ServiceError(
                "ConflictException",
                f"Model Package Group {arn(GROUP, name)} cannot be deleted: it still contains versions.",
            )
        runner.store.remove(GROUP, name.lower())
    return {}


@operation("sagemaker", "CreateModelPackage")
def create_model_package(runner: Runner, request: Parameters) -> Parameters:
    """The next version of a group; the same ClientToken gives the same version again."""
    for member, what in _NOT_DONE.items():
        if request.get(member):
            raise unsupported(f"{what} ({member}) are not done here")
    if "ModelPackageGroupName" not in request:
        raise validation("Specify ModelPackageGroupName.")
    if "InferenceSpecification" not in request and "SourceUri" not in request:
        raise validation("Specify InferenceSpecification or SourceUri.")
    if request.get("CertifyForMarketplace"):
        raise unsupported("packages for AWS Marketplace are not done here")
    with runner.store.transaction():
        group = _require_group(runner, request["ModelPackageGroupName"])
        name = group["ModelPackageGroupName"]
        for found in runner.store.all(KIND):
            token = request.get("ClientToken")
            if token and found["ModelPackageGroupName"] == name and found.get("ClientToken") == token:
                return {"ModelPackageArn": _arn_of(found)}
        number = group["Next"]
        runner.store.change(GROUP, name.lower(), Next=number + 1)
        document: Document = {
            "ModelApprovalStatus": "PendingManualApproval",
            "CertifyForMarketplace": False,
            **request,
            "ModelPackageGroupName": name,
            "ModelPackageVersion": number,
            "ModelPackageStatus": "Completed",
            "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
            "CreationTime": now(),
            "CreatedBy": _CALLER,
        }
        runner.store.add(KIND, _key(name, number), document)
        _announce(runner, document)
    return {"ModelPackageArn": _arn_of(document)}


@operation("sagemaker", "DescribeModelPackage")
def describe_model_package(runner: Runner, request: Parameters) -> Parameters:
    """A version by its ARN."""
    return description(require(runner, request["ModelPackageName"]))


@operation("sagemaker", "BatchDescribeModelPackage")
def batch_describe_model_package(runner: Runner, request: Parameters) -> Parameters:
    """Several versions; unknown ones are named with the error."""
    found: Parameters = {}
    errors: Parameters = {}
    members = ("ModelPackageGroupName", "ModelPackageVersion", "ModelPackageDescription", "CreationTime",
               "InferenceSpecification", "ModelPackageStatus", "ModelApprovalStatus")  # fmt: skip
    for wanted in request["ModelPackageArnList"]:
        try:
            document = require(runner, wanted)
        except ServiceError as error:
            errors[wanted] = {"ErrorCode": error.code, "ErrorResponse": error.message}
            continue
        shown = {member: document[member] for member in members if member in document}
        found[wanted] = {**shown, "ModelPackageArn": wanted}
    return {"ModelPackageSummaries": found, "BatchDescribeModelPackageErrorMap": errors}


@operation("sagemaker", "ListModelPackages")
def list_model_packages(runner: Runner, request: Parameters) -> Parameters:
    """Versions of a group, by approval, age or name."""
    documents = runner.store.all(KIND)
    if "ModelPackageGroupName" in request:
        name = _require_group(runner, request["ModelPackageGroupName"])["ModelPackageGroupName"]
        documents = [found for found in documents if found["ModelPackageGroupName"] == name]
    elif request.get("ModelPackageType", "Unversioned") == "Unversioned":
        documents = []  # there are none here
    approval = request.get("ModelApprovalStatus")
    documents = [found for found in documents if approval in (None, found["ModelApprovalStatus"])]
    return list_page(
        documents,
        request,
        name="ModelPackageGroupName",
        summary=_summary,
        member="ModelPackageSummaryList",
    )


@operation("sagemaker", "UpdateModelPackage")
def update_model_package(runner: Runner, request: Parameters) -> Parameters:
    """Approve, reject, describe: whatever may change after registration."""
    with runner.store.transaction():
        document = require(runner, request["ModelPackageArn"])
        changes: dict[str, Any] = {name: request[name] for name in _PLAIN_UPDATES if name in request}
        if request.keys() & {"CustomerMetadataProperties", "CustomerMetadataPropertiesToRemove"}:
            stated = {
                **document.get("CustomerMetadataProperties", {}),
                **request.get("CustomerMetadataProperties", {}),
            }
            for name in request.get("CustomerMetadataPropertiesToRemove", []):
                stated.pop(name, None)
            if len(stated) > 50:
                raise validation("CustomerMetadataProperties: at most 50 entries.")
            changes["CustomerMetadataProperties"] = stated
        if "AdditionalInferenceSpecificationsToAdd" in request:
            before = document.get("AdditionalInferenceSpecifications", [])
            changes["AdditionalInferenceSpecifications"] = [
                *before,
                *request["AdditionalInferenceSpecificationsToAdd"],
            ]
        changed = runner.store.change(
            KIND,
            _key(document["ModelPackageGroupName"], document["ModelPackageVersion"]),
            **changes,
            LastModifiedTime=now(),
            LastModifiedBy=_CALLER,
        )
        assert changed is not None
        _announce(runner, changed, updated=sorted(changes))
    return {"ModelPackageArn": _arn_of(document)}


@operation("sagemaker", "DeleteModelPackage")
def delete_model_package(runner: Runner, request: Parameters) -> Parameters:
    """Remove a version; its number is not given again."""
    with runner.store.transaction():
        document = require(runner, request["ModelPackageName"])
        runner.store.remove(KIND, _key(document["ModelPackageGroupName"], document["ModelPackageVersion"]))
    return {}


def require(runner: Runner, package_arn: str) -> Document:
    """The document of a version.

    Raises:
        ServiceError: there is none.
    """
    found = re.fullmatch(r"arn:[^:]+:sagemaker:[^:]*:[^:]*:model-package/([^/]+)/(\d+)", package_arn)
    document = runner.store.get(KIND, _key(found[1], int(found[2]))) if found else None
    if document is None:
        raise validation(f"ModelPackage {package_arn} does not exist.")
    return document


def description(document: Document) -> Parameters:
    """What DescribeModelPackage says about a stored version."""
    shown = {name: value for name, value in document.items() if name not in _HIDDEN}
    return {**shown, "ModelPackageArn": _arn_of(document)}


def group_description(document: Document) -> Parameters:
    """What DescribeModelPackageGroup says about a stored group."""
    shown = {name: value for name, value in document.items() if name not in (*_HIDDEN, "Next")}
    return {**shown, "ModelPackageGroupArn": arn(GROUP, document["ModelPackageGroupName"])}


def container_of(document: Document) -> Document:
    """Image, model data and variables of a version, for CreateModel.

    Raises:
        ServiceError: it has not exactly one container.
    """
    containers = document.get("InferenceSpecification", {}).get("Containers", [])
    if len(containers) != 1 or "Image" not in containers[0]:
        raise unsupported(f"{_arn_of(document)} needs exactly one container with an image to be served here")
    known = ("Image", "ModelDataUrl", "Environment")
    return {name: containers[0][name] for name in known if name in containers[0]}


def _announce(runner: Runner, document: Document, updated: list[str] | None = None) -> None:
    detail = {name: value for name, value in description(document).items() if name not in _NOT_IN_EVENTS}
    for name in ("CreationTime", "LastModifiedTime"):
        if name in detail:
            moment = datetime.datetime.fromtimestamp(detail[name], datetime.UTC)
            detail[name] = moment.isoformat(timespec="seconds").replace("+00:00", "Z")
    if updated is not None:
        detail["UpdatedModelPackageFields"] = updated
    runner.store.post(
        "event",
        {
            "Source": "aws.sagemaker",
            "DetailType": "SageMaker Model Package State Change",
            "Resources": [_arn_of(document)],
            "Detail": json.dumps(detail),
        },
    )
    runner.outbox.wake()


def _require_group(runner: Runner, name: str) -> Document:
    bare = name.rpartition(":model-package-group/")[2]
    document = runner.store.get(GROUP, bare.lower())
    if document is None:
        raise validation(f"ModelPackageGroup {arn(GROUP, bare)} does not exist.")
    return document


def _key(group: str, number: int) -> str:
    return f"{group.lower()}/{number}"


def _arn_of(document: Document) -> str:
    return arn(KIND, _key(document["ModelPackageGroupName"], document["ModelPackageVersion"]))


def _summary(document: Document) -> Parameters:
    members = ("ModelPackageGroupName", "ModelPackageVersion", "ModelPackageDescription", "CreationTime",
               "ModelPackageStatus", "ModelApprovalStatus", "ModelLifeCycle",
               "ModelPackageRegistrationType")  # fmt: skip
    summary = {member: document[member] for member in members if member in document}
    return {**summary, "ModelPackageArn": _arn_of(document)}


def _group_summary(document: Document) -> Parameters:
    members = (
        "ModelPackageGroupName",
        "ModelPackageGroupDescription",
        "CreationTime",
        "ModelPackageGroupStatus",
    )
    summary = {member: document[member] for member in members if member in document}
    return {**summary, "ModelPackageGroupArn": arn(GROUP, document["ModelPackageGroupName"])}
