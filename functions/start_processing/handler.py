"""Start the workflow for each upload that the buffer queue hands over."""

import json
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from drawops import runtime
from drawops.contracts.events import ObjectCreated
from drawops.intake.start import start
from pydantic import BaseModel


class Settings(BaseModel):
    """Environment of this function."""

    state_machine_arn: str


@runtime.entry_point
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer with the messages to deliver again; one bad message does not hold up the others."""
    settings = runtime.settings(Settings)
    failed = []
    for record in event["Records"]:
        try:
            upload = ObjectCreated.model_validate(json.loads(record["body"])).upload()
            start(
                upload,
                stepfunctions=runtime.client("stepfunctions"),
                state_machine_arn=settings.state_machine_arn,
            )
        except (ValueError, ClientError, BotoCoreError) as error:
            runtime.logger.warning("could not start", extra={"error": type(error).__name__})
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}
