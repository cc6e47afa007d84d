"""Write the reference documents that are derived from code: `python docs/reference/generate.py`."""

import json
from pathlib import Path

from drawops.contracts.datasets import DatasetManifest
from drawops.contracts.events import (
    CandidateRegistered,
    CandidateRejected,
    DatasetVersionCreated,
    DeploymentFailed,
    DrawingProcessed,
    DrawingQuarantined,
    LabelingSubmitted,
    ModelDeployed,
    TrainingFailed,
)
from drawops.contracts.reading import DrawingResult
from drawops.contracts.training import Verdict
from pydantic import BaseModel

PUBLISHED: dict[str, type[BaseModel]] = {
    "result-1.0.schema.json": DrawingResult,
    "event-drawing-processed-1.0.schema.json": DrawingProcessed,
    "event-drawing-quarantined-1.0.schema.json": DrawingQuarantined,
    "event-labeling-submitted-1.0.schema.json": LabelingSubmitted,
    "event-model-deployed-1.0.schema.json": ModelDeployed,
    "event-deployment-failed-1.0.schema.json": DeploymentFailed,
    "event-dataset-version-created-1.0.schema.json": DatasetVersionCreated,
    "event-candidate-registered-1.0.schema.json": CandidateRegistered,
    "event-candidate-rejected-1.0.schema.json": CandidateRejected,
    "event-training-failed-1.0.schema.json": TrainingFailed,
    "dataset-manifest-1.0.schema.json": DatasetManifest,
    "verdict-1.0.schema.json": Verdict,
}


def schema(model: type[BaseModel]) -> str:
    """JSON Schema (draft 2020-12) of a contract, as text."""
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **model.model_json_schema(mode="serialization"),
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for name, model in PUBLISHED.items():
        (Path(__file__).parent / name).write_text(schema(model), encoding="utf-8")
