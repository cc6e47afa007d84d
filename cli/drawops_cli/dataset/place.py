"""Where data sets lie on this machine."""

import os
from collections.abc import Iterator
from pathlib import Path

FOLDER = "datasets"
DOWNLOADS = ".downloads"


def root() -> Path:
    """DRAWOPS_DATASETS, else ``datasets`` in the working directory."""
    return Path(os.environ.get("DRAWOPS_DATASETS") or FOLDER)


def here() -> Iterator[Path]:
    """The data sets that lie there."""
    if root().is_dir():
        yield from sorted(path.parent for path in root().glob("*/dataset.json"))
