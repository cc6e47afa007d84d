"""The training job, by SageMaker's contract: channels in, an artifact or a reason out."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from drawops.contracts.datasets import DataSource, PageEntry, PageImage, Split
from drawops.contracts.labels import Label, PageLabels
from drawops.contracts.reading import MediaType
from drawops.datasets.versions import build_manifest, canonical_json
from drawops.keys import DatasetKeys, page_id
from drawops_training import job, recogniser
from drawops_vision import artifact
from drawops_vision.sheets import Hand, generate

from tests.training.conftest import BASELINE

pytestmark = [pytest.mark.training, pytest.mark.timeout(600)]

PROJECT = "drawings"
TINY = {"iterations": 4, "evaluate_every": 2, "checkpoint_every": 2, "batch_columns": 640, "seed": 3}


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


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Root:
    return Root(tmp_path_factory.mktemp("job") / "fresh")


@pytest.fixture
def root(fresh: Root, tmp_path: Path) -> Root:
    return fresh.copy(tmp_path / "ml")


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")


def train(root: Root, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setenv("DRAWOPS_ML_ROOT", str(root.path))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return job.main()


def reason(root: Root) -> str:
    return (root.path / "output" / "failure").read_text()


def test_an_interrupted_training_ends_with_the_same_weights_bit_for_bit(
    fresh: Root, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, interrupted = fresh.copy(tmp_path / "whole"), fresh.copy(tmp_path / "interrupted")
    assert train(whole, monkeypatch) == 0
    learn = recogniser.Tuning.learn
    batches = 0

    class Killed(BaseException):
        """As if the process were gone: nothing of ours sees it."""

    def dies(self: Any, batch: Any) -> float:  # noqa: ANN401
        nonlocal batches
        batches += 1
        if batches == 4:  # behind the checkpoint of batch 2: batch 3 is lost
            raise Killed
        return learn(self, batch)

    monkeypatch.setattr(recogniser.Tuning, "learn", dies)
    with pytest.raises(Killed):
        train(interrupted, monkeypatch)
    monkeypatch.setattr(recogniser.Tuning, "learn", learn)
    assert train(interrupted, monkeypatch) == 0
    files = [each.path / "model" / artifact.RECOGNITION for each in (whole, interrupted)]
    assert sha256(files[0].read_bytes()) == sha256(files[1].read_bytes())

    manifest = artifact.verify(whole.path / "model")
    assert manifest.version == "1.2.0-test"
    assert manifest.parent == "ppocr-v6-small/1.2.0"
    assert manifest.training is not None
    assert manifest.training.dataset_version == fresh.manifest.version
    assert manifest.training.metrics["rec_parity_paddle"] < 1e-3
    record = json.loads((whole.path / "model" / artifact.TRAINING).read_text())
    trained = {page.page_id for page in fresh.manifest.pages if page.split is Split.TRAIN}
    assert set(record["page_ids"]) == trained
    assert record["parity"]["max_difference"] < 1e-3


def test_a_stopped_training_leaves_a_checkpoint_and_says_so(
    root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    learn = recogniser.Tuning.learn
    stop = job.Stop()

    def asked(self: Any, batch: Any) -> float:  # noqa: ANN401
        stop.asked = True
        return learn(self, batch)

    monkeypatch.setattr(job, "Stop", lambda: stop)
    monkeypatch.setattr(recogniser.Tuning, "learn", asked)
    assert train(root, monkeypatch) == 143
    assert list((root.path / "checkpoints").iterdir())
    assert not (root.path / "model").exists()


def test_a_loss_that_is_no_number_ends_the_job(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recogniser.Tuning, "learn", lambda self, batch: float("nan"))
    assert train(root, monkeypatch) == 1
    assert "learning_rate" in reason(root)


def test_a_hyperparameter_out_of_range_is_named(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    root.tell(learning_rate=7)
    assert train(root, monkeypatch) == 1
    assert "learning_rate" in reason(root)


def test_an_object_that_was_deleted_is_named(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    key = root.manifest.pages[0].labels_key
    (root.dataset / key).unlink()
    assert train(root, monkeypatch) == 1
    assert key in reason(root)


def test_a_parent_that_was_tampered_with_is_refused(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    model = root.path / "input" / "data" / "model" / "model.tar.gz"
    model.write_bytes(model.read_bytes()[:-2000])
    assert train(root, monkeypatch) == 1
    assert "model.tar.gz" in reason(root)


def test_labels_that_nobody_could_read_are_nothing_to_train_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Root(tmp_path / "ml", lambda text: "###")
    assert train(root, monkeypatch) == 1
    assert "label" in reason(root)


def test_a_character_that_the_dictionary_lacks_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Root(tmp_path / "ml", lambda text: text.replace("1", "\U0001d7d9"))
    assert train(root, monkeypatch) == 1
    assert "\U0001d7d9" in reason(root)
    assert "new_characters=extend" in reason(root)
