"""Container images of the local cloud: one Python environment for each ``containers/<name>``.

An image named ``drawops-<name>:local`` is a directory ``.drawops/images/<name>`` with an environment
made by pip from ``containers/<name>/requirements.txt``, the packages ``drawops`` and ``drawops_vision``
installed as the Dockerfile installs them, and ``image.json``, which says how to start the program that
the Dockerfile names. A requirement missing from requirements.txt is therefore missing here too.
"""

import json
import re
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from shutil import copytree, ignore_patterns

from drawops_local.environments import (
    EnvironmentFailed,
    Progress,
    install,
    is_current,
    locked,
    make_environment,
    python_of,
    stamp_of,
    write_stamp,
)

PREFIX = "drawops-"
_MANIFEST = "image.json"
# Only these two are shared by containers; each is installed without its dependencies because
# requirements.txt must name them all.
_PACKAGES = ("layers/core", "containers/vision")
_NOT_SOURCE = ignore_patterns("__pycache__", "*.egg-info", "build", "*.pyc", ".pytest_cache")


class ImageNotFound(Exception):
    """No such image was built on this machine."""


@dataclass(frozen=True)
class Image:
    """How to run a built image.

    Attributes:
        name: ``drawops-<name>:local``.
        command: program and arguments; SageMaker adds ``serve`` or ``train``.
        working_directory: where the program starts.
        digest: changes whenever the environment, the packages or the program change.
    """

    name: str
    command: tuple[str, ...]
    working_directory: str
    digest: str


def images_directory(root: Path) -> Path:
    """Where built images lie."""
    return root / ".drawops" / "images"


def image_name(name: str) -> str:
    """The name that models use for the image of ``containers/<name>``."""
    return f"{PREFIX}{name}:local"


def build_image(root: Path, name: str, progress: Progress) -> Image:
    """Build the image of ``containers/<name>``; does nothing when nothing changed.

    Args:
        root: the project root.
        name: a directory under ``containers`` with a requirements.txt and an entry program.
        progress: gets a line for each step that takes time.

    Raises:
        EnvironmentFailed: there is no such container, or the installer failed.
    """
    source = root / "containers" / name
    requirements = source / "requirements.txt"
    if not requirements.is_file():
        raise EnvironmentFailed(f"containers/{name} has no requirements.txt, so there is no image to build")
    path = images_directory(root) / name
    environment = path / "environment"
    command = _entry_command(source, environment)
    environment_stamp = stamp_of(requirements.read_bytes())
    source_stamp = stamp_of(
        environment_stamp.encode(), *(_content(root / package) for package in _PACKAGES), _content(source)
    )
    image = Image(image_name(name), command, str(source), source_stamp)
    with locked(path):
        path.mkdir(parents=True, exist_ok=True)
        if not is_current(environment, environment_stamp):
            progress(f"image {image.name}: installing requirements.txt")
            make_environment(environment)
            # pip and not uv: pip reads the machine's own pip configuration, where a folder of
            # CPU wheels may be named.
            if not (environment / "bin" / "pip").exists():
                install(environment, ["pip"])
            install(environment, ["-r", str(requirements)], quietly=True, use_uv=False)
            (path / _MANIFEST).unlink(missing_ok=True)
            write_stamp(environment, environment_stamp)
        if _built_digest(path) != source_stamp:
            progress(f"image {image.name}: installing drawops and drawops_vision")
            _install_packages(root, environment)
            (path / _MANIFEST).write_text(json.dumps(asdict(image), indent=2))
            progress(f"image {image.name}: ready")
    return image


def find_image(images: Path, name: str) -> Image:
    """The built image that a model's image name stands for.

    The registry and the tag do not matter: ``<registry>/drawops-inference:1.2`` is ``inference``.

    Raises:
        ImageNotFound: it was not built here.
    """
    bare = name.rsplit("/", 1)[-1].split("@")[0].split(":")[0]
    manifest = images / bare.removeprefix(PREFIX) / _MANIFEST
    if not bare.startswith(PREFIX) or not re.fullmatch(r"[a-z0-9-]+", bare) or not manifest.is_file():
        built = sorted(image_name(found.parent.name) for found in images.glob(f"*/{_MANIFEST}"))
        raise ImageNotFound(f"image {name!r} was not built here; images here: {', '.join(built) or 'none'}")
    fields = json.loads(manifest.read_text())
    return Image(fields["name"], tuple(fields["command"]), fields["working_directory"], fields["digest"])


def _entry_command(source: Path, environment: Path) -> tuple[str, ...]:
    """What the Dockerfile's ENTRYPOINT and CMD run, with the paths of this machine.

    A program ``/any/where/serve.py`` of the image is ``containers/<name>/serve.py`` here, ``python`` is the
    environment's, and the words ``serve`` and ``train`` are left out because the platform adds them.
    """
    dockerfile = source / "Dockerfile"
    words: list[str] = []
    if dockerfile.is_file():
        text = re.sub(r"\\\n", " ", dockerfile.read_text())
        for instruction in ("ENTRYPOINT", "CMD"):
            found = re.findall(rf"^\s*{instruction}\s+(\[.*\])\s*$", text, flags=re.MULTILINE)
            words += json.loads(found[-1]) if found else []
    if not words:
        words = ["python", "serve.py"]
    command = []
    for word in words:
        program = source / Path(word).name
        if re.fullmatch(r"(.*/)?python[0-9.]*", word):
            command.append(str(python_of(environment)))
        elif word.endswith(".py"):
            if not program.is_file():
                raise EnvironmentFailed(
                    f"the Dockerfile of {source.name} starts {word}, but {program} does not exist"
                )
            command.append(str(program))
        elif word not in ("serve", "train"):
            command.append(word)
    return tuple(command)


def _install_packages(root: Path, environment: Path) -> None:
    # From a copy: setuptools writes build directories next to the sources it builds.
    with tempfile.TemporaryDirectory(prefix="drawops-image-") as temporary:
        copies = []
        for package in _PACKAGES:
            copy = Path(temporary) / package
            copytree(root / package, copy, ignore=_NOT_SOURCE)
            copies.append(str(copy))
        # The version does not change with the source, so an installer would keep the old copy.
        reinstall = ["--no-deps", "--force-reinstall", "--no-cache-dir"]
        install(environment, [*reinstall, *copies], quietly=True, use_uv=False)


def _built_digest(path: Path) -> str | None:
    try:
        digest: str = json.loads((path / _MANIFEST).read_text())["digest"]
    except FileNotFoundError:
        return None
    return digest


def _content(directory: Path) -> bytes:
    return b"".join(_files(directory))


def _files(directory: Path) -> Iterator[bytes]:
    for file in sorted(directory.rglob("*")):
        relative = file.relative_to(directory)
        ignored = {"__pycache__", "build", ".pytest_cache"} & set(relative.parts)
        if file.is_file() and not ignored and ".egg-info" not in str(relative):
            yield str(relative).encode() + b"\0" + file.read_bytes() + b"\0"
