"""Events between two snapshots.

A snapshot (module `snapshots`) is a consistent picture of all services, but what happens after it is lost
with the process. An upload that was acknowledged stays, because objects are written to disk at once; its
event must not be lost either, or nobody would ever look at the upload. So S3 events, events put on a bus
and notifications that are on their way to a function are written here before they are delivered, and what
was written after the last snapshot is delivered again after a crash: at least once, as EventBridge and SNS
promise on AWS.
"""

import contextvars
import itertools
import json
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ministack.core import responses  # type: ignore[import-not-found]
from ministack.services import eventbridge, s3, sns  # type: ignore[import-not-found]

from . import guard

NAME = "journal"
_log = logging.getLogger("drawops.journal")

_entry: contextvars.ContextVar[int | None] = contextvars.ContextVar("journal_entry", default=None)


class Journal:
    """An append-only file, started anew at each snapshot with the deliveries that were under way."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._lock = threading.Lock()
        self._pending: dict[int, str] = {}
        self._ids = itertools.count(1)
        self._numbers = itertools.count(max(self._existing(), default=0) + 1)
        self._number = 0
        self.left_over = self._read()
        self.rotate()

    def append(self, kind: str, arguments: dict[str, Any]) -> int:
        """Write one delivery down before it starts; returns its number for `done`."""
        entry = {
            "kind": kind,
            "account": responses.get_account_id(),
            "region": responses.get_region(),
            "arguments": arguments,
        }
        line = json.dumps(entry, default=_plain) + "\n"
        with self._lock:
            number = next(self._ids)
            self._pending[number] = line
            # One write of one line, unbuffered: it survives the end of this process, whatever ends it.
            os.write(self._file, line.encode())
        return number

    def done(self, number: int) -> None:
        """The delivery is over; the next snapshot knows its effects."""
        with self._lock:
            self._pending.pop(number, None)

    @contextmanager
    def delivery(self, kind: str, arguments: dict[str, Any]) -> Iterator[None]:
        """`append` before and `done` after the body."""
        number = self.append(kind, arguments)
        try:
            yield
        finally:
            self.done(number)

    def rotate(self) -> int:
        """Start a new file with what is still pending; returns the number of the file before it."""
        with self._lock:
            before, self._number = self._number, next(self._numbers)
            previous = getattr(self, "_file", None)
            self._file = os.open(self._path(self._number), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.write(self._file, "".join(self._pending.values()).encode())
            if previous is not None:
                os.close(previous)
        return before

    def forget(self, number: int) -> None:
        """Remove the files up to `number`: a snapshot taken after them is complete."""
        for existing in self._existing():
            if existing <= number:
                self._path(existing).unlink(missing_ok=True)

    def _path(self, number: int) -> Path:
        return self._directory / f"{number:08d}.jsonl"

    def _existing(self) -> list[int]:
        return sorted(int(path.stem) for path in self._directory.glob("*.jsonl"))

    def _read(self) -> list[dict[str, Any]]:
        # A rotation repeats what was pending, hence the set of lines.
        lines: dict[str, None] = {}
        for number in self._existing():
            lines.update(dict.fromkeys(self._path(number).read_text().splitlines()))
        entries = []
        for line in lines:
            try:
                entries.append(json.loads(line))
            except ValueError:
                _log.warning("dropped a half-written journal line: its request was never acknowledged")
        return entries


def _plain(value: Any) -> Any:  # noqa: ANN401
    """Sets become lists; whatever else JSON does not know must not fail the request that caused it."""
    return sorted(value) if isinstance(value, (set, frozenset)) else str(value)


def apply(directory: Path) -> Journal:
    """Write deliveries to a journal in `directory`."""
    journal = Journal(directory)
    fire_async = guard.function(s3, "_fire_s3_event_async", ("bucket_name", "key", "event_name"), NAME)
    fire = guard.function(s3, "_fire_s3_event", ("bucket_name", "key", "event_name"), NAME)
    dispatch = guard.function(eventbridge, "_dispatch_event", ("event", "view"), NAME)
    parameters = ("endpoint", "envelope", "topic_arn", "sub_arn")
    deliver = guard.function(sns, "_deliver_to_lambda", parameters, NAME)

    def fire_s3_event_async(bucket_name: str, key: str, event_name: str, *rest: Any, **named: Any) -> None:  # noqa: ANN401
        if bucket_name not in s3._bucket_notifications:
            return
        number = journal.append("s3", {"args": [bucket_name, key, event_name, *rest], "named": named})
        token = _entry.set(number)
        try:
            fire_async(bucket_name, key, event_name, *rest, **named)
        finally:
            _entry.reset(token)

    def fire_s3_event(bucket_name: str, key: str, event_name: str, *rest: Any, **named: Any) -> None:  # noqa: ANN401
        try:
            fire(bucket_name, key, event_name, *rest, **named)
        finally:
            number = _entry.get()
            if number is not None:
                journal.done(number)

    def dispatch_event(event: dict[str, Any], view: Any = None) -> None:  # noqa: ANN401
        if event.get("Source") == "aws.s3":  # written down as "s3", before the upload was acknowledged
            dispatch(event, view)
            return
        with journal.delivery("event", {"event": event}):
            dispatch(event, view)

    def deliver_to_lambda(*args: Any) -> None:  # noqa: ANN401
        with journal.delivery("sns", {"args": list(args)}):
            deliver(*args)

    s3._fire_s3_event_async = fire_s3_event_async
    s3._fire_s3_event = fire_s3_event
    eventbridge._dispatch_event = dispatch_event
    sns._deliver_to_lambda = deliver_to_lambda
    return journal


def deliver_again(journal: Journal) -> int:
    """Deliver what the last run wrote down after its last snapshot; returns how many there were."""
    for entry in journal.left_over:
        threading.Thread(target=_deliver_one, args=(entry,), daemon=True).start()
    count = len(journal.left_over)
    journal.left_over = []
    return count


def _deliver_one(entry: dict[str, Any]) -> None:
    responses._request_account_id.set(entry["account"])
    responses._request_region.set(entry["region"])
    arguments = entry["arguments"]
    if entry["kind"] == "s3":
        s3._fire_s3_event_async(*arguments["args"], **arguments["named"])
    elif entry["kind"] == "event":
        eventbridge._dispatch_event(arguments["event"])
    elif entry["kind"] == "sns":
        sns._deliver_to_lambda(*arguments["args"])
    else:
        _log.error("unknown journal entry %s", entry["kind"])
