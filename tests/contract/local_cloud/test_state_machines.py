"""What the workflows rely on of Step Functions, and what the launcher's patches make true."""

import json
from pathlib import Path
from typing import Any

import pytest
from drawops_local.cloud import Cloud

from tests.contract.local_cloud.conftest import Endpoint, Make

LAMBDA = "arn:aws:states:::lambda:invoke"
WAIT = "arn:aws:states:::lambda:invoke.waitForTaskToken"

RAISE = """
class InvalidInput(Exception):
    pass

def handler(event, context):
    raise InvalidInput("EMPTY_FILE: the file is empty")
"""
HAND_ON_TOKEN = """
import boto3, os

def handler(event, context):
    if event.get("back") == "at once":
        boto3.client("stepfunctions").send_task_success(taskToken=event["token"], output='{"answer": 42}')
    return None
"""


def test_catch_sees_the_class_and_the_text_of_a_handlers_exception(make: Make, name: str) -> None:
    function = make.function(name, RAISE)
    caught = {
        "ErrorEquals": ["InvalidInput"],
        "Output": {"error": "{% $states.errorOutput.Error %}", "cause": "{% $states.errorOutput.Cause %}"},
        "Next": "Caught",
    }
    machine = make.machine(
        name,
        {
            "Work": {
                "Type": "Task",
                "Resource": LAMBDA,
                "Arguments": {"FunctionName": function, "Payload": {}},
                "Catch": [caught],
                "End": True,
            },
            "Caught": {"Type": "Pass", "End": True},
        },
    )
    output = json.loads(make.run(machine)["output"])
    assert output["error"] == "InvalidInput"
    assert json.loads(output["cause"])["errorMessage"] == "EMPTY_FILE: the file is empty"


def test_an_error_does_not_cost_the_next_call_a_cold_start(make: Make, name: str) -> None:
    function = make.function(
        name,
        """
        import os

        def handler(event, context):
            if event.get("fail"):
                raise ValueError("no")
            return os.getpid()
        """,
    )
    first = make.call(function)
    assert make.call(function, {"fail": True})["errorType"] == "ValueError"
    assert make.call(function) == first


def test_retry_names_an_exception_class(make: Make, name: str, tmp_path: Path) -> None:
    function = make.function(
        name,
        f"""
        import pathlib

        class Transient(Exception):
            pass

        def handler(event, context):
            mark = pathlib.Path({str(tmp_path / "tried")!r})
            if not mark.exists():
                mark.touch()
                raise Transient("cut connection")
            return "second try"
        """,
    )
    task = {
        "Type": "Task",
        "Resource": LAMBDA,
        "Arguments": {"FunctionName": function, "Payload": {}},
        "Output": "{% $states.result.Payload %}",
        "Retry": [{"ErrorEquals": ["Transient"], "IntervalSeconds": 1, "MaxAttempts": 1}],
        "End": True,
    }
    assert json.loads(make.run(make.machine(name, {"Work": task}))["output"]) == "second try"


def waiting(function: str, timeout: object, **payload: str) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": WAIT,
        "Arguments": {
            "FunctionName": function,
            "Payload": {"token": "{% $states.context.Task.Token %}", **payload},
        },
        "TimeoutSeconds": timeout,
        "Catch": [
            {"ErrorEquals": ["States.ALL"], "Output": "{% $states.errorOutput.Error %}", "Next": "Caught"}
        ],
        "End": True,
    }


CAUGHT = {"Type": "Pass", "End": True}


def test_a_function_hands_on_the_task_token_and_somebody_resumes_the_task(make: Make, name: str) -> None:
    function = make.function(name, HAND_ON_TOKEN)
    machine = make.machine(name, {"Wait": waiting(function, 20, back="at once"), "Caught": CAUGHT})
    assert json.loads(make.run(machine)["output"]) == {"answer": 42}


