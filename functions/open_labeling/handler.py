"""Make tasks for people out of one page of a stored result."""

from typing import Any

from drawops import runtime
from drawops.contracts.labeling import Backend
from drawops.contracts.workflow import OpenRequest, jsonable
from drawops.keys import RevisionKeys
from drawops.labeling.consideration import load_result
from drawops.labeling.opening import OpeningSettings, open_page, opened
from drawops.labeling.policy import ConfidencePolicy
from drawops.labeling.store import LabelingStore


class Settings(ConfidencePolicy, OpeningSettings):
    """Environment of this function."""

    labeling_table: str
    data_bucket: str
    labeling_project: str
    labeling_backend: Backend


@runtime.entry_point
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`OpenRequest` in, `Opened` out."""
    request, settings, s3 = (
        OpenRequest.model_validate(event),
        runtime.settings(Settings),
        runtime.client("s3"),
    )
    labeling = open_page(
        load_result(s3, settings.data_bucket, RevisionKeys(request.drawing_id, request.revision).result),
        request.page,
        reason=request.reason,
        why=request.why,
        s3=s3,
        store=LabelingStore(runtime.client("dynamodb"), settings.labeling_table),
        data_bucket=settings.data_bucket,
        project=settings.labeling_project,
        backend=settings.labeling_backend,
        policy=settings,
        settings=settings,
    )
    return jsonable(opened(labeling))
