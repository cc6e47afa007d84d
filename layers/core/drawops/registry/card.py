"""The model card of a candidate: what an auditor reads in SageMaker Studio.

Format: Amazon SageMaker Developer Guide, "Model package model card schema". Members that are not in
it are refused, and texts have greatest lengths.
"""

import json
from typing import Any

from drawops.contracts.training import ModelRef, TrainingRun, Verdict
from drawops.keys import DatasetKeys, TrainingKeys, s3_uri

_OBSERVATION = 1024
_EVALUATION = 2096
_METRICS = 50
_ROWS = 200


def model_card(
    run: TrainingRun, verdict: Verdict, model: ModelRef, bucket: str, training_arn: str, image: str
) -> str:
    """`ModelCardContent` of a candidate.

    Args:
        bucket: the data bucket.
        training_arn: of the training job.
        image: URI of the training image.
    """
    keys = TrainingKeys(run.run_id)
    dataset = s3_uri(bucket, DatasetKeys(run.project).manifest(run.dataset_version))
    card: dict[str, Any] = {
        "model_overview": {
            "model_creator": "drawops",
            "model_artifact": [s3_uri(bucket, model.artifact_key)],
        },
        "intended_uses": {
            "purpose_of_model": "Reads texts of engineering drawings: where they stand and what they say.",
            "intended_uses": "Drawings like those of its dataset versions, behind the drawops endpoint. "
            "Texts below the stack's confidence go to people.",
            "factors_affecting_model_efficiency": "Resolution, lettering, lines through texts, scan noise.",
            "risk_rating": "Unknown",
        },
        "training_details": {
            "training_observations": _cut(
                f"Run {run.run_id}, trained from {run.parent.name} {run.parent.version}. {run.reason}",
                _OBSERVATION,
            ),
            "training_job_details": {
                "training_arn": training_arn,
                "training_datasets": [dataset],
                "training_environment": {"container_image": [image]},
                "user_provided_hyper_parameters": [
                    {"name": name, "value": value}
                    for name, value in run.hyperparameters.as_strings().items()
                    if value
                ],
            },
        },
        "evaluation_details": [
            {
                "name": "gate",
                "evaluation_observation": _cut(
                    f"{verdict.outcome.value}. " + " ".join(reason.sentence for reason in verdict.reasons),
                    _EVALUATION,
                ),
                "datasets": [dataset],
                "metadata": {
                    "approved_model": verdict.approved.version,
                    "verdict": s3_uri(bucket, keys.verdict),
                    "page": s3_uri(bucket, keys.verdict_page),
                },
                "metric_groups": _groups(verdict),
            }
        ],
        "additional_information": {
            "caveats_and_recommendations": "Compared with the approved model slice by slice before it was "
            "registered; the verdict names each slice with its interval.",
            "custom_details": {
                "run": run.run_id,
                "project": run.project,
                "dataset_version": run.dataset_version,
                "parent_version": run.parent.version,
            },
        },
    }
    return json.dumps(card, ensure_ascii=False)


def _groups(verdict: Verdict) -> list[dict[str, Any]]:
    whole = [
        {"name": name, "type": "number", "value": value}
        for name, value in sorted(verdict.metrics.items())[:_METRICS]
    ]
    by_set: dict[str, list[dict[str, Any]]] = {}
    for row in verdict.rows[:_ROWS]:
        if row.candidate is not None:
            note = "" if row.approved is None else f"approved model {row.approved:.2f}"
            by_set.setdefault(row.set, []).append(
                {
                    "name": f"{row.axis} {row.slice} {row.figure}"[:255],
                    "type": "number",
                    "value": row.candidate,
                    **({"notes": note} if note else {}),
                }
            )
    groups = [{"name": "whole", "metric_data": whole}] if whole else []
    return groups + [{"name": name[:63], "metric_data": rows} for name, rows in by_set.items()]


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
