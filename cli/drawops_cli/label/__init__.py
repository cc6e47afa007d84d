"""`drawops label`: one module a verb."""

from collections.abc import Callable
from typing import Any

from drawops_cli.help import group
from drawops_cli.label import assign, cancel, export, invite, request, select, status
from drawops_cli.label import open as open_page

HELP = """Correct what was read with too little confidence, and make data sets of it.

\b
    drawops label status           what waits for people, and for how long
    drawops label request plan.pdf make a drawing work, whatever its confidence
    drawops label open             open the labeling page in your browser
    drawops label invite mei       a link for somebody else
    drawops label export           a dataset version of what is done
"""

VERBS: tuple[tuple[str, Callable[..., Any]], ...] = (
    ("status", status.status),
    ("request", request.request),
    ("select", select.select),
    ("open", open_page.open_page),
    ("invite", invite.invite),
    ("assign", assign.assign),
    ("cancel", cancel.cancel),
    ("export", export.export),
)

app = group(HELP, VERBS)
