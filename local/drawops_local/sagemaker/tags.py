"""Tags of every kind of resource."""

from drawops_local.sagemaker.errors import validation
from drawops_local.sagemaker.operations import Runner, operation
from drawops_local.sagemaker.protocol import Parameters
from drawops_local.sagemaker.store import Document


@operation("sagemaker", "AddTags")
def add_tags(runner: Runner, request: Parameters) -> Parameters:
    """Add tags or give them other values."""
    with runner.store.transaction():
        kind, name, document = _resource(runner, request["ResourceArn"])
        tags = _merged(document, request["Tags"])
        if len(tags) > 50:
            raise validation("A resource has at most 50 tags.")
        runner.store.change(kind, name, Tags=tags)
    return {"Tags": tags}


@operation("sagemaker", "ListTags")
def list_tags(runner: Runner, request: Parameters) -> Parameters:
    """All tags of a resource (AWS gives them in pages)."""
    _, _, document = _resource(runner, request["ResourceArn"])
    return {"Tags": document.get("Tags", [])}


@operation("sagemaker", "DeleteTags")
def delete_tags(runner: Runner, request: Parameters) -> Parameters:
    """Remove tags by their keys."""
    with runner.store.transaction():
        kind, name, document = _resource(runner, request["ResourceArn"])
        left = [tag for tag in document.get("Tags", []) if tag["Key"] not in request["TagKeys"]]
        runner.store.change(kind, name, Tags=left)
    return {}


def _merged(document: Document, more: list[Document]) -> list[Document]:
    tags = {tag["Key"]: tag["Value"] for tag in (*document.get("Tags", []), *more)}
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _resource(runner: Runner, resource_arn: str) -> tuple[str, str, Document]:
    kind, _, wanted = resource_arn.split(":", 5)[-1].partition("/")
    # ARNs are in lower case, names are not.
    for name, document in runner.store.named(kind):
        if name.lower() == wanted.lower():
            return kind, name, document
    raise validation(f"Could not find resource {resource_arn}.")
