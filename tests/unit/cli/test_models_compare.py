"""`drawops models compare`, from two model files to the table and the page with pictures."""

import json
from pathlib import Path

import pytest
from drawops_cli.main import app
from drawops_vision import artifact
from drawops_vision.sheets import generate, label_line
from typer.testing import CliRunner, Result

from tests.unit.vision.conftest import model_dir as model_dir


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One small sheet and its Label.txt."""
    folder = tmp_path_factory.mktemp("plant")
    sheet = generate(11, "A5", dpi=100, hard=False)
    (folder / "one.png").write_bytes(sheet.png())
    (folder / "Label.txt").write_text(label_line("one.png", sheet.truth), encoding="utf-8")
    return folder / "Label.txt"


@pytest.fixture
def timid(model_dir: Path, tmp_path: Path) -> Path:
    """The baseline with a threshold that hardly any box passes."""
    folder = tmp_path / "timid"
    folder.mkdir()
    for file in artifact.FILES:
        (folder / file).write_bytes((model_dir / file).read_bytes())
    artifact.write_manifest(
        folder, name="timid", version="1.0.0", thresholds=artifact.Thresholds(pixel=0.4, box=0.98)
    )
    artifact.pack(folder, tmp_path / "timid.tar.gz")
    return tmp_path / "timid.tar.gz"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["models", "compare", *map(str, arguments)])


def test_what_one_model_misses_is_in_the_table_and_on_the_page(
    model_dir: Path, timid: Path, labels: Path, tmp_path: Path
) -> None:
    page = tmp_path / "compared.html"
    result = run(model_dir, timid, "--labels", labels, "--out", page, "--json")
    assert result.exit_code == 0, result.output
    rows = json.loads(result.stdout)
    whole = next(row for row in rows if row["axis"] == "all" and row["figure"] == "f1")
    assert whole["approved"] > 60
    assert whole["delta"] < -30
    assert not whole["passed"]
    shown = page.read_text(encoding="utf-8")
    assert "timid 1.0.0" in shown
    assert "<svg" in shown
    assert "data:image/png;base64," in shown  # crops of the texts that changed
    assert "<script" not in shown
    assert "http" not in shown.replace("http://www.w3.org", "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "either --labels FILE or --project NAME"),
        (("--labels", "nowhere.txt"), "nowhere.txt"),
    ],
)
def test_what_is_missing_is_said(model_dir: Path, arguments: tuple[str, ...], said: str) -> None:
    result = run(model_dir, model_dir, *arguments)
    assert result.exit_code == 1
    assert said in result.output


def test_a_file_that_is_no_model_is_named(model_dir: Path, labels: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.tar.gz"
    wrong.write_bytes(b"no archive")
    result = run(model_dir, wrong, "--labels", labels)
    assert result.exit_code == 1
    assert "wrong.tar.gz" in result.output
