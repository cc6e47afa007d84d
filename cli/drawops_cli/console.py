"""Two consoles: results go to stdout, everything about progress to stderr.

Rich leaves out colour when the output is no terminal or NO_COLOR is set.
"""

import json
import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.table import Table

out = Console(highlight=False, soft_wrap=False)
err = Console(stderr=True, highlight=False)

STATUS_STYLES = {
    "PROCESSED": "green",
    "READING": "cyan",
    "REGISTERED": "blue",
    "WAITING": "dim",
    "QUARANTINED": "yellow",
}


def print_json(document: object) -> None:
    """Write machine output: indented JSON on stdout, never coloured or wrapped."""
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False, default=str) + "\n")


def symbol(good: str, plain: str) -> str:
    """A character for terminals that can show it, else its plain spelling."""
    try:
        good.encode(err.encoding or "ascii")
    except UnicodeEncodeError:
        return plain
    return good


def table(*columns: str, right: Iterable[str] = (), title: str | None = None) -> Table:
    """A table with one rule under its header, plain enough to copy into an e-mail."""
    from rich import box

    made = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False, header_style="bold")
    aligned = set(right)
    for column in columns:
        made.add_column(
            column,
            justify="right" if column in aligned else "left",
            no_wrap=column in aligned,
            overflow="fold",
        )
    return made


def number(value: float | int | None, digits: int = 0) -> str:
    """A number for a table cell; a dash when there is none."""
    if value is None:
        return symbol("–", "-")
    return f"{value:,.{digits}f}" if digits else f"{int(value):,}"


def wide(console: Console, renderable: Any) -> None:  # noqa: ANN401 - whatever Rich can render
    """Print a table; into a pipe or file with all its width, so that nothing is folded for a script."""
    if console.is_terminal:
        console.print(renderable)
    else:
        console.print(renderable, width=220, no_wrap=False)
