"""What a reader of a report gets, whatever the drawings say."""

import json
import re
from collections.abc import Mapping, Sequence
from html.parser import HTMLParser

import cv2
import jsonschema
import numpy as np
import pytest
from drawops_vision.evaluation import comparison, crops, report
from drawops_vision.evaluation.errors import Kind
from drawops_vision.evaluation.html import html
from drawops_vision.evaluation.markdown import markdown
from drawops_vision.evaluation.predictions import Prediction, SheetPredictions
from drawops_vision.evaluation.scoring import Label
from drawops_vision.sheets import generate
from markdown_it import MarkdownIt

from tests.unit.evaluation.shapes import box, labels, read

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=http://evil.example/x onerror=alert(1)>',
    "{{ 7 * 7 }}{% raw %}",
    "a | b `c` ``d`` $x^2$",
    "](http://evil.example)",
    "&lt;b&gt;",
    "url(http://evil.example)",
)
PAPER = np.full((600, 900), 255, np.uint8)


def sheets(
    truths: Mapping[str, Sequence[Label]], reads: Mapping[str, Sequence[Prediction]]
) -> list[report.SheetResult]:
    return report.results(
        truths, {name: SheetPredictions(tuple(texts), 2.0) for name, texts in reads.items()}
    )


def hostile_report(with_comparison: bool = True) -> report.Report:
    truths = {f"{name}.png": labels(*HOSTILE) for name in HOSTILE}
    reads = {
        name: [read(label, HOSTILE[place - 1], 0.1 * place) for place, label in enumerate(items)]
        for name, items in truths.items()
    }
    perfect = {name: [read(label) for label in items] for name, items in truths.items()}
    results = sheets(truths, reads)
    compared = comparison.compare(results, sheets(truths, perfect), *HOSTILE[:2]) if with_comparison else None
    return report.build(
        results, name=HOSTILE[0], labels=HOSTILE[1], predictions=HOSTILE[3], comparison=compared
    )


