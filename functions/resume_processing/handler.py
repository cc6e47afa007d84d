"""Wake the workflow that waits for an inference, by the endpoint's SNS notification."""

from typing import Any

from drawops import runtime
from drawops.catalog import Catalog
from drawops.contracts.events import InferenceNotification
from drawops.reading.resumption import resume
from pydantic import BaseModel


class Settings(BaseModel):
    """Environment of this function."""

    catalog_table: str


@runtime.entry_point
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """SNS event in; says how many workflows were woken."""
    catalog = Catalog(runtime.client("dynamodb"), runtime.settings(Settings).catalog_table)
    resumed = sum(
        resume(
            InferenceNotification.model_validate_json(record["Sns"]["Message"]),
            s3=runtime.client("s3"),
            stepfunctions=runtime.client("stepfunctions"),
            catalog=catalog,
        )
        for record in event["Records"]
    )
    return {"resumed": resumed}
