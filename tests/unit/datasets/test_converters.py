"""Published data sets and labels of other tools, in their own layouts, become pages of the working format."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawops.contracts.labels import LabelSource
from drawops_vision.datasets import dataset_pid, funsd, label_studio, ppocrlabel, sroie
from drawops_vision.datasets.conversion import Conversion
from drawops_vision.datasets.folder import BadDataset, LabelledPage
from drawops_vision.datasets.label_file import Problem, line_of

from tests.unit.datasets.conftest import label
from tests.unit.datasets.test_npy import Hostile, rows

Picture = Callable[..., Path]


def pages(conversion: Conversion) -> list[LabelledPage]:
    return list(conversion.target.pages())


def objects(conversion: Conversion) -> dict[str, Any]:
    (found,) = conversion.target.objects()
    assert not isinstance(found, Problem)
    return found.objects


def write_pid(folder: Path, number: int, words: np.ndarray[Any, Any] | None = None) -> None:
    """The arrays of one sheet of Dataset-P&ID, as published."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {
        "words": rows(["word_0", [10, 20, 60, 30], "P-101", 0], ["word_1", [120, 90, 100, 40], '10"-PL-2', 1])
        if words is None
        else words,
        "symbols": rows(["symbol_0", [5, 5, 25, 25], 1], ["symbol_1", [80, 60, 40, 20], 32]),
        "lines": rows(
            ["line_0", [0, 10, 50, 10], "4-CWS-1", "solid"], ["line_1", [9, 9, 9, 1], "", "dashed"]
        ),
        "lines2": np.array([[0, 10, 50, 10, 1], [9, 9, 9, 1, 0]]),
        "linker": rows(["symbol_0", ["word_0", "line_0"]], ["symbol_1", []]),
        "KeyValue": rows(*[[f"key {place}", f"value {place}"] for place in range(10)]),
        "Table": rows(*[[f"{row}{column}" for column in range(6)] for row in range(5)]),
    }
    for kind, array in arrays.items():
        np.save(folder / f"{number}_{kind}.npy", array)


def test_dataset_pid_gives_words_as_labels_and_the_rest_as_objects(
    tmp_path: Path, picture: Picture, conversion: Conversion
) -> None:
    picture("pid/image_2/0.jpg")
    write_pid(tmp_path / "pid" / "0", 0)

    dataset_pid.convert([tmp_path / "pid"], conversion)

    ((page),) = pages(conversion)
    first, second = page.labels
    assert (first.id, first.text, first.source) == ("word_0", "P-101", LabelSource.DATASET)
    assert first.points == ((10, 20), (60, 20), (60, 30), (10, 30))
    # It stands vertically and reads upwards: it begins at the bottom-left of its box.
    assert second.text == '10"-PL-2'
    assert second.points == ((100, 90), (100, 40), (120, 40), (120, 90))
    found = objects(conversion)
    assert found["symbols"] == [
        {"id": "symbol_0", "box": [5, 5, 25, 25], "class": 1},
        {"id": "symbol_1", "box": [40, 20, 80, 60], "class": 32},
    ]
    assert found["lines"][0] == {
        "id": "line_0",
        "points": [0, 10, 50, 10],
        "pipe": "4-CWS-1",
        "style": "solid",
    }
    assert found["lines2"][1] == {"points": [9, 9, 9, 1], "kind": 0}
    assert found["linker"] == [
        {"id": "symbol_0", "linked": ["word_0", "line_0"]},
        {"id": "symbol_1", "linked": []},
    ]
    assert found["key_values"][9] == ["key 9", "value 9"]
    assert [len(row) for row in found["table"]] == [6] * 5
    assert conversion.problems == []


