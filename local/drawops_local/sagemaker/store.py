"""What the runner knows, in SQLite: resources, queued requests, messages not yet delivered.

Every change is committed before the request that caused it is answered, so nothing that was acknowledged
is lost when the process is killed. Write-ahead logging keeps readers and the writer out of each other's way.
"""

import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SCHEMA = """
CREATE TABLE IF NOT EXISTS resource (
    kind TEXT NOT NULL, name TEXT NOT NULL, created REAL NOT NULL, document TEXT NOT NULL,
    PRIMARY KEY (kind, name)
);
CREATE TABLE IF NOT EXISTS invocation (
    number INTEGER PRIMARY KEY AUTOINCREMENT, endpoint TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('queued', 'running', 'completed', 'failed')),
    received REAL NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, request TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS invocation_queue ON invocation (endpoint, status, number);
CREATE TABLE IF NOT EXISTS outbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, document TEXT NOT NULL
);
"""

Document = dict[str, Any]


@dataclass(frozen=True)
class Invocation:
    """One request of InvokeEndpointAsync.

    Attributes:
        number: order of arrival.
        received: epoch seconds.
        attempts: how often it was given to a container before.
        request: its parameters and the locations promised in the answer.
    """

    number: int
    endpoint: str
    received: float
    attempts: int
    request: Document


class Store:
    """All state of the runner; safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._lock = threading.RLock()
        with self._lock:
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
            self._connection.executescript(_SCHEMA)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside happens, or nothing; nests."""
        with self._lock:
            if self._connection.in_transaction:
                yield
                return
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    # -- resources ----------------------------------------------------------------------------------

    def get(self, kind: str, name: str) -> Document | None:
        """The document of a resource, None when there is none."""
        with self._lock:
            query = "SELECT document FROM resource WHERE kind = ? AND name = ?"
            row = self._connection.execute(query, (kind, name)).fetchone()
        return json.loads(row[0]) if row else None

    def add(self, kind: str, name: str, document: Document) -> bool:
        """Add a resource; False when the name is taken."""
        with self.transaction():
            statement = "INSERT OR IGNORE INTO resource (kind, name, created, document) VALUES (?, ?, ?, ?)"
            cursor = self._connection.execute(statement, (kind, name, time.time(), json.dumps(document)))
            return cursor.rowcount == 1

    def change(self, kind: str, name: str, **members: Any) -> Document | None:  # noqa: ANN401
        """Set members of a resource's document (None removes one); None when it is gone."""
        with self.transaction():
            document = self.get(kind, name)
            if document is None:
                return None
            document.update(members)
            document = {key: value for key, value in document.items() if value is not None}
            statement = "UPDATE resource SET document = ? WHERE kind = ? AND name = ?"
            self._connection.execute(statement, (json.dumps(document), kind, name))
            return document

    def remove(self, kind: str, name: str) -> bool:
        """Remove a resource; False when there was none."""
        with self.transaction():
            cursor = self._connection.execute(
                "DELETE FROM resource WHERE kind = ? AND name = ?", (kind, name)
            )
            return cursor.rowcount == 1

    def all(self, kind: str) -> list[Document]:
        """All resources of a kind, oldest first."""
        with self._lock:
            query = "SELECT document FROM resource WHERE kind = ? ORDER BY created, rowid"
            rows = self._connection.execute(query, (kind,)).fetchall()
        return [json.loads(row[0]) for row in rows]

    def named(self, kind: str) -> list[tuple[str, Document]]:
        """All resources of a kind with the names they are stored under."""
        with self._lock:
            rows = self._connection.execute(
                "SELECT name, document FROM resource WHERE kind = ?", (kind,)
            ).fetchall()
        return [(name, json.loads(document)) for name, document in rows]

    # -- invocations --------------------------------------------------------------------------------

    def enqueue(self, endpoint: str, request: Document) -> None:
        """Put a request at the end of an endpoint's queue."""
        with self.transaction():
            statement = (
                "INSERT INTO invocation (endpoint, status, received, request) VALUES (?, 'queued', ?, ?)"
            )
            self._connection.execute(statement, (endpoint, time.time(), json.dumps(request)))

    def claim(self, endpoint: str) -> Invocation | None:
        """Take the oldest queued request of an endpoint; None when the queue is empty."""
        statement = """
            UPDATE invocation SET status = 'running' WHERE number = (
                SELECT number FROM invocation WHERE endpoint = ? AND status = 'queued' ORDER BY number LIMIT 1
            ) RETURNING number, endpoint, received, attempts, request"""
        with self.transaction():
            row = self._connection.execute(statement, (endpoint,)).fetchone()
        return _invocation(row) if row else None

    def count_attempt(self, number: int) -> int:
        """One more try; returns how many it are now."""
        statement = "UPDATE invocation SET attempts = attempts + 1 WHERE number = ? RETURNING attempts"
        with self.transaction():
            row = self._connection.execute(statement, (number,)).fetchone()
        return int(row[0])

    def give_back(self, number: int) -> None:
        """Return a running request to its place in the queue."""
        with self.transaction():
            self._connection.execute(
                "UPDATE invocation SET status = 'queued' WHERE number = ? AND status = 'running'", (number,)
            )

    def finish(self, number: int, status: str, messages: list[tuple[str, Document]]) -> None:
        """End a request and, in the same transaction, put what announces it into the outbox."""
        with self.transaction():
            self._connection.execute("UPDATE invocation SET status = ? WHERE number = ?", (status, number))
            for kind, document in messages:
                self.post(kind, document)

    def requeue_running(self) -> int:
        """After a crash: what was running starts again; returns how many."""
        with self.transaction():
            return self._connection.execute(
                "UPDATE invocation SET status = 'queued' WHERE status = 'running'"
            ).rowcount

    def drop_queue(self, endpoint: str) -> list[Invocation]:
        """Remove and return what waits for a deleted endpoint."""
        statement = """DELETE FROM invocation WHERE endpoint = ? AND status IN ('queued', 'running')
            RETURNING number, endpoint, received, attempts, request"""
        with self.transaction():
            rows = self._connection.execute(statement, (endpoint,)).fetchall()
        return [_invocation(row) for row in rows]

    def counts(self, endpoint: str) -> dict[str, int]:
        """Requests of an endpoint by status."""
        with self._lock:
            query = "SELECT status, count(*) FROM invocation WHERE endpoint = ? GROUP BY status"
            return dict(self._connection.execute(query, (endpoint,)).fetchall())

    # -- outbox -------------------------------------------------------------------------------------

    def post(self, kind: str, document: Document) -> None:
        """Leave a message to be delivered."""
        with self.transaction():
            statement = "INSERT INTO outbox (kind, document) VALUES (?, ?)"
            self._connection.execute(statement, (kind, json.dumps(document)))

    def undelivered(self, limit: int = 20) -> list[tuple[int, str, Document]]:
        """The oldest messages not yet delivered: number, kind, document."""
        with self._lock:
            query = "SELECT number, kind, document FROM outbox ORDER BY number LIMIT ?"
            rows = self._connection.execute(query, (limit,)).fetchall()
        return [(number, kind, json.loads(document)) for number, kind, document in rows]

    def delivered(self, number: int) -> None:
        """A message arrived."""
        with self.transaction():
            self._connection.execute("DELETE FROM outbox WHERE number = ?", (number,))


def _invocation(row: tuple[int, str, float, int, str]) -> Invocation:
    number, endpoint, received, attempts, request = row
    return Invocation(number, endpoint, received, attempts, json.loads(request))
