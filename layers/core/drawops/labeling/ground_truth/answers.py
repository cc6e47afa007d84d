"""From a filled-in form to the boxes of a task, as if the worker had used the labeling page.

the place is there, its text is the same   UNSURE becomes ACCEPTED, SURE stays
place or text are changed                  EDITED
ticked as unreadable, or the text cleared  UNREADABLE
the place is gone                          DELETED
a place with a number for added texts      DRAWN
"""

import hashlib
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from drawops.contracts.ground_truth import FilledForm, FilledPlace
from drawops.contracts.labeling import Area, Box, BoxState, Quad
from drawops.contracts.labels import UNREADABLE
from drawops.datasets.geometry import centre
from drawops.labeling.ground_truth import forms, places


@dataclass
class Answer:
    """What a worker made of the boxes of an area; `problems` says what could not be taken, in sentences."""

    boxes: tuple[Box, ...]
    problems: list[str] = field(default_factory=list)


def apply(form: FilledForm, boxes: Sequence[Box], area: Area, page: tuple[int, int], worker: str) -> Answer:
    """The boxes of the task as this worker leaves them, in their order, added ones at the end.

    Args:
        form: pixels of the picture that the worker saw.
        boxes: what the worker was shown, in the order that gave them their numbers; page pixels.
        page: width and height in pixels.
        worker: the worker's id; added boxes are named by it.

    Raises:
        UnusableAnswer: all places are gone while their texts are still filled in: the tool had not loaded.
    """
    shown = forms.numbered(boxes)
    if shown and not form.places and form.texts:
        raise forms.UnusableAnswer("All places are missing though their texts are filled in.")
    reader = _Reader(form, area, page)
    known = {box.id: reader.shown(number, box) for number, box in shown}
    corrected = [known.get(box.id, box) for box in boxes]
    corrected += reader.added({box.id for box in boxes}, worker)
    reader.complain_about_the_rest({number for number, _ in shown})
    return Answer(tuple(corrected), reader.problems)


class _Reader:
    def __init__(self, form: FilledForm, area: Area, page: tuple[int, int]) -> None:
        self._form = form
        self._area = area
        self._page = page
        self._picture = (
            (form.picture_width, form.picture_height) if form.picture_width and form.picture_height else None
        )
        self._places: dict[str, list[FilledPlace]] = defaultdict(list)
        for place in form.places:
            self._places[place.label].append(place)
        self.problems: list[str] = []

    def shown(self, number: str, box: Box) -> Box:
        """A box that the worker saw."""
        candidates = self._places.get(number, [])
        if not candidates:
            return box.model_copy(update={"state": BoxState.DELETED})
        if len(candidates) > 1:
            self.problems.append(f"Box {number} was drawn {len(candidates)} times; the nearest place counts.")
        quad = self._moved(number, candidates, box.quad)
        text = self._form.texts.get(number, "")
        if number in self._form.unreadable or not text:
            return box.model_copy(update={"quad": quad, "state": BoxState.UNREADABLE})
        if quad == box.quad and text == box.text:
            accepted = BoxState.ACCEPTED if box.state is BoxState.UNSURE else box.state
            return box.model_copy(update={"state": accepted})
        return box.model_copy(update={"quad": quad, "text": text, "state": BoxState.EDITED})

    def added(self, taken: set[str], worker: str) -> list[Box]:
        """Texts that the model overlooked."""
        stem = "gt-" + hashlib.sha256(worker.encode(errors="replace")).hexdigest()[:10]
        boxes = []
        for label in forms.ADDED:
            for place in self._places.get(label, []):
                quad = places.quad_of(self._on_page(place))
                if quad is None or not self._holds(quad):
                    self.problems.append(f"Added place {label} encloses nothing or lies outside the page.")
                    continue
                name = next(
                    name
                    for count in range(len(taken) + 1)
                    if (name := f"{stem}-{label}" + (f"-{count}" if count else "")) not in taken
                )
                taken.add(name)
                text = "" if label in self._form.unreadable else self._form.texts.get(label, "")
                state = BoxState.DRAWN if text else BoxState.UNREADABLE
                boxes.append(Box(id=name, quad=quad, text=text or UNREADABLE, state=state))
        return boxes

    def complain_about_the_rest(self, numbers: set[str]) -> None:
        """Name what belongs to nothing."""
        for label in self._places:
            if label not in numbers and label not in forms.ADDED:
                self.problems.append(f"A place has the number {label}, which nobody gave it.")
        for label in forms.ADDED:
            if label in self._form.texts and label not in self._places:
                self.problems.append(f"Added text {label} has no place.")

    def _moved(self, number: str, candidates: Sequence[FilledPlace], quad: Quad) -> Quad:
        points = min(
            (self._on_page(place) for place in candidates),
            key=lambda found: math.dist(centre(found), centre(quad)),
        )
        if places.unmoved(points, quad):
            return quad
        moved = places.quad_of(points, like=quad)
        if moved is None or not self._holds(moved):
            self.problems.append(f"Box {number} encloses nothing or lies outside the page; it stays.")
            return quad
        return moved

    def _on_page(self, place: FilledPlace) -> list[tuple[float, float]]:
        return places.to_page(place.points, self._area, self._picture)

    def _holds(self, quad: Quad) -> bool:
        x, y = centre(quad)
        return 0 <= x <= self._page[0] and 0 <= y <= self._page[1]
