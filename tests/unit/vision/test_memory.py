"""Peak memory, each measured in a process of its own."""

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.unit.vision.drawings import FONT, image, pdf

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="peak memory is read from /proc"
)

LIMIT_MB = 2000  # what the inference process may take

READ = """
import sys
from pathlib import Path
from drawops.errors import InvalidInput
from drawops_vision.reader import Reader
reader = Reader(Path(sys.argv[1]), threads=2)
reader.warm_up()
try:
    reading = reader.read(Path(sys.argv[2]).read_bytes())
    print(*[text.text for page in reading.pages for text in page.texts], sep="|")
except InvalidInput as error:
    print(error.code.value)
# Not ru_maxrss: a new process starts with the peak of the one that started it.
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(int(status["VmHWM"].split()[0]) // 1024)
"""


def read(model_dir: Path, data: bytes, folder: Path) -> tuple[str, int]:
    """What was read (or the refusal's code), and the peak of resident memory in MB."""
    (folder / "drawing").write_bytes(data)
    command = [sys.executable, "-c", READ, str(model_dir), str(folder / "drawing")]
    texts, peak = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    print(f"peak {peak} MB")
    return texts, int(peak)


def large(width: int, height: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """A coloured sheet with texts in its corners, one of them red."""
    sheet = np.full((height, width, 3), 255, np.uint8)
    places = [(200, 300), (width - 500, 300), (200, height - 300), (width - 500, height - 300)]
    for number, (x, y) in enumerate(places, start=1):
        cv2.putText(sheet, f"P-100{number}", (x, y), (0, 0, 255 if number == 1 else 0), FONT, 48)
    return sheet


EXPECTED = "P-1001|P-1002|P-1003|P-1004"


def test_an_a0_sheet_at_300_dpi_is_read_within_2_gb(model_dir: Path, tmp_path: Path) -> None:
    texts, peak = read(model_dir, bytes(image(large(14_043, 9_933)).pngsave_buffer()), tmp_path)
    assert texts == EXPECTED
    assert peak < LIMIT_MB


@pytest.mark.parametrize("encoding", ["progressive jpeg", "interlaced 16-bit png"])
def test_the_largest_page_in_its_dearest_encoding_stays_within_2_gb(
    model_dir: Path, tmp_path: Path, encoding: str
) -> None:
    sheet = image(large(14_142, 14_142))
    if encoding == "progressive jpeg":
        data = sheet.jpegsave_buffer(Q=90, interlace=True, subsample_mode="off")
    else:
        data = sheet.colourspace("rgb16").pngsave_buffer(interlace=True, compression=1)
    texts, peak = read(model_dir, bytes(data), tmp_path)
    assert texts == EXPECTED
    assert peak < LIMIT_MB


def test_the_largest_picture_in_a_pdf_stays_within_2_gb(model_dir: Path, tmp_path: Path) -> None:
    picture = bytes(image(large(14_142, 14_142)).jpegsave_buffer(Q=90))
    points = 14_142 / 300 * 72
    content = b"q %f 0 0 %f 0 0 cm /I Do Q" % (points, points)
    data = pdf(content, width=points, height=points, jpeg=(picture, 14_142, 14_142))
    texts, peak = read(model_dir, data, tmp_path)
    assert texts == EXPECTED
    assert peak < LIMIT_MB


def test_a_page_full_of_ink_stays_within_2_gb(model_dir: Path, tmp_path: Path) -> None:
    """Noise: no tile is blank, and thousands of false boxes may be found."""
    noise = np.random.default_rng(0).integers(0, 2, (2000, 3000), np.uint8) * 255
    letters = np.full((2000, 3000), 255, np.uint8)
    for y in range(20, 2000, 24):
        cv2.putText(letters, "O01IL5S8B" * 22, (5, y), (0, 0, 0), FONT, 18)
    for page in (noise, letters):
        _, peak = read(model_dir, bytes(image(page).pngsave_buffer()), tmp_path)
        assert peak < LIMIT_MB
