"""Asynchronous inference, as AWS documents it, on the SageMaker runner."""

import json
import os
import signal
import urllib.request
from pathlib import Path
from typing import Any

import psutil
import pytest
from botocore.exceptions import ClientError
from drawops_local.cloud import Cloud

from tests.contract.local_cloud.conftest import Again, Endpoint, Eventually, Make


def test_a_request_gets_its_answer_in_s3_and_a_message_in_the_documented_shape(endpoint: Endpoint) -> None:
    asked = endpoint.ask({"hello": 1}, key="in/first.json", InferenceId="one", CustomAttributes="x=1")

    message = endpoint.succeeded()

    location = asked["OutputLocation"]
    assert location.startswith("s3://shared-endpoint/output/")
    assert location.endswith(".out")
    assert asked["FailureLocation"].startswith("s3://shared-endpoint/failure/")
    assert message.pop("eventTime") >= message.pop("receivedTime")
    assert message == {
        "awsRegion": "us-east-1",
        "invocationStatus": "Completed",
        "requestParameters": {
            "contentType": "application/json",
            "endpointName": "shared-endpoint",
            "inputLocation": "s3://shared-endpoint/in/first.json",
        },
        "responseParameters": {"contentType": "application/json", "outputLocation": location},
        "inferenceId": "one",
        "eventVersion": "1.0",
        "eventSource": "aws:sagemaker",
        "eventName": "InferenceResult",
    }
    answer = endpoint.read(location)
    assert answer["echo"] == {"hello": 1}
    assert answer["model"] == "first"
    assert answer["content_type"] == "application/json"
    assert answer["attributes"] == "x=1"


def test_output_path_extension_and_file_name_decide_where_the_answer_goes(endpoint: Endpoint) -> None:
    asked = endpoint.ask({}, S3OutputPathExtension="drawings/d1", Filename="reading.json")
    assert asked["OutputLocation"] == "s3://shared-endpoint/output/drawings/d1/reading.json"
    assert endpoint.succeeded()["responseParameters"]["outputLocation"] == asked["OutputLocation"]


def test_a_container_sees_its_model_and_nothing_of_the_users_aws_profile(endpoint: Endpoint) -> None:
    asked = endpoint.ask({})
    endpoint.succeeded()
    environment = endpoint.read(asked["OutputLocation"])["environment"]
    assert environment["SM_MODEL_DIR"].endswith("/model")
    assert int(environment["OMP_NUM_THREADS"]) >= 1
    assert "AWS_PROFILE" not in environment
    assert environment["AWS_CONFIG_FILE"] == os.devnull


@pytest.mark.parametrize("status", [400, 422, 500])
def test_an_error_of_the_model_is_a_failed_message_with_the_body_in_the_failure_file(
    endpoint: Endpoint, status: int
) -> None:
    asked = endpoint.ask({"status": status}, InferenceId=f"error-{status}")
    message = endpoint.failed()
    assert message["invocationStatus"] == "Failed"
    assert message["inferenceId"] == f"error-{status}"
    assert f"({status})" in message["failureReason"]
    assert message["responseParameters"]["outputLocation"] == asked["FailureLocation"]
    assert endpoint.read(asked["FailureLocation"])["echo"] == {"status": status}


def test_an_input_that_does_not_exist_is_a_failed_message(endpoint: Endpoint) -> None:
    endpoint.runtime.invoke_endpoint_async(
        EndpointName="shared-endpoint", InputLocation="s3://shared-endpoint/nothing.json"
    )
    assert "NoSuchKey" in endpoint.failed()["failureReason"]


def test_an_input_key_may_hold_any_character_the_wire_can_carry(endpoint: Endpoint) -> None:
    endpoint.ask({"odd": True}, key="in/a b+%41?#.json")
    message = endpoint.succeeded()
    assert endpoint.read(message["responseParameters"]["outputLocation"])["echo"] == {"odd": True}


def test_a_container_that_dies_is_started_again_and_asked_again(endpoint: Endpoint, tmp_path: Path) -> None:
    before = endpoint.container()
    endpoint.ask({"die_once": str(tmp_path / "died")})
    answer = endpoint.read(endpoint.succeeded()["responseParameters"]["outputLocation"])
    assert answer["pid"] != before
    assert answer["pid"] == endpoint.container()


