"""Paddle programs that are written from ONNX graphs answer as ONNX Runtime does."""

from pathlib import Path

import numpy as np
import pytest
from drawops.errors import JobFailed
from drawops_training import candidate

pytestmark = pytest.mark.training


@pytest.mark.parametrize(("name", "shape"), [("rec", (2, 3, 48, 160)), ("det", (1, 3, 96, 160))])
def test_a_network_answers_the_same_as_a_paddle_program(
    released: Path, tmp_path: Path, name: str, shape: tuple[int, ...]
) -> None:
    given = np.random.default_rng(1).uniform(-1, 1, shape).astype(np.float32)
    expected = candidate.served(released / f"{name}.onnx", [given])
    found = candidate.as_paddle(released / f"{name}.onnx", tmp_path / name, {"Global": {}}, [given])
    assert candidate.same(name, expected, found) < candidate.TOLERANCE
    files = {path.name for path in (tmp_path / name).iterdir()}
    assert files == {"inference.json", "inference.pdiparams", "inference.yml"}


def test_a_model_that_differs_is_not_kept() -> None:
    one = np.zeros((1, 2), np.float32)
    with pytest.raises(JobFailed, match="differ by"):
        candidate.same("rec", [one], [one + 1])
    with pytest.raises(JobFailed, match="not finite"):
        candidate.same("rec", [one], [one * np.nan])
