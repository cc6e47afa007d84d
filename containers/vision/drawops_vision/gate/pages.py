"""The labelled pages that both models read: val pages that are new, and the frozen regression set."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from drawops.contracts.datasets import DatasetManifest, PageEntry, Split
from drawops.contracts.labels import PageLabels
from drawops.contracts.training import TrainingRun

from drawops_vision.datasets.channel import Channel
from drawops_vision.datasets.paddleocr import quad_of
from drawops_vision.datasets.version_folder import picture
from drawops_vision.evaluation.scoring import Label
from drawops_vision.evaluation.scoring import quad_of as quad

Part = Literal["new", "regression"]


@dataclass(frozen=True)
class GatePage:
    """A page with its labels.

    Attributes:
        name: unique among the pages.
        part: what it is read for.
        source: where it came from.
        labels: what stands on it.
        data: gives the file (PNG or JPEG of this one page).
        entry: of the dataset version; None for pages of a label file.
    """

    name: str
    part: Part
    source: str
    labels: tuple[Label, ...]
    data: Callable[[], bytes]
    entry: PageEntry | None = None


def of_version(folder: Path, run: TrainingRun) -> list[GatePage]:
    """The pages of a run's dataset version, from a channel in which every file lies under its S3 key.

    New is what stands in the val split and was not in the version that the parent was trained on; all of the
    val split when the parent was trained on none of this project. The regression set is the project's frozen
    one, or the test split while there is none.

    Raises:
        Corrupt: a file is missing, or is not what the manifest says.
    """
    channel = Channel(folder)
    manifest = channel.manifest(run.project, run.dataset_version)
    known: set[str] = set()
    if run.parent.dataset_version is not None and run.parent.project == run.project:
        known = {page.page_id for page in channel.manifest(run.project, run.parent.dataset_version).pages}
    new = [page for page in manifest.pages if page.split is Split.VAL and page.page_id not in known]
    held = [page for page in manifest.pages if page.regression]
    held = held or [page for page in manifest.pages if page.split is Split.TEST]
    made = [_page(channel, entry, "new") for entry in new]
    return made + [_page(channel, entry, "regression") for entry in held]


def manifest_of(folder: Path, run: TrainingRun) -> DatasetManifest:
    """The run's dataset version."""
    return Channel(folder).manifest(run.project, run.dataset_version)


def of_labels(labels: Mapping[str, Sequence[Label]], folder: Path) -> list[GatePage]:
    """Pages of a label file in PaddleOCR's format; its pictures lie in `folder`."""
    return [
        GatePage(name, "new", folder.name, tuple(found), (folder / name).read_bytes)
        for name, found in labels.items()
    ]


def of_stored(
    entry: PageEntry, data: bytes, stored: PageLabels, folder: Path, done: Callable[[], None] = lambda: None
) -> GatePage:
    """A page that was fetched; its picture is kept in `folder` until it is read."""
    shown, suffix = picture(data, entry)
    path = folder / f"{entry.page_id}{suffix}"
    path.write_bytes(shown)
    done()
    part: Part = "regression" if entry.regression else "new"
    return GatePage(_name(entry), part, entry.source, _labels(stored), path.read_bytes, entry)


def _name(entry: PageEntry) -> str:
    # Two pages may have one name; people see names, and a few digits tell them apart.
    return f"{entry.name} {entry.page_id[2:6]}"


def _labels(stored: PageLabels) -> tuple[Label, ...]:
    return tuple(Label(one.text, quad(quad_of(one).tolist())) for one in stored.labels if one.text)


def _page(channel: Channel, entry: PageEntry, part: Part) -> GatePage:
    def data() -> bytes:
        return picture(channel.file(entry), entry)[0]

    return GatePage(_name(entry), part, entry.source, _labels(channel.labels(entry)), data, entry)
