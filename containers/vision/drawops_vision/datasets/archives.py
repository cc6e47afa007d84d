"""Unpack zip and tar archives of strangers: nothing leaves the folder, and nothing fills the disk.

Members are copied, never extracted by the library: a name that is absolute, has a part ``..`` or a drive is
refused, links and devices are left out, and permissions are not taken over. What is written is counted as it
is written, not as the archive states it. Archives inside an archive (Dataset-P&ID's pictures) are unpacked
where they lie, on the same account.
"""

import shutil
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
BLOCK = 2**20
MAX_NESTING = 2


class BadArchive(ValueError):
    """The archive is refused; `str()` says why."""


@dataclass(frozen=True)
class Limits:
    """How much may come out of an archive.

    Attributes:
        total: bytes.
        ratio: times the archive's own size, beyond the first `free` bytes. Drawings compress well, but no
            collection of files does so a hundredfold.
        free: bytes.
        members: files.
    """

    total: int = 50 * 2**30
    ratio: int = 100
    free: int = 2**30
    members: int = 200_000


DEFAULT = Limits()


def is_archive(path: Path) -> bool:
    """Whether a file's name is that of an archive."""
    return path.is_file() and path.name.lower().endswith(SUFFIXES)


def unpack(
    archive: Path, into: Path, limits: Limits = DEFAULT, done: Callable[[str], None] = lambda name: None
) -> None:
    """Unpack an archive, and the archives in it, into a folder.

    Args:
        archive: zip, or tar with any of Python's compressions; told by content.
        into: made if missing.
        limits: what is refused.
        done: called with each member's name.

    Raises:
        BadArchive: it is none, is damaged, would write elsewhere, or holds too much.
        OSError: the disk says no.
    """
    size = archive.stat().st_size
    room = min(limits.total, max(limits.free, limits.ratio * size))
    _Unpacking(_Account(room, limits.members), done).unpack(archive, into, 0)


class _Account:
    """What may still be written."""

    def __init__(self, room: int, members: int) -> None:
        self._room = room
        self._members = members

    def member(self) -> None:
        self._members -= 1
        if self._members < 0:
            raise BadArchive("it holds too many files")

    def write(self, count: int) -> None:
        self._room -= count
        if self._room < 0:
            raise BadArchive("it unpacks to far more than it should; this looks like a decompression bomb")


@dataclass(frozen=True)
class _Unpacking:
    account: _Account
    done: Callable[[str], None]

    def unpack(self, archive: Path, into: Path, depth: int) -> None:
        try:
            for name, source in _members(archive):
                target = into / _safe(name)
                self.account.member()
                target.parent.mkdir(parents=True, exist_ok=True)
                with source, target.open("xb") as file:
                    while block := source.read(BLOCK):
                        self.account.write(len(block))
                        file.write(block)
                self.done(name)
                if depth < MAX_NESTING and is_archive(target):
                    self.unpack(target, target.parent, depth + 1)
                    target.unlink()
        except BadArchive as error:
            raise BadArchive(f"{archive.name} is refused: {str(error).removeprefix('refused: ')}") from error
        except FileExistsError as error:
            raise BadArchive(f"{archive.name} is refused: it holds {error.filename} twice") from error
        except (zipfile.BadZipFile, tarfile.TarError, EOFError, NotImplementedError, RuntimeError) as error:
            raise BadArchive(f"{archive.name} is damaged: {error}") from error
        except (shutil.ReadError, ValueError) as error:
            raise BadArchive(f"{archive.name} cannot be unpacked: {error}") from error


def _members(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Name and content of every plain file."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as opened:
            for entry in opened.infolist():
                if not entry.is_dir() and not stat.S_ISLNK(entry.external_attr >> 16):
                    yield entry.filename, opened.open(entry)
    elif tarfile.is_tarfile(archive):
        with tarfile.open(archive) as opened_tar:
            for member in opened_tar:
                content = opened_tar.extractfile(member) if member.isreg() else None
                if content is not None:
                    yield member.name, content
    else:
        raise BadArchive("it is neither zip nor tar")


def _safe(name: str) -> PurePosixPath:
    """A member's name as a path below the folder.

    Raises:
        BadArchive: it leads elsewhere.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in (path.parts or ("",))[0]:
        raise BadArchive(f"its member {name!r} would be written outside the folder")
    if "\0" in name or not path.parts:
        raise BadArchive(f"its member {name!r} has no name that can be written")
    return path
