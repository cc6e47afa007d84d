# ruff: noqa: ANN401 - JSON documents have no narrower type here
"""The post-annotation function takes everything that AWS sends, and says what it could not take."""

import json
from typing import Any

import pytest
from drawops.contracts.ground_truth import AreaAnswers, FilledForm, PostAnnotationRequest
from drawops.errors import InvalidResult
from drawops.labeling.ground_truth.manifests import LABEL
from drawops.labeling.ground_truth.post_annotation import consolidate
from pydantic import ValidationError

from tests.unit.core.labeling.conftest import DATA
from tests.unit.core.labeling.ground_truth.conftest import JOB_ARN, GroundTruth

JOB = "drawops-test-l-1-r1w2a0"
POLYGON = {"label": "1", "vertices": [{"x": 1, "y": 1}, {"x": 9, "y": 1}, {"x": 9, "y": 5}]}


def answer(text: str = "P-101") -> str:
    return json.dumps({"places": {"polygons": [POLYGON]}, "text-1": text})


def annotation(worker: str, content: Any = None, **data: Any) -> dict[str, Any]:
    return {"workerId": worker, "annotationData": data or {"content": content or answer()}}


def entry(*annotations: Any, number: Any = "0") -> dict[str, Any]:
    return {"datasetObjectId": number, "dataObject": {"s3Uri": "s3://b/k"}, "annotations": list(annotations)}


def consolidated(ground_truth: GroundTruth, *annotations: Any, number: Any = "0") -> AreaAnswers:
    (found,) = ground_truth.consolidate(JOB, [entry(*annotations, number=number)])
    assert found["datasetObjectId"] == str(number)
    return AreaAnswers.model_validate(found["consolidatedAnnotation"]["content"][LABEL])


def form(ground_truth: GroundTruth, key: str) -> FilledForm:
    body = ground_truth.s3.get_object(Bucket=DATA, Key=key)["Body"].read()
    return FilledForm.model_validate_json(body)


def test_every_answer_is_kept_and_named(ground_truth: GroundTruth) -> None:
    found = consolidated(ground_truth, annotation("anna"), annotation("ben", answer("P-1O1")))
    assert [each.worker for each in found.answers] == ["anna", "ben"]
    assert [form(ground_truth, each.key).texts["1"] for each in found.answers] == ["P-101", "P-1O1"]
    assert found.answers[0].key == f"ground-truth/{JOB}/answers/0/anna.json"
    assert found.problems == ()


@pytest.mark.parametrize("spelling", ["s3Uri", "s3uri"])
def test_an_answer_may_lie_in_s3_under_either_spelling(ground_truth: GroundTruth, spelling: str) -> None:
    ground_truth.s3.put_object(Bucket=DATA, Key="ground-truth/a.json", Body=answer("far").encode())
    found = consolidated(ground_truth, annotation("anna", **{spelling: f"s3://{DATA}/ground-truth/a.json"}))
    assert form(ground_truth, found.answers[0].key).texts == {"1": "far"}


@pytest.mark.parametrize("spelling", ["s3Uri", "s3uri"])
def test_the_payload_may_be_named_in_either_spelling(spelling: str) -> None:
    event = {
        "version": "2018-10-16", "labelingJobArn": f"{JOB_ARN}/{JOB}", "labelAttributeName": LABEL,
        "labelCategories": None, "roleArn": "arn:aws:iam::1:role/r", "payload": {spelling: "s3://b/k"},
    }  # fmt: skip
    assert PostAnnotationRequest.model_validate(event).payload.s3_uri == "s3://b/k"


def test_content_may_come_parsed_and_numbers_as_ids(ground_truth: GroundTruth) -> None:
    found = consolidated(ground_truth, annotation("anna", json.loads(answer())), number=7)
    assert found.answers[0].key.endswith("/answers/7/anna.json")


def test_a_worker_who_answered_nothing_is_named_and_harms_nobody(ground_truth: GroundTruth) -> None:
    found = consolidated(
        ground_truth,
        annotation("anna"),
        annotation("ben", "{}"),
        annotation("carl", "<html>502</html>"),
        {"workerId": "dora", "annotationData": {}},
    )
    assert [each.worker for each in found.answers] == ["anna"]
    assert {each.worker: each.reason for each in found.problems} == {
        "ben": "Nothing was answered.",
        "carl": "The answer is not JSON.",
        "dora": "Nothing was answered.",
    }


