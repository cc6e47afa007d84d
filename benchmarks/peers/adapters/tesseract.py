"""Tesseract 5, English, "sparse text" (`--psm 11`): as much text as possible in no particular order."""

import os
import re
import subprocess
from collections.abc import Iterator
from itertools import groupby

from benchmarks.peers.adapters.session import (
    FoundText,
    Read,
    argument_parser,
    peak_memory_of_children,
    serve,
)

# Tesseract's level of a word in its TSV (1 page, 2 block, 3 paragraph, 4 line, 5 word).
WORD = "5"


def load(threads: int) -> tuple[Read, dict[str, str]]:
    """A reader of image files, and versions."""
    surroundings = {**os.environ, "OMP_THREAD_LIMIT": str(threads)}

    def read(image: str) -> Iterator[FoundText]:
        done = subprocess.run(
            ["tesseract", image, "-", "--psm", "11", "-l", "eng", "tsv"],
            env=surroundings,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(done.stderr.strip().splitlines()[-1])
        return lines(done.stdout)

    return read, versions()


def lines(tsv: str) -> Iterator[FoundText]:
    """Words of one line, joined by spaces, in the upright box around them."""
    rows = [row.split("\t") for row in tsv.splitlines()[1:]]
    words = [row for row in rows if row[0] == WORD and row[11].strip()]
    # page_num, block_num, par_num, line_num
    for _, group in groupby(words, key=lambda row: row[1:5]):
        line = list(group)
        left, top = (min(int(row[column]) for row in line) for column in (6, 7))
        right, bottom = (max(int(row[start]) + int(row[start + 2]) for row in line) for start in (6, 7))
        quad = [[left, top], [right, top], [right, bottom], [left, bottom]]
        yield FoundText(" ".join(row[11] for row in line), quad)


def versions() -> dict[str, str]:
    """As the program tells it."""
    said = subprocess.run(["tesseract", "--version"], capture_output=True, text=True, check=True).stdout
    found = re.match(r"tesseract v?(\S+)", said)
    return {"tesseract": found[1] if found else said.splitlines()[0]}


def main() -> None:
    """Command line."""
    options = argument_parser(__doc__).parse_args()
    serve(options.report, load, peak_memory_of_children)


if __name__ == "__main__":
    main()
