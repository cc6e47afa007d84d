"""Write generated sheets and their ground truth into a folder: ``python -m drawops_vision.sheets --help``."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from drawops_vision.sheets import SIZES, Kind, Look, Sheet, generate
from drawops_vision.sheets.truth import label_line, to_json

EPILOG = """\
what is written into DIR
  pid-A3-clean-0001.png    one picture (or PDF) a sheet; the number is the seed
  pid-A3-clean-0001.json   its size, resolution and texts: string, quad, angle
  Label.txt                the sheets of this run (an older one is replaced), in PaddleOCR's detection format:
                           NAME<TAB>[{"transcription": ..., "points": [[x, y] x 4], "difficult": false}, ...]

Quads are in pixels (of a PDF: rendered at --dpi), clockwise from the text's own top-left, tight around the
ink. The same options always write the same bytes.

examples
  three scanned A3 sheets to try the reader on
    python -m drawops_vision.sheets --count 3 --size A3 --look scanned --out sheets
  vector PDFs with a text layer
    python -m drawops_vision.sheets --count 2 --size A1 --format pdf --out pdfs
  200 small files for a load test
    python -m drawops_vision.sheets --count 200 --size A5 --dpi 150 --format jpeg --out load
  part drawings, badly skewed
    python -m drawops_vision.sheets --kind mechanical --look skewed --count 3 --out parts
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    command = argparse.ArgumentParser(
        prog="python -m drawops_vision.sheets",
        description="Draw sheets with exact ground truth for every text on them.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder to write to; made if missing"
    )
    command.add_argument("--count", type=int, default=1, metavar="N", help="how many sheets (default 1)")
    command.add_argument(
        "--seed", type=int, default=1, metavar="N", help="seed of the first sheet, then +1 each (default 1)"
    )
    command.add_argument(
        "--kind",
        choices=[kind.value for kind in Kind],
        default="pid",
        help="P&ID, part drawing or piping isometric (default pid)",
    )
    command.add_argument("--size", choices=list(SIZES), default="A3", help="paper, landscape (default A3)")
    command.add_argument("--dpi", type=int, default=300, metavar="N", help="50 to 1200 (default 300)")
    command.add_argument(
        "--look",
        choices=[look.value for look in Look],
        default="clean",
        help="straight from CAD; printed and scanned (blur, noise, JPEG); scanned with one more fault; "
        "worn: with several (default clean)",
    )
    command.add_argument(
        "--format",
        choices=["png", "jpeg", "tiff", "pdf"],
        default="png",
        help="pdf: vectors with a text layer, or the scan as one picture (default png)",
    )
    command.add_argument(
        "--tidy",
        action="store_true",
        help="without stamps, slanted notes, texts on lines and whatever else makes sheets hard to read",
    )
    command.add_argument(
        "--chinese",
        action="store_true",
        help="notes and title in Chinese; needs: pip install noto-cjk-sans-jp-regular",
    )
    return command


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the sheets; returns the exit code."""
    command = parser()
    options = command.parse_args(arguments)
    if options.count < 1:
        command.error("--count must be at least 1")
    options.out.mkdir(parents=True, exist_ok=True)
    labels = []
    for seed in range(options.seed, options.seed + options.count):
        try:
            sheet = generate(
                seed,
                options.size,
                options.dpi,
                Look(options.look),
                options.chinese,
                Kind(options.kind),
                hard=not options.tidy,
            )
        except (ValueError, ModuleNotFoundError) as error:
            command.error(str(error))
        stem = f"{options.kind}-{options.size}-{options.look}-{seed:04d}"
        name = f"{stem}.{options.format}"
        (options.out / name).write_bytes(_encode(sheet, options.format))
        size = sheet.transform
        (options.out / f"{stem}.json").write_text(
            to_json(name, size.width, size.height, sheet.dpi, sheet.truth), encoding="utf-8"
        )
        labels.append(label_line(name, sheet.truth))
        print(f"{options.out / name}: {size.width} x {size.height} px, {len(sheet.truth)} texts")
    (options.out / "Label.txt").write_text("".join(labels), encoding="utf-8")
    print(f"{options.out / 'Label.txt'}: {len(labels)} sheets")
    return 0


def _encode(sheet: Sheet, kind: str) -> bytes:
    encoders = {"png": sheet.png, "jpeg": sheet.jpeg, "tiff": sheet.tiff, "pdf": sheet.pdf}
    return encoders[kind]()


if __name__ == "__main__":
    sys.exit(main())