@pytest.mark.parametrize("layout", ["", "annotations/deep/{number}", "{number}"])
def test_dataset_pid_is_found_however_its_arrays_lie(
    tmp_path: Path, picture: Picture, conversion: Conversion, layout: str
) -> None:
    for number in (0, 2, 10):
        picture(f"pid/DigitizePID/image_2/{number}.jpg")
        write_pid(tmp_path / "pid" / layout.format(number=number), number)

    dataset_pid.convert([tmp_path / "pid"], conversion)

    assert [page.name for page in pages(conversion)] == ["images/0.jpg", "images/2.jpg", "images/10.jpg"]


def test_dataset_pid_takes_one_of_two_copies_and_tells_of_those_that_differ(
    tmp_path: Path, picture: Picture, conversion: Conversion
) -> None:
    picture("pid/image_2/245.jpg")
    write_pid(tmp_path / "pid" / "245", 245)
    write_pid(tmp_path / "pid" / "245" / "245", 245)
    other = rows(["word_0", [1, 2, 3, 4], "other", 0])
    np.save(tmp_path / "pid" / "245" / "245_words (1).npy", other)

    dataset_pid.convert([tmp_path / "pid"], conversion)

    ((page),) = pages(conversion)
    assert page.labels[0].text == "P-101"
    assert conversion.notes["copies of a file left out"] == 7
    assert [problem.file for problem in conversion.problems] == ["245/245_words (1).npy"]


def test_dataset_pid_keeps_what_is_whole_of_what_is_broken(
    tmp_path: Path, picture: Picture, conversion: Conversion
) -> None:
    for number in range(4):
        picture(f"pid/image_2/{number}.jpg")
    bad = rows(
        ["word_0", [1, 2, 3], "short box", 0],
        ["word_1", [1, 2, 30, 4], "good", "0"],
        ["word_1", [1, 2, 30, 4], "id twice", 0],
        ["word_3", [1, 2, 30, 4], "flag", "up"],
        [None, [1, 2, 30, 4], 7, 1],
    )
    write_pid(tmp_path / "pid" / "0", 0, bad)
    write_pid(tmp_path / "pid" / "1", 1, rows([Hostile(print, "hello"), 1, 2, 3]))
    (tmp_path / "pid" / "2").mkdir()
    write_pid(tmp_path / "pid" / "7", 7)
    write_pid(tmp_path / "pid" / "3", 3)
    (tmp_path / "pid" / "3" / "3_lines.npy").write_bytes(b"\x93NUMPY")

    dataset_pid.convert([tmp_path / "pid"], conversion)

    first, second = pages(conversion)
    assert [(one.text, one.id) for one in first.labels] == [
        ("good", "word_1"),
        ("id twice", "word_1-3"),
        ("7", "word_5"),
    ]
    assert second.name == "images/3.jpg"
    said = [str(problem) for problem in conversion.problems]
    assert len(said) == 6, said
    for words in (
        "0_words.npy: row 1: a box is four numbers",
        "0_words.npy: row 4: the rotation flag is a number, not 'up'",
        "1_words.npy: the sheet is left out",
        "2.jpg: left out: there is no 2_words.npy",
        "7: there are arrays, but no picture",
        "3_lines.npy: 3_lines.npy cannot be read",
    ):
        assert any(words in one for one in said), words


def test_other_folders_are_not_taken_for_a_data_set(tmp_path: Path, conversion: Conversion) -> None:
    for convert in (dataset_pid.convert, funsd.convert, sroie.convert):
        with pytest.raises(BadDataset, match="does not look like"):
            convert([tmp_path], conversion)


FORM = {
    "form": [
        {
            "box": [10, 10, 90, 30],
            "text": "Date: today",
            "label": "question",
            "id": 0,
            "linking": [[0, 1]],
            "words": [{"box": [10, 10, 50, 30], "text": "Date:"}, {"box": [55, 10, 90, 30], "text": "today"}],
        },
        {"box": [1, 1, 2, 2], "text": "", "label": "other", "id": 1, "linking": [], "words": []},
    ]
}


