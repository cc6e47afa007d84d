"""`drawops models approve`, `drawops models reject`."""

from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError
from drawops.contracts.training import ApprovalRecord, Decision
from drawops.registry.approvals import Approvals
from drawops.registry.packages import packages
from drawops.registry.serving import serving_artifacts
from drawops.training.conclusion import load_verdict
from drawops.training.runs import Run

from drawops_cli.console import err, out, print_json
from drawops_cli.failures import Failure
from drawops_cli.label.access import own_name
from drawops_cli.target import Profile, Region, Stack, Target, choose

Version = Annotated[str, typer.Argument(help="Number of a version, or the model's own version.")]
Reason = Annotated[str, typer.Option(help="Why; kept with the decision.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def approve(
    version: Version,
    reason: Reason,
    as_json: AsJson = False,
    profile: Profile = None,
    region: Region = None,
    stack: Stack = None,
) -> None:
    """Approve a version that waits: its deployment begins, with a canary first.

    \b
    Examples:
        drawops models approve 4 --reason "reads the new lettering"
    """
    target = choose(profile, region, stack)
    record = _decide(target, version, Decision.APPROVED, reason)
    _print(record, version, "Its deployment begins; `drawops models list` shows what serves.", as_json)


def reject(
    version: Version,
    reason: Reason,
    withdraw: Annotated[
        bool, typer.Option("--withdraw", help="Take back the approval of a version that was rolled back.")
    ] = False,
    as_json: AsJson = False,
    profile: Profile = None,
    region: Region = None,
    stack: Stack = None,
) -> None:
    """Reject a version that waits. What serves goes on serving.

    A version that was approved and then rolled back stays approved, and nothing is trained while something
    else serves: --withdraw takes that approval back.

    \b
    Examples:
        drawops models reject 4 --reason "worse on stamps"
        drawops models reject 4 --withdraw --reason "rolled back: misses title blocks"
    """
    target = choose(profile, region, stack)
    record = (_withdraw if withdraw else _reject)(target, version, reason)
    _print(record, version, "What serves now goes on serving.", as_json)


def approvals_of(target: Target) -> Approvals:
    """Decisions of the stack."""
    return Approvals(
        target.client("dynamodb"),
        target.output("ModelsTableName"),
        target.client("sagemaker"),
        target.output("ModelPackageGroupName"),
    )


def number_of(target: Target, version: str) -> int:
    """The number of the package that a person means.

    Raises:
        Failure: there is none.
    """
    found = packages(target.output("ModelPackageGroupName"), sagemaker=target.client("sagemaker"))
    for package in found:
        if version in (str(package.number), package.model.version, package.arn):
            return package.number
    known = ", ".join(f"{package.number} ({package.model.version})" for package in found) or "none"
    raise Failure(f"There is no version {version}. There are: {known}.")


def verdict_of(target: Target, run: Run) -> list[str]:
    """Why the gate turned a candidate down, a sentence each."""
    verdict = load_verdict(run.run, s3=target.s3, bucket=target.data_bucket)
    return [f"{reason.code.value}: {reason.sentence}" for reason in verdict.reasons]


def who(target: Target) -> str:
    """Who decides: on AWS the identity that signs, on the local cloud the system's user."""
    if target.cloud is not None:
        return own_name()
    try:
        return str(target.client("sts").get_caller_identity()["Arn"])
    except (ClientError, BotoCoreError):
        return own_name()


def _reject(target: Target, version: str, reason: str) -> ApprovalRecord:
    return _decide(target, version, Decision.REJECTED, reason)


def _withdraw(target: Target, version: str, reason: str) -> ApprovalRecord:
    number = number_of(target, version)
    approvals = approvals_of(target)
    artifact = approvals.package(number).model.artifact_key
    if artifact in serving_artifacts(target.output("EndpointName"), sagemaker=target.client("sagemaker")):
        raise Failure(f"Version {number} serves. Go back to another first: `drawops models rollback`.")
    return approvals.withdraw(number, by=who(target), reason=_given(reason), channel="command")


def _given(reason: str) -> str:
    if not reason.strip():
        raise Failure("Say why: --reason TEXT. It is kept with the decision.")
    return reason.strip()


def _decide(target: Target, version: str, decision: Decision, reason: str) -> ApprovalRecord:
    given, number = _given(reason), number_of(target, version)
    return approvals_of(target).decide(number, decision, by=who(target), reason=given, channel="command")


def _print(record: ApprovalRecord, version: str, then: str, as_json: bool) -> None:
    if as_json:
        print_json(record.model_dump(mode="json"))
        return
    out.print(f"version {version} is {record.decision.value.lower()} by {record.by}", markup=False)
    err.print(then)
