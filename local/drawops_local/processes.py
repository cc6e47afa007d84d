"""Child processes that outlive their starter, and finding every process that belongs to a cloud."""

import itertools
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import psutil

MARKER = "DRAWOPS_CLOUD_STATE"


def start_detached(command: list[str], environment: Mapping[str, str], log: Path, directory: Path) -> int:
    """Start a server in its own session, its output appended to `log`; returns its process id."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "ab") as output:
        process = subprocess.Popen(
            command,
            env=dict(environment),
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return process.pid


def processes_of(state: Path) -> list[psutil.Process]:
    """Every running process that carries the marker of the cloud with this state directory.

    Children inherit the marker with their environment, so this also finds what a killed server left
    behind: Lambda workers, model containers and what they started.
    """
    wanted = str(state.resolve())
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(MARKER) == wanted:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess, OSError):
            continue  # ended meanwhile, or somebody else's
    return found


def stop(processes: Iterable[psutil.Process], grace: float = 5.0) -> None:
    """Ask processes to end, then insist; returns when all have ended."""
    alive = list(processes)
    for process in alive:
        _send(process, signal.SIGTERM)
    alive = _wait(alive, grace)
    for process in alive:
        _send(process, signal.SIGKILL)
    _wait(alive, grace)


def _wait(processes: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Wait for processes to end; returns those that have not.

    A zombie counts as ended: whoever started it may never fetch its exit code, for which psutil's own wait
    would wait. Its last threads may hold a port for a moment longer.
    """
    deadline = time.monotonic() + seconds
    while True:
        alive = [process for process in processes if _is_alive(process)]
        if not alive or time.monotonic() > deadline:
            return alive
        time.sleep(0.02)


def _is_alive(process: psutil.Process) -> bool:
    try:
        if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            return True
        # Our own child: fetch its exit code, so that no zombie stays.
        process.wait(timeout=0)
    except (psutil.NoSuchProcess, psutil.TimeoutExpired):
        return False
    return False


def is_running(pid: int, started: float) -> bool:
    """Whether the process with this id is still the one that started at `started` (epoch seconds)."""
    try:
        process = psutil.Process(pid)
        return process.create_time() == started and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def stop_known(pid: int, started: float) -> None:
    """End the process that `is_running` asks about, and wait until it is gone with its ports.

    A process that was just killed loses its environment, hence its marker, some time before its ports.
    """
    try:
        process = psutil.Process(pid)
        if process.create_time() == started:
            stop([process])
    except psutil.NoSuchProcess:
        return


def free_port(preferred: int = 0) -> int:
    """`preferred` if nobody listens there, else a free port of 127.0.0.1.

    Below the range from which outgoing connections get theirs: a port in that range may be taken by any
    connection of this machine while its server is down.
    """
    for port in itertools.chain([preferred] if preferred else [], _random_ports()):
        if is_free(port):
            return port
    raise OSError("no free port between 20000 and 32000 on 127.0.0.1")


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _random_ports() -> list[int]:
    return random.sample(range(20000, 32000), 200)


def start_time(pid: int) -> float:
    """When a process started, in epoch seconds; with the id it names the process for ever."""
    return float(psutil.Process(pid).create_time())


def _send(process: psutil.Process, number: int) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return
