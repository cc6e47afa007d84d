"""Fine-tuning: what goes into a batch, what learns, what is written."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime  # type: ignore[import-untyped]
import pytest
import torch
from drawops_training import recogniser, typefaces
from drawops_training.graph import Graph

pytestmark = pytest.mark.training

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small batches of Hershey lettering, which is the same on every machine; one thread, so sums are too."""
    monkeypatch.setattr(typefaces, "_files", dict)
    monkeypatch.setattr(recogniser, "POOL", 24)
    monkeypatch.setattr(recogniser, "COLUMNS", 640)
    torch.set_num_threads(1)


def tuned(released: Path, out: Path, seed: int = 1) -> Graph:
    model = Graph(released / "rec.onnx")
    recogniser.train(model, iterations=4, rate=1e-3, seed=seed, every=3, save=lambda: model.save(out))
    return model


def test_a_short_training_writes_a_model_that_loads_and_has_learnt(
    released: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tuned(released, tmp_path / "tuned.onnx")
    first = capsys.readouterr().out
    assert first.startswith("step=1 loss=")
    assert np.isfinite(float(first.split("loss=")[1].split()[0]))

    session = onnxruntime.InferenceSession(tmp_path / "tuned.onnx", providers=["CPUExecutionProvider"])
    before = onnxruntime.InferenceSession(released / "rec.onnx", providers=["CPUExecutionProvider"])
    assert session.get_modelmeta().custom_metadata_map == before.get_modelmeta().custom_metadata_map
    given = np.random.default_rng(1).uniform(-1, 1, (1, 3, 48, 160)).astype(np.float32)
    name = session.get_inputs()[0].name
    scores, old = (np.asarray(one.run(None, {name: given})[0]) for one in (session, before))
    assert np.isfinite(scores).all()
    np.testing.assert_allclose(scores.sum(2), 1, atol=1e-4)
    assert np.abs(scores - old).max() > 1e-4

    # Every tensor moves but the classes of the head that are left alone.
    original, saved = Graph(released / "rec.onnx"), Graph(tmp_path / "tuned.onnx")
    _, weight, _ = model.head()
    kept = recogniser.trained_classes(["", *model.characters, " "], seed=1)
    frozen = sorted(set(range(saved.tensor(weight).shape[1])) - set(kept))
    assert torch.equal(saved.tensor(weight)[:, frozen], original.tensor(weight)[:, frozen])
    assert not torch.equal(saved.tensor(weight)[:, kept], original.tensor(weight)[:, kept])
    moved = [
        not torch.equal(new, old) for new, old in zip(saved.parameters(), original.parameters(), strict=True)
    ]
    assert all(moved)


def test_one_seed_gives_one_model(released: Path, tmp_path: Path) -> None:
    for name, seed in (("first", 1), ("again", 1), ("other", 2)):
        tuned(released, tmp_path / name, seed)
    assert (tmp_path / "first").read_bytes() == (tmp_path / "again").read_bytes()
    assert (tmp_path / "first").read_bytes() != (tmp_path / "other").read_bytes()


def test_a_picture_reaches_the_network_as_the_reader_feeds_it() -> None:
    grey = np.full((24, 60), 255, np.uint8)
    out = recogniser.prepared(grey, 160)
    assert out.shape == (3, 48, 160)
    assert (out[:, :, :120] == 1).all()
    assert (out[:, :, 120:] == 0).all()


def test_labels_fit_the_steps_that_the_network_has_for_them() -> None:
    characters = [chr(code) for code in range(32, 127)]
    classes = {one: index for index, one in enumerate(["", *characters])}
    source = recogniser.batches(1, classes)
    for _ in range(12):
        pictures, labels, lengths = next(source)
        assert pictures.dtype == np.float32
        assert pictures.shape[1:3] == (3, 48)
        assert pictures.shape[3] % recogniser.BUCKET == 0
        assert len(pictures) == len(labels) == len(lengths)
        assert pictures.shape[0] * pictures.shape[3] <= max(recogniser.COLUMNS, pictures.shape[3])
        for row, length in zip(labels, lengths, strict=True):
            assert (row[:length] > 0).all()
            assert not row[length:].any()
            doubles = int((row[1:length] == row[: max(0, length - 1)]).sum()) if length > 1 else 0
            assert length + doubles < pictures.shape[3] / 8 + 1


def test_the_classes_that_learn_are_those_of_drawings_and_a_sample_of_the_rest(released: Path) -> None:
    characters = ["", *Graph(released / "rec.onnx").characters, " "]
    kept = recogniser.trained_classes(characters, seed=1)
    assert len(kept) == len(set(kept))
    assert {0, len(characters) - 1} < set(kept)
    assert set("AZaz09°±Ø²½") <= {characters[index] for index in kept}
    assert kept == recogniser.trained_classes(characters, seed=1)
    assert kept != recogniser.trained_classes(characters, seed=2)


def tuning(released: Path, *, mixed: bool = False) -> tuple[recogniser.Tuning, dict[str, int]]:
    model = Graph(released / "rec.onnx")
    characters = ["", *model.characters, " "]
    kept = recogniser.trained_classes(characters, seed=1)
    classes = {characters[index]: position for position, index in enumerate(kept)}
    return recogniser.Tuning(model, kept, 20, 1e-3, mixed=mixed), classes


def test_bfloat16_learns_nearly_what_full_precision_learns(released: Path) -> None:
    losses = {}
    for mixed in (False, True):
        learner, classes = tuning(released, mixed=mixed)
        pictures, labels, lengths = next(recogniser.batches(1, classes))
        wrong = pictures, labels[::-1].copy(), lengths[::-1].copy()  # there is much to learn then
        losses[mixed] = [learner.learn(wrong) for _ in range(5)]
        assert {one.dtype for one in learner.learning} == {torch.float32}
    assert losses[True][-1] < 0.9 * losses[True][0]
    assert losses[True] != losses[False]
    np.testing.assert_allclose(losses[True], losses[False], rtol=0.05)


@pytest.mark.parametrize("size", [2, 3, 5])
def test_the_parts_of_a_batch_are_worth_the_whole(released: Path, size: int) -> None:
    learner, classes = tuning(released)
    widths = (96, 64, 160, 32)  # fewer lines than five workers
    group = [
        (width, np.full((48, width), 255 - 9 * n, np.uint8), text)
        for n, (width, text) in enumerate(zip(widths, ("P-101", "V", "24 V DC", "7"), strict=True))
    ]
    with torch.no_grad():
        whole = float(learner.loss(recogniser.stacked(group, classes)))
        parts = [recogniser.part(group, classes, number, size) for number in range(size)]
        losses = [float(learner.loss(batch)) * counts for batch, counts in parts]
    assert sum(losses) / size == pytest.approx(whole, rel=1e-5)


def test_the_command_says_what_it_needs() -> None:
    command = [sys.executable, "-m", "drawops_training.recogniser", "--out", "tuned.onnx"]
    run = subprocess.run(
        command, cwd=ROOT / "containers" / "training", capture_output=True, text=True, check=False
    )
    assert run.returncode == 2
    assert "--rec" in run.stderr
