"""What template.yaml promises: names that match the code, private storage, least privilege."""

import ast
import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pydantic import BaseModel

ROOT = Path(__file__).parents[2]
FOLDERS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/handler.py"))


def logical_id(folder: str) -> str:
    return "".join(part.capitalize() for part in folder.split("_")) + "Function"


def handler_module(folder: str) -> ModuleType:
    path = ROOT / "functions" / folder / "handler.py"
    spec = importlib.util.spec_from_file_location(f"function_{folder}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def statements(properties: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for policy in properties.get("Policies", []):
        document = policy.get("PolicyDocument", policy)
        found += document.get("Statement", [])
    return found


def test_cfn_lint_finds_nothing() -> None:
    ran = subprocess.run(
        [str(Path(sys.executable).parent / "cfn-lint"), str(ROOT / "template.yaml")],
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout


def test_every_function_folder_is_a_function_of_the_same_name(functions: dict[str, dict[str, Any]]) -> None:
    assert sorted(functions) == sorted(logical_id(folder) for folder in FOLDERS)
    for folder in FOLDERS:
        assert functions[logical_id(folder)]["CodeUri"] == f"functions/{folder}"


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_function_gets_every_setting_that_it_reads(
    folder: str, functions: dict[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    module = handler_module(folder)
    given = set(functions[logical_id(folder)].get("Environment", {}).get("Variables", {}))
    models = [
        value for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, BaseModel) and value.__name__.endswith("Settings")
    ]  # fmt: skip
    assert models
    known = {name.upper() for model in models for name in model.model_fields}
    required = {
        name.upper() for model in models for name, field in model.model_fields.items() if field.is_required()
    }
    assert required <= given, f"{folder} needs {required - given}"
    assert given <= known, f"{folder} never reads {given - known}"


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_handler_has_at_most_thirty_lines(folder: str) -> None:
    tree = ast.parse((ROOT / "functions" / folder / "handler.py").read_text())
    bodies = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    assert [node.name for node in bodies] == ["handler"]
    assert bodies[0].end_lineno is not None
    assert bodies[0].end_lineno - bodies[0].lineno < 30


def test_every_function_has_a_policy_of_its_own(functions: dict[str, dict[str, Any]]) -> None:
    for name, properties in functions.items():
        assert len(properties["Policies"]) == 1, name
        assert "Role" not in properties


def test_no_statement_allows_a_wildcard_action(template: dict[str, Any]) -> None:
    for name, resource in template["Resources"].items():
        for statement in statements(resource["Properties"]):
            if statement["Effect"] == "Allow":
                actions = statement["Action"]
                for action in [actions] if isinstance(actions, str) else actions:
                    assert "*" not in action, f"{name} allows {action}"


# These actions know no resources (Service Authorization Reference).
UNSCOPED = re.compile(
    r"^(logs:(.*LogDeliver.*|PutResourcePolicy|Describe.*)|ecr:GetAuthorizationToken|cloudwatch:PutMetricData)$"
)


def test_only_actions_without_resource_level_permissions_have_a_wildcard_resource(
    template: dict[str, Any],
) -> None:
    for name, resource in template["Resources"].items():
        for statement in statements(resource["Properties"]):
            if statement["Effect"] == "Allow" and statement["Resource"] == "*":
                for action in statement["Action"]:
                    assert UNSCOPED.match(action), f"{name} allows {action} on everything"


def test_buckets_are_private_encrypted_versioned_and_speak_to_eventbridge(template: dict[str, Any]) -> None:
    buckets = {n: r for n, r in template["Resources"].items() if r["Type"] == "AWS::S3::Bucket"}
    policies = [r for r in template["Resources"].values() if r["Type"] == "AWS::S3::BucketPolicy"]
    assert set(buckets) == {"RawBucket", "DataBucket"}
    assert {policy["Properties"]["Bucket"]["Ref"] for policy in policies} == set(buckets)
    for bucket in buckets.values():
        properties = bucket["Properties"]
        assert all(properties["PublicAccessBlockConfiguration"].values())
        assert len(properties["PublicAccessBlockConfiguration"]) == 4
        assert properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
        assert properties["NotificationConfiguration"]["EventBridgeConfiguration"]
        assert bucket["DeletionPolicy"] == "Retain"


def test_no_rule_listens_to_the_bucket_that_the_platform_writes_to(template: dict[str, Any]) -> None:
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Events::Rule":
            assert "DataBucket" not in str(resource["Properties"]["EventPattern"]), name


def test_logs_do_not_live_for_ever(template: dict[str, Any], functions: dict[str, dict[str, Any]]) -> None:
    groups = [r for r in template["Resources"].values() if r["Type"] == "AWS::Logs::LogGroup"]
    assert groups
    assert all("RetentionInDays" in group["Properties"] for group in groups)
    assert template["Globals"]["Function"]["LoggingConfig"]["LogGroup"] == {"Ref": "FunctionsLogGroup"}


def test_the_queue_outlasts_its_function_and_has_a_dead_letter_queue(
    template: dict[str, Any], functions: dict[str, dict[str, Any]]
) -> None:
    queue = template["Resources"]["UploadQueue"]["Properties"]
    timeout = functions["StartProcessingFunction"].get("Timeout", template["Globals"]["Function"]["Timeout"])
    assert queue["VisibilityTimeout"] >= 6 * timeout
    assert queue["RedrivePolicy"]["maxReceiveCount"] >= 3
    source = functions["StartProcessingFunction"]["Events"]["Uploads"]["Properties"]
    assert source["ScalingConfig"]["MaximumConcurrency"] >= 2
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_every_alarm_tells_somebody(template: dict[str, Any]) -> None:
    alarms = [r for r in template["Resources"].values() if r["Type"] == "AWS::CloudWatch::Alarm"]
    assert len(alarms) >= 5
    for alarm in alarms:
        assert alarm["Properties"]["AlarmActions"] == [{"Ref": "AlarmTopic"}]
        assert alarm["Properties"]["AlarmDescription"]


def test_with_the_own_labeling_page_nothing_of_ground_truth_exists(template: dict[str, Any]) -> None:
    assert template["Parameters"]["LabelingBackend"]["Default"] == "own"
    assert template["Conditions"]["UsesGroundTruth"] == {
        "Fn::Equals": [{"Ref": "LabelingBackend"}, "ground-truth"]
    }
    ours = {
        "GroundTruthRole", "PrepareLabelingTaskFunction", "ConsolidateAnnotationsFunction",
        "StartLabelingJobFunction", "CollectLabelingJobFunction", "CollectErrorsAlarm",
    }  # fmt: skip
    conditional = {
        name for name, resource in template["Resources"].items()
        if resource.get("Condition") == "UsesGroundTruth"
    }  # fmt: skip
    assert conditional == ours


def test_only_a_private_team_can_be_given_drawings(
    template: dict[str, Any], functions: dict[str, dict[str, Any]]
) -> None:
    pattern = re.compile(template["Parameters"]["LabelingWorkteamArn"]["AllowedPattern"])
    team = "arn:aws:sagemaker:eu-central-1:123456789012:workteam/"
    assert pattern.match(team + "private-crowd/readers")
    assert not pattern.match(team + "public-crowd/default")
    (creates,) = [
        statement for statement in statements(functions["StartLabelingJobFunction"])
        if statement["Action"] == "sagemaker:CreateLabelingJob"
    ]  # fmt: skip
    assert creates["Condition"] == {"StringEquals": {"sagemaker:WorkteamType": "private-crowd"}}


def test_the_canary_endpoint_gets_no_scaling(
    functions: dict[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = functions["ScaleEndpointFunction"]["Events"]["EndpointInService"]["Properties"]["Pattern"]
    assert rule["detail"]["EndpointName"] == [{"Fn::Sub": "${AWS::StackName}-ocr"}]
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("ENDPOINT_NAME", "drawops-local-ocr")
    event = {"detail": {"EndpointName": "drawops-local-ocr-canary", "EndpointStatus": "IN_SERVICE"}}
    assert handler_module("scale_endpoint").handler(event, None) == {"alarm": None}


def test_every_failure_of_a_deployment_leads_back(state_machines: dict[str, dict[str, Any]]) -> None:
    states = state_machines["deployment"]["States"]
    steps = [name for name, state in states.items() if state.get("Resource", "").endswith("lambda:invoke")]
    for name in set(steps) - {"AbandonDeployment"}:
        (catch,) = states[name]["Catch"]
        assert (catch["ErrorEquals"], catch["Next"]) == (["States.ALL"], "AbandonDeployment"), name
    # ModelDeployed comes after the end: what serves is written down, whether the event is sent or not.
    assert states["ConcludeDeployment"]["Next"] == "PublishModelDeployed"
