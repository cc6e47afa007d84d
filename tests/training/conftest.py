"""Released networks to train, what a job is given; only what the environment can run is collected."""

import signal
import tarfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.training.root import Root

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


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> "Root":
    """What a job is given; not to be changed."""
    from tests.training.root import Root

    return Root(tmp_path_factory.mktemp("job") / "fresh")


@pytest.fixture
def root(fresh: "Root", tmp_path: Path) -> "Root":
    """What a job is given; to be changed."""
    return fresh.copy(tmp_path / "ml")


@pytest.fixture
def _signals() -> Iterator[None]:
    """A job in this process listens to signals; afterwards pytest does again."""
    before = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)}
    yield
    for one, handler in before.items():
        signal.signal(one, handler)
