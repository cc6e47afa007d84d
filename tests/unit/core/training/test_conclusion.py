"""How a run ends: registered with a mail, turned down, or failed; each once."""

import hashlib
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
import jsonschema
import pytest
from drawops.contracts.events import CandidateRegistered, CandidateRejected
from drawops.contracts.training import (
    Concluded,
    ConcludeRequest,
    GateReason,
    GateRow,
    ModelRef,
    Outcome,
    ReasonCode,
    RunState,
    TrainingFailure,
    TrainingRun,
    Verdict,
)
from drawops.errors import InvalidResult
from drawops.keys import TrainingKeys, gate_job, training_job
from drawops.labeling.invitations import Invitations
from drawops.registry.card import model_card
from drawops.registry.packages import PENDING, Package, packages
from drawops.training.conclusion import ConcludeSettings, conclude, fail
from drawops.training.mail import Mail, candidate, table
from drawops.training.runs import RunStore

from tests.unit.core.conftest import DATA
from tests.unit.core.training.conftest import GROUP, PROJECT, STACK, make_run
from tests.unit.core.training.links import link_in

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient

RUN = make_run()
KEYS = TrainingKeys(RUN.run_id)
KEY = KEYS.artifact(training_job(STACK, RUN.run_id))
CANDIDATE = b"the candidate's archive"
SHA256 = hashlib.sha256(CANDIDATE).hexdigest()


def row(set_: str = "new", axis: str = "all", slice_: str = "all", **values: Any) -> GateRow:  # noqa: ANN401
    given = {
        "set": set_, "axis": axis, "slice": slice_, "labels": 100, "approved": 90.0, "candidate": 95.5,
        "delta": 5.5, "low": 4.0, "high": 7.0, "allowance": 0.5, "passed": True,
    }  # fmt: skip
    return GateRow(**{**given, **values})


def verdict(outcome: Outcome = Outcome.PASSED, **values: Any) -> Verdict:  # noqa: ANN401
    candidate_ref = ModelRef(
        name="ppocr-v6-small",
        version=RUN.candidate_version,
        artifact_key=KEY,
        artifact_sha256=SHA256,
    )
    given = {
        "run_id": RUN.run_id, "outcome": outcome, "reasons": (), "candidate": candidate_ref,
        "approved": RUN.parent, "project": PROJECT, "dataset_version": RUN.dataset_version,
        "rows": (row(), row("regression", delta=-0.1), row("new", "charset", "han", delta=-0.4)),
        "metrics": {"new_f1": 95.5, "new_f1_delta": 5.5}, "golden": (), "seconds": 60.0,
        "created_at": datetime(2026, 11, 25, 22, 0, tzinfo=UTC),
    }  # fmt: skip
    return Verdict.model_validate({**given, **values})


class Loop:
    """A run whose gate has spoken."""

    def __init__(
        self, store: RunStore, s3: "S3Client", sagemaker: "SageMakerClient", invitations: Invitations
    ) -> None:
        self.store, self.s3, self.sagemaker, self.invitations = store, s3, sagemaker, invitations
        self.sns, self.sqs = boto3.client("sns"), boto3.client("sqs")
        self.topic = self.sns.create_topic(Name="candidates")["TopicArn"]
        self.inbox = self.sqs.create_queue(QueueName="inbox")["QueueUrl"]
        self.sns.subscribe(
            TopicArn=self.topic, Protocol="sqs", Endpoint="arn:aws:sqs:us-east-1:123456789012:inbox"
        )
        store.begin(RUN)
        sagemaker.create_training_job(
            TrainingJobName=training_job(STACK, RUN.run_id),
            AlgorithmSpecification={"TrainingInputMode": "File", "TrainingImage": "i"},
            RoleArn="arn:aws:iam::123456789012:role/training",
            OutputDataConfig={"S3OutputPath": f"s3://{DATA}/x/"},
            ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30},
            StoppingCondition={"MaxRuntimeInSeconds": 60},
        )
        s3.put_object(Bucket=DATA, Key=KEY, Body=CANDIDATE)

    def say(self, said: Verdict) -> None:
        self.s3.put_object(Bucket=DATA, Key=KEYS.verdict, Body=said.model_dump_json().encode())

    def conclude(self, run: TrainingRun = RUN) -> Concluded:
        return conclude(
            ConcludeRequest(run=run, candidate_key=KEY),
            store=self.store, s3=self.s3, sagemaker=self.sagemaker, sns=self.sns,
            invitations=self.invitations,
            settings=ConcludeSettings(
                job_name_prefix=STACK, data_bucket=DATA, model_package_group=GROUP,
                inference_image="drawops-inference:1", training_image="drawops-training:1",
                candidates_topic_arn=self.topic, console_url="https://example.com/",
                approver="mei@example.com",
            ),
        )  # fmt: skip

    def mails(self) -> list[Mail]:
        found = self.sqs.receive_message(QueueUrl=self.inbox, MaxNumberOfMessages=10).get("Messages", [])
        bodies = [json.loads(each["Body"]) for each in found]
        return [Mail(each["Subject"], each["Message"]) for each in bodies]

    def registered(self) -> list[Package]:
        return [each for each in packages(GROUP, sagemaker=self.sagemaker) if each.run_id]


