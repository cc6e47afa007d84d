"""Find drawings that a lost notification, a lost event or a crash left hanging, and get them moving."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from drawops.catalog import OPEN, Catalog, Revision
from drawops.contracts.workflow import Failure, Outcome, ReconcileReport, Registered, Upload
from drawops.intake.quarantine import quarantine
from drawops.intake.start import Start, is_running, start
from drawops.keys import drawing_id, execution_name, parse_s3_uri, upload_revision
from drawops.reading.resumption import resume_failed, resume_succeeded

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_stepfunctions import SFNClient


class Reconciler:
    """One pass over everything that is open.

    Args:
        grace: revisions changed more recently than this are left alone.
        max_attempts: a revision whose workflow broke this often goes to quarantine.
    """

    def __init__(
        self,
        *,
        s3: "S3Client",
        stepfunctions: "SFNClient",
        catalog: Catalog,
        state_machine_arn: str,
        raw_bucket: str,
        data_bucket: str,
        grace: timedelta,
        max_attempts: int,
    ) -> None:
        self._s3 = s3
        self._stepfunctions = stepfunctions
        self._catalog = catalog
        self._state_machine_arn = state_machine_arn
        self._raw_bucket = raw_bucket
        self._data_bucket = data_bucket
        self._grace = grace
        self._max_attempts = max_attempts
        self._done: dict[str, list[str]] = {"resumed": [], "restarted": [], "started": [], "quarantined": []}

    def reconcile(self, *, sweep: bool) -> ReconcileReport:
        """Resume, restart or quarantine what hangs; with `sweep` also start what no workflow ever saw."""
        before = (datetime.now(UTC) - self._grace).isoformat(timespec="microseconds")
        for status in OPEN:
            for revision in self._catalog.by_status(status, before):
                self._revive(revision)
        if sweep:
            self._sweep()
        return ReconcileReport(**{name: tuple(items) for name, items in self._done.items()})

    def _revive(self, revision: Revision) -> None:
        label = f"{revision.drawing_id}/{revision.revision}"
        upload = revision.upload()
        name = execution_name(revision.drawing_id, upload.version_id, upload.etag, upload.attempt)
        if is_running(name, self._stepfunctions, self._state_machine_arn):
            if self._resume(revision):
                self._done["resumed"].append(label)
        elif upload.attempt + 1 < self._max_attempts:
            self._start(upload.model_copy(update={"attempt": upload.attempt + 1}))
            self._done["restarted"].append(label)
        else:
            self._give_up(revision)
            self._done["quarantined"].append(label)

    def _resume(self, revision: Revision) -> bool:
        """The workflow waits: if the endpoint has answered, its notification was lost."""
        inference = self._catalog.inference(revision.inference_id) if revision.inference_id else None
        if inference is None:
            return False
        if inference.output_location and self._exists(inference.output_location):
            return resume_succeeded(inference, inference.output_location, self._stepfunctions)
        if inference.failure_location and self._exists(inference.failure_location):
            return resume_failed(inference, "", s3=self._s3, stepfunctions=self._stepfunctions)
        return False

    def _sweep(self) -> None:
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._raw_bucket)
        horizon = datetime.now(UTC) - self._grace
        for page in pages:
            for item in page.get("Contents", []):
                if item["LastModified"] <= horizon and not item["Key"].endswith("/"):
                    self._sweep_one(item["Key"])

    def _sweep_one(self, key: str) -> None:
        head = self._s3.head_object(Bucket=self._raw_bucket, Key=key)
        version, etag = head.get("VersionId"), head["ETag"].strip('"')
        known = self._catalog.drawing(drawing_id(self._raw_bucket, key))
        if known is not None and known.upload_id == upload_revision(version, etag):
            return
        for attempt in range(self._max_attempts):
            upload = Upload(
                bucket=self._raw_bucket,
                key=key,
                version_id=version,
                etag=etag,
                size=head["ContentLength"],
                attempt=attempt,
            )
            outcome = self._start(upload)
            if outcome is Start.STARTED:
                self._done["started"].append(key)
            if outcome is not Start.ENDED:
                return

    def _start(self, upload: Upload) -> Start:
        return start(upload, stepfunctions=self._stepfunctions, state_machine_arn=self._state_machine_arn)

    def _give_up(self, revision: Revision) -> None:
        failure = Failure(
            upload=revision.upload(),
            registered=Registered(
                outcome=Outcome.TO_READ,
                drawing_id=revision.drawing_id,
                revision=revision.revision,
                upload=revision.upload(),
                sha256=revision.sha256 or "",
            ),
            error="WorkflowBroken",
            cause=f"The workflow broke off {self._max_attempts} times. Look at its last execution, then "
            "upload the drawing again.",
        )
        quarantine(failure, s3=self._s3, catalog=self._catalog, data_bucket=self._data_bucket)

    def _exists(self, uri: str) -> bool:
        bucket, key = parse_s3_uri(uri)
        try:
            self._s3.head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] in ("404", "NoSuchKey"):
                return False
            raise
        return True
