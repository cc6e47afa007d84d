"""What runs a training job, by SageMaker's contract for training containers.

The layout of /opt/ml, the files in ``input/config`` and what becomes of ``model``, ``output`` and
``checkpoints``: Amazon SageMaker Developer Guide, "How Amazon SageMaker provides training information" and
"Use checkpoints". The ``SM_*`` variables are those that SageMaker's training toolkit sets in images that
contain it (sagemaker-training-toolkit, ENVIRONMENT_VARIABLES.md); SageMaker itself sets only
``TRAINING_JOB_NAME``, ``TRAINING_JOB_ARN`` and the region, so a program for AWS reads the files.

A machine of managed spot training is taken away on request only: ``POST /_drawops/interrupt/<job>``. Then
the program gets SIGTERM and, after the notice, SIGKILL; everything on the machine is lost but what was
copied to S3, and the job begins again with that.
"""

import json
import math
import os
import re
import shutil
import time
from collections.abc import Mapping
from typing import Any

from drawops_local.images import Image
from drawops_local.sagemaker import training_jobs
from drawops_local.sagemaker.job_runs import (
    LOCAL,
    TRAINING,
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

NOTICE_SECONDS = 120.0
"""Between SIGTERM and SIGKILL when a machine is taken away."""
HOST = "algo-1"
_COPY_SECONDS = 1.0
_CHECKPOINTS = "/opt/ml/checkpoints"


class TrainingRun(JobRun):
    """One training job."""

    of = TRAINING

    def __init__(self, jobs: Jobs, name: str) -> None:
        super().__init__(jobs, name)
        document = self.document
        self._created = document["CreationTime"]
        self._spot = document["EnableManagedSpotTraining"]
        self._stopping: Document = document["StoppingCondition"]
        self._checkpoints = None
        self._mirror = None
        config = document.get("CheckpointConfig")
        if config:
            self._checkpoints = local_path(self.root, config.get("LocalPath", _CHECKPOINTS))
            self._mirror = Mirror(self.storage, self._checkpoints, config["S3Uri"])
        self._copied_at = 0.0

    def image(self) -> str:
        """TrainingImage."""
        return str(self.document["AlgorithmSpecification"]["TrainingImage"])

    def command(self, image: Image) -> list[str]:
        """``train``, unless the job names an entry point."""
        algorithm = self.document["AlgorithmSpecification"]
        entrypoint = algorithm.get("ContainerEntrypoint", ["train"])
        return program(image, self.root, entrypoint, algorithm.get("ContainerArguments", []))

    def prepare(self) -> None:
        """Channels, configuration files, empty folders, checkpoints.

        A runner that was killed leaves checkpoints that are newer than those in S3: these stay.
        """
        self._move("Downloading", "Downloading input data")
        kept = self.local.get("restart") == "here" and self._checkpoints is not None
        if self.root.exists():
            self._empty_root(keep_checkpoints=kept)
        document = self.document
        for folder in ("input/config", "input/data", "model", "output/data"):
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        for channel in document.get("InputDataConfig", []):
            source = channel["DataSource"]["S3DataSource"]
            target = self.root / "input" / "data" / channel["ChannelName"]
            target.mkdir(parents=True)
            if source["S3DataType"] == "ManifestFile":
                self.storage.fetch_manifest(source["S3Uri"], target)
            else:
                self.storage.fetch_prefix(source["S3Uri"], target)
        if self._checkpoints is not None and self._mirror is not None:
            self._checkpoints.mkdir(parents=True, exist_ok=True)
            if not kept:
                self.storage.fetch_if_any(document["CheckpointConfig"]["S3Uri"], self._checkpoints)
                self._mirror.assume_sent()
        for name, content in self._configuration(document).items():
            (self.root / "input" / "config" / name).write_text(json.dumps(content))

    def started(self) -> None:
        """Status Training."""
        message = "Training image download completed. Training in progress."
        first = {} if "TrainingStartTime" in self.document else {"TrainingStartTime": now()}
        self._move("Training", message, **first)

    def while_running(self, *, at_rest: bool) -> None:
        """Copy checkpoints to S3."""
        if self._mirror is None:
            return
        if at_rest or time.monotonic() - self._copied_at >= _COPY_SECONDS:
            self._mirror.copy(at_rest=at_rest)
            self._copied_at = time.monotonic()

    def interruption(self) -> float | None:
        """Whether somebody takes the machine away."""
        found = self.local.get("interrupt")
        return None if found is None else float(found["notice"])

    def interrupted(self) -> None:
        """Save what AWS saves: with a notice, the last checkpoints; without one, what was copied before."""
        notice = self.interruption()
        if notice:
            self.while_running(at_rest=True)
        self._end_of_training()
        message = "The instance was taken away. Training goes on when there is another."
        self._move("Interrupted", message)
        self.change_local(restart="elsewhere")
        shutil.rmtree(self.folder, ignore_errors=True)
        self._move("Starting", "Preparing the instances for training")

    def crashed(self) -> None:
        """Go on with the checkpoints in the folder."""
        self.change_local(restart="here")
        self._end_of_training()
        self._move("Restarting", "The program was killed with the machine. It starts again.")

    def deadline(self) -> float:
        """MaxRuntimeInSeconds of training, MaxWaitTimeInSeconds of everything."""
        local = self.local
        runtime = local["began"] + self._stopping["MaxRuntimeInSeconds"] - local.get("seconds", 0.0)
        wait = self._stopping.get("MaxWaitTimeInSeconds")
        return float(runtime if wait is None else min(runtime, self._created + wait))

    def finish(self, ending: Ending, code: int) -> None:
        """Upload model and output; Completed, Stopped or Failed."""
        self._end_of_training()
        failed = code != 0 and ending is Ending.BY_ITSELF
        stopping = self.told_to_stop()
        if not stopping:
            self._move("Uploading", "Uploading generated training model")
        document = self.document
        base = f"{document['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{self.job}/output"
        scratch = self.folder / "archive.tar.gz"
        self.storage.put_archive(self.root / "output" / "data", f"{base}/output.tar.gz", scratch)
        if failed:
            # Signals end a program without a word of its own.
            reason = first_characters(self.root / "output" / "failure")
            self.fail(_algorithm_error(reason, code))
            return
        members: dict[str, Any] = {}
        if self.storage.put_archive(self.root / "model", f"{base}/model.tar.gz", scratch):
            members["ModelArtifacts"] = {"S3ModelArtifacts": f"{base}/model.tar.gz"}
        if ending is Ending.STOPPED:
            self._end("Stopped", "Stopped", "Training job stopped", **members)
        elif ending is Ending.TOO_LONG:
            waited = now() >= self._created + self._stopping.get("MaxWaitTimeInSeconds", float("inf"))
            secondary = "MaxWaitTimeExceeded" if waited else "MaxRuntimeExceeded"
            limit = "MaxWaitTimeInSeconds" if waited else "MaxRuntimeInSeconds"
            self._end("Stopped", secondary, f"Training job exceeded {limit} and was stopped", **members)
        else:
            self._end("Completed", "Completed", "Training job completed", **members)

    def fail(self, reason: str) -> None:
        """Status Failed."""
        self._end("Failed", "Failed", "Training job failed", FailureReason=reason[:1024])

    def stop_unstarted(self) -> None:
        """Status Stopped, without a model."""
        self._end("Stopped", "Stopped", "Training job stopped")

    def variables(self) -> Mapping[str, str]:
        """What SageMaker and its toolkit set, then what the job sets."""
        document = self.document
        own = {"TRAINING_JOB_NAME": self.job, "TRAINING_JOB_ARN": arn(TRAINING.kind, self.job)}
        if not document["EnableNetworkIsolation"]:
            own["AWS_ENDPOINT_URL"] = self.runner.s3.meta.endpoint_url
        return {**own, **self._toolkit(document), **document.get("Environment", {})}

    def _toolkit(self, document: Document) -> dict[str, str]:
        hyperparameters: dict[str, str] = document.get("HyperParameters", {})
        configuration = self._configuration(document)
        channels = sorted(channel["ChannelName"] for channel in document.get("InputDataConfig", []))
        root = self.root
        found = {
            "SM_HPS": json.dumps(hyperparameters),
            "SM_CHANNELS": json.dumps(channels),
            "SM_MODEL_DIR": str(root / "model"),
            "SM_INPUT_DIR": str(root / "input"),
            "SM_INPUT_CONFIG_DIR": str(root / "input" / "config"),
            "SM_OUTPUT_DIR": str(root / "output"),
            "SM_OUTPUT_DATA_DIR": str(root / "output" / "data"),
            "SM_INPUT_DATA_CONFIG": json.dumps(configuration["inputdataconfig.json"]),
            "SM_RESOURCE_CONFIG": json.dumps(configuration["resourceconfig.json"]),
            "SM_HOSTS": json.dumps([HOST]),
            "SM_CURRENT_HOST": HOST,
            "SM_CURRENT_INSTANCE_TYPE": document.get("ResourceConfig", {}).get("InstanceType", "local"),
            "SM_NETWORK_INTERFACE_NAME": "lo",
            "SM_NUM_CPUS": str(os.cpu_count() or 1),
            "SM_NUM_GPUS": "0",
            "SM_LOG_LEVEL": "20",
        }
        found |= {f"SM_CHANNEL_{name.upper()}": str(root / "input" / "data" / name) for name in channels}
        return found | {f"SM_HP_{name.upper()}": value for name, value in hyperparameters.items()}

    def _configuration(self, document: Document) -> dict[str, Document]:
        kind = document.get("ResourceConfig", {}).get("InstanceType", "local")
        group = {"instance_group_name": "homogeneousCluster", "instance_type": kind, "hosts": [HOST]}
        return {
            "hyperparameters.json": document.get("HyperParameters", {}),
            "inputdataconfig.json": {
                channel["ChannelName"]: {
                    "TrainingInputMode": channel.get(
                        "InputMode", document["AlgorithmSpecification"]["TrainingInputMode"]
                    ),
                    "S3DistributionType": "FullyReplicated",
                    "RecordWrapperType": "None",
                    **({"ContentType": channel["ContentType"]} if "ContentType" in channel else {}),
                }
                for channel in document.get("InputDataConfig", [])
            },
            "resourceconfig.json": {
                "current_host": HOST,
                "current_instance_type": kind,
                "current_group_name": "homogeneousCluster",
                "hosts": [HOST],
                "instance_groups": [group],
                "network_interface_name": "lo",
            },
        }

    def _move(self, secondary: str, message: str, **members: object) -> None:
        if self.told_to_stop() and "TrainingJobStatus" not in members:
            return  # Stopping stays what is shown until the end
        training_jobs.move(self.runner, self.job, secondary, message, **members)

    def _end(self, status: str, secondary: str, message: str, **members: object) -> None:
        ended = now()
        seconds = int(self.local.get("seconds", 0.0) + 0.5)
        document = self.document
        metrics = final_metrics(
            document["AlgorithmSpecification"].get("MetricDefinitions", []), self._text(), ended
        )
        training_jobs.move(
            self.runner,
            self.job,
            secondary,
            message,
            TrainingJobStatus=status,
            TrainingEndTime=ended,
            TrainingTimeInSeconds=seconds,
            BillableTimeInSeconds=seconds,
            FinalMetricDataList=metrics or None,
            **{LOCAL: None},
            **members,
        )

    def _end_of_training(self) -> None:
        """Add the time of this start to that of earlier ones, once."""
        local = self.local
        if "began" in local:
            self.change_local(seconds=local.get("seconds", 0.0) + now() - local["began"], began=None)

    def _text(self) -> str:
        try:
            return self.log.read_text(errors="replace")
        except FileNotFoundError:
            return ""

    def _empty_root(self, *, keep_checkpoints: bool) -> None:
        if keep_checkpoints and self._checkpoints is not None and self._checkpoints.is_dir():
            aside = self.folder / "checkpoints-aside"
            self._checkpoints.rename(aside)
            shutil.rmtree(self.root)
            self._checkpoints.parent.mkdir(parents=True, exist_ok=True)
            aside.rename(self._checkpoints)
            return
        shutil.rmtree(self.root)


def final_metrics(definitions: list[Document], log: str, moment: float) -> list[Document]:
    """The last value of every metric in a log, by MetricDefinitions; metrics that never came are left out."""
    found = []
    for definition in definitions:
        value: float | None = None
        for match in re.finditer(definition["Regex"], log, flags=re.MULTILINE):
            try:
                number = float(match.group(1))
            except (TypeError, ValueError):
                continue  # the expression met something that is no number
            # JSON knows neither NaN nor infinity.
            value = number if math.isfinite(number) else value
        if value is not None:
            found.append({"MetricName": definition["Name"], "Value": value, "Timestamp": moment})
    return found


def _algorithm_error(reason: str, code: int) -> str:
    tail = f", exit code: {code}"
    return f"AlgorithmError: {reason}"[: 1024 - len(tail)] + tail