@pytest.fixture
def loop(
    store: RunStore, s3: "S3Client", sagemaker: "SageMakerClient", invitations: Invitations, baseline: Package
) -> Loop:
    return Loop(store, s3, sagemaker, invitations)


def test_what_passed_is_registered_and_waits_for_a_person(loop: Loop) -> None:
    loop.say(verdict())
    concluded = loop.conclude()
    assert (concluded.outcome, concluded.detail_type) == (Outcome.PASSED, "CandidateRegistered")
    (package,) = loop.registered()
    assert package.approval == PENDING
    assert package.model.artifact_sha256 == SHA256
    assert package.model.artifact_key == f"models/ppocr-v6-small/{RUN.candidate_version}/model.tar.gz"
    assert (package.parent_version, package.run_id) == ("1.2.0", RUN.run_id)
    assert package.metrics["new_f1"] == 95.5
    stored = loop.s3.get_object(Bucket=DATA, Key=package.model.artifact_key)
    assert stored["Body"].read() == CANDIDATE
    assert stored["Metadata"]["sha256"] == SHA256
    event = CandidateRegistered.model_validate(concluded.event)
    assert (event.package_arn, event.model_version) == (package.arn, RUN.candidate_version)
    run = loop.store.run(RUN.run_id)
    assert run is not None
    assert (run.state, run.package_version) == (RunState.REGISTERED, package.number)
    assert loop.store.project(PROJECT).active is None


def test_the_package_says_what_made_it(loop: Loop) -> None:
    loop.say(verdict())
    asked: dict[str, Any] = {}
    loop.sagemaker.meta.events.register(
        "before-parameter-build.sagemaker.CreateModelPackage", lambda params, **_: asked.update(params)
    )
    loop.conclude()
    statistics = asked["ModelMetrics"]["ModelQuality"]["Statistics"]
    assert statistics["S3Uri"] == f"s3://{DATA}/{KEYS.verdict}"
    assert asked["MetadataProperties"]["GeneratedBy"].endswith(training_job(STACK, RUN.run_id))
    assert asked["CustomerMetadataProperties"]["dataset_version"] == RUN.dataset_version
    assert asked["ModelCard"]["ModelCardStatus"] == "PendingReview"
    assert "\n" not in asked["ModelPackageDescription"]


def test_the_approver_gets_a_mail_that_a_person_understands(loop: Loop) -> None:
    loop.say(verdict())
    loop.conclude()
    (mail,) = loop.mails()
    assert mail.subject == "drawops: model version 2 waits for approval"
    for said in ("1.2.0, which serves now", "because       new lettering", "drawops models approve 2"):
        assert said in mail.text
    assert f"s3://{DATA}/{KEYS.verdict_page}" in mail.text
    assert link_in(mail.text).startswith("https://example.com/approval/2-v1.")


def test_of_many_figures_the_package_holds_those_of_the_sets_as_a_whole(loop: Loop) -> None:
    many = {f"a{number}": 1.0 for number in range(60)} | {"new_f1": 95.5, "regression_f1_delta": -0.1}
    loop.say(verdict(metrics=many))
    loop.conclude()
    (package,) = loop.registered()
    assert len(package.metrics) == 40
    assert (package.metrics["new_f1"], package.metrics["regression_f1_delta"]) == (95.5, -0.1)


def test_a_repeated_step_registers_nothing_twice(loop: Loop) -> None:
    loop.say(verdict())
    assert loop.conclude() == loop.conclude()
    assert len(loop.registered()) == 1


