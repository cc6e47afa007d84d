"""Labels survive being written and read: by us, by PaddleOCR's loader, by PPOCRLabel."""

import json
import sys
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from drawops.contracts.labels import Label, LabelSource
from drawops_vision.datasets.label_file import Line, Problem, json_of, labels_of, line_of, read_lines
from drawops_vision.evaluation.scoring import read_labels
from hypothesis import example, given, settings

from tests.unit.datasets.conftest import label

EXAMPLES = 400

# What breaks loaders: words they replace, quotes, what looks like an escape, separators of lines and columns.
fragments = st.sampled_from(
    [
        "true",
        "false",
        "null",
        "###",
        '"',
        "'",
        "\\",
        "\\n",
        "\t",
        "\n",
        "\r",
        "\u2028",
        "\x85",
        "\x00",
        "\f",
        "{",
        "]",
    ]
)
texts = st.lists(st.one_of(fragments, st.text(max_size=8)), max_size=6).map("".join)
numbers = st.one_of(st.integers(-(2**60), 2**60).map(float), st.floats(allow_nan=False, allow_infinity=False))
labels = st.builds(
    Label,
    id=st.from_regex(r"\A[A-Za-z0-9._:-]{1,12}\Z"),
    points=st.lists(st.tuples(numbers, numbers), min_size=3, max_size=9).map(tuple),
    text=texts,
    difficult=st.booleans(),
    kind=st.sampled_from(["", "dimension", "true", "tag\tnumber"]),
    confidence=st.one_of(st.none(), st.floats(0, 1)),
    source=st.sampled_from(LabelSource),
)
pages = st.lists(labels, max_size=5, unique_by=lambda one: one.id)
names = st.text(
    st.characters(blacklist_categories=["Cc", "Cs"], blacklist_characters="/\\"), min_size=1, max_size=30
)


def read_back(line: str, folder: Path) -> tuple[str, tuple[Label, ...]]:
    path = folder / "Label.txt"
    path.write_bytes(line.encode())
    (item,) = read_lines(path)
    assert isinstance(item, Line), item
    found, problems = labels_of(item, path.name)
    assert not problems
    return item.name, found


def as_paddleocr_loads(line: str) -> tuple[str, list[dict[str, Any]]]:
    """As SimpleDataSet (ppocr/data/simple_dataset.py) and DetLabelEncode (imaug/label_ops.py) parse it."""
    raw = line.encode().split(b"\n")
    assert raw[1:] == [b""], "readlines() of the file opened in binary mode sees one line"
    columns = raw[0].decode("utf-8").strip("\n").split("\t")
    return columns[0], json.loads(columns[1])


def as_ppocrlabel_loads(line: str, folder: Path) -> tuple[str, list[dict[str, Any]]]:
    """As PPOCRLabel's loadLabelFile parses it: text mode, one tab, words replaced, evaluated."""
    path = folder / "ppocrlabel.txt"
    path.write_bytes(line.encode())
    with path.open(encoding="utf-8") as file:
        (each,) = file.readlines()
    name, entries = each.split("\t")
    entries = entries.replace("false", "False").replace("true", "True")
    return name, eval(entries)


@given(page=pages, name=names)
@settings(max_examples=EXAMPLES, deadline=None)
@example(page=[label("\true")], name="a.png")
@example(page=[label("\falsework: TRUE, true, false, null, 'x' \"y\" \\u0065 \\")], name="ü 图.png")
def test_a_line_gives_back_the_very_labels(
    tmp_path_factory: pytest.TempPathFactory, page: list[Label], name: str
) -> None:
    name = f"images/{name}" if name.strip() not in ("", ".", "..") else "images/a.png"
    folder = tmp_path_factory.getbasetemp()

    assert read_back(line_of(name, page), folder) == (name, tuple(page))


@given(page=pages)
@settings(max_examples=EXAMPLES, deadline=None)
@example(page=[label("\true")])
@example(page=[label("\false")])
@example(page=[label("\U0001f600 \ufeff")])
def test_paddleocr_and_ppocrlabel_read_the_strings_and_points_that_we_wrote(
    tmp_path_factory: pytest.TempPathFactory, page: list[Label]
) -> None:
    line = line_of("images/plan ü.png", page)
    expected = [(one.text, [list(point) for point in one.points], one.difficult) for one in page]

    for name, entries in (
        as_paddleocr_loads(line),
        as_ppocrlabel_loads(line, tmp_path_factory.getbasetemp()),
    ):
        assert name == "images/plan ü.png"
        found = [(entry["transcription"], entry["points"], entry["difficult"]) for entry in entries]
        assert found == expected


def test_without_the_escape_ppocrlabel_would_change_the_string(tmp_path: Path) -> None:
    """The test above can fail: plain JSON does not survive."""
    plain = json.dumps([{"transcription": "true"}], ensure_ascii=False)

    assert as_ppocrlabel_loads(f"a\t{plain}\n", tmp_path)[1] == [{"transcription": "True"}]
    assert as_ppocrlabel_loads(f"a\t{json_of([{'transcription': 'true'}])}\n", tmp_path)[1] == [
        {"transcription": "true"}
    ]