def test_a_request_that_always_kills_its_container_fails_and_harms_no_other(endpoint: Endpoint) -> None:
    endpoint.ask({"die": True}, key="poison.json", InferenceId="poison")
    for number in range(4):
        endpoint.ask({"number": number}, key=f"innocent-{number}.json")
    message = endpoint.failed()
    assert message["inferenceId"] == "poison"
    assert "after 3 attempts" in message["failureReason"]
    good = [endpoint.read(endpoint.succeeded()["responseParameters"]["outputLocation"]) for _ in range(4)]
    assert sorted(answer["echo"]["number"] for answer in good) == [0, 1, 2, 3]


def test_a_request_that_hangs_is_cut_off_after_its_timeout(endpoint: Endpoint) -> None:
    endpoint.ask({"sleep": 3600}, InvocationTimeoutSeconds=1)
    message = endpoint.failed(30)
    assert "no answer within 1 s" in message["failureReason"]
    endpoint.ask({"alive": True})
    assert endpoint.succeeded()["invocationStatus"] == "Completed"


def test_no_more_requests_run_at_once_than_the_configuration_allows(
    endpoint: Endpoint, tmp_path: Path, eventually: Eventually
) -> None:
    go, second, third = tmp_path / "go", tmp_path / "second", tmp_path / "third"
    endpoint.ask({"until": str(go)}, key="1.json")
    endpoint.ask({"until": str(go), "started": str(second)}, key="2.json")
    endpoint.ask({"started": str(third)}, key="3.json")
    eventually(second.exists)
    assert not third.exists()
    go.touch()
    for _ in range(3):
        endpoint.succeeded()
    assert third.exists()


def test_nothing_is_lost_when_the_runner_is_killed(
    own_cloud: Cloud, make_endpoint: type[Endpoint], again: Again, tmp_path: Path, eventually: Eventually
) -> None:
    endpoint = make_endpoint(own_cloud, "killed").create()
    container = endpoint.container()
    running = tmp_path / "running"
    endpoint.ask({"until": str(tmp_path / "go"), "started": str(running)}, key="0.json", InferenceId="r0")
    for number in range(1, 5):
        endpoint.ask({}, key=f"{number}.json", InferenceId=f"r{number}")
    eventually(running.exists)
    runner = next(server.pid for server in own_cloud.status().servers if server.name == "sagemaker")

    assert runner is not None
    os.kill(runner, signal.SIGKILL)
    (tmp_path / "go").touch()
    url = own_cloud.sagemaker_endpoint
    cloud = again(own_cloud)

    assert cloud.sagemaker_endpoint == url
    done = {endpoint.succeeded()["inferenceId"] for _ in range(5)}
    assert done == {"r0", "r1", "r2", "r3", "r4"}
    assert endpoint.settled()["EndpointStatus"] == "InService"
    assert endpoint.container() != container
    eventually(lambda: not _exists(container))


def test_nothing_is_lost_when_the_container_is_killed_from_outside(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    endpoint.ask({"until": str(tmp_path / "go")}, key="k0.json", InferenceId="k0")
    endpoint.ask({}, key="k1.json", InferenceId="k1")
    os.kill(endpoint.container(), signal.SIGKILL)
    (tmp_path / "go").touch()
    assert {endpoint.succeeded()["inferenceId"] for _ in range(2)} == {"k0", "k1"}


def test_update_endpoint_switches_the_model_and_loses_no_queued_request(
    cloud: Cloud, make_endpoint: type[Endpoint], name: str, tmp_path: Path
) -> None:
    endpoint = make_endpoint(cloud, name).create()
    endpoint.model(f"{name}-2", "second")
    endpoint.config(f"{name}-2", f"{name}-2")
    go = tmp_path / "go"
    endpoint.ask({"until": str(go)}, key="0.json", InferenceId="u0")
    for number in range(1, 4):
        endpoint.ask({}, key=f"{number}.json", InferenceId=f"u{number}")

    endpoint.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=f"{name}-2")
    with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
        endpoint.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=name)
    go.touch()

    messages = [endpoint.succeeded() for _ in range(4)]
    assert {message["inferenceId"] for message in messages} == {"u0", "u1", "u2", "u3"}
    described = endpoint.settled()
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", f"{name}-2")
    endpoint.ask({}, key="after.json")
    assert endpoint.read(endpoint.succeeded()["responseParameters"]["outputLocation"])["model"] == "second"
    endpoint.sagemaker.delete_endpoint(EndpointName=name)


