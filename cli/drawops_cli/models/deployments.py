"""`drawops models deploy`, `drawops models rollback`, `drawops models show`."""

import time
from pathlib import Path
from typing import Annotated, Any

import typer
from drawops.contracts.deployment import DeploymentRecord, Serving
from drawops.contracts.training import DeploymentMode, DeploymentRequest, ModelRef, Verdict
from drawops.registry.packages import Package, packages
from rich.text import Text

from drawops_cli import deploying
from drawops_cli.bring_up import artifact_at
from drawops_cli.console import err, out, print_json, table
from drawops_cli.failures import Failure
from drawops_cli.models.decisions import AsJson, Version, approvals_of, number_of, who
from drawops_cli.steps import Steps
from drawops_cli.target import Profile, Region, Stack, Target, choose

_STYLES = {"DEPLOYED": "green", "FAILED": "red", "ROLLED_BACK": "red", "SUPERSEDED": "yellow"}


def deploy(
    file: Annotated[
        Path | None,
        typer.Argument(help="A model.tar.gz; default: what serves, once more.", exists=True, dir_okay=False),
    ] = None,
    reason: Annotated[str, typer.Option(help="Why; kept with the deployment.")] = "",
    profile: Profile = None,
    region: Region = None,
    stack: Stack = None,
) -> None:
    """Bring the first model into service, or what serves into service again after the stack has changed.

    A FILE is uploaded, registered as approved and deployed: for models that come with drawops. What was
    trained goes through gate and approval instead, and is not replaced when it serves. Without FILE the
    model that serves gets the stack's present image and settings.

    \b
    Examples:
        drawops models deploy model.tar.gz --stack drawops-prod
        drawops models deploy --stack drawops-prod      # after sam deploy with another InferenceImage
    """
    target = choose(profile, region, stack)
    serving = deploying.store_of(target).serving()
    request = _first(target, file, serving, reason) if file else _again(target, serving, reason)
    model = request.model
    with Steps().step("deployment") as note:
        if file:
            deploying.upload_once(target, file, model, note)
        deploying.deploy(target, request, note)
        note(f"{target.output('EndpointName')} InService")
    out.print(f"{model.name} {model.version} serves.", markup=False)


def _first(target: Target, file: Path, serving: Serving | None, reason: str) -> DeploymentRequest:
    model = artifact_at(file).model
    if serving and serving.mode != DeploymentMode.BASELINE:
        raise Failure(
            f"{serving.model.name} {serving.model.version} serves and was approved here; another model comes "
            "by `drawops train` and approval, an earlier one by `drawops models rollback`."
        )
    return deploying.asked(model, DeploymentMode.BASELINE, by=who(target), reason=reason)


def _again(target: Target, serving: Serving | None, reason: str) -> DeploymentRequest:
    if serving is None:
        raise Failure("Nothing serves yet. Name the model's file: drawops models deploy model.tar.gz.")
    baseline = serving.mode == DeploymentMode.BASELINE
    return deploying.asked(
        serving.model,
        DeploymentMode.BASELINE if baseline else DeploymentMode.ROLLBACK,
        by=who(target),
        reason=reason or "The stack has changed.",
        verdict_key=serving.verdict_key,
    )


def rollback(
    version: Annotated[
        str | None,
        typer.Argument(help="Number of a version, or the model's own; default: what served before."),
    ] = None,
    reason: Annotated[str, typer.Option(help="Why; kept with what serves.")] = "",
    as_json: AsJson = False,
    profile: Profile = None,
    region: Region = None,
    stack: Stack = None,
) -> None:
    """Go back to an earlier version, at once: no canary, its endpoint configuration still exists.

    Approvals stay as they are; a newer version that is approved later goes forward again. Doing it twice
    without VERSION leads back to where one was.

    \b
    Examples:
        drawops models rollback --reason "misreads valve tags"
        drawops models rollback 1.2.0
    """
    started = time.monotonic()
    target = choose(profile, region, stack)
    serving = deploying.store_of(target).serving()
    if serving is None:
        raise Failure("Nothing serves yet, so there is nothing to go back from.")
    if version is None:
        if serving.previous is None:
            raise Failure(f"{serving.model.version} is the first model that serves; there is none before it.")
        model, verdict = serving.previous, serving.previous_verdict_key
    else:
        package = _package(target, version)
        model, verdict = package.model, package.verdict_key
    if model.artifact_sha256 == serving.model.artifact_sha256:
        raise Failure(f"{model.name} {model.version} serves already.")
    if not reason.strip():
        reason = f"Back from {serving.model.version}."
    with Steps().step("rollback") as note:
        request = deploying.asked(
            model, DeploymentMode.ROLLBACK, by=who(target), reason=reason, verdict_key=verdict
        )
        record = deploying.deploy(target, request, note)
        note(f"{model.name} {model.version} serves")
    if as_json:
        print_json(record.model_dump(mode="json"))
        return
    out.print(
        f"{model.name} {model.version} serves again, {serving.model.version} no longer; "
        f"{time.monotonic() - started:.0f} s.",
        markup=False,
    )


