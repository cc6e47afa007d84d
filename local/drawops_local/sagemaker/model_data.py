"""Model artifacts: model.tar.gz from S3, unpacked for a container."""

import shutil
import tarfile
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from botocore.exceptions import ClientError


class ModelDataFailed(Exception):
    """The artifact is missing, unreadable or tries to leave its directory."""


def split_s3_uri(uri: str) -> tuple[str, str]:
    """Bucket and key of ``s3://bucket/key``; the key is taken as it is, whatever characters it has.

    Raises:
        ValueError: not such a URI.
    """
    rest = uri.removeprefix("s3://")
    bucket, _, key = rest.partition("/")
    if rest == uri or not bucket or not key:
        raise ValueError(f"not an S3 URI with bucket and key: {uri!r}")
    return bucket, key


def unpack_model(s3: Any, url: str | None, target: Path) -> None:  # noqa: ANN401
    """Download `url` and unpack it into `target`, in place of what was there.

    Raises:
        ModelDataFailed: see there.
    """
    if target.exists():
        shutil.rmtree(target)
    target.mkdir(parents=True)
    if not url:
        return
    try:
        bucket, key = split_s3_uri(url)
        with tempfile.TemporaryFile() as archive:
            s3.download_fileobj(bucket, key, archive)
            archive.seek(0)
            with tarfile.open(fileobj=archive, mode="r:gz") as tar:
                _unpack(tar, target)
    except ClientError as error:
        raise ModelDataFailed(
            f"Could not access model data at {url}: {error.response['Error'].get('Message', error)}"
        ) from error
    except (tarfile.TarError, ValueError, EOFError, OSError) as error:
        raise ModelDataFailed(f"Could not unpack model data at {url}: {error}") from error


def _unpack(tar: tarfile.TarFile, target: Path) -> None:
    """Take files and folders only, and only inside `target`.

    `extractall(filter="data")` does the same, but came with Python 3.11.4.
    """
    for member in tar:
        path = (target / member.name).resolve()
        if not path.is_relative_to(target.resolve()):
            raise ValueError(f"{member.name} leads out of the archive")
        if member.isdir():
            path.mkdir(parents=True, exist_ok=True)
            continue
        source = tar.extractfile(member) if member.isfile() else None
        if source is None:
            raise ValueError(f"{member.name} is neither a file nor a folder")
        path.parent.mkdir(parents=True, exist_ok=True)
        with source, path.open("xb") as file:
            shutil.copyfileobj(source, file)


def is_model_url(url: str) -> bool:
    """Whether `url` names an object that can hold a model archive."""
    return urlparse(url).scheme == "s3" and url.endswith(".tar.gz")
