"""From a page as it was read to work for people: which boxes, which areas, how many opinions.

    open_page   result.json -> labeling in PREPARING, pre-labels in S3, tasks that nobody sees yet
    publish     the page's picture is there -> OPEN

Between the two the container draws the picture. Both may be repeated: the identity of a labeling is its page.
"""

import hashlib
from typing import TYPE_CHECKING

from pydantic import BaseModel, Field

from drawops.contracts.labeling import (
    MAX_TEXT,
    Area,
    Backend,
    Box,
    BoxState,
    LabelingState,
    Reason,
    TaskState,
)
from drawops.contracts.reading import DrawingResult, Page, Text
from drawops.contracts.workflow import Opened
from drawops.dynamodb import now
from drawops.errors import InvalidResult, NotReady
from drawops.keys import LabelingKeys, labeling_id, task_id
from drawops.labeling import boxes as saved
from drawops.labeling.areas import cut, share_out
from drawops.labeling.policy import ConfidencePolicy, assess
from drawops.labeling.pyramid import PyramidFile
from drawops.labeling.store import Labeling, LabelingStore, Task

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class OpeningSettings(BaseModel):
    """The stack's choice of how pages are cut; field names in capitals are environment variables."""

    boxes_per_task: int = Field(default=60, ge=1, le=1_000, description="Boxes that need a person.")
    second_opinions: float = Field(
        default=0.0, ge=0, le=1, description="Share of areas that further people correct, too."
    )
    opinions: int = Field(default=2, ge=1, le=9, description="People per area of that share.")


def open_page(
    result: DrawingResult,
    page: int,
    *,
    reason: Reason,
    s3: "S3Client",
    store: LabelingStore,
    data_bucket: str,
    project: str = "default",
    backend: Backend = Backend.OWN,
    why: str = "",
    policy: ConfidencePolicy | None = None,
    settings: OpeningSettings | None = None,
) -> Labeling:
    """Make a page of a stored result work. Opening it again finds what is there.

    A labeling that was cancelled or failed goes on with the tasks and saves that it had.

    Args:
        page: number, from 1.
        why: the reason in words; the policy's own when empty.

    Returns:
        The labeling, in PREPARING when it is new.

    Raises:
        InvalidResult: the result has no such page.
    """
    policy, settings = policy or ConfidencePolicy(), settings or OpeningSettings()
    found = next((candidate for candidate in result.pages if candidate.number == page), None)
    if found is None:
        raise InvalidResult(f"The result has no page {page}; it has {len(result.pages)}.")
    name = labeling_id(result.drawing_id, result.revision, page)
    why = why or assess(found, policy).why
    known = store.labeling(name)
    if known is None:
        labeling, tasks = _plan(
            name, result, found, reason, why, project, backend, policy, settings, s3=s3, bucket=data_bucket
        )
        store.create(labeling, tasks)
    elif known.state in (LabelingState.CANCELLED, LabelingState.FAILED):
        store.reopen(name, reason=reason, why=why)
    opened = store.labeling(name)
    if opened is None:
        raise NotReady(f"Labeling {name} vanished while it was opened.")
    return opened


def publish(labeling: str, *, s3: "S3Client", store: LabelingStore, data_bucket: str) -> Labeling:
    """Show the labeling to people, once the container has put the page's picture beside it.

    Raises:
        NotReady: there is no picture.
        InvalidResult: the picture is broken or has not the page's size.
        Conflict: the labeling has ended or does not exist.
    """
    known = store.labeling(labeling)
    picture = PyramidFile(s3, data_bucket, LabelingKeys(labeling).pyramid).description()
    if known is not None and (picture.width, picture.height) != (known.width, known.height):
        raise InvalidResult(
            f"The picture has {picture.width} x {picture.height} pixels, the page was read at "
            f"{known.width} x {known.height}."
        )
    return store.publish(
        labeling, pyramid_format=picture.format, tile_size=picture.tile_size, overlap=picture.overlap
    )


