"""How docstrings become help."""

import inspect


def unwrapped(text: str) -> str:
    """Join the lines of each paragraph, so that help fits any terminal; one after a \\b stays as it is."""
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(each if each.startswith("\b") else each.replace("\n", " ") for each in paragraphs)
