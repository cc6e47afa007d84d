"""State machines agree with functions, errors and contracts."""

import re
from pathlib import Path
from typing import Any

import pytest
from drawops import errors

from tests.contract.test_template import logical_id

ROOT = Path(__file__).parents[2]
SUBSTITUTION = re.compile(r"\$\{(\w+)\}")
BUILT_IN = re.compile(r"^(States\.|Lambda\.)")


def states(machine: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return dict(machine["States"])


def test_a_state_that_calls_a_function_bears_its_name(state_machines: dict[str, dict[str, Any]]) -> None:
    for machine in state_machines.values():
        for name, state in states(machine).items():
            if state.get("Resource", "").startswith("arn:aws:states:::lambda:invoke"):
                assert state["Arguments"]["FunctionName"] == f"${{{name}FunctionArn}}"
                folder = re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()
                assert (ROOT / "functions" / folder / "handler.py").exists()
                assert logical_id(folder) == f"{name}Function"


def test_every_substitution_is_given_and_used(
    state_machines: dict[str, dict[str, Any]], template: dict[str, Any]
) -> None:
    for resource in template["Resources"].values():
        if resource["Type"] != "AWS::Serverless::StateMachine":
            continue
        text = (ROOT / resource["Properties"]["DefinitionUri"]).read_text()
        assert set(SUBSTITUTION.findall(text)) == set(resource["Properties"]["DefinitionSubstitutions"])


def test_every_task_has_a_time_limit_and_every_machine_too(state_machines: dict[str, dict[str, Any]]) -> None:
    for machine in state_machines.values():
        assert machine["TimeoutSeconds"]
        for name, state in states(machine).items():
            if state["Type"] == "Task":
                assert "TimeoutSeconds" in state, name


def test_a_task_waits_longer_than_its_function_may_run(
    state_machines: dict[str, dict[str, Any]],
    functions: dict[str, dict[str, Any]],
    template: dict[str, Any],
) -> None:
    default = template["Globals"]["Function"]["Timeout"]
    for machine in state_machines.values():
        for name, state in states(machine).items():
            limit = state.get("TimeoutSeconds")
            if f"{name}Function" in functions and isinstance(limit, int):
                assert limit > functions[f"{name}Function"].get("Timeout", default), name


def test_errors_named_in_a_machine_exist_in_the_code(state_machines: dict[str, dict[str, Any]]) -> None:
    for machine in state_machines.values():
        for name, state in states(machine).items():
            for rule in [*state.get("Retry", []), *state.get("Catch", [])]:
                for error in rule["ErrorEquals"]:
                    assert BUILT_IN.match(error) or issubclass(getattr(errors, error), errors.DrawopsError), (
                        name
                    )


def test_only_transient_errors_are_retried(state_machines: dict[str, dict[str, Any]]) -> None:
    allowed = re.compile(r"^(Transient|NotReady|Lambda\..+|States\.TaskFailed)$")
    for machine in state_machines.values():
        for name, state in states(machine).items():
            for rule in state.get("Retry", []):
                assert all(allowed.match(error) for error in rule["ErrorEquals"]), name
                assert rule["MaxAttempts"] <= 10


def test_every_failure_before_the_result_leads_to_quarantine(
    state_machines: dict[str, dict[str, Any]],
) -> None:
    machine = states(state_machines["drawing_processing"])
    for name in ("RegisterDrawing", "CheckDrawing", "InvokeEndpoint", "StoreResult"):
        catches = machine[name]["Catch"]
        assert [catch["ErrorEquals"] for catch in catches] == [["States.ALL"]]
        assert catches[0]["Next"] == "QuarantineDrawing"


def test_definitions_use_no_yaml_aliases() -> None:
    """Step Functions' own YAML reader is not documented to know them."""
    for path in (ROOT / "statemachines").glob("*.asl.yaml"):
        assert not re.search(r"^\s*[\w-]+:\s+[&*]\w", path.read_text(), re.MULTILINE), path.name


@pytest.mark.parametrize("path", sorted((ROOT / "statemachines").glob("*.asl.yaml")), ids=lambda p: p.name)
def test_every_state_can_be_reached(path: Path, state_machines: dict[str, dict[str, Any]]) -> None:
    machine = state_machines[path.name.removesuffix(".asl.yaml")]
    reached, open_ = set(), [machine["StartAt"]]
    while open_:
        name = open_.pop()
        if name in reached:
            continue
        reached.add(name)
        state = machine["States"][name]
        open_ += [state[k] for k in ("Next", "Default") if k in state]
        open_ += [rule["Next"] for rule in [*state.get("Catch", []), *state.get("Choices", [])]]
    assert reached == set(machine["States"])