def test_funsd_gives_words_with_the_label_of_their_entry(
    tmp_path: Path, picture: Picture, conversion: Conversion
) -> None:
    for split, name in (("training_data", "0000971160"), ("testing_data", "82092117")):
        picture(f"dataset/{split}/images/{name}.png")
        folder = tmp_path / "dataset" / split / "annotations"
        folder.mkdir()
        (folder / f"{name}.json").write_text(json.dumps(FORM))
    (tmp_path / "dataset" / "testing_data" / "annotations" / "gone.json").write_text(json.dumps(FORM))
    picture("dataset/testing_data/images/alone.png")
    picture("dataset/testing_data/images/broken.png")
    (tmp_path / "dataset" / "testing_data" / "annotations" / "broken.json").write_text('{"form": 3}')

    funsd.convert([tmp_path], conversion)

    first, second = pages(conversion)
    assert [(one.text, one.kind) for one in first.labels] == [("Date:", "question"), ("today", "question")]
    assert first.labels[0].points == ((10, 10), (50, 10), (50, 30), (10, 30))
    found = [item.objects for item in conversion.target.objects() if not isinstance(item, Problem)]
    assert {item["split"] for item in found} == {"train", "test"}
    assert found[0]["entries"][0]["linking"] == [[0, 1]]
    assert found[0]["entries"][0]["words"] == [one.id for one in second.labels]
    assert [problem.file for problem in conversion.problems] == ["broken.json", "gone.json", "alone.png"]


def test_sroie_splits_lines_at_eight_commas_whatever_the_encoding(
    tmp_path: Path, picture: Picture, conversion: Conversion
) -> None:
    for name in ("X1", "X2", "X3", "X4"):
        picture(f"sroie/img/{name}.jpg")
    box = tmp_path / "sroie" / "box"
    box.mkdir()
    (box / "X1.txt").write_text("10,20,60,20,60,30,10,30,TOTAL, RM 9,50\r\n\r\n1,2,3,4,5,6,7,8,\r\n")
    (box / "X2.csv").write_bytes(b"\xef\xbb\xbf" + b"1,2,3,2,3,4,1,4,BOM\n")
    (box / "X3.txt").write_bytes("1,2,3,2,3,4,1,4,CAF\xc9\n1,2,3\na,2,3,2,3,4,1,4,x\n".encode("latin-1"))
    key = tmp_path / "sroie" / "key"
    key.mkdir()
    (key / "X1.json").write_text('{"company": "ACME", "total": "9.50"}')
    (key / "readme.txt").write_text("hello")

    sroie.convert([tmp_path / "sroie"], conversion)

    first, second, third = pages(conversion)
    assert [one.text for one in first.labels] == ["TOTAL, RM 9,50", ""]
    assert first.labels[0].points == ((10, 20), (60, 20), (60, 30), (10, 30))
    assert [one.text for one in second.labels] == ["BOM"]
    assert [one.text for one in third.labels] == ["CAFÉ"]
    assert objects(conversion) == {"keys": {"company": "ACME", "total": "9.50"}}
    assert conversion.notes["files that are not UTF-8, read as Windows-1252"] == 1
    assert [(problem.file, problem.line) for problem in conversion.problems] == [
        ("X3.txt", 2),
        ("X3.txt", 3),
        ("X4.jpg", None),
    ]


def test_sroie_tells_keys_from_boxes_by_content(
    tmp_path: Path, picture: Picture, conversion: Conversion
) -> None:
    """In the competition's own folders both are .txt."""
    picture("a/0325updated.task1train(626p)/X1.jpg")
    (tmp_path / "a" / "0325updated.task1train(626p)" / "X1.txt").write_text("1,2,3,2,3,4,1,4,x")
    (tmp_path / "a" / "0325updated.task2train(626p)").mkdir()
    (tmp_path / "a" / "0325updated.task2train(626p)" / "X1.txt").write_text('{"total": "1"}')

    sroie.convert([tmp_path / "a"], conversion)

    assert [one.text for one in pages(conversion)[0].labels] == ["x"]
    assert objects(conversion) == {"keys": {"total": "1"}}


