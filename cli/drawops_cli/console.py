"""Two consoles: results go to stdout, everything about progress to stderr.

Rich leaves out colour when the output is no terminal or NO_COLOR is set.
"""

import json
import sys
from collections.abc import Iterable

from rich import box
from rich.console import Console
from rich.table import Table

# Into a pipe or a file a table takes the width it needs, so that scripts find one row in one line.
_PIPE_WIDTH = 400
out = Console(highlight=False, width=None if sys.stdout.isatty() else _PIPE_WIDTH)
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


def table(*columns: str, right: Iterable[str] = (), fold: str = "drawing", title: str | None = None) -> Table:
    """A table with one rule under its header, plain enough to copy into an e-mail.

    Args:
        columns: their headers.
        right: those with numbers.
        fold: the one that gives way on a narrow terminal.
        title: printed above.
    """
    made = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False, header_style="bold")
    aligned = set(right)
    for column in columns:
        made.add_column(
            column,
            justify="right" if column in aligned else "left",
            no_wrap=column != fold,
            overflow="fold",
        )
    return made


def is_narrow() -> bool:
    """Whether a table should leave out what is nice to have."""
    return out.width < 110


def number(value: float | int | None, digits: int = 0) -> str:
    """A number for a table cell; a dash when there is none."""
    if value is None:
        return symbol("–", "-")
    return f"{value:,.{digits}f}" if digits else f"{int(value):,}"
