"""`drawops results` and `drawops show`: what people get to see and to keep."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from drawops.catalog import Status
from drawops_cli.downloads import safe_name
from drawops_cli.lookup import short_ids
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.unit.cli.conftest import DeployedStack, Run


def picture(grey: int = 255) -> bytes:
    """A plain PNG of the size that the reading tells of."""
    file = io.BytesIO()
    Image.new("L", (64, 48), grey).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def processed(stack: DeployedStack, reading: dict[str, Any]) -> tuple[str, str]:
    drawing, revision = stack.drop("plant/plan.png", picture())
    stack.process(drawing, revision, reading)
    return drawing, revision


@pytest.fixture
def quarantined(stack: DeployedStack) -> tuple[str, str]:
    drawing, revision = stack.drop("broken.png", b"broken")
    stack.quarantine(drawing, revision, "CORRUPT_FILE", "Export it again.")
    return drawing, revision


def test_an_empty_catalog_says_how_to_fill_it(run: Run, stack: DeployedStack) -> None:
    done = run("results")

    assert done.exit_code == 0
    assert "drawops submit" in done.stderr


@pytest.mark.usefixtures("processed", "quarantined")
def test_the_list_has_one_line_a_drawing(run: Run) -> None:
    lines = run("results").stdout.splitlines()

    [good] = [line for line in lines if "plant/plan.png" in line]
    [bad] = [line for line in lines if "broken.png" in line]
    assert "processed" in good
    assert "0.900" in good
    assert "quarantined" in bad
    assert "CORRUPT_FILE" in bad


@pytest.mark.usefixtures("processed", "quarantined")
def test_the_list_can_be_narrowed_to_a_status(run: Run) -> None:
    found = json.loads(run("results", "--status", "quarantined", "--json").stdout)

    assert [each["key"] for each in found] == ["broken.png"]


def test_a_replaced_revision_is_listed_only_when_asked_for(
    run: Run, stack: DeployedStack, reading: dict[str, Any]
) -> None:
    for content in (picture(255), picture(0)):
        stack.process(*stack.drop("plan.png", content), reading)

    assert len(json.loads(run("results", "--json").stdout)) == 1
    assert len(json.loads(run("results", "--all", "--json").stdout)) == 2
    assert len(json.loads(run("results", "--all", "--status", "processed", "--json").stdout)) == 2


def test_a_status_filter_never_shows_a_replaced_revision(
    run: Run, stack: DeployedStack, reading: dict[str, Any]
) -> None:
    stack.quarantine(*stack.drop("plan.png", b"broken"), "CORRUPT_FILE", "Export it again.")
    stack.process(*stack.drop("plan.png", picture()), reading)

    assert json.loads(run("results", "--status", "quarantined", "--json").stdout) == []


@pytest.mark.usefixtures("processed")
def test_a_download_holds_result_table_and_a_picture_of_each_page(run: Run, tmp_path: Path) -> None:
    done = run("results", "plan.png", "--out", tmp_path)

    assert done.exit_code == 0, done.stderr
    folder = tmp_path / "plant_plan.png"
    written = [Path(line) for line in done.stdout.split()]
    assert written == [folder / "result.json", folder / "texts.csv", folder / "page-1.png"]
    with Image.open(folder / "page-1.png") as overlay:
        assert overlay.width >= 64
        colours = overlay.convert("RGB").getcolors(maxcolors=overlay.width * overlay.height)
        assert colours is not None
        assert len(colours) > 1, "no box was drawn"


@pytest.mark.usefixtures("quarantined")
def test_a_download_from_quarantine_holds_the_reason(run: Run, tmp_path: Path) -> None:
    done = run("results", "broken.png", "--out", tmp_path)

    assert json.loads(Path(done.stdout.strip()).read_text()) == {"code": "CORRUPT_FILE"}


def test_nothing_to_download_fails(run: Run, stack: DeployedStack, tmp_path: Path) -> None:
    done = run("results", "--out", tmp_path)

    assert done.exit_code == 1
    assert "nothing to download" in done.stderr


@pytest.mark.parametrize("by", ["id", "prefix", "bare prefix", "key", "uri", "file name"])
def test_a_drawing_is_found_by(run: Run, processed: tuple[str, str], by: str) -> None:
    drawing, _ = processed
    names = {
        "id": drawing,
        "prefix": drawing[:8],
        "bare prefix": drawing[2:10],
        "key": "plant/plan.png",
        "uri": "s3://test-raw/plant/plan.png",
        "file name": "plan.png",
    }

    done = run("show", names[by])

    assert done.exit_code == 0, done.stderr
    assert drawing in done.stdout


def test_a_name_that_two_drawings_share_is_not_guessed(run: Run, stack: DeployedStack) -> None:
    stack.drop("a/plan.png", b"1")
    stack.drop("b/plan.png", b"2")

    done = run("show", "plan.png")

    assert done.exit_code == 1
    assert "could be" in done.stderr


def test_an_unknown_drawing_fails_in_one_line(run: Run, stack: DeployedStack) -> None:
    done = run("show", "d-0000")

    assert done.exit_code == 1
    assert "There is no drawing d-0000" in done.stderr


@pytest.mark.usefixtures("processed")
def test_a_drawing_is_shown_with_its_texts_and_warnings(run: Run) -> None:
    shown = run("show", "plan.png").stdout

    assert "P-101" in shown
    assert "Page 1 is small." in shown
    assert "baseline 1.0.0" in shown


@pytest.mark.usefixtures("processed")
def test_text_that_looks_like_markup_is_shown_as_it_is(run: Run) -> None:
    assert "[bold]V-7[/]" in run("show", "plan.png").stdout


@pytest.mark.usefixtures("quarantined")
def test_a_quarantined_drawing_is_shown_with_its_reason(run: Run) -> None:
    shown = run("show", "broken.png").stdout

    assert "CORRUPT_FILE" in shown
    assert "Export it again." in shown


@pytest.mark.usefixtures("processed")
def test_the_result_document_can_be_had_as_json(run: Run) -> None:
    document = json.loads(run("show", "plan.png", "--json").stdout)

    assert [text["text"] for text in document["result"]["pages"][0]["texts"]] == ["P-101", "[bold]V-7[/]"]
    assert document["revisions"][0]["status"] == "PROCESSED"


@given(st.text(min_size=1, max_size=300))
def test_no_key_leads_out_of_the_download_folder(key: str) -> None:
    name = safe_name(key)

    assert name not in ("", ".", "..")
    assert "/" not in name
    assert "\x00" not in name
    assert len(name.encode()) <= 150


def test_two_keys_that_become_one_name_get_folders_of_their_own(
    run: Run, stack: DeployedStack, tmp_path: Path
) -> None:
    for key in ("a/b.png", "a_b.png"):
        stack.quarantine(*stack.drop(key, key.encode()), "CORRUPT_FILE", "Export it again.")

    written = run("results", "--out", tmp_path).stdout.split()

    assert len({Path(path).parent for path in written}) == 2


def test_short_ids_tell_drawings_apart(stack: DeployedStack) -> None:
    for number in range(5):
        stack.drop(f"{number}.png", b"x")
    found = list(stack.catalog.by_status(Status.REGISTERED))

    assert len(set(short_ids(found).values())) == 5
