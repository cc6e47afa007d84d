"""A dataset version of generated sheets as the gate's job finds it on disk."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from drawops import keys
from drawops.contracts.datasets import DatasetManifest, DataSource, PageEntry, PageImage, Split
from drawops.contracts.labels import Label, LabelSource, PageLabels
from drawops.contracts.reading import MediaType
from drawops.contracts.training import Hyperparameters, ModelRef, TrainingRun, Trigger
from drawops.datasets.versions import build_manifest, canonical_json
from drawops_vision.evaluation.scoring import Labelled
from drawops_vision.gate.judge import sha256
from drawops_vision.sheets import Kind, Look, generate
from numpy.typing import NDArray

PROJECT = "unit-40"
SOURCE = DataSource(name="generated", licence="Apache-2.0")
LOOKS = (Look.CLEAN, Look.SCANNED)


class Shown(Protocol):
    """A drawing as a picture with its texts; a generated `Sheet` is one."""

    @property
    def image(self) -> NDArray[np.uint8]:
        """H x W, or H x W x 3."""

    @property
    def truth(self) -> Sequence[Labelled]:
        """What stands on it, in pixels."""

    def png(self) -> bytes:
        """The file."""


@dataclass(frozen=True)
class Placed:
    """A sheet and where it stands."""

    sheet: Shown
    name: str
    split: Split
    regression: bool = False


def sheets(val: int, regression: int, train: int = 0, size: str = "A4", dpi: int = 150) -> list[Placed]:
    """Generated sheets of all kinds and both looks; every split has other seeds."""
    made = []
    for split, count, first, held in (
        (Split.VAL, val, 41_000, False),
        (Split.TEST, regression, 42_000, True),
        (Split.TRAIN, train, 43_000, False),
    ):
        for number in range(count):
            kind = list(Kind)[number % len(Kind)]
            look = LOOKS[number // len(Kind) % len(LOOKS)]
            sheet = generate(first + number, size, dpi=dpi, kind=kind, look=look)
            made.append(Placed(sheet, f"{split.value}-{number}.png", split, held))
    return made


def write(folder: Path, placed: Iterable[Placed]) -> DatasetManifest:
    """Write a version under its S3 keys."""
    entries = [_page(folder, one) for one in placed]
    manifest = build_manifest(project=PROJECT, pages=entries, sources=[SOURCE])
    _put(folder, keys.DatasetKeys(PROJECT).manifest(manifest.version), canonical_json(manifest))
    return manifest


def run_of(manifest: DatasetManifest, approved: Path, *, allow: str = "", number: int = 0) -> TrainingRun:
    """A run whose candidate was trained from `approved` on the version."""
    return TrainingRun(
        run_id=keys.run_id(PROJECT, manifest.version, str(number)),
        project=PROJECT,
        dataset_version=manifest.version,
        parent=ModelRef(
            name="ppocr-v6-small",
            version="1.2.0",
            artifact_key=keys.model_artifact("ppocr-v6-small", "1.2.0"),
            artifact_sha256=sha256(approved),
        ),
        candidate_name="unit-40",
        candidate_version="1.0.0",
        hyperparameters=Hyperparameters(),
        trigger=Trigger.COMMAND,
        allow_lost_characters=allow,
    )


def _page(folder: Path, placed: Placed) -> PageEntry:
    picture = placed.sheet.png()
    height, width = placed.sheet.image.shape[:2]
    digest = hashlib.sha256(picture).hexdigest()
    labels = PageLabels(
        width=width,
        height=height,
        labels=tuple(
            Label(id=f"t{number}", points=text.quad, text=text.text, source=LabelSource.GENERATED)
            for number, text in enumerate(placed.sheet.truth)
        ),
    )
    document = canonical_json(labels)
    content = keys.DatasetKeys(PROJECT).content
    labels_sha256 = hashlib.sha256(document).hexdigest()
    _put(folder, content(digest), picture)
    _put(folder, content(labels_sha256), document)
    texts = [label.text for label in labels.labels]
    return PageEntry(
        page_id=keys.page_id(digest, 1),
        name=placed.name,
        group=placed.name,
        image=PageImage(key=content(digest), sha256=digest, media_type=MediaType.PNG),
        labels_key=content(labels_sha256),
        labels_sha256=labels_sha256,
        width=width,
        height=height,
        split=placed.split,
        regression=placed.regression,
        source=SOURCE.name,
        texts=len(texts),
        characters=sum(map(len, texts)),
        unreadable=0,
        alphabet="".join(sorted(set().union(*texts))),
    )


def _put(folder: Path, key: str, data: bytes) -> None:
    path = folder / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
