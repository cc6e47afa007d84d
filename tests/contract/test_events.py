"""The sample events under events/ are what the code accepts and sends."""

import json
from pathlib import Path
from typing import Any

import pytest
from drawops.contracts.deployment import (
    AbandonRequest,
    AwaitRequest,
    Begun,
    DeploymentConclusion,
    JudgeRequest,
    SmokeTest,
)
from drawops.contracts.events import (
    CandidateRegistered,
    CandidateRejected,
    DatasetVersionCreated,
    DeploymentFailed,
    DrawingProcessed,
    DrawingQuarantined,
    EndpointStateChange,
    InferenceNotification,
    LabelingSubmitted,
    ModelDeployed,
    ModelPackageStateChange,
    ObjectCreated,
    ProcessingJobStateChange,
    TrainingFailed,
    TrainingJobStateChange,
)
from drawops.contracts.ground_truth import (
    LabelingJobStateChange,
    PostAnnotationRequest,
    PreAnnotationRequest,
    StartLabelingJob,
)
from drawops.contracts.training import (
    ConcludeRequest,
    DeploymentRequest,
    StartGateJob,
    StartTrainingJob,
    TrainingFailure,
    TrainingRequest,
    TrainingRun,
)
from drawops.contracts.workflow import (
    ExportRequest,
    Failure,
    InvokeRequest,
    LabelingFailure,
    OpenRequest,
    PictureRequest,
    PublishRequest,
    ReconcileRequest,
    Registered,
    StoreRequest,
    Upload,
)
from pydantic import BaseModel

EVENTS = Path(__file__).parents[2] / "events"


def load(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((EVENTS / name).read_text())
    return loaded


CONTRACTS: dict[str, tuple[type[BaseModel], tuple[str, ...]]] = {
    "s3/object_created.json": (ObjectCreated, ()),
    "workflow/register_drawing.json": (Upload, ()),
    "workflow/check_drawing.json": (Registered, ()),
    "workflow/invoke_endpoint.json": (InvokeRequest, ()),
    "workflow/store_result.json": (StoreRequest, ()),
    "workflow/quarantine_drawing.json": (Failure, ()),
    "workflow/open_labeling.json": (OpenRequest, ()),
    "workflow/order_picture.json": (PictureRequest, ()),
    "workflow/publish_labeling.json": (PublishRequest, ()),
    "workflow/fail_labeling.json": (LabelingFailure, ()),
    "workflow/create_dataset_version.json": (ExportRequest, ()),
    "schedule/reconcile_drawings.json": (ReconcileRequest, ()),
    "schedule/reconcile_drawings_sweep.json": (ReconcileRequest, ()),
    "workflow/begin_deployment.json": (DeploymentRequest, ()),
    "workflow/start_canary.json": (DeploymentRequest, ()),
    "workflow/judge_canary.json": (JudgeRequest, ()),
    "workflow/deploy_model.json": (DeploymentRequest, ()),
    "workflow/await_endpoint.json": (AwaitRequest, ()),
    "workflow/start_smoke_test.json": (Begun, ()),
    "workflow/check_smoke_test.json": (SmokeTest, ()),
    "workflow/conclude_deployment.json": (DeploymentConclusion, ()),
    "workflow/abandon_deployment.json": (AbandonRequest, ()),
    "schedule/abandon_deployment.json": (AbandonRequest, ()),
    "drawops/model_deployed.json": (ModelDeployed, ("detail",)),
    "drawops/deployment_failed.json": (DeploymentFailed, ("detail",)),
    "sagemaker/endpoint_in_service.json": (EndpointStateChange, ()),
    "sagemaker/training_job_completed.json": (TrainingJobStateChange, ()),
    "sagemaker/training_job_failed.json": (TrainingJobStateChange, ()),
    "sagemaker/processing_job_completed.json": (ProcessingJobStateChange, ()),
    "sagemaker/model_package_approved.json": (ModelPackageStateChange, ()),
    "drawops/dataset_version_created.json": (DatasetVersionCreated, ("detail",)),
    "sagemaker/prepare_labeling_task.json": (PreAnnotationRequest, ()),
    "sagemaker/consolidate_annotations.json": (PostAnnotationRequest, ()),
    "sagemaker/labeling_job_completed.json": (LabelingJobStateChange, ()),
    "workflow/start_labeling_job.json": (StartLabelingJob, ()),
    "drawops/drawing_processed.json": (DrawingProcessed, ("detail",)),
    "drawops/drawing_quarantined.json": (DrawingQuarantined, ("detail",)),
    "drawops/labeling_submitted.json": (LabelingSubmitted, ("detail",)),
    "command/consider_training.json": (TrainingRequest, ()),
    "schedule/consider_training.json": (TrainingRequest, ()),
    "workflow/prepare_training.json": (TrainingRun, ()),
    "workflow/start_training_job.json": (StartTrainingJob, ()),
    "workflow/start_gate_job.json": (StartGateJob, ()),
    "workflow/register_candidate.json": (ConcludeRequest, ()),
    "workflow/fail_training.json": (TrainingFailure, ()),
    "drawops/candidate_registered.json": (CandidateRegistered, ("detail",)),
    "drawops/candidate_rejected.json": (CandidateRejected, ("detail",)),
    "drawops/training_failed.json": (TrainingFailed, ("detail",)),
}


@pytest.mark.parametrize("name", CONTRACTS)
def test_a_sample_event_meets_its_contract(name: str) -> None:
    model, path = CONTRACTS[name]
    event = load(name)
    for step in path:
        event = event[step]
    model.model_validate(event)


@pytest.mark.parametrize("name", ["sns/inference_completed.json", "sns/inference_failed.json"])
def test_a_sample_notification_meets_its_contract(name: str) -> None:
    for record in load(name)["Records"]:
        InferenceNotification.model_validate_json(record["Sns"]["Message"])


def test_the_queue_sample_carries_the_s3_sample() -> None:
    (record,) = load("sqs/start_processing.json")["Records"]
    assert json.loads(record["body"]) == load("s3/object_created.json")


@pytest.mark.parametrize("path", sorted((EVENTS / "http").glob("*.json")), ids=lambda path: path.stem)
def test_a_sample_request_has_the_payload_format_that_functions_expect(path: Path) -> None:
    event = json.loads(path.read_text())
    assert event["version"] == "2.0"
    assert event["rawPath"] == event["requestContext"]["http"]["path"]


def test_every_sample_is_checked() -> None:
    checked = {
        *CONTRACTS,
        "sqs/start_processing.json",
        "sns/inference_completed.json",
        "sns/inference_failed.json",
        "schedule/reconcile_labelings.json",
        "schedule/reconcile_trainings.json",
        *(f"http/{path.name}" for path in (EVENTS / "http").glob("*.json")),
    }
    assert {str(path.relative_to(EVENTS)) for path in EVENTS.rglob("*.json")} == checked
