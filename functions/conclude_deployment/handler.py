"""Write down what serves now and free the endpoint for the next deployment."""

from typing import Any

from drawops import runtime
from drawops.contracts.deployment import DeploymentConclusion
from drawops.contracts.workflow import jsonable
from drawops.deployment.ending import conclude
from drawops.deployment.store import DeploymentStore
from pydantic import BaseModel


class Settings(BaseModel):
    """Environment of this function."""

    models_table: str
    endpoint_name: str


@runtime.entry_point
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`DeploymentConclusion` in, detail of the event `ModelDeployed` out."""
    settings = runtime.settings(Settings)
    asked = DeploymentConclusion.model_validate(event)
    deployed = conclude(
        asked.begun,
        asked.endpoint_config_name,
        store=DeploymentStore(runtime.client("dynamodb"), settings.models_table, settings.endpoint_name),
    )
    return jsonable(deployed)
