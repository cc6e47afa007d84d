"""Hand a registered drawing to the asynchronous endpoint and remember who waits for the answer."""

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from drawops.catalog import Catalog, Inference
from drawops.contracts.workflow import InvokeRequest
from drawops.errors import NotReady
from drawops.keys import RevisionKeys, inference_id, s3_uri

if TYPE_CHECKING:
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient


def invoke(
    request: InvokeRequest,
    *,
    runtime: "SageMakerRuntimeClient",
    catalog: Catalog,
    endpoint: str,
    data_bucket: str,
    timeout_seconds: int,
) -> str:
    """Queue one drawing at the endpoint and return the inference id.

    The task token is stored before the call: the notification may be faster than our next line.

    Raises:
        NotReady: the endpoint does not exist or is not in service.
        Conflict: the revision has ended in the meantime.
    """
    registered = request.registered
    inference = Inference(
        inference_id=inference_id(registered.drawing_id, registered.revision),
        task_token=request.task_token,
    )
    catalog.start_reading(registered.drawing_id, registered.revision, inference)
    ask(
        inference,
        source=s3_uri(data_bucket, RevisionKeys(registered.drawing_id, registered.revision).source),
        content_type=request.checked.media_type.value,
        accept="application/json",
        runtime=runtime,
        catalog=catalog,
        endpoint=endpoint,
        timeout_seconds=timeout_seconds,
    )
    return inference.inference_id


def ask(
    inference: Inference,
    *,
    source: str,
    content_type: str,
    accept: str,
    custom_attributes: str | None = None,
    runtime: "SageMakerRuntimeClient",
    catalog: Catalog,
    endpoint: str,
    timeout_seconds: int,
) -> None:
    """Queue a request at the endpoint and keep where its answer will lie.

    Args:
        inference: who waits; the catalog must know it already.
        source: S3 URI of the drawing.
        content_type: its media type.
        accept: what to answer: a reading (JSON) or a picture (zip).
        custom_attributes: for a picture, which page (see `drawops_vision.pyramid`).

    Raises:
        NotReady: the endpoint does not exist or is not in service.
    """
    further = {"CustomAttributes": custom_attributes} if custom_attributes else {}
    try:
        answer = runtime.invoke_endpoint_async(
            EndpointName=endpoint,
            ContentType=content_type,
            Accept=accept,
            InferenceId=inference.inference_id,
            InputLocation=source,
            InvocationTimeoutSeconds=timeout_seconds,
            **further,  # type: ignore[arg-type]
        )
    except ClientError as error:
        if error.response["Error"]["Code"] in ("ValidationError", "ValidationException"):
            raise NotReady(
                f"Endpoint {endpoint} takes no requests ({error.response['Error']['Message']}). "
                "Deploy a model to it, then try again."
            ) from error
        raise
    catalog.await_inference(
        inference.model_copy(
            update={
                "output_location": answer["OutputLocation"],
                "failure_location": answer.get("FailureLocation"),
            }
        )
    )
