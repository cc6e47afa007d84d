"""The repository's own declarations, parsed once: template, state machines, sample events."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from cfnlint.decode import cfn_yaml  # type: ignore[import-untyped]

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def template() -> dict[str, Any]:
    """template.yaml with its intrinsic functions in long form."""
    parsed: dict[str, Any] = json.loads(json.dumps(cfn_yaml.load(str(ROOT / "template.yaml"))))
    return parsed


@pytest.fixture(scope="session")
def functions(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Properties of the template's functions by logical id."""
    return {
        name: resource["Properties"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }


@pytest.fixture(scope="session")
def state_machines() -> dict[str, dict[str, Any]]:
    """State machine definitions by file stem, before substitution."""
    return {
        path.name.removesuffix(".asl.yaml"): yaml.safe_load(path.read_text())
        for path in sorted((ROOT / "statemachines").glob("*.asl.yaml"))
    }
