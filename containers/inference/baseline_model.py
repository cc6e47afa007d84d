"""Make the baseline model artifact: PP-OCRv6 small, its recogniser tuned to lines as drawings show them.

The detection network is PaddleOCR's release, an ONNX file inside the `rapidocr` wheel (Apache-2.0). The wheel
is taken from the package index, pinned by hash; nothing of it is installed or run. The recogniser lies beside
this program, in `weights`: trained from the one in the same wheel by `containers/training`, which says how.
What confidences are reckoned from (weights/calibration.json) is fitted by `benchmarks/calibration.py`.

    python containers/inference/baseline_model.py --out model.tar.gz
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from drawops_vision import artifact

WHEEL = "rapidocr==3.10.0"
WHEEL_SHA256 = "2fc34e26cd0f48514804a94f8832283039c7334076bff60768b1fed9ad068050"
NAME = "ppocr-v6-small"
VERSION = "1.2.0"
PARENT = "ppocr-v6-small/1.0.0"
DETECTION = "rapidocr/models/PP-OCRv6_det_small.onnx"
WEIGHTS = Path(__file__).parent / "weights"


def download_wheel(folder: Path) -> Path:
    """Let pip fetch the pinned wheel; pip refuses one with another hash.

    Raises:
        subprocess.CalledProcessError: the package index cannot be reached or the hash differs.
    """
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{WHEEL} --hash=sha256:{WHEEL_SHA256}\n")
    command = ["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary", ":all:", "--require-hashes", "-r", str(requirements), "-d", str(folder)]
    subprocess.run([sys.executable, *command], check=True)
    return next(folder.glob("*.whl"))


def build(wheel: Path, archive: Path) -> str:
    """Pack the artifact from a `rapidocr` wheel.

    Returns:
        SHA-256 of the archive.
    """
    # After drawops_vision, which switches its telemetry off.
    import onnxruntime  # type: ignore[import-untyped]

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with zipfile.ZipFile(wheel) as files:
            (folder / artifact.DETECTION).write_bytes(files.read(DETECTION))
        shutil.copyfile(WEIGHTS / "rec.onnx", folder / artifact.RECOGNITION)
        session = onnxruntime.InferenceSession(
            folder / artifact.RECOGNITION, providers=["CPUExecutionProvider"]
        )
        # The recogniser carries its dictionary as metadata, one character a line.
        characters = session.get_modelmeta().custom_metadata_map["character"]
        (folder / artifact.DICTIONARY).write_bytes(characters.removesuffix("\n").encode() + b"\n")
        calibration = artifact.Calibration.model_validate_json((WEIGHTS / "calibration.json").read_text())
        artifact.write_manifest(folder, name=NAME, version=VERSION, parent=PARENT, calibration=calibration)
        return artifact.pack(folder, archive)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("model.tar.gz"))
    parser.add_argument("--wheel", type=Path, help="a rapidocr wheel already at hand")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        wheel = arguments.wheel or download_wheel(Path(temporary))
        sha256 = build(wheel, arguments.out)
    print(f"{arguments.out}  sha256 {sha256}")


if __name__ == "__main__":
    main()
