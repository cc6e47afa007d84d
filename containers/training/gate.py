#!/usr/bin/env python3
"""The gate as a SageMaker processing job: is the candidate fit to replace the approved model?

    python gate.py

Under `<root>/processing/input` lie `candidate/model.tar.gz`, `approved/model.tar.gz`, `dataset/` (every file
under its S3 key) and `settings/run.json` (a `TrainingRun`), optionally `settings/allowances.json`. It writes
`<root>/processing/output/verdict/verdict.json` and `verdict.html`. The root is DRAWOPS_ML_ROOT, by default
/opt/ml.

Exit code 0: there is a verdict, whatever it says. Else the gate itself could not do its work; a sentence for
people is in `<root>/output/message`, which SageMaker shows as the job's exit message.
"""

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from drawops.contracts.training import TrainingRun
from drawops.errors import DrawopsError, Misconfigured
from drawops_training import lines
from drawops_vision.gate import judge
from drawops_vision.gate.allowances import Allowances
from drawops_vision.gate.general import Lettering
from drawops_vision.gate.page import html
from pydantic import BaseModel, ValidationError

ARCHIVE = "model.tar.gz"
LONGEST_MESSAGE = 1024
T = TypeVar("T", bound=BaseModel)
LETTERING = Lettering(mixed=lines.line, of_text=lines.of_text)


def run(root: Path, say: Callable[[str], None]) -> judge.Findings:
    """Judge what lies under `root` and write the verdict there.

    Raises:
        DrawopsError: the gate cannot do its work: an input is missing, or the approved model is unreadable.
    """
    given, written = root / "processing" / "input", root / "processing" / "output" / "verdict"
    training = _document(given / "settings" / "run.json", TrainingRun)
    own = given / "settings" / "allowances.json"
    allowances = _document(own, Allowances) if own.is_file() else Allowances()
    approved, candidate = (_present(given / side / ARCHIVE) for side in ("approved", "candidate"))
    with tempfile.TemporaryDirectory() as scratch:
        opened = judge.open_approved(approved, training, Path(scratch) / "approved")
        ready = judge.prepare(training, opened, given / "dataset", LETTERING, allowances)
        found = judge.judge(
            training,
            ready,
            candidate,
            Path(scratch) / "candidate",
            given / "dataset",
            LETTERING,
            allowances,
            say,
        )
        written.mkdir(parents=True, exist_ok=True)
        (written / "verdict.html").write_text(html(found), encoding="utf-8")
        (written / "verdict.json").write_text(
            found.verdict.model_dump_json(indent=2) + "\n", encoding="utf-8"
        )
    return found


def main() -> int:
    """Entry point; returns the exit code."""
    root = Path(os.environ.get("DRAWOPS_ML_ROOT", "/opt/ml"))
    try:
        found = run(root, lambda step: print(f"done: {step}", flush=True))
    except (DrawopsError, OSError) as error:
        message = root / "output" / "message"
        message.parent.mkdir(parents=True, exist_ok=True)
        message.write_text(str(error)[:LONGEST_MESSAGE], encoding="utf-8")
        print(f"error: {error}", file=sys.stderr, flush=True)
        return 1
    verdict = found.verdict
    print(f"outcome={verdict.outcome.value} seconds={verdict.seconds:.0f}", flush=True)
    for reason in verdict.reasons:
        print(f"{reason.code.value}: {reason.sentence}", flush=True)
    return 0


def _present(path: Path) -> Path:
    if not path.is_file():
        raise Misconfigured(f"{path.parent.name}/{path.name} is missing among the gate's inputs.")
    return path


def _document(path: Path, kind: type[T]) -> T:
    try:
        return kind.model_validate_json(_present(path).read_bytes())
    except ValidationError as error:
        raise Misconfigured(f"{path.name} is not what the gate expects: {error}") from error


if __name__ == "__main__":
    sys.exit(main())