def test_what_the_gate_turned_down_is_never_registered(loop: Loop) -> None:
    reason = GateReason(code=ReasonCode.CHARACTER_LOST, sentence="It never reads ⌀ any more.")
    loop.say(verdict(Outcome.REJECTED, reasons=(reason,)))
    concluded = loop.conclude()
    event = CandidateRejected.model_validate(concluded.event)
    assert event.reasons == ("CHARACTER_LOST: It never reads ⌀ any more.",)
    assert loop.registered() == []
    assert loop.mails() == []
    run = loop.store.run(RUN.run_id)
    assert run is not None
    assert run.state is RunState.REJECTED
    assert run.reason == event.reasons[0]
    with pytest.raises(loop.s3.exceptions.ClientError):
        loop.s3.head_object(Bucket=DATA, Key=f"models/ppocr-v6-small/{RUN.candidate_version}/model.tar.gz")


def test_an_archive_that_was_exchanged_behind_the_gate_is_not_registered(loop: Loop) -> None:
    loop.say(verdict())
    loop.s3.put_object(Bucket=DATA, Key=KEY, Body=b"another archive")
    with pytest.raises(InvalidResult, match="was changed since"):
        loop.conclude()
    loop.s3.delete_object(Bucket=DATA, Key=KEY)
    with pytest.raises(InvalidResult, match="is gone"):
        loop.conclude()
    assert loop.registered() == []


def test_a_missing_broken_or_foreign_verdict_registers_nothing(loop: Loop) -> None:
    with pytest.raises(InvalidResult, match="left no verdict"):
        loop.conclude()
    loop.s3.put_object(Bucket=DATA, Key=KEYS.verdict, Body=b'{"outcome": "PASSED"}')
    with pytest.raises(InvalidResult, match="breaks its contract"):
        loop.conclude()
    loop.say(verdict(run_id=make_run(9).run_id))
    with pytest.raises(InvalidResult, match="about another run"):
        loop.conclude()
    loop.say(verdict(approved=RUN.parent.model_copy(update={"artifact_sha256": "0" * 64})))
    with pytest.raises(InvalidResult, match="another approved model"):
        loop.conclude()
    assert loop.registered() == []


TEXT = {"type": "string", "maxLength": 1024}
LONG = {"type": "string", "maxLength": 2048}


def closed(**properties: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"type": "object", "additionalProperties": False, "properties": properties}


def each(items: dict[str, Any], at_most: int) -> dict[str, Any]:
    return {"type": "array", "items": items, "maxItems": at_most}


METRIC = closed(
    name={"type": "string", "minLength": 1, "maxLength": 255},
    type={"enum": ["number"]},
    value={"type": "number"},
    notes=TEXT,
)
# What SageMaker takes, as far as we use it (Developer Guide, "Model package model card schema").
CARD = closed(
    model_overview=closed(model_creator=TEXT, model_artifact=each(TEXT, 15)),
    intended_uses=closed(
        purpose_of_model=LONG, intended_uses=LONG, factors_affecting_model_efficiency=LONG,
        risk_rating={"enum": ["High", "Medium", "Low", "Unknown"]},
    ),
    training_details=closed(
        training_observations=TEXT,
        training_job_details=closed(
            training_arn=TEXT,
            training_datasets=each(TEXT, 15),
            training_environment=closed(container_image=each(TEXT, 15)),
            user_provided_hyper_parameters=each(
                closed(
                    name={"type": "string", "minLength": 1, "maxLength": 255},
                    value={"type": "string", "minLength": 1, "maxLength": 255},
                ),
                100,
            ),
        ),
    ),
    evaluation_details=each(
        {
            **closed(
                name={"type": "string", "minLength": 1, "maxLength": 63},
                evaluation_observation={"type": "string", "maxLength": 2096},
                datasets=each(TEXT, 10),
                metadata={"type": "object", "additionalProperties": TEXT},
                metric_groups=each(
                    {
                        **closed(
                            name={"type": "string", "minLength": 1, "maxLength": 63},
                            metric_data={"type": "array", "items": METRIC},
                        ),
                        "required": ["name", "metric_data"],
                    },
                    100,
                ),
            ),
            "required": ["name"],
        },
        100,
    ),
    additional_information=closed(
        caveats_and_recommendations=LONG, custom_details={"type": "object", "additionalProperties": TEXT}
    ),
)  # fmt: skip


