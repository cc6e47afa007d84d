"""The gate's own test: planted bad candidates must be blocked for the right reason, harmless ones must not.

    python -m benchmarks.gate --model model.tar.gz --crops crops.npz          # crops of val and test pages
    PYTHONPATH=containers/training .drawops/envs/training/bin/python -m benchmarks.gate_candidates …
    python -m benchmarks.gate --model model.tar.gz --candidates FOLDER --out results.json

Prints a table: what was planted, what the gate said, whether the reason is the right one, and how long it
took. Results are kept in --out as they come; a candidate that stands there is not judged again.
"""

import argparse
import importlib.util
import json
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
from drawops.contracts.datasets import DatasetManifest
from drawops.contracts.training import Outcome, ReasonCode
from drawops_vision import artifact
from drawops_vision.gate import judge
from drawops_vision.gate.allowances import Allowances
from drawops_vision.gate.page import html
from drawops_vision.gate.pages import of_version
from drawops_vision.rasterise import render_page
from drawops_vision.recognise import crop
from rich.console import Console
from rich.table import Table

from benchmarks import gate_data

TRAINING = Path(__file__).parents[1] / "containers" / "training"
R = ReasonCode
EXPECTED: dict[str, set[ReasonCode]] = {
    "one-character-erased": {R.CHARACTER_LOST},
    "one-chinese-character-erased": {R.CHARACTER_LOST},
    "several-characters-erased": {R.CHARACTER_LOST},
    "digits-lost": {R.CHARACTER_LOST},
    "lower-case-lost": {R.CHARACTER_LOST},
    "chinese-lost": {R.CHARACTER_LOST},
    "symbols-lost": {R.CHARACTER_LOST},
    "quantised-badly": {R.SLICE_WORSE},
    "noise-in-backbone": {R.SLICE_WORSE},
    "nan-weights": {R.NOT_FINITE},
    "infinite-weights": {R.NOT_FINITE},
    "angle-lost": {R.SLICE_WORSE},
    "blind-to-small-text": {R.SLICE_WORSE},
    "slow-detector": {R.TOO_SLOW},
    "slow-recogniser": {R.TOO_SLOW},
    "too-large": {R.TOO_LARGE},
    "dictionary-order": {R.DICTIONARY_ORDER},
    "dictionary-cut": {R.DICTIONARY_LOST, R.PARITY},
    "overfitted-on-val": {R.SLICE_WORSE},
    "trained-on-test": {R.TRAINED_ON_TEST},
    "threshold-broken": {R.SLICE_WORSE},
    "calibration-broken": {R.CALIBRATION},
    "corrupt-archive": {R.BROKEN_ARTIFACT},
}
"""Reasons that must be among those given."""


@dataclass(frozen=True)
class Outcomes:
    """What came of one candidate."""

    name: str
    right: bool
    document: dict[str, object]


