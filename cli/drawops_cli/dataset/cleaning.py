"""`drawops dataset clean`."""

import tempfile
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from drawops.contracts.cleaning import MEANINGS, Rule
from rich.text import Text

from drawops_cli.console import number, out, print_json, table
from drawops_cli.dataset import progress
from drawops_cli.failures import Failure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drawops_vision.datasets.cleaning import CleaningReport, LabelReader

_MOST_DICTIONARY = 4 * 2**20


def clean(
    folder: Annotated[Path, typer.Argument(help="A data set; it is not changed.", show_default=False)],
    target: Annotated[
        Path | None, typer.Option("--out", help="Folder of the cleaned data set.", file_okay=False)
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(help="Compare with what this model.tar.gz or unpacked folder reads.", metavar="PATH"),
    ] = None,
    dictionary: Annotated[
        Path | None,
        typer.Option(
            help="Characters that labels may have, one a line, as PaddleOCR has it.", metavar="FILE"
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only look; write nothing.")] = False,
    threads: Annotated[int, typer.Option(min=0, help="For --model; 0: one a core.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Leave out labels that would teach a model something wrong, and say why.

    Looked for: duplicates of sheets (scaled, compressed, slightly turned) and of labels, boxes without area,
    off the page, crossing themselves or in the wrong order, strings that are empty, cannot be seen, do not
    fit their box or contradict another, boxes without ink. With --model also labels that the model reads
    otherwise: these are kept and listed, likeliest wrong first.

    Nothing disappears: the new folder has rejected/ with what was left out and reasons.jsonl, cleaning.json
    with all findings, and cleaning.html with pictures. What can be put right without doubt is, and is listed.

    \b
    Examples:
        drawops dataset clean datasets/plant --dry-run
        drawops dataset clean datasets/plant --out datasets/plant-clean --model model.tar.gz
        drawops dataset clean datasets/plant --out datasets/plant-clean --dictionary dictionary.txt
    """
    if (target is None) != dry_run:
        raise Failure("Say where the cleaned data set goes with --out FOLDER, or only look with --dry-run.")
    # OpenCV and friends; no other verb should wait for them.
    from drawops_vision.datasets.cleaning import clean_folder
    from drawops_vision.datasets.folder import BadDataset, DatasetFolder

    characters = _characters(dictionary) if dictionary else None
    try:
        with ExitStack() as stack:
            source = DatasetFolder.open(folder)
            reader = _reader(stack, model, threads) if model else None
            bar = stack.enter_context(progress.pages("clean"))
            report = clean_folder(
                source,
                target,
                reader=reader,
                dictionary=characters,
                advance=lambda _, done, of: bar.to(done, of),
            )
    except (BadDataset, OSError) as error:
        raise Failure(str(error)) from error
    progress.show_problems(report.problems)
    if as_json:
        print_json(report.model_dump(mode="json"))
        return
    _print(report)
    if target is not None:
        for name in ("cleaning.html", "rejected"):
            out.print(str(target / name), markup=False, soft_wrap=True)


def _characters(path: Path) -> frozenset[str]:
    try:
        if path.stat().st_size > _MOST_DICTIONARY:
            raise Failure(f"{path} is too large for a dictionary; it has one character a line.")
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{path} cannot be read as UTF-8 text: {error}") from error
    # Only a line feed separates: a dictionary may hold what `str.splitlines` would cut at.
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    if wrong := next((line for line in lines if len(line) > 1), None):
        raise Failure(f"{path} has a line {wrong[:40]!r}; a dictionary has one character a line.")
    return frozenset(lines) - {""}


def _reader(stack: ExitStack, model: Path, threads: int) -> "LabelReader":
    if not model.exists():
        raise Failure(f"{model} does not exist.")
    from drawops_vision.artifact import unpack_verified
    from drawops_vision.datasets.cleaning import LabelReader

    folder = model
    if model.is_file():
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        unpack_verified(model, folder)
    return LabelReader(folder, threads)


def _print(report: "CleaningReport") -> None:
    found = table("rule", "count", "", "meaning", right=("count",), fold="meaning", title=report.dataset)
    sheets = Counter(sheet.rule for sheet in report.sheets)
    labels = {rule: count for rule, count in report.rejected.items() if rule not in sheets}
    rows: tuple[tuple[str, Mapping[Rule, int]], ...] = (
        ("pages left out", sheets),
        ("left out", labels),
        ("put right", report.corrected),
        ("suspects, kept", report.suspects),
    )
    for what, counts in rows:
        for rule, count in counts.items():
            found.add_row(rule.value, number(count), what, Text(MEANINGS[rule]))
    if found.row_count:
        out.print(found)
    out.print(
        f"{report.kept_pages:,} of {report.pages:,} pages and {report.kept_labels:,} of {report.labels:,} "
        "labels are kept.",
        soft_wrap=True,
    )
