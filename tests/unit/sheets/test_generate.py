"""What a user asks for and gets: sizes, looks, formats, the same bytes for the same seed, the command."""

import hashlib
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from drawops_vision.sheets import SIZES, Kind, Look, generate
from drawops_vision.sheets.__main__ import main
from drawops_vision.sheets.faces import Face, simplex, vera
from PIL import Image as Pillow

DIGEST = """
import hashlib
from drawops_vision.sheets import Kind, Look, generate
for kind in Kind:
    for look in (Look.CLEAN, Look.WORN):
        sheet = generate(11, "A5", 150, look, kind=kind)
        for data in (sheet.png(), sheet.jpeg(), sheet.tiff(), sheet.pdf(), repr(sheet.truth).encode()):
            print(hashlib.sha256(data).hexdigest())
for look in Look:
    print(hashlib.sha256(generate(12, "A5", 150, look).png()).hexdigest())
"""


def digests(hash_seed: str) -> list[str]:
    environment = {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", DIGEST], capture_output=True, text=True, check=True, env=environment
    )
    return done.stdout.split()


def test_the_same_seed_gives_the_same_bytes_in_another_process() -> None:
    first, second = digests("1"), digests("2")
    assert len(set(first)) == len(Kind) * 10 + len(Look), "two looks, four formats and the truth; all looks"
    assert first == second


def test_another_seed_gives_another_drawing() -> None:
    prints = {hashlib.sha256(generate(seed, "A5", 100).png()).hexdigest() for seed in range(6)}
    assert len(prints) == 6


@pytest.mark.parametrize(
    ("size", "dpi", "pixels"),
    [("A5", 150, (1240, 874)), ("A3", 300, (4961, 3508)), ("A1", 100, (3311, 2339))],
)
def test_a_sheet_has_its_paper_size_in_pixels_and_states_its_resolution(
    size: str, dpi: int, pixels: tuple[int, int]
) -> None:
    sheet = generate(1, size, dpi)
    for data in (sheet.png(), sheet.jpeg(), sheet.tiff()):
        with Pillow.open(io.BytesIO(data)) as picture:
            assert picture.size == pixels
            assert picture.info["dpi"][0] == pytest.approx(dpi, abs=0.5)


def test_a_larger_sheet_holds_more_and_its_lettering_stays_legible() -> None:
    counts = [len(generate(1, size).truth) for size in ("A5", "A4", "A3", "A2", "A1")]
    assert counts == sorted(counts)
    assert counts[2] > 200
    for text in generate(1, "A3").drawing.texts:
        assert text.height >= 1.0, text.string


def test_neither_resolution_nor_look_changes_what_is_written() -> None:
    strings = [text.text for text in generate(5, "A4", 300).truth]
    assert [text.text for text in generate(5, "A4", 100).truth] == strings
    assert [text.text for text in generate(5, "A4", 300, Look.SCANNED).truth] == strings


def test_sheets_hold_what_a_pid_holds() -> None:
    strings = {text.text for seed in range(8) for text in generate(seed, "A3").truth}
    for needed in ("NOTES:", "DRAWING No.", "REV", "SCALE", "DRAWN", "CHECKED", "DATE", "TO FLARE"):
        assert needed in strings
    everything = "\n".join(strings)
    for character in '°±Ø²³"&/()':
        assert character in everything
    assert any(string.startswith("HV-") for string in strings)
    assert any(string.startswith("FIC") for string in strings)
    assert any(string.endswith('x4"') for string in strings), "a reducer"
    assert any(string.count("-") >= 3 and '"' in string for string in strings), "a line number"


@pytest.mark.parametrize("size", ["A6", "a3", ""])
def test_an_unknown_size_is_refused_with_the_known_ones(size: str) -> None:
    with pytest.raises(ValueError, match="A5, A4, A3"):
        generate(1, size)


@pytest.mark.parametrize("dpi", [0, 49, 1201])
def test_a_senseless_resolution_is_refused(dpi: int) -> None:
    with pytest.raises(ValueError, match="between 50 and 1200"):
        generate(1, "A5", dpi)


@pytest.mark.parametrize(
    "face", [vera(), vera(bold=True), simplex(), simplex(1 / 14), simplex(0.1, slant=15)]
)
def test_every_face_writes_the_characters_of_drawings(face: Face) -> None:
    _, bottom, _, top = face.ink("H")
    assert bottom == pytest.approx(0, abs=0.1)
    assert top == pytest.approx(1, abs=0.1)
    for character in "ABCXYZabcxyz0123456789°±Ø²³\"'#@&/()+-.,:;<>%=":
        box = face.ink(character)
        assert box[2] > box[0]
        assert box[3] > box[1]
    with pytest.raises(KeyError, match="no glyph"):
        face.width("\u20ac\u4e2d")


def test_the_command_writes_pictures_json_and_labels(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from drawops_vision.evaluation.scoring import read_labels, score

    out = tmp_path / "new" / "folder"
    assert (
        main(
            [
                "--count",
                "2",
                "--seed",
                "5",
                "--size",
                "A5",
                "--dpi",
                "150",
                "--look",
                "scanned",
                "--out",
                str(out),
            ]
        )
        == 0
    )
    names = ["pid-A5-scanned-0005.png", "pid-A5-scanned-0006.png"]
    assert sorted(path.name for path in out.iterdir()) == sorted(
        ["Label.txt", *names, *(name.replace(".png", ".json") for name in names)]
    )
    labels = read_labels(out / "Label.txt")
    assert list(labels) == names
    document = json.loads((out / "pid-A5-scanned-0005.json").read_text(encoding="utf-8"))
    assert (document["width"], document["height"], document["dpi"]) == (1240, 874, 150)
    truth = generate(5, "A5", 150, Look.SCANNED).truth
    assert [text["text"] for text in document["texts"]] == [text.text for text in truth]
    assert score(truth, labels[names[0]]).f1 == 1
    assert "pid-A5-scanned-0005.png: 1240 x 874 px" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["png", "jpeg", "tiff", "pdf"])
def test_the_command_writes_each_format(kind: str, tmp_path: Path) -> None:
    assert main(["--size", "A5", "--dpi", "100", "--format", kind, "--out", str(tmp_path)]) == 0
    magic = {"png": b"\x89PNG", "jpeg": b"\xff\xd8", "tiff": b"II*\0", "pdf": b"%PDF"}
    assert (tmp_path / f"pid-A5-clean-0001.{kind}").read_bytes().startswith(magic[kind])


def test_help_teaches_by_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = capsys.readouterr().out
    for size in SIZES:
        assert size in shown
    assert "Label.txt" in shown
    assert "--look scanned" in shown


@pytest.mark.parametrize("options", [["--count", "0"], ["--dpi", "7"], ["--size", "B4"]])
def test_the_command_refuses_senseless_options(options: list[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([*options, "--out", str(tmp_path)])
    assert stopped.value.code == 2
