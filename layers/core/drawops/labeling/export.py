"""Pages that are done become a dataset version.

A page's labels are what people agreed on, cleaned (`drawops.datasets.cleaning`) with the reading as the
model's opinion. What cleaning rejects is kept beside the labeling with its reason, never dropped.
"""

from collections import Counter
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from pydantic import BaseModel, Field

from drawops.contracts.cleaning import CleanedPage
from drawops.contracts.datasets import CreatedVersion, DataSource, NewPage, PageImage
from drawops.contracts.labeling import LabelingState
from drawops.contracts.labels import PageLabels
from drawops.contracts.reading import MediaType
from drawops.contracts.workflow import ExportRequest
from drawops.datasets.cleaning import clean_page
from drawops.datasets.versions import create_version
from drawops.errors import NotReady
from drawops.keys import LabelingKeys, RevisionKeys
from drawops.labeling.consideration import load_result
from drawops.labeling.store import Labeling, LabelingStore

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

UNFINISHED = (LabelingState.PREPARING, LabelingState.OPEN, LabelingState.SUBMITTED)


class ExportSettings(BaseModel):
    """The stack's choice; field names in capitals are environment variables."""

    minimum_pages: int = Field(default=10, ge=1, description="So many pages that are done make a version.")
    licence: str = Field(default="proprietary", description="Of the drawings, for the version's sources.")


def export(
    request: ExportRequest, *, store: LabelingStore, s3: "S3Client", bucket: str, settings: ExportSettings
) -> CreatedVersion | None:
    """Make a version of the pages that are done and in no version yet.

    Without `request.force` it waits until there are enough, or until no page of the project is open.

    Returns:
        None when it is too early, or there is nothing to export.

    Raises:
        NotReady: a page's labels or reading are missing.
    """
    done = _done(request, store)
    if not done or not (request.force or _is_time(request, done, store, settings)):
        return None
    source = DataSource(name=f"{request.project} drawings", licence=settings.licence)
    cleaning: Counter[str] = Counter()
    pages = []
    for labeling in done:
        cleaned = _cleaned(labeling, s3, bucket)
        cleaning.update(cleaned.counts())
        pages.append(_page(labeling, cleaned.labels, source))
    made = create_version(
        s3=s3,
        bucket=bucket,
        project=request.project,
        pages=pages,
        cleaning=cleaning,
        request=request.request,
    )
    for labeling in done:
        store.exported(labeling.labeling_id, made.manifest.version)
    return made


def _done(request: ExportRequest, store: LabelingStore) -> list[Labeling]:
    """By the index, which may lag behind, and the labeling that the request is about, which must be there."""
    found = {one.labeling_id: one for one in store.labelings(LabelingState.DONE)}
    if request.labeling_id:
        known = store.known(request.labeling_id)
        if known.state is LabelingState.DONE:
            found[known.labeling_id] = known
    return [one for one in found.values() if one.project == request.project and not one.dataset_version]


def _is_time(
    request: ExportRequest, done: list[Labeling], store: LabelingStore, settings: ExportSettings
) -> bool:
    if len(done) >= settings.minimum_pages:
        return True
    return not any(
        one.project == request.project and one.labeling_id != request.labeling_id
        for state in UNFINISHED
        for one in store.labelings(state)
    )


def _cleaned(labeling: Labeling, s3: "S3Client", bucket: str) -> CleanedPage:
    keys = LabelingKeys(labeling.labeling_id)
    try:
        body = s3.get_object(Bucket=bucket, Key=keys.consolidated)["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
            raise NotReady(f"The labels of {labeling.labeling_id} are missing.") from None
        raise
    result = load_result(s3, bucket, RevisionKeys(labeling.drawing_id, labeling.revision).result)
    reading = next((page.texts for page in result.pages if page.number == labeling.page), ())
    cleaned = clean_page(PageLabels.model_validate_json(body), reading)
    s3.put_object(
        Bucket=bucket,
        Key=keys.cleaned,
        Body=cleaned.model_dump_json(indent=1).encode(),
        ContentType="application/json",
    )
    return cleaned


def _page(labeling: Labeling, labels: PageLabels, source: DataSource) -> NewPage:
    return NewPage(
        name=labeling.name if labeling.page == 1 else f"{labeling.name}#{labeling.page}",
        group=labeling.drawing_id,
        source=source,
        image=PageImage(
            key=RevisionKeys(labeling.drawing_id, labeling.revision).source,
            sha256=labeling.source_sha256,
            media_type=MediaType(labeling.media_type),
            page=labeling.page,
        ),
        labels=labels,
    )
