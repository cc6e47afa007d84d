"""Scripted workers: the same script gives the same answers, and mistakes come as often as it says."""

import json
from typing import Any

import pytest
from drawops_local.sagemaker.workers import Behaviour, Script, TrueText, Worker, fill_in, standard_workers
from pydantic import ValidationError

OBJECT = {"source-ref": "s3://b/area.png"}


def task(count: int = 1) -> dict[str, Any]:
    corners = [(10, 10), (60, 10), (60, 30), (10, 30)]
    return {
        "width": 8_000, "height": 600, "added": ["n1"],
        "polygons": [
            {"label": str(n + 1), "vertices": [{"x": x + 100 * n, "y": y} for x, y in corners]}
            for n in range(count)
        ],
        "fields": [{"number": str(n + 1), "text": "MODEL", "unsure": True} for n in range(count)],
    }  # fmt: skip


def truth(*texts: tuple[float, str], seed: int = 0) -> Script:
    known = tuple(
        TrueText(points=((x + 10, 12), (x + 58, 12), (x + 58, 28), (x + 10, 28)), text=text)
        for x, text in texts
    )
    return Script(seed=seed, objects={OBJECT["source-ref"]: known})


def answered(script: Script, worker: Worker, count: int = 1) -> dict[str, Any]:
    (content,) = fill_in(script, worker, OBJECT, task(count))
    found: dict[str, Any] = json.loads(content)
    return found


def test_without_a_truth_the_form_is_submitted_as_it_is() -> None:
    answer = answered(Script(), Worker(id="anna"))
    assert answer["text-1"] == "MODEL"
    assert answer["places"]["polygons"] == task()["polygons"]


def test_mistakes_come_as_often_as_the_script_says_and_are_the_same_again() -> None:
    script = truth(*((100.0 * n, f"P-{n:03}") for n in range(60)), seed=3)
    worker = Worker(id="anna", accuracy=0.8)
    answer = answered(script, worker, 60)
    wrong = sum(answer[f"text-{n + 1}"] != f"P-{n:03}" for n in range(60))
    assert 4 <= wrong <= 20
    assert answered(script, worker, 60) == answer
    assert answered(truth(*((100.0 * n, f"P-{n:03}") for n in range(60)), seed=4), worker, 60) != answer


def test_what_the_model_overlooked_is_added_by_who_draws() -> None:
    script = truth((0, "P-1"), (500, "NEW"))
    assert "text-n1" not in answered(script, Worker(id="anna"))
    answer = answered(script, Worker(id="anna", draws=True))
    assert answer["text-n1"] == "NEW"
    assert answer["places"]["polygons"][-1]["label"] == "n1"


def test_what_the_model_made_up_is_taken_away_by_who_deletes() -> None:
    script = truth((100, "P-2"))
    assert len(answered(script, Worker(id="anna"), 2)["places"]["polygons"]) == 2
    answer = answered(script, Worker(id="anna", deletes=True), 2)
    assert [polygon["label"] for polygon in answer["places"]["polygons"]] == ["2"]
    assert "text-1" not in answer


@pytest.mark.parametrize(
    ("behaviour", "answers"),
    [(Behaviour.SILENT, 0), (Behaviour.EMPTY, 1), (Behaviour.GARBAGE, 1), (Behaviour.TWICE, 2)],
)
def test_bad_workers_do_what_their_name_says(behaviour: Behaviour, answers: int) -> None:
    found = fill_in(Script(), Worker(id="anna", behaviour=behaviour), OBJECT, task())
    assert len(found) == answers
    if behaviour is Behaviour.EMPTY:
        assert found == ["{}"]
    if behaviour is Behaviour.GARBAGE:
        with pytest.raises(ValueError):
            json.loads(found[0])


def test_a_team_is_as_large_as_the_job_asks_and_the_script_allows() -> None:
    assert Script().team(3) == standard_workers(3)
    assert len(Script(workers=(Worker(id="anna"),)).team(3)) == 1


def test_a_script_with_an_unknown_word_is_refused() -> None:
    with pytest.raises(ValidationError, match="acuracy"):
        Script.model_validate({"workers": [{"id": "anna", "acuracy": 1}]})
