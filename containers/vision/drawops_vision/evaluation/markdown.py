"""A report as Markdown (GitHub flavour)."""

from collections.abc import Sequence

from drawops_vision.evaluation.report import Figure, Report, SliceRow, Trio

Cell = str | int | float | None


def markdown(report: Report) -> str:
    """The report's tables as Markdown; pictures are in the HTML only."""
    overall = report.overall
    parts = [f"# Evaluation: {escape(report.name)}"]
    source = f"Labels: {code(report.labels)}. Predictions: {code(report.predictions)}."
    models = f" Model: {', '.join(code(model) for model in report.models)}." if report.models else ""
    parts.append(f"{source}{models} {len(report.sheets)} sheets, {overall.labels:,} texts.")
    parts.append(
        table(
            ("", "precision", "recall", "F1"),
            [
                ("detection, IoU 0.5", *_trio(overall.detection)),
                ("detection, IoU 0.7", *_trio(overall.detection_strict)),
                ("end to end", *_trio(overall.end_to_end)),
            ],
        )
    )
    parts.append(
        f"CER {interval(overall.cer)}: {overall.edits:,} edits on {overall.characters:,} characters; "
        f"{overall.false_characters:,} characters read where no text stands. {report.bootstrap.note}"
    )
    if report.comparison:
        parts += _comparison(report)
    parts += ["## Sheets", _sheets(report)]
    for title, rows in (
        ("Class of text", report.by_class),
        ("Angle (clockwise; 270 reads upwards)", report.by_angle),
        ("Glyph height in pixels", report.by_height),
    ):
        parts += [f"## {title}", _slices(rows)]
    parts += ["## Calibration", _calibration(report), "## Kinds of error", _kinds(report)]
    if report.confusions:
        parts += [
            "## Commonest confusions",
            table(
                ("stands", "read", "count"),
                [
                    (
                        f"{code(each.stands)} {code_points(each.stands)}".rstrip(),
                        f"{code(each.read)} {code_points(each.read)}".rstrip(),
                        each.count,
                    )
                    for each in report.confusions
                ],
            ),
        ]
    return "\n\n".join(parts) + "\n"


def table(header: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    """A table; cells must be escaped already."""
    lines = [header, ["---" if not place else "---:" for place in range(len(header))]]
    lines += [[number(cell) for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def number(value: Cell) -> str:
    """A cell: three digits for a float, a dash for nothing."""
    if value is None:
        return "–"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def interval(figure: Figure) -> str:
    """``0.900 [0.871, 0.925]``, or the value alone."""
    if figure.low is None or figure.high is None:
        return number(figure.value)
    return f"{number(figure.value)} [{figure.low:.3f}, {figure.high:.3f}]"


def escape(text: str) -> str:
    """Text that means nothing to Markdown or HTML."""
    for character in "\\`*_{}[]<>()#+!|~&$":
        text = text.replace(character, f"\\{character}")
    return " ".join(text.split())


def code(text: str) -> str:
    """A string of a drawing as a code span that holds in a table."""
    if not text:
        return "nothing"
    text = text.replace("\n", "␊").replace("\r", "␍").replace("\t", "␉").replace("|", "\\|")
    if not text.strip():
        return f"`{text.replace(' ', '␣')}`"
    fence = "`"
    while fence in text:
        fence += "`"
    space = " " if text[0] in "` " or text[-1] in "` " else ""
    return f"{fence}{space}{text}{space}{fence}"


def code_points(text: str) -> str:
    """``U+00B5`` of the characters beyond ASCII: a micro sign and a Greek mu look the same."""
    return " ".join(f"U+{ord(character):04X}" for character in text if not character.isascii())


def _trio(trio: Trio) -> tuple[str, str, str]:
    return interval(trio.precision), interval(trio.recall), interval(trio.f1)


def _sheets(report: Report) -> str:
    header = (
        "sheet",
        "texts",
        "read",
        "P",
        "R",
        "F1",
        "det. F1",
        "det. F1 (0.7)",
        "CER",
        "errors",
        "seconds",
    )
    return table(
        header,
        [
            (
                *(code(row.name), row.labels, row.predictions, row.precision, row.recall, row.f1),
                *(row.detection_f1, row.detection_strict_f1, row.cer, row.errors),
                None if row.seconds is None else f"{row.seconds:.1f}",
            )
            for row in report.sheets
        ],
    )


def _slices(rows: Sequence[SliceRow]) -> str:
    return table(
        ("", "texts", "read", "precision", "recall", "F1", "det. recall", "CER"),
        [
            (
                *(escape(row.name), row.labels, row.predictions, interval(row.precision)),
                *(interval(row.recall), interval(row.f1), row.detection_recall, row.cer),
            )
            for row in rows
        ],
    )


def _calibration(report: Report) -> str:
    found = report.calibration
    if found is None:
        return "The predictions state no confidences."
    bins = table(
        ("confidence", "texts", "mean confidence", "share right"),
        [
            (f"{each.low:.3f} to {each.high:.3f}", each.count, each.confidence, each.accuracy)
            for each in found.bins
        ],
    )
    return (
        f"Expected calibration error {found.ece:.4f} (bins of equal mass; of equal width "
        f"{found.ece_equal_width:.4f}), Brier score {found.brier:.4f}, {found.count:,} predictions.\n\n{bins}"
    )


def _kinds(report: Report) -> str:
    if not report.kinds:
        return "No errors."
    rows = []
    for row in report.kinds:
        examples = "; ".join(
            f"{_strings([item.text for item in each.labels])} → "
            f"{_strings([item.text for item in each.predictions])}"
            + (f" ×{each.count}" if each.count > 1 else "")
            for each in row.examples[:3]
        )
        rows.append((row.kind.value, row.count, f"{row.share:.1%}", examples))
    return table(("kind", "count", "share", "examples (stands → read)"), rows)


def _strings(texts: Sequence[str]) -> str:
    return " + ".join(code(text) for text in texts) if texts else "nothing"


def _comparison(report: Report) -> list[str]:
    found = report.comparison
    assert found is not None
    head = f"**{found.verdict}.** {found.sentence} A: {code(found.a)}. B: {code(found.b)}."
    both = table(
        ("", "A", "B", "B - A"),
        [
            ("F1", found.f1.a, found.f1.b, interval(found.f1.difference)),
            ("CER", found.cer.a, found.cer.b, interval(found.cer.difference)),
        ],
    )
    changed = f"Only A reads {found.only_a_right:,} texts right, only B {found.only_b_right:,}."
    rows = [
        (
            code(change.label.text),
            code(change.sheet),
            _strings([item.text for item in change.a]),
            _strings([item.text for item in change.b]),
        )
        for change in found.changes
    ]
    parts = ["## A against B", head, both, changed]
    return [*parts, table(("text", "sheet", "A", "B"), rows)] if rows else parts