def show(
    version: Version,
    as_json: AsJson = False,
    profile: Profile = None,
    region: Region = None,
    stack: Stack = None,
) -> None:
    """Show a version: where it comes from, what the gate said, who approved it, how its deployments went.

    \b
    Examples:
        drawops models show 4
        drawops models show 1.2.0 --json | jq .deployments
    """
    target = choose(profile, region, stack)
    package = _package(target, version)
    store = deploying.store_of(target)
    serving = store.serving()
    serves = serving is not None and serving.model.artifact_sha256 == package.model.artifact_sha256
    deployments = [record for record in store.deployments() if _same(record.request.model, package.model)]
    approval = approvals_of(target).recorded(package.arn)
    verdict = _verdict(target, package)
    report: dict[str, Any] = {
        **package.model_dump(mode="json"),
        "serves": serves,
        "decision": approval.model_dump(mode="json") if approval else None,
        "gate": {
            "outcome": verdict.outcome,
            "reasons": [reason.model_dump(mode="json") for reason in verdict.reasons],
        }
        if verdict
        else None,
        "deployments": [record.model_dump(mode="json") for record in deployments],
    }
    if as_json:
        print_json(report)
        return
    _print(report, package, deployments)


def _print(report: dict[str, Any], package: Package, deployments: list[DeploymentRecord]) -> None:
    rows = [
        ("version", f"{package.number}  {package.model.name} {package.model.version}"),
        ("serves", "yes" if report["serves"] else "no"),
        ("trained on", package.model.dataset_version or "comes with drawops"),
        ("trained from", package.parent_version or ""),
        ("approval", package.approval),
    ]
    if decision := report["decision"]:
        rows.append(("decided by", f"{decision['by']} ({decision['channel']}) {decision['at'][:16]}"))
        rows.append(("because", decision["reason"]))
    if gate := report["gate"]:
        rows.append(("gate", gate["outcome"]))
        rows += [("", reason["sentence"]) for reason in gate["reasons"]]
    rows += [(name, f"{value:g}") for name, value in sorted(package.metrics.items())]
    rows.append(("artifact", package.model.artifact_key))
    rows.append(("package", package.arn))
    for name, value in rows:
        if value:
            out.print(Text.assemble((f"{name:<14}", "bold"), value), soft_wrap=True)
    if not deployments:
        err.print("It has never been deployed.")
        return
    made = table("deployment", "how", "state", "began", "by", "reason", fold="reason")
    for record in deployments:
        made.add_row(
            record.deployment_id,
            record.request.mode.value,
            Text(record.state.value, _STYLES.get(record.state.value, "cyan")),
            record.started_at[:16].replace("T", " "),
            record.request.requested_by,
            record.failure or record.request.reason,
        )
    out.print(made)


def _package(target: Target, version: str) -> Package:
    number = number_of(target, version)
    found = packages(target.output("ModelPackageGroupName"), sagemaker=target.client("sagemaker"))
    return next(package for package in found if package.number == number)


def _verdict(target: Target, package: Package) -> Verdict | None:
    if package.verdict_key is None:
        return None
    try:
        body = target.s3.get_object(Bucket=target.data_bucket, Key=package.verdict_key)["Body"].read()
    except target.s3.exceptions.NoSuchKey:
        return None
    return Verdict.model_validate_json(body)


def _same(one: ModelRef, other: ModelRef) -> bool:
    return one.artifact_sha256 == other.artifact_sha256
