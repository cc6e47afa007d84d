"""`drawops dataset`: what a user types, sees and gets."""

import json
import socket
import zipfile
from pathlib import Path

import pytest
from drawops_cli.dataset import VERBS, getting, importing, synth
from drawops_cli.sheets import SheetKind, SheetLook
from drawops_vision.datasets import ppocrlabel
from drawops_vision.datasets.folder import About, DatasetFolder
from drawops_vision.datasets.known import KNOWN
from drawops_vision.datasets.synthesis import FORMATS

from tests.unit.cli.conftest import Run
from tests.unit.datasets.conftest import label, png
from tests.unit.datasets.test_converters import FORM

NAMES = [name for name, _ in VERBS]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DRAWOPS_DATASETS", raising=False)
    return tmp_path


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """No name is found."""

    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)


def funsd_zip(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("dataset/training_data/images/1.png", png())
        archive.writestr("dataset/training_data/annotations/1.json", json.dumps(FORM))
        archive.writestr("dataset/LICENSE", "the original words")
        archive.writestr("__MACOSX/dataset/training_data/annotations/._1.json", "x")
    return path


@pytest.mark.parametrize("verb", NAMES)
def test_every_verb_shows_examples_of_itself(run: Run, verb: str) -> None:
    done = run("dataset", verb, "--help")

    assert done.exit_code == 0
    assert f"drawops dataset {verb}" in done.stdout.split("Examples:")[1]


def test_the_help_of_the_group_names_its_verbs(run: Run) -> None:
    shown = run("dataset", "--help").stdout

    assert all(verb in shown for verb in NAMES)


def test_choices_are_those_of_the_library() -> None:
    """The command names them itself: the library is too slow to import for --help."""
    assert [style.value for style in synth.Style] == [look.value for look in SheetLook] + ["mixed"]
    assert [kind.value for kind in synth.Kind] == [kind.value for kind in SheetKind] + ["mixed"]
    assert [one.value for one in synth.SynthFormat] == list(FORMATS)
    assert [one.value for one in getting.Name] == list(KNOWN)
    assert [one.value for one in importing.TallBoxes] == [one.value for one in ppocrlabel.Tall]


def test_list_shows_known_sets_with_licence_and_those_that_lie_here(run: Run, here: Path) -> None:
    assert (
        run(
            "dataset", "synth", "--size", "A5", "--dpi", "72", "--out", "datasets/mine", "--processes", "1"
        ).exit_code
        == 0
    )

    table = run("dataset", "list").stdout
    entries = {entry["name"]: entry for entry in json.loads(run("dataset", "list", "--json").stdout)}

    assert "CC-BY-4.0" in table
    assert set(entries) == {*KNOWN, "mine"}
    assert entries["mine"]["here"] == "datasets/mine"
    assert entries["mine"]["licence"] == "CC0-1.0"
    assert entries["funsd"]["here"] == ""


def test_get_shows_the_licence_and_fetches_nothing_without_consent(
    run: Run, here: Path, no_network: None
) -> None:
    done = run("dataset", "get", "funsd")

    assert done.exit_code == 1
    assert "LicenseRef-FUNSD" in done.stderr
    assert "non-commercial" in done.stderr
    assert "add --accept-licence" in done.stderr
    assert list(here.iterdir()) == []


def test_get_without_network_says_where_to_fetch_it_by_hand(run: Run, no_network: None) -> None:
    done = run("dataset", "get", "funsd", "--accept-licence")

    assert done.exit_code == 1
    (said,) = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert "is there a network?" in said
    assert "https://guillaumejaume.github.io/FUNSD/" in said
    assert "drawops dataset get funsd --from FILE-OR-FOLDER" in said
    assert "Traceback" not in done.stderr


def test_what_no_program_can_fetch_is_said_too(run: Run) -> None:
    done = run("dataset", "get", "dataset-pid", "--accept-licence")

    assert done.exit_code == 1
    assert "cannot be fetched by a program" in done.stderr
    assert "--from FILE-OR-FOLDER" in done.stderr


def test_get_converts_an_archive_that_was_fetched_by_hand_and_keeps_the_licence(run: Run, here: Path) -> None:
    archive = funsd_zip(here / "dataset.zip")

    done = run("dataset", "get", "funsd", "--from", str(archive), "--accept-licence")

    assert done.exit_code == 0, done.stderr
    assert "1 pages, 2 texts" in done.stdout
    folder = DatasetFolder.open(here / "datasets" / "funsd")
    assert folder.about.licence == "LicenseRef-FUNSD"
    assert "dataset.zip" in folder.about.made
    assert folder.problems == ()
    assert "non-commercial" in (folder.path / "LICENCE.txt").read_text()
    assert (folder.path / "original-LICENSE").read_text() == "the original words"
    assert sorted(path.name for path in (here / "datasets").iterdir()) == ["funsd"], (
        "nothing unpacked is left"
    )
    again = run("dataset", "get", "funsd", "--from", str(archive), "--accept-licence")
    assert again.exit_code == 1
    assert "is there already" in again.stderr


def test_get_takes_a_folder_with_archives_in_it(run: Run, here: Path) -> None:
    (here / "fetched").mkdir()
    funsd_zip(here / "fetched" / "dataset.zip")

    done = run("dataset", "get", "funsd", "--from", "fetched", "--out", "forms", "--accept-licence", "--json")

    assert json.loads(done.stdout)["counts"]["pages"] == 1


def test_get_refuses_a_hostile_archive_in_one_line_and_leaves_nothing(run: Run, here: Path) -> None:
    with zipfile.ZipFile(here / "evil.zip", "w") as archive:
        archive.writestr("../../evil", "x")

    done = run("dataset", "get", "funsd", "--from", "evil.zip", "--accept-licence")

    assert done.exit_code == 1
    assert "outside the folder" in done.stderr
    assert list((here / "datasets").iterdir()) == []


def test_get_says_when_the_archive_is_another_one(run: Run, here: Path) -> None:
    with zipfile.ZipFile(here / "other.zip", "w") as archive:
        archive.writestr("readme.txt", "x")

    done = run("dataset", "get", "sroie", "--from", "other.zip", "--accept-licence")

    assert done.exit_code == 1
    assert "does not look like SROIE" in done.stderr
    assert not (here / "datasets" / "sroie").exists()


def test_synth_inspect_and_export_follow_each_other(run: Run, here: Path) -> None:
    made = run(
        "dataset", "synth", "--count", "2", "--size", "A5", "--dpi", "100", "--out", "set", "--processes", "1"
    )
    assert made.exit_code == 0, made.stderr
    assert "2 pages" in made.stdout
    assert "sheets/s" in made.stderr

    seen = run("dataset", "inspect", "set", "--pictures", "pictures", "--most", "1")
    assert "CC0-1.0" in seen.stdout
    assert len(list((here / "pictures").iterdir())) == 1
    facts = json.loads(run("dataset", "inspect", "set", "--json").stdout)
    assert facts["counts"]["pages"] == 2

    done = run("dataset", "export", "set", "--out", "paddle", "--padding", "0.1", "--json")
    written = json.loads(done.stdout)
    assert written["crops"] + sum(written["left_out"].values()) == facts["counts"]["texts"]
    assert written["crops"] == len((here / "paddle" / "rec_gt.txt").read_bytes().splitlines()) > 100
    assert written["crops"] == len(list((here / "paddle" / "crop_img").iterdir()))


def test_import_of_pdfs_gives_a_data_set_and_says_what_was_left_out(run: Run, here: Path) -> None:
    from drawops_vision.sheets import Look, generate

    (here / "exports").mkdir()
    (here / "exports" / "plan.pdf").write_bytes(generate(4, "A5", hard=False).pdf())
    (here / "exports" / "scan.pdf").write_bytes(generate(4, "A5", 72, Look.SCANNED).pdf())

    done = run(
        "dataset", "import", "pdf", "exports", "--dpi", "100", "--licence", "Proprietary", "--out", "plant"
    )

    assert done.exit_code == 0, done.stderr
    folder = DatasetFolder.open(here / "plant")
    assert folder.about.licence == "Proprietary"
    assert "100 dpi" in folder.about.made
    assert folder.about.counts.texts > 20
    assert "scan.png: left out: the page has no text layer" in done.stderr
    assert "scan.png: left out" in (here / "plant" / "problems.txt").read_text()


def test_import_tells_of_a_path_that_is_not_there_and_of_a_folder_that_is(run: Run, here: Path) -> None:
    assert "does not exist" in run("dataset", "import", "pdf", "gone", "--out", "x").stderr
    (here / "empty").mkdir()
    assert "no PDF" in run("dataset", "import", "pdf", "empty", "--out", "x").stderr
    assert not (here / "x").exists()
    (here / "x").mkdir()
    (here / "x" / "mine").touch()
    assert "is not empty" in run("dataset", "import", "pdf", "x", "--out", "x").stderr
    assert "no data set" in run("dataset", "inspect", "x").stderr
    assert "no data set" in run("dataset", "export", "x", "--out", "y").stderr


def test_control_characters_of_a_stranger_do_not_reach_the_terminal(run: Run, here: Path) -> None:
    with DatasetFolder.create(here / "set", About(name="set")) as folder:
        folder.write("a.png", png(), [label("\x1b[2J[red]P-101[/red]")])

    done = run("dataset", "inspect", "set")

    assert "\x1b[2J" not in done.stdout
    assert "[red]P-101" in done.stdout