def opened(labeling: Labeling) -> Opened:
    """A labeling as the workflow hands it on."""
    return Opened(labeling_id=labeling.labeling_id, state=labeling.state, backend=labeling.backend)


def pre_label(text: Text, policy: ConfidencePolicy) -> Box:
    """A text as read, as a box to correct. A string that is too long for a box is cut and made UNSURE."""
    too_long = len(text.text) > MAX_TEXT
    unsure = too_long or policy.is_unsure(text)
    return Box(
        id=text.id,
        quad=text.quad,
        text=text.text[:MAX_TEXT],
        state=BoxState.UNSURE if unsure else BoxState.SURE,
        confidence=text.confidence,
    )


def opinions_on(labeling: str, area: int, settings: OpeningSettings) -> int:
    """How many people correct an area: a share of all areas is chosen by the hash of its name.

    The same area is chosen again at every repetition, and nobody can choose which ones are checked.
    """
    drawn = int.from_bytes(hashlib.sha256(f"{labeling}/{area}".encode()).digest()[:8], "big") / 2**64
    return settings.opinions if drawn < settings.second_opinions else 1


def _plan(
    name: str,
    result: DrawingResult,
    page: Page,
    reason: Reason,
    why: str,
    project: str,
    backend: Backend,
    policy: ConfidencePolicy,
    settings: OpeningSettings,
    *,
    s3: "S3Client",
    bucket: str,
) -> tuple[Labeling, list[Task]]:
    """The labeling with its tasks; writes the tasks' pre-labels."""
    boxes = [pre_label(text, policy) for text in page.texts]
    areas = cut(
        page.width,
        page.height,
        [(box.quad, box.state is BoxState.UNSURE) for box in boxes],
        per_area=settings.boxes_per_task,
    )
    tasks = []
    shares = share_out(areas, [box.quad for box in boxes], page.width, page.height)
    for number, (area, share) in enumerate(zip(areas, shares, strict=True), start=1):
        for slot in range(1, opinions_on(name, number, settings) + 1):
            tasks.append(
                new_task(
                    name,
                    sheet_name=result.source.key,
                    page=page.number,
                    round_=1,
                    area_number=number,
                    area=area,
                    slot=slot,
                    boxes=tuple(boxes[index] for index in share),
                    s3=s3,
                    data_bucket=bucket,
                )
            )
    labeling = Labeling(
        labeling_id=name,
        drawing_id=result.drawing_id,
        revision=result.revision,
        page=page.number,
        name=result.source.key,
        project=project,
        reason=reason,
        why=why,
        backend=backend,
        state=LabelingState.PREPARING,
        areas=len(areas),
        tasks=len(tasks),
        boxes=len(boxes),
        unsure=saved.unsure(boxes),
        width=page.width,
        height=page.height,
        media_type=result.media_type.value,
        source_sha256=result.source.sha256,
        model_version=result.model.version,
        created_at=now(),
        updated_at=now(),
    )
    return labeling, tasks


def new_task(
    labeling: str,
    *,
    sheet_name: str,
    page: int,
    round_: int,
    area_number: int,
    area: Area,
    slot: int,
    boxes: tuple[Box, ...],
    s3: "S3Client",
    data_bucket: str,
    avoid: tuple[str, ...] = (),
) -> Task:
    """A task that nobody has yet; its boxes are written to S3 as save 0."""
    name = task_id(labeling, round_, area_number, slot)
    key = LabelingKeys(labeling).boxes(name, 0)
    document = saved.TaskBoxes(task_id=name, revision=0, saved_by=None, boxes=boxes)
    saved.write(document, key, s3=s3, data_bucket=data_bucket)
    return Task(
        task_id=name,
        labeling_id=labeling,
        name=sheet_name,
        page=page,
        round=round_,
        area_number=area_number,
        area=area,
        slot=slot,
        state=TaskState.OPEN,
        boxes_key=key,
        boxes_sha256=saved.digest(boxes),
        boxes=len(boxes),
        unsure=saved.unsure(boxes),
        avoid=avoid,
        created_at=now(),
        updated_at=now(),
    )
