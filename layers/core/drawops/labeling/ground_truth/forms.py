"""The worker's form: what it shows, and reading what comes back from it.

The form has a polygon and a text field for each box, both named by the box's number: crowd-polygon shows the
number at the polygon, the field is called `text-<number>`. Numbers `n1`, `n2`, … are for texts that the model
overlooked. Names of fields are plain, because crowd-form is free to take dots apart.
"""

import json
import math
import re
from collections.abc import Sequence
from typing import Any, TypeGuard

from drawops.contracts.ground_truth import FilledForm, FilledPlace, FormField, Polygon, TaskInput, Vertex
from drawops.contracts.labeling import MAX_BOXES, MAX_TEXT, Area, Box, BoxState
from drawops.datasets.geometry import angle, bounds, centre
from drawops.labeling.ground_truth import places

PLACES = "places"
TEXT = "text-"
UNREADABLE = "unreadable"
ADDED = tuple(f"n{number}" for number in range(1, 21))

MAX_ANSWER_BYTES = 4 * 2**20
"""Of one answer; 5,000 boxes with long texts fill half of it."""
_MARGIN = 0.35
"""Of the text's height, shown around it: what touches a box decides how it reads."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


class UnusableAnswer(ValueError):
    """A worker's answer cannot be taken; `str()` says why in one sentence."""


def numbered(boxes: Sequence[Box]) -> list[tuple[str, Box]]:
    """Boxes that a worker sees with their numbers: what somebody deleted is not shown again."""
    return [(str(n), box) for n, box in enumerate(boxes, 1) if box.state is not BoxState.DELETED]


def task_input(boxes: Sequence[Box], area: Area, picture: str) -> TaskInput:
    """What the template needs to show `boxes` on the picture of `area`.

    Args:
        boxes: in the order that gives them their numbers; page pixels.
        area: what the picture shows, pixel by pixel.
        picture: S3 URI.
    """
    shown = numbered(boxes)
    fields = [_field(number, box, area) for number, box in shown]
    return TaskInput(
        picture=picture,
        width=area.width,
        height=area.height,
        labels=(*(number for number, _ in shown), *ADDED),
        polygons=tuple(
            Polygon(label=number, vertices=_vertices(places.to_area(box.quad, area))) for number, box in shown
        ),
        fields=tuple(sorted(fields, key=lambda field: not field.unsure)),
        added=ADDED,
    )


def read(content: str) -> FilledForm:
    """A worker's answer, from the JSON document that crowd-form sends.

    Raises:
        UnusableAnswer: it is too big, is not JSON, is empty, or is not of this form.
    """
    if len(content.encode(errors="replace")) > MAX_ANSWER_BYTES:
        raise UnusableAnswer(f"The answer has more than {MAX_ANSWER_BYTES:,} bytes.")
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise UnusableAnswer("The answer is not JSON.") from error
    # AWS's reference shows answers both bare and as the only element of a list.
    if isinstance(document, list) and len(document) == 1:
        document = document[0]
    if not isinstance(document, dict):
        raise UnusableAnswer("The answer is not a form.")
    tool = document.get(PLACES)
    if not isinstance(tool, dict) or not isinstance(tool.get("polygons"), list):
        raise UnusableAnswer("Nothing was answered.")
    found = tuple(_place(polygon) for polygon in tool["polygons"])
    if len(found) > MAX_BOXES:
        raise UnusableAnswer(f"The answer has {len(found):,} places; at most {MAX_BOXES:,} are taken.")
    width, height = _size(tool.get("inputImageProperties"))
    return FilledForm(
        picture_width=width,
        picture_height=height,
        places=found,
        texts=_texts(document),
        unreadable=_checked(document.get(UNREADABLE)),
    )


def _field(number: str, box: Box, area: Area) -> FormField:
    quad = places.to_area(box.quad, area)
    turn, middle = -angle(quad), centre(quad)
    left, top, right, bottom = bounds(places.turned(quad, turn, middle))
    margin = _MARGIN * max(bottom - top, 1.0)
    return FormField(
        number=number,
        text=box.text,
        unsure=box.state is BoxState.UNSURE,
        left=_round(left - margin),
        top=_round(top - margin),
        width=_round(max(right - left, 1.0) + 2 * margin),
        height=_round(max(bottom - top, 1.0) + 2 * margin),
        turn=_round(turn),
        middle=Vertex(x=_round(middle[0]), y=_round(middle[1])),
        proposals=box.proposals,
    )


def _vertices(points: Sequence[tuple[float, float]]) -> tuple[Vertex, ...]:
    # Whole pixels, as in all of AWS's examples; a place that is not touched keeps its own quad anyway.
    return tuple(Vertex(x=round(x), y=round(y)) for x, y in points)


def _round(value: float) -> float:
    return round(value, 1)


def _place(polygon: Any) -> FilledPlace:  # noqa: ANN401 - what JSON holds
    if not isinstance(polygon, dict) or not isinstance(polygon.get("label"), str):
        raise UnusableAnswer("A place in the answer has no number.")
    label = polygon["label"]
    vertices = polygon.get("vertices")
    if not isinstance(vertices, list) or not vertices or len(vertices) > 1_000:
        raise UnusableAnswer(f"Place {label[:20]} has no corners, or too many.")
    points = []
    for vertex in vertices:
        x, y = (vertex.get("x"), vertex.get("y")) if isinstance(vertex, dict) else (None, None)
        if not _is_coordinate(x) or not _is_coordinate(y):
            raise UnusableAnswer(f"Place {label[:20]} has a corner without coordinates.")
        points.append((float(x), float(y)))
    return FilledPlace(label=label[:20], points=tuple(points))


def _is_coordinate(value: Any) -> TypeGuard[float]:  # noqa: ANN401 - what JSON holds
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < 1e7 and math.isfinite(value)


def _size(properties: Any) -> tuple[int | None, int | None]:  # noqa: ANN401 - what JSON holds
    if not isinstance(properties, dict):
        return None, None
    width, height = properties.get("width"), properties.get("height")
    if not _is_coordinate(width) or not _is_coordinate(height) or min(width, height) < 1:
        return None, None
    return int(width), int(height)


def _texts(document: dict[str, Any]) -> dict[str, str]:
    texts = {}
    for name, value in document.items():
        if not name.startswith(TEXT) or not isinstance(value, str):
            continue
        number = name.removeprefix(TEXT)
        text = _CONTROL.sub(" ", value).strip()
        if len(text) > MAX_TEXT:
            raise UnusableAnswer(
                f"Text {number[:20]} has {len(text):,} characters; at most {MAX_TEXT} are taken."
            )
        if text and len(number) <= 20:
            texts[number] = text
    return texts


def _checked(boxes: Any) -> frozenset[str]:  # noqa: ANN401 - what JSON holds
    """Names of ticked boxes: crowd-checkbox sends `{value: true}` for all boxes of one name."""
    if not isinstance(boxes, dict):
        return frozenset()
    return frozenset(name for name, ticked in boxes.items() if ticked is True and len(name) <= 20)
