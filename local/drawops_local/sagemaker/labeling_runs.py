"""What works labeling jobs off: reads the manifest, calls the functions, lets workers answer, writes results.

A job goes on batch by batch: for each object of a batch the pre-annotation function and then the workers;
for the batch the post-annotation function. Every step is in the store before the next one begins, so a
runner that was killed goes on where it was: an object that was being answered is answered again, with the
same answers under the same keys, and a batch that was being consolidated is consolidated again.

What lies where in S3, and the shapes of events and files, are AWS's: Amazon SageMaker Developer Guide,
"Labeling job output data" and "Using pre-annotation and post-annotation Lambda functions". The wording of
failure reasons is our own where AWS documents none.
"""

import datetime
import json
import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import ValidationError

from drawops_local.credentials import ACCOUNT
from drawops_local.sagemaker import labeling_jobs, workteams
from drawops_local.sagemaker.labeling_jobs import KIND, counters, output_prefix
from drawops_local.sagemaker.model_data import split_s3_uri
from drawops_local.sagemaker.operations import Runner, arn, now
from drawops_local.sagemaker.store import Document
from drawops_local.sagemaker.workers import Program, Script, Worker, fill_in

_log = logging.getLogger(__name__)

BATCH = 10
"""AWS begins with ten objects, too, before it hands out MaxConcurrentTaskCount."""
EVENT_VERSION = "2018-10-16"
TRUTH_TAG = "drawops:truth"
MAX_LINE_BYTES = 100_000
MAX_OBJECTS = 100_000
_AT_ONCE = 4
_UNREACHABLE_WAIT = 0.5


class JobFailed(Exception):
    """The whole job fails; the message is its FailureReason."""


class ObjectFailed(Exception):
    """One data object fails; the message is its failure reason."""


class _Unreachable(Exception):
    """The local cloud does not answer: nobody's fault, so the step is done again."""


class _Leave(Exception):
    """The runner is stopping; the job goes on after the next start."""


class LabelingRuns:
    """The labeling jobs of this runner."""

    def __init__(self, program: Program = fill_in) -> None:
        self._program = program
        self._pool = ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="labeling")
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._runner: Runner | None = None

    @property
    def runner(self) -> Runner:
        """The runner this belongs to (set once, before the first request)."""
        assert self._runner is not None
        return self._runner

    def resume(self, runner: Runner) -> None:
        """Go on with the jobs of a runner that ended."""
        self._runner = runner
        for job in runner.store.all(KIND):
            if job["LabelingJobStatus"] in (*labeling_jobs.RUNNING, "Stopping"):
                self.start(job["LabelingJobName"])

    def start(self, name: str) -> None:
        """Work on a job in the background; a job that is being worked on takes note of its new status."""
        self._pool.submit(self._guarded, name)

    def wait(self) -> None:
        """Until every job that was started has ended; nothing can be started afterwards."""
        self._pool.shutdown(wait=True)

    def stop(self) -> None:
        """Leave all jobs as they are."""
        self._stopping.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _guarded(self, name: str) -> None:
        with self._lock:
            lock = self._locks.setdefault(name, threading.Lock())
        with lock:
            job = self.runner.store.get(KIND, name)
            if job is None or job["LabelingJobStatus"] not in (*labeling_jobs.RUNNING, "Stopping"):
                return
            try:
                self._work(Run(self.runner, job, self._program, self._stopping))
            except _Leave:
                _log.info("labeling job %s waits for the next start", name)
            except JobFailed as error:
                _log.error("labeling job %s: %s", name, error)
                self._end(name, "Failed", str(error)[:1024])
            except Exception as error:  # noqa: BLE001 - the thread pool would swallow it
                _log.exception("labeling job %s failed", name)
                self._end(name, "Failed", f"InternalServerError: {type(error).__name__}: {error}"[:1024])

    def _work(self, run: "Run") -> None:
        run.initialize()
        while not run.told_to_stop():
            batch = run.next_batch()
            if not batch:
                break
            for number in batch:
                if not run.told_to_stop():
                    run.annotate(number)
            run.consolidate(batch)
        stopped = run.told_to_stop()
        if not stopped:
            run.check_that_something_worked()
        run.write_output()
        self._end(run.name, "Stopped" if stopped else "Completed", None)

    def _end(self, name: str, status: str, reason: str | None) -> None:
        """Set the last status and announce it, in one transaction."""
        event = {
            "Source": "aws.sagemaker",
            "DetailType": "SageMaker Ground Truth Labeling Job State Change",
            "Resources": [arn(KIND, name)],
            "Detail": json.dumps({"LabelingJobStatus": status}),
        }
        with self.runner.store.transaction():
            self.runner.store.change(
                KIND, name, LabelingJobStatus=status, FailureReason=reason, LastModifiedTime=now()
            )
            self.runner.store.post("event", event)
        self.runner.outbox.wake()


