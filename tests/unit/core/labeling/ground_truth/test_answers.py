"""What a worker did to the form is what would have been done on the labeling page."""

import json
from typing import Any

import pytest
from drawops.contracts.ground_truth import TaskInput
from drawops.contracts.labeling import Area, Box, BoxState
from drawops.labeling.ground_truth import answers, forms

AREA = Area(x=1_000, y=500, width=800, height=600)
PAGE = (2_000, 1_200)
BOXES = (
    Box(id="a", quad=((1010.3, 520.7), (1110.3, 520.7), (1110.3, 540.7), (1010.3, 540.7)), text="P-1O1",
        state=BoxState.UNSURE, confidence=0.4),
    Box(id="b", quad=((1200, 520), (1300, 520), (1300, 540), (1200, 540)), text="V-2", state=BoxState.SURE,
        confidence=0.99),
    Box(id="c", quad=((1400, 520), (1500, 520), (1500, 540), (1400, 540)), text="gone",
        state=BoxState.DELETED, confidence=0.5),
)  # fmt: skip


class Form:
    """A form as it is shown, to be changed like a worker changes it."""

    def __init__(self, shown: TaskInput) -> None:
        self.places = {p.label: [(v.x, v.y) for v in p.vertices] for p in shown.polygons}
        self.more: list[tuple[str, list[tuple[float, float]]]] = []
        self.texts = {field.number: field.text for field in shown.fields}
        self.unreadable: set[str] = set()

    def submitted(self) -> answers.Answer:
        places = [*self.places.items(), *self.more]
        content: dict[str, Any] = {
            "places": {
                "polygons": [
                    {"label": label, "vertices": [{"x": x, "y": y} for x, y in points]}
                    for label, points in places
                ],
                "inputImageProperties": {"width": 800, "height": 600},
            },
            "unreadable": {number: number in self.unreadable for number in [*self.texts, *self.unreadable]},
            **{f"text-{number}": text for number, text in self.texts.items() if text},
        }
        return answers.apply(forms.read(json.dumps(content)), BOXES, AREA, PAGE, "private.anna")


@pytest.fixture
def form() -> Form:
    return Form(forms.task_input(BOXES, AREA, "s3://b/k"))


def test_a_form_that_is_submitted_as_it_is_accepts_the_unsure_and_moves_nothing(form: Form) -> None:
    a, b, c = form.submitted().boxes
    assert a == BOXES[0].model_copy(update={"state": BoxState.ACCEPTED})
    assert (b, c) == BOXES[1:]


def test_another_string_is_an_edit(form: Form) -> None:
    form.texts["1"] = "P-101"
    a = form.submitted().boxes[0]
    assert (a.text, a.state, a.quad) == ("P-101", BoxState.EDITED, BOXES[0].quad)


def test_a_moved_place_is_an_edit_in_pixels_of_the_page(form: Form) -> None:
    form.places["2"] = [(210.0, 25.0), (310.0, 25.0), (310.0, 45.0), (210.0, 45.0)]
    b = form.submitted().boxes[1]
    assert b.state is BoxState.EDITED
    assert b.quad == ((1210.0, 525.0), (1310.0, 525.0), (1310.0, 545.0), (1210.0, 545.0))


def test_a_deleted_place_deletes_its_box(form: Form) -> None:
    del form.places["2"]
    assert form.submitted().boxes[1].state is BoxState.DELETED


@pytest.mark.parametrize("how", ["ticked", "cleared"])
def test_a_text_that_cannot_be_read_is_marked(form: Form, how: str) -> None:
    if how == "ticked":
        form.unreadable.add("1")
    else:
        form.texts["1"] = ""
    a = form.submitted().boxes[0]
    assert (a.state, a.quad) == (BoxState.UNREADABLE, BOXES[0].quad)


def test_an_added_place_becomes_a_box_of_its_own(form: Form) -> None:
    form.more.append(("n1", [(600.0, 100.0), (700.0, 100.0), (700.0, 120.0), (600.0, 120.0)]))
    form.texts["n1"] = "PIC 4711"
    added = form.submitted().boxes[3]
    assert (added.text, added.state) == ("PIC 4711", BoxState.DRAWN)
    assert added.quad == ((1600.0, 600.0), (1700.0, 600.0), (1700.0, 620.0), (1600.0, 620.0))
    assert added.id not in {box.id for box in BOXES}


def test_an_added_place_without_a_string_marks_something_that_nobody_read(form: Form) -> None:
    form.more.append(("n1", [(600.0, 100.0), (700.0, 100.0), (700.0, 120.0), (600.0, 120.0)]))
    added = form.submitted().boxes[3]
    assert (added.text, added.state) == ("###", BoxState.UNREADABLE)


def test_what_belongs_to_nothing_is_named_and_left_out(form: Form) -> None:
    form.more += [
        ("99", [(1.0, 1.0), (9.0, 1.0), (9.0, 9.0)]),
        ("n2", [(1.0, 1.0), (9.0, 9.0)]),
        ("n3", [(-5000.0, 1.0), (-4000.0, 1.0), (-4000.0, 9.0)]),
    ]
    form.texts["n4"] = "nowhere"
    answer = form.submitted()
    assert len(answer.boxes) == 3
    text = " ".join(answer.problems)
    for words in ("number 99", "place n2", "place n3", "text n4 has no place"):
        assert words in text


def test_of_two_places_of_one_box_the_nearer_counts(form: Form) -> None:
    form.more.append(("1", [(600.0, 100.0), (700.0, 100.0), (700.0, 120.0), (600.0, 120.0)]))
    answer = form.submitted()
    assert answer.boxes[0].quad == BOXES[0].quad
    assert "drawn 2 times" in answer.problems[0]


def test_a_place_that_was_pushed_off_the_page_stays_where_it_was(form: Form) -> None:
    form.places["2"] = [(x + 5_000, y) for x, y in form.places["2"]]
    answer = form.submitted()
    assert answer.boxes[1].quad == BOXES[1].quad
    assert "outside the page" in answer.problems[0]


def test_an_answer_without_any_place_but_with_texts_is_refused(form: Form) -> None:
    form.places.clear()
    with pytest.raises(forms.UnusableAnswer, match="All places are missing"):
        form.submitted()
