"""A job's dataset channel: what its manifest vouches for, or a sentence that says what is wrong."""

from pathlib import Path

import pytest
from drawops import keys
from drawops.contracts.datasets import DatasetManifest, PageEntry, Split
from drawops.errors import Corrupt
from drawops_vision.datasets.channel import Channel

from benchmarks import gate_data


@pytest.fixture
def written(tmp_path: Path) -> tuple[Path, DatasetManifest]:
    return tmp_path, gate_data.write(tmp_path, gate_data.sheets(1, 0, size="A5", dpi=50))


def only(manifest: DatasetManifest) -> PageEntry:
    (page,) = manifest.pages
    return page


def test_a_version_its_labels_and_its_pictures_are_read(written: tuple[Path, DatasetManifest]) -> None:
    folder, manifest = written
    channel = Channel(folder)
    assert channel.manifest(manifest.project, manifest.version) == manifest
    page = only(manifest)
    assert page.split is Split.VAL
    assert [one.text for one in channel.labels(page).labels]
    assert channel.file(page).startswith(b"\x89PNG")


def test_an_altered_file_is_not_given_out(written: tuple[Path, DatasetManifest]) -> None:
    folder, manifest = written
    page = only(manifest)
    for key in (page.image.key, page.labels_key):
        (folder / key).write_bytes((folder / key).read_bytes() + b" ")
    with pytest.raises(Corrupt, match=page.image.sha256):
        Channel(folder).file(page)
    with pytest.raises(Corrupt, match="SHA-256"):
        Channel(folder).labels(page)


def test_a_deleted_file_is_named(written: tuple[Path, DatasetManifest]) -> None:
    folder, manifest = written
    page = only(manifest)
    (folder / page.image.key).unlink()
    with pytest.raises(Corrupt, match=f"{page.image.key} is missing"):
        Channel(folder).file(page)


def test_a_manifest_that_is_none_or_missing_is_named(written: tuple[Path, DatasetManifest]) -> None:
    folder, manifest = written
    key = keys.DatasetKeys(manifest.project).manifest(manifest.version)
    (folder / key).write_text("{}")
    with pytest.raises(Corrupt, match="is not a dataset manifest"):
        Channel(folder).manifest(manifest.project, manifest.version)
    (folder / key).unlink()
    with pytest.raises(Corrupt, match="is missing"):
        Channel(folder).manifest(manifest.project, manifest.version)
