"""Order a page's picture from the endpoint; its notification resumes the workflow."""

from typing import Any

from drawops import runtime
from drawops.catalog import Catalog
from drawops.contracts.workflow import PictureRequest
from drawops.labeling.picture import areas_to_cut, order_picture
from drawops.labeling.store import LabelingStore
from pydantic import BaseModel


class Settings(BaseModel):
    """Environment of this function."""

    catalog_table: str
    labeling_table: str
    data_bucket: str
    endpoint_name: str
    reading_timeout_seconds: int


@runtime.entry_point
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`PictureRequest` in, the inference id out."""
    request, settings = PictureRequest.model_validate(event), runtime.settings(Settings)
    store = LabelingStore(runtime.client("dynamodb"), settings.labeling_table)
    labeling = store.known(request.labeling_id)
    inference_id = order_picture(
        labeling,
        areas_to_cut(labeling, store),
        request.task_token,
        runtime=runtime.client("sagemaker-runtime"),
        catalog=Catalog(runtime.client("dynamodb"), settings.catalog_table),
        endpoint=settings.endpoint_name,
        data_bucket=settings.data_bucket,
        timeout_seconds=settings.reading_timeout_seconds,
    )
    return {"inference_id": inference_id}
