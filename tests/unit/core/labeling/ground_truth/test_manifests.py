# ruff: noqa: ANN401 - JSON documents have no narrower type here
"""Output manifests are read line by line: strange ones are named with their number, the others count."""

import json
from typing import Any

import pytest
from drawops.contracts.ground_truth import AreaAnswers, AreaTasks, BrokenLine
from drawops.contracts.labeling import Area
from drawops.labeling.ground_truth.manifests import LABEL, AnsweredArea, input_line, read_output

TASKS = AreaTasks(
    labeling_id="l-" + "0" * 20,
    area=Area(x=0, y=0, width=10, height=10),
    tasks=("l-00000000000000000000-r1a001s1",),
    boxes_key="labeling/l-00000000000000000000/tasks/t/0.json",
)
LINE: dict[str, Any] = json.loads(input_line("s3://b/k", TASKS))


def read(*lines: Any) -> list[AnsweredArea | BrokenLine]:
    return list(read_output(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines))


def test_what_was_written_comes_back() -> None:
    answers = AreaAnswers()
    (found,) = read({**LINE, LABEL: answers.model_dump(mode="json"), f"{LABEL}-metadata": {"job-name": "x"}})
    assert found == AnsweredArea(line=1, tasks=TASKS, answers=answers)


@pytest.mark.parametrize("spelling", ["failure-reason", "failure_reason"])
def test_a_line_that_failed_says_why(spelling: str) -> None:
    (found,) = read({**LINE, f"{LABEL}-metadata": {spelling: "tasks expired", "human-annotated": "true"}})
    assert isinstance(found, AnsweredArea)
    assert (found.answers, found.failure) == (None, "tasks expired")


@pytest.mark.parametrize("label", [None, {}, ""])
def test_a_line_that_nobody_came_to_has_no_answers(label: Any) -> None:
    (found,) = read({**LINE, LABEL: label})
    assert isinstance(found, AnsweredArea)
    assert (found.answers, found.failure) == (None, None)


def test_other_attributes_metadata_and_a_byte_order_mark_do_not_matter() -> None:
    (found,) = read(b"\xef\xbb\xbf" + json.dumps({**LINE, "x": 1, f"{LABEL}-metadata": 3}).encode() + b"\r")
    assert isinstance(found, AnsweredArea)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b'{"source-ref": ', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"\xff\xfe", "not JSON"),
        ([1], "not a JSON object"),
        ({"source-ref": "s3://b/k"}, "no attribute drawops"),
        ({"drawops": {}}, "is damaged (labeling_id"),
        ({"drawops": {**LINE["drawops"], "labeling_id": "../../x"}}, "is damaged (labeling_id"),
        ({"drawops": {**LINE["drawops"], "area": {"x": -1}}}, "is damaged (area"),
        ({**LINE, LABEL: {"answers": [{"worker": 3}]}}, "not what was returned"),
        ({**LINE, LABEL: [1]}, "not what was returned"),
        ({**LINE, "x": "x" * 2**20}, "at most 1,048,576 are read"),
    ],
)
def test_a_broken_line_is_named_and_the_rest_is_read(line: Any, words: str) -> None:
    first, second, third = read(LINE, line, b"", LINE)
    assert isinstance(first, AnsweredArea)
    assert isinstance(second, BrokenLine)
    assert second.line == 2
    assert words in second.reason
    assert isinstance(third, AnsweredArea)
    assert third.line == 4


def test_a_line_that_ground_truth_would_refuse_is_not_written() -> None:
    with pytest.raises(ValueError, match="100,000 bytes"):
        input_line("s3://b/" + "k" * 100_000, TASKS)
