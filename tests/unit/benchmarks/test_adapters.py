"""What the adapters make of their engines' answers; the engines themselves are not needed."""

import json
import os
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.peers.adapters import paddleocr_sheets, rapidocr_sheets, rapidocr_v4, tesseract
from benchmarks.peers.adapters.session import FoundText
from benchmarks.peers.adapters.tiles import shifted, starts, without_duplicates

SQUARE = [[10.0, 20.0], [50.0, 20.0], [50.0, 40.0], [10.0, 40.0]]
TSV_HEAD = "level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext"


def test_texts_of_rapidocr_keep_string_and_corners() -> None:
    result = SimpleNamespace(boxes=np.array([SQUARE], np.float32), txts=("PI-101",), scores=(0.9,))
    assert list(rapidocr_sheets.texts(result)) == [FoundText("PI-101", SQUARE)]


def test_a_sheet_without_text_gives_no_texts() -> None:
    nothing = SimpleNamespace(boxes=None, txts=None, scores=None)
    assert list(rapidocr_sheets.texts(nothing)) == []
    assert list(rapidocr_v4.texts(None)) == []
    assert list(paddleocr_sheets.texts({"rec_polys": [], "rec_texts": []})) == []
    assert list(tesseract.lines(TSV_HEAD + "\n1\t1\t0\t0\t0\t0\t0\t0\t99\t99\t-1\t\n")) == []


def test_texts_of_the_older_rapidocr_keep_string_and_corners() -> None:
    assert list(rapidocr_v4.texts([(SQUARE, "DN 50", 0.8)])) == [FoundText("DN 50", SQUARE)]


def test_texts_of_paddleocr_keep_string_and_corners() -> None:
    page = {"rec_polys": [np.array(SQUARE, np.int16)], "rec_texts": ["DN 50"]}
    assert list(paddleocr_sheets.texts(page)) == [FoundText("DN 50", SQUARE)]


def test_words_of_one_tesseract_line_are_one_text_in_the_box_around_them() -> None:
    rows = [
        "5\t1\t1\t1\t1\t1\t100\t50\t40\t20\t95\tPUMP",
        "5\t1\t1\t1\t1\t2\t150\t48\t30\t25\t90\tP-1",
        "5\t1\t1\t1\t2\t1\t100\t90\t40\t20\t95\tDN",
        "5\t1\t2\t1\t1\t1\t300\t90\t40\t20\t95\t ",
        "5\t1\t3\t1\t1\t1\t500\t90\t10\t20\t95\t80",
    ]
    found = list(tesseract.lines("\n".join([TSV_HEAD, *rows])))
    assert [text.text for text in found] == ["PUMP P-1", "DN", "80"]
    assert found[0].quad == [[100, 48], [180, 48], [180, 73], [100, 73]]


@pytest.mark.parametrize("length", [100, 1280, 1281, 2400, 2401, 7016, 14043])
def test_tiles_cover_a_side_of_any_length_and_neighbours_overlap(length: int) -> None:
    begin = starts(length, 1280, 160)
    assert begin[0] == 0
    assert begin[-1] == max(0, length - 1280)
    assert all(0 < right - left <= 1280 - 160 for left, right in pairwise(begin))


def test_a_text_found_in_a_tile_gets_its_place_on_the_sheet() -> None:
    assert shifted(FoundText("A", SQUARE), 1120, 2240).quad[0] == [1130.0, 2260.0]


def test_of_a_text_found_in_two_tiles_the_surer_reading_is_kept() -> None:
    moved = FoundText("PI-10", [[x + 4, y] for x, y in SQUARE])
    below = FoundText("PI-102", [[x, y + 25] for x, y in SQUARE])
    kept = without_duplicates([(0.7, moved), (0.9, FoundText("PI-101", SQUARE)), (0.5, below)])
    assert [text.text for text in kept] == ["PI-101", "PI-102"]


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js")
def test_guten_reports_its_texts_where_they_are_on_the_sheet(tmp_path: Path) -> None:
    """The engine fits a sheet of 100 x 80 centred into 128 x 96 (1.2 times, 4 pixels left and right)."""
    line = '{ text: "PI-101", box: [[16, 12], [64, 12], [64, 36], [16, 36]] }'
    packages = {
        "@gutenye/ocr-node": f"""export default class {{
            static async create() {{ return new this() }}
            async detect(path) {{ if (path === 'bad.png') throw new Error('broken'); return [{line}] }}
        }}""",
        "sharp": """const sharp = () => ({ metadata: async () => ({ width: 100, height: 80 }) })
            sharp.concurrency = () => {}
            export default sharp""",
        "onnxruntime-node": "",
    }
    for name, source in packages.items():
        folder = tmp_path / "node_modules" / name
        folder.mkdir(parents=True)
        described = {"name": name, "version": "1.0.0", "type": "module", "exports": "./index.js"}
        (folder / "package.json").write_text(json.dumps(described))
        (folder / "index.js").write_text(source)
    (tmp_path / "package.json").write_text("{}")
    adapter = Path(tesseract.__file__).with_name("guten.mjs")
    job = {"warm_up": "warm.png", "images": ["a.png", "bad.png"], "runs": 2, "threads": 1}
    read_end, write_end = os.pipe()
    subprocess.run(
        ["node", str(adapter), "--packages", str(tmp_path), "--report", str(write_end)],
        input=json.dumps(job).encode(),
        pass_fds=[write_end],
        check=True,
    )
    os.close(write_end)
    with os.fdopen(read_end) as report:
        ready, sheet, failed = (json.loads(event) for event in report)
    assert ready["versions"] == {"@gutenye/ocr-node": "1.0.0", "onnxruntime-node": "1.0.0"}
    assert len(sheet["seconds"]) == 2
    ((text, quad),) = sheet["texts"]
    assert text == "PI-101"
    assert np.allclose(quad, [[10, 10], [50, 10], [50, 30], [10, 30]])
    assert failed["image"] == "bad.png"
    assert "broken" in failed["error"]
