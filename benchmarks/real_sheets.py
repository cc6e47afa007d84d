"""How the labelled real drawings are read, and the ten commonest kinds of error with pictures.

    python -m benchmarks.real_sheets --model DIR [--keep FOLDER]

Reads the drawings of ../shared/data as `drawops evaluate --model` does, adds them up, and writes
docs/benchmarks/real_sheets.md with small crops beside it. With --keep the readings are kept as files, and
taken from there when they are there.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from drawops.contracts.reading import Reading
from drawops_vision.evaluation import predictions, report
from drawops_vision.evaluation.crops import crop
from drawops_vision.evaluation.markdown import code, table
from drawops_vision.evaluation.scoring import read_labels
from drawops_vision.rasterise import render_page
from drawops_vision.reader import Reader
from rich.console import Console

DATA = Path(__file__).parents[2] / "shared" / "data"
SETS = ("dexpi/Label.txt", "dexpi/Label_hard.txt", "mechanical/Label.txt")
OUT = Path(__file__).parents[1] / "docs" / "benchmarks"
PICTURES = OUT / "errors"
KINDS, EXAMPLES = 10, 2
MOST_BYTES = 400_000
WHY = (
    "**Why.** Some labels show no ink (the `10`, a point of `Diam..`, the last one of `A21.A10.A80.`): "
    "quirks of the drawings' text layers. Merged and split are overprints, and labels that part numbers one "
    "space apart or join the cells of a tolerance frame. Valves resemble letters; an `I` alone or first in a "
    "word is taken for a line or an `l`; letters that touch two lines get a box that is too small. Of the "
    "21 turned labels of the part drawings 11 are pieces of a tolerance (`-`, `+`, `0.40`) read as one."
)
SOURCE = (
    "Crops: DEXPI TrainingTestCases, example P&IDs by Hexagon, Siemens, AVEVA and Covestro for DEXPI e.V., "
    "CC BY 4.0 (cut out, boxes drawn in); and test samples of javvi51/eDOCr, MIT, copyright 2024 javvi51."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns the exit code."""
    command = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    command.add_argument("--model", type=Path, required=True, metavar="DIR", help="unpacked model artifact")
    command.add_argument("--keep", type=Path, metavar="FOLDER", help="keep the readings, or take them")
    command.add_argument("--threads", type=int, default=0, help="of the networks; 0 is one a core")
    options = command.parse_args(arguments)
    reader = Reader(options.model, options.threads)
    found = {name: read(name, reader, options.keep) for name in SETS if (DATA / name).exists()}
    if not found:
        print(f"there are no labelled drawings in {DATA}", file=sys.stderr)
        return 2
    text = "\n".join(page(found)) + "\n"
    (OUT / "real_sheets.md").write_text(text, "utf-8")
    Console(width=150).print(text, markup=False, highlight=False)
    total = sum(file.stat().st_size for file in PICTURES.iterdir())
    return int(total > MOST_BYTES)


def read(name: str, reader: Reader, keep: Path | None) -> list[report.SheetResult]:
    """Read and score the sheets of one label file; their names begin with its folder."""
    labels = read_labels(DATA / name)
    read_so_far: dict[str, predictions.SheetPredictions] = {}
    for sheet in labels:
        kept = keep / f"{Path(sheet).name}.json" if keep else None
        if kept and kept.exists():
            reading = Reading.model_validate_json(kept.read_bytes())
        else:
            reading = reader.read((DATA / name).parent.joinpath(sheet).read_bytes())
            if kept:
                kept.parent.mkdir(parents=True, exist_ok=True)
                kept.write_text(reading.model_dump_json())
        read_so_far[sheet] = predictions.of_reading(reading)
    folder = Path(name).parent
    return [
        report.SheetResult(
            (folder / one.name).as_posix(), one.matching, one.score, one.errors, one.predictions
        )
        for one in report.results(labels, read_so_far)
    ]


def page(found: dict[str, list[report.SheetResult]]) -> Iterator[str]:
    """Lines of the page for docs/benchmarks; writes its pictures."""
    reports = {
        name: report.build(sheets, name=name, labels=name, predictions="") for name, sheets in found.items()
    }
    sheets = [sheet for of_set in found.values() for sheet in of_set]
    whole = report.build(sheets, name="all", labels="all", predictions="")
    yield "# The real sheets: recall by angle and height, kinds of error"
    yield ""
    yield "Written by `python -m benchmarks.real_sheets`; do not edit. Pictures only, no PDF text layer; read"
    yield f"with {', '.join(whole.models)}. Figures as in [evaluation](../evaluation.md): place and"
    yield "exact string."
    yield ""
    yield table(
        ("", "sheets", "texts", "read", "P", "R", "F1", "detection F1", "CER", "ECE", "seconds"),
        [
            (
                *(code(one.name), len(one.sheets), one.overall.labels, one.overall.predictions),
                *(one.overall.end_to_end.precision.value, one.overall.end_to_end.recall.value),
                *(one.overall.end_to_end.f1.value, one.overall.detection.f1.value, one.overall.cer.value),
                one.calibration.ece if one.calibration else None,
                None if one.seconds is None else f"{one.seconds:.1f}",
            )
            for one in [*reports.values(), whole]
        ],
    )
    yield ""
    for title, of in (("angle", "by_angle"), ("glyph height, px", "by_height")):
        yield f"## Recall by {title}"
        yield ""
        named = {name: {row.name: row for row in getattr(one, of)} for name, one in reports.items()}
        yield table(
            (title, *(heading for name in reports for heading in (f"{code(name)}: texts", "recall"))),
            [
                (
                    row.name,
                    *(
                        value
                        for rows in named.values()
                        for value in (
                            (rows[row.name].labels, rows[row.name].recall.value)
                            if row.name in rows
                            else (0, None)
                        )
                    ),
                )
                for row in getattr(whole, of)
            ],
        )
        yield ""
    yield "## The ten commonest kinds of error"
    yield ""
    yield "All sheets together. Green is the label, red what was read."
    yield ""
    yield table(
        ("kind", "meaning", "errors", "share", "for example"),
        [
            (kind.kind.value, kind.meaning, kind.count, kind.share, _shown(kind))
            for kind in whole.kinds[:KINDS]
        ],
    )
    yield ""
    yield WHY
    yield ""
    yield SOURCE


def _shown(kind: report.KindRow) -> str:
    """Pictures of a kind's commonest examples, and what stands and what was read."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    cells = []
    for number, example in enumerate(kind.examples[:EXAMPLES], start=1):
        file = PICTURES / f"{kind.kind.value.replace(' ', '-')}-{number}.png"
        sheet = render_page((DATA / example.sheet).read_bytes(), 1)
        file.write_bytes(
            crop(sheet, [one.quad for one in example.labels], [one.quad for one in example.predictions])
        )
        stands, read_as = (
            " + ".join(code(one.text) for one in items) or "nothing"
            for items in (example.labels, example.predictions)
        )
        cells.append(f"![{kind.kind.value}](errors/{file.name})<br>{stands} → {read_as}")
    return "<br>".join(cells)


if __name__ == "__main__":
    sys.exit(main())
