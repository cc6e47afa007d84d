"""The benchmark of odd pages: what it draws is what it says."""

import itertools

from benchmarks.bad_input import HEADINGS, Row, crowded, markdown


def test_a_crowded_sheet_bears_so_many_texts_and_none_over_another() -> None:
    texts = crowded(20_000).drawing.texts
    assert len(texts) == 20_000
    rows: dict[float, list[tuple[float, float]]] = {}
    for text in texts:
        left, _, right, _ = text.bounds()
        rows.setdefault(text.anchor[1], []).append((left, right))
    for row in rows.values():
        for one, other in itertools.pairwise(sorted(row)):
            assert other[0] - one[1] > 1.6  # more than a space of its lettering, in mm
    assert all(text.bounds()[2] < 1189 and text.bounds()[3] < 841 for text in texts)


def test_a_page_without_texts_has_no_recall() -> None:
    made = Row("all black", 8.7, 0, 0, None, None, 0.4, 300.0, "`BLANK_PAGE` Nothing.")
    assert made.cells() == ["all black", "8.7", "0", "0", "", "", "0.4", "300", "`BLANK_PAGE` Nothing."]
    lines = markdown([made], 2).splitlines()
    assert lines[-1].count("|") == lines[-2].count("|") == len(HEADINGS) + 1
