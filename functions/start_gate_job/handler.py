"""Start the gate of a run, a processing job; its state-change event resumes the workflow."""

from typing import Any

from drawops import runtime
from drawops.contracts.training import StartGateJob
from drawops.training.jobs import GateJobSettings, start_gate
from drawops.training.runs import RunStore
from pydantic import BaseModel


class Settings(BaseModel):
    """What this function needs beside `GateJobSettings`."""

    models_table: str


@runtime.entry_point
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`StartGateJob` in, the job's name out."""
    job = start_gate(
        StartGateJob.model_validate(event),
        store=RunStore(runtime.client("dynamodb"), runtime.settings(Settings).models_table),
        sagemaker=runtime.client("sagemaker"),
        settings=runtime.settings(GateJobSettings),
    )
    return {"job": job}