def test_ppocrlabels_folder_is_converted_without_its_caches(
    tmp_path: Path, picture: Picture, conversion: Conversion
) -> None:
    picture("scans/plan ü.jpg")
    folder = tmp_path / "scans"
    wide = label("P-101").model_copy(update={"kind": "tag", "difficult": True})
    tall = label("V-7", ((10, 10), (20, 10), (20, 90), (10, 90)), "t2")
    lines = line_of("scans/plan ü.jpg", [wide, tall]) + line_of("scans/gone.jpg", []) + "broken\n"
    (folder / "Label.txt").write_text(lines, encoding="utf-8")
    (folder / "Cache.cach").write_text("scans/plan ü.jpg\t[]\n")
    (folder / "fileState.txt").write_text("/x/plan ü.jpg\t1\n")

    ppocrlabel.convert(folder, conversion)

    ((page),) = pages(conversion)
    assert page.labels == (wide, tall)
    assert dict(conversion.notes) == {"Cache.cach left out": 1, "fileState.txt left out": 1}
    assert [problem.line for problem in conversion.problems] == [3, 2]


@pytest.mark.parametrize(
    ("tall", "first", "second"),
    [("keep", (10, 10), (20, 10)), ("up", (10, 90), (10, 10)), ("down", (20, 10), (20, 90))],
)
def test_a_tall_box_of_ppocrlabel_is_given_the_direction_that_was_asked_for(
    tall: str, first: tuple[int, int], second: tuple[int, int]
) -> None:
    box = label("V-7", ((10, 10), (20, 10), (20, 90), (10, 90)))

    points = ppocrlabel.directed(box, ppocrlabel.Tall(tall)).points

    assert points[:2] == (first, second)
    one = box.model_copy(update={"text": "1"})
    assert ppocrlabel.directed(one, ppocrlabel.Tall(tall)) is one, "a lone 1 stands"


def region(kind: str, name: str, **value: object) -> dict[str, Any]:
    return {
        "id": name,
        "type": kind,
        "from_name": "x",
        "to_name": "image",
        "original_width": 200,
        "original_height": 100,
        "image_rotation": 0,
        "value": value,
    }


def task(
    *results: dict[str, Any], image: str = "/data/upload/1/0f3a5c2b-plan.png", number: int = 1
) -> dict[str, Any]:
    return {
        "id": number,
        "data": {"ocr": image},
        "annotations": [{"result": list(results), "updated_at": "2026-01-02"}],
    }


def test_label_studio_gives_rectangles_turned_ones_and_polygons(
    tmp_path: Path, picture: Picture, conversion: Conversion
) -> None:
    picture("media/plan.png")
    export = tmp_path / "export.json"
    results = [
        region("rectangle", "a", x=10, y=20, width=30, height=10, rotation=0),
        region("labels", "a", x=10, y=20, width=30, height=10, rotation=0, labels=["Text"]),
        region("textarea", "a", x=10, y=20, width=30, height=10, rotation=0, text=["P-101"]),
        region(
            "rectanglelabels", "b", x=50, y=50, width=20, height=10, rotation=270, rectanglelabels=["Tag"]
        ),
        region("textarea", "b", text="upwards"),
        region("polygon", "c", points=[[0, 0], [50, 0], [50, 50], [25, 60], [0, 50]]),
        region("brushlabels", "d", format="rle"),
        region("textarea", "lost", text=["no region"]),
    ]
    export.write_text(json.dumps([task(*results)]))

    label_studio.convert(export, conversion, tmp_path / "media")

    ((page),) = pages(conversion)
    a, b, c = page.labels
    assert (a.text, a.kind, a.points) == ("P-101", "Text", ((20, 20), (80, 20), (80, 30), (20, 30)))
    # 20 % of 200 px and 10 % of 100 px, turned by 270 degrees about (100, 50): it runs upwards.
    assert (b.text, b.kind, b.points) == ("upwards", "Tag", ((100, 50), (100, 10), (110, 10), (110, 50)))
    assert (c.text, c.points) == ("", ((0, 0), (100, 0), (100, 50), (50, 60), (0, 50)))
    assert conversion.notes == {"results of type brushlabels left out": 1, "regions without a string": 1}
    assert [str(problem) for problem in conversion.problems] == [
        "task 1: the string ['no region'] belongs to no region"
    ]


