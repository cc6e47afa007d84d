"""`drawops evaluate`."""

import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from drawops_cli.console import err, number, out, print_json, table
from drawops_cli.failures import Failure

if TYPE_CHECKING:
    from drawops_vision.evaluation.crops import Pixels
    from drawops_vision.evaluation.predictions import SheetPredictions
    from drawops_vision.evaluation.report import ComparisonReport, Figure, Report, SliceRow
    from drawops_vision.evaluation.scoring import Label
    from drawops_vision.reader import Reader

READINGS = "readings"


def evaluate(
    labels: Annotated[Path, typer.Option(help="Label.txt in PaddleOCR's format.", metavar="FILE")],
    predictions: Annotated[
        Path | None,
        typer.Option(
            help="Folder of result.json files, or a Label.txt with optional scores.", metavar="PATH"
        ),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(help="Read the sheets now, with this model.tar.gz or unpacked folder.", metavar="PATH"),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(help="Other predictions (B) to compare with; as --predictions.", metavar="PATH"),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Folder of the report; by default results/evaluation/NAME.", file_okay=False
        ),
    ] = None,
    min_f1: Annotated[
        float | None, typer.Option(min=0, max=1, help="Exit code 1 when end-to-end F1 is lower.")
    ] = None,
    threads: Annotated[int, typer.Option(min=0, help="For --model; 0: one a core.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Measure how well labelled drawings are read, and write a report (JSON, Markdown, HTML).

    A text is right when its quad overlaps the label's (IoU >= 0.5) and its string is the same, character for
    character. The report has precision, recall and F1 of detection and end to end, CER, all of it by class of
    text, angle and glyph height, 95 % intervals over sheets, calibration, kinds of error with pictures. With
    --against it says which side is better, if the difference is beyond the spread between sheets.

    \b
    Examples:
        drawops evaluate --labels Label.txt --predictions results
        drawops evaluate --labels Label.txt --model model.tar.gz --min-f1 0.95
        drawops evaluate --labels Label.txt --predictions old --against new
    """
    if (predictions is None) == (model is None):
        raise Failure("Name what to evaluate: either --predictions PATH or --model PATH.")
    for path in (labels, predictions, model, against):
        if path is not None and not path.exists():
            raise Failure(f"{path} does not exist.")
    # Scoring needs scipy, plots need Matplotlib; no other verb should wait for them.
    from drawops_vision.evaluation import comparison, report

    truths = _labels(labels)
    name = f"{labels.resolve().parent.name}-{labels.stem}"
    target = folder or Path("results") / "evaluation" / name
    source = predictions or model
    assert source is not None  # one of the two, see above
    if model is not None:
        found = _read(model, labels.parent, list(truths), threads, target / READINGS)
    else:
        found = _predictions(source, truths)
    results = report.results(truths, found)
    compared = None
    if against is not None:
        others = report.results(truths, _predictions(against, truths))
        compared = comparison.compare(results, others, str(source), str(against))
    made = report.build(results, name=name, labels=str(labels), predictions=str(source), comparison=compared)
    files = _write(made, labels.parent, target)
    if as_json:
        print_json(made.model_dump(mode="json"))
    else:
        _print(made)
        for file in files:
            out.print(str(file), markup=False, soft_wrap=True)
    f1 = made.overall.end_to_end.f1.value
    if min_f1 is not None and f1 is not None and f1 < min_f1:
        raise Failure(f"F1 {f1:.4f} is under {min_f1}.")


def _labels(path: Path) -> "dict[str, list[Label]]":
    from drawops_vision.evaluation.scoring import read_labels

    try:
        found = read_labels(path)
    except (ValueError, OSError) as error:
        raise Failure(f"{error}") from error
    if not found:
        raise Failure(f"{path} has no sheets.")
    return found


def _predictions(path: Path, sheets: Mapping[str, object]) -> "dict[str, SheetPredictions]":
    from drawops_vision.evaluation.predictions import load

    try:
        return load(path, sheets)
    except (ValueError, OSError) as error:
        raise Failure(f"{error}") from error


def _read(
    model: Path, folder: Path, sheets: Sequence[str], threads: int, keep: Path
) -> "dict[str, SheetPredictions]":
    """Read the sheets here and now."""
    missing = [sheet for sheet in sheets if not (folder / sheet).is_file()]
    if missing:
        raise Failure(f"{folder / missing[0]} does not exist; --model needs the pictures beside the labels.")
    from drawops_vision.artifact import unpack_verified
    from drawops_vision.reader import Reader

    with tempfile.TemporaryDirectory() as scratch:
        if model.is_file():
            unpack_verified(model, Path(scratch))
        reader = Reader(Path(scratch) if model.is_file() else model, threads=threads)
        reader.warm_up()
        return _read_with(reader, folder, sheets, keep)


def _read_with(
    reader: "Reader", folder: Path, sheets: Sequence[str], keep: Path
) -> "dict[str, SheetPredictions]":
    """Read the sheets, showing how far it is; the readings are kept, to be compared with later ones."""
    from drawops.errors import DrawopsError
    from drawops_vision.evaluation.predictions import of_reading

    columns = (
        *(TextColumn("{task.description}", markup=False), BarColumn()),
        *(MofNCompleteColumn(), TimeElapsedColumn()),
    )
    found = {}
    with Progress(*columns, console=err, transient=True) as progress:
        task = progress.add_task("read", total=len(sheets))
        for sheet in sheets:
            progress.update(task, description=f"read {sheet}")
            data = (folder / sheet).read_bytes()
            started = time.perf_counter()
            try:
                reading = reader.read(data)
                found[sheet] = of_reading(reading, time.perf_counter() - started, _peak())
            except (DrawopsError, ValueError) as error:
                raise Failure(f"{sheet}: {error}") from error
            # Names come from the label file: none may lead out of the folder.
            inside = [part for part in Path(sheet).parts if part not in ("..", Path(sheet).anchor)]
            place = keep.joinpath(*inside[:-1], f"{inside[-1]}.json")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(reading.model_dump_json(), encoding="utf-8")
            progress.advance(task)
    return found


def _peak() -> int:
    """Peak resident memory of this process in bytes (Linux counts KiB, macOS bytes)."""
    import resource  # which Windows lacks

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _write(made: "Report", pictures: Path, folder: Path) -> list[Path]:
    from drawops.errors import InvalidInput
    from drawops_vision.evaluation.html import html
    from drawops_vision.evaluation.markdown import markdown
    from drawops_vision.rasterise import render_page

    def picture(sheet: str) -> "Pixels | None":
        try:
            return render_page((pictures / sheet).read_bytes(), 1)
        except (OSError, InvalidInput) as error:
            err.print(f"no crops of {sheet}: {error}", style="yellow", markup=False, soft_wrap=True)
            return None

    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, content in (
        ("report.json", made.model_dump_json(indent=2) + "\n"),
        ("report.md", markdown(made)),
        ("report.html", html(made, picture)),
    ):
        (folder / name).write_text(content, encoding="utf-8")
        written.append(folder / name)
    return written


def _print(made: "Report") -> None:
    overall = made.overall
    rows = (
        ("detection, IoU 0.5", overall.detection),
        ("detection, IoU 0.7", overall.detection_strict),
        ("end to end", overall.end_to_end),
    )
    head = table(
        "", "precision", "recall", "F1", right=("precision", "recall", "F1"), fold="", title=made.name
    )
    for title, trio in rows:
        head.add_row(title, _figure(trio.precision), _figure(trio.recall), _figure(trio.f1))
    out.print(head)
    out.print(
        f"CER {_figure(overall.cer)}   {overall.labels:,} texts   {made.bootstrap.note}", soft_wrap=True
    )
    _print_sheets(made)
    for title, slices in (
        ("class", made.by_class),
        ("angle (clockwise; 270 reads upwards)", made.by_angle),
        ("glyph height, px", made.by_height),
    ):
        _print_slices(title, slices)
    if made.calibration:
        out.print(
            f"calibration error {made.calibration.ece:.4f} (10 bins of equal mass), "
            f"Brier score {made.calibration.brier:.4f}\n",
            soft_wrap=True,
        )
    if made.kinds:
        kinds = table("error", "count", "commonest (stands -> read)", right=("count",), fold="error")
        for kind in made.kinds[:10]:
            first = kind.examples[0]
            stands, read = (
                " + ".join(repr(item.text) for item in items) or "nothing"
                for items in (first.labels, first.predictions)
            )
            kinds.add_row(kind.kind.value, number(kind.count), Text(_cut(f"{stands} -> {read}")))
        out.print(kinds)
    if made.comparison:
        _print_comparison(made.comparison)


def _print_sheets(made: "Report") -> None:
    right = ("texts", "read", "P", "R", "F1", "det. F1", "CER", "seconds", "peak MB")
    listed = table("sheet", *right, right=right, fold="sheet")
    for row in made.sheets:
        listed.add_row(
            Text(Path(row.name).name),
            number(row.labels),
            number(row.predictions),
            *(f"{value:.3f}" for value in (row.precision, row.recall, row.f1, row.detection_f1, row.cer)),
            number(row.seconds, 1),
            number(row.peak_bytes / 1e6 if row.peak_bytes else None),
        )
    out.print(listed)


def _print_slices(title: str, rows: "tuple[SliceRow, ...]") -> None:
    right = ("texts", "precision", "recall", "F1", "CER")
    listed = table(title, *right, right=right, fold=title)
    for row in rows:
        listed.add_row(
            row.name,
            number(row.labels),
            _figure(row.precision),
            _figure(row.recall),
            _figure(row.f1),
            number(row.cer, 3),
        )
    out.print(listed)


def _print_comparison(found: "ComparisonReport") -> None:
    listed = table("", "A", "B", "B - A", right=("A", "B", "B - A"), fold="")
    for title, pair in (("F1", found.f1), ("CER", found.cer)):
        listed.add_row(title, f"{pair.a:.4f}", f"{pair.b:.4f}", _figure(pair.difference))
    out.print(listed)
    out.print(Text.assemble((found.verdict, "bold"), f": {found.sentence}"), soft_wrap=True)
    out.print(f"only A reads {found.only_a_right} texts right, only B {found.only_b_right}\n", soft_wrap=True)


def _figure(figure: "Figure") -> str:
    if figure.low is None or figure.high is None:
        return number(figure.value, 3)
    return f"{number(figure.value, 3)} [{figure.low:.3f}, {figure.high:.3f}]"


def _cut(text: str, width: int = 60) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
