"""A bound on Lambda invocations that run at the same time.

MiniStack gives every concurrent invocation a process of its own: a burst of 100 objects started more than
200 of them, took over 11 GB and lost a quarter of the work. Here an invocation waits for a slot, as it
would wait for capacity of an event source mapping on AWS. All ways in pass one function: Step Functions,
event source mappings, SNS, EventBridge, schedules, HTTP APIs, Invoke.
"""

import os
import threading
from typing import Any

from ministack.services import lambda_svc  # type: ignore[import-not-found]

from . import guard

NAME = "lambda-slots"


def slots() -> int:
    """How many invocations run at once: `LOCAL_LAMBDA_SLOTS`, else the number of processors, 2 to 8."""
    return int(os.environ.get("LOCAL_LAMBDA_SLOTS") or min(8, max(2, os.cpu_count() or 2)))


def apply() -> None:
    """Let at most `slots()` invocations run; the others wait."""
    parameters = ("func", "config", "event", "request_id", "started")
    original = guard.function(lambda_svc, "_execute_function_dispatch", parameters, NAME)
    guard.require(hasattr(lambda_svc, "_invoke_depth"), NAME, "the context variable lambda_svc._invoke_depth")
    guard.require(
        hasattr(lambda_svc, "_ACCOUNT_CONCURRENCY_CAP"), NAME, "lambda_svc._ACCOUNT_CONCURRENCY_CAP"
    )
    # Beyond this cap MiniStack refuses instead of waiting, and what it refuses is lost.
    lambda_svc._ACCOUNT_CONCURRENCY_CAP = 0
    gate = threading.BoundedSemaphore(slots())

    def dispatch(func: Any, config: Any, event: Any, request_id: str, started: float) -> Any:  # noqa: ANN401
        # A function called by a function (depth 2 and more) must not wait for the slot its caller holds.
        if lambda_svc._invoke_depth.get() > 1:
            return original(func, config, event, request_id, started)
        with gate:
            return original(func, config, event, request_id, started)

    lambda_svc._execute_function_dispatch = dispatch