@pytest.mark.parametrize(
    "image",
    [
        "/data/local-files/?d=site/media/plan.png",
        "https://example.org/files/media/plan.png?token=1",
        "s3://bucket/media/plan.png",
        "media%2Fplan.png",
        "plan.png",
    ],
)
def test_label_studios_names_of_pictures_are_resolved(
    tmp_path: Path, picture: Picture, conversion: Conversion, image: str
) -> None:
    picture("media/plan.png")
    (tmp_path / "export.json").write_text(json.dumps([task(image=image)]))

    label_studio.convert(tmp_path / "export.json", conversion)

    assert [page.name for page in pages(conversion)] == ["images/plan.png"]


def test_label_studio_tells_what_it_cannot_convert(
    tmp_path: Path, picture: Picture, conversion: Conversion
) -> None:
    picture("a/plan.png")
    picture("b/plan.png")
    picture("good.png")
    turned = region("rectangle", "a", x=0, y=0, width=1, height=1) | {"image_rotation": 90}
    tasks = [
        task(image="plan.png"),
        task(image="../../../etc/passwd.png", number=2),
        task(number=3) | {"annotations": []},
        {"id": 4, "data": {"text": "no picture"}, "annotations": [{"result": []}]},
        task(turned, region("rectangle", "b", x="?"), {"id": "c"}, image="good.png", number=5),
    ]
    (tmp_path / "export.json").write_text(json.dumps(tasks))

    label_studio.convert(tmp_path / "export.json", conversion)

    said = {str(problem).split(":")[0]: str(problem) for problem in conversion.problems}
    assert "2 pictures are called plan.png" in said["task 1"]
    assert "is not below" in said["task 2"]
    assert "nobody has annotated it" in said["task 3"]
    assert "name no picture" in said["task 4"]
    assert len([problem for problem in conversion.problems if problem.file == "task 5"]) == 3
    assert [page.name for page in pages(conversion)] == ["images/good.png"]


def test_of_several_annotations_the_ground_truth_counts_then_the_last(
    tmp_path: Path, picture: Picture, conversion: Conversion
) -> None:
    picture("a.png")
    picture("b.png")

    def answer(text: str, **more: object) -> dict[str, Any]:
        box = region("rectangle", "a", x=0, y=0, width=10, height=10)
        return {"result": [box, region("textarea", "a", text=[text])], **more}

    first = {"id": 1, "data": {"image": "a.png"}}
    first["annotations"] = [answer("old", updated_at="2026-01-01"), answer("new", updated_at="2026-01-03")]
    second = {"id": 2, "data": {"image": "b.png"}}
    second["annotations"] = [
        answer("true", updated_at="2026-01-01", ground_truth=True),
        answer("late", updated_at="2026-01-03"),
        answer("cancelled", updated_at="2026-01-09", ground_truth=True, was_cancelled=True),
    ]
    (tmp_path / "export.json").write_text(json.dumps([first, second]))

    label_studio.convert(tmp_path / "export.json", conversion)

    assert [page.labels[0].text for page in pages(conversion)] == ["new", "true"]


@pytest.mark.parametrize("text", ["{}", "not json", '[{"image": "x"}]', "[" * 100_000])
def test_what_is_no_export_of_label_studio_says_so(tmp_path: Path, conversion: Conversion, text: str) -> None:
    (tmp_path / "export.json").write_text(text)

    with pytest.raises(BadDataset, match=r"export\.json is no"):
        label_studio.convert(tmp_path / "export.json", conversion)
