"""`drawops train`, `drawops models runs|approve|reject`: what one asks for, what one is told."""

import hashlib
import io
import json
from typing import Any

import boto3
import pytest
from drawops.contracts.training import (
    Consideration,
    Considered,
    Decision,
    ModelRef,
    Outcome,
    RunState,
    TrainingRequest,
    TrainingRun,
)
from drawops.keys import TrainingKeys, model_artifact
from drawops.registry.approvals import Approvals
from drawops.registry.packages import APPROVED, PENDING, REJECTED, properties, register
from drawops.training.runs import RunStore
from drawops_cli import train as train_verb

from tests.unit.cli.conftest import OUTPUTS, DeployedStack, Run
from tests.unit.core.conftest import create_table

GROUP = "drawops-test-ocr"
RUN_ID = f"t-{1:020x}"


class Loop:
    """The learning part of a stack: what `consider_training` is asked and answers, runs and packages."""

    def __init__(self, stack: DeployedStack) -> None:
        self.stack = stack
        self.sagemaker = boto3.client("sagemaker")
        self.store = RunStore(boto3.client("dynamodb"), "test-models")
        self.asked: list[TrainingRequest] = []
        self.answer = Considered(decision=Consideration.STARTED, sentence="It was asked for.", run_id=RUN_ID)

    def invoke(self, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803
        assert FunctionName == "consider-training"
        self.asked.append(TrainingRequest.model_validate_json(Payload))
        return {"Payload": io.BytesIO(self.answer.model_dump_json().encode())}

    def package(self, version: str, approval: str, parent: str | None = None) -> None:
        model = ModelRef(
            name="ppocr-v6-small",
            version=version,
            artifact_key=model_artifact("ppocr-v6-small", version),
            artifact_sha256=hashlib.sha256(version.encode()).hexdigest(),
        )
        register(
            GROUP, model, bucket="test-data", image="i", approval=approval, description="A model.",
            stated=properties(model, parent_version=parent), sagemaker=self.sagemaker,
        )  # fmt: skip

    def run(self, number: int = 1, **values: Any) -> TrainingRun:  # noqa: ANN401
        run = TrainingRun.model_validate(
            {
                "run_id": f"t-{number:020x}", "project": "drawings", "dataset_version": f"v-{number:020x}",
                "parent": ModelRef(
                    name="ppocr-v6-small", version="1.2.0", artifact_key="k", artifact_sha256="0" * 64
                ),
                "candidate_name": "ppocr-v6-small", "candidate_version": f"1.2.0-t-{number}",
                "hyperparameters": {}, "trigger": "command", "reason": "new lettering", **values,
            }
        )  # fmt: skip
        assert self.store.begin(run)
        return run

    def reject(self, run: TrainingRun) -> None:
        """End a run as the gate's verdict says."""
        document = {
            "run_id": run.run_id, "outcome": Outcome.REJECTED.value,
            "reasons": [{"code": "CHARACTER_LOST", "sentence": "It never reads ⌀ any more."}],
            "candidate": run.parent.model_dump(mode="json"), "approved": run.parent.model_dump(mode="json"),
            "project": run.project, "dataset_version": run.dataset_version, "rows": [], "metrics": {},
            "golden": [], "seconds": 1, "created_at": "2026-11-25T22:00:00Z",
        }  # fmt: skip
        key = TrainingKeys(run.run_id).verdict
        self.stack.s3.put_object(Bucket="test-data", Key=key, Body=json.dumps(document).encode())
        self.store.end(run, RunState.REJECTED, verdict_key=key, reason="CHARACTER_LOST: It never reads ⌀.")


@pytest.fixture
def loop(stack: DeployedStack, template: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Loop:
    create_table(boto3.client("dynamodb"), "test-models", template["Resources"]["ModelsTable"]["Properties"])
    for name, value in {
        "ModelsTableName": "test-models",
        "ModelPackageGroupName": GROUP,
        "ConsiderTrainingFunctionName": "consider-training",
        "LabelingProjectName": "drawings",
    }.items():
        monkeypatch.setitem(OUTPUTS, name, value)
    monkeypatch.setattr(train_verb, "_POLL_SECONDS", 0.01)
    loop = Loop(stack)
    make_client = boto3.session.Session.client

    def client(session: boto3.session.Session, service: str, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401
        if service == "lambda":
            return loop
        return make_client(session, service, *arguments, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(boto3.session.Session, "client", client)
    return loop


def test_a_run_is_asked_for_with_what_was_typed(run: Run, loop: Loop) -> None:
    done = run(
        "train", "--project", "unit-40", "--force", "--reason", "new lettering", "--iterations", "50",
        "--learning-rate", "2e-4", "--freeze", "backbone", "--extend", "--networks", "both",
        "--allow-lost", "⌀",
    )  # fmt: skip

    assert done.exit_code == 0, done.output
    (asked,) = loop.asked
    assert (asked.project, asked.version, asked.force) == ("unit-40", None, True)
    assert (asked.reason, asked.allow_lost_characters) == ("new lettering", "⌀")
    assert asked.request
    chosen = asked.hyperparameters
    assert (chosen.iterations, chosen.learning_rate, chosen.new_characters) == (50, 2e-4, "extend")
    assert RUN_ID in done.stdout


def test_the_stacks_project_and_hyperparameters_are_the_default(run: Run, loop: Loop) -> None:
    run("train")

    (asked,) = loop.asked
    assert asked.project == "drawings"
    assert asked.hyperparameters.iterations == 400


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--iterations", "0"), "--iterations: Input should be greater"),
        (("--replay-share", "1.5"), "--replay-share: Input should be less"),
        (("--version", "newest"), "--version: String should match"),
        (("--project", "Unit 40"), "--project: String should match"),
    ],
)
def test_what_is_out_of_range_is_refused_by_the_options_name(
    run: Run, loop: Loop, arguments: tuple[str, ...], named: str
) -> None:
    done = run("train", *arguments)

    assert done.exit_code == 1
    assert named in done.stderr
    assert loop.asked == []


def test_a_policy_that_declines_says_why_and_how_to_insist(run: Run, loop: Loop) -> None:
    loop.answer = Considered(decision=Consideration.DECLINED, sentence="12 labels are new.")
    done = run("train", "--wait")

    assert done.exit_code == 0
    assert "12 labels are new." in done.stdout
    assert "--force" in done.stderr


def test_a_stack_without_a_training_image_says_so(run: Run, loop: Loop) -> None:
    loop.answer = Considered(decision=Consideration.OFF, sentence="TrainingImage is empty.")
    done = run("train")

    assert done.exit_code == 1
    assert "TrainingImage is empty." in done.stderr


def test_waiting_ends_with_the_version_that_was_registered(
    run: Run, loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = loop.run()
    steps = iter(
        (
            lambda: loop.store.move(asked.run_id, RunState.TRAINING, "job"),
            lambda: loop.store.move(asked.run_id, RunState.GATING, "job"),
            lambda: loop.store.end(asked, RunState.REGISTERED, package_version=2),
        )
    )
    # The run goes on while the command sleeps.
    monkeypatch.setattr(train_verb.time, "sleep", lambda _: next(steps)())
    done = run("train", "--wait")

    assert done.exit_code == 0, done.output
    assert "registered version 2: 1.2.0-t-1" in done.stdout
    assert "drawops models approve 2" in done.stderr
    assert "trains" in done.stderr
    assert "compares" in done.stderr


def test_waiting_ends_with_the_gates_reasons(run: Run, loop: Loop) -> None:
    loop.reject(loop.run())
    done = run("train", "--wait")

    assert done.exit_code == 2
    assert "CHARACTER_LOST: It never reads ⌀ any more." in done.stdout
    assert TrainingKeys(RUN_ID).verdict in done.stderr


def test_waiting_ends_with_the_reason_of_a_failure(run: Run, loop: Loop) -> None:
    loop.store.end(loop.run(), RunState.FAILED, reason="No spot instance was free.")
    done = run("train", "--wait")

    assert done.exit_code == 1
    assert "failed: No spot instance was free." in done.stderr


def test_a_request_that_has_to_queue_is_followed_when_its_turn_comes(run: Run, loop: Loop) -> None:
    first = loop.run()
    loop.answer = Considered(decision=Consideration.WAITING, sentence="Another run is under way.")
    invoke = loop.invoke

    def remembers(FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803
        answered = invoke(FunctionName, Payload)
        loop.store.wait(loop.asked[-1])
        loop.store.end(first, RunState.REJECTED)
        second = loop.run(2, request=loop.asked[-1].request)
        loop.store.end(second, RunState.REGISTERED, package_version=3)
        return answered

    loop.invoke = remembers  # type: ignore[method-assign]
    done = run("train", "--force", "--wait")

    assert done.exit_code == 0, done.output
    assert "registered version 3" in done.stdout


def test_a_request_whose_place_was_taken_is_not_waited_for(run: Run, loop: Loop) -> None:
    loop.run()
    loop.answer = Considered(decision=Consideration.WAITING, sentence="Another run is under way.")
    done = run("train", "--force", "--wait")

    assert done.exit_code == 1
    assert "took the place" in done.stderr


def test_runs_are_listed_newest_first_with_how_they_ended(run: Run, loop: Loop) -> None:
    loop.store.end(loop.run(1), RunState.FAILED, reason="No spot instance was free.")
    loop.reject(loop.run(2))
    loop.run(3)
    done = run("models", "runs")

    lines = [line for line in done.stdout.splitlines() if "t-0000" in line]
    assert [line.split()[3] for line in lines] == ["PREPARING", "REJECTED", "FAILED"]
    assert "No spot instance was free." in lines[2]
    documents = json.loads(run("models", "runs", "--json", "--limit", "1").stdout)
    assert [each["run_id"] for each in documents] == [f"t-{3:020x}"]
    assert documents[0]["candidate_version"] == "1.2.0-t-3"


def test_without_runs_the_list_says_how_to_ask(run: Run, loop: Loop) -> None:
    assert "drawops train" in run("models", "runs").stderr


@pytest.mark.parametrize(
    ("verb", "status", "decision"),
    [("approve", APPROVED, Decision.APPROVED), ("reject", REJECTED, Decision.REJECTED)],
)
def test_a_person_decides_on_a_version(
    run: Run, loop: Loop, verb: str, status: str, decision: Decision
) -> None:
    loop.package("1.2.0", APPROVED)
    loop.package("1.2.0-t-1", PENDING, parent="1.2.0")
    done = run("models", verb, "1.2.0-t-1", "--reason", "reads stamps now")

    assert done.exit_code == 0, done.output
    found = loop.sagemaker.list_model_packages(ModelPackageGroupName=GROUP)["ModelPackageSummaryList"]
    assert {each["ModelPackageVersion"]: each["ModelApprovalStatus"] for each in found}[2] == status
    approvals = Approvals(loop.store.client, "test-models", loop.sagemaker, GROUP)
    record = approvals.recorded(found[-1]["ModelPackageArn"])
    assert record is not None
    assert (record.decision, record.reason, record.channel) == (decision, "reads stamps now", "command")
    assert record.by.startswith("arn:aws:")


def test_the_approval_of_a_version_that_serves_no_more_can_be_taken_back(run: Run, loop: Loop) -> None:
    loop.package("1.2.0", APPROVED)
    done = run("models", "reject", "1", "--withdraw", "--reason", "rolled back")

    assert done.exit_code == 0, done.output
    (found,) = loop.sagemaker.list_model_packages(ModelPackageGroupName=GROUP)["ModelPackageSummaryList"]
    assert found["ModelApprovalStatus"] == REJECTED


def test_a_decision_needs_a_reason_and_a_version(run: Run, loop: Loop) -> None:
    loop.package("1.2.0", APPROVED)
    assert run("models", "approve", "1").exit_code == 2
    assert "Say why" in run("models", "approve", "1", "--reason", " ").stderr
    missing = run("models", "approve", "9", "--reason", "x")
    assert missing.exit_code == 1
    assert "There are: 1 (1.2.0)" in missing.stderr
