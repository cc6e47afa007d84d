"""Container images of the local cloud: one Python environment for each ``containers/<name>``.

An image named ``drawops-<name>:local`` is a directory ``.drawops/images/<name>`` with an environment made
by pip from ``containers/<name>/requirements.txt``, the packages ``drawops``, ``drawops_vision`` and, if it
is one, ``containers/<name>`` itself installed as the Dockerfile installs them, and ``image.json``, which
says how to start the program that the Dockerfile names. A requirement missing from requirements.txt is
therefore missing here too.
"""

import json
import re
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
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
_PROGRESS_SECONDS = 15.0
# The words that SageMaker appends to `docker run <image>`.
_WORDS = ("serve", "train")
# Shared by containers; each package is installed without its dependencies because requirements.txt must name
# them all.
_PACKAGES = ("layers/core", "containers/vision")
_NOT_SOURCE = ignore_patterns("__pycache__", "*.egg-info", "build", "*.pyc", ".pytest_cache")


class ImageNotFound(Exception):
    """No such image was built on this machine."""


@dataclass(frozen=True)
class Image:
    """How to run a built image.

    Attributes:
        name: ``drawops-<name>:local``.
        commands: what ``docker run <image> serve`` (or ``train``) runs, by that word, and every other program
            on the image's PATH by its name, as an entry point of a processing job names it.
        working_directory: where the program starts.
        digest: changes whenever the environment, the packages or the program change.
    """

    name: str
    commands: dict[str, list[str]]
    working_directory: str
    digest: str

    def command(self, word: str) -> list[str]:
        """Program and arguments for ``serve``, ``train`` or another program of the image.

        Raises:
            ImageNotFound: the image has no such program.
        """
        if word not in self.commands:
            raise ImageNotFound(f"image {self.name} has no program for {word!r}")
        return self.commands[word]


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
    commands = _commands(root, source, environment)
    environment_stamp = stamp_of(requirements.read_bytes())
    source_stamp = stamp_of(
        environment_stamp.encode(),
        *(_content(root / package) for package in _packages(source)),
        _content(source),
    )
    image = Image(image_name(name), commands, str(source), source_stamp)
    with locked(path):
        path.mkdir(parents=True, exist_ok=True)
        if not is_current(environment, environment_stamp):
            progress(f"image {image.name}: installing requirements.txt")
            make_environment(environment)
            # pip and not uv: pip reads the machine's own pip configuration, where a folder of
            # CPU wheels may be named.
            if not (environment / "bin" / "pip").exists():
                install(environment, ["pip"])
            with _telling_size(environment, lambda text: progress(f"image {image.name}: {text}")):
                install(environment, ["-r", str(requirements)], quietly=True, use_uv=False)
            (path / _MANIFEST).unlink(missing_ok=True)
            write_stamp(environment, environment_stamp)
        if _built_digest(path) != source_stamp:
            progress(f"image {image.name}: installing the project's packages")
            _install_packages(root, _packages(source), environment)
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
        how = "; build it with: drawops up --training" if bare == f"{PREFIX}training" else ""
        raise ImageNotFound(
            f"image {name!r} was not built here; images here: {', '.join(built) or 'none'}{how}"
        )
    fields = json.loads(manifest.read_text())
    return Image(**fields)


def _commands(root: Path, source: Path, environment: Path) -> dict[str, list[str]]:
    """What SageMaker's ``docker run <image> serve`` and ``… train`` start, with the paths of this machine.

    The word is an argument of the Dockerfile's ENTRYPOINT or, without one, a program on the image's PATH. The
    COPY instructions tell which file of the project the program is.

    Raises:
        EnvironmentFailed: the Dockerfile starts nothing that exists here.
    """
    dockerfile = source / "Dockerfile"
    if not dockerfile.is_file():
        raise EnvironmentFailed(f"containers/{source.name} has no Dockerfile, so nothing says what to start")
    text = re.sub(r"\\\n", " ", dockerfile.read_text())
    entry: list[str] = []
    for found in re.findall(r"^ENTRYPOINT\s+(\[.*\])\s*$", text, flags=re.MULTILINE):
        entry = json.loads(found)
    copied = {target: root / origin for origin, target in _copies(text)}
    commands = {}
    for word in _WORDS:
        command = _translated([*entry, word], copied, environment)
        if command is not None:
            commands[word] = command
    for target, file in copied.items():
        # An entry point of a processing job takes the place of ENTRYPOINT.
        if PurePosixPath(target).parent.name == "bin" and file.is_file():
            commands.setdefault(PurePosixPath(target).name, [str(python_of(environment)), str(file)])
    if commands:
        commands["python3"] = [str(python_of(environment))]
    else:
        raise EnvironmentFailed(
            f"the Dockerfile of {source.name} copies no program for {' or '.join(_WORDS)}"
        )
    return commands


def _copies(dockerfile: str) -> Iterator[tuple[str, str]]:
    for line in re.findall(r"^COPY\s+(.*)$", dockerfile, flags=re.MULTILINE):
        words = [word for word in line.split() if not word.startswith("--")]
        for origin in words[:-1]:
            directory = words[-1].endswith("/")
            yield origin, words[-1] + Path(origin).name if directory else words[-1]


def _translated(words: list[str], copied: Mapping[str, Path], environment: Path) -> list[str] | None:
    """`words` for this machine; None when they name no program that was copied into the image."""
    command: list[str] = []
    has_program = False
    for number, word in enumerate(words):
        on_path = [target for target in copied if number == 0 and Path(target).name == word]
        file = copied.get(word) or (copied[on_path[0]] if on_path and "/" not in word else None)
        if re.fullmatch(r"(.*/)?python[0-9.]*", word):
            command.append(str(python_of(environment)))
        elif file is not None and file.is_file():
            # A program of its own starts with the interpreter that its first line finds in the image.
            command += [str(file)] if command else [str(python_of(environment)), str(file)]
            has_program = True
        else:
            command.append(word)
    return command if has_program else None


@contextmanager
def _telling_size(environment: Path, progress: Progress) -> Iterator[None]:
    """Say now and then how much has been installed: gigabytes take their time."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(_PROGRESS_SECONDS):
            size = 0
            with suppress(OSError):  # the installer moved something meanwhile: what was counted is enough
                for file in environment.rglob("*"):
                    size += file.lstat().st_size
            progress(f"{size / 1e6:.0f} MB installed so far")

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _packages(source: Path) -> tuple[str, ...]:
    """Folders of the packages that an image gets; a container may be a package itself."""
    own = (f"containers/{source.name}",) if (source / "pyproject.toml").is_file() else ()
    return (*_PACKAGES, *own)


def _install_packages(root: Path, packages: Sequence[str], environment: Path) -> None:
    # From a copy: setuptools writes build directories next to the sources it builds.
    with tempfile.TemporaryDirectory(prefix="drawops-image-") as temporary:
        copies = []
        for package in packages:
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
