"""Whole deployments: a second model comes into service, broken ones do not, and going back is one command."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from drawops.catalog import Status
from drawops.contracts.deployment import DeploymentRecord
from drawops.contracts.training import DeploymentMode, DeploymentState, GoldenPage
from drawops.keys import smoke_test_key
from drawops.registry import packages
from drawops_cli import deploying
from drawops_cli.main import app
from typer.testing import CliRunner

from benchmarks import candidates
from benchmarks.candidates import Fault
from benchmarks.local_stack import Stack, eventually
from tests.local import drawings

TEXT = "VALVE HV-101"
ROLLBACK_SECONDS = 60


@pytest.fixture(scope="module")
def golden(stack: Stack) -> tuple[GoldenPage, ...]:
    """A page as the model in service reads it."""
    content = drawings.png(TEXT)
    revision = stack.ended(stack.drop("deployment/golden.png", content))
    return (candidates.golden_page(stack.target, content, stack.result(revision).pages[0]),)


@pytest.fixture(scope="module", autouse=True)
def baseline_again(stack: Stack) -> Iterator[None]:
    """Other tests on this stack find the model that they began with."""
    before = deploying.store_of(stack.target).serving()
    assert before is not None
    yield
    now = deploying.store_of(stack.target).serving()
    assert now is not None
    if now.model != before.model:
        go_back(stack, "tests are over")


def go_back(stack: Stack, reason: str) -> DeploymentRecord:
    serving = deploying.store_of(stack.target).serving()
    assert serving is not None
    assert serving.previous is not None
    request = deploying.asked(serving.previous, DeploymentMode.ROLLBACK, by="mei", reason=reason)
    return deploying.deploy(stack.target, request, lambda note: None)


def command(stack: Stack, *words: str) -> str:
    """What `drawops models …` prints on this stack."""
    done = CliRunner().invoke(app, ["models", *words], env={"DRAWOPS_STATE": str(stack.state)})
    assert done.exit_code == 0, done.output
    return done.stdout


def deploy(stack: Stack, package: packages.Package, seconds: float = 240) -> DeploymentRecord:
    """Approve a package as anybody may, and wait until its deployment has ended."""
    candidates.approve(stack.target, package)

    def look() -> DeploymentRecord | None:
        for record in deploying.store_of(stack.target).deployments():
            if record.request.model.package_arn == package.arn and record.ended:
                return record
        return None

    return eventually(look, seconds, lambda: str(deploying.store_of(stack.target).deployments()[:1]))


def configuration(stack: Stack) -> tuple[str, str]:
    """What the endpoint serves and how it is."""
    found = stack.target.client("sagemaker").describe_endpoint(
        EndpointName=stack.target.output("EndpointName")
    )
    return found["EndpointConfigName"], found["EndpointStatus"]


def assert_no_canary(stack: Stack) -> None:
    def gone() -> bool:
        found = stack.target.client("sagemaker").list_endpoints(NameContains="-canary")["Endpoints"]
        return not found

    eventually(gone, 60)


def events(stack: Stack, deployment_id: str) -> list[dict[str, Any]]:
    return [event for event in stack.received("drawops.deployment") if event["detail"]["id"] == deployment_id]


def test_the_baseline_is_registered_serves_and_was_deployed_once(stack: Stack) -> None:
    serving = deploying.store_of(stack.target).serving()
    assert serving is not None
    assert serving.mode is DeploymentMode.BASELINE
    found = packages.packages(
        stack.target.output("ModelPackageGroupName"), sagemaker=stack.target.client("sagemaker")
    )
    assert (found[-1].arn, found[-1].approval) == (serving.model.package_arn, packages.APPROVED)
    mine = [
        record for record in deploying.store_of(stack.target).deployments()
        if record.request.model.artifact_sha256 == serving.model.artifact_sha256
    ]  # fmt: skip
    assert [record.state for record in mine] == [DeploymentState.DEPLOYED]


def test_an_approved_model_is_deployed_and_one_command_goes_back(
    stack: Stack, golden: tuple[GoldenPage, ...], tmp_path: Path
) -> None:
    before = configuration(stack)[0]
    package = candidates.register(stack.target, candidates.repack("2.0.0", tmp_path), golden)
    record = deploy(stack, package)

    assert record.state is DeploymentState.DEPLOYED, record.failure
    assert record.canary is not None
    assert (record.canary.pages, record.canary.same) == (1, 1)
    assert configuration(stack) == (record.endpoint_config_name, "InService")
    assert record.previous_config_name == before
    assert_no_canary(stack)
    (event,) = eventually(lambda: events(stack, record.deployment_id), 20)
    assert event["detail-type"] == "ModelDeployed"
    assert event["detail"]["model_version"] == "2.0.0"
    # The smoke test went the way of every drawing, and is nobody's work.
    key = smoke_test_key(record.deployment_id, Path(golden[0].key).name)
    (smoke,) = [
        revision for revision in stack.target.catalog.by_status(Status.PROCESSED) if revision.key == key
    ]
    assert smoke.model_version == "2.0.0"
    # The event comes again.
    sample = json.loads(Path("events/sagemaker/model_package_approved.json").read_text())
    sample["detail"]["ModelPackageArn"] = package.arn
    function = stack.target.functions()["StartDeploymentFunction"]
    assert json.loads(stack.target.invoke(function, json.dumps(sample).encode())) == {"deployment_id": None}

    started = time.monotonic()
    command(stack, "rollback", "--reason", "misreads tags")
    assert time.monotonic() - started < ROLLBACK_SECONDS
    assert configuration(stack) == (before, "InService")
    serving = deploying.store_of(stack.target).serving()
    assert serving is not None
    assert (serving.reason, serving.mode) == ("misreads tags", DeploymentMode.ROLLBACK)
    assert serving.by
    shown = json.loads(command(stack, "show", "2.0.0", "--json"))
    assert (shown["serves"], shown["approval"], shown["gate"]["outcome"]) == (False, "Approved", "PASSED")
    assert [each["state"] for each in shown["deployments"]] == ["DEPLOYED"]
    listed = {
        each["model"]["version"]: each["serves"] for each in json.loads(command(stack, "list", "--json"))
    }
    assert listed == {"2.0.0": False, serving.model.version: True}
    assert "2.0.0" in command(stack, "list")
    assert record.deployment_id in command(stack, "show", "2.0.0")
    approval = packages.describe(package.arn, sagemaker=stack.target.client("sagemaker")).approval
    assert approval == packages.APPROVED


@pytest.mark.parametrize(
    ("version", "fault", "words"),
    [
        ("3.0.0", Fault.DICTIONARY, "golden texts as the gate did"),
        ("4.0.0", Fault.NETWORK, "does not start on the canary endpoint"),
    ],
)
def test_a_broken_model_does_not_get_past_the_canary(
    version: str, fault: Fault, words: str, stack: Stack, golden: tuple[GoldenPage, ...], tmp_path: Path
) -> None:
    before = configuration(stack)
    package = candidates.register(stack.target, candidates.repack(version, tmp_path, fault), golden)
    record = deploy(stack, package)
    assert record.state is DeploymentState.FAILED
    assert words in record.failure
    assert configuration(stack) == before
    assert_no_canary(stack)
    (event,) = eventually(lambda: events(stack, record.deployment_id), 20)
    assert event["detail-type"] == "DeploymentFailed"
    # Taken back, so that it is not in the way of what is approved next.
    candidates.approve(stack.target, package, packages.REJECTED)


def test_a_tampered_artifact_touches_nothing(
    stack: Stack, golden: tuple[GoldenPage, ...], tmp_path: Path
) -> None:
    before = configuration(stack)
    package = candidates.register(stack.target, candidates.repack("5.0.0", tmp_path), golden)
    stack.target.s3.put_object(
        Bucket=stack.target.data_bucket, Key=package.model.artifact_key, Body=b"something else"
    )
    record = deploy(stack, package)
    assert record.state is DeploymentState.FAILED
    assert "is not what was registered" in record.failure
    assert configuration(stack) == before
    candidates.approve(stack.target, package, packages.REJECTED)


def test_an_alarm_during_the_update_brings_the_old_model_back(
    stack: Stack, golden: tuple[GoldenPage, ...], tmp_path: Path
) -> None:
    before = configuration(stack)
    cloudwatch = stack.target.client("cloudwatch")
    (alarm,) = [
        found["AlarmName"] for found in cloudwatch.describe_alarms()["MetricAlarms"]
        if found["MetricName"] == "Invocation5XXErrors"
    ]  # fmt: skip
    package = candidates.register(stack.target, candidates.repack("5.1.0", tmp_path), golden)
    cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="many errors")
    try:
        record = deploy(stack, package)
    finally:
        cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="OK", StateReason="over")
    assert record.state is DeploymentState.ROLLED_BACK
    assert "took the update" in record.failure
    assert configuration(stack) == before
    candidates.approve(stack.target, package, packages.REJECTED)


def test_a_superseded_version_is_not_deployed(
    stack: Stack, golden: tuple[GoldenPage, ...], tmp_path: Path
) -> None:
    before = configuration(stack)
    older = candidates.register(stack.target, candidates.repack("6.0.0", tmp_path), golden)
    newer = candidates.register(stack.target, candidates.repack("7.0.0", tmp_path, Fault.NETWORK), golden)
    assert deploy(stack, newer).state is DeploymentState.FAILED
    record = deploy(stack, older)
    assert record.state is DeploymentState.SUPERSEDED
    assert "older than 7.0.0" in record.failure
    assert configuration(stack) == before
