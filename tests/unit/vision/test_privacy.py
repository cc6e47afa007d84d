"""Nothing leaves a machine that reads other people's drawings."""

import subprocess
import sys
from pathlib import Path


def test_loading_the_reader_starts_no_telemetry(tmp_path: Path) -> None:
    """ONNX Runtime's telemetry leaves its session file in the temporary folder when it starts."""
    environment = {"TMPDIR": str(tmp_path), "PATH": ""}
    subprocess.run([sys.executable, "-c", "import drawops_vision.reader"], env=environment, check=True)
    assert list(tmp_path.iterdir()) == []
