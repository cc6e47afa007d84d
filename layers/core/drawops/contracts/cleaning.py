"""What cleaning found on a page of labels. Nothing disappears: every label is kept, corrected or rejected."""

from collections import Counter
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from drawops.contracts.labels import Label, PageLabels
from drawops.contracts.reading import Contract


class Rule(StrEnum):
    """Why a label was rejected or corrected, or is suspected. `MEANINGS` says it for people."""

    TOO_MANY_POINTS = "TOO_MANY_POINTS"
    ZERO_SIZE = "ZERO_SIZE"
    CROSSES_ITSELF = "CROSSES_ITSELF"
    COUNTER_CLOCKWISE = "COUNTER_CLOCKWISE"
    WRONG_START = "WRONG_START"
    OUTSIDE_PAGE = "OUTSIDE_PAGE"
    EMPTY = "EMPTY"
    CONTROL_CHARACTERS = "CONTROL_CHARACTERS"
    OUTER_SPACE = "OUTER_SPACE"
    OUTSIDE_DICTIONARY = "OUTSIDE_DICTIONARY"
    ASPECT_MISMATCH = "ASPECT_MISMATCH"
    EXACT_DUPLICATE = "EXACT_DUPLICATE"
    NEAR_DUPLICATE = "NEAR_DUPLICATE"
    CONTRADICTION = "CONTRADICTION"
    NO_INK = "NO_INK"
    LOW_CONTRAST = "LOW_CONTRAST"
    TOO_SMALL = "TOO_SMALL"
    DUPLICATE_SHEET = "DUPLICATE_SHEET"
    NEAR_DUPLICATE_SHEET = "NEAR_DUPLICATE_SHEET"
    UNREADABLE_PICTURE = "UNREADABLE_PICTURE"
    MODEL_DISAGREES = "MODEL_DISAGREES"
    DISPLACED = "DISPLACED"


MEANINGS = {
    Rule.TOO_MANY_POINTS: "no outline of a text needs so many points",
    Rule.ZERO_SIZE: "the shape has no area",
    Rule.CROSSES_ITSELF: "the outline crosses itself",
    Rule.COUNTER_CLOCKWISE: "the points run the wrong way round",
    Rule.WRONG_START: "the first point is not the text's own top-left",
    Rule.OUTSIDE_PAGE: "the box reaches beyond the page",
    Rule.EMPTY: "the string says nothing",
    Rule.CONTROL_CHARACTERS: "the string holds characters that nobody can see",
    Rule.OUTER_SPACE: "the string begins or ends with blanks",
    Rule.OUTSIDE_DICTIONARY: "the string has characters that the dictionary lacks",
    Rule.ASPECT_MISMATCH: "the string does not fit into its box",
    Rule.EXACT_DUPLICATE: "the same string in the same place twice",
    Rule.NEAR_DUPLICATE: "the same string in nearly the same place twice",
    Rule.CONTRADICTION: "two strings in the same place",
    Rule.NO_INK: "nothing is drawn in the box",
    Rule.LOW_CONTRAST: "what is in the box hardly differs from the paper",
    Rule.TOO_SMALL: "the glyphs have too few pixels to be read",
    Rule.DUPLICATE_SHEET: "the same picture twice",
    Rule.NEAR_DUPLICATE_SHEET: "the same sheet twice, scaled, turned or compressed",
    Rule.UNREADABLE_PICTURE: "the picture cannot be read",
    Rule.MODEL_DISAGREES: "the model reads something else",
    Rule.DISPLACED: "the model reads the string beside the box",
}


class RejectedLabel(Contract):
    """A label that was left out."""

    label: Label
    rule: Rule
    reason: str = Field(description="A sentence about this very label.")
    other: str | None = Field(default=None, description="Id of the label that stands in its place.")


class CorrectedLabel(Contract):
    """A label that was kept in another form."""

    before: Label
    after: Label
    rule: Rule
    reason: str


class SuspectLabel(Contract):
    """A label that was kept but may be wrong."""

    label: Label
    rule: Rule
    reason: str
    score: Annotated[float, Field(ge=0, le=1)] = Field(description="How likely the label is wrong.")
    read: str = Field(default="", description="What the model reads there.")
    confidence: Annotated[float, Field(ge=0, le=1)] = Field(default=0, description="Of that reading.")


class CleanedPage(Contract):
    """A page after cleaning: `labels` are those kept, corrected ones in their new form."""

    labels: PageLabels
    rejected: tuple[RejectedLabel, ...] = ()
    corrected: tuple[CorrectedLabel, ...] = ()
    suspects: tuple[SuspectLabel, ...] = Field(default=(), description="Likeliest first.")

    def counts(self) -> dict[str, int]:
        """Rejected labels by rule, as `DatasetManifest.cleaning` has them."""
        return dict(sorted(Counter(each.rule.value for each in self.rejected).items()))
