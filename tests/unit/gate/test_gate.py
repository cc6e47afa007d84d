"""The gate's program, from files under its root to a verdict, with the real model."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest
from drawops.contracts.datasets import DatasetManifest, Split
from drawops.contracts.training import Outcome, ReasonCode, Verdict
from drawops_vision import artifact
from drawops_vision.gate import artifacts
from drawops_vision.gate.record import TrainingRecord, read_record

from benchmarks import gate_data

Change = Callable[[Path], None]


@dataclass
class Job:
    """Inputs of a gate job under a root, and a way to run it."""

    root: Path
    program: ModuleType

    @property
    def given(self) -> Path:
        return self.root / "processing" / "input"

    def run(self) -> int:
        code = self.program.main()
        assert isinstance(code, int)
        return code

    @property
    def verdict(self) -> Verdict:
        folder = self.root / "processing" / "output" / "verdict"
        verdict = Verdict.model_validate_json((folder / "verdict.json").read_bytes())
        page = (folder / "verdict.html").read_text(encoding="utf-8")
        assert f"<b>{verdict.outcome.value}</b>" in page
        assert all(f"<b>{reason.code.value}</b>" in page for reason in verdict.reasons)
        return verdict

    @property
    def message(self) -> str:
        return (self.root / "output" / "message").read_text()

    def change(self, change: Change) -> None:
        """Make another candidate of the approved model."""
        folder = self.root / "changed"
        manifest = artifact.unpack_verified(self.given / "approved" / "model.tar.gz", folder)
        change(folder)
        artifact.write_manifest(folder, name="unit-40", version="1.0.0", calibration=manifest.calibration)
        artifact.pack(folder, self.given / "candidate" / "model.tar.gz")


@pytest.fixture
def job(
    tmp_path: Path,
    approved: Path,
    dataset: tuple[Path, DatasetManifest],
    gate: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
) -> Job:
    monkeypatch.setenv("DRAWOPS_ML_ROOT", str(tmp_path))
    folder, manifest = dataset
    given = tmp_path / "processing" / "input"
    shutil.copytree(folder, given / "dataset")
    for side in ("candidate", "approved"):
        (given / side).mkdir()
        shutil.copyfile(approved, given / side / "model.tar.gz")
    (given / "settings").mkdir()
    run = gate_data.run_of(manifest, approved)
    (given / "settings" / "run.json").write_text(run.model_dump_json())
    allowances = {"groups": 2, "suspects": 4, "min_labels": 5}
    (given / "settings" / "allowances.json").write_text(json.dumps(allowances))
    return Job(tmp_path, gate)


def codes(verdict: Verdict) -> set[ReasonCode]:
    return {reason.code for reason in verdict.reasons}


def test_the_approved_model_is_no_better_than_itself(job: Job, dataset: tuple[Path, DatasetManifest]) -> None:
    assert job.run() == 0
    verdict = job.verdict
    assert verdict.outcome is Outcome.NO_BETTER
    assert codes(verdict) == {ReasonCode.TOO_FEW_DATA}  # one page proves nothing
    assert {row.set for row in verdict.rows} == {"new", "regression", "general"}
    assert all(row.passed for row in verdict.rows)
    assert verdict.metrics["new_f1_delta"] == 0
    assert verdict.metrics["new_f1"] > 50
    # The canary of a deployment reads these.
    pages = {page.page_id: page for page in dataset[1].pages}
    assert verdict.golden
    for golden in verdict.golden:
        assert pages[golden.page_id].split is not Split.TRAIN
        assert pages[golden.page_id].image.key == golden.key
        assert golden.texts


def test_another_order_of_the_dictionary_is_rejected(job: Job) -> None:
    def turned(folder: Path) -> None:
        lines = (folder / "dictionary.txt").read_bytes().decode().split("\n")
        (folder / "dictionary.txt").write_bytes("\n".join([*lines[1::-1], *lines[2:]]).encode())

    job.change(turned)
    assert job.run() == 0
    assert job.verdict.outcome is Outcome.REJECTED
    assert ReasonCode.DICTIONARY_ORDER in codes(job.verdict)


def test_a_cut_dictionary_is_rejected_before_anything_is_read(job: Job) -> None:
    def cut(folder: Path) -> None:
        lines = (folder / "dictionary.txt").read_bytes().decode().split("\n")
        (folder / "dictionary.txt").write_bytes("\n".join([*lines[:-101], ""]).encode())

    job.change(cut)
    assert job.run() == 0
    assert codes(job.verdict) == {ReasonCode.DICTIONARY_LOST, ReasonCode.PARITY}
    assert job.verdict.rows == ()


def test_a_network_that_is_none_is_rejected(job: Job) -> None:
    job.change(lambda folder: (folder / "rec.onnx").write_bytes(b"no network") and None)
    assert job.run() == 0
    assert codes(job.verdict) == {ReasonCode.BROKEN_ARTIFACT}
    assert "rec.onnx" in job.verdict.reasons[0].sentence


def test_a_damaged_candidate_is_rejected(job: Job) -> None:
    archive = job.given / "candidate" / "model.tar.gz"
    archive.write_bytes(archive.read_bytes()[:100_000])
    assert job.run() == 0
    assert job.verdict.outcome is Outcome.REJECTED
    assert codes(job.verdict) == {ReasonCode.BROKEN_ARTIFACT}


def test_a_damaged_approved_model_is_the_gates_own_failure(job: Job) -> None:
    archive = job.given / "approved" / "model.tar.gz"
    archive.write_bytes(archive.read_bytes()[:100_000])
    assert job.run() == 1
    assert "approved model" in job.message
    assert not (job.root / "processing" / "output").exists()


def test_an_unreadable_approved_model_is_the_gates_own_failure(
    job: Job, dataset: tuple[Path, DatasetManifest]
) -> None:
    archive = job.given / "approved" / "model.tar.gz"
    archive.write_bytes(b"no archive")
    run = gate_data.run_of(dataset[1], archive)
    (job.given / "settings" / "run.json").write_text(run.model_dump_json())
    assert job.run() == 1
    assert "cannot be read" in job.message


@pytest.mark.parametrize("missing", ["candidate/model.tar.gz", "approved/model.tar.gz", "settings/run.json"])
def test_a_missing_input_is_named(job: Job, missing: str) -> None:
    (job.given / missing).unlink()
    assert job.run() == 1
    assert missing.rsplit("/", 1)[1] in job.message


def test_a_missing_or_altered_page_is_named(job: Job, dataset: tuple[Path, DatasetManifest]) -> None:
    entry = next(page for page in dataset[1].pages if page.split is Split.VAL)
    path = job.given / "dataset" / entry.image.key
    path.write_bytes(path.read_bytes() + b"!")
    assert job.run() == 1
    assert entry.image.key in job.message
    path.unlink()
    assert job.run() == 1
    assert "missing" in job.message


def test_pages_that_the_parent_knows_are_not_new(job: Job, dataset: tuple[Path, DatasetManifest]) -> None:
    """Nothing new: that is said, and the candidate is not called better."""
    _, manifest = dataset
    run = gate_data.run_of(manifest, job.given / "approved" / "model.tar.gz")
    known = run.parent.model_copy(update={"project": manifest.project, "dataset_version": manifest.version})
    run = run.model_copy(update={"parent": known})
    (job.given / "settings" / "run.json").write_text(run.model_dump_json())
    assert job.run() == 0
    assert job.verdict.outcome is Outcome.NO_BETTER
    assert codes(job.verdict) == {ReasonCode.TOO_FEW_DATA}
    assert "no new labelled page" in job.verdict.reasons[0].sentence


def test_having_learnt_from_pages_held_back_is_found_in_the_record(
    tmp_path: Path, dataset: tuple[Path, DatasetManifest]
) -> None:
    by_split = {page.split: page for page in dataset[1].pages}
    (tmp_path / "training.json").write_text(
        json.dumps({"page_ids": [page.page_id for page in by_split.values()], "steps": 400})
    )
    (reason,) = artifacts.trained_on(read_record(tmp_path), dataset[1])
    assert reason.code is ReasonCode.TRAINED_ON_TEST
    assert by_split[Split.TEST].name in reason.sentence
    assert by_split[Split.TRAIN].name not in reason.sentence
    honest = TrainingRecord(page_ids=(by_split[Split.TRAIN].page_id,))
    assert artifacts.trained_on(honest, dataset[1]) == []


def test_characters_may_be_lost_by_name() -> None:
    old, new = [*"ABC"], [*"AB"]
    assert [reason.code for reason in artifacts.dictionary(old, new, "")] == [ReasonCode.DICTIONARY_LOST]
    assert artifacts.dictionary(old, new, "C") == []
    assert artifacts.dictionary(old, [*"ABCD"], "") == []
    assert [reason.code for reason in artifacts.dictionary(old, [*"ACB"], "")] == [
        ReasonCode.DICTIONARY_ORDER
    ]
