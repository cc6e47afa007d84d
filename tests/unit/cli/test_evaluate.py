"""`drawops evaluate`, from the command line to the files it writes."""

import json
from pathlib import Path
from typing import Any

import pytest
from drawops.contracts.reading import Reading
from drawops.errors import Code, InvalidInput
from drawops_cli.main import app
from drawops_vision.evaluation.report import Report
from drawops_vision.sheets import Sheet, generate, label_line
from typer.testing import CliRunner, Result

SHEETS = ("one.png", "two.png")


@pytest.fixture(scope="module")
def drawn() -> dict[str, Sheet]:
    return {name: generate(seed, "A5", dpi=100) for seed, name in enumerate(SHEETS, start=1)}


@pytest.fixture
def labels(tmp_path: Path, drawn: dict[str, Sheet], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder `plant` with two sheets and their labels; the working directory is its parent."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "plant"
    folder.mkdir()
    for name, sheet in drawn.items():
        (folder / name).write_bytes(sheet.png())
    lines = [label_line(name, sheet.truth) for name, sheet in drawn.items()]
    (folder / "Label.txt").write_text("".join(lines), encoding="utf-8")
    return folder / "Label.txt"


def misread(labels: Path, every: int) -> Path:
    """Predictions with scores in which every so-manieth text is read as `?`."""
    lines = []
    for line in labels.read_text(encoding="utf-8").splitlines():
        name, entries = line.split("\t")
        document = json.loads(entries)
        for place, entry in enumerate(document):
            entry["score"] = 0.9
            if place % every == 0:
                entry["transcription"] = "?"
        lines.append(f"{name}\t{json.dumps(document)}\n")
    path = labels.parent / f"read-{every}.txt"
    path.write_text("".join(lines), encoding="utf-8")
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["evaluate", *map(str, arguments)])


