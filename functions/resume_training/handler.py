"""Wake the workflow that waits for a training or processing job, by SageMaker's event."""

from typing import Any

from drawops import runtime
from drawops.contracts.events import ProcessingJobStateChange, TrainingJobStateChange
from drawops.training.resumption import resume
from drawops.training.runs import RunStore
from pydantic import BaseModel, TypeAdapter

_EVENT: TypeAdapter[TrainingJobStateChange | ProcessingJobStateChange] = TypeAdapter(
    TrainingJobStateChange | ProcessingJobStateChange
)


class Settings(BaseModel):
    """Environment of this function."""

    models_table: str


@runtime.entry_point
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """State change of a job in; says whether a workflow was woken."""
    resumed = resume(
        _EVENT.validate_python(event).job,
        store=RunStore(runtime.client("dynamodb"), runtime.settings(Settings).models_table),
        sagemaker=runtime.client("sagemaker"),
        stepfunctions=runtime.client("stepfunctions"),
    )
    return {"resumed": resumed}
