"""The program of a job as a process that outlives this one.

A shell stands between: it waits for the program and writes its exit code to a file. So a runner that was
killed finds the program still running, or how it ended. Signals go to the program alone, as ``docker stop``
sends them to the first process of a container.
"""

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from drawops_local.processes import MARKER, is_running, start_time, stop

JOB_MARKER = "DRAWOPS_JOB"
KILLED = 128 + signal.SIGKILL
# The trap keeps the shell waiting when the whole session is sent SIGTERM; the program gets the default back.
_SCRIPT = 'trap : TERM INT; nice -n 10 "$@"; code=$?; echo "$code" >"$0.new" && mv "$0.new" "$0"'


@dataclass(frozen=True)
class Started:
    """Names a process for ever."""

    pid: int
    started: float


class JobProcess:
    """A started program."""

    def __init__(
        self, identity: Started, exit_file: Path, child: "subprocess.Popen[bytes] | None" = None
    ) -> None:
        self.identity = identity
        self._exit_file = exit_file
        self._child = child

    @classmethod
    def start(
        cls, command: Sequence[str], variables: Mapping[str, str], directory: Path, log: Path, exit_file: Path
    ) -> "JobProcess":
        """Start `command` in a session of its own, its output appended to `log`."""
        exit_file.unlink(missing_ok=True)
        log.parent.mkdir(parents=True, exist_ok=True)
        with open(log, "ab") as output:
            child = subprocess.Popen(
                ["/bin/sh", "-c", _SCRIPT, str(exit_file), *command],
                env=dict(variables),
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return cls(Started(child.pid, start_time(child.pid)), exit_file, child)

    @property
    def running(self) -> bool:
        """Whether the program has not ended."""
        if self._child is not None:
            return self._child.poll() is None
        return is_running(self.identity.pid, self.identity.started)

    def terminate(self) -> bool:
        """SIGTERM to the program; False when it has not begun yet."""
        programs = self._programs(recursive=False)
        for program in programs:
            with contextlib.suppress(psutil.NoSuchProcess):
                program.send_signal(signal.SIGTERM)
        return bool(programs)

    def kill(self) -> None:
        """SIGKILL to the program and everything it started; the shell stays to write that down."""
        for program in self._programs(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                program.send_signal(signal.SIGKILL)

    def exit_code(self) -> int:
        """Of a program that has ended; 128 + number of the signal that killed it."""
        return exit_code(self._exit_file, default=KILLED)

    def clean_up(self, job: str) -> None:
        """A container ends with its first process: stop what it left behind."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.identity.pid, signal.SIGKILL)
        stop_job(job)

    def _programs(self, *, recursive: bool) -> list[psutil.Process]:
        try:
            shell = psutil.Process(self.identity.pid)
            if shell.create_time() != self.identity.started:
                return []
            return shell.children(recursive=recursive)
        except psutil.NoSuchProcess:
            return []


def exit_code(exit_file: Path, default: int) -> int:
    """What the shell wrote down, or `default` when it was killed before it could."""
    try:
        return int(exit_file.read_text())
    except (FileNotFoundError, ValueError):
        return default


def stop_job(job: str) -> int:
    """Stop every process of a job of this cloud; returns how many."""
    found = []
    own = os.environ.get(MARKER)
    for process in psutil.process_iter():
        try:
            surroundings = process.environ()
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess, OSError):
            continue  # ended meanwhile, or somebody else's
        if surroundings.get(JOB_MARKER) == job and surroundings.get(MARKER) == own:
            found.append(process)
    stop(found)
    return len(found)
