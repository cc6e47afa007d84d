"""Between S3 and the folders of a job: channels in, archives and folders out, checkpoints both ways.

How channels lie on disk is SageMaker's: Amazon SageMaker API Reference, "S3DataSource".
"""

import json
import logging
import tarfile
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import BotoCoreError, ClientError

from drawops_local.sagemaker.model_data import split_s3_uri

_log = logging.getLogger(__name__)
_UNREACHABLE_WAIT = 0.5
_Answer = TypeVar("_Answer")


class StorageFailed(Exception):
    """S3 or the disk refused for good; the message says which object or file and why."""


class Leave(Exception):
    """The runner is stopping; the job goes on after the next start."""


class Storage:
    """S3 for a job: waits while S3 does not answer, until the runner is told to stop."""

    def __init__(self, s3: Any, leaving: threading.Event) -> None:  # noqa: ANN401
        self._s3 = s3
        self._leaving = leaving

    def read(self, uri: str) -> bytes:
        """One object.

        Raises:
            StorageFailed: it cannot be read.
        """
        bucket, key = _split(uri)
        return self._patiently(uri, lambda: bytes(self._s3.get_object(Bucket=bucket, Key=key)["Body"].read()))

    def fetch_prefix(self, uri: str, target: Path) -> int:
        """S3DataType S3Prefix: every object whose key begins with the prefix; returns how many.

        ``s3://b/data/`` and ``s3://b/data`` lay ``data/x/y`` out as ``x/y``; the URI of one object lays
        it out under its file name.

        Raises:
            StorageFailed: there is none, or one cannot be read or written.
        """
        bucket, prefix = split_prefix(uri)
        found = {key: _relative(key, prefix) for key in self._keys(uri, bucket, prefix)}
        if not found:
            raise StorageFailed(
                f'No S3 objects found under S3 URL "{uri}" given in input data source. '
                "Please ensure that the bucket exists and that objects exist under that prefix."
            )
        self._fetch(bucket, found, target)
        return len(found)

    def fetch_manifest(self, uri: str, target: Path) -> int:
        """S3DataType ManifestFile: the named objects, each under its path relative to the manifest's prefix.

        The manifest is a JSON list: ``[{"prefix": "s3://bucket/some/"}, "path/1", "path/2", …]``.

        Returns:
            how many objects.

        Raises:
            StorageFailed: the manifest is not one, or an object cannot be read or written.
        """
        try:
            entries = json.loads(self.read(uri))
            prefix, names = entries[0]["prefix"], entries[1:]
            if not all(isinstance(name, str) and name for name in names):
                raise TypeError("every entry after the first must be an object's name")
            bucket, start = split_prefix(prefix)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise StorageFailed(
                f'The manifest "{uri}" is not a JSON list of {{"prefix": "s3://…"}} and names: {error}'
            ) from error
        if not names:
            raise StorageFailed(f'The manifest "{uri}" names no objects.')
        self._fetch(bucket, {start + name: name for name in names}, target)
        return len(names)

    def fetch_if_any(self, uri: str, target: Path) -> int:
        """Like `fetch_prefix`, but nothing is no fault."""
        bucket, prefix = split_prefix(uri.rstrip("/") + "/")
        found = {key: _relative(key, prefix) for key in self._keys(uri, bucket, prefix)}
        self._fetch(bucket, found, target)
        return len(found)

    def put_file(self, path: Path, uri: str) -> None:
        """Upload a file.

        Raises:
            StorageFailed: S3 refuses it.
        """
        bucket, key = _split(uri)
        self._patiently(uri, lambda: self._s3.upload_file(str(path), bucket, key))

    def put_folder(self, folder: Path, uri: str) -> int:
        """Upload every file of a folder; returns how many."""
        count = 0
        for path in sorted(_files(folder)):
            self.put_file(path, f"{uri.rstrip('/')}/{path.relative_to(folder).as_posix()}")
            count += 1
        return count

    def put_archive(self, folder: Path, uri: str, scratch: Path) -> bool:
        """Upload the folder's content as a ``tar.gz``; False when there is nothing in it."""
        if not any(_files(folder)):
            return False
        try:
            # Weights do not get smaller: speed counts.
            with tarfile.open(scratch, "w:gz", compresslevel=1) as tar:
                for child in sorted(folder.iterdir()):
                    tar.add(child, arcname=child.name)
            self.put_file(scratch, uri)
        except OSError as error:
            raise StorageFailed(f"Could not pack {uri}: {error}") from error
        finally:
            scratch.unlink(missing_ok=True)
        return True

    def _keys(self, uri: str, bucket: str, prefix: str) -> list[str]:
        def listed() -> list[str]:
            pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
            # A key that ends with a slash is a console's picture of a folder.
            keys = [found["Key"] for page in pages for found in page.get("Contents", [])]
            return [key for key in keys if not key.endswith("/")]

        return self._patiently(uri, listed)

    def _fetch(self, bucket: str, paths: dict[str, str], target: Path) -> None:
        for key, relative in paths.items():
            uri = f"s3://{bucket}/{key}"
            pure = PurePosixPath(relative)
            if pure.is_absolute() or ".." in pure.parts:
                raise StorageFailed(f"{uri} would lie outside of its folder: {relative}")
            path = target / pure
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._patiently(uri, partial(self._s3.download_file, bucket, key, str(path)))
            except OSError as error:
                raise StorageFailed(f"Could not write {uri} to {relative}: {error}") from error

    def _patiently(self, uri: str, call: Callable[[], _Answer]) -> _Answer:
        while True:
            try:
                return call()
            except (ClientError, S3UploadFailedError) as error:
                # boto3 wraps what upload_file met.
                met = error if isinstance(error, ClientError) else error.__context__
                if not isinstance(met, ClientError):
                    raise StorageFailed(f"Could not write {uri}: {error}") from error
                if met.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500) < 500:
                    raise StorageFailed(f"S3 says {met.response['Error']['Code']} for {uri}") from error
                _log.warning("%s: %s", uri, error)
            except BotoCoreError as error:
                _log.warning("%s: %s", uri, error)
            if self._leaving.wait(_UNREACHABLE_WAIT):
                raise Leave


