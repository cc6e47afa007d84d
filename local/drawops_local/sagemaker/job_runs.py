"""What runs training and processing jobs: one at a time, in the order they were created.

This machine is small, so a job has it for itself: its program runs niced, with as many threads as a
container behind an endpoint. Everything that a job has reached is in the store or in its folder, so that a
runner that was killed finds the program still running and waits for it, or finds how it ended, or starts it
again with its checkpoints: never lost, and never twice at the same time.

A job's folder is ``<state>/jobs/<kind>/<name>``: ``ml`` is what a container sees as /opt/ml, and ``exit``
the program's exit code. The program learns where its /opt/ml is from the variable `ROOT_VARIABLE`. The
folder goes when the job has ended; its log stays in ``<state>/logs/TrainingJobs`` or ``ProcessingJobs``.
"""

import json
import logging
import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

from drawops_local.credentials import REGION, isolated_environment
from drawops_local.images import Image, ImageNotFound, find_image
from drawops_local.processes import MARKER
from drawops_local.sagemaker.errors import ServiceError, unsupported, validation
from drawops_local.sagemaker.job_process import (
    JOB_MARKER,
    KILLED,
    JobProcess,
    Started,
    exit_code,
    stop_job,
)
from drawops_local.sagemaker.job_storage import Leave, Storage, StorageFailed
from drawops_local.sagemaker.operations import Runner, arn, now
from drawops_local.sagemaker.store import Document

_log = logging.getLogger(__name__)

ROOT_VARIABLE = "DRAWOPS_ML_ROOT"
"""Names the folder that a container on AWS sees as /opt/ml; processing lies in its ``processing``."""
CONTAINER_ROOT = "/opt/ml"
GRACE_SECONDS = 120.0
"""Between SIGTERM and SIGKILL, as on AWS."""
LOCAL = "Local"
"""Member of a job's document that the API does not show."""
ENDED = ("Completed", "Failed", "Stopped")
_KILLED_BY_SIGNAL = (128 + 2, 128 + 9, 128 + 15)
_POLL_SECONDS = 0.1


class JobFailed(Exception):
    """The job fails; the message is its FailureReason."""


class Ending(Enum):
    """Why a program ended."""

    BY_ITSELF = "by itself"
    STOPPED = "stopped"
    TOO_LONG = "too long"
    INTERRUPTED = "interrupted"


class JobKind:
    """What training and processing jobs have in common, each by its own names."""

    def __init__(self, kind: str, noun: str, unknown: str) -> None:
        """Prepare.

        Args:
            kind: in the store and in ARNs.
            noun: what members of the API begin with.
            unknown: what AWS says of a name that no job has; may hold `{name}`.
        """
        self.kind = kind
        self.noun = noun
        self._unknown = unknown
        self.name = f"{noun}JobName"
        self.arn = f"{noun}JobArn"
        self.status = f"{noun}JobStatus"
        self.start = f"{noun}StartTime"
        self.end = f"{noun}EndTime"
        self.logs = f"{noun}Jobs"

    def describe(self, document: Document) -> Document:
        """The document as Describe…Job shows it."""
        shown = {name: value for name, value in document.items() if name not in (LOCAL, "Tags")}
        return {**shown, self.arn: arn(self.kind, document[self.name])}

    def add(self, runner: Runner, document: Document) -> Document:
        """Put a new job into the queue; the answer comes before anything is downloaded.

        Raises:
            ServiceError: ResourceInUse: its name is taken.
        """
        name = document[self.name]
        with runner.store.transaction():
            if not runner.store.add(self.kind, name, document):
                raise ServiceError(
                    "ResourceInUse",
                    "Job name must be unique within an AWS account and region, and a job with this name "
                    f"already exists ({arn(self.kind, name)})",
                )
            self.announce(runner, document)
        runner.jobs.wake()
        return {self.arn: arn(self.kind, name)}

    def require(self, runner: Runner, name: str) -> Document:
        """A job's document.

        Raises:
            ServiceError: ValidationException: there is none.
        """
        document = runner.store.get(self.kind, name)
        if document is None:
            raise validation(self._unknown.format(name=name))
        return document

    def stop(self, runner: Runner, name: str, stopping: Callable[[], None]) -> None:
        """SIGTERM to the program, SIGKILL `GRACE_SECONDS` later; `stopping` changes and announces the state.

        Raises:
            ServiceError: ValidationException: there is none, or it has ended.
        """
        with runner.store.transaction():
            status = self.require(runner, name)[self.status]
            if status in ENDED:
                raise validation(
                    f"The request was rejected because the {self.noun.lower()} job is in status {status}."
                )
            if status == "Stopping":
                return
            stopping()
        runner.jobs.stop_job(self, name)

    def forget(self, runner: Runner, name: str) -> None:
        """Delete a job that has ended; what it wrote to S3 stays.

        Raises:
            ServiceError: ResourceInUse: it has not ended.
        """
        with runner.store.transaction():
            status = self.require(runner, name)[self.status]
            if status not in ENDED:
                raise ServiceError(
                    "ResourceInUse", f"{self.noun} job {name} is in status {status}; stop it first."
                )
            runner.store.remove(self.kind, name)

    def announce(self, runner: Runner, document: Document) -> None:
        """Post the state-change event; call inside the transaction of the change."""
        detail = _milliseconds(self.describe(document))
        detail["Tags"] = {tag["Key"]: tag["Value"] for tag in document.get("Tags", [])}
        runner.store.post(
            "event",
            {
                "Source": "aws.sagemaker",
                "DetailType": f"SageMaker {self.noun} Job State Change",
                "Resources": [arn(self.kind, document[self.name])],
                "Detail": json.dumps(detail),
            },
        )
        runner.outbox.wake()


