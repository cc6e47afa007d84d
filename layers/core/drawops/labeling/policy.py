"""The confidence policy: which texts a person must look at, and when a whole page becomes work.

A calibrated confidence is the chance that a text is right, so the sum of what is missing to 1 is the number
of errors to expect on the page (linearity of expectation; no independence is needed). A page becomes work
when that number is too large, or when too large a share of its texts is doubtful: a small page with few
texts may be bad although few errors are expected on it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import BaseModel, Field

from drawops.contracts.reading import Page, Text, TextSource


class ConfidencePolicy(BaseModel):
    """The stack's choice; field names in capitals are environment variables."""

    unsure_below: float = Field(default=0.9, gt=0, le=1, description="A text under this is UNSURE.")
    most_expected_errors: float = Field(default=5.0, ge=0, description="More on one page make it work.")
    most_unsure_share: float = Field(default=0.15, ge=0, le=1, description="More of its texts make it work.")

    def is_unsure(self, text: Text) -> bool:
        """Whether a person must look; a text layer's strings are exact, whatever else is."""
        return text.source is not TextSource.TEXT_LAYER and text.confidence < self.unsure_below


@dataclass(frozen=True)
class Assessment:
    """What the policy says of one page.

    Attributes:
        work: whether the page becomes work.
        why: one sentence for people.
        texts: on the page.
        unsure: texts that a person must look at.
        expected_errors: sum of 1 - confidence over texts that were recognised.
    """

    work: bool
    why: str
    texts: int
    unsure: int
    expected_errors: float


def assess(page: Page, policy: ConfidencePolicy) -> Assessment:
    """Say whether a page as read becomes work, and why; depends on nothing else."""
    read = [text for text in page.texts if text.source is not TextSource.TEXT_LAYER]
    expected = sum(1 - text.confidence for text in read)
    unsure = sum(policy.is_unsure(text) for text in page.texts)
    share = unsure / len(page.texts) if page.texts else 0.0
    faults = []
    if expected > policy.most_expected_errors:
        faults.append(f"{expected:.1f} errors are expected (more than {policy.most_expected_errors:g})")
    if share > policy.most_unsure_share:
        faults.append(
            f"{unsure} of {len(page.texts)} texts, {share:.0%}, are under the confidence "
            f"{policy.unsure_below:g} (more than {policy.most_unsure_share:.0%})"
        )
    if faults:
        why = f"{' and '.join(faults)}."
    else:
        why = (
            f"Sure enough: {expected:.1f} errors expected, {unsure} of {len(page.texts)} texts "
            f"under the confidence {policy.unsure_below:g}."
        )
    return Assessment(bool(faults), why, len(page.texts), unsure, expected)


def pages_that_need_people(pages: Iterable[Page], policy: ConfidencePolicy) -> list[tuple[int, str]]:
    """Number and reason of each page that becomes work."""
    assessed = [(page.number, assess(page, policy)) for page in pages]
    return [(number, found.why) for number, found in assessed if found.work]