class Run:
    """One job being worked off. Objects are documents of the store, named by their number in the manifest."""

    def __init__(self, runner: Runner, job: Document, program: Program, leave: threading.Event) -> None:
        self._runner = runner
        self._job = job
        self._program = program
        self._leave = leave
        self._task: Document = job["HumanTaskConfig"]
        self._objects = f"labeling-object:{job['LabelingJobName']}"
        self._script = Script()

    @property
    def name(self) -> str:
        """LabelingJobName."""
        return str(self._job["LabelingJobName"])

    def told_to_stop(self) -> bool:
        """Whether StopLabelingJob was called."""
        document = self._runner.store.get(KIND, self.name)
        return document is not None and document["LabelingJobStatus"] == "Stopping"

    def initialize(self) -> None:
        """Read template, script and manifest, and keep the manifest's lines as objects.

        Raises:
            JobFailed: one of them is missing or wrong.
        """
        template = self._read(self._task["UiConfig"]["UiTemplateS3Uri"], "worker template")
        if "<crowd-form" not in template:
            raise JobFailed("ClientError: The worker template has no crowd-form element.")
        self._script = self._read_script()
        if self._job["LabelingJobStatus"] != "Initializing":
            return
        manifest = self._read(
            self._job["InputConfig"]["DataSource"]["S3DataSource"]["ManifestS3Uri"], "input manifest"
        )
        lines = list(_data_objects(manifest))
        store = self._runner.store
        with store.transaction():
            for number, line in enumerate(lines):
                store.add(self._objects, str(number), {"number": number, "line": line})
            document = store.get(KIND, self.name) or {}
            changes: Document = {"LabelCounters": counters(unlabeled=len(lines)), "LastModifiedTime": now()}
            if document.get("LabelingJobStatus") == "Initializing":
                changes["LabelingJobStatus"] = "InProgress"
            store.change(KIND, self.name, **changes)

    def next_batch(self) -> list[int]:
        """Numbers of the next objects that have neither label nor failure."""
        size = min(BATCH, self._task.get("MaxConcurrentTaskCount", BATCH))
        waiting = [found["number"] for found in self._all() if "label" not in found and "reason" not in found]
        return sorted(waiting)[:size]

    def annotate(self, number: int) -> None:
        """Pre-annotation and the workers' answers for one object."""
        found = self._object(number)
        if "answers" in found or "reason" in found:
            return
        # Written down first: after a crash the same answers go to the same keys.
        started = found.get("started") or now()
        self._change(number, started=started)
        try:
            task_input = self._pre_annotate(found["line"])
            answers = self._ask_workers(number, found["line"], task_input, started)
        except ObjectFailed as error:
            self._change(number, reason=str(error)[:1024])
            self._count()
            return
        self._change(number, answers=answers)

    def consolidate(self, batch: Sequence[int]) -> None:
        """The post-annotation function for all answered objects of a batch."""
        ready = [found for found in map(self._object, batch) if "answers" in found and "label" not in found]
        if not ready:
            return
        arn_of_function = self._task.get("AnnotationConsolidationConfig", {}).get(
            "AnnotationConsolidationLambdaArn"
        )
        at = now()
        reason = "ClientError: The post-annotation Lambda function returned no label for the data object."
        labels: dict[str, Any] = {}
        if arn_of_function is None:
            labels = {str(found["number"]): {} for found in ready}
        else:
            try:
                labels = self._post_annotate(arn_of_function, ready, at)
            except ObjectFailed as error:
                reason = str(error)[:1024]
        with self._runner.store.transaction():
            for found in ready:
                if str(found["number"]) in labels:
                    self._change(found["number"], label=labels[str(found["number"])], labeled=at)
                else:
                    self._change(found["number"], reason=reason)
            self._count()
        self._write_lines(f"{self._prefix}annotations/intermediate/1/annotations.manifest")

    def check_that_something_worked(self) -> None:
        """A job in which no object could be labeled has failed.

        Raises:
            JobFailed: with the reason of the first object.
        """
        objects = self._all()
        reasons = [found["reason"] for found in objects if "reason" in found]
        if objects and len(reasons) == len(objects):
            raise JobFailed(f"ClientError: No data object could be labeled. The first: {reasons[0]}"[:1024])

    def write_output(self) -> None:
        """The output manifest: every line of the input, with its label where there is one."""
        self._write_lines(f"{self._prefix}manifests/output/output.manifest")

    # -- functions ----------------------------------------------------------------------------------

    def _pre_annotate(self, line: Document) -> Document:
        function = self._task.get("PreHumanTaskLambdaArn")
        if function is None:
            return line
        answer = self._invoke(
            function,
            {"version": EVENT_VERSION, "labelingJobArn": arn(KIND, self.name), "dataObject": line},
            "pre-annotation",
        )
        if not isinstance(answer, dict) or not isinstance(answer.get("taskInput"), dict):
            raise ObjectFailed("ClientError: The pre-annotation Lambda function returned no taskInput.")
        # The reference has the first name and a boolean, AWS's own sample the second and a string.
        required = answer.get("isHumanAnnotationRequired", answer.get("humanAnnotationRequired", True))
        if str(required).lower() == "false":
            raise ObjectFailed("ClientError: The pre-annotation Lambda function asked for no annotation.")
        task_input: Document = answer["taskInput"]
        return task_input

    def _post_annotate(self, function: str, ready: Sequence[Document], at: float) -> dict[str, Any]:
        """Labels by object number.

        Raises:
            ObjectFailed: the function failed.
        """
        stamp = _stamp(at)
        folder = f"{self._prefix}annotations/consolidated-annotation/"
        payload_uri = f"{folder}consolidation-request/iteration-1/{stamp}.json"
        payload = [
            {
                "datasetObjectId": str(found["number"]),
                "dataObject": _data_object(found["line"]),
                "annotations": [
                    {"workerId": worker, "annotationData": {"content": content}}
                    for worker, content in self._contents(found["answers"])
                ],
            }
            for found in ready
        ]
        self._write(payload_uri, json.dumps(payload))
        event = {
            "version": EVENT_VERSION,
            "labelingJobArn": arn(KIND, self.name),
            "labelAttributeName": self._job["LabelAttributeName"],
            "roleArn": self._job["RoleArn"],
            "outputConfig": f"{self._prefix}annotations",
            "payload": {"s3Uri": payload_uri},
        }
        answer = self._invoke(function, event, "post-annotation")
        self._write(f"{folder}consolidation-response/iteration-1/{stamp}.json", json.dumps(answer))
        return _labels(answer, self._job["LabelAttributeName"])

    def _invoke(self, function: str, event: Document, what: str) -> Any:  # noqa: ANN401 - JSON
        while True:
            self._check_leaving()
            try:
                answer = self._runner.functions.invoke(FunctionName=function, Payload=json.dumps(event))
                content = answer["Payload"].read()
            except ClientError as error:
                code = error.response["Error"]["Code"]
                if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500) >= 500 or (
                    code == "TooManyRequestsException"
                ):
                    self._wait(what, error)
                    continue
                raise JobFailed(f"ClientError: Cannot invoke the {what} Lambda function: {code}") from error
            except BotoCoreError as error:
                self._wait(what, error)
                continue
            if answer.get("FunctionError"):
                said = content.decode(errors="replace")[:700]
                raise ObjectFailed(f"ClientError: The {what} Lambda function failed: {said}")
            try:
                return json.loads(content)
            except ValueError as error:
                raise ObjectFailed(f"ClientError: The {what} Lambda function returned no JSON.") from error

    # -- workers ------------------------------------------------------------------------------------

    def _ask_workers(
        self, number: int, line: Document, task_input: Document, started: float
    ) -> list[Document]:
        """Let the workers answer; returns worker and place of every answer.

        Raises:
            ObjectFailed: nobody answered.
        """
        answers: list[Document] = []
        for order, worker in enumerate(self._script.team(self._task["NumberOfHumanWorkersPerDataObject"])):
            if worker.seconds and self._leave.wait(worker.seconds):
                raise _Leave
            for part, content in enumerate(self._program(self._script, worker, line, task_input)):
                # Names are times; each answer gets a second of its own.
                at = started + order * 10 + part
                uri = f"{self._prefix}annotations/worker-response/iteration-1/{number}/{_stamp(at)}.json"
                self._write(uri, json.dumps(_worker_response(worker, content, at)))
                answers.append({"worker": worker.id, "uri": uri})
        if not answers:
            raise ObjectFailed(
                "ClientError: Annotation tasks expired. The following annotation tasks expired: all."
            )
        return answers

    def _contents(self, answers: Sequence[Document]) -> Iterator[tuple[str, str]]:
        for answer in answers:
            response = json.loads(self._read(answer["uri"], "worker response"))
            content = response["answers"][0]["answerContent"]
            yield answer["worker"], content if isinstance(content, str) else json.dumps(content)

    def _read_script(self) -> Script:
        tags = {tag["Key"]: tag["Value"] for tag in self._job.get("Tags", [])}
        if TRUTH_TAG not in tags:
            return Script()
        try:
            return Script.model_validate_json(self._read(tags[TRUTH_TAG], "truth document"))
        except ValidationError as error:
            raise JobFailed(f"ClientError: The truth document is wrong: {error}"[:1024]) from error

    # -- objects ------------------------------------------------------------------------------------

    @property
    def _prefix(self) -> str:
        return output_prefix(self._job)

    def _all(self) -> list[Document]:
        return self._runner.store.all(self._objects)

    def _object(self, number: int) -> Document:
        found = self._runner.store.get(self._objects, str(number))
        assert found is not None
        return found

    def _change(self, number: int, **members: Any) -> None:  # noqa: ANN401 - JSON
        self._runner.store.change(self._objects, str(number), **members)

    def _count(self) -> None:
        objects = self._all()
        labeled = sum("label" in found for found in objects)
        failed = sum("reason" in found for found in objects)
        self._runner.store.change(
            KIND,
            self.name,
            LabelCounters=counters(labeled, failed, len(objects) - labeled - failed),
            LastModifiedTime=now(),
        )

    def _write_lines(self, uri: str) -> None:
        objects = sorted(self._all(), key=lambda found: int(found["number"]))
        self._write(uri, "".join(json.dumps(self._output_line(found)) + "\n" for found in objects))

    def _output_line(self, found: Document) -> Document:
        label = self._job["LabelAttributeName"]
        if "label" in found:
            metadata: Document = {
                "type": "groundtruth/custom",
                "job-name": self.name.lower(),
                "human-annotated": "yes",
                "creation-date": _iso(found["labeled"]),
            }
            if "AnnotationConsolidationConfig" not in self._task:
                metadata["worker-response-ref"] = found["answers"][0]["uri"]
            return {**found["line"], label: found["label"], f"{label}-metadata": metadata}
        if "reason" in found:
            metadata = {"retry-count": 1, "failure-reason": found["reason"], "human-annotated": "true"}
            return {**found["line"], f"{label}-metadata": metadata}
        return dict(found["line"])

    # -- S3 -----------------------------------------------------------------------------------------

    def _read(self, uri: str, what: str) -> str:
        bucket, key = split_s3_uri(uri)
        while True:
            self._check_leaving()
            try:
                content: bytes = self._runner.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
                return content.decode("utf-8-sig")
            except UnicodeDecodeError as error:
                raise JobFailed(f"ClientError: The {what} at {uri} is not UTF-8.") from error
            except ClientError as error:
                self._retry_or_fail(f"The {what} at {uri} cannot be read", error)
            except BotoCoreError as error:
                self._wait(uri, error)

    def _write(self, uri: str, content: str) -> None:
        bucket, key = split_s3_uri(uri)
        while True:
            self._check_leaving()
            try:
                self._runner.s3.put_object(
                    Bucket=bucket,
                    Key=key,
                    Body=content.encode(errors="replace"),
                    ContentType="application/json",
                )
            except ClientError as error:
                self._retry_or_fail(f"{uri} cannot be written", error)
            except BotoCoreError as error:
                self._wait(uri, error)
            else:
                return

    def _retry_or_fail(self, what: str, error: ClientError) -> None:
        if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500) < 500:
            raise JobFailed(f"ClientError: {what}: {error.response['Error']['Code']}") from error
        self._wait(what, error)

    def _wait(self, what: str, error: Exception) -> None:
        _log.warning("labeling job %s waits for the local cloud: %s: %s", self.name, what, error)
        if self._leave.wait(_UNREACHABLE_WAIT):
            raise _Leave

    def _check_leaving(self) -> None:
        if self._leave.is_set():
            raise _Leave


