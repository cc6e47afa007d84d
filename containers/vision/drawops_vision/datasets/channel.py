"""A dataset version as SageMaker brings it: a folder in which every file lies under its S3 key.

Nothing is taken on trust: every file is checked against the SHA-256 that the manifest names.
"""

import hashlib
from pathlib import Path
from typing import TypeVar

import numpy as np
from drawops.contracts.datasets import DatasetManifest, PageEntry
from drawops.contracts.labels import PageLabels
from drawops.contracts.reading import Contract
from drawops.errors import Corrupt
from drawops.keys import DatasetKeys
from numpy.typing import NDArray
from pydantic import ValidationError

from drawops_vision.rasterise import render_page

C = TypeVar("C", bound=Contract)


def manifest(folder: Path, project: str, version: str) -> DatasetManifest:
    """The manifest of a version.

    Raises:
        Corrupt: it is missing or cannot be understood.
    """
    key = DatasetKeys(project).manifest(version)
    return _parsed(DatasetManifest, _read(folder, key), key)


def labels(folder: Path, page: PageEntry) -> PageLabels:
    """What stands on a page.

    Raises:
        Corrupt: the document is missing or is not the one that the manifest names.
    """
    return _parsed(PageLabels, _verified(folder, page.labels_key, page.labels_sha256), page.labels_key)


def pixels(folder: Path, page: PageEntry) -> NDArray[np.uint8]:
    """A page in the pixels that its labels count in, H x W or H x W x 3 (blue, green, red).

    Raises:
        Corrupt: the file is missing or is not the one that the manifest names.
        drawops.errors.InvalidInput: it cannot be decoded.
    """
    return render_page(source(folder, page), page.image.page)


def source(folder: Path, page: PageEntry) -> bytes:
    """The file that shows a page.

    Raises:
        Corrupt: it is missing or is not the one that the manifest names.
    """
    return _verified(folder, page.image.key, page.image.sha256)


def _parsed(contract: type[C], body: bytes, key: str) -> C:
    try:
        return contract.model_validate_json(body)
    except ValidationError as error:
        raise Corrupt(f"{key} cannot be understood: {error.error_count()} faults.") from error


def _verified(folder: Path, key: str, sha256: str) -> bytes:
    data = _read(folder, key)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise Corrupt(f"{key} is not what the dataset version says (SHA-256); publish the version again.")
    return data


def _read(folder: Path, key: str) -> bytes:
    path = folder / key
    if not path.is_file():
        raise Corrupt(f"{key} is missing; the dataset version may have been deleted during the job.")
    return path.read_bytes()
