"""Start the deployment of a model package that has become approved."""

from typing import Any

from drawops import runtime
from drawops.contracts.events import ModelPackageStateChange
from drawops.deployment.starting import start_if_approved
from drawops.deployment.store import DeploymentStore
from pydantic import BaseModel


class Settings(BaseModel):
    """Environment of this function."""

    models_table: str
    endpoint_name: str
    state_machine_arn: str


@runtime.entry_point
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`SageMaker Model Package State Change` in; the deployment that it started, if any."""
    settings = runtime.settings(Settings)
    started = start_if_approved(
        ModelPackageStateChange.model_validate(event).detail.arn,
        sagemaker=runtime.client("sagemaker"),
        stepfunctions=runtime.client("stepfunctions"),
        store=DeploymentStore(runtime.client("dynamodb"), settings.models_table, settings.endpoint_name),
        state_machine_arn=settings.state_machine_arn,
    )
    return {"deployment_id": started}
