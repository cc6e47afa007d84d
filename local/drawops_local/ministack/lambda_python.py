"""The interpreter of Lambda functions.

MiniStack runs Python functions with its own interpreter, where they find all of its packages; a function
that forgot a dependency works here and fails on AWS. `LOCAL_LAMBDA_PYTHON` names an environment that holds
only what AWS's runtime holds.
"""

import os
from pathlib import Path

from ministack.core import lambda_runtime  # type: ignore[import-not-found]

from . import guard

NAME = "lambda-python"
SETTING = "LOCAL_LAMBDA_PYTHON"


def apply() -> None:
    """Start Python functions with the interpreter of the setting, if there is one."""
    original = guard.function(lambda_runtime, "_detect_runtime_binary", ("runtime",), NAME)
    interpreter = os.environ.pop(SETTING, None)
    if interpreter is None:
        return
    guard.require(Path(interpreter).is_file(), NAME, f"{SETTING} to name an interpreter, found {interpreter}")

    def detect(runtime: str) -> tuple[str, str]:
        binary, script = original(runtime)
        return (interpreter, script) if runtime.startswith("python") else (binary, script)

    lambda_runtime._detect_runtime_binary = detect
