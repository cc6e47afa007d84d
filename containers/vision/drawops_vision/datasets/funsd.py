"""FUNSD: 199 scanned forms (Jaume et al., ICDAR-OST 2019).

    training_data/images/NAME.png   training_data/annotations/NAME.json   and the same below testing_data/

A JSON file holds ``form``, a list of entries: ``id``, ``text``, ``label`` (question, answer, header, other),
``box`` [left, top, right, bottom], ``words`` (each ``text`` and ``box``) and ``linking`` [[from, to] …].
Words become labels, their entry's label is their kind; entries with their links go to `objects.jsonl`.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from drawops.contracts.labels import Label, LabelSource

from drawops_vision.datasets.conversion import PICTURES, Conversion, box_of, files, shown, text_of, upright
from drawops_vision.datasets.folder import BadDataset

TESTING = "testing_data"


def convert(sources: Sequence[Path], conversion: Conversion) -> None:
    """Convert the unpacked data set, which may lie in several folders.

    Raises:
        BadDataset: there are no forms below `sources`.
    """
    pictures = {(path.parent.parent, path.stem): path for path in files(sources, *PICTURES)}
    annotations = [path for path in files(sources, ".json") if path.parent.name == "annotations"]
    if not annotations:
        raise BadDataset(
            f"{shown(sources)} does not look like FUNSD: training_data/annotations/NAME.json is expected."
        )
    conversion.expect(len(annotations))
    for path in annotations:
        picture = pictures.pop((path.parent.parent, path.stem), None)
        if picture is None:
            conversion.problem(path.name, "left out: its picture is missing")
            continue
        try:
            document = json.loads(text_of(path)[0])
            entries = document["form"]
            if not isinstance(entries, list):
                raise TypeError("'form' is no list")
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            conversion.problem(path.name, f"left out: not the JSON of a form ({error})")
            continue
        _form(path, picture, entries, conversion)
    for picture in pictures.values():
        conversion.problem(picture.name, "left out: it has no annotations")


def _form(path: Path, picture: Path, entries: list[Any], conversion: Conversion) -> None:
    labels: list[Label] = []
    kept = []
    for place, entry in enumerate(entries):
        try:
            words = entry["words"]
            objects = {
                "id": entry["id"],
                "label": str(entry["label"]),
                "text": str(entry["text"]),
                "box": list(box_of(entry["box"])),
                "linking": [[one, other] for one, other in entry["linking"]],
                "words": [],
            }
            if not isinstance(words, list):
                raise TypeError("'words' is no list")
        except (KeyError, TypeError, ValueError) as error:
            conversion.problem(path.name, f"entry {place}: {error}")
            continue
        for number, word in enumerate(words):
            try:
                label = Label(
                    id=f"e{place}-w{number}",
                    points=upright(*box_of(word["box"])),
                    text=word["text"],
                    kind=objects["label"],
                    source=LabelSource.DATASET,
                )
            except (KeyError, TypeError, ValueError) as error:
                conversion.problem(path.name, f"entry {place}, word {number}: {error}")
                continue
            labels.append(label)
            objects["words"].append(label.id)
        kept.append(objects)
    split = "test" if TESTING in path.parts else "train"
    conversion.page(picture.name, picture, labels, {"split": split, "entries": kept})
