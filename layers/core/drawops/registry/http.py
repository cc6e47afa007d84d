"""The page behind the link in the mail: a person approves or rejects one version.

    GET  /approval/<number>-<token>   shows the question; changes nothing, so mail scanners may look
    POST /approval/<number>-<token>   decides; the link is spent by it

Plain HTML that works without JavaScript. The link is the credential: the page sends no referrer, is kept
nowhere and framed nowhere. Nothing that a request says is shown again unless it is escaped.
"""

import base64
import hashlib
import re
from html import escape
from typing import Any
from urllib.parse import parse_qs

from drawops.contracts.training import Decision
from drawops.errors import Conflict, Misconfigured
from drawops.labeling.invitations import Invitation, Invitations
from drawops.labeling.problems import Problem
from drawops.registry import links
from drawops.registry.approvals import Approvals
from drawops.registry.packages import PENDING, Package

_Answer = dict[str, Any]

_PATH = re.compile(r"^/approval/(?P<part>[^/]{1,2000})$")
_MAX_BODY = 10_000
_REASON = 1000
_STYLE = """
body { font: 1rem/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 40rem; padding: 0 1rem;
  color: #1b1b1b; background: #fff; }
table { border-collapse: collapse; margin: 1.5rem 0; }
caption { text-align: left; font-weight: bold; padding-bottom: 0.25rem; }
th, td { text-align: left; padding: 0.25rem 1rem 0.25rem 0; vertical-align: top; font-weight: normal; }
td { font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
textarea { font: inherit; width: 100%; box-sizing: border-box; border: 1px solid #555; padding: 0.5rem; }
button { font: inherit; padding: 0.6rem 1.2rem; margin: 1rem 1rem 0 0; border: 2px solid #1b1b1b;
  background: #fff; color: #1b1b1b; cursor: pointer; }
button.approve { background: #0b5d1e; border-color: #0b5d1e; color: #fff; }
:focus-visible { outline: 3px solid #1a5fd0; outline-offset: 2px; }
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "content-security-policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-robots-tag": "noindex, nofollow",
    "cross-origin-resource-policy": "same-origin",
}


def answer(event: dict[str, Any], *, approvals: Approvals, invitations: Invitations) -> _Answer:
    """Answer one request of an HTTP API (payload format 2.0)."""
    context = event.get("requestContext", {})
    method, stage = context.get("http", {}).get("method", ""), context.get("stage", "$default")
    path = str(event.get("rawPath", ""))
    if stage != "$default":
        path = path.removeprefix(f"/{stage}")
    found = _PATH.fullmatch(path)
    if found is None:
        return _message(404, "There is no such page", "Open the link that you were sent.")
    try:
        if method in ("GET", "HEAD"):
            return _ask(*links.check(found["part"], invitations), approvals)
        if method == "POST":
            return _decide(found["part"], event, approvals, invitations)
    except Problem as problem:
        return _message(
            410,
            "This link does not work any more",
            f"{_why(problem)} If the version still waits, decide with `drawops models approve` or "
            "`drawops models reject`.",
        )
    except (Conflict, Misconfigured) as error:
        return _message(409, "Nothing was changed", str(error))
    return _message(405, "That cannot be done here", "Open the link that you were sent.")


def _ask(number: int, who: Invitation, approvals: Approvals) -> _Answer:
    package = approvals.package(number)
    if package.approval != PENDING:
        known = approvals.recorded(package.arn)
        said = f" by {known.by}" if known else ""
        return _message(
            409, "This is decided already", f"Version {number} was {package.approval.lower()}{said}."
        )
    obstacle = approvals.obstacle(number)
    return _page(200, f"Model version {number}", _question(package, who, obstacle))


def _decide(part: str, event: dict[str, Any], approvals: Approvals, invitations: Invitations) -> _Answer:
    form = _form(event)
    try:
        decision = Decision(form.get("decision", ""))
    except ValueError:
        return _message(400, "Nothing was changed", "Choose Approve or Reject.")
    number, who = links.check(part, invitations)
    obstacle = approvals.obstacle(number) if decision is Decision.APPROVED else None
    if obstacle:
        # Not spent: the same link can still reject.
        return _message(409, "Nothing was changed", obstacle)
    record = approvals.decide(
        number, decision, by=who.annotator, reason=form.get("reason", "")[:_REASON], channel="link"
    )
    # Last: should we die before, the same link finds its own decision.
    links.spend(part, invitations)
    then = (
        "Its deployment begins now: a canary first, then all requests."
        if decision is Decision.APPROVED
        else "What serves now goes on serving."
    )
    return _message(
        200,
        f"Version {number} is {record.decision.value.lower()}",
        f"Recorded for {record.by}, {record.at:%Y-%m-%d %H:%M} UTC. {then}",
    )


def _question(package: Package, who: Invitation, obstacle: str | None) -> str:
    model = package.model
    facts = {
        "Model": f"{model.name} {model.version}",
        "Trained from": package.parent_version or "-",
        "Dataset version": f"{model.dataset_version or '-'} of {model.project or '-'}",
        "Gate's document": package.verdict_key or "-",
    }
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>'
        for name, value in facts.items()
    )
    approve = '<button class="approve" name="decision" value="Approved">Approve</button>'
    warning = ""
    if obstacle:
        approve, warning = "", f"<p><strong>It cannot be approved any more.</strong> {escape(obstacle)}</p>"
    return f"""<p>The gate let this version pass. Nothing is deployed until somebody approves it.</p>
