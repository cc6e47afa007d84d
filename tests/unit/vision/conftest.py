"""The real models, made once and kept, and small drawings made on the spot."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from drawops_vision import artifact
from drawops_vision.reader import Reader

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def model_dir() -> Path:
    """The baseline model artifact, unpacked under .drawops/cache; another one for other sources."""
    cache = ROOT / ".drawops" / "cache"
    program = ROOT / "containers" / "inference" / "baseline_model.py"
    sources = hashlib.sha256()
    for source in (program, *sorted((program.parent / "weights").iterdir())):
        sources.update(source.read_bytes())
    folder = cache / f"baseline-model-{sources.hexdigest()[:12]}"
    if not (folder / artifact.MANIFEST).exists():
        fresh = cache / f"baseline-model.{os.getpid()}"
        fresh.mkdir(parents=True)
        archive = fresh / "model.tar.gz"
        subprocess.run([sys.executable, str(program), "--out", str(archive)], check=True)
        artifact.unpack_verified(archive, fresh)
        archive.unlink()
        fresh.replace(folder)
    return folder


@pytest.fixture(scope="session")
def reader(model_dir: Path) -> Reader:
    return Reader(model_dir, threads=2)
