"""End a run by the gate's verdict: register what passed and ask for approval, record what did not."""

from typing import Any

from drawops import runtime
from drawops.contracts.training import ConcludeRequest
from drawops.contracts.workflow import jsonable
from drawops.registry.wiring import LinkSettings, invitations_of
from drawops.training.conclusion import ConcludeSettings, conclude
from drawops.training.runs import RunStore
from pydantic import BaseModel


class Settings(BaseModel):
    """What this function needs beside `ConcludeSettings` and `LinkSettings`."""

    models_table: str


@runtime.entry_point
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`ConcludeRequest` in, `Concluded` out."""
    concluded = conclude(
        ConcludeRequest.model_validate(event),
        store=RunStore(runtime.client("dynamodb"), runtime.settings(Settings).models_table),
        s3=runtime.client("s3"),
        sagemaker=runtime.client("sagemaker"),
        sns=runtime.client("sns"),
        invitations=invitations_of(runtime.client, runtime.settings(LinkSettings)),
        settings=runtime.settings(ConcludeSettings),
    )
    return jsonable(concluded)
