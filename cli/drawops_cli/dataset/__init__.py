"""`drawops dataset`: one module a verb. A new verb is a module here and an entry in `VERBS`."""

from collections.abc import Callable
from typing import Any

from drawops_cli.dataset import (
    cleaning,
    exporting,
    getting,
    importing,
    inspecting,
    listing,
    publishing,
    synth,
    versions,
)
from drawops_cli.help import group

VERBS: tuple[tuple[str, Callable[..., Any]], ...] = (
    ("list", listing.list_datasets),
    ("get", getting.get),
    ("synth", synth.synth),
    ("import", importing.import_dataset),
    ("inspect", inspecting.inspect),
    ("clean", cleaning.clean),
    ("export", exporting.export),
    ("publish", publishing.publish),
    ("versions", versions.versions),
    ("diff", versions.diff),
)

HELP = """Labelled data sets: fetch, generate, convert, look at, clean, export; and versions of them.

\b
    drawops dataset list                        what there is, and its licence
    drawops dataset synth --count 9 --out new   generated, with exact labels
    drawops dataset import pdf DIR --out new    labels out of vector PDFs
    drawops dataset inspect new                 what is in it, what looks wrong
    drawops dataset clean new --out good        leave out what is wrong
    drawops dataset export good --out paddle    for PaddleOCR
    drawops dataset publish good --project p    a version, for training

A data set is a folder: images/, Label.txt in PaddleOCR's format, dataset.json with licence and origin.
"""

app = group(HELP, VERBS)
