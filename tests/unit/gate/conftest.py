"""The baseline model as approved model, a small dataset version, and the gate's program."""

from pathlib import Path
from types import ModuleType

import pytest
from drawops.contracts.datasets import DatasetManifest
from drawops_vision import artifact

from benchmarks import gate_data
from benchmarks.gate import program
from tests.unit.vision.conftest import model_dir as model_dir


@pytest.fixture(scope="session")
def approved(model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    archive = tmp_path_factory.mktemp("approved") / "model.tar.gz"
    artifact.pack(model_dir, archive)
    return archive


@pytest.fixture(scope="session")
def gate() -> ModuleType:
    """containers/training/gate.py."""
    return program()


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, DatasetManifest]:
    """One new page and one of the regression set, A5 at 100 dpi, and a page for training without picture."""
    folder = tmp_path_factory.mktemp("dataset")
    manifest = gate_data.write(folder, gate_data.sheets(1, 1, 1, size="A5", dpi=100))
    return folder, manifest
