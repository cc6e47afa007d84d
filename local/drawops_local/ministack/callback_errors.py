"""A function that fails in a `waitForTaskToken` task fails the task.

MiniStack swallows the error and waits for a callback that will never come, until the task's timeout; AWS
fails the task at once with the function's error, so that Retry and Catch can act.
"""

import contextvars
from typing import Any

from ministack.services import stepfunctions  # type: ignore[import-not-found]

from . import guard

NAME = "callback-errors"

_token: contextvars.ContextVar[str | None] = contextvars.ContextVar("callback_token", default=None)


def apply() -> None:
    """Turn the error of the invoked function into the end of the wait."""
    invoke = guard.function(
        stepfunctions, "_invoke_with_callback", ("resource", "input_data", "token", "state_def"), NAME
    )
    call = guard.function(stepfunctions, "_call_lambda", ("func_ref", "event"), NAME)
    guard.require(hasattr(stepfunctions, "_task_tokens"), NAME, "the table stepfunctions._task_tokens")

    def invoke_with_callback(resource: str, input_data: Any, token: str, state_def: Any) -> Any:  # noqa: ANN401
        reset = _token.set(token)
        try:
            return invoke(resource, input_data, token, state_def)
        finally:
            _token.reset(reset)

    def call_lambda(func_ref: str, event: Any) -> Any:  # noqa: ANN401
        try:
            return call(func_ref, event)
        except stepfunctions._ExecutionError as error:
            waiting = stepfunctions._task_tokens.get(_token.get())
            if waiting is not None:
                waiting["error"] = {"Error": error.error, "Cause": error.cause}
                waiting["event"].set()
            raise

    stepfunctions._invoke_with_callback = invoke_with_callback
    stepfunctions._call_lambda = call_lambda
