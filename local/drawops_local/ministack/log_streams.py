"""Log streams that name their function.

Functions that share a log group (`LoggingConfig.LogGroup`) write on AWS to streams called
``<date>/<function>[<version>]<id>``; MiniStack leaves the function out, so nobody can tell whose line it is.
Source of the format: AWS Lambda Developer Guide, "Configuring CloudWatch log groups".
"""

import inspect

from ministack.services import lambda_svc  # type: ignore[import-not-found]

from . import guard

NAME = "log-streams"
_THEIRS = "{now.day:02d}/[{qualifier}]"
_OURS = "{now.day:02d}/{fn_name if logging_cfg.get('LogGroup') else ''}[{qualifier}]"


def apply() -> None:
    """Rewrite the one expression that names the stream; it cannot be reached from outside."""
    original = guard.function(lambda_svc, "_emit_lambda_logs", ("func", "request_id", "log_text"), NAME)
    source = inspect.getsource(original)
    guard.require(source.count(_THEIRS) == 1, NAME, f"{_THEIRS} once in _emit_lambda_logs")
    exec(compile(source.replace(_THEIRS, _OURS), lambda_svc.__file__, "exec"), vars(lambda_svc))
