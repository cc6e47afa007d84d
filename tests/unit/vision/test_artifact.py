import io
import json
import tarfile
from pathlib import Path

import pytest
from drawops.errors import Misconfigured
from drawops_vision import artifact


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A described model whose networks are a few bytes: packing does not look inside."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / artifact.DETECTION).write_bytes(b"detection")
    (folder / artifact.RECOGNITION).write_bytes(b"recognition")
    (folder / artifact.DICTIONARY).write_bytes("0\n1\n\x85\n\u2028\n°\n".encode())
    artifact.write_manifest(folder, name="tiny", version="1.0.0")
    return folder


def archive_of(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for member, content in members:
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def test_a_packed_model_unpacks_to_the_same_files(folder: Path, tmp_path: Path) -> None:
    artifact.pack(folder, tmp_path / "model.tar.gz")
    manifest = artifact.unpack_verified(tmp_path / "model.tar.gz", tmp_path / "out")
    assert manifest.name == "tiny"
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == {
        path.name: path.read_bytes() for path in folder.iterdir()
    }


def test_the_same_model_always_packs_to_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    one = artifact.pack(folder, tmp_path / "one.tar.gz")
    for path in folder.iterdir():
        path.touch()
    two = artifact.pack(folder, tmp_path / "with another name.tar.gz")
    assert one == two
    assert (tmp_path / "one.tar.gz").read_bytes() == (tmp_path / "with another name.tar.gz").read_bytes()


def test_characters_that_look_like_line_ends_stay_in_the_dictionary(folder: Path) -> None:
    assert artifact.Model(folder).classes == ["", "0", "1", "\x85", "\u2028", "°", " "]


@pytest.mark.parametrize("name", ["../escape.txt", "/etc/escape", "a/../../escape", "model/det.onnx"])
def test_an_archive_with_a_path_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    archive = archive_of(tmp_path / "bad.tar.gz", (tarfile.TarInfo(name), b"x"))
    with pytest.raises(Misconfigured, match="may not"):
        artifact.unpack_verified(archive, tmp_path / "deep" / "out")
    assert not list(tmp_path.rglob("escape*"))


def test_an_archive_with_a_link_is_refused(tmp_path: Path) -> None:
    link = tarfile.TarInfo(artifact.DETECTION)
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    with pytest.raises(Misconfigured, match="may not"):
        artifact.unpack_verified(archive_of(tmp_path / "bad.tar.gz", (link, b"")), tmp_path / "out")


@pytest.mark.parametrize("file", artifact.FILES)
def test_a_changed_file_is_noticed(folder: Path, file: str) -> None:
    (folder / file).write_bytes((folder / file).read_bytes() + b"x\n")
    with pytest.raises(Misconfigured, match="not the file its manifest names"):
        artifact.Model(folder)


def test_a_missing_file_is_noticed(folder: Path) -> None:
    (folder / artifact.RECOGNITION).unlink()
    with pytest.raises(Misconfigured, match=r"rec\.onnx is missing"):
        artifact.verify(folder)


def test_a_folder_without_a_manifest_is_not_a_model(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"manifest\.json"):
        artifact.Model(tmp_path)


def test_a_manifest_of_another_schema_is_refused(folder: Path) -> None:
    manifest = json.loads((folder / artifact.MANIFEST).read_text())
    (folder / artifact.MANIFEST).write_text(json.dumps(manifest | {"schema_version": "9.0"}))
    with pytest.raises(Misconfigured, match="not a model manifest"):
        artifact.verify(folder)


def test_a_cut_archive_is_refused(folder: Path, tmp_path: Path) -> None:
    archive = tmp_path / "model.tar.gz"
    artifact.pack(folder, archive)
    archive.write_bytes(archive.read_bytes()[:-60])
    with pytest.raises(Misconfigured, match="cannot be unpacked"):
        artifact.unpack_verified(archive, tmp_path / "out")


def with_manifest(folder: Path, **changes: object) -> Path:
    manifest = json.loads((folder / artifact.MANIFEST).read_text())
    (folder / artifact.MANIFEST).write_text(json.dumps(manifest | changes))
    return folder


def test_a_model_carries_what_confidences_are_reckoned_from(folder: Path) -> None:
    calibration = artifact.Calibration(intercept=-1.5, weights={"mean": 0.5, "alone": -1.0})
    artifact.write_manifest(folder, name="tiny", version="1.0.0", calibration=calibration)
    assert artifact.verify(folder).calibration == calibration


def test_a_calibration_that_weighs_what_nobody_measures_is_refused(folder: Path) -> None:
    with_manifest(folder, calibration={"intercept": 0.0, "weights": {"mean": 1.0, "weather": 2.0}})
    with pytest.raises(Misconfigured, match="unknown features: weather"):
        artifact.verify(folder)


def test_a_calibration_must_be_of_finite_numbers(folder: Path) -> None:
    with_manifest(folder, calibration={"intercept": float("nan"), "weights": {"mean": 1.0}})
    with pytest.raises(Misconfigured, match="not a model manifest"):
        artifact.verify(folder)


def test_a_model_of_the_time_of_tiles_and_maps_is_still_read(folder: Path) -> None:
    manifest = json.loads((folder / artifact.MANIFEST).read_text())
    with_manifest(
        folder,
        preprocessing=manifest["preprocessing"] | {"tile_margin": 128},
        calibration={"network": [0.0, 1.0], "right": [0.0, 1.0]},
    )
    assert artifact.verify(folder).calibration is None


def test_a_map_of_confidences_that_would_change_them_is_refused_with_what_to_do(folder: Path) -> None:
    with_manifest(folder, calibration={"network": [0.0, 1.0], "right": [0.1, 0.9]})
    with pytest.raises(Misconfigured, match=r"no longer read; fit it again with `python -m benchmarks"):
        artifact.verify(folder)
