"""Read one drawing in a process of its own, so that time and peak of memory are that drawing's alone."""

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from drawops.contracts.reading import Reading

_PROGRAM = """
import sys
from pathlib import Path
from drawops_vision.reader import Reader
reader = Reader(Path(sys.argv[1]), threads=int(sys.argv[3]))
reader.warm_up()
# Not ru_maxrss: a new process starts with the peak of the one that started it.
def status(key):
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(fields[key].split()[0]) * 1024
loaded = status("VmHWM")
reading = reader.read(Path(sys.argv[2]).read_bytes())
print(loaded, status("VmHWM"))
print(reading.model_dump_json())
"""


@dataclass(frozen=True)
class Alone:
    """What a process of its own made of a drawing.

    Attributes:
        reading: its result.
        loaded_mb: peak before the drawing: libraries, networks, warm-up (10^6 bytes).
        peak_mb: peak with the drawing.
    """

    reading: Reading
    loaded_mb: float
    peak_mb: float


def read_alone(model: Path, drawing: bytes, threads: int) -> Alone:
    """Read a drawing in a fresh process, after a warm-up.

    Args:
        model: an unpacked model artifact.
        drawing: bytes of a picture or PDF.
        threads: of the networks.

    Raises:
        subprocess.CalledProcessError: the reading failed; its traceback went to stderr.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "drawing"
        file.write_bytes(drawing)
        command = [sys.executable, "-c", _PROGRAM, str(model), str(file), str(threads)]
        memory, answer = subprocess.run(
            command, check=True, stdout=subprocess.PIPE, text=True
        ).stdout.splitlines()
    loaded, peak = (int(value) / 1e6 for value in memory.split())
    return Alone(Reading.model_validate_json(answer), loaded, peak)
