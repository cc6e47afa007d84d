"""Scripted annotators: they work through the labeling page's own API, as people's browsers do.

What stands on a sheet is known to them, and how often they mistype. The demo of the learning loop lets them
work, and tests do.
"""

import json
import random
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Protocol

from drawops.contracts.labeling import Box, BoxState, SubmitRequest, TaskDocument, TaskList
from drawops.datasets.geometry import Shape, centre, overlapping_pairs
from drawops_local.sagemaker.workers import typed

from drawops_cli.failures import Failure
from drawops_cli.label.access import console_url, invitations_of
from drawops_cli.target import Target

SAME_PLACE = 0.5
"""IoU from which a box shows a text."""


class Stands(Protocol):
    """A text that stands on a sheet; pixels of the page, clockwise from its own top-left."""

    @property
    def text(self) -> str:
        """The string."""

    @property
    def quad(self) -> Shape:
        """Where it stands."""


class Annotator:
    """Somebody who came to the labeling page by an invitation.

    Args:
        target: the stack.
        name: as `drawops label status` shows it.
    """

    def __init__(self, target: Target, name: str) -> None:
        self.name = name
        self._base = console_url(target)
        self._token, _ = invitations_of(target).issue(name, lifetime=timedelta(hours=4))

    def request(self, method: str, path: str, body: object = None) -> tuple[int, bytes, dict[str, str]]:
        """Status, body and headers of an answer; `path` is relative to the page."""
        request = urllib.request.Request(
            self._base + path,
            None if body is None else json.dumps(body).encode(),
            {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read(), dict(answer.headers)
        except urllib.error.HTTPError as error:
            return error.code, error.read(), dict(error.headers)

    def json(self, method: str, path: str, body: object = None) -> tuple[int, dict[str, Any]]:
        """Status and document of an answer."""
        status, content, _ = self.request(method, path, body)
        return status, json.loads(content)

    def work_next(self, stands: Callable[[str], Sequence[Stands]], *, accuracy: float, seed: int = 0) -> bool:
        """Take the task that has waited longest, correct it and hand it in.

        Args:
            stands: the texts on the sheet of a name (the drawing's key).
            accuracy: probability of typing a text without a mistake.
            seed: of the mistakes.

        Returns:
            False when there was none.

        Raises:
            Failure: the API refused.
        """
        tasks = TaskList.model_validate(self._sent("GET", "api/tasks")).tasks
        if not tasks:
            return False
        task = TaskDocument.model_validate(self._sent("POST", f"api/tasks/{tasks[0].task_id}/claim", {}))
        chance = random.Random(f"{seed}/{self.name}/{task.sheet.name}/{task.task_id[-8:]}")
        boxes = corrected(task, stands(task.sheet.name), accuracy, chance)
        handed_in = SubmitRequest(base_revision=task.revision, boxes=boxes, actions=len(boxes))
        self._sent("POST", f"api/tasks/{task.task_id}/submit", handed_in.model_dump(mode="json"))
        return True

    def _sent(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        status, document = self.json(method, path, body)
        if status != 200:
            raise Failure(f"The labeling page refused {method} {path}: {document.get('message', status)}")
        return document


def corrected(
    task: TaskDocument, stands: Sequence[Stands], accuracy: float, chance: random.Random
) -> tuple[Box, ...]:
    """The boxes of a task as somebody leaves them who sees what stands there.

    A box on a text gets its string, a box on nothing is deleted, a text without a box is drawn when its
    middle lies in the task's area.
    """
    quads = [text.quad for text in stands]
    pairs = overlapping_pairs([box.quad for box in task.boxes], quads, SAME_PLACE)
    text_of: dict[int, int] = {}
    for on, shows, _ in sorted(pairs, key=lambda pair: -pair[2]):
        if on not in text_of and shows not in text_of.values():
            text_of[on] = shows
    boxes: list[Box] = []
    for index, box in enumerate(task.boxes):
        if index not in text_of:
            boxes.append(box.model_copy(update={"state": BoxState.DELETED}))
            continue
        string = typed(stands[text_of[index]].text, accuracy, chance)
        state = BoxState.ACCEPTED if string == box.text else BoxState.EDITED
        boxes.append(box.model_copy(update={"text": string, "state": state}))
    for index in sorted(set(range(len(stands))) - set(text_of.values())):
        if _inside(task, centre(quads[index])):
            a, b, c, d = ((float(x), float(y)) for x, y in quads[index])
            string = typed(stands[index].text, accuracy, chance)
            boxes.append(Box(id=f"new-{index}", quad=(a, b, c, d), text=string, state=BoxState.DRAWN))
    return tuple(boxes)


def _inside(task: TaskDocument, point: tuple[float, float]) -> bool:
    area = task.area
    return area.x <= point[0] < area.x + area.width and area.y <= point[1] < area.y + area.height
