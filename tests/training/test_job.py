"""The training job, by SageMaker's contract: channels in, an artifact or a reason out."""

import errno
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from drawops.contracts.datasets import Split
from drawops.contracts.training import METRIC_DEFINITIONS
from drawops_training import candidate, detector, job, recogniser, recognition
from drawops_training.graph import Graph
from drawops_vision import artifact
from drawops_vision.reader import Reader

from tests.training.root import Root

pytestmark = [pytest.mark.training, pytest.mark.timeout(900), pytest.mark.usefixtures("_signals")]

MOST_SECONDS_TO_STOP = 30


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        yield


def train(root: Root, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setenv("DRAWOPS_ML_ROOT", str(root.path))
    return job.main()


@dataclass(frozen=True)
class Done:
    """A job that nobody disturbed, and what it printed."""

    root: Root
    log: str


@pytest.fixture(scope="module")
def whole(fresh: Root, tmp_path_factory: pytest.TempPathFactory) -> Done:
    root = fresh.copy(tmp_path_factory.mktemp("whole") / "ml")
    done = subprocess.run(
        [sys.executable, "-m", "drawops_training.program"],
        env={**os.environ, "DRAWOPS_ML_ROOT": str(root.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return Done(root, done.stdout)


def test_a_job_leaves_a_candidate_that_says_where_it_comes_from(whole: Done) -> None:
    root = whole.root
    manifest = artifact.verify(root.path / "model")
    assert manifest.version == "1.2.0-test"
    assert manifest.parent == "ppocr-v6-small/1.2.0"
    assert manifest.training is not None
    assert manifest.training.dataset_version == root.manifest.version
    assert manifest.training.metrics["rec_parity_paddle"] < 1e-3
    record = json.loads((root.path / "model" / artifact.TRAINING).read_text())
    trained = {page.page_id for page in root.manifest.pages if page.split is Split.TRAIN}
    assert set(record["page_ids"]) == trained
    assert record["parity"]["max_difference"] < 1e-3
    assert [look["step"] for look in record["courses"]["recognition"]["looks"]] == [0, 2, 4]
    assert [look["step"] for look in record["courses"]["detection"]["looks"]] == [0, 2]
    assert not list((root.path / "output").iterdir())


def test_every_metric_that_sagemaker_is_told_of_is_printed(whole: Done) -> None:
    found = {one["Name"]: re.findall(one["Regex"], whole.log) for one in METRIC_DEFINITIONS}
    assert all(found.values()), found
    # One network, its optimiser and the picture of a page are more than 0.3 GB, the budget is 6 GB.
    assert 300 < float(found["memory:peak_mb"][-1]) < 6000
    assert 0 < float(found["detection:val_hmean"][-1]) < 1


def test_what_the_job_made_better_on_val_is_kept(whole: Done) -> None:
    courses = json.loads((whole.root.path / "model" / artifact.TRAINING).read_text())["courses"]
    manifest = artifact.verify(whole.root.path / "model")
    assert manifest.training is not None
    metrics = manifest.training.metrics
    assert metrics["recognition_val_cer_before"] == courses["recognition"]["looks"][0]["cer"]
    assert metrics["recognition_val_cer"] < metrics["recognition_val_cer_before"]
    assert 0 < metrics["recognition_retention_share"] <= 1
    best = max(one["hmean"] for one in courses["detection"]["looks"])
    assert metrics["detection_val_hmean"] == pytest.approx(best)


def interrupt(root: Root, monkeypatch: pytest.MonkeyPatch, where: Any, name: str, after: float = 0) -> None:  # noqa: ANN401
    """Run the job; SIGTERM comes when `where.name` is called, or so many seconds later."""
    usual: Callable[..., Any] = getattr(where, name)
    told: list[float] = []

    def signalled() -> None:
        told.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGTERM)

    def called(*given: Any, **named: Any) -> Any:  # noqa: ANN401
        if not told:
            if after:
                threading.Timer(after, signalled).start()
            else:
                signalled()
        return usual(*given, **named)

    with monkeypatch.context() as patch:
        patch.setattr(where, name, called)
        assert train(root, monkeypatch) == 143, name
    assert time.monotonic() - told[0] < MOST_SECONDS_TO_STOP
    assert not (root.path / "output" / "failure").exists()
    assert not (root.path / "model").exists()


def test_a_training_that_is_interrupted_anywhere_ends_with_the_same_bytes(
    whole: Done, root: Root, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoints = root.path / "checkpoints"
    # In the first look, before any batch; in the second, which is then due when it goes on.
    interrupt(root, monkeypatch, recognition, "look")
    assert torch.load(checkpoints / "recognition.pt")["state"]["course"]["looks"] == []
    learn = recogniser.Tuning.learn
    batches = 0

    def signal_at_batch_2(self: Any, batch: Any) -> float:  # noqa: ANN401
        nonlocal batches
        batches += 1
        loss = learn(self, batch)
        if batches == 2:
            monkeypatch.setattr(recogniser, "grouped", look_of_batch_2)
        return loss

    grouped = recogniser.grouped

    def look_of_batch_2(*given: Any) -> Any:  # noqa: ANN401
        monkeypatch.setattr(recogniser, "grouped", grouped)
        os.kill(os.getpid(), signal.SIGTERM)
        return grouped(*given)

    monkeypatch.setattr(recogniser.Tuning, "learn", signal_at_batch_2)
    assert train(root, monkeypatch) == 143
    held = torch.load(checkpoints / "recognition.pt")["state"]
    assert held["tuning"]["step"] == 2
    assert [look["step"] for look in held["course"]["looks"]] == [0]

    class Killed(BaseException):
        """As if the process were gone: nothing of ours sees it."""

    def killed_at_batch_4(self: Any, batch: Any) -> float:  # noqa: ANN401
        nonlocal batches
        batches += 1
        if batches == 4:  # behind the checkpoint of batch 2: batch 3 is lost
            raise Killed
        return learn(self, batch)

    monkeypatch.setattr(recogniser.Tuning, "learn", killed_at_batch_4)
    with pytest.raises(Killed):
        train(root, monkeypatch)
    monkeypatch.setattr(recogniser.Tuning, "learn", learn)
    interrupt(root, monkeypatch, detector, "look")
    # Loading Paddle alone takes more than a second.
    interrupt(root, monkeypatch, candidate, "as_paddle", after=1)
    interrupt(root, monkeypatch, Reader, "read_with_features", after=0.5)
    capsys.readouterr()
    assert train(root, monkeypatch) == 0
    said = capsys.readouterr().out
    assert "resumed recognition at batch 4" in said
    assert "resumed detection at batch 2" in said
    for name in (artifact.RECOGNITION, artifact.DETECTION):
        assert (root.path / "model" / name).read_bytes() == (whole.root.path / "model" / name).read_bytes()


def test_a_stopped_training_leaves_a_checkpoint_and_says_what_it_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # A box for three characters has no room for two hundred.
    root = Root(tmp_path / "ml", lambda text: text * 70 if len(text) == 3 else text)
    interrupt(root, monkeypatch, recogniser.Tuning, "learn")
    assert list((root.path / "checkpoints").iterdir())
    assert re.search(
        r"left out: .*[1-9]\d* more characters than the box has columns for", capsys.readouterr().out
    )


def test_only_detection_is_trained_whatever_characters_the_labels_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Root(tmp_path / "ml", lambda text: text.replace("1", "\U0001d7d9"))
    root.tell(networks="detection", new_characters="extend", freeze="backbone", detection_iterations=1)
    assert train(root, monkeypatch) == 0
    parent = root.path.parent / "parent"
    artifact.unpack_verified(root.path / "input" / "data" / "model" / "model.tar.gz", parent)
    for name in (artifact.RECOGNITION, artifact.DICTIONARY):
        assert (root.path / "model" / name).read_bytes() == (parent / name).read_bytes()
    # One batch can be worse than none: what the job learnt is in its checkpoint.
    before = Graph(parent / artifact.DETECTION)
    frozen = set(before.backbone())
    learning = [one for name, one in before.named_parameters() if name not in frozen]
    learnt = torch.load(root.path / "checkpoints" / "detection.pt")["state"]["tuning"]["learning"]
    assert len(learnt) == len(learning) < len(list(before.parameters()))
    assert all(not torch.equal(new, old) for new, old in zip(learnt, learning, strict=True))
    after = Graph(root.path / "model" / artifact.DETECTION)
    assert all(torch.equal(after.get_parameter(name), before.get_parameter(name)) for name in frozen)


def test_a_loss_that_is_no_number_ends_the_job(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recogniser.Tuning, "loss", lambda self, batch: torch.tensor(float("nan")))
    assert train(root, monkeypatch) == 1
    assert "learning_rate" in root.reason()
    assert "recognition batch 1 " in root.reason()


def test_a_hyperparameter_out_of_range_is_named(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    root.tell(learning_rate=7)
    assert train(root, monkeypatch) == 1
    assert "learning_rate" in root.reason()


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_mixed_precision_is_refused_where_no_gpu_has_it(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    root.tell(mixed_precision=True)
    assert train(root, monkeypatch) == 1
    assert root.reason().startswith("mixed_precision needs a GPU")


def test_an_object_that_was_deleted_is_named(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    key = root.manifest.pages[0].labels_key
    (root.dataset / key).unlink()
    assert train(root, monkeypatch) == 1
    assert key in root.reason()


def test_a_parent_that_was_tampered_with_is_refused(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    model = root.path / "input" / "data" / "model" / "model.tar.gz"
    model.write_bytes(model.read_bytes()[:-2000])
    assert train(root, monkeypatch) == 1
    assert "model.tar.gz" in root.reason()


def test_labels_that_nobody_could_read_are_nothing_to_train_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Root(tmp_path / "ml", lambda text: "###")
    assert train(root, monkeypatch) == 1
    assert "label" in root.reason()


def test_texts_that_fit_no_box_are_nothing_to_train_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Root(tmp_path / "ml", lambda text: "A" * 400)
    assert train(root, monkeypatch) == 1
    assert "Draw the boxes around the whole texts" in root.reason()


def test_a_character_that_the_dictionary_lacks_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Root(tmp_path / "ml", lambda text: text.replace("1", "\U0001d7d9"))
    assert train(root, monkeypatch) == 1
    assert "\U0001d7d9" in root.reason()
    assert "new_characters=extend" in root.reason()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 100 MB: room for one checkpoint."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=100m", "tmpfs", str(disk)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("this system has no mount")
    if done.returncode:
        pytest.skip(f"file systems may not be mounted here: {done.stderr.strip()}")
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def fill(file: Path) -> None:
    with file.open("wb", buffering=0) as filler:
        while True:
            filler.write(bytes(4096))


def test_a_full_disk_is_named_and_the_last_checkpoint_stays(
    root: Root, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("checkpoints", "output"):
        (disk / name).mkdir()
        (root.path / name).symlink_to(disk / name)
    folder = disk / "checkpoints"
    learn = recogniser.Tuning.learn
    kept: list[bytes] = []

    def somebody_fills_the_disk(self: Any, batch: Any) -> float:  # noqa: ANN401
        if not kept:
            kept.append((folder / "recognition.pt").read_bytes())
            with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
                fill(folder / "filler")
        return learn(self, batch)

    monkeypatch.setattr(recogniser.Tuning, "learn", somebody_fills_the_disk)
    assert train(root, monkeypatch) == 1
    assert "larger volume" in root.reason()
    assert (folder / "recognition.pt").read_bytes() == kept[0]
    assert sorted(one.name for one in folder.iterdir()) == ["filler", "recognition.pt"]
    assert [one.name for one in (disk / "output").iterdir()] == ["failure"]


def test_a_candidate_that_the_disk_has_no_room_for_is_not_left_in_parts(disk: Path, tmp_path: Path) -> None:
    (tmp_path / "candidate" / "paddle").mkdir(parents=True)
    (tmp_path / "candidate" / "det.onnx").write_bytes(b"network")
    with (tmp_path / "candidate" / "paddle" / "rec").open("wb") as file:
        file.truncate(200_000_000)
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)) as full:
        job.hand_over(tmp_path / "candidate", disk / "model")
    assert "larger volume" in job.reason(full.value)
    assert not [one for one in (disk / "model").rglob("*") if one.is_file()]
