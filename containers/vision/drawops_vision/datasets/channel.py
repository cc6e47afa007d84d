"""The `dataset` channel of a training or processing job: files on disk, each under its S3 key."""

import hashlib
from pathlib import Path

from drawops.contracts.datasets import DatasetManifest, PageEntry
from drawops.contracts.labels import PageLabels
from drawops.errors import Corrupt
from drawops.keys import DatasetKeys
from pydantic import ValidationError


class Channel:
    """Dataset versions as a job finds them; nothing that a manifest does not vouch for is given out."""

    def __init__(self, folder: Path) -> None:
        """`folder`: where the channel's files lie."""
        self._folder = folder

    def manifest(self, project: str, version: str) -> DatasetManifest:
        """The manifest of a dataset version.

        Raises:
            Corrupt: it is missing or is none.
        """
        key = DatasetKeys(project).manifest(version)
        try:
            return DatasetManifest.model_validate_json(self._bytes(key))
        except ValidationError as error:
            raise Corrupt(f"{key} is not a dataset manifest: {error}") from error

    def labels(self, page: PageEntry) -> PageLabels:
        """The labels of a page.

        Raises:
            Corrupt: they are missing, altered, or no labels.
        """
        try:
            return PageLabels.model_validate_json(self._verified(page.labels_key, page.labels_sha256))
        except ValidationError as error:
            raise Corrupt(f"{page.labels_key} holds no labels: {error}") from error

    def file(self, page: PageEntry) -> bytes:
        """The file that shows a page.

        Raises:
            Corrupt: it is missing or altered.
        """
        return self._verified(page.image.key, page.image.sha256)

    def _verified(self, key: str, sha256: str) -> bytes:
        data = self._bytes(key)
        if hashlib.sha256(data).hexdigest() != sha256:
            raise Corrupt(f"{key} is not what the dataset version says (SHA-256); publish the version again.")
        return data

    def _bytes(self, key: str) -> bytes:
        try:
            return (self._folder / key).read_bytes()
        except FileNotFoundError:
            raise Corrupt(
                f"{key} is missing in the job's data; the dataset version may have been deleted or changed. "
                "Use another version."
            ) from None
