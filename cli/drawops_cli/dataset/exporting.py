"""`drawops dataset export`."""

from pathlib import Path
from typing import Annotated

import typer

from drawops_cli.console import err, out, print_json
from drawops_cli.dataset import progress
from drawops_cli.failures import Failure


def export(
    folder: Annotated[Path, typer.Argument(help="A data set.", show_default=False)],
    target: Annotated[Path, typer.Option("--out", help="New folder.", file_okay=False)],
    padding: Annotated[
        float, typer.Option(min=0, max=1, help="Around crops, as a fraction of the text's height.")
    ] = 0.0,
    difficult: Annotated[
        bool, typer.Option("--difficult/--no-difficult", help="With labels marked as difficult.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was written as JSON.")] = False,
) -> None:
    """Write a data set for PaddleOCR: detection, recognition crops, dictionary, split by sheet.

    Crops stand upright whichever way the text runs, there are as many as lines of rec_gt.txt (counted after
    writing), and every label without a crop is in left_out.jsonl with the reason.

    \b
    Examples:
        drawops dataset export datasets/plant --out paddle
        drawops dataset export datasets/plant --out paddle --padding 0.1 --no-difficult
    """
    from drawops_vision.datasets import paddleocr
    from drawops_vision.datasets.folder import BadDataset, DatasetFolder

    try:
        source = DatasetFolder.open(folder)
        with progress.pages("export", source.about.counts.pages or None) as bar:
            made = paddleocr.export(source, target, paddleocr.Options(padding, difficult), bar.done)
    except (BadDataset, OSError) as error:
        raise Failure(str(error)) from error
    progress.show_problems(made.problems)
    if as_json:
        print_json(
            {
                "pages": made.pages,
                "labels": made.labels,
                "crops": made.crops,
                "by_split": made.by_split,
                "characters": len(made.dictionary),
                "longest": made.longest,
                "left_out": made.left_out,
                "notes": made.notes,
                "problems": [str(problem) for problem in made.problems],
            }
        )
        return
    for reason, count in made.left_out.items():
        err.print(f"{count} labels without a crop: {reason}", markup=False, soft_wrap=True)
    for note in made.notes:
        err.print(note, markup=False, soft_wrap=True)
    sides = ", ".join(f"{split} {count:,}" for split, count in sorted(made.by_split.items()))
    out.print(
        f"{target}: {made.pages:,} pages, {made.labels:,} labels, {made.crops:,} crops ({sides or 'none'}), "
        f"{len(made.dictionary)} characters",
        markup=False,
        soft_wrap=True,
    )
