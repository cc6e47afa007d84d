"""Small pictures, labels and data sets."""

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from drawops.contracts.labels import Label
from drawops_vision.datasets.conversion import Conversion
from drawops_vision.datasets.folder import About, DatasetFolder

Points = Sequence[tuple[float, float]]


def png(width: int = 200, height: int = 100) -> bytes:
    return cv2.imencode(".png", np.full((height, width), 255, np.uint8))[1].tobytes()


def label(text: str, points: Points = ((10, 10), (90, 10), (90, 30), (10, 30)), name: str = "t1") -> Label:
    return Label(id=name, points=tuple(points), text=text)


@pytest.fixture
def dataset(tmp_path: Path) -> DatasetFolder:
    return DatasetFolder.create(tmp_path / "data", About(name="data", licence="CC0-1.0"))


@pytest.fixture
def conversion(dataset: DatasetFolder) -> Conversion:
    return Conversion(dataset)


@pytest.fixture
def picture(tmp_path: Path) -> Callable[[str], Path]:
    """Write a picture at a path below tmp_path."""

    def write(name: str, width: int = 200, height: int = 100) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        extension = path.suffix
        path.write_bytes(cv2.imencode(extension, np.full((height, width), 255, np.uint8))[1].tobytes())
        return path

    return write
