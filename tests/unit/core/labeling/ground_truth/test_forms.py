"""The form shows what the boxes are; what comes back is read strictly, whoever sent it."""

import json
from typing import Any

import pytest
from drawops.contracts.labeling import Area, Box, BoxState
from drawops.labeling.ground_truth import forms

AREA = Area(x=1_000, y=0, width=800, height=600)
POLYGON = {"label": "1", "vertices": [{"x": 1, "y": 1}, {"x": 9, "y": 1}, {"x": 9, "y": 5}]}


def box(name: str, x: float, state: BoxState = BoxState.SURE, **more: Any) -> Box:  # noqa: ANN401
    quad = ((x, 20.4), (x + 100, 20.4), (x + 100, 40.4), (x, 40.4))
    return Box(**{"id": name, "quad": quad, "text": name.upper(), "state": state, **more})


def answer(**changes: Any) -> str:  # noqa: ANN401
    size = {"width": 800, "height": 600}
    form = {"places": {"polygons": [POLYGON], "inputImageProperties": size}, "text-1": "P-101"}
    return json.dumps({**form, **changes})


def test_every_box_has_a_number_a_polygon_and_a_field_unsure_ones_first() -> None:
    boxes = [box("a", 1_010), box("b", 1_200, BoxState.UNSURE), box("c", 1_400, BoxState.DELETED)]
    shown = forms.task_input(boxes, AREA, "s3://b/k")
    assert [field.number for field in shown.fields] == ["2", "1"]
    assert [field.text for field in shown.fields] == ["B", "A"]
    assert shown.labels[:3] == ("1", "2", "n1")
    assert [polygon.label for polygon in shown.polygons] == ["1", "2"]
    first = shown.polygons[0].vertices[0]
    assert (first.x, first.y) == (10, 20)


def test_the_cut_out_of_a_text_shows_it_upright_with_some_margin() -> None:
    upwards = box("a", 0, quad=((1_010, 120), (1_010, 20), (1_030, 20), (1_030, 120)))
    field = forms.task_input([upwards], AREA, "s3://b/k").fields[0]
    assert field.turn == 90
    assert field.width > field.height
    assert 100 < field.width < 130
    assert 20 < field.height < 50


def test_what_others_read_is_shown() -> None:
    field = forms.task_input([box("a", 1_010, proposals=("P-101", "P-1O1"))], AREA, "s3://b/k").fields[0]
    assert field.proposals == ("P-101", "P-1O1")


def test_an_answer_is_read_as_crowd_form_sends_it() -> None:
    form = forms.read(answer(**{"unreadable": {"1": False, "2": True}, "text-2": "  A\tB \n"}))
    assert (form.picture_width, form.picture_height) == (800, 600)
    assert form.texts == {"1": "P-101", "2": "A B"}
    assert form.unreadable == {"2"}
    assert form.places[0].points == ((1.0, 1.0), (9.0, 1.0), (9.0, 5.0))


def test_an_answer_may_stand_in_a_list_as_in_the_reference() -> None:
    assert forms.read(f"[{answer()}]").texts == {"1": "P-101"}


def test_a_script_in_a_text_stays_a_text() -> None:
    hostile = "<script>alert('x')</script>{{ task.input }}"
    assert forms.read(answer(**{"text-1": hostile})).texts == {"1": hostile}


def test_control_characters_and_halves_of_characters_are_taken_out_of_texts() -> None:
    assert forms.read(answer()[:-1] + ', "text-2": "A\\u0000B\\ud800C\\u202fD"}').texts["2"] == "A B C\u202fD"


def test_a_picture_size_that_makes_no_sense_is_not_used() -> None:
    polygons = {"polygons": [POLYGON], "inputImageProperties": {"width": 0, "height": "600"}}
    assert forms.read(answer(places=polygons)).picture_width is None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "not JSON"),
        ("<html>", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("3", "not a form"),
        ("[]", "not a form"),
        ("{}", "Nothing was answered"),
        ('{"text-1": "P-101"}', "Nothing was answered"),
        (answer(places=None), "Nothing was answered"),
        (answer(places={"polygons": [{"vertices": []}]}), "has no number"),
        (answer(places={"polygons": [{"label": "1", "vertices": []}]}), "has no corners"),
        (answer(places={"polygons": [{"label": "1", "vertices": [{"x": 1}]}]}), "without coordinates"),
        (answer(places={"polygons": [{"label": "1", "vertices": [{"x": 1e300, "y": 1}]}]}), "coordinates"),
        (answer(places={"polygons": [{"label": "1", "vertices": [{"x": True, "y": 1}]}]}), "coordinates"),
        (answer(places={"polygons": [{"label": "1", "vertices": [{"x": float("nan"), "y": 1}]}]}), "coord"),
        (answer(places={"polygons": [POLYGON] * 5_001}), "at most 5,000"),
        (answer(**{"text-1": "x" * 501}), "501 characters; at most 500"),
        (answer(**{"text-1": "x" * 5_000_000}), "more than 4,194,304 bytes"),
    ],
)  # fmt: skip
def test_an_answer_that_is_no_answer_says_why(content: str, words: str) -> None:
    with pytest.raises(forms.UnusableAnswer, match=words):
        forms.read(content)
