"""Dataset versions: immutable, content-addressed lists of labelled pages."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

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