class Page(HTMLParser):
    """Tags, addresses and text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self.handlers: list[str] = []
        self.texts: list[str] = []
        self.ids: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if name in {"src", "href", "xlink:href", "srcset", "action", "data", "poster"}:
                self.addresses.append(value or "")
            if name.startswith("on"):
                self.handlers.append(name)
            if name == "id":
                self.ids.append(value or "")
            # Of style attributes and the like, such as clip-path.
            if not name.startswith("xmlns"):
                self.addresses += re.findall(r"url\(([^)]*)\)", value or "")

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_the_html_runs_nothing_and_fetches_nothing_whatever_the_drawing_says() -> None:
    page = Page(html(hostile_report(), lambda sheet: PAPER))
    assert not page.tags & {"script", "iframe", "object", "embed", "link", "form", "base"}
    assert not page.handlers
    assert page.addresses
    assert [each for each in page.addresses if not each.startswith(("#", "data:image/png;base64,"))] == []
    assert len(page.ids) == len(set(page.ids))
    for hostile in HOSTILE:
        assert hostile in page.texts


def test_every_link_and_clip_in_the_html_has_its_target() -> None:
    page = Page(html(hostile_report(), lambda sheet: PAPER))
    wanted = {each.strip("'\"")[1:] for each in page.addresses if each.strip("'\"").startswith("#")}
    assert wanted
    assert wanted <= set(page.ids)


def test_a_sheet_without_a_picture_is_reported_without_crops() -> None:
    page = html(hostile_report(), lambda sheet: None)
    assert "data:image/png" not in page


def test_the_html_asks_for_each_picture_once() -> None:
    asked: list[str] = []

    def picture(sheet: str) -> crops.Pixels:
        asked.append(sheet)
        return PAPER

    html(hostile_report(), picture)
    assert len(asked) == len(set(asked))


def test_the_json_meets_its_published_schema() -> None:
    document = json.loads(hostile_report().model_dump_json())
    jsonschema.validate(document, report.Report.model_json_schema())
    assert report.Report.model_validate(document) == hostile_report()
    assert document["schema_version"] == "1.0"


def test_the_markdown_shows_strings_as_they_are_in_whole_tables() -> None:
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown(hostile_report()))
    assert not [token for token in tokens if token.type == "html_block"]
    inline = [child for token in tokens for child in token.children or ()]
    assert not [child for child in inline if child.type in {"html_inline", "link_open", "image"}]
    shown = {child.content for child in inline if child.type == "code_inline"}
    assert set(HOSTILE) <= shown
    rows = [token.type for token in tokens]
    assert rows.count("table_open") == 10


def test_a_perfect_reading_scores_one_and_reports_no_error() -> None:
    sheet = generate(3, "A5", dpi=150)
    truth = [Label(text.text, text.quad) for text in sheet.truth]
    results = sheets({"a.png": truth}, {"a.png": [read(label, confidence=1) for label in truth]})
    made = report.build(results, name="n", labels="l", predictions="p")
    overall = made.overall
    for trio in (overall.detection, overall.detection_strict, overall.end_to_end):
        assert (trio.precision.value, trio.recall.value, trio.f1.value) == (1, 1, 1)
    assert overall.cer.value == 0
    assert made.kinds == made.worst == made.confusions == ()
    assert all(row.recall.value == 1 for row in (*made.by_class, *made.by_angle, *made.by_height))
    assert made.calibration is not None
    assert made.calibration.ece == made.calibration.brier == 0
    assert "No errors." in html(made, lambda name: sheet.image)
    assert "No errors." in markdown(made)


def test_one_sheet_gets_no_interval_and_says_so() -> None:
    results = sheets({"a.png": labels("A", "B")}, {"a.png": []})
    made = report.build(results, name="n", labels="l", predictions="p")
    assert made.overall.end_to_end.f1 == report.Figure(value=0)
    for text in (made.bootstrap.note, html(made, lambda name: None), markdown(made)):
        assert "no interval can be given" in text


def test_predictions_without_confidences_have_no_calibration() -> None:
    (label,) = labels("A")
    results = sheets({"a.png": [label]}, {"a.png": [read(label, confidence=None)]})
    made = report.build(results, name="n", labels="l", predictions="p")
    assert made.calibration is None
    assert "state no confidences" in html(made, lambda name: None)


def test_the_same_mistake_is_one_example_with_its_count() -> None:
    truths = {"a.png": labels("O", "O", "8"), "b.png": labels("O")}
    reads = {
        name: [read(label, {"O": "0", "8": "B"}[label.text]) for label in truths[name]] for name in truths
    }
    made = report.build(sheets(truths, reads), name="n", labels="l", predictions="p")
    (kind,) = made.kinds
    assert (kind.kind, kind.count, kind.share) == (Kind.SIMILAR, 4, 1)
    assert [(each.labels[0].text, each.count) for each in kind.examples] == [("O", 3), ("8", 1)]
    assert [(each.stands, each.read, each.count) for each in made.confusions] == [
        ("O", "0", 3),
        ("8", "B", 1),
    ]


def test_characters_that_look_the_same_are_told_apart() -> None:
    micro, mu = "\u00b5", "\u03bc"
    truths = labels(f"5 {micro}m")
    reads = [read(truths[0], f"5 {mu}m")]
    made = report.build(sheets({"a.png": truths}, {"a.png": reads}), name="n", labels="l", predictions="p")
    for text in (html(made, lambda name: None), markdown(made)):
        assert "U+00B5" in text
        assert "U+03BC" in text


def test_the_worst_errors_come_first() -> None:
    truths = labels("A", "A LONG NOTE", "PUMP")
    made = report.build(sheets({"a.png": truths}, {"a.png": []}), name="n", labels="l", predictions="p")
    assert [each.labels[0].text for each in made.worst] == ["A LONG NOTE", "PUMP", "A"]


def ten_texts(right: int) -> list[Prediction]:
    texts = labels(*(f"HV-{number}" for number in range(10)))
    return [read(label, label.text if place < right else "?") for place, label in enumerate(texts)]


def compare(a: Sequence[int], b: Sequence[int]) -> report.ComparisonReport:
    """A and B, each with so many of ten texts right on every sheet."""
    truths = {f"{sheet}.png": labels(*(f"HV-{number}" for number in range(10))) for sheet in range(len(a))}
    sides = [
        sheets(truths, {f"{sheet}.png": ten_texts(right) for sheet, right in enumerate(side)})
        for side in (a, b)
    ]
    return comparison.compare(*sides, "old", "new")


@pytest.mark.parametrize(
    ("a", "b", "verdict"),
    [
        ([5, 6, 7, 5, 6, 7], [8, 8, 9, 8, 9, 9], "B better"),
        ([8, 8, 9, 8, 9, 9], [5, 6, 7, 5, 6, 7], "A better"),
        ([5, 9, 5, 9, 5, 9], [9, 5, 9, 5, 9, 6], "no difference beyond the spread"),
        ([5, 5, 5, 5, 5, 5], [5, 5, 5, 5, 5, 5], "no difference beyond the spread"),
        ([5, 6, 7, 5, 6], [8, 8, 9, 8, 9], "too few sheets"),
        ([5], [9], "too few sheets"),
    ],
)
def test_a_side_is_better_only_beyond_the_spread_of_enough_sheets(
    a: Sequence[int], b: Sequence[int], verdict: str
) -> None:
    assert compare(a, b).verdict == verdict


def test_sheets_that_are_hard_for_both_do_not_blur_the_comparison() -> None:
    """F1 spreads from 0.1 to 0.9 over the sheets, and B is still surely one text better on each."""
    found = compare([1, 9, 2, 8, 3, 7], [2, 10, 3, 9, 4, 8])
    assert found.verdict == "B better"
    difference = found.f1.difference
    assert (difference.value, difference.low, difference.high) == pytest.approx((0.1, 0.1, 0.1))


def test_the_texts_that_changed_are_shown_with_what_each_side_read() -> None:
    found = compare([5, 5], [6, 4])
    assert (found.only_a_right, found.only_b_right) == (1, 1)
    shown = [
        (change.right, change.label.text, change.a[0].text, change.b[0].text) for change in found.changes
    ]
    assert shown == [("B", "HV-5", "?", "HV-5"), ("A", "HV-4", "HV-4", "?")]


def test_a_comparison_of_other_sheets_is_refused() -> None:
    one, other = (sheets({name: labels("A")}, {name: []}) for name in ("a.png", "b.png"))
    with pytest.raises(ValueError, match="same sheets"):
        comparison.compare(one, other, "a", "b")


def test_a_crop_shows_the_text_upright_with_both_quads() -> None:
    paper = np.full((300, 300), 255, np.uint8)
    paper[100:200, 140:160] = 0  # a bar, as wide as a text that reads upwards is high
    quad = ((140.0, 200.0), (140.0, 100.0), (160.0, 100.0), (160.0, 200.0))
    data = np.frombuffer(crops.crop(paper, [quad], [box(130, 90, 20, 20)]), np.uint8)
    picture = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert picture is not None
    dark = np.argwhere(picture.max(axis=2) < 60)
    height, width = dark.max(axis=0) - dark.min(axis=0)
    assert width > 3 * height
    for colour in (crops.LABEL, crops.PREDICTION):
        assert np.abs(picture.astype(int) - colour).max(axis=2).min() < 40


def test_a_crop_of_a_whole_sheet_stays_small_and_one_off_the_sheet_is_grey() -> None:
    for quad in (box(0, 0, 20_000, 9_000), box(5_000, 5_000)):
        picture = cv2.imdecode(np.frombuffer(crops.crop(PAPER, [quad], []), np.uint8), cv2.IMREAD_COLOR)
        assert picture is not None
        assert picture.shape[0] <= crops.MAX_SIZE[1] + 1
        assert picture.shape[1] <= crops.MAX_SIZE[0] + 1
    assert (picture[5, 5] == 200).all()