def test_the_model_card_is_one_that_sagemaker_takes_however_much_there_is_to_say() -> None:
    reasons = tuple(GateReason(code=ReasonCode.SLICE_WORSE, sentence="worse " * 50) for _ in range(20))
    rows = tuple(row(axis="character", slice_=f"{number:05}") for number in range(3000))
    said = verdict(Outcome.REJECTED, reasons=reasons, rows=rows)
    run = RUN.model_copy(update={"reason": "because " * 1000})
    content = model_card(run, said, RUN.parent, DATA, "arn:aws:sagemaker:x", "image")
    jsonschema.validate(json.loads(content), CARD)
    assert len(content) <= 100_000
    assert "\n" not in content


def test_the_mails_table_shows_each_set_and_what_changed_most() -> None:
    rows = (
        row(),
        row("general", delta=None, approved=None),
        *(row(axis="height", slice_=f"{number}px", delta=-number / 10) for number in range(30)),
        row(axis="charset", slice_="han", delta=-9.0, passed=False),
    )
    lines = table(verdict(rows=rows))
    assert len(lines) == 1 + 2 + 8
    assert "charset han" in lines[3]
    assert lines[3].endswith("-9.00  *")
    assert all(len(line) < 80 for line in lines)


def test_a_mails_subject_is_ascii_and_short() -> None:
    package = Package(
        arn="a", group="g", number=2, approval=PENDING, created_at=datetime.now(UTC),
        changed_at=datetime.now(UTC), model=RUN.parent,
    )  # fmt: skip
    mail = candidate(package, RUN, verdict(), link="https://example.com", verdict_uri="s3://b/k")
    assert mail.subject.isascii()
    assert len(mail.subject) <= 100


class Stopped:
    """SageMaker, as far as stopping goes; moto cannot stop training jobs."""

    def __init__(self) -> None:
        self.jobs: list[str] = []

    def stop_training_job(self, TrainingJobName: str) -> None:  # noqa: N803
        self.jobs.append(TrainingJobName)

    def stop_processing_job(self, ProcessingJobName: str) -> None:  # noqa: N803
        self.jobs.append(ProcessingJobName)


def failed(store: RunStore, error: str, cause: str, sagemaker: Any = None) -> Any:  # noqa: ANN401
    failure = TrainingFailure(run=RUN, error=error, cause=cause)
    return fail(failure, store=store, sagemaker=sagemaker or Stopped(), prefix=STACK)


@pytest.mark.parametrize(
    ("error", "cause", "state", "sentence"),
    [
        ("JobFailed", "The training job x failed: no label", RunState.FAILED, "job x failed: no label"),
        ("JobStopped", "The training job x was stopped: a", RunState.STOPPED, "job x was stopped: a"),
        ("States.Timeout", "", RunState.FAILED, "did not end in the time"),
        (
            "NotReady",
            json.dumps({"errorType": "NotReady", "errorMessage": "It has no pages."}),
            RunState.FAILED,
            "It has no pages. Ask again",
        ),
        (
            "Corrupt",
            json.dumps({"errorType": "Corrupt", "errorMessage": "The artifact is gone."}),
            RunState.FAILED,
            "The artifact is gone. Ask again",
        ),
    ],
)  # fmt: skip
def test_a_failed_run_says_why_in_a_sentence(
    store: RunStore, error: str, cause: str, state: RunState, sentence: str
) -> None:
    store.begin(RUN)
    event = failed(store, error, cause)
    run = store.run(RUN.run_id)
    assert run is not None
    assert run.state is state
    assert run.reason == event.reason
    assert event.state == state.value
    assert sentence in event.reason
    assert event.reason.endswith("`drawops train`.")
    assert "reading endpoint" not in event.reason
    assert store.project(PROJECT).active is None


def test_a_failure_stops_what_still_costs_money(store: RunStore) -> None:
    store.begin(RUN)
    sagemaker = Stopped()
    failed(store, "States.Timeout", "", sagemaker)
    assert sagemaker.jobs == [training_job(STACK, RUN.run_id), gate_job(STACK, RUN.run_id)]


def test_a_failure_is_told_again_by_a_retry_but_never_of_a_run_that_ended_well(store: RunStore) -> None:
    store.begin(RUN)
    first = failed(store, "JobFailed", "no label")
    assert failed(store, "JobFailed", "no label") == first
    other = make_run(2)
    store.begin(other)
    store.end(other, RunState.REGISTERED)
    late = TrainingFailure(run=other, error="States.Timeout", cause="")
    assert fail(late, store=store, sagemaker=Stopped(), prefix=STACK) is None  # type: ignore[arg-type]
