"""Answers of a labeling job that has ended become submissions of its tasks; then all goes on as for the page.

Workers of an area are put to its tasks in the order of their ids, so collecting again finds the same pairs.
An area with fewer answers than tasks gives up the further opinions; an area without any stays open, and its
tasks are named: a job with a higher `attempt` asks again.
"""

import json
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from pydantic import ValidationError

from drawops.contracts.events import LabelingSubmitted
from drawops.contracts.ground_truth import (
    BrokenLine,
    CollectedLabelingJob,
    FilledForm,
    LabelingJobStateChange,
    Problem,
    StoredAnswer,
    WorkerReport,
)
from drawops.contracts.labeling import TaskState
from drawops.errors import InvalidResult
from drawops.keys import LabelingJobKeys
from drawops.labeling import boxes as saved
from drawops.labeling.agreement import Rate, measure, merged
from drawops.labeling.consolidation import Opinion, units
from drawops.labeling.ground_truth import answers, forms
from drawops.labeling.ground_truth.job import name_prefix
from drawops.labeling.ground_truth.manifests import AnsweredArea, read_output
from drawops.labeling.problems import Problem as Refusal
from drawops.labeling.service import LabelingService, submitted_event
from drawops.labeling.store import LabelingStore, Task

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_log = logging.getLogger(__name__)
_DAY = 86_400.0
MAX_RESPONSE_BYTES = 8 * 2**20
MAX_MANIFEST_BYTES = 200 * 2**20
_NAMED = 200
"""Broken lines and problems that a report names, each; a function may return 6 MB at most."""
_ENDED = ("Completed", "Stopped", "Failed")


class Collector:
    """Collects labeling jobs of one stack.

    Args:
        announce: called with the event when a collection completes a labeling's round.
        prefix: the stack's name; jobs of others are left alone.
    """

    def __init__(
        self,
        *,
        store: LabelingStore,
        s3: "S3Client",
        data_bucket: str,
        announce: Callable[[LabelingSubmitted], None],
        prefix: str,
    ) -> None:
        self._store = store
        self._s3 = s3
        self._bucket = data_bucket
        self._announce = announce
        self._prefix = name_prefix(prefix)
        self._service = LabelingService(store=store, s3=s3, data_bucket=data_bucket, announce=announce)

    def collect(self, event: LabelingJobStateChange) -> CollectedLabelingJob:
        """Take in what a job that ended has brought; repeating it changes nothing.

        Raises:
            InvalidResult: the job says it is complete, but its output manifest is missing or too big.
        """
        job, status = event.job, event.detail.status
        collection = _Collection(job, status, WorkingTimes(self._s3, self._bucket, job))
        if not job.startswith(self._prefix) or status not in _ENDED:
            return collection.report()
        labelings = set()
        for line in self._manifest(job, status):
            if isinstance(line, BrokenLine):
                collection.broken.append(line)
            else:
                labelings.add(line.tasks.labeling_id)
                self._take(line, collection)
        for name in sorted(labelings):
            self._announce_if_complete(name)
        return collection.report()

    def _manifest(self, job: str, status: str) -> Iterable[AnsweredArea | BrokenLine]:
        """Lines of the output manifest; of the input's, without answers, where a job failed before."""
        keys = LabelingJobKeys(job)
        for key in (keys.output_manifest, keys.manifest):
            try:
                found = self._s3.get_object(Bucket=self._bucket, Key=key)
            except ClientError as error:
                if error.response["Error"]["Code"] not in ("NoSuchKey", "404"):
                    raise
                if status != "Failed":
                    raise InvalidResult(f"Job {job} is {status}, but there is no {key}.") from error
                continue
            if found["ContentLength"] > MAX_MANIFEST_BYTES:
                raise InvalidResult(f"{key} has {found['ContentLength']:,} bytes; it is no manifest of ours.")
            return read_output(found["Body"].iter_lines())
        return ()

    def _take(self, line: AnsweredArea, collection: "_Collection") -> None:
        """One area: answers to tasks in order, further opinions that nobody gave taken back."""
        tasks = [task for name in line.tasks.tasks if (task := self._store.task(name)) is not None]
        if not tasks:
            reason = f"No task of line {line.line} exists any more."
            collection.problems.append(Problem(worker=None, reason=reason))
            return
        given = self._answers(line, tasks, collection)
        collection.compare(given)
        waiting = [task for task in tasks if task.state is TaskState.OPEN]
        known = {task.annotator for task in tasks if task.state is TaskState.SUBMITTED}
        for opinion in given:
            worker = opinion.annotator
            if worker in known or not waiting:
                continue
            task = waiting.pop(0)
            try:
                self._service.answer(
                    task.task_id, worker, opinion.boxes, seconds=collection.seconds(line, worker)
                )
            except Refusal as refusal:
                reason = f"Task {task.task_id}: {refusal}"
                collection.problems.append(Problem(worker=worker, reason=reason))
                waiting.insert(0, task)
                continue
            collection.submitted[task.task_id] = worker
            known.add(worker)
        self._give_up(waiting, given=bool(known), collection=collection)

    def _give_up(self, waiting: Sequence[Task], *, given: bool, collection: "_Collection") -> None:
        """Take back what nobody answered where somebody did; name the rest."""
        for task in waiting:
            if not given or not self._store.withdraw(task):
                collection.unanswered.append(task.task_id)

    def _announce_if_complete(self, labeling_id: str) -> None:
        """Also when the last answer was taken in by a collection that broke off after it."""
        labeling = self._store.labeling(labeling_id)
        if labeling is not None and self._store.all_submitted(labeling_id):
            self._announce(submitted_event(labeling))

    def _answers(self, line: AnsweredArea, tasks: Sequence[Task], collection: "_Collection") -> list[Opinion]:
        """Every usable answer to an area, in the order of the workers' ids."""
        if line.answers is None:
            if line.failure:
                collection.problems.append(Problem(worker=None, reason=f"Line {line.line}: {line.failure}"))
            return []
        collection.problems.extend(line.answers.problems)
        labeling = self._store.labeling(line.tasks.labeling_id)
        if labeling is None:
            return []
        shown = saved.read(line.tasks.boxes_key, s3=self._s3, data_bucket=self._bucket).boxes
        page = (labeling.width, labeling.height)
        given = []
        for stored in sorted(line.answers.answers, key=lambda answer: answer.worker):
            try:
                answer = answers.apply(self._form(stored), shown, line.tasks.area, page, stored.worker)
            except forms.UnusableAnswer as error:
                collection.problems.append(Problem(worker=stored.worker, reason=str(error)))
                continue
            for reason in answer.problems:
                collection.problems.append(Problem(worker=stored.worker, reason=reason))
            given.append(Opinion(stored.worker, answer.boxes))
        return given

    def _form(self, stored: StoredAnswer) -> FilledForm:
        try:
            body = self._s3.get_object(Bucket=self._bucket, Key=stored.key)["Body"].read()
            return FilledForm.model_validate_json(body)
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("NoSuchKey", "404"):
                raise
            raise forms.UnusableAnswer(f"The answer at {stored.key} is gone.") from error
        except ValidationError as error:
            raise forms.UnusableAnswer(f"The answer at {stored.key} is damaged.") from error


