"""Settings, patches, start."""

import asyncio
import json
import os
import threading
from collections.abc import Awaitable, Callable
from importlib import metadata
from pathlib import Path
from typing import Any

# Read by MiniStack when it is imported. Listen to this machine only; no MQTT and SFTP servers.
SETTINGS = {
    "BIND_HOST": "127.0.0.1",
    "IOT_MTLS_ENABLED": "0",
    "SFTP_ENABLED": "0",
    "LAMBDA_ACCOUNT_CONCURRENCY": "0",
    "LAMBDA_WARM_TTL_SECONDS": "30",
    # Requests that wait for a Lambda slot hold a thread; Lambda functions need others for their own calls.
    "MINISTACK_WORKER_THREADS": "256",
}

HEALTH = "/_drawops/health"
SNAPSHOT = "/_drawops/snapshot"

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


def main() -> None:
    """Patch MiniStack and serve until the process is stopped.

    Raises:
        PatchDoesNotFit: this MiniStack is not the one the patches were written for.
    """
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    persistent = os.environ.get("PERSIST_STATE") == "1"

    from . import guard

    guard.require(
        metadata.version("ministack") == guard.VERSION,
        "launcher",
        f"ministack {guard.VERSION} to be installed",
    )
    if persistent:
        for name in ("STATE_DIR", "S3_DATA_DIR", "LOCAL_SNAPSHOT_DIR"):
            guard.require(name in os.environ, "launcher", f"{name} to be set when PERSIST_STATE=1")
        os.environ["S3_PERSIST"] = "1"

    from ministack import app as ministack_app  # type: ignore[import-not-found]

    from . import (
        callback_errors,
        http_api_routes,
        journal,
        lambda_python,
        lambda_slots,
        lambda_worker,
        log_streams,
        object_versions,
        sagemaker_events,
        sagemaker_tasks,
        snapshots,
        task_timeouts,
        unfinished_messages,
        yaml_definitions,
    )

    patches = [
        yaml_definitions,
        http_api_routes,
        lambda_worker,
        log_streams,
        lambda_python,
        lambda_slots,
        sagemaker_events,
        sagemaker_tasks,
        object_versions,
        callback_errors,
        task_timeouts,
        unfinished_messages,
    ]
    for patch in patches:
        patch.apply()
    keeper = None
    written = None
    if persistent:
        directory = Path(os.environ["LOCAL_SNAPSHOT_DIR"])
        written = journal.apply(directory / "journal")
        keeper = snapshots.apply(directory / "states", written)
        keeper.restore_into(Path(os.environ["STATE_DIR"]))
    names = [patch.NAME for patch in patches] + ([journal.NAME, snapshots.NAME] if persistent else [])
    ministack_app.app = _Gateway(ministack_app.app, names, keeper, written)
    ministack_app.main()


class _Gateway:
    """MiniStack's ASGI application plus our two control paths."""

    def __init__(self, app: Any, patches: list[str], keeper: Any, written: Any) -> None:  # noqa: ANN401
        self._app = app
        self._patches = patches
        self._keeper = keeper
        self._journal = written

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, self._starting(send))
            return
        path = scope.get("path", "")
        if path == HEALTH:
            await _answer(send, 200, self._health())
        elif path == SNAPSHOT and scope.get("method") == "POST":
            if self._keeper is None:
                await _answer(send, 409, {"message": "started without PERSIST_STATE=1"})
                return
            await asyncio.to_thread(self._keeper.take)
            await _answer(send, 200, {"taken": self._keeper.taken, "seconds": self._keeper.last_seconds})
        else:
            if self._keeper is not None and scope.get("method") not in ("GET", "HEAD"):
                self._keeper.mark_activity()
            await self._app(scope, receive, send)

    def _starting(self, send: Send) -> Send:
        async def sending(message: dict[str, Any]) -> None:
            if message["type"] == "lifespan.startup.complete" and self._keeper is not None:
                from .journal import deliver_again

                # The restored state and what is delivered again belong to one new snapshot.
                deliver_again(self._journal)
                threading.Thread(target=self._keeper.run_for_ever, daemon=True, name="snapshots").start()
            await send(message)

        return sending

    def _health(self) -> dict[str, Any]:
        from ministack.core import lambda_runtime  # type: ignore[import-not-found]
        from ministack.services import lambda_svc  # type: ignore[import-not-found]

        with lambda_runtime._lock:
            workers = sum(len(pool) for pool in lambda_runtime._workers.values())
        return {
            "ready": True,
            "pid": os.getpid(),
            "patches": self._patches,
            "lambda_workers": workers,
            "lambda_running": lambda_svc.executions_in_flight()[0],
            "snapshots": self._keeper.taken if self._keeper else None,
            "snapshot_seconds": self._keeper.last_seconds if self._keeper else None,
            "snapshot_pause": self._keeper.last_pause if self._keeper else None,
        }


async def _answer(send: Send, status: int, document: dict[str, Any]) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(document).encode()})
