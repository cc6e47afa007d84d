"""`drawops invoke`."""

import json
import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from drawops_cli.console import print_json
from drawops_cli.failures import Failure
from drawops_cli.target import Profile, Region, Stack, choose


def invoke(
    function: Annotated[str, typer.Argument(help="Folder below functions/ or logical id in template.yaml.")],
    event: Annotated[Path, typer.Argument(help="JSON file with the event; - for standard input.")],
    profile: Profile = None,
    region: Region = None,
    stack: Stack = None,
) -> None:
    """Invoke one deployed Lambda function with an event and print its answer.

    Exit code 1 when the function raised; the line names its error. `events/` holds samples.

    \b
    Examples:
        drawops invoke register_drawing upload.json
        echo '{"sweep": true}' | drawops invoke ReconcileDrawingsFunction -
        drawops logs register_drawing
    """
    text = sys.stdin.read() if str(event) == "-" else _read(event)
    try:
        json.loads(text)
    except ValueError as error:
        raise Failure(f"{event} is not JSON: {error}.") from None
    target = choose(profile, region, stack)
    name = physical_name(function, target.functions())
    answer = target.invoke(name, text.encode())
    print_json(json.loads(answer or b"null"))


def physical_name(wanted: str, functions: dict[str, str]) -> str:
    """The deployed name of a function given as `register_drawing`, `RegisterDrawing` or its logical id.

    Raises:
        Failure: there is none; lists those there are.
    """
    for logical_id, name in functions.items():
        if wanted in (logical_id, name, logical_id.removesuffix("Function"), folder_name(logical_id)):
            return name
    known = ", ".join(sorted(folder_name(logical_id) for logical_id in functions))
    raise Failure(f"There is no function {wanted}. There are: {known}.")


def folder_name(logical_id: str) -> str:
    """`RegisterDrawingFunction` -> `register_drawing`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", logical_id.removesuffix("Function")).lower()


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise Failure(f"{path} cannot be read: {error.strerror}.") from None
