"""What Lambda functions find, and how many run at once."""

import concurrent.futures
import json

import pytest
from drawops_local.cloud import Cloud

from tests.contract.local_cloud.conftest import Eventually, Make, zipped

LOOK_AROUND = """
import importlib.util, os, sys

def handler(event, context):
    return {
        "environment": dict(os.environ),
        "found": [name for name in event["packages"] if importlib.util.find_spec(name)],
        "request_id": context.aws_request_id,
        "time_left": context.get_remaining_time_in_millis(),
    }
"""


def test_a_function_finds_boto3_and_no_other_package_it_did_not_bring(make: Make, name: str) -> None:
    function = make.function(name, LOOK_AROUND)
    wanted = ["boto3", "pydantic", "yaml", "ministack", "drawops", "drawops_local", "hypercorn", "journal"]
    assert make.call(function, {"packages": wanted})["found"] == ["boto3"]


def test_a_function_sees_the_local_cloud_and_nothing_of_the_users_aws_profile(
    make: Make, name: str, cloud: Cloud
) -> None:
    seen = make.call(make.function(name, LOOK_AROUND), {"packages": []})
    environment = seen["environment"]
    assert environment["AWS_ENDPOINT_URL"] == cloud.endpoint
    assert environment["AWS_ENDPOINT_URL_SAGEMAKER"] == cloud.sagemaker_endpoint
    assert environment["AWS_ENDPOINT_URL_APPLICATION_AUTO_SCALING"] == cloud.sagemaker_endpoint
    assert "AWS_PROFILE" not in environment
    assert seen["request_id"]
    assert 0 < seen["time_left"] <= 20_000


def test_a_functions_own_code_comes_before_its_layers(make: Make, name: str) -> None:
    layer = make.cloud.client("lambda").publish_layer_version(
        LayerName=name,
        Content={"ZipFile": zipped({"python/which.py": "ME = 'layer'", "python/only.py": "ME = 'layer'"})},
    )["LayerVersionArn"]
    source = """
    import only, which

    def handler(event, context):
        return [which.ME, only.ME]
    """
    function = make.function(name, source, layers=[layer], files={"which.py": "ME = 'function'"})
    assert make.call(function) == ["function", "layer"]


def test_a_burst_waits_for_slots_instead_of_starting_a_process_each(make: Make, name: str) -> None:
    source = """
    import os, time

    def handler(event, context):
        time.sleep(0.2)
        return os.getpid()
    """
    function = make.function(name, source)
    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        workers = list(pool.map(lambda _: make.call(function), range(24)))
    assert all(isinstance(worker, int) for worker in workers)
    assert 1 <= len(set(workers)) <= 8
    assert make.cloud.health()["lambda_running"] == 0


def test_functions_that_call_functions_do_not_wait_for_each_other_for_ever(make: Make, name: str) -> None:
    inner = make.function(f"{name}-inner", "def handler(event, context):\n    return 1")
    source = f"""
    import boto3, json

    def handler(event, context):
        answer = boto3.client("lambda").invoke(FunctionName={inner!r}, Payload=b"{{}}")
        return json.loads(answer["Payload"].read())
    """
    outer = make.function(name, source)
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        assert list(pool.map(lambda _: make.call(outer), range(16))) == [1] * 16


def test_a_functions_traceback_is_in_its_log_group(make: Make, name: str, eventually: Eventually) -> None:
    function = make.function(name, "def handler(event, context):\n    raise ValueError('look for me')")
    make.call(function)
    logs = make.cloud.client("logs")

    def lines() -> str:
        events = logs.filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
        return "\n".join(event["message"] for event in events)

    eventually(lambda: "look for me" in lines() and "Traceback" in lines())


@pytest.mark.parametrize("payload", [{"text": "Grüße, 图纸 🚀"}, [1, 2], "text", 3, None])
def test_any_json_goes_in_and_comes_out(make: Make, name: str, payload: object) -> None:
    function = make.function(name, "def handler(event, context):\n    return event")
    answer = make.cloud.client("lambda").invoke(FunctionName=function, Payload=json.dumps(payload))
    assert json.loads(answer["Payload"].read()) == payload


def test_a_log_stream_in_a_shared_group_names_its_function(
    make: Make, name: str, eventually: Eventually
) -> None:
    function = make.function(
        name,
        "def handler(event, context):\n    print('hello')",
        LoggingConfig={"LogGroup": f"/shared/{name}", "LogFormat": "JSON"},
    )
    make.call(function)
    logs = make.cloud.client("logs")
    stream = eventually(lambda: logs.describe_log_streams(logGroupName=f"/shared/{name}")["logStreams"], 10)[
        0
    ]
    assert f"/{name}[$LATEST]" in stream["logStreamName"]
