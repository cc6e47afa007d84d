"""Score real P&IDs that went the whole way: S3, workflow, endpoint, result.json.

    python -m benchmarks.read_through_platform [--labels FILE] [--min-f1 0.70]

The sheets of ../shared/data/dexpi (or of another PaddleOCR label file) are dropped into a fresh stack on a
local cloud of its own; what is scored are the stored result documents. `drawops evaluate` prints the tables
and writes the report (results/evaluation). Exit code 1 when the F1 of all sheets is under --min-f1.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from drawops.catalog import Status
from drawops_vision.evaluation.scoring import read_labels
from rich.console import Console

from benchmarks.local_stack import all_ended, temporary_stack

DATA = Path(__file__).parents[2] / "shared" / "data" / "dexpi"
SECONDS_A_SHEET = 300


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns the exit code."""
    command = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    command.add_argument("--labels", type=Path, default=DATA / "Label.txt", metavar="FILE")
    command.add_argument("--min-f1", type=float, default=0.70, metavar="F1")
    options = command.parse_args(arguments)
    if not options.labels.exists():
        command.error(f"{options.labels} does not exist")
    sheets = [options.labels.parent / name for name in read_labels(options.labels)]
    console = Console()
    with tempfile.TemporaryDirectory() as folder, temporary_stack() as stack:
        started = time.monotonic()
        dropped = {sheet: stack.drop(f"dexpi/{sheet.name}", sheet.read_bytes()) for sheet in sheets}
        revisions = all_ended(stack, list(dropped.values()), SECONDS_A_SHEET * len(sheets))
        seconds = time.monotonic() - started
        peak = stack.container_peak()
        for sheet, one in dropped.items():
            revision = revisions[one.drawing_id]
            if revision.status is not Status.PROCESSED or revision.result_key is None:
                console.print(
                    f"{sheet.name}: {revision.status} {revision.code} {revision.reason}", style="red"
                )
                return 1
            (Path(folder) / f"{sheet.name}.json").write_bytes(stack.data(revision.result_key))
        code = subprocess.run(
            [
                *(sys.executable, "-m", "drawops_cli.main", "evaluate", "--labels", str(options.labels)),
                *("--predictions", folder, "--min-f1", str(options.min_f1)),
            ],
            check=False,
        ).returncode
    memory = f", inference process at most {peak / 1e6:.0f} MB" if peak else ""
    console.print(f"{len(sheets)} sheets from upload to result: {seconds:.1f} s{memory}")
    return code


if __name__ == "__main__":
    sys.exit(main())
