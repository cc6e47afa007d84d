"""Making the engines ready: once, again when the recipe changes, and saying why when it cannot be done."""

import os
import shutil
from pathlib import Path

import pytest
import yaml
from drawops_local.environments import Progress
from rich.console import Console

from benchmarks.peers import __main__ as command
from benchmarks.peers import environments, weights
from benchmarks.peers.engines import ENGINES, Engine, Launch
from benchmarks.peers.environments import Unavailable, folder_made_once


@pytest.fixture(autouse=True)
def _home_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments, "HOME", tmp_path / "peers")


def _silent(_: str) -> None:
    pass


def test_weights_are_fetched_once_and_again_when_their_recipe_changes() -> None:
    fetched: list[Path] = []

    def fetch(folder: Path) -> int:
        fetched.append(folder)
        (folder / "weights").write_bytes(b"12345")
        return 5

    first = folder_made_once("weights", b"recipe", fetch, _silent)
    assert folder_made_once("weights", b"recipe", fetch, _silent) == first
    assert first[1] == 5
    assert (first[0] / "weights").exists()
    assert len(fetched) == 1
    folder_made_once("weights", b"another recipe", fetch, _silent)
    assert len(fetched) == 2


def test_what_failed_half_way_is_begun_anew() -> None:
    def fail(folder: Path) -> int:
        (folder / "half").touch()
        raise Unavailable("no network")

    with pytest.raises(Unavailable, match="no network"):
        folder_made_once("weights", b"recipe", fail, _silent)
    folder, _ = folder_made_once("weights", b"recipe", lambda folder: 0, _silent)
    assert not (folder / "half").exists()


def test_a_missing_program_is_named_with_the_packages_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(shutil, "which", lambda program: None)
    with pytest.raises(Unavailable, match="not installed; install tesseract-ocr tesseract-ocr-eng"):
        environments.debian_packages("tesseract", ["tesseract-ocr", "tesseract-ocr-eng", "x"], _silent)


def test_a_package_with_another_hash_than_the_pinned_one_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "thing-1.0-py3-none-any.whl"
    source.write_bytes(b"not what was pinned")
    lock = tmp_path / "lock.txt"
    lock.write_text(f"thing @ {source.as_uri()} --hash=sha256:{'0' * 64}\n")
    with pytest.raises(Unavailable, match=r"(?i)hash"):
        environments.pip_download(["-r", str(lock)], tmp_path / "downloads")


def test_an_engine_that_cannot_be_had_leaves_the_others_in_the_comparison() -> None:
    def missing(model: Path | None, progress: Progress) -> Launch:
        raise Unavailable("no weights in any registry")

    def there(model: Path | None, progress: Progress) -> Launch:
        return Launch(("true",), 0)

    engines = [Engine("a", "A", "", "", missing), Engine("b", "B", "", "", there)]
    ready, unavailable = command._prepare(engines, None, Console(quiet=True))
    assert list(ready) == ["b"]
    assert unavailable == {"a": "no weights in any registry"}


def test_each_engine_has_a_name_and_a_text_in_both_languages() -> None:
    assert len({engine.name for engine in ENGINES}) == len(ENGINES)
    assert all(engine.title and engine.english and engine.chinese for engine in ENGINES)


def test_paddleocr_gets_every_character_of_the_dictionary(tmp_path: Path) -> None:
    characters = ["0", "°", "\u3000", "'", '"', "\\", "𣇉", "~", "yes", "#"]
    weights._write(tmp_path, weights.recognition_config("PP-OCRv4_mobile_rec", characters))
    config = yaml.safe_load((tmp_path / "inference.yml").read_text(encoding="utf-8"))
    assert config["PostProcess"]["character_dict"] == characters
    assert config["Global"]["model_name"] == "PP-OCRv4_mobile_rec"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--engines", "drawops,nobody"], "no engine nobody"),
        (["--sheets", "nowhere/Label.txt"], "no labels nowhere/Label.txt"),
        (["--sheets", "{labels}"], "labels no sheet"),
        (["--sheets", "{missing}"], "there is no lost.png"),
        (["--sheets", "{damaged}"], "no tab between name and labels"),
        (["--sheets", "{good}", "--threads", "0"], "start at 1"),
    ],
)
def test_a_wrong_argument_is_refused_with_its_reason(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    contents = {"labels": "", "missing": "lost.png\t[]", "damaged": "x.png", "good": "sheet.png\t[]"}
    for name, content in contents.items():
        (tmp_path / name).write_text(content)
    (tmp_path / "sheet.png").touch()
    paths = {name: str(tmp_path / name) for name in contents}
    with pytest.raises(SystemExit) as stopped:
        command.main([argument.format(**paths) for argument in arguments])
    assert stopped.value.code == 2
    assert said in capsys.readouterr().err
