"""Start the deployment of a package that has become approved: once for each transition."""

import json
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from drawops.contracts.training import DeploymentMode, DeploymentRequest
from drawops.deployment.store import DeploymentStore
from drawops.dynamodb import now
from drawops.errors import InvalidResult, Misconfigured
from drawops.keys import deployment_id
from drawops.registry.packages import APPROVED, Package, describe

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_stepfunctions import SFNClient


def start_if_approved(
    package_arn: str,
    *,
    sagemaker: "SageMakerClient",
    stepfunctions: "SFNClient",
    store: DeploymentStore,
    state_machine_arn: str,
) -> str | None:
    """Start a deployment if the package has become approved since we last knew.

    The event only says where to look. What counts is what the registry says now: SageMaker sends an event for
    every change of a package, may send it twice and promises no order. So the table remembers since when a
    package is approved, and the deployment is named by that moment.

    Returns:
        The deployment's id; None when there is nothing to do: not approved now, nobody's package of ours,
        serving already, or dealt with before.
    """
    try:
        package = describe(package_arn, sagemaker=sagemaker)
    except (InvalidResult, Misconfigured):
        return None  # made by somebody else in our group, or deleted
    if package.approval != APPROVED:
        store.forget_approval(package_arn)
        return None
    since = store.approved_since(package_arn, now())
    if _serves(package, store):
        return None
    request = DeploymentRequest(
        deployment_id=deployment_id(package_arn, since),
        mode=DeploymentMode.CANARY,
        model=package.model,
        verdict_key=package.verdict_key,
        requested_by=package.changed_by,
        reason=package.approval_description,
    )
    if store.deployment(request.deployment_id) is not None:
        return None
    return request.deployment_id if start(request, stepfunctions, state_machine_arn) else None


def start(request: DeploymentRequest, stepfunctions: "SFNClient", state_machine_arn: str) -> bool:
    """Start the workflow under the deployment's id; False when it was started before."""
    try:
        stepfunctions.start_execution(
            stateMachineArn=state_machine_arn,
            name=request.deployment_id,
            input=json.dumps(request.model_dump(mode="json"), sort_keys=True),
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
            raise
        return False
    return True


def _serves(package: Package, store: DeploymentStore) -> bool:
    """Whether this artifact serves, or is on its way: a baseline is registered by its own deployment."""
    serving, lock = store.serving(), store.lock()
    artifact = package.model.artifact_sha256
    return (serving is not None and serving.model.artifact_sha256 == artifact) or (
        lock is not None and lock.artifact_sha256 == artifact
    )