def packed(
    approved: Path, changed: Path | None, archive: Path, name: str, held_back: Iterable[str] = ()
) -> None:
    """Pack a candidate: the approved model with some files changed.

    What learnt from pages that are held back says so in its record, as our training job does.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        manifest = artifact.unpack_verified(approved, folder)
        for file in changed.iterdir() if changed else ():
            shutil.copyfile(file, folder / file.name)
        if name == "trained-on-test":
            (folder / artifact.TRAINING).write_text(json.dumps({"page_ids": sorted(held_back)}))
        thresholds, calibration = manifest.thresholds, manifest.calibration
        if name == "threshold-broken":
            thresholds = thresholds.model_copy(update={"box": 0.97})
        if name == "calibration-broken" and calibration is not None:
            turned = {feature: -weight for feature, weight in calibration.weights.items()}
            calibration = artifact.Calibration(intercept=-calibration.intercept, weights=turned)
        artifact.write_manifest(
            folder,
            name="unit-40",
            version="1.0.0",
            parent=f"{manifest.name}/{manifest.version}",
            preprocessing=manifest.preprocessing,
            thresholds=thresholds,
            calibration=calibration,
        )
        artifact.pack(folder, archive)
    if name == "corrupt-archive":
        archive.write_bytes(archive.read_bytes()[:-100_000])


def program() -> ModuleType:
    """containers/training/gate.py, which no package holds."""
    spec = importlib.util.spec_from_file_location("gate_program", TRAINING / "gate.py")
    assert spec is not None  # the file is there
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def export_crops(dataset: Path, approved: Path, out: Path) -> None:
    """Crops of all labels of val and test pages, for `benchmarks.gate_candidates`."""
    manifest = DatasetManifest.model_validate_json(
        next(dataset.glob("datasets/*/versions/*/manifest.json")).read_bytes()
    )
    arrays: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.uint8]]] = {}
    texts: dict[str, list[str]] = {"val": [], "test": []}
    for page in of_version(dataset, gate_data.run_of(manifest, approved)):
        part = "val" if page.part == "new" else "test"
        pixels = render_page(page.data(), 1)
        for label in page.labels:
            picture = crop(pixels, np.array(label.quad, np.float32), 0.3)
            grey = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
            arrays[f"{part}-{len(texts[part])}"] = np.asarray(grey, np.uint8)
            texts[part].append(label.text)
    words = {f"{part}-texts": np.array(json.dumps(found)) for part, found in texts.items()}
    np.savez(out, **arrays, **words)  # type: ignore[arg-type]


def judged(names: Iterable[str], options: argparse.Namespace, allowances: Allowances) -> list[Outcomes]:
    """Judge candidates one after another; the approved model reads once."""
    approved, candidates, dataset = options.model, options.candidates, options.dataset
    out, pages, threads = options.out, options.pages, options.threads
    known = json.loads(out.read_text()) if out.is_file() else {}
    lettering = program().LETTERING
    manifest = DatasetManifest.model_validate_json(
        next(dataset.glob("datasets/*/versions/*/manifest.json")).read_bytes()
    )
    held_back = [page.page_id for page in manifest.pages if page.regression]
    run = gate_data.run_of(manifest, approved)
    ready: judge.Approved | None = None
    with tempfile.TemporaryDirectory() as place:
        scratch = Path(place)
        for name in names:
            if name in known:
                continue
            if ready is None:
                opened = judge.open_approved(approved, run, scratch / "approved")
                ready = judge.prepare(run, opened, dataset, lettering, allowances, threads)
            changed = candidates / name
            archive = scratch / "candidate.tar.gz"
            packed(approved, changed if changed.is_dir() else None, archive, name, held_back)
            folder = scratch / name
            found = judge.judge(
                run, ready, archive, folder, dataset, lettering, allowances, _quietly, threads
            )
            shutil.rmtree(folder, ignore_errors=True)
            known[name] = found.verdict.model_dump(mode="json", exclude={"golden", "rows"})
            out.write_text(json.dumps(known, indent=1, ensure_ascii=False))
            if pages is not None:
                pages.mkdir(parents=True, exist_ok=True)
                (pages / f"{name}.html").write_text(html(found), encoding="utf-8")
            Console().print(name, found.verdict.outcome.value, round(found.verdict.seconds))
    return [Outcomes(name, is_right(name, known[name]), known[name]) for name in names]


def _quietly(_: str) -> None:
    """Nobody waits for single steps here."""


def is_right(name: str, document: dict[str, object]) -> bool:
    """Whether the verdict is the one that a careful person would give."""
    reasons = document["reasons"]
    assert isinstance(reasons, list)
    codes = {ReasonCode(reason["code"]) for reason in reasons}
    if name.startswith("benign"):
        return document["outcome"] != Outcome.REJECTED
    return document["outcome"] == Outcome.REJECTED and EXPECTED[name] <= codes


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="the approved model's archive")
    parser.add_argument("--dataset", type=Path, default=Path("results/gate/dataset"))
    parser.add_argument("--crops", type=Path, help="write crops of val and test pages there, and end")
    parser.add_argument("--candidates", type=Path)
    parser.add_argument("--out", type=Path, default=Path("results/gate/results.json"))
    parser.add_argument("--pages", type=Path, help="folder for verdict.html of each")
    parser.add_argument("--threads", type=int, default=0, help="of the networks; 0: one a core")
    parser.add_argument("--groups", type=int, default=60, help="of general lines; fewer are quicker")
    parser.add_argument("--sheets", type=int, nargs=2, default=(8, 8), help="val and regression pages")
    parser.add_argument("--only", nargs="*", help="names of candidates")
    options = parser.parse_args()
    val, held = options.sheets
    if not options.dataset.is_dir():
        gate_data.write(options.dataset, gate_data.sheets(val, held, size="A5"))
    if options.crops:
        export_crops(options.dataset, options.model, options.crops)
        return
    options.out.parent.mkdir(parents=True, exist_ok=True)
    there = sorted(folder.name for folder in options.candidates.iterdir())
    names = options.only or [
        *(name for name in EXPECTED),
        *(one for one in there if one.startswith("benign")),
    ]
    allowances = Allowances(groups=options.groups)
    found = judged(names, options, allowances)
    listed = Table("candidate", "outcome", "reasons", "right", "seconds")
    for one in found:
        reasons = one.document["reasons"]
        assert isinstance(reasons, list)
        codes = ", ".join(dict.fromkeys(reason["code"] for reason in reasons))
        listed.add_row(
            one.name,
            str(one.document["outcome"]),
            codes,
            "yes" if one.right else "NO",
            str(one.document["seconds"]),
        )
    Console(width=160).print(listed)


if __name__ == "__main__":
    main()
