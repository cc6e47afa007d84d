"""What people and data sets say about a page: labels.

Coordinates are pixels of the page as it is read (see `drawops.contracts.reading`): origin at the top-left, x
to the right, y down. A label has four points, a quad, clockwise from the text's own top-left, or more, a
polygon that begins there, too.

A label may be wrong: cleaning (`drawops.datasets.cleaning`) must be able to hold it in its hands. So strings
may be empty here, and shapes degenerate.
"""

import math
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from drawops.contracts.reading import Contract, Point

UNREADABLE = "###"
"""A string that nobody can read: asks for nothing in training and scoring (PaddleOCR, ICDAR 2015)."""


def _finite(point: Point) -> Point:
    if not all(math.isfinite(value) for value in point):
        raise ValueError("a point has finite coordinates")
    return point


FinitePoint = Annotated[Point, AfterValidator(_finite)]
LabelId = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{1,64}$")]


class LabelSource(StrEnum):
    """Who says so."""

    PERSON = "person"
    MODEL = "model"
    TEXT_LAYER = "text-layer"
    GENERATED = "generated"
    DATASET = "dataset"


class Label(Contract):
    """One text on a page."""

    id: LabelId = Field(description="Unique on its page.")
    points: tuple[FinitePoint, ...] = Field(min_length=3)
    text: str = Field(description="'###': there is a text, but nobody can read it.")
    difficult: bool = Field(default=False, description="PPOCRLabel's mark; export can leave such labels out.")
    kind: str = Field(default="", description="Class of the text, as PPOCRLabel's key_cls.")
    confidence: Annotated[float, Field(ge=0, le=1)] | None = Field(
        default=None, description="Of the reading it came from; None when a person said so."
    )
    source: LabelSource = LabelSource.PERSON

    @property
    def unreadable(self) -> bool:
        """Whether the label only marks a place that nobody can read."""
        return self.text == UNREADABLE


class PageLabels(Contract):
    """All labels of one page: the document that a dataset version points to."""

    schema_version: Literal["1.0"] = "1.0"
    width: int = Field(gt=0, description="Pixels of the page.")
    height: int = Field(gt=0)
    labels: tuple[Label, ...]
