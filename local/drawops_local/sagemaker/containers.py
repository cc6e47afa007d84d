"""One container process: the program of a built image, run as SageMaker hosting runs a container.

The contract is SageMaker's: the program is started with the argument ``serve``, listens on
``SAGEMAKER_BIND_TO_PORT``, answers GET /ping with 200 once it is ready and POST /invocations with the
prediction, and finds the model in ``SM_MODEL_DIR`` (on AWS /opt/ml/model).
"""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
import urllib3

from drawops_local.credentials import isolated_environment
from drawops_local.images import Image
from drawops_local.processes import MARKER, free_port, stop

_PING_SECONDS = 2.0
_STOP_SECONDS = 5.0
ENDPOINT_MARKER = "DRAWOPS_ENDPOINT"


class ContainerFailed(Exception):
    """The container did not become ready; the message says why."""


class ContainerDied(Exception):
    """The connection broke while a request was being answered."""


class ContainerTimedOut(Exception):
    """No answer within the time the request allows."""


@dataclass(frozen=True)
class Answer:
    """What the container said to POST /invocations."""

    status: int
    content_type: str
    body: bytes


class Container:
    """A process that can be started again whenever it is found dead."""

    def __init__(
        self,
        image: Image,
        model_directory: Path,
        own_variables: Mapping[str, str],
        endpoint: str,
        log: Path,
        startup_seconds: float,
        threads: int,
    ) -> None:
        self._image = image
        self.model_directory = model_directory
        self._own_variables = dict(own_variables)
        self._endpoint = endpoint
        self._log = log
        self._startup_seconds = startup_seconds
        self._threads = threads
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._pool: urllib3.HTTPConnectionPool | None = None
        self._stopped = threading.Event()
        self.generation = 0

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def ensure_running(self) -> None:
        """Start the process if it does not run, and wait until it is ready.

        Raises:
            ContainerFailed: it ended or did not answer /ping within the health check timeout.
        """
        with self._lock:
            if self._stopped.is_set():
                raise ContainerFailed("the container was stopped")
            if self.pid is not None:
                return
            self._kill()
            self._start()
            try:
                self._wait_until_ready()
            except ContainerFailed:
                self._kill()
                raise

    def invoke(self, body: bytes, headers: Mapping[str, str], timeout: float) -> Answer:
        """POST /invocations.

        Raises:
            ContainerDied: the process ended or broke the connection.
            ContainerTimedOut: no answer within `timeout` seconds.
        """
        pool = self._pool
        if pool is None:
            raise ContainerDied("the container is not running")
        try:
            response = pool.request(
                "POST",
                "/invocations",
                body=body,
                headers=dict(headers),
                timeout=urllib3.Timeout(connect=5, read=timeout),
                retries=False,
            )
        except urllib3.exceptions.ReadTimeoutError as error:
            raise ContainerTimedOut(f"no answer within {timeout:g} s") from error
        except urllib3.exceptions.HTTPError as error:
            raise ContainerDied(f"the connection to the container broke: {error}") from error
        return Answer(
            response.status, response.headers.get("content-type", "application/octet-stream"), response.data
        )

    def restart(self, generation: int) -> None:
        """Kill the process started as `generation` (another thread may have replaced it already)."""
        with self._lock:
            if self.generation == generation:
                self._kill()

    def stop(self) -> None:
        """End the process and everything it started, for good."""
        self._stopped.set()
        with self._lock:
            self._kill()

    def _start(self) -> None:
        port = free_port()
        self._log.parent.mkdir(parents=True, exist_ok=True)
        variables = isolated_environment(
            SAGEMAKER_BIND_TO_PORT=str(port),
            SM_MODEL_DIR=str(self.model_directory),
            OMP_NUM_THREADS=str(self._threads),
            OPENBLAS_NUM_THREADS=str(self._threads),
            MKL_NUM_THREADS=str(self._threads),
        )
        for name in (MARKER, f"{MARKER}_SERVER", "TMPDIR"):
            if name in os.environ:
                variables[name] = os.environ[name]
        variables[ENDPOINT_MARKER] = self._endpoint
        variables.update(self._own_variables)
        with open(self._log, "ab") as output:
            self._process = subprocess.Popen(
                self._image.command("serve"),
                env=variables,
                cwd=self._image.working_directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._pool = urllib3.HTTPConnectionPool("127.0.0.1", port, maxsize=16, block=False)
        self.generation += 1

    def _wait_until_ready(self) -> None:
        assert self._process is not None
        assert self._pool is not None
        deadline = time.monotonic() + self._startup_seconds
        while True:
            if self._process.poll() is not None:
                raise ContainerFailed(
                    f"The container ended with exit code {self._process.returncode} before it was ready; "
                    f"end of its log: {self._log_tail()}"
                )
            try:
                if self._pool.request("GET", "/ping", timeout=_PING_SECONDS, retries=False).status == 200:
                    return
            except urllib3.exceptions.HTTPError:
                pass  # not listening yet
            if time.monotonic() > deadline:
                raise ContainerFailed(
                    "The primary container did not pass the ping health check within "
                    f"{self._startup_seconds:g} s; end of its log: {self._log_tail()}"
                )
            if self._stopped.wait(0.05):
                raise ContainerFailed("the container was stopped while starting")

    def _kill(self) -> None:
        process, self._process, self._pool = self._process, None, None
        if process is None:
            return
        family: list[psutil.Process] = []
        try:
            parent = psutil.Process(process.pid)
            family = [*parent.children(recursive=True), parent]
        except psutil.NoSuchProcess:
            pass  # ended by itself; its group may still have members
        stop(family, grace=_STOP_SECONDS)
        with contextlib.suppress(ProcessLookupError, PermissionError):  # nobody left in the group
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def _log_tail(self) -> str:
        try:
            lines = self._log.read_text(errors="replace").splitlines()[-3:]
        except FileNotFoundError:
            lines = []
        return " | ".join(lines)[-400:] or "(empty)"


def stop_orphans(own_state: str) -> int:
    """Stop containers that a killed runner left behind; returns how many processes.

    They would go on computing answers that nobody waits for.
    """
    orphans = []
    for process in psutil.process_iter():
        try:
            surroundings = process.environ()
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess, OSError):
            continue  # ended meanwhile, or somebody else's
        if ENDPOINT_MARKER in surroundings and surroundings.get(MARKER) == own_state:
            orphans.append(process)
    stop(orphans)
    return len(orphans)