def test_a_broken_line_3000_of_10000_is_named_and_the_rest_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "Label.txt"
    lines = [line_of(f"images/{number}.png", [label(f"P-{number}")]) for number in range(1, 10_001)]
    lines[2999] = 'images/3000.png\t[{"transcription": "P-3000", "points": [[1, 2\n'
    path.write_text("".join(lines), encoding="utf-8")

    items = list(read_lines(path))

    problems = [item for item in items if isinstance(item, Problem)]
    assert len(items) == 10_000
    assert [problem.line for problem in problems] == [3000]
    assert "delimiter" in problems[0].reason
    assert str(problems[0]).startswith("Label.txt, line 3000: ")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"images/a.png [1]", "no tab"),
        (b"images/a.png\tnull", "the labels are a list, not None"),
        (b'images/a.png\t{"transcription": "x"}', "the labels are a list"),
        (b"images/a.png\t[{]", "Expecting property name"),
        (b"\xff.png\t[]", "not UTF-8"),
        (b"../../etc/passwd\t[]", "inside the folder"),
        (b"/etc/passwd\t[]", "inside the folder"),
        (b"images\\a.png\t[]", "backslash"),
        (b"\t[]", "inside the folder"),
        (b"images/a.png\t" + b"[" * 100_000, "nested too deep"),
        (b"images/a.png\t[NaN]", "NaN is no number"),
        (b"images/a.png\t[" + b"9" * 5000 + b"]", "digits"),
    ],
)
def test_what_is_no_line_is_a_problem_and_the_next_line_is_read(
    tmp_path: Path, line: bytes, reason: str
) -> None:
    path = tmp_path / "Label.txt"
    path.write_bytes(line + b"\n" + b"images/b.png\t[]\n")

    problem, following = read_lines(path)

    assert isinstance(problem, Problem)
    assert problem.line == 1
    assert reason in problem.reason
    assert following == Line(2, "images/b.png", [])


def test_a_name_that_comes_twice_is_a_problem_that_names_the_first(tmp_path: Path) -> None:
    path = tmp_path / "Label.txt"
    path.write_text("a.png\t[]\nb.png\t[]\na.png\t[1]\n", encoding="utf-8")

    assert [item for item in read_lines(path) if isinstance(item, Problem)] == [
        Problem("Label.txt", "'a.png' is labelled twice, first in line 1", 3)
    ]


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ('{"points": [[0,0],[1,0],[1,1],[0,1]]}', "no 'transcription'"),
        ('{"transcription": "x"}', "no 'points'"),
        ('{"transcription": 5, "points": [[0,0],[1,0],[1,1],[0,1]]}', "a transcription is a string, not 5"),
        ('{"transcription": "x", "points": [[0,0],[1,0]]}', "at least three points, not 2"),
        ('{"transcription": "x", "points": [[0,0],[1,0],[1,"1"]]}', "a point is two numbers"),
        ('{"transcription": "x", "points": [[0,0],[1,0],[true,1]]}', "a point is two numbers"),
        ('{"transcription": "x", "points": "abc"}', "points are a list"),
        (
            '{"transcription": "x", "points": [[0,0],[1,0],[1,1]], "difficult": "no"}',
            "difficult is true or false",
        ),
        ('{"transcription": "x", "points": [[0,0],[1,0],[1,1e999]]}', "finite"),
        ("7", "a label is an object, not 7"),
    ],
)
def test_a_broken_label_is_named_and_the_others_of_its_line_are_kept(
    tmp_path: Path, entry: str, reason: str
) -> None:
    path = tmp_path / "Label.txt"
    good = '{"transcription": "good", "points": [[0,0],[9,0],[9,5],[0,5]]}'
    path.write_text(f"a.png\t[{good}, {entry}, {good}]\n", encoding="utf-8")
    (line,) = read_lines(path)
    assert isinstance(line, Line)

    found, problems = labels_of(line, path.name)

    assert [one.text for one in found] == ["good", "good"]
    assert [problem.line for problem in problems] == [1]
    assert "label 2" in problems[0].reason
    assert reason in problems[0].reason


def test_labels_without_ids_get_them_and_an_id_that_is_there_twice_is_changed(tmp_path: Path) -> None:
    path = tmp_path / "Label.txt"
    square = '"points": [[0,0],[9,0],[9,5],[0,5]]'
    entries = (
        f'{{"transcription": "a", {square}, "id": "t2"}}',
        f'{{"transcription": "b", {square}}}',
        f'{{"transcription": "c", {square}, "id": "t2"}}',
    )
    path.write_text(f"a.png\t[{', '.join(entries)}]\n", encoding="utf-8")
    (line,) = read_lines(path)
    assert isinstance(line, Line)

    found, problems = labels_of(line, path.name)

    assert len({one.id for one in found}) == 3
    assert [one.text for one in found] == ["a", "b", "c"]
    assert ["label 3" in problem.reason for problem in problems] == [True]


def test_two_labels_of_one_id_and_names_that_break_lines_are_not_written() -> None:
    with pytest.raises(ValueError, match="same id"):
        line_of("a.png", [label("a"), label("b")])
    with pytest.raises(ValueError, match="control character"):
        line_of("a\tb.png", [])


def test_whole_numbers_are_written_as_such() -> None:
    line = line_of("a.png", [label("x", [(1.0, 2.5), (3.0, 2.0), (3.0, 1e300)])])

    assert "[[1, 2.5], [3, 2], [3, 1e+300]]" in line


def test_the_scorer_reads_what_we_write(tmp_path: Path) -> None:
    path = tmp_path / "Label.txt"
    path.write_text(line_of("a.png", [label("true \u2028 null")]), encoding="utf-8")

    assert [one.text for one in read_labels(path)["a.png"]] == ["true \u2028 null"]


def test_a_line_that_is_too_long_is_skipped_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["drawops_vision.datasets.label_file"], "MAX_LINE", 100)
    path = tmp_path / "Label.txt"
    path.write_bytes(b"a.png\t[" + b" " * 350 + b"]\nb.png\t[]\n")

    first, second = read_lines(path)

    assert isinstance(first, Problem)
    assert second == Line(2, "b.png", [])
