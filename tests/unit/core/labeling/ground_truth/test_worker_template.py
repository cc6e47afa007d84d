# ruff: noqa: ANN401 - what Liquid passes to filters has no narrower type
"""The worker template, rendered by a Liquid engine with AWS's filters, and submitted as crowd-form would.

Autoescape and the filters `to_json` and `grant_read_access`: Amazon SageMaker Developer Guide, "Adding
automation with Liquid". Output of the elements: "Crowd HTML elements reference".
"""

import json
from html.parser import HTMLParser
from typing import Any

import liquid
import pytest
from drawops.contracts.labeling import Area, Box, BoxState
from drawops.labeling.ground_truth import answers, forms
from drawops.labeling.ground_truth.job import template

AREA = Area(x=1_000, y=500, width=800, height=600)
SIGNED = "https://s3.example/areas/k.png?X-Amz-Signature=1&X-Amz-Expires=\"2'<"
HOSTILE = """"><script>alert('x')</script>{{ task.input.picture }}{% raw %}' onload='&quot;&#39;\\"""


class Page(HTMLParser):
    """Elements of a rendered page in their order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def submitted(self) -> str:
        """What crowd-form sends for the form as it is."""
        (tool,) = self.all("crowd-polygon")
        (picture, *_) = self.all("image")
        size = {"width": int(picture["width"]), "height": int(picture["height"])}
        boxes: dict[str, dict[str, bool]] = {}
        for box in self.all("crowd-checkbox"):
            boxes.setdefault(box["name"], {})[box["value"]] = "checked" in box
        return json.dumps(
            {
                tool["name"]: {
                    "polygons": json.loads(tool["initial-value"]),
                    "inputImageProperties": size,
                },
                **{
                    field["name"]: field["value"]
                    for field in self.all("crowd-input")
                    if field.get("value")  # elements without input do not appear
                },
                **boxes,
            }
        )


def rendered(boxes: tuple[Box, ...]) -> Page:
    environment = liquid.Environment(autoescape=True)
    environment.filters["to_json"] = lambda value: json.dumps(value)
    environment.filters["grant_read_access"] = lambda uri: SIGNED
    task = forms.task_input(boxes, AREA, "s3://b/k.png").model_dump(mode="json")
    return Page(environment.from_string(template()).render(task={"input": task}))


def box(number: int, text: str = "P-101", **more: Any) -> Box:
    x = 1_010.0 + 150 * number
    quad = ((x, 520.3), (x + 100, 520.3), (x + 100, 540.3), (x, 540.3))
    return Box(**{"id": f"t{number}", "quad": quad, "text": text, "state": BoxState.UNSURE, **more})


def test_a_form_that_is_submitted_as_it_was_rendered_accepts_every_box() -> None:
    boxes = tuple(box(number, f"TEXT {number}") for number in range(4))
    form = forms.read(rendered(boxes).submitted())
    answer = answers.apply(form, boxes, AREA, (2_000, 1_200), "anna")
    assert answer.problems == []
    assert answer.boxes == tuple(each.model_copy(update={"state": BoxState.ACCEPTED}) for each in boxes)


def test_every_box_has_its_polygon_its_cut_out_its_field_and_its_tick() -> None:
    page = rendered((box(0), box(1, state=BoxState.SURE)))
    (tool,) = page.all("crowd-polygon")
    assert json.loads(tool["labels"])[:3] == ["1", "2", "n1"]
    assert [polygon["label"] for polygon in json.loads(tool["initial-value"])] == ["1", "2"]
    assert [field["name"] for field in page.all("crowd-input")][:3] == ["text-1", "text-2", "text-n1"]
    assert [tick["value"] for tick in page.all("crowd-checkbox")] == ["1", "2"]
    assert len(page.all("svg")) == 2
    assert [each["class"] for each in page.all("div")] == ["text unsure", "text"]


def test_the_picture_is_the_signed_one_everywhere() -> None:
    page = rendered((box(0),))
    assert [each["src"] for each in page.all("crowd-polygon")] == [SIGNED]
    assert [each["href"] for each in page.all("image")] == [SIGNED]


@pytest.mark.parametrize("where", ["text", "proposals"])
def test_a_script_in_a_text_is_shown_as_text(where: str) -> None:
    hostile = {"text": HOSTILE} if where == "text" else {"proposals": (HOSTILE,)}
    page = rendered((box(0, **hostile),))
    assert [script["src"] for script in page.all("script")] == [
        "https://assets.crowd.aws/crowd-html-elements.js"
    ]
    assert not any("onload" in attributes for _, attributes in page.elements)
    if where == "text":
        assert page.all("crowd-input")[0]["value"] == HOSTILE
    else:
        assert any(HOSTILE in words for words in page.words)


def test_a_hostile_text_comes_back_as_it_was() -> None:
    boxes = (box(0, HOSTILE),)
    form = forms.read(rendered(boxes).submitted())
    answer = answers.apply(form, boxes, AREA, (2_000, 1_200), "anna")
    assert answer.boxes[0].text == HOSTILE
    assert answer.boxes[0].state is BoxState.ACCEPTED


def test_an_area_without_boxes_can_still_get_some() -> None:
    page = rendered(())
    assert json.loads(page.all("crowd-polygon")[0]["initial-value"]) == []
    assert [field["name"] for field in page.all("crowd-input")] == [f"text-{name}" for name in forms.ADDED]
