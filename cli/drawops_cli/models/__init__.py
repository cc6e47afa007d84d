"""`drawops models`: one module a verb."""

from collections.abc import Callable
from typing import Any

from drawops_cli.help import group
from drawops_cli.models import compare, decisions, deployments, listing, runs

HELP = """Versions of the reading model: what was trained, what the gate said, who approved, what serves.

\b
    drawops models list            all versions, and which one serves
    drawops models show 4          one version: gate, approval, deployments
    drawops models rollback        go back to what served before
    drawops models runs            what is being trained, and how earlier runs ended
    drawops models approve 4 --reason "reads stamps now"
    drawops models reject 4 --reason "worse on isometrics"
    drawops models compare 3 4     the same drawings with both, slice by slice, and what changed
"""

VERBS: tuple[tuple[str, Callable[..., Any]], ...] = (
    ("list", listing.listing),
    ("show", deployments.show),
    ("deploy", deployments.deploy),
    ("rollback", deployments.rollback),
    ("runs", runs.runs),
    ("approve", decisions.approve),
    ("reject", decisions.reject),
    ("compare", compare.compare),
)

app = group(HELP, VERBS)
