"""A task's `TimeoutSeconds` given as a JSONata expression.

AWS evaluates `"{% … %}"`; MiniStack hands the text to a wait that expects a number, and the execution breaks.
"""

from typing import Any

from ministack.services import stepfunctions  # type: ignore[import-not-found]

from . import guard

NAME = "task-timeouts"
_MEMBER = "TimeoutSeconds"


def apply() -> None:
    """Evaluate the expression when the task starts."""
    parameters = ("state_def", "raw_input", "execution", "ctx")
    original = guard.function(stepfunctions, "_execute_task", parameters, NAME)
    evaluate = guard.function(stepfunctions, "_apply_jsonata_template", ("value", "raw_input", "ctx"), NAME)

    def execute_task(state_def: dict[str, Any], raw_input: Any, execution: Any, ctx: Any) -> Any:  # noqa: ANN401
        timeout = state_def.get(_MEMBER)
        if isinstance(timeout, str):
            value = evaluate(timeout, raw_input, ctx)
            try:
                state_def = {**state_def, _MEMBER: float(value)}
            except (TypeError, ValueError):
                raise stepfunctions._ExecutionError(
                    "States.QueryEvaluationError", f"{_MEMBER} must be a number, {timeout} gave {value!r}"
                ) from None
        return original(state_def, raw_input, execution, ctx)

    stepfunctions._execute_task = execute_task
