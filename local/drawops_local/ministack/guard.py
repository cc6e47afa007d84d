"""What every patch checks before it touches MiniStack."""

import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

VERSION = "1.5.33"


class PatchDoesNotFit(Exception):
    """MiniStack is not what a patch was written for."""


def require(condition: bool, patch: str, expectation: str) -> None:
    """Stop the start-up unless what a patch relies on is there.

    Raises:
        PatchDoesNotFit: it is not.
    """
    if not condition:
        raise PatchDoesNotFit(
            f"patch {patch!r} does not fit this MiniStack: expected {expectation}. "
            f"The patches were written for {VERSION}; adapt drawops_local/ministack or pin that version."
        )


def function(module: ModuleType, name: str, parameters: tuple[str, ...], patch: str) -> Callable[..., Any]:
    """The function `name` of `module`, checked to start with exactly these parameters."""
    found = getattr(module, name, None)
    require(callable(found), patch, f"a function {module.__name__}.{name}")
    assert found is not None
    actual = tuple(inspect.signature(found).parameters)[: len(parameters)]
    require(actual == parameters, patch, f"{module.__name__}.{name}{parameters}, found {actual}")
    result: Callable[..., Any] = found
    return result
