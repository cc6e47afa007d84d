"""What runs a processing job, by SageMaker's contract for processing containers.

Amazon SageMaker Developer Guide, "Build your own processing container": inputs and outputs under
``/opt/ml/processing``, configuration in ``/opt/ml/config``, the exit message in ``/opt/ml/output/message``.
Outputs with S3UploadMode Continuous are copied while the program runs, all others when it has ended well.
"""

import json
import shutil
import time
from collections.abc import Mapping

from drawops_local.images import Image
from drawops_local.sagemaker import processing_jobs
from drawops_local.sagemaker.job_runs import (
    LOCAL,
    PROCESSING,
    Ending,
    JobRun,
    Jobs,
    first_characters,
    local_path,
    program,
)
from drawops_local.sagemaker.job_storage import Mirror
from drawops_local.sagemaker.operations import arn, now
from drawops_local.sagemaker.store import Document

DEFAULT_RUNTIME_SECONDS = 86_400
_COPY_SECONDS = 1.0


class ProcessingRun(JobRun):
    """One processing job."""

    of = PROCESSING

    def __init__(self, jobs: Jobs, name: str) -> None:
        super().__init__(jobs, name)
        document = self.document
        self._outputs: list[Document] = [
            made["S3Output"] for made in document.get("ProcessingOutputConfig", {}).get("Outputs", [])
        ]
        self._mirrors = [
            Mirror(self.storage, local_path(self.root, made["LocalPath"]), made["S3Uri"])
            for made in self._outputs
            if made.get("S3UploadMode") == "Continuous"
        ]
        self._copied_at = 0.0

    def image(self) -> str:
        """ImageUri."""
        return str(self.document["AppSpecification"]["ImageUri"])

    def command(self, image: Image) -> list[str]:
        """ContainerEntrypoint with ContainerArguments."""
        application = self.document["AppSpecification"]
        return program(
            image, self.root, application["ContainerEntrypoint"], application.get("ContainerArguments", [])
        )

    def prepare(self) -> None:
        """Inputs, configuration files, empty folders for outputs."""
        shutil.rmtree(self.root, ignore_errors=True)
        document = self.document
        for folder in ("config", "output", "processing"):
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        for made in self._outputs:
            local_path(self.root, made["LocalPath"]).mkdir(parents=True, exist_ok=True)
        for given in document.get("ProcessingInputs", []):
            source = given["S3Input"]
            target = local_path(self.root, source["LocalPath"])
            target.mkdir(parents=True, exist_ok=True)
            if source["S3DataType"] == "ManifestFile":
                self.storage.fetch_manifest(source["S3Uri"], target)
            else:
                self.storage.fetch_prefix(source["S3Uri"], target)
        shown = PROCESSING.describe(document)
        (self.root / "config" / "processingjobconfig.json").write_text(json.dumps(shown))
        hosts = {"current_host": "algo-1", "hosts": ["algo-1"]}
        (self.root / "config" / "resourceconfig.json").write_text(json.dumps(hosts))

    def started(self) -> None:
        """ProcessingStartTime."""
        if "ProcessingStartTime" not in self.document:
            processing_jobs.change(self.runner, self.job, ProcessingStartTime=now())

    def while_running(self, *, at_rest: bool) -> None:
        """Copy continuous outputs to S3."""
        if self._mirrors and (at_rest or time.monotonic() - self._copied_at >= _COPY_SECONDS):
            for mirror in self._mirrors:
                mirror.copy(at_rest=at_rest)
            self._copied_at = time.monotonic()

    def deadline(self) -> float:
        """MaxRuntimeInSeconds."""
        stopping = self.document.get("StoppingCondition", {})
        return float(self.local["began"] + stopping.get("MaxRuntimeInSeconds", DEFAULT_RUNTIME_SECONDS))

    def finish(self, ending: Ending, code: int) -> None:
        """Upload outputs; Completed, Stopped or Failed."""
        message = first_characters(self.root / "output" / "message")
        if ending is Ending.STOPPED:
            self._end("Stopped", ExitMessage=message or None)
        elif ending is Ending.TOO_LONG:
            # AWS, unlike for training, calls this a stop too.
            self._end("Stopped", ExitMessage=message or "Processing job exceeded MaxRuntimeInSeconds.")
        elif code != 0:
            reason = f"AlgorithmError: See job logs for more information, exit code: {code}"
            self._end("Failed", FailureReason=reason, ExitMessage=message or None)
        else:
            for made in self._outputs:
                if made.get("S3UploadMode") != "Continuous":
                    self.storage.put_folder(local_path(self.root, made["LocalPath"]), made["S3Uri"])
            self._end("Completed", ExitMessage=message or None)

    def fail(self, reason: str) -> None:
        """Status Failed."""
        self._end("Failed", FailureReason=reason[:1024])

    def stop_unstarted(self) -> None:
        """Status Stopped."""
        self._end("Stopped")

    def variables(self) -> Mapping[str, str]:
        """What SageMaker sets, then what the job sets."""
        document = self.document
        own = {"PROCESSING_JOB_NAME": self.job, "PROCESSING_JOB_ARN": arn(PROCESSING.kind, self.job)}
        if not document.get("NetworkConfig", {}).get("EnableNetworkIsolation"):
            own["AWS_ENDPOINT_URL"] = self.runner.s3.meta.endpoint_url
        return {**own, **document.get("Environment", {})}

    def _end(self, status: str, **members: object) -> None:
        processing_jobs.change(
            self.runner,
            self.job,
            ProcessingJobStatus=status,
            ProcessingEndTime=now(),
            **{LOCAL: None},
            **members,
        )
