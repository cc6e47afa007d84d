"""`drawops models`: one module a verb."""

from collections.abc import Callable
from typing import Any

from drawops_cli.help import group
from drawops_cli.models import listing

HELP = """Versions of the reading model: what was trained, what the gate said, who approved, what serves.

\b
    drawops models list            all versions, and which one serves
"""

VERBS: tuple[tuple[str, Callable[..., Any]], ...] = (("list", listing.listing),)

app = group(HELP, VERBS)