def test_a_payload_that_misses_a_worker_is_taken_as_it_is(ground_truth: GroundTruth) -> None:
    assert [each.worker for each in consolidated(ground_truth, annotation("anna")).answers] == ["anna"]
    assert consolidated(ground_truth).answers == ()


def test_of_two_answers_of_one_worker_the_later_counts(ground_truth: GroundTruth) -> None:
    found = consolidated(ground_truth, annotation("anna"), annotation("anna", answer("later")))
    assert len(found.answers) == 1
    assert form(ground_truth, found.answers[0].key).texts["1"] == "later"
    assert "twice" in found.problems[0].reason


def test_a_script_is_a_text_like_others(ground_truth: GroundTruth) -> None:
    hostile = "</script><img src=x onerror=alert(1)>"
    found = consolidated(ground_truth, annotation("anna", answer(hostile)))
    assert form(ground_truth, found.answers[0].key).texts["1"] == hostile


def test_an_answer_that_is_too_big_is_named(ground_truth: GroundTruth) -> None:
    found = consolidated(ground_truth, annotation("anna", answer("x" * 5_000_000)), annotation("ben"))
    assert [each.worker for each in found.answers] == ["ben"]
    assert "more than" in found.problems[0].reason


def test_five_thousand_boxes_of_nine_workers_stay_far_from_the_limit_of_a_lambda(
    ground_truth: GroundTruth,
) -> None:
    polygons = [{**POLYGON, "label": str(number)} for number in range(5_000)]
    huge = json.dumps({"places": {"polygons": polygons}, **{f"text-{n}": "x" * 50 for n in range(5_000)}})
    workers = [annotation(f"worker-{number}", huge) for number in range(9)]
    answered = ground_truth.consolidate(JOB, [entry(*workers)])
    assert len(answered[0]["consolidatedAnnotation"]["content"][LABEL]["answers"]) == 9
    assert len(json.dumps(answered)) < 10_000


@pytest.mark.parametrize("name", ["../../../../etc", "a/b", "", "x" * 300, "é 中"])
def test_names_cannot_lead_out_of_the_jobs_folder(ground_truth: GroundTruth, name: str) -> None:
    found = consolidated(ground_truth, annotation(name or " "), number=name)
    prefix = f"ground-truth/{JOB}/answers/"
    assert found.answers[0].key.startswith(prefix)
    assert found.answers[0].key.removeprefix(prefix).count("/") == 1
    assert ".." not in found.answers[0].key


def test_broken_entries_are_passed_over(ground_truth: GroundTruth) -> None:
    answered = ground_truth.consolidate(
        JOB, [3, {"annotations": []}, entry(annotation("anna"), {"annotationData": {}}, "x", number="1")]
    )
    (found,) = answered
    content = AreaAnswers.model_validate(found["consolidatedAnnotation"]["content"][LABEL])
    assert [each.worker for each in content.answers] == ["anna"]
    assert [each.worker for each in content.problems] == [None, None]


@pytest.mark.parametrize("body", [b"", b"{", b"{}", b"\xff\xfe", b"[" * 200_000])
def test_a_payload_that_is_no_list_fails_with_its_place(ground_truth: GroundTruth, body: bytes) -> None:
    with pytest.raises(InvalidResult, match=r"request\.json"):
        ground_truth.consolidate(JOB, body)


def test_a_payload_that_is_gone_fails_with_its_place(ground_truth: GroundTruth) -> None:
    event = {
        "labelingJobArn": f"{JOB_ARN}/{JOB}", "labelAttributeName": LABEL,
        "payload": {"s3Uri": f"s3://{DATA}/nothing.json"},
    }  # fmt: skip
    with pytest.raises(InvalidResult, match=r"nothing\.json"):
        consolidate(PostAnnotationRequest.model_validate(event), s3=ground_truth.s3, data_bucket=DATA)


@pytest.mark.parametrize("arn", ["", "labeling-job", f"{JOB_ARN}/../x", f"{JOB_ARN}/{'x' * 64}"])
def test_an_event_of_no_job_is_refused(arn: str) -> None:
    with pytest.raises(ValidationError, match="labelingJobArn"):
        PostAnnotationRequest.model_validate(
            {"labelingJobArn": arn, "labelAttributeName": LABEL, "payload": {"s3Uri": "s3://b/k"}}
        )
