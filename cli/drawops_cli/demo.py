"""`drawops demo`."""

import contextlib
import fcntl
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from drawops.catalog import Status
from drawops_local import processes
from rich.text import Text

from drawops_cli import bring_up, downloads
from drawops_cli.console import err, out, symbol
from drawops_cli.failures import Failure
from drawops_cli.project import project_root
from drawops_cli.steps import Steps
from drawops_cli.submit import follow_live, print_outcome, upload_all

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Sample:
    """A drawing of the demo: how `drawops_vision.sheets` makes it, and what is special about it."""

    name: str
    seed: int
    size: str
    look: str
    dpi: int
    about: str


SAMPLES = (
    Sample("feed-section.pdf", 3, "A3", "clean", 300, "A3 PDF from CAD: its text layer is used"),
    Sample("reactor-section.png", 5, "A2", "clean", 150, "A2 picture: every text is recognised"),
    Sample("archive-scan.jpg", 11, "A3", "scanned", 200, "A3 scan: skewed, blurred, noisy"),
)


def demo(
    folder: Annotated[Path, typer.Option("--out", help="Where drawings and results are written.")] = Path(
        "results/demo"
    ),
    timeout: Annotated[float, typer.Option(min=1, help="Seconds to wait for the drawings at most.")] = 900,
) -> None:
    """Show everything: start a local cloud of its own, read three drawings, stop it again.

    Nothing is left running, whatever ends it; a local cloud from `drawops up` is not touched. The first run
    installs what it needs into .drawops/, later ones reuse that.

    \b
    Examples:
        drawops demo
        drawops demo --out /tmp/drawops-demo
    """
    started = time.monotonic()
    root = project_root()
    out.print("[bold]drawops demo[/] three drawings through the whole system, on this machine\n")
    with alone(root), clean_ending(root / ".drawops" / "demo") as state:
        steps = Steps()
        with steps.step("drawings") as note:
            files = draw(folder / "drawings", note)
            note(f"{len(files)} in {folder / 'drawings'}")
        target = bring_up.bring_up(root, state, steps, restore=False, preferred_ports={})
        uploaded_at = time.monotonic()
        submissions = upload_all(target, {f"demo/{file.name}": file for file in files})
        everything = follow_live(target, submissions, timeout)
        seconds = time.monotonic() - uploaded_at
        with steps.step("results") as note:
            revisions = [progress.revision for progress in everything if progress.revision]
            written = []
            for revision in revisions:
                note(revision.key)
                written.append(downloads.download(target, revision, folder / Path(revision.key).name))
            note(str(folder))
    print_outcome(everything, seconds)
    for item in written:
        about = next(sample.about for sample in SAMPLES if sample.name == Path(item.revision.key).name)
        out.print(Text.assemble((Path(item.revision.key).name, "bold"), (f"  {about}", "dim")))
        for path in item.files:
            out.print(f"  {path}", markup=False, soft_wrap=True)
    out.print(f"\nDone in {time.monotonic() - started:.0f} s; everything was stopped. Your own drawings:")
    out.print("  .venv/bin/drawops up\n  .venv/bin/drawops submit FILE…")
    if any(progress.status != Status.PROCESSED for progress in everything):
        raise Failure("Not every drawing was read, see the table.")


def draw(folder: Path, note: Callable[[str], None]) -> list[Path]:
    """Draw the samples, each time with the same bytes; returns their paths."""
    from drawops_vision.sheets import Look, generate

    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for sample in SAMPLES:
        note(sample.name)
        sheet = generate(sample.seed, sample.size, sample.dpi, Look(sample.look), hard=False)
        encode = {".pdf": sheet.pdf, ".png": sheet.png, ".jpg": sheet.jpeg}[Path(sample.name).suffix]
        path = folder / sample.name
        path.write_bytes(encode())
        paths.append(path)
    return paths


@contextmanager
def alone(root: Path) -> Iterator[None]:
    """One demo at a time in a project.

    Raises:
        Failure: another one runs.
    """
    path = root / ".drawops" / "demo.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Failure(
                "Another demo is running in this folder. Wait for it, or stop it with Ctrl-C."
            ) from None
        yield


class Interrupted(KeyboardInterrupt):
    """A signal asked the demo to end.

    Attributes:
        number: of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def clean_ending(state: Path) -> Iterator[Path]:
    """Stop every process and remove every file of the demo's cloud, however the block ends.

    The first signal raises `Interrupted`; all later ones are ignored, so that the clean-up completes. Every
    process started inside inherits the cloud's marker and is found by it, installers and `sam` too.
    """
    _remove(state)
    temporary = state / "tmp" / "demo"
    temporary.mkdir(parents=True)
    changed = {processes.MARKER: str(state.resolve()), "TMPDIR": str(temporary)}
    before = {name: os.environ.get(name) for name in changed}
    # What the caller ignores (nohup) stays ignored.
    handlers = {number: signal.getsignal(number) for number in _SIGNALS}
    caught = [number for number, handler in handlers.items() if handler is not signal.SIG_IGN]

    def ignore() -> None:
        for number in caught:
            signal.signal(number, signal.SIG_IGN)

    def interrupt(number: int, frame: object) -> NoReturn:
        ignore()
        raise Interrupted(number)

    failed = False
    try:
        # Two blocks: a signal between the end of the work and `ignore` must not skip the clean-up.
        try:
            for number in caught:
                signal.signal(number, interrupt)
            os.environ.update(changed)
            tempfile.tempdir = None
            yield state
        except Exception:
            failed = True
            raise
        finally:
            ignore()
    finally:
        err.print(Text(f"  {symbol('…', '...')} stopping everything", "dim"))
        if failed:
            _keep_logs(state, state.with_name("demo-logs"))
        _remove(state)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        tempfile.tempdir = None
        for number in caught:
            signal.signal(number, handlers[number])


def _remove(state: Path) -> None:
    """Stop what belongs to `state` and delete it; also what a killed demo left behind."""
    # Again until none is left: a process may have started another while it was being stopped.
    while found := processes.processes_of(state):
        processes.stop(found)
    if state.exists():
        shutil.rmtree(state)


def _keep_logs(state: Path, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    for source in (state / "logs", state / "sagemaker" / "logs"):
        with contextlib.suppress(FileNotFoundError):
            shutil.copytree(source, folder, dirs_exist_ok=True)
    if folder.exists():
        err.print(f"The logs are kept in {folder}", soft_wrap=True)
