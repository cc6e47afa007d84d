"""The repository's own declarations, parsed once: template, state machines, sample events."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from cfnlint.decode import cfn_yaml  # type: ignore[import-untyped]
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).parents[1]
# How fast an example runs says how busy the machine is, not whether the code is right.
settings.register_profile("drawops", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("drawops")
# A test may be skipped only for what the project cannot install.
EXCUSES = (
    "the labelled drawings are not here",
    "peak memory is read from /proc",
    "no Chromium is here",
)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in red which skipped tests have no excuse; `pytest_sessionfinish` fails the run for them."""
    for report in _inexcusable(terminalreporter):
        terminalreporter.write_line(f"no excuse for skipping {report.nodeid}", red=True)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run in which a test was skipped for something that the project could have installed."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if session.exitstatus == pytest.ExitCode.OK and reporter and _inexcusable(reporter):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _inexcusable(reporter: pytest.TerminalReporter) -> list[pytest.TestReport]:
    return [
        report
        for report in reporter.stats.get("skipped", [])
        if not any(excuse in str(report.longrepr) for excuse in EXCUSES)
    ]


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