def test_an_update_that_fails_leaves_the_old_configuration_serving(
    cloud: Cloud, make_endpoint: type[Endpoint], name: str
) -> None:
    endpoint = make_endpoint(cloud, name).create()
    endpoint.model(f"{name}-2", "second", FAIL_AT_START="1")
    endpoint.config(f"{name}-2", f"{name}-2")
    endpoint.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=f"{name}-2")
    described = endpoint.settled()
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", name)
    assert "this container refuses to start" in described["FailureReason"]
    endpoint.ask({})
    assert endpoint.read(endpoint.succeeded()["responseParameters"]["outputLocation"])["model"] == "first"
    endpoint.sagemaker.delete_endpoint(EndpointName=name)


def test_a_deleted_endpoint_fails_its_queue_and_stops_its_container(
    cloud: Cloud, make_endpoint: type[Endpoint], name: str, tmp_path: Path, eventually: Eventually
) -> None:
    endpoint = make_endpoint(cloud, name).create()
    container = endpoint.container()
    endpoint.ask({"until": str(tmp_path / "go"), "started": str(tmp_path / "on")}, key="0.json")
    endpoint.ask({}, key="1.json", InferenceId="waits")
    eventually((tmp_path / "on").exists)
    endpoint.sagemaker.delete_endpoint(EndpointName=name)
    (tmp_path / "go").touch()
    assert endpoint.failed()["inferenceId"] == "waits"
    eventually(lambda: not _exists(container))
    eventually(lambda: _gone(endpoint))


def test_an_endpoint_whose_container_does_not_start_fails_with_the_end_of_its_log(
    cloud: Cloud, make_endpoint: type[Endpoint], name: str
) -> None:
    endpoint = make_endpoint(cloud, name)
    endpoint.model(f"{name}-2", "second", FAIL_AT_START="1")
    endpoint.config(f"{name}-2", f"{name}-2")
    endpoint.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=f"{name}-2")
    described = endpoint.settled()
    assert described["EndpointStatus"] == "Failed"
    assert "exit code 1" in described["FailureReason"]
    assert "this container refuses to start" in described["FailureReason"]
    endpoint.sagemaker.delete_endpoint(EndpointName=name)


def test_an_endpoint_announces_its_states_on_the_event_bus(
    cloud: Cloud, make_endpoint: type[Endpoint], make: Make, name: str
) -> None:
    url, arn = make.queue(f"{name}-events")
    pattern = {"source": ["aws.sagemaker"], "detail": {"EndpointName": [name]}}
    make.rule(name, pattern, arn)
    endpoint = make_endpoint(cloud, name).create()
    endpoint.sagemaker.delete_endpoint(EndpointName=name)
    events = [json.loads(make.receive(url)) for _ in range(3)]
    assert [event["detail"]["EndpointStatus"] for event in events] == ["CREATING", "IN_SERVICE", "DELETING"]
    assert {event["detail-type"] for event in events} == {"SageMaker Endpoint State Change"}
    assert events[1]["resources"] == [f"arn:aws:sagemaker:us-east-1:000000000000:endpoint/{name}"]
    assert events[1]["detail"]["EndpointConfigName"] == name
    assert events[1]["detail"]["ProductionVariants"][0]["VariantName"] == "primary"


def test_nobody_else_may_send_events_as_sagemaker(cloud: Cloud) -> None:
    entry = {"Source": "aws.sagemaker", "DetailType": "x", "Detail": "{}"}
    answer = cloud.client("events").put_events(Entries=[entry])
    assert answer["Entries"][0]["ErrorCode"] == "NotAuthorizedForSourceException"


