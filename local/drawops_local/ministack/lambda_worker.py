"""What a Lambda worker process does differently from AWS's Python runtime.

1. A handler's exception reaches Step Functions as `Runtime.HandlerError`, so no `Catch` or `Retry` that
   names an exception class ever matches, and the worker is killed, so each error costs a cold start.
2. Layers come before the function's own code on sys.path; on AWS the function's code comes first.
"""

from typing import Any

from ministack.core import lambda_runtime  # type: ignore[import-not-found]
from ministack.services import lambda_svc  # type: ignore[import-not-found]

from . import guard

NAME = "lambda-worker"
_ERROR = "__handler_error__"

_WRITE_ERROR = (
    '_real_stdout.write(json.dumps({"status": "error", "error": str(e), '
    '"trace": traceback.format_exc()}) + "\\n")'
)
_WRITE_ERROR_PAYLOAD = (
    "traceback.print_exc(file=sys.stderr); sys.stderr.flush(); "
    '_real_stdout.write(json.dumps({"status": "ok", "result": {"__handler_error__": {'
    '"errorMessage": str(e), "errorType": type(e).__name__, '
    '"requestId": _ms_ctx.get("request_id", ""), '
    '"stackTrace": traceback.format_tb(e.__traceback__)}}}) + "\\n")'
)
_PATH_COMPLETE = "    # After sys.path is complete"
_CODE_FIRST = "    sys.path.remove(code_dir); sys.path.insert(0, code_dir)\n"


def apply() -> None:
    """Report exceptions as AWS does and put the function's code first."""
    script = lambda_runtime._PYTHON_WORKER_SCRIPT
    guard.require(
        script.count(_WRITE_ERROR) == 1, NAME, "one place in the worker script that reports an exception"
    )
    guard.require(
        script.count("sys.path.insert(0, code_dir)") == 1, NAME, "one place that adds the function's code"
    )
    guard.require(script.count(_PATH_COMPLETE) == 1, NAME, "the mark after which sys.path is complete")
    script = script.replace(_WRITE_ERROR, _WRITE_ERROR_PAYLOAD)
    script = script.replace(_PATH_COMPLETE, _CODE_FIRST + _PATH_COMPLETE)
    lambda_runtime._PYTHON_WORKER_SCRIPT = script

    original = guard.function(lambda_svc, "_execute_function_warm", ("func", "event", "request_id"), NAME)

    def execute(func: dict[str, Any], event: Any, request_id: str) -> dict[str, Any]:  # noqa: ANN401
        result: dict[str, Any] = original(func, event, request_id)
        body = result.get("body")
        if isinstance(body, dict) and set(body) == {_ERROR}:
            return {**result, "body": body[_ERROR], "error": True, "function_error": "Unhandled"}
        return result

    lambda_svc._execute_function_warm = execute
