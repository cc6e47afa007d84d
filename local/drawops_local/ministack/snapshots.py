"""Snapshots of all services while MiniStack runs.

MiniStack saves its state only when it is stopped politely. Here a child process made by `fork` writes it:
the child has the memory of one instant, so the picture is consistent over all services, no request waits
for it, and nothing changes while it is read. A snapshot is a directory of its own and becomes current by
one atomic rename, so a crash at any point leaves the one before.
"""

import copy
import json
import logging
import os
import select
import shutil
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

from ministack import app as ministack_app  # type: ignore[import-not-found]
from ministack.core import persistence  # type: ignore[import-not-found]
from ministack.services import lambda_svc  # type: ignore[import-not-found]

from . import guard
from .journal import Journal

NAME = "snapshots"
_log = logging.getLogger("drawops.snapshots")
_CHILD_SECONDS = 30.0
_IDLE_SECONDS = 10.0


class Snapshots:
    """Takes snapshots into `directory` (``<n>/`` and ``current``)."""

    def __init__(self, directory: Path, journal: Journal, interval: float) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._journal = journal
        self._interval = interval
        self._lock = threading.Lock()
        self._activity = threading.Event()
        self.taken = 0
        self.last_seconds = 0.0
        self.last_pause = 0.0

    @property
    def current(self) -> Path:
        """The last complete snapshot (may not exist)."""
        return self._directory / "current"

    def restore_into(self, state_directory: Path) -> None:
        """Put the last snapshot where MiniStack reads its state when it starts."""
        state_directory.mkdir(parents=True, exist_ok=True)
        for stale in state_directory.glob("*.json"):
            stale.unlink()
        if self.current.is_dir():
            for file in self.current.glob("*.json"):
                shutil.copyfile(file, state_directory / file.name)

    def mark_activity(self) -> None:
        """Something may have changed."""
        self._activity.set()

    def take(self) -> None:
        """Take a snapshot now; returns when it is complete.

        Raises:
            RuntimeError: the child process failed or hung; the snapshot before stays current.
        """
        with self._lock:
            started = time.monotonic()
            self._activity.clear()
            before = self._journal.rotate()
            read_end, write_end = os.pipe()
            child = os.fork()
            if child == 0:
                _write_in_child(self._directory, write_end)
            self.last_pause = time.monotonic() - started
            os.close(write_end)
            try:
                ready, _, _ = select.select([read_end], [], [], _CHILD_SECONDS)
                said = os.read(read_end, 16) if ready else b""
            finally:
                os.close(read_end)
                if not ready:
                    os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
            if said != b"complete":
                raise RuntimeError("the snapshot process failed" if ready else "the snapshot process hung")
            self._journal.forget(before)
            self.taken += 1
            self.last_seconds = time.monotonic() - started

    def run_for_ever(self) -> None:
        """Take a snapshot soon after each activity, and now and then without one."""
        while True:
            self._activity.wait(_IDLE_SECONDS)
            try:
                self.take()
            except (OSError, RuntimeError):
                _log.exception("snapshot failed; the next one follows")
            # Writing the state must not take more than about a tenth of one processor.
            time.sleep(max(self._interval, 9 * self.last_seconds))


def apply(directory: Path, journal: Journal) -> Snapshots:
    """Replace MiniStack's saving at the end of the process with a snapshot, and prepare running ones."""
    guard.require(persistence.PERSIST_STATE, NAME, "PERSIST_STATE=1")
    guard.function(ministack_app, "_build_persistence_save_dict", (), NAME)
    guard.function(persistence, "save_all", ("services",), NAME)
    guard.function(persistence, "_json_default", ("obj",), NAME)
    guard.function(persistence, "_state_format_version", ("service",), NAME)
    guard.function(lambda_svc, "_prune_orphan_code_blobs", ("referenced",), NAME)
    interval = float(os.environ.get("LOCAL_SNAPSHOT_SECONDS", "1"))
    snapshots = Snapshots(directory, journal, interval)
    ministack_app.save_all = lambda _services: snapshots.take()
    return snapshots


def _write_in_child(directory: Path, write_end: int) -> None:
    """Write the next snapshot and end the process; runs in the forked child, which has one thread."""
    parent = os.getppid()
    try:
        # The child must not keep the server's port or its clients' connections open.
        os.closerange(3, write_end)
        os.closerange(write_end + 1, 65536)
        complete = _write(directory, parent)
        os.write(write_end, b"complete" if complete else b"orphan")
    except BaseException:  # noqa: BLE001 - nothing may escape into the copy of the server
        traceback.print_exc(file=sys.stderr)
        os._exit(1)
    os._exit(0)


def _write(directory: Path, parent: int) -> bool:
    # Nobody else changes this memory, so the services' defensive copies are a waste here.
    copy.deepcopy = lambda value, memo=None: value  # type: ignore[assignment,misc]
    # Older snapshots may still need the code that this one does not; pruning is for a clean start.
    lambda_svc._prune_orphan_code_blobs = lambda referenced: None
    current = directory / "current"
    numbers = [int(path.name) for path in directory.iterdir() if path.name.isdigit()]
    target = directory / str(max(numbers, default=0) + 1)
    target.mkdir()
    for name, get_state in ministack_app._build_persistence_save_dict().items():
        state = get_state()
        if state is not None:
            _write_service(target / f"{name}.json", current / f"{name}.json", name, state)
    if os.getppid() != parent:  # the server died meanwhile; its successor may already be reading
        shutil.rmtree(target)
        return False
    link = directory / "next"
    link.unlink(missing_ok=True)
    link.symlink_to(target.name)
    link.rename(current)
    for number in numbers:
        shutil.rmtree(directory / str(number), ignore_errors=True)
    return True


def _write_service(path: Path, before: Path, name: str, state: Any) -> None:  # noqa: ANN401
    document = {"__ministack_format__": persistence._state_format_version(name), "payload": state}
    text = json.dumps(document, default=persistence._json_default).encode()
    if before.is_file() and before.stat().st_size == len(text) and before.read_bytes() == text:
        os.link(before, path)
    else:
        path.write_bytes(text)
