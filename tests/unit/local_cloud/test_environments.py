"""Environments are built once, and again when what they are made from changes."""

import subprocess
from pathlib import Path

import pytest
from drawops_local import environments


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project whose environment needs no download: an empty lock file."""
    requirements = tmp_path / "local" / "requirements"
    requirements.mkdir(parents=True)
    (requirements / "sam.txt").write_text("# nothing\n")
    return tmp_path


def test_a_second_time_nothing_is_done(root: Path) -> None:
    lines: list[str] = []
    first = environments.ensure_environment(root, "sam", lines.append)
    assert lines == ["environment sam: installing from sam.txt", "environment sam: ready"]
    (first / "mark").touch()
    assert environments.ensure_environment(root, "sam", lines.append) == first
    assert (first / "mark").exists()
    assert len(lines) == 2
    subprocess.run([environments.python_of(first), "-c", ""], check=True)


def test_a_changed_lock_file_makes_a_new_environment(root: Path) -> None:
    path = environments.ensure_environment(root, "sam", print)
    (path / "mark").touch()
    environments.lock_file(root, "sam").write_text("# changed\n")
    environments.ensure_environment(root, "sam", print)
    assert not (path / "mark").exists()


def test_a_failed_build_is_not_taken_for_a_finished_one(root: Path) -> None:
    environments.lock_file(root, "sam").write_text("this is no requirement\n")
    for _ in range(2):
        with pytest.raises(environments.EnvironmentFailed, match="failed with exit code"):
            environments.ensure_environment(root, "sam", print)


def test_a_requirement_without_its_hash_is_refused(root: Path) -> None:
    environments.lock_file(root, "sam").write_text("six==1.17.0\n")
    with pytest.raises(environments.EnvironmentFailed, match="hash"):
        environments.ensure_environment(root, "sam", print)


def test_an_environment_without_a_lock_file_is_refused(root: Path) -> None:
    with pytest.raises(environments.EnvironmentFailed, match="no lock file"):
        environments.ensure_environment(root, "ministack", print)


@pytest.mark.parametrize("name", environments.TOOLS)
def test_lock_files_name_no_package_index(name: str) -> None:
    text = environments.lock_file(Path(__file__).parents[3], name).read_text()
    assert "--hash=sha256:" in text
    assert "://" not in text
    assert "--index-url" not in text