def test_a_perfect_reading_scores_one_and_leaves_three_files_by_default(labels: Path) -> None:
    result = run("--labels", labels, "--predictions", labels, "--min-f1", 1)
    assert result.exit_code == 0, result.output
    folder = Path("results/evaluation/plant-Label")
    assert sorted(path.name for path in folder.iterdir()) == ["report.html", "report.json", "report.md"]
    report = Report.model_validate_json((folder / "report.json").read_bytes())
    assert report.overall.end_to_end.f1.value == 1
    assert [row.name for row in report.sheets] == list(SHEETS)
    assert (folder / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    for part in ("end to end", "CER", "one.png", "glyph height", str(folder / "report.html")):
        assert part in result.stdout


def test_errors_are_shown_with_their_crops(labels: Path) -> None:
    result = run("--labels", labels, "--predictions", misread(labels, 4), "--out", "out")
    assert result.exit_code == 0, result.output
    assert "other substitution" in result.stdout
    assert "data:image/png;base64," in Path("out/report.html").read_text(encoding="utf-8")
    report = Report.model_validate_json(Path("out/report.json").read_bytes())
    assert report.calibration is not None
    f1 = report.overall.end_to_end.f1.value
    assert f1 is not None
    assert report.calibration.ece == pytest.approx(abs(0.9 - f1), abs=1e-6)


@pytest.mark.parametrize(("least", "code"), [(0.7, 0), (0.8, 1)])
def test_a_gate_fails_the_command_but_not_its_report(labels: Path, least: float, code: int) -> None:
    result = run("--labels", labels, "--predictions", misread(labels, 4), "--min-f1", least)
    assert result.exit_code == code
    assert ("is under 0.8" in result.stderr) is bool(code)
    assert Path("results/evaluation/plant-Label/report.html").exists()


def test_json_goes_to_stdout_alone(labels: Path) -> None:
    result = run("--labels", labels, "--predictions", labels, "--json")
    assert Report.model_validate_json(result.stdout).name == "plant-Label"


def test_two_readings_are_compared(labels: Path) -> None:
    result = run(
        *("--labels", labels, "--predictions", misread(labels, 3), "--against", misread(labels, 9)),
        *("--out", "out"),
    )
    assert result.exit_code == 0, result.output
    assert "too few sheets" in result.stdout
    report = Report.model_validate_json(Path("out/report.json").read_bytes())
    assert report.comparison is not None
    assert (report.comparison.only_a_right, report.comparison.only_b_right > 0) == (0, True)
    assert "Texts that changed" in Path("out/report.html").read_text(encoding="utf-8")


def test_pictures_that_are_not_there_cost_only_the_crops(labels: Path) -> None:
    (labels.parent / "one.png").unlink()
    (labels.parent / "two.png").write_bytes(b"not a picture")
    result = run("--labels", labels, "--predictions", misread(labels, 4), "--out", "out")
    assert result.exit_code == 0, result.output
    assert "no crops of one.png" in result.stderr
    assert "no crops of two.png" in result.stderr


def test_a_model_reads_the_sheets_and_its_readings_are_kept(
    labels: Path, drawn: dict[str, Sheet], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The networks are replaced by one that knows the answers; the rest is the command's own."""
    by_bytes = {sheet.png(): sheet for sheet in drawn.values()}

    class Knowing:
        def __init__(self, folder: Path, threads: int) -> None:
            assert (folder, threads) == (Path("model"), 1)

        def warm_up(self) -> None:
            pass

        def read(self, data: bytes) -> Reading:
            return reading(by_bytes[data])

    monkeypatch.setattr("drawops_vision.reader.Reader", Knowing)
    Path("model").mkdir()
    first = run("--labels", labels, "--model", "model", "--threads", 1, "--out", "out", "--min-f1", 1)
    assert first.exit_code == 0, first.output
    report = Report.model_validate_json(Path("out/report.json").read_bytes())
    assert report.models == ("knowing 1.0",)
    assert all(row.seconds is not None and row.peak_bytes for row in report.sheets)
    again = run("--labels", labels, "--predictions", "out/readings", "--out", "again", "--min-f1", 1)
    assert again.exit_code == 0, again.output


def test_a_sheet_that_cannot_be_read_is_named(labels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing:
        def __init__(self, folder: Path, threads: int) -> None:
            pass

        def warm_up(self) -> None:
            pass

        def read(self, data: bytes) -> Reading:
            raise InvalidInput(Code.TRUNCATED_FILE, "The file ends early.")

    monkeypatch.setattr("drawops_vision.reader.Reader", Refusing)
    Path("model").mkdir()
    result = run("--labels", labels, "--model", "model")
    assert result.exit_code == 1
    assert "one.png: TRUNCATED_FILE: The file ends early." in result.stderr


def test_a_label_file_cannot_have_readings_written_elsewhere(
    labels: Path, drawn: dict[str, Sheet], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Knowing:
        def __init__(self, folder: Path, threads: int) -> None:
            pass

        def warm_up(self) -> None:
            pass

        def read(self, data: bytes) -> Reading:
            return reading(drawn["one.png"])

    monkeypatch.setattr("drawops_vision.reader.Reader", Knowing)
    Path("model").mkdir()
    names = ["../plant/one.png", str(labels.parent / "two.png")]
    labels.write_text("".join(f"{name}\t[]\n" for name in names), encoding="utf-8")
    before = set(labels.parent.iterdir())
    result = run("--labels", labels, "--model", "model", "--out", "out")
    assert result.exit_code == 0, result.output
    assert set(labels.parent.iterdir()) == before
    assert sorted(path.name for path in Path("out/readings").rglob("*.json")) == [
        "one.png.json",
        "two.png.json",
    ]


def reading(sheet: Sheet) -> Reading:
    height, width = sheet.image.shape
    texts: list[dict[str, Any]] = [
        {
            "id": f"p1-t{place}",
            "quad": text.quad,
            "text": text.text,
            "confidence": 1,
            "angle": text.angle,
            "source": "ocr",
        }
        for place, text in enumerate(sheet.truth)
    ]
    page = {
        "number": 1,
        "width": width,
        "height": height,
        "dpi_source": "unknown",
        "tiles": [],
        "texts": texts,
        "timings": {"decode": 0, "detect": 0, "recognise": 0},
    }
    return Reading.model_validate(
        {
            "media_type": "image/png",
            "model": {"name": "knowing", "version": "1.0", "sha256": "0" * 64},
            "pages": [page],
            "timings": {"total": 1.0},
        }
    )


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((), "either --predictions PATH or --model PATH"),
        (("--predictions", "plant/Label.txt", "--model", "m"), "either --predictions PATH or --model PATH"),
        (("--predictions", "nowhere"), "nowhere does not exist"),
        (("--predictions", "empty"), "no result for one.png"),
        (("--predictions", "damaged.txt"), "line 1"),
        (("--predictions", "plant/Label.txt", "--against", "empty"), "no result for one.png"),
        (("--model", "empty"), "holds no manifest.json"),
        (("--model", "damaged.txt"), "cannot be unpacked"),
    ],
)
def test_what_cannot_be_evaluated_is_refused_in_one_line(
    labels: Path, arguments: tuple[str, ...], reason: str
) -> None:
    Path("empty").mkdir()
    Path("damaged.txt").write_text("damaged\n", encoding="utf-8")
    result = run("--labels", labels, *arguments)
    assert result.exit_code == 1
    assert reason in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not Path("results").exists()


def test_labels_without_sheets_are_refused(labels: Path) -> None:
    labels.write_text("\n", encoding="utf-8")
    result = run("--labels", labels, "--predictions", labels)
    assert (result.exit_code, "has no sheets" in result.stderr) == (1, True)


def test_a_model_needs_the_pictures(labels: Path) -> None:
    Path("model").mkdir()
    (labels.parent / "two.png").unlink()
    result = run("--labels", labels, "--model", "model")
    assert result.exit_code == 1
    assert "two.png does not exist; --model needs the pictures" in result.stderr
