"""Ask for a deployment and follow it to its end."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from botocore.exceptions import ClientError
from drawops import keys
from drawops.contracts.deployment import DeploymentRecord
from drawops.contracts.training import DeploymentMode, DeploymentRequest, DeploymentState, ModelRef
from drawops.deployment.starting import start
from drawops.deployment.store import DeploymentStore
from drawops.dynamodb import moment

from drawops_cli.failures import Failure
from drawops_cli.target import Target

_POLL_SECONDS = 0.3
_SECONDS_ON_AWS = 3600.0
_SECONDS_HERE = 300.0


def store_of(target: Target) -> DeploymentStore:
    """What the stack keeps of its deployments."""
    return DeploymentStore(
        target.client("dynamodb"), target.output("ModelsTableName"), target.output("EndpointName")
    )


def asked(
    model: ModelRef, mode: DeploymentMode, *, by: str, reason: str, verdict_key: str | None = None
) -> DeploymentRequest:
    """A person's request for a deployment: every one is another deployment."""
    return DeploymentRequest(
        deployment_id=keys.deployment_id(model.artifact_key, f"{mode}/{moment(datetime.now(UTC))}"),
        mode=mode,
        model=model,
        verdict_key=verdict_key,
        requested_by=by,
        reason=reason,
    )


def deploy(target: Target, request: DeploymentRequest, note: Callable[[str], None]) -> DeploymentRecord:
    """Start the workflow and wait until the model serves.

    Raises:
        Failure: it did not come into service; what served before still does.
    """
    machine = target.output("DeploymentStateMachineArn")
    stepfunctions = target.client("stepfunctions")
    start(request, stepfunctions, machine)
    execution = f"{machine.replace(':stateMachine:', ':execution:', 1)}:{request.deployment_id}"
    store = store_of(target)
    deadline = time.monotonic() + (_SECONDS_ON_AWS if target.cloud is None else _SECONDS_HERE)
    while True:
        record = store.deployment(request.deployment_id)
        if record is not None and record.ended:
            if record.state is DeploymentState.DEPLOYED:
                return record
            raise Failure(f"{request.model.name} {request.model.version} does not serve: {record.failure}")
        status = stepfunctions.describe_execution(executionArn=execution)["status"]
        if status not in ("RUNNING", "SUCCEEDED"):
            raise Failure(f"Deployment {request.deployment_id} broke off ({status}). See `drawops logs`.")
        if time.monotonic() > deadline:
            raise Failure(
                f"Deployment {request.deployment_id} takes long; it goes on, see `drawops models show "
                f"{request.model.version}`."
            )
        note(f"{request.model.version} {record.state.lower() if record else 'starts'}")
        time.sleep(_POLL_SECONDS)


def upload_once(target: Target, path: Path, model: ModelRef, note: Callable[[str], None]) -> None:
    """Put an artifact at its place in the data bucket; one that lies there already stays.

    Raises:
        Failure: another artifact lies there.
    """
    try:
        stored = target.s3.head_object(Bucket=target.data_bucket, Key=model.artifact_key)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("404", "NoSuchKey"):
            raise
        note(f"uploading the model, {path.stat().st_size / 1e6:.0f} MB")
        extra = {"Metadata": {"sha256": model.artifact_sha256}}
        target.s3.upload_file(str(path), target.data_bucket, model.artifact_key, ExtraArgs=extra)
        return
    if stored["Metadata"].get("sha256") != model.artifact_sha256:
        raise Failure(
            f"Model {model.name} {model.version} in the data bucket has other content than {path.name}. "
            "Give it a new VERSION (the baseline's: containers/inference/baseline_model.py), or start empty "
            "with `drawops up --fresh`."
        )
