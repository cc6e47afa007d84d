"""Who may decide what, what is remembered of it, and the page behind the link."""

import base64
import json
import re
import threading
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.client import BaseClient
from drawops.contracts.events import ModelPackageStateChange
from drawops.contracts.training import Decision
from drawops.errors import Conflict, Misconfigured
from drawops.labeling.invitations import Invitations
from drawops.registry.approvals import Approvals
from drawops.registry.http import answer
from drawops.registry.links import approval_link
from drawops.registry.packages import APPROVED, PENDING, REJECTED, Package

from tests.unit.core.training.conftest import GROUP, MODELS, publish_model

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient

APPROVE = "decision=Approved&reason=reads+stamps"
SAMPLE = json.loads((Path(__file__).parents[4] / "events/http/show_approval.json").read_text())


@pytest.fixture
def approvals(models: "DynamoDBClient", sagemaker: "SageMakerClient", baseline: Package) -> Approvals:
    return Approvals(models, MODELS, sagemaker, GROUP)


@pytest.fixture
def candidate(s3: "S3Client", sagemaker: "SageMakerClient", baseline: Package) -> Package:
    return publish_model(
        s3,
        sagemaker,
        "1.2.0-t-1",
        PENDING,
        parent="1.2.0",
        dataset=f"v-{1:020x}",
        metrics={"new_f1": 95.5, "new_f1_approved": 90.25, "new_f1_delta": 5.25, "recognise_ms": 7.0},
    )


def decide(
    approvals: Approvals, package: Package, decision: Decision = Decision.APPROVED, by: str = "mei"
) -> Any:  # noqa: ANN401
    return approvals.decide(package.number, decision, by=by, reason="reads stamps\nnow", channel="command")


@pytest.mark.parametrize(
    ("decision", "status"), [(Decision.APPROVED, APPROVED), (Decision.REJECTED, REJECTED)]
)
def test_a_decision_is_sagemakers_and_remembered_with_who_when_and_why(
    approvals: Approvals, candidate: Package, decision: Decision, status: str
) -> None:
    record = decide(approvals, candidate, decision)
    package = approvals.package(candidate.number)
    assert package.approval == status
    assert package.approval_description.startswith("mei by command, ")
    assert package.approval_description.endswith("UTC: reads stamps now")
    assert approvals.recorded(candidate.arn) == record
    assert (record.by, record.reason, record.channel) == ("mei", "reads stamps\nnow", "command")


def test_whoever_comes_second_is_told_who_was_first(approvals: Approvals, candidate: Package) -> None:
    first = decide(approvals, candidate)
    with pytest.raises(Conflict, match=r"mei has approved version 2 already.*reads stamps"):
        decide(approvals, candidate, Decision.REJECTED, "jan")
    with pytest.raises(Conflict, match="mei has approved"):
        decide(approvals, candidate, Decision.APPROVED, "jan")
    assert approvals.package(2).approval == APPROVED
    assert decide(approvals, candidate) == first


