"""A deployed stack on a local cloud of its own, and what one does with it: drop drawings, wait, count.

The benchmarks and the tests of the whole workflow share it.
"""

import hashlib
import json
import os
import shutil
import socket
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psutil
from drawops import keys
from drawops.catalog import Revision, Status
from drawops.contracts.events import (
    SOURCE_DATASETS,
    SOURCE_DEPLOYMENT,
    SOURCE_LABELING,
    SOURCE_PROCESSING,
)
from drawops.contracts.reading import DrawingResult
from drawops_cli.bring_up import bring_up
from drawops_cli.steps import Steps
from drawops_local import processes
from drawops_local.cloud import Cloud

ROOT = Path(__file__).resolve().parents[1]
ENDED = (Status.PROCESSED, Status.QUARANTINED)
_POLL_SECONDS = 0.1
_Found = TypeVar("_Found")


class TooSlow(AssertionError):
    """Something did not happen before its deadline."""


class LeftBehind(AssertionError):
    """A stopped stack has left processes or files."""


@dataclass(frozen=True)
class Dropped:
    """One object version in the raw bucket."""

    key: str
    drawing_id: str
    version_id: str
    etag: str
    size: int
    sha256: str

    @property
    def revisions(self) -> tuple[str, str]:
        """Under which names the catalog may know it: its content, or the upload when that was not hashed."""
        return keys.revision(self.sha256), keys.upload_revision(self.version_id, self.etag)

    def execution_name(self, attempt: int = 0) -> str:
        """Name of the workflow execution that reads it."""
        return keys.execution_name(self.drawing_id, self.version_id, self.etag, attempt)


@dataclass(frozen=True)
class Execution:
    """One execution of `drawing_processing`."""

    name: str
    status: str


