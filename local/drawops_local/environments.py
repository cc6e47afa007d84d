"""Isolated Python environments that are made once and reused until what they are made from changes."""

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

Progress = Callable[[str], None]

TOOLS = ("ministack", "lambda", "sam")
_STAMP = "drawops-stamp"


class EnvironmentFailed(Exception):
    """An environment could not be built; the message ends with what the installer said."""


def lock_file(root: Path, name: str) -> Path:
    """The hash-pinned requirements of tool environment `name`."""
    return root / "local" / "requirements" / f"{name}.txt"


def environment_path(root: Path, name: str) -> Path:
    """Where tool environment `name` lives."""
    return root / ".drawops" / "envs" / name


def python_of(environment: Path) -> Path:
    """The interpreter of an environment."""
    return environment / "bin" / "python"


def program_of(environment: Path, program: str) -> Path:
    """A console program of an environment."""
    return environment / "bin" / program


def ensure_environment(root: Path, name: str, progress: Progress) -> Path:
    """Build tool environment `name` from its lock file, unless it already stands.

    Args:
        root: the project root.
        name: one of `TOOLS`.
        progress: gets a line for each step that takes time.

    Returns:
        The environment's directory.

    Raises:
        EnvironmentFailed: the lock file is missing or the installer failed.
    """
    lock = lock_file(root, name)
    if not lock.is_file():
        raise EnvironmentFailed(f"there is no lock file {lock}; known environments: {', '.join(TOOLS)}")
    path = environment_path(root, name)
    stamp = stamp_of(lock.read_bytes())
    with locked(path):
        if is_current(path, stamp):
            return path
        progress(f"environment {name}: installing from {lock.name}")
        make_environment(path)
        install(path, ["--require-hashes", "-r", str(lock)], quietly=True)
        write_stamp(path, stamp)
    progress(f"environment {name}: ready")
    return path


def stamp_of(*parts: bytes) -> str:
    """Hash of everything an environment is made from, this interpreter's version included."""
    digest = hashlib.sha256(f"{sys.implementation.name} {sys.version_info[:2]}".encode())
    for part in parts:
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()


def is_current(path: Path, stamp: str) -> bool:
    """Whether the environment at `path` was finished from exactly what `stamp` stands for."""
    try:
        return (path / _STAMP).read_text() == stamp and python_of(path).exists()
    except FileNotFoundError:
        return False


def write_stamp(path: Path, stamp: str) -> None:
    """Mark the environment as finished. The last step: a half-built environment has no stamp."""
    (path / _STAMP).write_text(stamp)


def make_environment(path: Path) -> None:
    """Create an empty environment at `path`, in place of whatever was there."""
    if path.exists():
        shutil.rmtree(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    uv = find_uv()
    if uv:
        _run([*uv, "venv", "--quiet", "--no-project", "--python", sys.executable, str(path)])
    else:
        venv.create(path, with_pip=True, symlinks=True)


def install(path: Path, arguments: Sequence[str], *, quietly: bool = False, use_uv: bool = True) -> None:
    """Install into the environment at `path`; `arguments` as for ``pip install``.

    Raises:
        EnvironmentFailed: the installer failed.
    """
    uv = find_uv() if use_uv else None
    if uv:
        command = [*uv, "pip", "install", "--quiet", "--python", str(python_of(path))]
    else:
        command = [str(python_of(path)), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
        if quietly:
            command.append("--quiet")
    _run([*command, *arguments])


def find_uv() -> list[str] | None:
    """How to call uv: from PATH, as a module of this interpreter, or not at all."""
    found = shutil.which("uv")
    if found:
        return [found]
    return [sys.executable, "-m", "uv"] if importlib.util.find_spec("uv") else None


def _run(command: Sequence[str]) -> None:
    # An activated environment of the user would make uv install there.
    surroundings = {
        key: value for key, value in os.environ.items() if key not in ("VIRTUAL_ENV", "PYTHONPATH")
    }
    done = subprocess.run(
        command, env=surroundings, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
        raise EnvironmentFailed(f"{' '.join(command[:5])} … failed with exit code {done.returncode}:\n{said}")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep two processes from building the same environment at the same time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path.parent / f"{path.name}.lock", "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