def test_of_two_decisions_at_the_same_moment_one_wins(
    approvals: Approvals, candidate: Package, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Every call is atomic, as on AWS; moto alone lets threads see each other's half-done calls.
    real, one_at_a_time = vars(BaseClient)["_make_api_call"], threading.Lock()

    def call(self: BaseClient, operation_name: str, api_params: dict[str, Any]) -> Any:  # noqa: ANN401
        with one_at_a_time:
            return real(self, operation_name, api_params)

    monkeypatch.setattr(BaseClient, "_make_api_call", call)
    barrier, told = threading.Barrier(2), []

    def person(name: str, decision: Decision) -> None:
        barrier.wait()
        try:
            told.append(decide(approvals, candidate, decision, name).decision)
        except Conflict as error:
            told.append(str(error))

    threads = [
        threading.Thread(target=person, args=each)
        for each in (("mei", Decision.APPROVED), ("jan", Decision.REJECTED))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (won,) = [each for each in told if isinstance(each, Decision)]
    (lost,) = [each for each in told if not isinstance(each, Decision)]
    assert won.value.lower() in lost
    assert approvals.package(2).approval == won.value


def test_a_decision_that_never_reached_sagemaker_is_made_good_by_the_next_person(
    approvals: Approvals, candidate: Package, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: object) -> None:
        raise ConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(approvals, "_tell", dies)
        with pytest.raises(ConnectionError):
            decide(approvals, candidate)
    assert approvals.package(2).approval == PENDING
    with pytest.raises(Conflict, match="mei has approved"):
        decide(approvals, candidate, Decision.REJECTED, "jan")
    assert approvals.package(2).approval == APPROVED


def test_a_version_that_is_superseded_cannot_be_approved_any_more(
    approvals: Approvals, candidate: Package, s3: "S3Client", sagemaker: "SageMakerClient"
) -> None:
    newer = publish_model(s3, sagemaker, "1.2.0-t-2", PENDING, parent="1.2.0")
    decide(approvals, newer)
    with pytest.raises(Conflict, match=r"Version 2 is superseded: version 3 .*drawops models rollback"):
        decide(approvals, candidate)
    assert approvals.package(2).approval == PENDING
    decide(approvals, candidate, Decision.REJECTED)
    assert approvals.package(2).approval == REJECTED


def test_a_version_whose_parent_serves_no_more_cannot_be_approved(
    approvals: Approvals, candidate: Package, s3: "S3Client", sagemaker: "SageMakerClient"
) -> None:
    sibling = publish_model(s3, sagemaker, "1.2.0-t-2", PENDING, parent="1.2.0")
    decide(approvals, candidate)
    with pytest.raises(Conflict, match=r"trained from 1\.2\.0.*`drawops train --force`"):
        decide(approvals, sibling)


def test_the_approval_of_a_version_that_was_rolled_back_can_be_taken_back(
    approvals: Approvals, candidate: Package
) -> None:
    with pytest.raises(Conflict, match="no approval to take back"):
        approvals.withdraw(2, by="jan", reason="rolled back", channel="command")
    decide(approvals, candidate)
    record = approvals.withdraw(2, by="jan", reason="rolled back", channel="command")
    assert approvals.package(2).approval == REJECTED
    assert approvals.recorded(candidate.arn) == record
    assert approvals.package(2).approval_description.endswith("rolled back")


def test_a_version_that_does_not_exist_is_named(approvals: Approvals) -> None:
    with pytest.raises(Misconfigured, match="no version 7"):
        approvals.decide(7, Decision.APPROVED, by="mei", reason="", channel="command")


def changed(package: Package) -> ModelPackageStateChange:
    sample = json.loads(
        (Path(__file__).parents[4] / "events/sagemaker/model_package_approved.json").read_text()
    )
    sample["detail"]["ModelPackageArn"] = package.arn
    return ModelPackageStateChange.model_validate(sample)


def test_what_was_decided_in_sagemaker_itself_is_noted_once(
    approvals: Approvals, candidate: Package, sagemaker: "SageMakerClient"
) -> None:
    assert not approvals.note(changed(candidate))
    sagemaker.update_model_package(
        ModelPackageArn=candidate.arn, ModelApprovalStatus="Approved", ApprovalDescription="in the Studio"
    )
    assert approvals.note(changed(candidate))
    assert not approvals.note(changed(candidate))
    record = approvals.recorded(candidate.arn)
    assert record is not None
    assert (record.decision, record.channel, record.reason) == (
        Decision.APPROVED,
        "sagemaker",
        "in the Studio",
    )
    assert record.by


def test_the_event_of_a_decision_of_ours_adds_nothing(approvals: Approvals, candidate: Package) -> None:
    record = decide(approvals, candidate)
    assert not approvals.note(changed(candidate))
    assert approvals.recorded(candidate.arn) == record


class Form(HTMLParser):
    """What a screen reader and a browser make of a page."""

    def __init__(self, body: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(body)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


class Web:
    """Asks the page as API Gateway does."""

    def __init__(self, approvals: Approvals, invitations: Invitations) -> None:
        self.approvals, self.invitations = approvals, invitations

    def link(self, package: Package, lifetime: timedelta = timedelta(days=1)) -> str:
        address = approval_link(package, self.invitations, "https://x/", "mei@example.com", lifetime)
        return address.removeprefix("https://x")

    def get(self, path: str, method: str = "GET") -> dict[str, Any]:
        return self._ask(path, method)

    def post(self, path: str, body: str = APPROVE, encoded: bool = False) -> dict[str, Any]:
        return self._ask(path, "POST", body=body, isBase64Encoded=encoded)

    def _ask(self, path: str, method: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401
        event = json.loads(json.dumps(SAMPLE))
        event["rawPath"] = event["requestContext"]["http"]["path"] = path
        event["requestContext"]["http"]["method"] = method
        return answer({**event, **more}, approvals=self.approvals, invitations=self.invitations)


@pytest.fixture
def web(approvals: Approvals, invitations: Invitations) -> Web:
    return Web(approvals, invitations)


def test_opening_the_link_changes_nothing_however_often(web: Web, candidate: Package) -> None:
    path = web.link(candidate)
    for method in ("GET", "HEAD", "GET"):
        assert web.get(path, method)["statusCode"] == 200
    assert web.approvals.package(2).approval == PENDING
    assert web.post(path)["statusCode"] == 200
    assert web.approvals.package(2).approval == APPROVED


def test_the_page_can_be_used_without_javascript_and_by_everyone(web: Web, candidate: Package) -> None:
    form = Form(web.get(web.link(candidate))["body"])
    assert form.all("html") == [{"lang": "en"}]
    assert form.all("script") == []
    assert [attributes["method"] for attributes in form.all("form")] == ["post"]
    assert {attributes["value"] for attributes in form.all("button")} == {"Approved", "Rejected"}
    (label,), (field,) = form.all("label"), form.all("textarea")
    assert label["for"] == field["id"]
    assert len(form.all("h1")) == len(form.all("main")) == len(form.all("title")) == 1
    for said in ("1.2.0-t-1", "new f1", "90.25", "95.50", "+5.25", "mei@example.com"):
        assert said in form.text


def test_a_decision_by_link_is_recorded_for_whom_the_link_was_made(web: Web, candidate: Package) -> None:
    answered = web.post(web.link(candidate), "decision=Rejected&reason=worse%20on%20%3Cstamps%3E")
    assert "rejected" in answered["body"]
    record = web.approvals.recorded(candidate.arn)
    assert record is not None
    assert (record.by, record.reason, record.channel) == ("mei@example.com", "worse on <stamps>", "link")
    assert web.approvals.package(2).approval == REJECTED


def test_a_form_that_arrives_encoded_is_read(web: Web, candidate: Package) -> None:
    body = base64.b64encode(b"decision=Approved&reason=").decode()
    assert web.post(web.link(candidate), body, encoded=True)["statusCode"] == 200
    assert web.approvals.package(2).approval == APPROVED


def test_a_link_works_once(web: Web, candidate: Package) -> None:
    path = web.link(candidate)
    web.post(path)
    again = web.post(path, "decision=Rejected")
    assert again["statusCode"] == 410
    assert "used already" in again["body"]
    assert web.get(path)["statusCode"] == 410
    assert web.approvals.package(2).approval == APPROVED


def test_a_link_that_was_altered_or_has_ended_gets_a_clear_page(
    web: Web, candidate: Package, s3: "S3Client", sagemaker: "SageMakerClient"
) -> None:
    other = publish_model(s3, sagemaker, "1.2.0-t-2", PENDING, parent="1.2.0")
    path = web.link(candidate)
    head, _, tail = path.rpartition(".")
    altered = f"{head}.{'A' if tail[0] != 'A' else 'B'}{tail[1:]}"
    for wrong in (
        altered,
        path.replace("/approval/2-", f"/approval/{other.number}-"),
        "/approval/2-v1.e30.example",
        "/approval/%3Cscript%3E",
        "/approval/2",
    ):
        for answered in (web.get(wrong), web.post(wrong)):
            assert answered["statusCode"] == 410
            assert "does not work any more" in answered["body"]
            assert "<script" not in answered["body"]
    label, _ = web.invitations.issue("mei")
    assert web.post(f"/approval/2-{label}")["statusCode"] == 410
    assert [web.approvals.package(number).approval for number in (2, 3)] == [PENDING, PENDING]


def test_a_link_that_has_ended_decides_nothing(
    web: Web, candidate: Package, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = web.link(candidate, timedelta(microseconds=1))
    answered = web.post(path)
    assert answered["statusCode"] == 410
    assert "has ended" in answered["body"]
    assert "drawops models approve" in answered["body"]
    assert web.approvals.package(2).approval == PENDING


def test_what_was_decided_elsewhere_is_said_and_a_superseded_version_can_only_be_rejected(
    web: Web, candidate: Package, s3: "S3Client", sagemaker: "SageMakerClient"
) -> None:
    path = web.link(candidate)
    newer = publish_model(s3, sagemaker, "1.2.0-t-2", PENDING, parent="1.2.0")
    decide(web.approvals, newer)
    shown = Form(web.get(path)["body"])
    assert "superseded" in shown.text
    assert [button["value"] for button in shown.all("button")] == ["Rejected"]
    assert web.post(path)["statusCode"] == 409
    assert web.post(path, "decision=Rejected")["statusCode"] == 200

    other = publish_model(s3, sagemaker, "1.2.0-t-3", PENDING, parent="1.2.0-t-2")
    link = web.link(other)
    decide(web.approvals, other, by="jan")
    assert "approved by jan" in web.get(link)["body"]
    assert web.post(link, "decision=Rejected")["statusCode"] == 409
    assert web.approvals.package(other.number).approval == APPROVED


def test_a_post_that_says_nothing_changes_nothing_and_leaves_the_link_good(
    web: Web, candidate: Package
) -> None:
    path = web.link(candidate)
    for body in ("", "decision=", "decision=Perhaps", "\x00", "a" * 50_000):
        assert web.post(path, body)["statusCode"] == 400
    assert web.post(path)["statusCode"] == 200


def test_no_page_can_be_framed_run_kept_or_sent_on(web: Web, candidate: Package) -> None:
    path = web.link(candidate)
    for answered in (web.get(path), web.get("/approval/nothing"), web.get("/elsewhere"), web.post(path)):
        headers = answered["headers"]
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert not re.search(r"https?://", answered["body"])


def test_other_methods_and_paths_do_nothing(web: Web, candidate: Package) -> None:
    assert web.get(web.link(candidate), "DELETE")["statusCode"] == 405
    assert web.get("/approval/")["statusCode"] == 404
