"""Generated data sets: the same bytes whatever the number of processes."""

import hashlib
from pathlib import Path

import pytest
from drawops.contracts.labels import LabelSource
from drawops_vision.datasets.folder import About, BadDataset, DatasetFolder
from drawops_vision.datasets.synthesis import Plan, synthesise
from drawops_vision.sheets import Kind, Look, generate

PLAN = Plan(count=4, seed=3, size="A5", dpi=72, look=None, kind=None)


def made(path: Path, plan: Plan, processes: int) -> DatasetFolder:
    with DatasetFolder.create(path, About(name="synth", made=plan.sentence())) as folder:
        synthesise(folder, plan, processes)
    return folder


def fingerprint(path: Path) -> dict[str, str]:
    return {
        str(file.relative_to(path)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(path.rglob("*"))
        if file.is_file()
    }


def test_one_and_two_processes_write_the_same_bytes(tmp_path: Path) -> None:
    made(tmp_path / "one", PLAN, 1)
    made(tmp_path / "two", PLAN, 2)

    assert fingerprint(tmp_path / "one") == fingerprint(tmp_path / "two")
    assert len(fingerprint(tmp_path / "one")) == 4 + 2


def test_a_sheet_is_that_of_its_seed(tmp_path: Path) -> None:
    plan = Plan(count=2, seed=8, size="A5", dpi=72, look=Look.SCANNED, kind=Kind.MECHANICAL, format="jpeg")
    folder = made(tmp_path / "a", plan, 1)

    first, second = DatasetFolder.open(folder.path).pages()
    sheet = generate(9, "A5", 72, Look.SCANNED, kind=Kind.MECHANICAL)
    assert second.name == "images/mechanical-A5-scanned-000009.jpeg"
    assert second.image.read_bytes() == sheet.jpeg()
    assert [label.text for label in second.labels] == [text.text for text in sheet.truth]
    assert {label.source for label in first.labels} == {LabelSource.GENERATED}
    assert folder.about.counts.pages == 2


def test_mixed_styles_and_kinds_are_mixed() -> None:
    names = [PLAN.sheet(seed) for seed in range(200)]

    assert {kind for _, kind, _ in names} == set(Kind)
    assert {look for _, _, look in names} == set(Look)
    assert 30 < sum(look is Look.CLEAN for _, _, look in names) < 70


def test_sheets_are_added_to_those_of_other_seeds_only(tmp_path: Path) -> None:
    plan = Plan(count=1, seed=1, size="A5", dpi=72)
    folder = made(tmp_path / "a", plan, 1)

    with pytest.raises(BadDataset, match="choose another --seed"):
        synthesise(DatasetFolder.open(folder.path), plan)
    synthesise(DatasetFolder.open(folder.path), Plan(count=1, seed=2, size="A5", dpi=72))

    assert len(list(DatasetFolder.open(folder.path).pages())) == 2