class Mirror:
    """Copies a folder's files to S3 while they come and change. Files that vanish stay in S3.

    A file that grows is being written: it is copied when it has the same size at two looks in a row. What was
    copied half all the same is copied again as soon as it has changed.
    """

    def __init__(self, storage: Storage, folder: Path, uri: str) -> None:
        self._storage = storage
        self._folder = folder
        self._uri = uri.rstrip("/")
        self._sizes: dict[Path, int] = {}
        self._sent: dict[Path, tuple[int, int]] = {}

    def assume_sent(self) -> None:
        """What lies in the folder now came from S3."""
        self._sent = self._state()

    def copy(self, *, at_rest: bool = False) -> int:
        """Upload what changed; returns how many files.

        Args:
            at_rest: nobody writes any more.
        """
        state = self._state()
        count = 0
        for path, stamp in sorted(state.items(), key=lambda item: item[1]):
            if self._sent.get(path) == stamp or not (at_rest or self._sizes.get(path) == stamp[1]):
                continue
            try:
                self._storage.put_file(path, f"{self._uri}/{path.relative_to(self._folder).as_posix()}")
            except FileNotFoundError:
                continue  # the program replaced it meanwhile
            self._sent[path] = stamp
            count += 1
        self._sizes = {path: size for path, (_, size) in state.items()}
        return count

    def _state(self) -> dict[Path, tuple[int, int]]:
        found = {}
        for path in _files(self._folder):
            try:
                status = path.stat()
            except FileNotFoundError:
                continue
            found[path] = (status.st_mtime_ns, status.st_size)
        return found


def split_prefix(uri: str) -> tuple[str, str]:
    """Bucket and prefix of ``s3://bucket`` or ``s3://bucket/prefix``.

    Raises:
        ValueError: not such a URI.
    """
    rest = uri.removeprefix("s3://")
    bucket, _, prefix = rest.partition("/")
    if rest == uri or not bucket:
        raise ValueError(f"not an S3 URI: {uri!r}")
    return bucket, prefix


def _split(uri: str) -> tuple[str, str]:
    try:
        return split_s3_uri(uri)
    except ValueError as error:
        raise StorageFailed(str(error)) from error


def _relative(key: str, prefix: str) -> str:
    if key == prefix:
        return PurePosixPath(key).name
    if prefix == "" or prefix.endswith("/") or key[len(prefix)] == "/":
        return key[len(prefix) :].lstrip("/")
    return key[prefix.rfind("/") + 1 :]


def _files(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
