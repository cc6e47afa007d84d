"""The working format: a folder that is written page by page and loses nothing in silence."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from drawops.contracts.datasets import Counts
from drawops_vision.datasets.folder import (
    About,
    BadDataset,
    DatasetFolder,
    LabelledPage,
    SheetObjects,
    picture_name,
)
from drawops_vision.datasets.label_file import Problem

from tests.unit.datasets.conftest import label, png

ABOUT = About(name="mine", title="Mine", licence="CC-BY-4.0", attribution="Me", made="by hand")


def test_what_is_written_is_read_again_with_its_counts(tmp_path: Path) -> None:
    labels = (label("P-101"), label("###", name="t2"), label("  ", name="t3"))

    with DatasetFolder.create(tmp_path / "mine", ABOUT) as folder:
        folder.write("a.png", png(), labels, {"symbols": [{"class": 3}]})
        folder.write("images/b.png", png(300, 50), [])

    opened = DatasetFolder.open(tmp_path / "mine")
    first, second = opened.pages()
    assert (first.name, first.labels, first.size) == ("images/a.png", labels, (200, 100))
    assert (second.name, second.labels, second.size) == ("images/b.png", (), (300, 50))
    assert opened.about.counts == Counts(pages=2, texts=1, characters=5, unreadable=1)
    assert opened.about.licence == "CC-BY-4.0"
    assert list(opened.objects()) == [SheetObjects(name="images/a.png", objects={"symbols": [{"class": 3}]})]
    assert opened.problems == ()


def test_pages_are_appended_to_a_data_set_that_is_there(tmp_path: Path) -> None:
    with DatasetFolder.create(tmp_path / "mine", ABOUT) as folder:
        folder.write("a.png", png(), [label("one")])

    with DatasetFolder.open(tmp_path / "mine") as folder:
        folder.write("b.png", png(), [label("two")])
        with pytest.raises(BadDataset, match=r"has a page images/a\.png already"):
            folder.write("a.png", png(), [])

    opened = DatasetFolder.open(tmp_path / "mine")
    assert [page.name for page in opened.pages()] == ["images/a.png", "images/b.png"]
    assert opened.about.counts.texts == 2


def test_a_folder_with_pictures_and_a_label_file_is_enough(tmp_path: Path) -> None:
    (tmp_path / "plan.png").write_bytes(png())
    (tmp_path / "Label.txt").write_text("plan.png\t[]\n")

    opened = DatasetFolder.open(tmp_path)

    assert [page.name for page in opened.pages()] == ["plan.png"]
    assert opened.about.licence == "NOASSERTION"
    assert [problem.file for problem in opened.problems] == ["dataset.json"]


def test_what_cannot_be_used_is_said_and_the_rest_is_kept(tmp_path: Path) -> None:
    with DatasetFolder.create(tmp_path / "mine", ABOUT) as folder:
        folder.write("a.png", png(), [label("one")])
    images = tmp_path / "mine" / "images"
    (images / "text.png").write_text("no picture")
    (images / "empty.png").touch()
    (images / "link.png").symlink_to("/etc/hostname")
    with (tmp_path / "mine" / "Label.txt").open("a") as file:
        file.write("images/a.png\t[]\nimages/gone.png\t[]\nimages/text.png\t[]\nimages/empty.png\t[]\n")
        file.write("images/link.png\t[]\nimages/b.png\t[{]\n")

    opened = DatasetFolder.open(tmp_path / "mine")

    assert [page.name for page in opened.pages()] == ["images/a.png"]
    assert [(problem.line, problem.reason.split(":")[-1].strip()) for problem in opened.problems[:5]] == [
        (2, "'images/a.png' is labelled twice, first in line 1"),
        (3, "the picture is missing"),
        (4, "the file is no PNG, JPEG or TIFF"),
        (5, "the file is empty"),
        (6, "a link leads out of the data set"),
    ]
    assert opened.problems[5].line == 7


def test_a_page_without_a_picture_leaves_nothing_behind(dataset: DatasetFolder) -> None:
    with pytest.raises(BadDataset, match="no PNG"):
        dataset.write("a.png", b"%PDF-1.7", [])
    with pytest.raises(BadDataset, match="empty"):
        dataset.write("a.png", b"", [])
    with pytest.raises(ValueError, match="inside the folder"):
        dataset.write("../a.png", png(), [])

    assert list((dataset.path / "images").iterdir()) == []
    assert (dataset.path / "Label.txt").read_bytes() == b""


def test_a_data_set_that_got_no_page_before_an_error_is_taken_away_again(tmp_path: Path) -> None:
    def fail(name: str, begin: Callable[[DatasetFolder], object]) -> None:
        with DatasetFolder.create(tmp_path / name, ABOUT) as folder:
            begin(folder)
            raise KeyError

    with pytest.raises(KeyError):
        fail("none", lambda folder: None)
    with pytest.raises(KeyError):
        fail("one", lambda folder: folder.write("a.png", png(), []))
    with pytest.raises(KeyError):
        fail("mine", lambda folder: (folder.path / "notes.txt").touch())

    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "one"]
    assert DatasetFolder.open(tmp_path / "one").about.counts.pages == 1
    assert (tmp_path / "mine" / "notes.txt").exists()


def test_a_data_set_is_not_begun_where_something_lies(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")

    with pytest.raises(BadDataset, match="not empty"):
        DatasetFolder.create(tmp_path, ABOUT)


def test_what_is_no_data_set_says_so(tmp_path: Path) -> None:
    with pytest.raises(BadDataset, match="drawops dataset import"):
        DatasetFolder.open(tmp_path)
    (tmp_path / "Label.txt").touch()
    (tmp_path / "dataset.json").write_text('{"name": "x", "counts": {"pages": -1}}')
    with pytest.raises(BadDataset, match=r"counts\.pages"):
        DatasetFolder.open(tmp_path)


def test_a_broken_line_of_objects_is_a_problem(dataset: DatasetFolder) -> None:
    dataset.write("a.png", png(), [], {"lines": []})
    with (dataset.path / "objects.jsonl").open("a") as file:
        file.write("{\n")
        file.write(json.dumps({"name": "images/a.png", "objects": {}}) + "\n")

    first, second, third = dataset.objects()

    assert isinstance(first, SheetObjects)
    assert isinstance(second, Problem)
    assert second.line == 2
    assert isinstance(third, SheetObjects)


def test_the_size_of_a_page_is_that_of_the_picture_as_it_is_read(tmp_path: Path) -> None:
    from PIL import Image

    turned = Image.Exif()
    turned[0x0112] = 6
    path = tmp_path / "turned.jpg"
    Image.new("L", (60, 20)).save(path, exif=turned)

    assert LabelledPage("turned.jpg", path, ()).size == (20, 60)


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("plan.PNG", "plan.png"),
        ("a/b\\c:d.png", "b_c_d.png"),
        ("Anlage Süd 图 1.jpg", "Anlage Süd 图 1.jpg"),
        ("[1].png", "(1).png"),
        ("a\tb\n.png", "a_b_.png"),
        (" .png", "page"),
    ],
)
def test_names_of_pictures_are_ones_that_every_reader_takes(name: str, safe: str) -> None:
    assert picture_name(name).startswith(safe.removesuffix(".png")) or picture_name(name) == safe


def test_names_that_differ_in_case_only_are_told_apart() -> None:
    assert picture_name("A.png", ["a.png"]) == "A-2.png"
    assert picture_name("a.png", ["a.png", "a-2.png"]) == "a-3.png"
