"""How long a Lambda function takes to import on a cold start, and how large its layer is.

    python -m benchmarks.cold_import [--runs 5]

Each function is imported by a fresh interpreter, the one that runs it on the local cloud, from its built
artifacts alone: its own folder and its built layers; boto3 comes with the interpreter, as on AWS. Neither
artifact holds bytecode and none is written, so compiling is part of the time, as it is on AWS where both
are read-only. Needs what `drawops up` builds. Exit code 1 when a goal is missed.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from drawops_local import environments
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
BUILT = ROOT / ".aws-sam" / "build"
LAYER = BUILT / "CoreLayer"
# Layers that a function has besides, as in template.yaml.
FURTHER_LAYERS = {"serve_console": ("ConsoleLayer",)}
GOAL_MILLISECONDS = 400
GOAL_MEGABYTES = 15
_TIMED_IMPORT = "import time; start = time.perf_counter(); import handler; print(time.perf_counter() - start)"


class ImportFailed(Exception):
    """A function cannot be imported from its artifacts; the message ends with the traceback."""


def function_folders() -> list[Path]:
    """The folders of all functions, by name."""
    return sorted(path.parent for path in ROOT.glob("functions/*/handler.py"))


def import_seconds(function: Path) -> float:
    """Import one function's handler in a fresh interpreter.

    Raises:
        ImportFailed: it cannot be imported.
    """
    layers = [LAYER, *(BUILT / name for name in FURTHER_LAYERS.get(function.name, ()))]
    python = environments.python_of(environments.environment_path(ROOT, "lambda"))
    # Variables that AWS sets and boto3 or the handlers may look for; nothing of this machine.
    variables = {
        "PATH": os.defpath,
        "PYTHONPATH": os.pathsep.join([str(function), *(str(layer / "python") for layer in layers)]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    with tempfile.TemporaryDirectory() as empty:
        done = subprocess.run(
            # -P: nothing is imported from the working directory.
            [str(python), "-P", "-c", _TIMED_IMPORT],
            env=variables,
            cwd=empty,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise ImportFailed(f"{function.name}:\n{done.stderr}")
    return float(done.stdout)


def layer_bytes() -> int:
    """Size of the layer as it lies unzipped under /opt: the sum of its files."""
    return sum(path.stat().st_size for path in LAYER.rglob("*") if path.is_file())


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; returns the exit code."""
    command = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    command.add_argument("--runs", type=int, default=5, help="the median of this many is reported")
    options = command.parse_args(arguments)
    if not LAYER.is_dir():
        command.error("the layer is not built; run `drawops up` once")
    table = Table(title=f"cold import, median of {options.runs}; goal {GOAL_MILLISECONDS} ms")
    table.add_column("function")
    for heading in ("ms", "slowest"):
        table.add_column(heading, justify="right")
    missed = False
    for function in function_folders():
        times = [1000 * import_seconds(function) for _ in range(options.runs)]
        median = statistics.median(times)
        missed |= median > GOAL_MILLISECONDS
        style = "red" if median > GOAL_MILLISECONDS else ""
        table.add_row(function.name, f"{median:.0f}", f"{max(times):.0f}", style=style)
    megabytes = layer_bytes() / 1e6
    missed |= megabytes > GOAL_MEGABYTES
    console = Console()
    console.print(table)
    console.print(f"layer, unzipped: {megabytes:.1f} MB; goal {GOAL_MEGABYTES} MB")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