class Stack:
    """The stack of one local cloud.

    Attributes:
        state: the local cloud's state directory.
        target: clients and outputs of the stack.
    """

    def __init__(self, state: Path) -> None:
        self.state = state
        self.target = bring_up(ROOT, state, Steps(), restore=False, preferred_ports={})
        self._queue = self._watch_events()
        self._events: list[dict[str, Any]] = []

    @property
    def cloud(self) -> Cloud:
        """The local cloud below."""
        assert self.target.cloud is not None
        return self.target.cloud

    def bring_up_again(self) -> None:
        """What `drawops up` does after a crash."""
        self.target = bring_up(ROOT, self.state, Steps(), restore=True, preferred_ports={})

    # -- drawings -----------------------------------------------------------------------------------

    def drop(self, key: str, data: bytes) -> Dropped:
        """Put one object into the raw bucket."""
        answer = self.target.s3.put_object(Bucket=self.target.raw_bucket, Key=key, Body=data)
        return Dropped(
            key=key,
            drawing_id=keys.drawing_id(self.target.raw_bucket, key),
            version_id=answer["VersionId"],
            etag=answer["ETag"].strip('"'),
            size=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
        )

    def revision_of(self, dropped: Dropped) -> Revision | None:
        """What the catalog knows about it."""
        for name in dropped.revisions:
            found = self.target.catalog.revision(dropped.drawing_id, name)
            if found is not None:
                return found
        return None

    def ended(self, dropped: Dropped, seconds: float = 60) -> Revision:
        """Wait until the drawing is PROCESSED or QUARANTINED and its workflow has ended, events sent.

        Raises:
            TooSlow: that takes longer than `seconds`.
        """

        def look() -> Revision | None:
            found = self.revision_of(dropped)
            if found is None or found.status not in ENDED or self.execution_status(dropped) == "RUNNING":
                return None
            return found

        return eventually(look, seconds, lambda: f"{dropped.key} is still {self.revision_of(dropped)}")

    def execution_status(self, dropped: Dropped, attempt: int = 0) -> str | None:
        """Status of one workflow execution; None when there is none."""
        client = self.target.client("stepfunctions")
        machine = self.target.output("DrawingProcessingStateMachineArn")
        arn = f"{machine.replace(':stateMachine:', ':execution:')}:{dropped.execution_name(attempt)}"
        try:
            return str(client.describe_execution(executionArn=arn)["status"])
        except client.exceptions.ExecutionDoesNotExist:
            return None

    def executions(self) -> dict[str, list[Execution]]:
        """All executions by drawing id."""
        found = defaultdict(list)
        pages = self.target.client("stepfunctions").get_paginator("list_executions")
        machine = self.target.output("DrawingProcessingStateMachineArn")
        for page in pages.paginate(stateMachineArn=machine):
            for item in page["executions"]:
                # d-<20 hex digits>-<20 hex digits>-<attempt>
                found[item["name"][:22]].append(Execution(item["name"], item["status"]))
        return found

    def result(self, revision: Revision) -> DrawingResult:
        """The stored result, validated against its contract."""
        assert revision.result_key is not None
        return DrawingResult.model_validate_json(self.data(revision.result_key))

    def data(self, key: str) -> bytes:
        """An object of the data bucket."""
        return self.target.s3.get_object(Bucket=self.target.data_bucket, Key=key)["Body"].read()

    @contextmanager
    def uploads_held_back(self) -> Iterator[None]:
        """Inside the block nothing takes uploads out of the queue in front of the workflow."""
        client = self.target.client("lambda")
        function = self.target.functions()["StartProcessingFunction"]
        (mapping,) = client.list_event_source_mappings(FunctionName=function)["EventSourceMappings"]

        def switch(enabled: bool, state: str) -> None:
            client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=enabled)
            eventually(lambda: client.get_event_source_mapping(UUID=mapping["UUID"])["State"] == state, 30)

        switch(False, "Disabled")
        try:
            yield
        finally:
            switch(True, "Enabled")

    def send_upload_event(self, dropped: Dropped) -> None:
        """Put the event of an upload into the queue once more, as EventBridge may."""
        event = json.loads((ROOT / "events" / "s3" / "object_created.json").read_text(encoding="utf-8"))
        event["detail"]["bucket"]["name"] = self.target.raw_bucket
        event["detail"]["object"] |= {
            "key": dropped.key,
            "version-id": dropped.version_id,
            "etag": dropped.etag,
            "size": dropped.size,
        }
        self.send_upload_message(json.dumps(event))

    def send_upload_message(self, body: str) -> None:
        """Put any message into the queue in front of the workflow."""
        self.target.client("sqs").send_message(QueueUrl=self.target.queues()["UploadQueue"], MessageBody=body)

    # -- events -------------------------------------------------------------------------------------

    def events(self, drawing_id: str | None = None) -> list[dict[str, Any]]:
        """Every `drawops.processing` event so far (of one drawing), in order of arrival."""
        return [
            event
            for event in self.received(SOURCE_PROCESSING)
            if drawing_id in (None, event["detail"]["drawing_id"])
        ]

    def received(self, source: str) -> list[dict[str, Any]]:
        """Every event of a source of ours so far, in order of arrival."""
        sqs = self.target.client("sqs")
        while messages := sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                self._events.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"])
        return [event for event in self._events if event["source"] == source]

    def event(self, dropped: Dropped, seconds: float = 20) -> dict[str, Any]:
        """The one event about a drawing that ended.

        Raises:
            TooSlow: none comes within `seconds`.
            AssertionError: there is more than one.
        """
        found = eventually(
            lambda: self.events(dropped.drawing_id), seconds, lambda: f"no event: {dropped.key}"
        )
        assert len(found) == 1, found
        return found[0]

    def _watch_events(self) -> str:
        sqs, events = self.target.client("sqs"), self.target.client("events")
        url = str(sqs.create_queue(QueueName="seen-events")["QueueUrl"])
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        pattern = {"source": [SOURCE_PROCESSING, SOURCE_LABELING, SOURCE_DATASETS, SOURCE_DEPLOYMENT]}
        events.put_rule(Name="seen-events", EventPattern=json.dumps(pattern))
        events.put_targets(Rule="seen-events", Targets=[{"Id": "queue", "Arn": arn}])
        return url

    # -- processes ----------------------------------------------------------------------------------

    def processes(self) -> list[psutil.Process]:
        """Everything that runs for this stack."""
        return processes.processes_of(self.state)

    def container(self) -> psutil.Process:
        """The inference process behind the endpoint.

        Raises:
            TooSlow: none runs.
        """

        def look() -> psutil.Process | None:
            for process in self.processes():
                try:
                    # Only the container has this marker, see drawops_local.sagemaker.containers.
                    if "DRAWOPS_ENDPOINT" in process.environ():
                        return process
                except psutil.NoSuchProcess:
                    continue
            return None

        return eventually(look, 30, lambda: "no inference process runs")

    def container_peak(self) -> int | None:
        """Peak resident memory of the inference process in bytes; None where the system does not tell."""
        status = Path(f"/proc/{self.container().pid}/status")
        if not status.exists():
            return None
        (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
        return int(line.split()[1]) * 1024

    @contextmanager
    def endpoint_held_up(self) -> Iterator[None]:
        """Inside the block the inference process answers nothing."""
        container = self.container()
        container.suspend()
        try:
            yield
        finally:
            container.resume()

    def server(self, name: str) -> psutil.Process:
        """A server of the local cloud: "ministack" or "sagemaker"."""
        (found,) = [server for server in self.cloud.status().servers if server.name == name]
        return psutil.Process(found.pid)


@contextmanager
def temporary_stack() -> Iterator[Stack]:
    """A fresh stack in a temporary folder with ports of its own; leaves nothing behind.

    Raises:
        LeftBehind: a process or file is left (it is removed all the same).
    """
    folder = Path(tempfile.mkdtemp(prefix="drawops-")).resolve()
    state, temporary = folder / "cloud", folder / "tmp"
    temporary.mkdir()
    # What bring_up starts inherits both: it is found by the marker, and its temporary files by the folder.
    changed = {processes.MARKER: str(state), "TMPDIR": str(temporary)}
    before = {name: os.environ.get(name) for name in changed}
    os.environ.update(changed)
    try:
        yield Stack(state)
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        left = _tear_down(folder, state, temporary)
    if left:
        raise LeftBehind(f"left after the stack was stopped: {left}")


def _tear_down(folder: Path, state: Path, temporary: Path) -> list[str]:
    """Stop the cloud as a user does, then remove everything; returns what was still there."""
    left = []
    if (state / "cloud.json").exists():
        ports = json.loads((state / "cloud.json").read_text())["ports"]
        Cloud.attach(state).down()
        left += [f"listener on {port} of {name}" for name, port in ports.items() if _listens(port)]
        left += [f"file {path}" for path in (*state.glob("tmp/*"), *temporary.iterdir())]
    remaining = {*processes.processes_of(state), *_processes_at(folder)}
    left += [f"process {process.pid} {process.cmdline()}" for process in remaining]
    processes.stop(remaining)
    shutil.rmtree(folder)
    return left


def _processes_at(folder: Path) -> list[psutil.Process]:
    """Processes that name the folder in their command or work in it, whatever their environment says."""
    found = []
    for process in psutil.process_iter():
        try:
            places = [process.cwd(), *process.cmdline()]
        except (psutil.Error, OSError):
            continue  # ended meanwhile, or somebody else's
        if any(str(folder) in place for place in places):
            found.append(process)
    return found


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def eventually(
    look: Callable[[], _Found | None], seconds: float, otherwise: Callable[[], str] = lambda: "did not happen"
) -> _Found:
    """The first true value of `look`, asked again and again.

    Raises:
        TooSlow: there is none within `seconds`; the message is what `otherwise` says then.
    """
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            raise TooSlow(f"{otherwise()} after {seconds:.0f} s")
        time.sleep(_POLL_SECONDS)
    return found


def all_ended(stack: Stack, drawings: Sequence[Dropped], seconds: float) -> dict[str, Revision]:
    """Wait for many drawings at little cost: one query of the status index a second.

    Returns:
        The ended revisions by drawing id.

    Raises:
        TooSlow: some have not ended within `seconds`.
    """
    wanted = {dropped.drawing_id for dropped in drawings}
    deadline = time.monotonic() + seconds
    while True:
        found = {
            revision.drawing_id: revision
            for status in ENDED
            for revision in stack.target.catalog.by_status(status)
            if revision.drawing_id in wanted
        }
        if len(found) == len(wanted):
            return found
        if time.monotonic() > deadline:
            raise TooSlow(f"{len(wanted) - len(found)} of {len(wanted)} have not ended after {seconds:.0f} s")
        time.sleep(1)
