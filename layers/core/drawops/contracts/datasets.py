"""Dataset versions: immutable, content-addressed lists of labelled pages.

The versions of a project stand in its **history**: numbered entries, each written once and only if there is
none of that number yet. The entry with the highest number is the newest version.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from drawops.contracts.labels import PageLabels
from drawops.contracts.reading import Contract, MediaType

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Project = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
VersionId = Annotated[str, Field(pattern=r"^v-[0-9a-f]{20}$")]


class Split(StrEnum):
    """What a page is for. Pages are split by drawing, never by text: two crops of one sheet are alike."""

    TRAIN = "train"
    VAL = "val"
    TEST = "test"


class PageImage(Contract):
    """The file that shows a page: `rasterise` draws it in the very pixels that the labels count in."""

    key: str = Field(description="In the data bucket; content never changes.")
    sha256: Sha256
    media_type: MediaType
    page: int = Field(default=1, ge=1)


class PageEntry(Contract):
    """One labelled page of a dataset version."""

    page_id: str = Field(pattern=r"^p-[0-9a-f]{20}$", description="Of image content and page number.")
    name: str = Field(description="For people: file name or S3 key, with #page when there are several.")
    group: str = Field(description="Pages of one group stand in one split: a drawing with its revisions.")
    image: PageImage
    labels_key: str = Field(description="`PageLabels` in the data bucket.")
    labels_sha256: Sha256
    width: int = Field(gt=0)
    height: int = Field(gt=0)
    split: Split
    regression: bool = Field(default=False, description="Stands in the project's frozen regression set.")
    source: str = Field(description="Name of an entry in `DatasetManifest.sources`.")
    texts: int = Field(ge=0, description="Labels that say something.")
    characters: int = Field(ge=0)
    unreadable: int = Field(ge=0, description="Labels that are '###'.")
    alphabet: str = Field(description="The characters of its texts, each once, in the order of code points.")


class DataSource(Contract):
    """Where pages came from and what may be done with them."""

    name: str
    licence: str = Field(description="SPDX identifier, or the licence's own name.")
    attribution: str = ""
    url: str = ""


class Counts(Contract):
    """Sums over pages."""

    pages: int = Field(default=0, ge=0)
    texts: int = Field(default=0, ge=0)
    characters: int = Field(default=0, ge=0)
    unreadable: int = Field(default=0, ge=0)


class Statistics(Contract):
    """Sums over the whole version, by split and by source."""

    total: Counts
    by_split: dict[Split, Counts]
    by_source: dict[str, Counts]
    regression: Counts


class DatasetManifest(Contract):
    """`manifest.json` of a dataset version.

    `version` is `v-` and 80 bits of the SHA-256 of everything else here (canonical JSON): the same content is
    the same version, however often and by whomever it is made. So there is no time in it.
    """

    schema_version: Literal["1.0"] = "1.0"
    project: Project
    version: VersionId
    parent: VersionId | None = None
    sources: tuple[DataSource, ...]
    dictionary: tuple[str, ...] = Field(description="Characters of all labels, in the order of code points.")
    cleaning: dict[str, int] = Field(default={}, description="Labels and pages left out, by rule.")
    statistics: Statistics
    pages: tuple[PageEntry, ...] = Field(description="In the order of page_id.")


class NewPage(Contract):
    """A page that shall go into a dataset version. Its picture lies in the data bucket already."""

    name: str = Field(min_length=1, description="As `PageEntry.name`.")
    group: str = Field(min_length=1, description="As `PageEntry.group`; a page that is known keeps its own.")
    source: DataSource
    image: PageImage
    labels: PageLabels


class SplitShares(Contract):
    """Shares of the groups that go to val and test; the rest is for training."""

    val: Annotated[float, Field(ge=0, lt=1)] = 0.1
    test: Annotated[float, Field(ge=0, lt=1)] = 0.1


class RegressionRule(Contract):
    """When and how the frozen regression set is drawn from the test split."""

    from_pages: int = Field(default=50, ge=1, description="Pages that a version must have.")
    share: Annotated[float, Field(gt=0, le=1)] = Field(default=0.5, description="Of the test split's pages.")
    at_most: int = Field(default=100, ge=1, description="Pages, unless the first group alone has more.")


class RegressionSet(Contract):
    """`regression.json`: the pages on which every model of the project is compared with the one before.

    Written once. All pages of its groups that a later version brings stay in the test split.
    """

    schema_version: Literal["1.0"] = "1.0"
    project: Project
    groups: tuple[str, ...]
    pages: tuple[str, ...] = Field(description="Page ids.")


class HistoryEntry(Contract):
    """One line of a project's history."""

    schema_version: Literal["1.0"] = "1.0"
    number: int = Field(ge=1)
    version: VersionId
    parent: VersionId | None
    created_at: datetime
    request: str = Field(description="Who asked: a repeated request finds its own version by it.")
    pages: int = Field(ge=0)
    texts: int = Field(ge=0)
    new_texts: int = Field(ge=0, description="Texts of pages that are new or labelled again.")


class CreatedVersion(Contract):
    """What making a version came to."""

    created: bool = Field(description="False: the newest version has this content already; nothing happened.")
    number: int
    new_texts: int
    manifest_key: str
    manifest: DatasetManifest


class TextChange(Contract):
    """A string that was read differently before."""

    before: str
    after: str


class PageChange(Contract):
    """What happened to the labels of one page."""

    page_id: str
    name: str
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[TextChange, ...] = ()
    moved: int = Field(default=0, ge=0, description="Texts with the same string in another box.")


class SplitChange(Contract):
    """A page that stands in another split, or came into the regression set."""

    page_id: str
    name: str
    before: str
    after: str


class DatasetDiff(Contract):
    """What changed from version `a` to version `b` of a project. Pages by name, in this order."""

    project: Project
    a: VersionId
    b: VersionId
    pages_added: tuple[str, ...]
    pages_removed: tuple[str, ...]
    pages_relabelled: tuple[PageChange, ...]
    texts_added: int = Field(description="On pages of both and on pages that were added.")
    texts_removed: int = Field(description="On pages of both and on pages that were removed.")
    texts_changed: int
    splits: tuple[SplitChange, ...]
    sources_added: tuple[str, ...]
    sources_removed: tuple[str, ...]
    characters_gained: tuple[str, ...]
    characters_lost: tuple[str, ...]
    cleaning: dict[str, int] = Field(description="Left out between the two, by rule.")
