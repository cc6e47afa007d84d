"""What drawops reads on a generated sheet, for comparison with stock PaddleOCR.

    python tests/training/drawn_lines.py MODEL_FOLDER OUT

Runs in the environment of `make setup`: PaddleX pins an OpenCV with which drawops_vision cannot be installed.
Writes OUT/line-000.png … (upright crops, BGR), OUT/lines.json (what stands there, what drawops reads), and
OUT/sheet.png.
"""

import json
import sys
from pathlib import Path

import cv2
import numpy as np
from drawops_vision import sheets
from drawops_vision.artifact import Model
from drawops_vision.recognise import Recogniser, crop

LINES = 60


def main(model: Path, out: Path) -> None:
    reader = Recogniser(Model(model), threads=1)
    sheet = sheets.generate(seed=5, size="A3", dpi=200, hard=False)
    page = cv2.cvtColor(sheet.image, cv2.COLOR_GRAY2BGR)
    truth = sheet.truth[:LINES]
    crops = [crop(page, np.array(one.quad, np.float32), 0.3) for one in truth]
    for index, picture in enumerate(crops):
        cv2.imwrite(str(out / f"line-{index:03}.png"), picture)
    read = [line.text for line in reader.lines(crops)]
    content = [{"truth": one.text, "read": text} for one, text in zip(truth, read, strict=True)]
    (out / "lines.json").write_text(json.dumps(content), encoding="utf-8")
    cv2.imwrite(str(out / "sheet.png"), page)
    (out / "sheet.json").write_text(json.dumps([one.text for one in sheet.truth]), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
