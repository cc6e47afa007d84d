"""Environments of the engines under `.drawops/peers/`: made once, kept until what they are made from changes.

Packages are downloaded first and installed from those files, so that the size of the download is measured.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from drawops_local import environments
from drawops_local.environments import Progress

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / ".drawops" / "peers"
HERE = Path(__file__).parent
_DOWNLOAD = "download.json"


class Unavailable(Exception):
    """An engine cannot be had here; the message says why."""


def python_environment(name: str, lock: Path, progress: Progress) -> tuple[Path, int]:
    """An environment with the packages of a hash-pinned lock file.

    Returns:
        Its interpreter, and the bytes that were downloaded for it.

    Raises:
        Unavailable: a package cannot be downloaded or installed.
    """

    def make(folder: Path) -> int:
        environments.make_environment(folder)
        with tempfile.TemporaryDirectory() as downloads:
            size = pip_download(["-r", str(lock)], Path(downloads))
            files = [str(path) for path in sorted(Path(downloads).iterdir())]
            environments.install(folder, ["--no-deps", *files], quietly=True)
        return size

    folder, size = _once(name, lock.read_bytes(), make, progress)
    return environments.python_of(folder), size


def pip_download(arguments: Sequence[str], folder: Path) -> int:
    """Let pip put packages into `folder`, all of them checked against pinned hashes.

    Returns:
        Bytes downloaded.
    """
    options = ["--quiet", "--disable-pip-version-check", "--no-input", "--require-hashes", "-d", str(folder)]
    _run([sys.executable, "-m", "pip", "download", "--no-deps", *options, *arguments])
    return size_of(folder)


def node_environment(name: str, lock: Path, progress: Progress) -> tuple[Path, int]:
    """A folder with the packages of a package.json and package-lock.json; as `python_environment`.

    Returns:
        The folder, and the bytes that were downloaded for it.
    """
    if not shutil.which("npm"):
        raise Unavailable("npm is not installed")

    def make(folder: Path) -> int:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for file in ("package.json", "package-lock.json"):
            shutil.copy(lock / file, folder / file)
        with tempfile.TemporaryDirectory() as cache:
            # No scripts: onnxruntime-node would fetch CUDA libraries, which reading on a CPU does not need.
            command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
            _run([*command, "--prefix", str(folder), "--cache", cache])
            return size_of(Path(cache))

    made_from = (lock / "package.json").read_bytes() + (lock / "package-lock.json").read_bytes()
    return _once(name, made_from, make, progress)


def debian_packages(program: str, packages: Sequence[str], progress: Progress) -> int:
    """Make sure that a program from Debian packages is there; installs them where that is allowed.

    Returns:
        Bytes of the packages as downloaded; 0 when they are not known to apt (another package manager).

    Raises:
        Unavailable: the program is missing and cannot be installed by this user.
    """
    if not shutil.which(program):
        how = f"{program} is not installed; install {' '.join(packages[:2])}"
        if not shutil.which("apt-get") or os.geteuid() != 0:
            raise Unavailable(how)
        progress(f"installing {' '.join(packages[:2])}")
        _run(["apt-get", "update", "-qq"])
        _run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages])
    if not shutil.which("apt-cache"):
        return 0
    command = ["apt-cache", "show", "--no-all-versions", *packages]
    shown = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return sum(int(line.split()[1]) for line in shown.splitlines() if line.startswith("Size:"))


def folder_made_once(
    name: str, made_from: bytes, make: Callable[[Path], int], progress: Progress
) -> tuple[Path, int]:
    """A folder of files (weights) that `make` fills, returning the bytes it downloaded."""

    def fill(folder: Path) -> int:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return make(folder)

    return _once(name, made_from, fill, progress)


def size_of(path: Path) -> int:
    """Bytes of all files in a folder."""
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def _once(name: str, made_from: bytes, make: Callable[[Path], int], progress: Progress) -> tuple[Path, int]:
    folder = HOME / name
    record = folder / _DOWNLOAD
    stamp = environments.stamp_of(made_from)
    with environments.locked(folder):
        with suppress(FileNotFoundError):
            done = json.loads(record.read_text(encoding="utf-8"))
            if done["stamp"] == stamp:
                return folder, int(done["bytes"])
        progress(f"preparing {name}")
        try:
            size = make(folder)
        except environments.EnvironmentFailed as error:
            raise Unavailable(str(error)) from error
        # The last step: what is half made has no record.
        record.write_text(json.dumps({"stamp": stamp, "bytes": size}), encoding="utf-8")
    return folder, size


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-5:])
        raise Unavailable(f"{' '.join(command[:4])} … failed with exit code {done.returncode}:\n{said}")
