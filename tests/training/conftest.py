"""Released networks to train; only what the environment can run is collected."""

import tarfile
from importlib.util import find_spec
from pathlib import Path

import pytest

BASELINE = Path(__file__).parents[2] / ".drawops" / "cache" / "baseline-model.tar.gz"

# `make test` runs in an environment without torch and onnx (containers/training/requirements.in says why);
# stock PaddleOCR has one without torch.
STOCK = "test_stock_paddleocr.py"
if find_spec("torch") and find_spec("onnx"):
    collect_ignore_glob = [STOCK]
elif find_spec("paddleocr") and find_spec("onnx"):
    collect_ignore_glob = [one.name for one in Path(__file__).parent.glob("test_*.py") if one.name != STOCK]
else:
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with det.onnx and rec.onnx of the baseline that `make test-training` made, in full precision."""
    from drawops_training.graph import Graph  # needs torch

    folder = tmp_path_factory.mktemp("released")
    with tarfile.open(BASELINE) as archive:
        archive.extractall(folder, filter="data")
    Graph(folder / "rec.onnx").save(folder / "rec.onnx")
    return folder