TRAINING = JobKind("training-job", "Training", "Requested resource not found.")
PROCESSING = JobKind("processing-job", "Processing", "Could not find requested job with name: {name}")


def _milliseconds(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Times of an event's detail are epoch milliseconds."""
    if isinstance(value, dict):
        return {
            key: int(item * 1000) if key.endswith("Time") and isinstance(item, float) else _milliseconds(item)
            for key, item in value.items()
        }
    return [_milliseconds(item) for item in value] if isinstance(value, list) else value


class JobRun:
    """One job being worked off; training and processing fill in the steps."""

    of: JobKind

    def __init__(self, jobs: "Jobs", name: str) -> None:
        self.jobs = jobs
        self.runner = jobs.runner
        self.job = name
        self.storage = Storage(self.runner.s3, jobs.leaving)
        self.folder = jobs.folder(self.of, name)
        self.root = self.folder / "ml"
        self.log = self.runner.state / "logs" / self.of.logs / f"{name}.log"
        self._exit_file = self.folder / "exit"
        self._marker = f"{self.of.kind}/{name}"

    # -- what a kind of job does --------------------------------------------------------------------

    def prepare(self) -> None:
        """Lay out the root.

        Raises:
            StorageFailed: an input is missing.
        """
        raise NotImplementedError

    def command(self, image: Image) -> list[str]:
        """The program with its arguments."""
        raise NotImplementedError

    def image(self) -> str:
        """Name of the image."""
        raise NotImplementedError

    def variables(self) -> Mapping[str, str]:
        """Of the program, besides those that every job has."""
        raise NotImplementedError

    def while_running(self, *, at_rest: bool) -> None:
        """Called again and again, and once when the program has ended."""

    def interruption(self) -> float | None:
        """Seconds between the two signals when the machine is to be taken away, else None."""
        return None

    def interrupted(self) -> None:
        """The machine was taken away."""
        raise NotImplementedError

    def deadline(self) -> float:
        """When the program is told to stop because it took too long, epoch seconds."""
        raise NotImplementedError

    def finish(self, ending: Ending, code: int) -> None:
        """Upload what the program made and set the last status."""
        raise NotImplementedError

    def fail(self, reason: str) -> None:
        """Set the last status to Failed."""
        raise NotImplementedError

    def stop_unstarted(self) -> None:
        """Stopped before its program began."""
        raise NotImplementedError

    def started(self) -> None:
        """The program runs."""

    # -- the way of every job -----------------------------------------------------------------------

    @property
    def document(self) -> Document:
        """As it is in the store now."""
        found = self.runner.store.get(self.of.kind, self.job)
        if found is None:
            raise Leave
        return found

    @property
    def local(self) -> Document:
        """What only this runner knows of it."""
        local: Document = self.document.get(LOCAL, {})
        return local

    def change_local(self, **members: Any) -> None:  # noqa: ANN401
        """Set members of `local`; None removes one."""
        with self.runner.store.transaction():
            changed = {**self.local, **members}
            kept = {name: value for name, value in changed.items() if value is not None}
            self.runner.store.change(self.of.kind, self.job, **{LOCAL: kept})

    def told_to_stop(self) -> bool:
        """Whether Stop…Job was called."""
        return bool(self.document[self.of.status] == "Stopping")

    def work(self) -> None:
        """Until the job has ended.

        Raises:
            Leave: the runner is stopping.
        """
        process = self._found_again()
        code = None if process else self._ended_alone()
        while True:
            if process is None and code is None:
                if self.told_to_stop():
                    self.stop_unstarted()
                    break
                process = self._start()
            # A program that ended while nobody watched may have been told to.
            ending = Ending(self.local.get("signalled", Ending.BY_ITSELF.value))
            if process is not None:
                ending = self._wait(process)
                code = process.exit_code()
                process.clean_up(self._marker)
                process = None
            if ending is Ending.INTERRUPTED:
                self.interrupted()
                self._forget_process()
                code = None
                continue
            assert code is not None
            self.while_running(at_rest=True)
            self.finish(ending, code)
            break
        self._forget_folder()

    def give_up(self, reason: str) -> None:
        """Fail the job and remove what it left."""
        stop_job(self._marker)
        self.fail(reason[:1024])
        self._forget_folder()

    def _found_again(self) -> JobProcess | None:
        """The program that a runner before this one started, if it still runs."""
        found = self.local.get("process")
        if found:
            process = JobProcess(Started(found["pid"], found["started"]), self._exit_file)
            if process.running:
                _log.info("%s is still running", self._marker)
                return process
        if self._ended_alone() is None:
            # Maybe started a moment before the runner was killed, so that nobody knows it: never twice.
            stop_job(self._marker)
            if found:
                _log.info("%s was killed; it starts again", self._marker)
                self.crashed()
                self._forget_process()
        return None

    def crashed(self) -> None:
        """The program was killed together with the runner."""

    def _ended_alone(self) -> int | None:
        """Exit code of a program that ended while no runner watched it; None: it was killed, or never ran."""
        local = self.local
        if not local.get("process"):
            return None
        try:
            written = self._exit_file.stat().st_mtime
        except FileNotFoundError:
            return None
        code = exit_code(self._exit_file, default=KILLED)
        if "signalled" in local:
            return code
        # `drawops down` ends programs politely; what they then say is not the end of the job.
        taken_down = local.get("began", float("inf")) <= self.jobs.last_down() <= written
        return None if taken_down or code in _KILLED_BY_SIGNAL else code

    def _start(self) -> JobProcess:
        if self._exit_file.exists():
            self._exit_file.unlink()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.prepare()
        try:
            image = find_image(self.runner.images, self.image())
            command = self.command(image)
        except ImageNotFound as error:
            raise JobFailed(f"ClientError: {error}") from error
        scratch = self.folder / "tmp"
        scratch.mkdir(exist_ok=True)
        process = JobProcess.start(
            command,
            self._environment(scratch),
            Path(image.working_directory),
            self.log,
            self._exit_file,
        )
        identity = process.identity
        with self.runner.store.transaction():
            self.change_local(
                process={"pid": identity.pid, "started": identity.started}, began=now(), signalled=None
            )
            self.started()
        return process

    def _environment(self, scratch: Path) -> dict[str, str]:
        threads = str(self.jobs.threads)
        own = {
            ROOT_VARIABLE: str(self.root),
            "TMPDIR": str(scratch),
            "SAGEMAKER_REGION": REGION,
            "OMP_NUM_THREADS": threads,
            "OPENBLAS_NUM_THREADS": threads,
            "MKL_NUM_THREADS": threads,
            **self.variables(),
        }
        if MARKER in os.environ:
            own[MARKER] = os.environ[MARKER]
        # Not the runner's server name: a runner that starts again must find the program, not stop it.
        return isolated_environment(**own, **{f"{MARKER}_SERVER": "job", JOB_MARKER: self._marker})

    def _wait(self, process: JobProcess) -> Ending:
        ending: Ending | None = None
        sent, kill_at = False, 0.0
        while process.running:
            if self.jobs.leaving.wait(_POLL_SECONDS):
                raise Leave
            self.while_running(at_rest=False)
            if ending is None:
                ending = self._why()
                if ending is not None:
                    self.change_local(signalled=ending.value)
                    kill_at = time.monotonic() + self._grace(ending)
            elif not sent:
                sent = process.terminate()
            if ending is not None and time.monotonic() >= kill_at:
                process.kill()
        return ending or Ending.BY_ITSELF

    def _why(self) -> Ending | None:
        """Why a running program is to be stopped."""
        if self.told_to_stop():
            return Ending.STOPPED
        if now() >= self.deadline():
            return Ending.TOO_LONG
        return Ending.INTERRUPTED if self.interruption() is not None else None

    def _grace(self, ending: Ending) -> float:
        seconds = self.interruption() if ending is Ending.INTERRUPTED else None
        return self.jobs.grace if seconds is None else seconds

    def _forget_process(self) -> None:
        self._exit_file.unlink(missing_ok=True)
        self.change_local(process=None, signalled=None, interrupt=None)

    def _forget_folder(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


class Jobs:
    """The queue of training and processing jobs, and the thread that works it off."""

    def __init__(self, threads: int, grace: float = GRACE_SECONDS) -> None:
        self.threads = threads
        self.grace = grace
        self.leaving = threading.Event()
        self._runs: dict[str, Callable[[Jobs, str], JobRun]] = {}
        self._wake = threading.Event()
        self._lock = threading.Lock()
        self._current: tuple[str, str] | None = None
        self._runner: Runner | None = None
        self._thread = threading.Thread(target=self._work, name="jobs", daemon=True)

    @property
    def runner(self) -> Runner:
        """The runner this belongs to (set once, before the first request)."""
        assert self._runner is not None
        return self._runner

    def resume(self, runner: Runner, runs: Sequence[type[JobRun]]) -> None:
        """Go on with the jobs of a runner that ended."""
        self._runner = runner
        self._runs = {run.of.kind: run for run in runs}
        self._thread.start()

    def wake(self) -> None:
        """There is a new job."""
        self._wake.set()

    def stop(self) -> None:
        """Leave jobs as they are: a running program goes on without us."""
        self.leaving.set()
        self._wake.set()
        self._thread.join(timeout=5)

    def stop_job(self, of: JobKind, name: str) -> None:
        """A job was told to stop; one that waits ends at once, the running one looks by itself."""
        with self._lock:
            if self._current == (of.kind, name):
                return
            document = self.runner.store.get(of.kind, name)
            if document is not None and document[of.status] == "Stopping" and not document.get(LOCAL):
                self._runs[of.kind](self, name).stop_unstarted()

    def folder(self, of: JobKind, name: str) -> Path:
        """Where a job's files lie while it has not ended."""
        return self.runner.state / "jobs" / of.kind / name

    def last_down(self) -> float:
        """When everything of this cloud was last stopped, epoch seconds."""
        try:
            return (self.runner.state / "down").stat().st_mtime
        except FileNotFoundError:
            return 0.0

    def _work(self) -> None:
        while not self.leaving.is_set():
            self._wake.clear()
            run = self._next()
            if run is None:
                self._wake.wait()
                continue
            try:
                run.work()
            except Leave:
                _log.info("job %s waits for the next start", run.job)
                if self.runner.store.get(run.of.kind, run.job) is not None:
                    return
            except (JobFailed, StorageFailed) as error:
                reason = str(error) if isinstance(error, JobFailed) else f"ClientError: {error}"
                _log.error("job %s: %s", run.job, reason)
                run.give_up(reason)
            except Exception as error:  # noqa: BLE001 - the thread must not end, nor the job hang
                _log.exception("job %s failed", run.job)
                run.give_up(f"InternalServerError: {type(error).__name__}: {error}")
            finally:
                with self._lock:
                    self._current = None

    def _next(self) -> JobRun | None:
        with self._lock:
            waiting = [
                (not document.get(LOCAL), document["CreationTime"], of, document[of.name])
                for of in (TRAINING, PROCESSING)
                for document in self.runner.store.all(of.kind)
                if document[of.status] not in ENDED
            ]
            if not waiting:
                return None
            # Whatever was begun goes first.
            _, _, of, name = min(waiting, key=lambda found: found[:2])
            self._current = (of.kind, name)
            return self._runs[of.kind](self, name)


def local_path(root: Path, path: str) -> Path:
    """Where a path of a container lies under a job's root.

    Raises:
        ServiceError: it is not under /opt/ml.
    """
    if path == CONTAINER_ROOT:
        return root
    relative = path.removeprefix(CONTAINER_ROOT + "/")
    if relative == path or ".." in relative.split("/"):
        raise unsupported(f"path {path!r}: only paths under {CONTAINER_ROOT} are there for jobs here")
    return root / relative


def program(image: Image, root: Path, entrypoint: Sequence[str], arguments: Sequence[str]) -> list[str]:
    """Entry point and arguments, with the paths of this machine.

    What runs is a process, not a container: words that name a path under /opt/ml name it under the root.

    Raises:
        ImageNotFound: the image has no such program.
    """
    here = [re.sub(rf"^{CONTAINER_ROOT}(?=/|$)", str(root), word) for word in (*entrypoint, *arguments)]
    return [*image.command(here[0]), *here[1:]]


def first_characters(path: Path, limit: int = 1024) -> str:
    """The beginning of a file that a program may have left, without white space around it."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(limit).strip()
    except (FileNotFoundError, IsADirectoryError):
        return ""
