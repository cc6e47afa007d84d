"""Say when the endpoint serves what it was moved to; `NotReady` until then."""

from typing import Any

from drawops import runtime
from drawops.contracts.deployment import AwaitRequest
from drawops.deployment.endpoint import await_configuration
from pydantic import BaseModel


class Settings(BaseModel):
    """This function needs none: it is told which endpoint."""


@runtime.entry_point
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`AwaitRequest` in and out."""
    asked = AwaitRequest.model_validate(event)
    await_configuration(asked.endpoint_name, asked.endpoint_config_name, runtime.client("sagemaker"))
    return asked.model_dump()
