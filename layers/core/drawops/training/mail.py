"""The mail that asks a person to decide on a candidate: plain text, as SNS sends it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from drawops.contracts.training import GateRow, TrainingRun, Verdict
from drawops.registry.packages import Package

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

_SUBJECT = 100
_SLICES = 8


@dataclass(frozen=True)
class Mail:
    """Subject (ASCII, at most 100 characters: SNS) and text."""

    subject: str
    text: str


def candidate(package: Package, run: TrainingRun, verdict: Verdict, *, link: str, verdict_uri: str) -> Mail:
    """What was trained, what the gate found, and where to decide.

    Args:
        link: to the page that takes the decision.
        verdict_uri: S3 URI of the gate's page.
    """
    lines = [
        f"Version {package.number} of the reading model ({package.model.version}) waits for your decision.",
        "",
        f"Trained from  {run.parent.version}, which serves now",
        f"on            dataset version {run.dataset_version} of {run.project}",
        f"because       {run.reason or 'it was asked for'}",
        "",
        "The gate compared both on the same drawings (percent; + is better, except for cer):",
        "",
        *table(verdict),
        "",
        "Approve or reject it here (the link works once and ends by itself; opening it changes nothing):",
        link,
        "",
        f"or with        drawops models approve {package.number} --reason ...",
        f"               drawops models reject {package.number} --reason ...",
        f"All figures    {verdict_uri}",
        "",
        "Nothing is deployed until somebody approves.",
    ]
    subject = f"drawops: model version {package.number} waits for approval"
    return Mail(subject[:_SUBJECT], "\n".join(lines) + "\n")


def table(verdict: Verdict) -> list[str]:
    """The gate's table in short: each set as a whole, then the slices that changed most."""
    wholes = [row for row in verdict.rows if row.axis == "all"]
    slices = sorted(
        (row for row in verdict.rows if row.axis != "all" and row.delta is not None),
        key=lambda row: -abs(row.delta or 0),
    )[:_SLICES]
    head = f"{'set':<12}{'slice':<28}{'':<8}{'now':>8}{'new':>8}{'change':>9}"
    return [head, *(_line(row) for row in (*wholes, *slices))]


def send(mail: Mail, *, sns: "SNSClient", topic_arn: str) -> None:
    """Publish to the topic of candidates."""
    sns.publish(TopicArn=topic_arn, Subject=mail.subject, Message=mail.text)


def _line(row: GateRow) -> str:
    name = "all" if row.axis == "all" else f"{row.axis} {row.slice}"
    worse = "" if row.passed else "  *"
    return (
        f"{row.set[:11]:<12}{name[:27]:<28}{row.figure:<8}{_number(row.approved):>8}"
        f"{_number(row.candidate):>8}{_number(row.delta, sign=True):>9}{worse}"
    )


def _number(value: float | None, *, sign: bool = False) -> str:
    if value is None:
        return "-"
    return f"{value:+.2f}" if sign else f"{value:.2f}"
