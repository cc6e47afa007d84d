"""Models: an image, model data and environment variables."""

from drawops_local.images import ImageNotFound, find_image
from drawops_local.sagemaker import model_packages
from drawops_local.sagemaker.errors import unsupported, validation
from drawops_local.sagemaker.model_data import is_model_url
from drawops_local.sagemaker.operations import Runner, arn, create, list_page, now, operation, require
from drawops_local.sagemaker.protocol import Parameters
from drawops_local.sagemaker.store import Document

KIND = "model"
_RESOLVED = "ResolvedContainer"


@operation("sagemaker", "CreateModel")
def create_model(runner: Runner, request: Parameters) -> Parameters:
    """Store a model; its image must have been built here."""
    name = request["ModelName"]
    container = _only_container(request)
    resolved = container
    if "ModelPackageName" in container:
        package = model_packages.container_of(model_packages.require(runner, container["ModelPackageName"]))
        variables = {**package.get("Environment", {}), **container.get("Environment", {})}
        resolved = {**package, "Environment": variables}
    container = resolved
    if "Image" not in container:
        raise validation("A model needs Image or ModelPackageName.")
    url = container.get("ModelDataUrl")
    if url is not None and not is_model_url(url):
        raise validation(f"Invalid ModelDataUrl {url!r}: it must be an s3:// URI that ends in .tar.gz.")
    try:
        find_image(runner.images, container["Image"])
    except ImageNotFound as error:
        raise validation(f"Requested image {container['Image']} not found: {error}") from error
    # What a package says now: an endpoint goes on serving it when the package is gone.
    document = {**request, _RESOLVED: resolved, "CreationTime": now()}
    create(runner, KIND, name, document, noun="model")
    return {"ModelArn": arn(KIND, name)}


@operation("sagemaker", "DescribeModel")
def describe_model(runner: Runner, request: Parameters) -> Parameters:
    """The model as it was created."""
    document = require(runner, KIND, request["ModelName"], noun="model")
    for hidden in ("Tags", _RESOLVED):
        document.pop(hidden, None)
    return {**document, "ModelArn": arn(KIND, request["ModelName"])}


@operation("sagemaker", "DeleteModel")
def delete_model(runner: Runner, request: Parameters) -> Parameters:
    """Remove a model; endpoints that use it keep what they have loaded."""
    require(runner, KIND, request["ModelName"], noun="model")
    runner.store.remove(KIND, request["ModelName"])
    return {}


@operation("sagemaker", "ListModels")
def list_models(runner: Runner, request: Parameters) -> Parameters:
    """Models by name or age."""
    return list_page(runner.store.all(KIND), request, name="ModelName", summary=_summary, member="Models")


def container_of(model: Document) -> Document:
    """The container definition of a stored model; of a model package, what that says."""
    resolved: Document = model.get(_RESOLVED) or _only_container(model)
    return resolved


def _only_container(request: Document) -> Document:
    containers = [*([request["PrimaryContainer"]] if "PrimaryContainer" in request else [])]
    containers += request.get("Containers", [])
    if not containers:
        raise validation("Specify one of PrimaryContainer and Containers.")
    if len(containers) > 1:
        raise unsupported("inference pipelines (several containers in one model) are not supported here")
    container: Document = containers[0]
    return container


def _summary(document: Document) -> Parameters:
    name = document["ModelName"]
    return {"ModelName": name, "ModelArn": arn(KIND, name), "CreationTime": document["CreationTime"]}