class _Collection:
    """What is collected while a manifest is read."""

    def __init__(self, job: str, status: str, times: "WorkingTimes") -> None:
        self._job = job
        self._status = status
        self._times = times
        self.submitted: dict[str, str] = {}
        self.unanswered: list[str] = []
        self.broken: list[BrokenLine] = []
        self.problems: list[Problem] = []
        self._compared: dict[str, Rate] = {}

    def seconds(self, line: AnsweredArea, worker: str) -> float:
        """How long the worker was at this area; 0: unknown."""
        object_id = line.answers.object_id if line.answers else ""
        return self._times.seconds(object_id, worker)

    def compare(self, opinions: Sequence[Opinion]) -> None:
        """Count, for every two workers of an area, where they agree."""
        self._compared = merged([self._compared, measure(units(opinions)).by_annotator])

    def report(self) -> CollectedLabelingJob:
        """The report; workers in the order of their ids."""
        workers = sorted({*self.submitted.values(), *self._compared})
        return CollectedLabelingJob(
            job=self._job,
            status=self._status,
            submitted=tuple(self.submitted),
            unanswered=tuple(self.unanswered),
            workers=tuple(
                WorkerReport(
                    worker=worker,
                    submitted=sum(of == worker for of in self.submitted.values()),
                    compared=self._compared.get(worker, Rate()).of,
                    agreed=self._compared.get(worker, Rate()).count,
                )
                for worker in workers
            ),
            broken=tuple(self.broken[:_NAMED]),
            problems=tuple(self.problems[:_NAMED]),
        )


class WorkingTimes:
    """How long workers worked, from the files that Ground Truth writes for each answer.

    They lie at `annotations/worker-response/iteration-<n>/<object id>/<time>.json` and hold `answers` with
    `workerId` and `timeSpentInSeconds` (Amazon SageMaker Developer Guide, "Labeling job output data").
    """

    def __init__(self, s3: "S3Client", data_bucket: str, job: str) -> None:
        self._s3 = s3
        self._bucket = data_bucket
        self._prefix = LabelingJobKeys(job).worker_responses
        self._files: defaultdict[str, list[str]] | None = None
        self._known: dict[str, dict[str, float]] = {}

    def seconds(self, object_id: str, worker: str) -> float:
        """Seconds of a worker at a data object; 0 when nobody wrote it down. Never more than a day."""
        if object_id not in self._known:
            self._known[object_id] = self._read(object_id)
        return self._known[object_id].get(worker, 0.0)

    def _read(self, object_id: str) -> dict[str, float]:
        found: dict[str, float] = {}
        for key in self._listed()[object_id]:
            try:
                body = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read(MAX_RESPONSE_BYTES)
                for answer in json.loads(body)["answers"]:
                    seconds = float(answer["timeSpentInSeconds"])
                    if 0 < seconds <= _DAY:
                        worker = str(answer["workerId"])
                        found[worker] = found.get(worker, 0.0) + seconds
            except (ValueError, KeyError, TypeError, RecursionError):
                _log.warning("no working time in a worker's response")
        return found

    def _listed(self) -> defaultdict[str, list[str]]:
        if self._files is None:
            self._files = defaultdict(list)
            pages = self._s3.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._prefix
            )
            for page in pages:
                for entry in page.get("Contents", []):
                    parts = entry["Key"].removeprefix(self._prefix).split("/")
                    if len(parts) == 3:
                        self._files[parts[1]].append(entry["Key"])
        return self._files
