"""What SageMaker lays before a training job, small: three sheets of script lettering and the baseline."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from drawops.contracts.datasets import DataSource, PageEntry, PageImage, Split
from drawops.contracts.labels import Label, PageLabels
from drawops.contracts.reading import MediaType
from drawops.datasets.versions import build_manifest, canonical_json
from drawops.keys import DatasetKeys, page_id
from drawops_vision.sheets import Hand, generate

from tests.training.conftest import BASELINE

PROJECT = "drawings"
TINY = {
    "networks": "both",
    "iterations": 4,
    "detection_iterations": 2,
    "learning_rate": 1e-3,
    "evaluate_every": 2,
    "checkpoint_every": 2,
    "batch_columns": 1600,
    "retention_groups": 1,
    "seed": 3,
}
"""A whole job in less than 90 seconds of one core."""


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Root:
    """A stand-in for /opt/ml."""

    def __init__(self, path: Path, change: Callable[[str], str] = lambda text: text) -> None:
        self.path = path
        self.dataset = path / "input" / "data" / "dataset"
        keys = DatasetKeys(PROJECT)
        entries = []
        for seed, split in ((1, Split.TRAIN), (2, Split.TRAIN), (3, Split.VAL)):
            sheet = generate(seed, "A5", 100, hand=Hand.SCRIPT, hard=False)
            labels = PageLabels(
                width=sheet.image.shape[1],
                height=sheet.image.shape[0],
                labels=tuple(
                    Label(id=f"t{number}", points=text.quad, text=change(text.text))
                    for number, text in enumerate(sheet.truth)
                ),
            )
            picture, document = sheet.png(), canonical_json(labels)
            for data in (picture, document):
                self.put(keys.content(sha256(data)), data)
            entries.append(
                PageEntry(
                    page_id=page_id(sha256(picture), 1),
                    name=f"sheet-{seed}",
                    group=f"sheet-{seed}",
                    image=PageImage(
                        key=keys.content(sha256(picture)), sha256=sha256(picture), media_type=MediaType.PNG
                    ),
                    labels_key=keys.content(sha256(document)),
                    labels_sha256=sha256(document),
                    width=labels.width,
                    height=labels.height,
                    split=split,
                    source="generated",
                    texts=len(labels.labels),
                    characters=sum(len(label.text) for label in labels.labels),
                    unreadable=0,
                    alphabet="".join(sorted({one for label in labels.labels for one in label.text})),
                )
            )
        source = DataSource(name="generated", licence="CC0-1.0")
        self.manifest = build_manifest(project=PROJECT, pages=entries, sources=[source])
        self.put(keys.manifest(self.manifest.version), canonical_json(self.manifest))
        model = path / "input" / "data" / "model" / "model.tar.gz"
        model.parent.mkdir(parents=True)
        shutil.copyfile(BASELINE, model)
        self.tell()

    def put(self, key: str, data: bytes) -> None:
        file = self.dataset / key
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)

    def tell(self, **settings: Any) -> None:  # noqa: ANN401
        told = {
            **TINY,
            "run_id": "t-" + "0" * 20,
            "project": PROJECT,
            "dataset_version": self.manifest.version,
            "parent_version": "",
            "model_name": "ppocr-v6-small",
            "model_version": "1.2.0-test",
            **settings,
        }
        file = self.path / "input" / "config" / "hyperparameters.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({name: str(value) for name, value in told.items()}))

    def copy(self, path: Path) -> "Root":
        shutil.copytree(self.path, path)
        other = object.__new__(Root)
        other.path, other.dataset, other.manifest = path, path / "input" / "data" / "dataset", self.manifest
        return other

    def reason(self) -> str:
        return (self.path / "output" / "failure").read_text()
