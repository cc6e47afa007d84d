"""How docstrings become help."""

import inspect
from collections.abc import Callable
from typing import Any

import typer


def unwrapped(text: str) -> str:
    """Join the lines of each paragraph, so that help fits any terminal; one after a \\b stays as it is."""
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(each if each.startswith("\b") else each.replace("\n", " ") for each in paragraphs)


def group(text: str, verbs: tuple[tuple[str, Callable[..., Any]], ...]) -> typer.Typer:
    """A group of commands, `drawops NAME VERB`; the help of a verb is its function's docstring."""
    made = typer.Typer(
        help=unwrapped(text),
        no_args_is_help=True,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for name, verb in verbs:
        made.command(name, help=unwrapped(verb.__doc__ or ""))(verb)
    return made
