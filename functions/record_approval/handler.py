"""Note who approved or rejected a version, when somebody did so in SageMaker itself."""

from typing import Any

from drawops import runtime
from drawops.contracts.events import ModelPackageStateChange
from drawops.registry.wiring import ApprovalSettings, approvals_of


@runtime.entry_point
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`ModelPackageStateChange` in; says whether there was something to note."""
    approvals = approvals_of(runtime.client, runtime.settings(ApprovalSettings))
    return {"recorded": approvals.note(ModelPackageStateChange.model_validate(event))}
