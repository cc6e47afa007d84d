"""Versions of the reading model as model packages of SageMaker Model Registry.

A package is a plain SageMaker object: any notebook lists, reads and approves it. What drawops must know
beyond SageMaker's own members stands in `CustomerMetadataProperties`.
"""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from pydantic import Field

from drawops.contracts.reading import Contract
from drawops.contracts.training import ModelRef
from drawops.errors import InvalidResult, Misconfigured
from drawops.keys import s3_uri

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker.type_defs import CreateModelPackageInputTypeDef

PENDING = "PendingManualApproval"
APPROVED = "Approved"
REJECTED = "Rejected"

_MISSING = ("ValidationException", "ResourceNotFound")


class Package(Contract):
    """A version of the reading model."""

    arn: str
    group: str
    number: int = Field(ge=1, description="SageMaker's version of the package.")
    approval: str = Field(description="PendingManualApproval, Approved, Rejected.")
    created_at: datetime
    changed_at: datetime
    model: ModelRef
    parent_version: str | None = None
    run_id: str | None = None
    verdict_key: str | None = None
    metrics: dict[str, float] = Field(default={}, description="The gate's figures of the whole.")
    approval_description: str = ""
    changed_by: str = Field(default="", description="Who SageMaker says changed it last.")


def properties(
    model: ModelRef,
    *,
    parent_version: str | None = None,
    run_id: str | None = None,
    verdict_key: str | None = None,
    metrics: dict[str, float] | None = None,
) -> dict[str, str]:
    """`CustomerMetadataProperties` for a package: strings of at most 256 characters."""
    found = {
        "model_name": model.name,
        "model_version": model.version,
        "artifact_key": model.artifact_key,
        "artifact_sha256": model.artifact_sha256,
        "project": model.project,
        "dataset_version": model.dataset_version,
        "parent_version": parent_version,
        "run_id": run_id,
        "verdict_key": verdict_key,
    }
    figures = {f"metric.{name}": f"{value:.6g}" for name, value in sorted((metrics or {}).items())}
    return {name: value for name, value in found.items() if value is not None} | figures


def package_of(described: Any) -> Package:  # noqa: ANN401 - boto3's and the event's shapes differ only in types
    """What `DescribeModelPackage` says.

    Raises:
        InvalidResult: it is not one that drawops registered.
    """
    stated: dict[str, str] = described.get("CustomerMetadataProperties", {})
    try:
        model = ModelRef(
            name=stated["model_name"],
            version=stated["model_version"],
            artifact_key=stated["artifact_key"],
            artifact_sha256=stated["artifact_sha256"],
            package_arn=described["ModelPackageArn"],
            project=stated.get("project"),
            dataset_version=stated.get("dataset_version"),
        )
    except (KeyError, ValueError) as error:
        raise InvalidResult(
            f"{described['ModelPackageArn']} was not registered by drawops ({error})."
        ) from error
    return Package(
        arn=described["ModelPackageArn"],
        group=described["ModelPackageGroupName"],
        number=described["ModelPackageVersion"],
        approval=described["ModelApprovalStatus"],
        created_at=described["CreationTime"],
        changed_at=described.get("LastModifiedTime", described["CreationTime"]),
        model=model,
        parent_version=stated.get("parent_version"),
        run_id=stated.get("run_id"),
        verdict_key=stated.get("verdict_key"),
        metrics={
            name.removeprefix("metric."): float(value)
            for name, value in stated.items()
            if name.startswith("metric.")
        },
        approval_description=described.get("ApprovalDescription", ""),
        changed_by=_who(described.get("LastModifiedBy", {})),
    )


def _who(context: Any) -> str:  # noqa: ANN401
    """A user of SageMaker Studio by name, anybody else by ARN; SageMaker does not always say."""
    return str(context.get("UserProfileName") or context.get("IamIdentity", {}).get("Arn") or "")


def describe(arn: str, *, sagemaker: "SageMakerClient") -> Package:
    """A package by its ARN.

    Raises:
        Misconfigured: there is none.
    """
    try:
        return package_of(sagemaker.describe_model_package(ModelPackageName=arn))
    except ClientError as error:
        if error.response["Error"]["Code"] in _MISSING:
            raise Misconfigured(f"Model package {arn} does not exist; see `drawops models list`.") from error
        raise


def packages(group: str, *, sagemaker: "SageMakerClient") -> list[Package]:
    """All versions of the reading model that drawops registered, newest first; none: no group yet."""
    found: list[Package] = []
    try:
        for page in sagemaker.get_paginator("list_model_packages").paginate(
            ModelPackageGroupName=group, SortBy="CreationTime", SortOrder="Descending"
        ):
            for summary in page["ModelPackageSummaryList"]:
                try:
                    found.append(describe(summary["ModelPackageArn"], sagemaker=sagemaker))
                except InvalidResult:
                    continue  # somebody else's package in our group
    except ClientError as error:
        if error.response["Error"]["Code"] in _MISSING:
            return []
        raise
    return sorted(found, key=lambda package: package.number, reverse=True)


def newest_approved(group: str, *, sagemaker: "SageMakerClient") -> Package | None:
    """The approved package with the highest number: what the next candidate is trained from."""
    return next((found for found in packages(group, sagemaker=sagemaker) if found.approval == APPROVED), None)


def register(
    group: str,
    model: ModelRef,
    *,
    bucket: str,
    image: str,
    approval: str,
    description: str,
    stated: dict[str, str],
    sagemaker: "SageMakerClient",
    more: "dict[str, Any] | None" = None,
) -> Package:
    """Register a model, once: a package of the same artifact is found instead of made again.

    Args:
        group: name of the model package group; made when there is none.
        bucket: the data bucket.
        image: URI of the inference image.
        approval: PENDING or, for what serves already, APPROVED.
        description: one sentence.
        stated: see `properties`.
        more: further members of `CreateModelPackage` (ModelMetrics, ModelCard, MetadataProperties …).
    """
    for known in packages(group, sagemaker=sagemaker):
        if known.model.artifact_sha256 == model.artifact_sha256:
            return known
    _ensure_group(group, sagemaker)
    request: CreateModelPackageInputTypeDef = {
        "ModelPackageGroupName": group,
        "ModelPackageDescription": description[:1024],
        "InferenceSpecification": {
            "Containers": [{"Image": image, "ModelDataUrl": s3_uri(bucket, model.artifact_key)}],
            "SupportedContentTypes": ["image/png", "image/jpeg", "image/tiff", "application/pdf"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
        "ModelApprovalStatus": approval,
        "CustomerMetadataProperties": stated,
        **(more or {}),  # type: ignore[typeddict-item]
    }
    made = sagemaker.create_model_package(**request)
    return describe(made["ModelPackageArn"], sagemaker=sagemaker)


def _ensure_group(group: str, sagemaker: "SageMakerClient") -> None:
    try:
        sagemaker.create_model_package_group(
            ModelPackageGroupName=group,
            ModelPackageGroupDescription="Versions of the model that reads drawings (drawops).",
        )
    except ClientError as error:
        if "already exist" not in error.response["Error"]["Message"]:
            raise