def _exists(pid: int) -> bool:
    try:
        # A zombie has ended; whoever inherited it has just not taken note yet.
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _gone(endpoint: Endpoint) -> bool:
    with urllib.request.urlopen(f"{endpoint.cloud.sagemaker_endpoint}/ping") as response:
        if endpoint.name in json.load(response)["containers"]:
            return False
    return endpoint.name not in [
        each["EndpointName"] for each in endpoint.sagemaker.list_endpoints(MaxResults=100)["Endpoints"]
    ]


ROLLING = {"MaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 1}, "WaitIntervalInSeconds": 0}
GUARD: dict[str, Any] = {
    "BlueGreenUpdatePolicy": {
        "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0},
        "TerminationWaitInSeconds": 3,
    }
}


def test_a_guarded_update_is_shown_and_loses_nothing(
    cloud: Cloud, name: str, make_endpoint: type[Endpoint], eventually: Eventually
) -> None:
    endpoint = make_endpoint(cloud, name).create()
    endpoint.model(f"{name}-2", "second")
    endpoint.config(f"{name}-2", f"{name}-2")
    before = [endpoint.ask({"sleep": 0.05}, key=f"{number}.json") for number in range(10)]
    endpoint.sagemaker.update_endpoint(
        EndpointName=name,
        EndpointConfigName=f"{name}-2",
        DeploymentConfig=GUARD,
        RetainAllVariantProperties=True,
    )
    during = [endpoint.ask({"sleep": 0.05}, key=f"{number}.json") for number in range(10, 20)]
    settled = endpoint.settled()
    assert (settled["EndpointStatus"], settled["EndpointConfigName"]) == ("InService", f"{name}-2")
    assert settled["LastDeploymentConfig"] == GUARD
    served = {endpoint.succeeded()["responseParameters"]["outputLocation"] for _ in range(20)}
    assert served == {answer["OutputLocation"] for answer in (*before, *during)}
    endpoint.sagemaker.delete_endpoint(EndpointName=name)


def test_an_alarm_brings_the_old_model_back(
    cloud: Cloud, name: str, make_endpoint: type[Endpoint], eventually: Eventually
) -> None:
    endpoint = make_endpoint(cloud, name).create()
    endpoint.model(f"{name}-2", "second")
    endpoint.config(f"{name}-2", f"{name}-2")
    alarms = cloud.client("cloudwatch")
    alarms.put_metric_alarm(
        AlarmName=name, MetricName="errors", Namespace="test", Statistic="Sum", Period=60,
        EvaluationPeriods=1, Threshold=1, ComparisonOperator="GreaterThanThreshold",
    )  # fmt: skip
    guard = {
        "BlueGreenUpdatePolicy": {**GUARD["BlueGreenUpdatePolicy"], "TerminationWaitInSeconds": 60},
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": name}]},
    }
    old = endpoint.container()
    endpoint.sagemaker.update_endpoint(
        EndpointName=name, EndpointConfigName=f"{name}-2", DeploymentConfig=guard
    )
    eventually(lambda: endpoint.container() != old)
    alarms.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="too many errors")

    def rolled_back() -> dict[str, Any] | None:
        found: dict[str, Any] = endpoint.sagemaker.describe_endpoint(EndpointName=name)
        return found if found["EndpointStatus"] == "InService" else None

    settled = eventually(rolled_back, 30)
    assert settled["EndpointConfigName"] == name
    assert f"Alarm {name} went off" in settled["FailureReason"]
    assert endpoint.container() == old
    answer = endpoint.ask({})
    endpoint.succeeded()
    assert endpoint.read(answer["OutputLocation"])["model"] == "first"
    endpoint.sagemaker.delete_endpoint(EndpointName=name)


@pytest.mark.parametrize(
    ("guard", "complaint"),
    [
        ({"RollingUpdatePolicy": ROLLING}, "rolling updates"),
        (
            {
                "BlueGreenUpdatePolicy": {
                    "TrafficRoutingConfiguration": {"Type": "CANARY", "WaitIntervalInSeconds": 0}
                }
            },
            "CanarySize",
        ),
    ],
)
def test_a_guard_that_cannot_work_is_refused(
    endpoint: Endpoint, guard: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ClientError, match=complaint):
        endpoint.sagemaker.update_endpoint(
            EndpointName=endpoint.name, EndpointConfigName=endpoint.name, DeploymentConfig=guard
        )
