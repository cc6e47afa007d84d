"""Published schemas are those of the code."""

import importlib.util
import json
from pathlib import Path

import jsonschema
import pytest

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
_spec = importlib.util.spec_from_file_location("generate", REFERENCE / "generate.py")
assert _spec is not None
assert _spec.loader is not None
generate = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(generate)


@pytest.mark.parametrize("name", generate.PUBLISHED)
def test_the_published_schema_is_up_to_date(name: str) -> None:
    assert (REFERENCE / name).read_text(encoding="utf-8") == generate.schema(generate.PUBLISHED[name])


@pytest.mark.parametrize(
    "event",
    [
        "drawing_processed", "drawing_quarantined", "dataset_version_created", "candidate_registered",
        "candidate_rejected", "training_failed", "model_deployed", "deployment_failed",
    ],
)  # fmt: skip
def test_a_sample_event_meets_the_published_schema(event: str) -> None:
    sample = json.loads((REFERENCE.parents[1] / "events" / "drawops" / f"{event}.json").read_text())
    name = f"event-{event.replace('_', '-')}-1.0.schema.json"
    jsonschema.validate(sample["detail"], json.loads((REFERENCE / name).read_text()))
