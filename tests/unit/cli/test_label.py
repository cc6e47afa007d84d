"""`drawops label`: what one asks for, what one is told."""

import json
from typing import Any
from urllib.parse import unquote

import boto3
import pytest
from drawops.contracts.labeling import LabelingState, Reason
from drawops.contracts.reading import DrawingResult
from drawops.keys import LabelingKeys, RevisionKeys, labeling_id
from drawops.labeling.invitations import Invitations
from drawops.labeling.opening import open_page, publish
from drawops.labeling.store import LabelingStore

from tests.unit.cli.conftest import OUTPUTS, DeployedStack, Run
from tests.unit.core.conftest import create_table
from tests.unit.core.labeling.pages import szi

KEY = "0123456789abcdef0123456789abcdef"
DEFINITION = {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}


@pytest.fixture
def store(stack: DeployedStack, template: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> LabelingStore:
    """The labeling part of the stack."""
    dynamodb = boto3.client("dynamodb")
    create_table(dynamodb, "test-labeling", template["Resources"]["LabelingTable"]["Properties"])
    secret = boto3.client("secretsmanager").create_secret(Name="invitations", SecretString=KEY)["ARN"]
    role = boto3.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    machine = boto3.client("stepfunctions").create_state_machine(
        name="labeling", definition=json.dumps(DEFINITION), roleArn=role
    )["stateMachineArn"]
    for name, value in {
        "LabelingTableName": "test-labeling",
        "InvitationSecretArn": secret,
        "LabelingStateMachineArn": machine,
        "ConsoleUrl": "https://abc.execute-api.eu-central-1.amazonaws.com/",
        "LabelingProjectName": "drawings",
        "CreateDatasetVersionFunctionName": "create-dataset-version",
    }.items():
        monkeypatch.setitem(OUTPUTS, name, value)
    return LabelingStore(dynamodb, "test-labeling")


@pytest.fixture
def processed(stack: DeployedStack, store: LabelingStore, reading: dict[str, Any]) -> tuple[str, str]:
    drawing, revision = stack.drop("plant/plan.png", b"drawing")
    stack.process(drawing, revision, reading)
    return drawing, revision


@pytest.fixture
def opened(stack: DeployedStack, store: LabelingStore, processed: tuple[str, str]) -> str:
    """The drawing's page as people find it."""
    key = RevisionKeys(*processed).result
    body = stack.s3.get_object(Bucket="test-data", Key=key)["Body"].read()
    labeling = open_page(
        DrawingResult.model_validate_json(body), 1,
        reason=Reason.REQUESTED, s3=stack.s3, store=store, data_bucket="test-data",
    ).labeling_id  # fmt: skip
    stack.s3.put_object(Bucket="test-data", Key=LabelingKeys(labeling).pyramid, Body=szi(64, 48))
    publish(labeling, s3=stack.s3, store=store, data_bucket="test-data")
    return labeling


def executions() -> list[dict[str, Any]]:
    """Inputs of the labeling workflow's executions."""
    client = boto3.client("stepfunctions")
    found = client.list_executions(stateMachineArn=OUTPUTS["LabelingStateMachineArn"])["executions"]
    arns = [item["executionArn"] for item in found]
    return [json.loads(client.describe_execution(executionArn=arn)["input"]) for arn in arns]


def test_a_request_starts_the_workflow_for_the_page(run: Run, processed: tuple[str, str]) -> None:
    done = run("label", "request", "plan.png", "--why", "new lettering")

    assert done.exit_code == 0, done.output
    assert labeling_id(*processed, 1) in done.stdout
    (asked,) = executions()
    assert (asked["drawing_id"], asked["revision"]) == processed
    assert (asked["page"], asked["reason"], asked["why"]) == (1, "REQUESTED", "new lettering")


def test_a_page_that_is_not_there_is_refused_before_anything_starts(
    run: Run, processed: tuple[str, str]
) -> None:
    done = run("label", "request", "plan.png", "--page", "9")

    assert done.exit_code == 1
    assert "there is no page 9" in done.stderr
    assert not executions()


def test_a_drawing_in_quarantine_cannot_be_labelled(
    run: Run, stack: DeployedStack, store: LabelingStore
) -> None:
    stack.quarantine(*stack.drop("broken.png", b"x"), "CORRUPT_FILE", "Export it again.")
    done = run("label", "request", "broken.png")

    assert done.exit_code == 1
    assert "only a drawing that was read" in done.stderr


def test_an_invitation_is_a_link_that_the_page_accepts(run: Run, store: LabelingStore) -> None:
    done = run("label", "invite", "mei", "--days", "2")

    address, _, token = done.stdout.strip().partition("#token=")
    assert address == OUTPUTS["ConsoleUrl"]
    invitations = Invitations(boto3.client("dynamodb"), "test-labeling", KEY.encode())
    assert invitations.check(unquote(token)).annotator == "mei"


def test_a_name_that_cannot_be_shown_is_refused(run: Run, store: LabelingStore) -> None:
    done = run("label", "invite", "a\nb")

    assert done.exit_code == 1
    assert "Choose another name" in done.stderr


def test_opening_without_a_browser_prints_the_link(run: Run, store: LabelingStore) -> None:
    done = run("label", "open", "--as", "mei", "--no-browser")

    assert done.exit_code == 0, done.output
    assert done.stdout.startswith(OUTPUTS["ConsoleUrl"])


def test_status_says_what_waits(run: Run, opened: str) -> None:
    done = run("label", "status")

    assert "plant/plan.png" in done.stdout
    assert opened in done.stdout
    assert "0 done, 0 left" in done.stdout
    told = json.loads(run("label", "status", "--json").stdout)
    assert told["labelings"] == {"OPEN": 1}
    assert told["pages"][0]["labeling_id"] == opened


def test_status_without_work_says_how_work_comes(run: Run, store: LabelingStore) -> None:
    assert "drawops label request" in run("label", "status").stderr


def test_a_failure_is_shown_with_its_reason(run: Run, store: LabelingStore, opened: str) -> None:
    store.end(opened, LabelingState.FAILED, "The endpoint is not there.")

    assert "The endpoint is not there." in run("label", "status").stdout


def test_tasks_can_be_kept_for_a_person(run: Run, store: LabelingStore, opened: str) -> None:
    assert run("label", "assign", opened, "jan").exit_code == 0
    assert [task.annotator for task in store.tasks(opened)] == ["jan"]
    again = run("label", "assign", opened, "mei")
    assert again.exit_code == 1
    assert "None could be given" in again.stderr


def test_work_can_be_taken_back(run: Run, store: LabelingStore, opened: str) -> None:
    assert run("label", "cancel", opened).exit_code == 0
    assert store.known(opened).state is LabelingState.CANCELLED
    assert "There is no open labeling" in run("label", "cancel", "l-nonsense").stderr


def test_selection_leaves_out_what_is_labelled(
    run: Run, stack: DeployedStack, opened: str, reading: dict[str, Any]
) -> None:
    drawing, revision = stack.drop("plant/other.png", b"other")
    stack.process(drawing, revision, reading)
    listed = json.loads(run("label", "select", "5", "--dry-run", "--json").stdout)

    assert [row["key"] for row in listed] == ["plant/other.png"]
    assert not executions()
    run("label", "select", "1")
    (asked,) = executions()
    assert (asked["drawing_id"], asked["reason"]) == (drawing, "SELECTED")
