"""Released networks to train; nothing here is collected where torch is not installed."""

import tarfile
from importlib.util import find_spec
from pathlib import Path

import pytest

BASELINE = Path(__file__).parents[2] / ".drawops" / "cache" / "baseline-model.tar.gz"

# `make test` runs in an environment without torch and onnx (containers/training/requirements.in says why).
collect_ignore_glob = [] if find_spec("torch") and find_spec("onnx") else ["test_*.py"]


@pytest.fixture(scope="session")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with det.onnx and rec.onnx of the baseline that `make test-training` made, in full precision."""
    from drawops_training.graph import Graph  # needs torch

    folder = tmp_path_factory.mktemp("released")
    with tarfile.open(BASELINE) as archive:
        archive.extractall(folder, filter="data")
    Graph(folder / "rec.onnx").save(folder / "rec.onnx")
    return folder