def _data_objects(manifest: str) -> Iterator[Document]:
    """The lines of an input manifest.

    Raises:
        JobFailed: a line is too long, no JSON object, or has neither `source` nor `source-ref`; or there are
            no lines, or too many.
    """
    count = 0
    for number, text in enumerate(manifest.split("\n"), 1):
        if not text.strip():
            continue
        count += 1
        if count > MAX_OBJECTS:
            raise JobFailed(f"ClientError: The input manifest has more than {MAX_OBJECTS} data objects.")
        if len(text.encode()) > MAX_LINE_BYTES:
            raise JobFailed(f"ClientError: Line {number} of the input manifest is longer than 100 kilobytes.")
        try:
            line = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise JobFailed(f"ClientError: Line {number} of the input manifest is not JSON.") from error
        if not isinstance(line, dict) or not {"source", "source-ref"} & line.keys():
            raise JobFailed(
                f"ClientError: Line {number} of the input manifest has neither source nor source-ref."
            )
        yield line
    if not count:
        raise JobFailed("ClientError: The input manifest has no data objects.")


def _data_object(line: Document) -> Document:
    return {"s3Uri": line["source-ref"]} if "source-ref" in line else {"content": line["source"]}


def _labels(answer: Any, label: str) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """Label content by object id, of what the post-annotation function returned; the rest is left out."""
    labels: dict[str, Any] = {}
    for entry in answer if isinstance(answer, list) else []:
        content = (entry.get("consolidatedAnnotation") or {}) if isinstance(entry, Mapping) else {}
        content = content.get("content") if isinstance(content, Mapping) else None
        if isinstance(content, Mapping) and label in content:
            labels[str(entry.get("datasetObjectId"))] = content[label]
    return labels


def _worker_response(worker: Worker, content: str, at: float) -> Document:
    """A file under `annotations/worker-response`; `answerContent` is the form as JSON where it is JSON."""
    try:
        answer = json.loads(content)
    except ValueError:
        answer = content
    return {
        "answers": [
            {
                "acceptanceTime": _iso(at, "milliseconds") + "Z",
                "answerContent": answer,
                "submissionTime": _iso(at + max(worker.seconds, 0.001), "milliseconds") + "Z",
                "timeSpentInSeconds": worker.seconds,
                "workerId": worker.id,
                "workerMetadata": {
                    "identityData": {
                        "identityProviderType": "Cognito",
                        "issuer": workteams.ISSUER,
                        "sub": f"{ACCOUNT}-{worker.id}",
                    }
                },
            }
        ]
    }


def _stamp(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%d_%H:%M:%S")


def _iso(seconds: float, precision: str = "microseconds") -> str:
    moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC).replace(tzinfo=None)
    return moment.isoformat(timespec=precision)