<table><caption>What was trained</caption>{rows}</table>
{_figures(package.metrics)}
{warning}<form method="post">
<label for="reason">Reason (kept with your decision)</label>
<textarea id="reason" name="reason" rows="3" maxlength="{_REASON}"></textarea>
{approve}<button name="decision" value="Rejected">Reject</button>
</form>
<p>You decide as {escape(who.annotator)}. The link works once and ends {who.expires_at:%Y-%m-%d}.</p>"""


def _figures(metrics: dict[str, float]) -> str:
    """The gate's figures of each set as a whole, side by side; the others stand in its document."""
    rows = "".join(
        f'<tr><th scope="row">{escape(name.replace("_", " "))}</th><td>{metrics[f"{name}_approved"]:.2f}</td>'
        f"<td>{value:.2f}</td><td>{metrics[f'{name}_delta']:+.2f}</td></tr>"
        for name, value in sorted(metrics.items())
        if f"{name}_approved" in metrics and f"{name}_delta" in metrics
    )
    head = "".join(
        f'<th scope="col">{name}</th>' for name in ("figure", "serves now", "this version", "change")
    )
    caption = "The gate's comparison on the same drawings, in percent; more is better, except for cer"
    return f"<table><caption>{caption}</caption><tr>{head}</tr>{rows}</table>" if rows else ""


def _form(event: dict[str, Any]) -> dict[str, str]:
    raw = event.get("body") or ""
    if len(raw) > _MAX_BODY * 2:
        return {}
    try:
        text = base64.b64decode(raw).decode() if event.get("isBase64Encoded") else str(raw)
        fields = parse_qs(text, max_num_fields=10)
    except ValueError:
        return {}
    return {name: values[0] for name, values in fields.items()}


def _why(problem: Problem) -> str:
    """What is wrong with a link; the words of invitations are for annotators."""
    said = ("was used already", "has ended", "was withdrawn")
    known = next(
        (each for each in said if each in str(problem)), "is not complete, or was changed on its way"
    )
    return f"It {known}."


def _message(status: int, title: str, text: str) -> _Answer:
    return _page(status, title, f'<p role="status">{escape(text)}</p>')


def _page(status: int, title: str, body: str) -> _Answer:
    document = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)} - drawops</title>
<style>{_STYLE}</style></head>
<body><main><h1>{escape(title)}</h1>
{body}
</main></body></html>
"""
    return {"statusCode": status, "headers": dict(_HEADERS), "body": document}
