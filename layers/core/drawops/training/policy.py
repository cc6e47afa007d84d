"""When a project is trained again.

A run begins when one of these holds, looked at in this order:

1. A person insists (`force`).
2. `new_texts` labels or more are new, or were corrected, since the dataset version that the approved model
   was trained on.
3. There is something new, and the drawings of late are read worse than the gate promised (**drift**): the
   errors to be expected of them, 1 - their mean confidence (confidences are calibrated, so this is an error
   rate), exceed the gate's, 100 - F1 on new data, by `drift_points` percentage points.

F1 counts texts that were missed, confidence does not; so drift is found late rather than wrongly.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import BaseModel, Field

from drawops.catalog import STATUS_INDEX, Status
from drawops.contracts.datasets import DatasetManifest
from drawops.contracts.training import TrainingRequest
from drawops.dynamodb import deserialize, serialize
from drawops.registry.packages import Package

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

GATE_FIGURE = "new_f1"


class TrainingPolicy(BaseModel):
    """The stack's choice; field names in capitals are environment variables."""

    training_new_texts: int = Field(default=500, ge=1)
    drift_points: float = Field(default=5.0, gt=0)
    drift_drawings: int = Field(default=50, ge=1, description="Of late, that are looked at.")
    least_drift_drawings: int = Field(default=20, ge=1, description="With fewer nothing can be said.")


def new_texts(manifest: DatasetManifest, before: DatasetManifest | None) -> int:
    """Texts of pages that are new or labelled again since `before`."""
    known = {page.page_id: page.labels_sha256 for page in before.pages} if before else {}
    return sum(page.texts for page in manifest.pages if known.get(page.page_id) != page.labels_sha256)


def judge(
    request: TrainingRequest, fresh: int, drift: float | None, policy: TrainingPolicy
) -> tuple[bool, str]:
    """Whether to train, and why, in a sentence.

    Args:
        fresh: see `new_texts`.
        drift: points by which recent drawings are read worse than the gate promised; None: not known.
    """
    if request.force:
        return True, request.reason or "A person asked for it."
    if fresh >= policy.training_new_texts:
        return True, f"{fresh:,} labels are new since the approved model was trained."
    drifts = drift is not None and drift > policy.drift_points
    if drifts and fresh:
        return True, (
            f"Drawings of late are read {drift:.1f} points worse than the gate promised, and {fresh:,} "
            "labels are new."
        )
    said = f"{fresh:,} labels are new since the approved model was trained; {policy.training_new_texts:,} "
    said += "start a training."
    if drifts:
        said += f" Drawings of late are read {drift:.1f} points worse than the gate promised: label some."
    return False, said


def drift_of(approved: Package, confidences: Sequence[float], policy: TrainingPolicy) -> float | None:
    """Points by which errors to be expected of late exceed the gate's; None: one of both is not known."""
    promised = approved.metrics.get(GATE_FIGURE)
    if promised is None or len(confidences) < policy.least_drift_drawings:
        return None
    return 100 * (1 - sum(confidences) / len(confidences)) - (100 - promised)


def recent_confidences(
    client: "DynamoDBClient", catalog_table: str, model_version: str, limit: int
) -> list[float]:
    """Mean confidences of the drawings read last, as far as this model read them."""
    answer = client.query(
        TableName=catalog_table,
        IndexName=STATUS_INDEX,
        KeyConditionExpression="#status = :status",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues=serialize({":status": Status.PROCESSED.value}),
        ScanIndexForward=False,
        Limit=limit,
    )
    found = [deserialize(item) for item in answer["Items"]]
    return [
        float(item["mean_confidence"])
        for item in found
        if item.get("model_version") == model_version and item.get("mean_confidence") is not None
    ]
