"""Labeling work: what the labeling page and its API exchange, and what the workflow hands on.

One **labeling** is one page of one drawing that people correct. It is cut into **tasks**: one area of the
page for one annotator, so that several people share a sheet; a second opinion is a second task on the same
area.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from drawops.contracts.labels import FinitePoint, LabelId
from drawops.contracts.reading import Contract

Quad = tuple[FinitePoint, FinitePoint, FinitePoint, FinitePoint]

MAX_BOXES = 5_000
MAX_TEXT = 500
"""Characters of one text; the longest note on a drawing is shorter."""
MAX_BODY_BYTES = 5 * 2**20
"""Of a request to the API; Lambda itself takes 6 MB."""


class Reason(StrEnum):
    """Why a page became work."""

    LOW_CONFIDENCE = "LOW_CONFIDENCE"
    REQUESTED = "REQUESTED"
    SELECTED = "SELECTED"


class Backend(StrEnum):
    """Who shows the work to people."""

    OWN = "own"
    GROUND_TRUTH = "ground-truth"


class LabelingState(StrEnum):
    """PREPARING -> OPEN -> SUBMITTED -> DONE; back to OPEN when people disagree; FAILED, CANCELLED."""

    PREPARING = "PREPARING"
    OPEN = "OPEN"
    SUBMITTED = "SUBMITTED"
    DONE = "DONE"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class TaskState(StrEnum):
    """OPEN -> CLAIMED -> SUBMITTED; a claim that is not renewed expires."""

    OPEN = "OPEN"
    CLAIMED = "CLAIMED"
    SUBMITTED = "SUBMITTED"


class BoxState(StrEnum):
    """What is known of a box."""

    UNSURE = "UNSURE"
    """Read by the model with too little confidence: a person must look."""
    SURE = "SURE"
    """Read by the model with enough confidence: taken as it is unless a person changes it."""
    ACCEPTED = "ACCEPTED"
    """A person looked and agreed."""
    EDITED = "EDITED"
    """A person changed the string, the place or both."""
    DRAWN = "DRAWN"
    """A person added it."""
    UNREADABLE = "UNREADABLE"
    """A person looked and could not read it; exported as '###'."""
    DELETED = "DELETED"
    """A person says that there is no text; kept, so that it can be undone and counted."""


BY_A_PERSON = frozenset(
    {BoxState.ACCEPTED, BoxState.EDITED, BoxState.DRAWN, BoxState.UNREADABLE, BoxState.DELETED}
)


class Box(Contract):
    """One text of a task. Pixels of the whole page, clockwise from the text's own top-left."""

    id: LabelId
    quad: Quad
    text: str = Field(max_length=MAX_TEXT)
    state: BoxState
    confidence: Annotated[float, Field(ge=0, le=1)] | None = None
    difficult: bool = False
    proposals: tuple[str, ...] = Field(
        default=(), max_length=8, description="What others read here, when people disagreed."
    )


class Area(Contract):
    """A rectangle of the page in pixels. A box belongs to the area that holds its middle."""

    x: int = Field(ge=0)
    y: int = Field(ge=0)
    width: int = Field(gt=0)
    height: int = Field(gt=0)


class Pyramid(Contract):
    """The page's picture as a Deep Zoom pyramid (DZI): tiles at `tiles`/<level>/<column>_<row>.<format>."""

    tiles: str = Field(description="URL prefix, relative to the labeling page's origin.")
    format: Literal["webp", "jpeg", "png"]
    tile_size: int = Field(gt=0)
    overlap: int = Field(ge=0)


class TaskSheet(Contract):
    """The page that a task is about."""

    drawing_id: str
    revision: str
    page: int = Field(ge=1)
    name: str = Field(description="The S3 key that the drawing was dropped at.")
    width: int = Field(gt=0)
    height: int = Field(gt=0)
    pyramid: Pyramid


class TaskSummary(Contract):
    """A line of the task list."""

    task_id: str
    labeling_id: str
    name: str
    page: int
    state: TaskState
    annotator: str | None
    boxes: int
    unsure: int = Field(description="Boxes that still wait for a person.")
    round: int = Field(ge=1, description="Above 1: sent back because people disagreed.")


class TaskList(Contract):
    """Answer of `GET /api/tasks`: what this annotator holds or may take, and how far all are."""

    annotator: str
    tasks: tuple[TaskSummary, ...]
    open: int
    submitted: int


class TaskDocument(Contract):
    """Answer of `GET /api/tasks/{task_id}` and of `POST /api/tasks/{task_id}/claim`."""

    schema_version: Literal["1.0"] = "1.0"
    task_id: str
    labeling_id: str
    state: TaskState
    annotator: str | None
    lease_expires_at: datetime | None
    revision: int = Field(ge=0, description="Counts saves; the next save must name it.")
    round: int = Field(default=1, ge=1)
    sheet: TaskSheet
    area: Area
    boxes: tuple[Box, ...]


class SaveRequest(Contract):
    """Body of `PUT /api/tasks/{task_id}`: all boxes of the task, as they are now."""

    base_revision: int = Field(ge=0, description="The revision that these boxes were made from.")
    boxes: tuple[Box, ...] = Field(max_length=MAX_BOXES)
    seconds: float = Field(default=0, ge=0, le=86_400, description="Active since the last save.")
    actions: int = Field(default=0, ge=0, le=1_000_000, description="Keys and clicks since the last save.")


class SubmitRequest(Contract):
    """Body of `POST /api/tasks/{task_id}/submit`. With boxes it saves them first."""

    base_revision: int = Field(
        ge=0, description="The revision that is handed in, or that boxes were made from."
    )
    boxes: tuple[Box, ...] | None = Field(default=None, max_length=MAX_BOXES)
    seconds: float = Field(default=0, ge=0, le=86_400)
    actions: int = Field(default=0, ge=0, le=1_000_000)
    leave_unsure: bool = Field(
        default=False, description="Hand in although boxes are UNSURE: they are counted and stay the model's."
    )


class SaveResult(Contract):
    """Answer to a save or a submission: the revision that stands now."""

    revision: int
    state: TaskState
    lease_expires_at: datetime | None


class Me(Contract):
    """Answer of `GET /api/me`."""

    annotator: str
    expires_at: datetime = Field(description="When the invitation ends.")


class ApiProblem(Contract):
    """Body of every answer with status 400 or above.

    `code`: UNAUTHORIZED 401; NOT_YOURS 403; NOT_FOUND 404; STALE 409 (with the revision that stands and
    who saved it: load it, merge, save again); CLOSED 409 (already submitted or the labeling ended);
    TOO_LARGE 413; INVALID 400.
    """

    code: Literal["UNAUTHORIZED", "NOT_YOURS", "NOT_FOUND", "STALE", "CLOSED", "TOO_LARGE", "INVALID"]
    message: str
    revision: int | None = None
    saved_by: str | None = None
