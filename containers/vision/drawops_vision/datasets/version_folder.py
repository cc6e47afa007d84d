"""A dataset version as a folder on disk: what training and stock tools read."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
from drawops.contracts.datasets import DatasetManifest, PageEntry, Split
from drawops.contracts.reading import MediaType
from drawops.datasets.versions import load_page

from drawops_vision.datasets.folder import About, DatasetFolder, LabelledPage
from drawops_vision.rasterise import render_page

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# A browser and PaddleOCR open these as they are; other pages are drawn in the pixels that labels count in.
_AS_IT_IS = {MediaType.PNG: ".png", MediaType.JPEG: ".jpg"}


def write_version(
    manifest: DatasetManifest, folder: Path, *, s3: "S3Client", bucket: str, split: Split | None = None
) -> Iterator[LabelledPage]:
    """Write the pages of a version into a new data set, one after another as the caller asks for them.

    Pages lie in `images/train`, `images/val` and `images/test`, so that an export keeps their sides.

    Args:
        folder: missing or empty.
        split: only the pages of this one.

    Raises:
        drawops_vision.datasets.folder.BadDataset: the folder is not empty.
        drawops.errors.Corrupt: a page is missing or is not what the manifest says.
    """
    about = About(
        name=manifest.project,
        title=f"{manifest.project} {manifest.version}",
        licence=" AND ".join(sorted({source.licence for source in manifest.sources})),
        attribution="; ".join(source.attribution for source in manifest.sources if source.attribution),
    )
    with DatasetFolder.create(folder, about) as made:
        for page in manifest.pages:
            if split is None or page.split is split:
                data, labels = load_page(page, s3=s3, bucket=bucket)
                shown, suffix = picture(data, page)
                yield made.write(f"{page.split.value}/{page.page_id}{suffix}", shown, labels.labels)


def picture(data: bytes, page: PageEntry) -> tuple[bytes, str]:
    """A page as one picture in the pixels that its labels count in, and the ending of its file's name."""
    suffix = _AS_IT_IS.get(page.image.media_type)
    if suffix is not None:
        return data, suffix
    pixels = render_page(data, page.image.page)
    return cv2.imencode(".png", pixels)[1].tobytes(), ".png"
