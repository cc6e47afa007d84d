"""Scripted workers: programs that fill in the worker template of drawops.

They see what a person sees: the task input that the pre-annotation function returned. What stands on the
drawing they know from a truth document, if the job's tag `drawops:truth` names one (an S3 URI):

    {"seed": 7,
     "workers": [{"id": "private.us-east-1.anna", "accuracy": 0.95},
                 {"id": "private.us-east-1.ben", "behaviour": "silent"}],
     "objects": {"s3://bucket/areas/0_0_800_600.png": [{"points": [[x, y], …], "text": "P-101"}]}}

Points are pixels of the area's picture. With probability `accuracy` a worker types a text as it stands there,
otherwise with one mistake. A worker with `draws` adds the texts of the truth that have no box; one with
`deletes` takes boxes away that show no text. Without a truth document workers accept what they are shown.
The same seed gives the same answers, so a job that is taken up again after a crash gets the answers it had.
"""

import json
import math
import random
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

Answer = dict[str, Any]
_WIDE = "O0I1B8S5Z2G6-.,/"
_MISTAKEN_FOR = {
    "0": "O", "O": "0", "1": "I", "I": "1", "8": "B", "B": "8", "5": "S", "S": "5", "2": "Z", "Z": "2",
}  # fmt: skip


class Behaviour(StrEnum):
    """What a worker does with a task."""

    WORKS = "works"
    SILENT = "silent"
    """Never submits: the worker's task expires, at once here, after its lifetime on AWS."""
    EMPTY = "empty"
    """Submits the form without anything in it."""
    GARBAGE = "garbage"
    """What arrives is not JSON."""
    TWICE = "twice"
    """Two answers of the same worker arrive; the first has no places."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Worker(_Strict):
    """One worker of the script."""

    id: str = Field(min_length=1, max_length=100)
    accuracy: float = Field(default=1.0, ge=0, le=1)
    behaviour: Behaviour = Behaviour.WORKS
    draws: bool = False
    deletes: bool = False
    seconds: float = Field(default=0.0, ge=0, le=600, description="Pause before each answer.")


class TrueText(_Strict):
    """A text that stands on a picture; pixels of the picture."""

    points: tuple[tuple[float, float], ...] = Field(min_length=3)
    text: str


def standard_workers(count: int) -> tuple[Worker, ...]:
    """Workers without faults, named as a private workforce's are."""
    return tuple(Worker(id=f"private.us-east-1.{number:016x}") for number in range(1, count + 1))


class Script(_Strict):
    """The truth document."""

    seed: int = 0
    workers: tuple[Worker, ...] = ()
    objects: dict[str, tuple[TrueText, ...]] = {}

    def team(self, count: int) -> tuple[Worker, ...]:
        """The workers of a job that asks for `count` of them a data object."""
        return (self.workers or standard_workers(count))[:count]


Program = Callable[[Script, Worker, Mapping[str, Any], Mapping[str, Any]], Sequence[str]]
"""(script, worker, line of the manifest, task input) -> the answers that the worker submits, as strings."""


def fill_in(
    script: Script, worker: Worker, data_object: Mapping[str, Any], task: Mapping[str, Any]
) -> Sequence[str]:
    """The standard `Program`: fills in the form of drawops; other forms are sent back as they were shown."""
    match worker.behaviour:
        case Behaviour.SILENT:
            return []
        case Behaviour.EMPTY:
            return ["{}"]
        case Behaviour.GARBAGE:
            return ["<html><body>Bad gateway</body></html>"]
        case _:
            pass
    source = str(data_object.get("source-ref", data_object.get("source", "")))
    if "polygons" not in task or "fields" not in task:
        answer: Answer = dict(task)
    else:
        truth = script.objects.get(source)
        chance = random.Random(f"{script.seed}/{worker.id}/{source}")
        answer = _accepted(task) if truth is None else _corrected(task, truth, worker, chance)
    full = json.dumps(answer)
    return ["{}", full] if worker.behaviour is Behaviour.TWICE else [full]


def _accepted(task: Mapping[str, Any]) -> Answer:
    """The form as it is shown, submitted."""
    return _form(
        task,
        [dict(polygon) for polygon in task["polygons"]],
        {field["number"]: field["text"] for field in task["fields"]},
    )


def _corrected(
    task: Mapping[str, Any], truth: Sequence[TrueText], worker: Worker, chance: random.Random
) -> Answer:
    left = list(truth)
    polygons: list[dict[str, Any]] = []
    texts: dict[str, str] = {}
    shown = {field["number"]: field["text"] for field in task["fields"]}
    for polygon in task["polygons"]:
        number = polygon["label"]
        there = _nearest(polygon, left)
        if there is None:
            if not worker.deletes:
                polygons.append(dict(polygon))
                texts[number] = shown[number]
            continue
        left.remove(there)
        polygons.append(dict(polygon))
        texts[number] = typed(there.text, worker.accuracy, chance)
    if worker.draws:
        for label, overlooked in zip(task["added"], left, strict=False):
            vertices = [{"x": round(x), "y": round(y)} for x, y in overlooked.points]
            polygons.append({"label": label, "vertices": vertices})
            texts[label] = typed(overlooked.text, worker.accuracy, chance)
    return _form(task, polygons, texts)


def _form(task: Mapping[str, Any], polygons: list[dict[str, Any]], texts: Mapping[str, str]) -> Answer:
    """What crowd-form sends: fields without text are not in it."""
    return {
        "places": {
            "inputImageProperties": {"height": task["height"], "width": task["width"]},
            "polygons": polygons,
        },
        "unreadable": {field["number"]: False for field in task["fields"]},
        **{f"text-{number}": text for number, text in texts.items() if text},
    }


def _nearest(polygon: Mapping[str, Any], truth: Sequence[TrueText]) -> TrueText | None:
    """The true text whose middle lies inside the polygon's bounds, the nearest of several."""
    xs = [vertex["x"] for vertex in polygon["vertices"]]
    ys = [vertex["y"] for vertex in polygon["vertices"]]
    middle = (sum(xs) / len(xs), sum(ys) / len(ys))
    inside = [
        (math.dist(middle, centre), number)
        for number, text in enumerate(truth)
        if min(xs) <= (centre := _middle(text))[0] <= max(xs) and min(ys) <= centre[1] <= max(ys)
    ]
    return truth[min(inside)[1]] if inside else None


def _middle(text: TrueText) -> tuple[float, float]:
    count = len(text.points)
    return sum(x for x, _ in text.points) / count, sum(y for _, y in text.points) / count


def typed(text: str, accuracy: float, chance: random.Random) -> str:
    """What a person types who reads `text`: with probability `accuracy` that, else one character is wrong."""
    if chance.random() < accuracy or not text:
        return text
    at = chance.randrange(len(text))
    wrong = _MISTAKEN_FOR.get(text[at]) or chance.choice([c for c in _WIDE if c != text[at]])
    return text[:at] + wrong + text[at + 1 :]
