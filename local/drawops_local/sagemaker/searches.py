"""Search over training jobs and Model Registry, as far as SDKs and notebooks use it: filters on members.

Names with dots reach into a member (``CustomerMetadataProperties.run_id``). Nested filters, sub-expressions
and comparisons by size are refused by name.
"""

from collections.abc import Callable
from typing import Any

from drawops_local.sagemaker import model_packages
from drawops_local.sagemaker.errors import unsupported
from drawops_local.sagemaker.job_runs import TRAINING
from drawops_local.sagemaker.operations import Runner, list_page, operation
from drawops_local.sagemaker.protocol import Parameters
from drawops_local.sagemaker.store import Document

_RESOURCES: dict[str, tuple[str, Callable[[Document], Parameters]]] = {
    "TrainingJob": (TRAINING.kind, TRAINING.describe),
    "ModelPackage": (model_packages.KIND, model_packages.description),
    "ModelPackageGroup": (model_packages.GROUP, model_packages.group_description),
}
_TESTS: dict[str, Callable[[Any, str], bool]] = {
    "Equals": lambda found, wanted: str(found) == wanted,
    "NotEquals": lambda found, wanted: str(found) != wanted,
    "Contains": lambda found, wanted: found is not None and wanted in str(found),
    "In": lambda found, wanted: str(found) in wanted.split(","),
    "Exists": lambda found, _: found is not None,
    "NotExists": lambda found, _: found is None,
}


@operation("sagemaker", "Search")
def search(runner: Runner, request: Parameters) -> Parameters:
    """Resources whose members pass all filters (or any, with Operator Or), newest first."""
    resource = request["Resource"]
    if resource not in _RESOURCES:
        raise unsupported(f"Search for {resource} is not done here; done are {', '.join(_RESOURCES)}")
    kind, describe = _RESOURCES[resource]
    expression = request.get("SearchExpression", {})
    for member in ("NestedFilters", "SubExpressions"):
        if expression.get(member):
            raise unsupported(f"Search with {member} is not done here")
    sort_by = request.get("SortBy", "CreationTime")
    if sort_by not in ("CreationTime", "LastModifiedTime"):
        raise unsupported(f"Search sorted by {sort_by} is not done here")
    choose = any if expression.get("Operator") == "Or" else all
    filters = expression.get("Filters", [])
    found = [describe(document) for document in runner.store.all(kind)]
    chosen = [shown for shown in found if not filters or choose(_passes(shown, each) for each in filters)]
    paging: Parameters = {
        name: request[name] for name in ("NextToken", "MaxResults", "SortOrder") if name in request
    }
    return list_page(
        chosen, paging, name="CreationTime", summary=lambda shown: {resource: shown}, member="Results"
    )


def _passes(shown: Parameters, given: Parameters) -> bool:
    test = _TESTS.get(given.get("Operator", "Equals"))
    if test is None:
        raise unsupported(f"Search with operator {given['Operator']} is not done here")
    value: Any = shown
    for part in given["Name"].split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return test(value, given.get("Value", ""))