@pytest.mark.parametrize("timeout", [1, "{% 1 %}"])
def test_a_wait_that_nobody_ends_is_caught_as_a_timeout(make: Make, name: str, timeout: object) -> None:
    function = make.function(name, HAND_ON_TOKEN)
    machine = make.machine(name, {"Wait": waiting(function, timeout), "Caught": CAUGHT})
    assert json.loads(make.run(machine)["output"]) == "States.Timeout"


def test_a_function_that_fails_ends_its_wait_at_once(make: Make, name: str) -> None:
    function = make.function(name, RAISE)
    machine = make.machine(name, {"Wait": waiting(function, 600), "Caught": CAUGHT})
    assert json.loads(make.run(machine)["output"]) == "InvalidInput"


def test_a_token_that_nobody_waits_for_is_refused(cloud: Cloud) -> None:
    client = cloud.client("stepfunctions")
    with pytest.raises(
        (client.exceptions.TaskTimedOut, client.exceptions.InvalidToken, client.exceptions.TaskDoesNotExist)
    ):
        client.send_task_success(taskToken="nobody", output="{}")


def test_the_same_execution_name_starts_only_once(make: Make, name: str) -> None:
    client = make.cloud.client("stepfunctions")
    machine = make.machine(name, {"Pass": {"Type": "Pass", "End": True}})
    first = client.start_execution(stateMachineArn=machine, name="upload-1", input='{"n": 1}')
    with pytest.raises(client.exceptions.ExecutionAlreadyExists):
        client.start_execution(stateMachineArn=machine, name="upload-1", input='{"n": 2}')
    assert client.describe_execution(executionArn=first["executionArn"])["input"] == '{"n": 1}'


def test_a_state_writes_to_dynamodb_and_sends_an_event_without_a_function(make: Make, name: str) -> None:
    dynamodb = make.cloud.client("dynamodb")
    dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
    )
    url, arn = make.queue(name)
    make.rule(name, {"source": [f"drawops.{name}"]}, arn)
    entry = {"Source": f"drawops.{name}", "DetailType": "Happened", "Detail": {"n": "{% $states.input.n %}"}}
    update = {
        "TableName": name,
        "Key": {"pk": {"S": "a"}},
        "UpdateExpression": "SET #s = :s",
        "ExpressionAttributeNames": {"#s": "status"},
        "ExpressionAttributeValues": {":s": {"S": "done"}},
    }
    machine = make.machine(
        name,
        {
            "Write": {
                "Type": "Task",
                "Resource": "arn:aws:states:::dynamodb:updateItem",
                "Arguments": update,
                "Output": "{% $states.input %}",
                "Next": "Read",
            },
            "Read": {
                "Type": "Task",
                "Resource": "arn:aws:states:::aws-sdk:dynamodb:getItem",
                "Arguments": {"TableName": name, "Key": {"pk": {"S": "a"}}},
                "Assign": {"status": "{% $states.result.Item.status.S %}"},
                "Output": "{% $states.input %}",
                "Next": "Tell",
            },
            "Tell": {
                "Type": "Task",
                "Resource": "arn:aws:states:::events:putEvents",
                "Arguments": {"Entries": [entry]},
                "Output": "{% $status %}",
                "End": True,
            },
        },
    )
    ended = make.run(machine, {"n": 7})
    assert (ended["status"], json.loads(ended["output"])) == ("SUCCEEDED", "done")
    assert json.loads(make.receive(url))["detail"] == {"n": 7}


def test_a_state_talks_to_sagemaker(make: Make, name: str, endpoint: Endpoint) -> None:
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:sagemaker:describeEndpoint",
        "Arguments": {"EndpointName": "{% $states.input.name %}"},
        "Output": "{% $states.result.EndpointStatus %}",
        "Catch": [
            {"ErrorEquals": ["States.ALL"], "Output": "{% $states.errorOutput.Error %}", "Next": "Caught"}
        ],
        "End": True,
    }
    machine = make.machine(name, {"Look": task, "Caught": CAUGHT})
    assert json.loads(make.run(machine, {"name": endpoint.name})["output"]) == "InService"
    assert json.loads(make.run(machine, {"name": "nobody"})["output"]) == "SageMaker.ValidationException"
