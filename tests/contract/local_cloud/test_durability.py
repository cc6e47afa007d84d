"""What is left after `kill -9` of the emulator."""

import json
import os
import signal
from pathlib import Path

import pytest
from drawops_local.cloud import Cloud

from tests.contract.local_cloud.conftest import Again, Endpoint, Eventually, Make


def kill(cloud: Cloud, name: str = "ministack") -> None:
    """End a server without a word."""
    pid = next(server.pid for server in cloud.status().servers if server.name == name)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


def test_an_acknowledged_upload_survives_with_versions_metadata_and_markers(
    own_cloud: Cloud, again: Again
) -> None:
    make = Make(own_cloud)
    make.bucket("kept", versioned=True)
    own_cloud.snapshot()
    s3 = own_cloud.client("s3")
    versions = [
        s3.put_object(
            Bucket="kept",
            Key="图纸 + 1%.png",
            Body=body,
            ContentType="image/png",
            Metadata={"by": body.decode()},
        )["VersionId"]
        for body in (b"one", b"two", b"three")
    ]
    s3.put_object(Bucket="kept", Key="gone", Body=b"x")
    s3.delete_object(Bucket="kept", Key="gone")

    kill(own_cloud)
    s3 = again(own_cloud).client("s3")

    for version, body in zip(versions, (b"one", b"two", b"three"), strict=True):
        found = s3.get_object(Bucket="kept", Key="图纸 + 1%.png", VersionId=version)
        assert found["Body"].read() == body
        assert found["Metadata"] == {"by": body.decode()}
        assert found["ContentType"] == "image/png"
    assert s3.get_object(Bucket="kept", Key="图纸 + 1%.png")["VersionId"] == versions[-1]
    listed = s3.list_object_versions(Bucket="kept")
    assert len(listed["Versions"]) == 4
    assert [marker["Key"] for marker in listed["DeleteMarkers"]] == ["gone"]
    assert [each["Key"] for each in s3.list_objects_v2(Bucket="kept")["Contents"]] == ["图纸 + 1%.png"]
    assert s3.get_bucket_versioning(Bucket="kept")["Status"] == "Enabled"


def test_the_event_of_an_acknowledged_upload_is_delivered_after_the_crash(
    own_cloud: Cloud, again: Again
) -> None:
    make = Make(own_cloud)
    make.bucket("uploads", versioned=True, events=True)
    url, arn = make.queue("uploads")
    make.rule("uploads", {"source": ["aws.s3"], "detail": {"bucket": {"name": ["uploads"]}}}, arn)
    own_cloud.snapshot()
    s3 = own_cloud.client("s3")
    put = {s3.put_object(Bucket="uploads", Key=f"k{n}", Body=b"x")["VersionId"] for n in range(20)}

    kill(own_cloud)
    make = Make(again(own_cloud))

    seen: set[str] = set()
    while len(seen) < 20:
        seen.add(json.loads(make.receive(url))["detail"]["object"]["version-id"])
    assert seen == put


def test_a_notification_on_its_way_to_a_function_is_delivered_after_the_crash(
    own_cloud: Cloud, again: Again, tmp_path: Path, eventually: Eventually
) -> None:
    make = Make(own_cloud)
    started, done = tmp_path / "started", tmp_path / "done"
    source = f"""
    import os, pathlib, time

    def handler(event, context):
        first = not pathlib.Path({str(started)!r}).exists()
        pathlib.Path({str(started)!r}).touch()
        if first:
            time.sleep(15)
        pathlib.Path({str(done)!r}).write_text(event["Records"][0]["Sns"]["Message"])
    """
    function = make.function("slow", source)
    topic = make.topic("slow")
    own_cloud.client("sns").subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function)
    own_cloud.snapshot()
    own_cloud.client("sns").publish(TopicArn=topic, Message="do not lose me")
    eventually(started.exists)
    own_cloud.snapshot()

    kill(own_cloud)
    again(own_cloud)

    eventually(done.exists)
    assert done.read_text() == "do not lose me"


def test_a_message_that_a_function_was_working_on_comes_again_at_once(
    own_cloud: Cloud, again: Again, tmp_path: Path, eventually: Eventually
) -> None:
    make = Make(own_cloud)
    started, done = tmp_path / "started", tmp_path / "done"
    source = f"""
    import pathlib, time

    def handler(event, context):
        first = not pathlib.Path({str(started)!r}).exists()
        pathlib.Path({str(started)!r}).touch()
        if first:
            time.sleep(15)
        record = event["Records"][0]
        count = record["attributes"]["ApproximateReceiveCount"]
        pathlib.Path({str(done)!r}).write_text(record["body"] + count)
    """
    url, arn = make.queue("slow", VisibilityTimeout="600")
    function = make.function("slow", source)
    own_cloud.client("lambda").create_event_source_mapping(FunctionName=function, EventSourceArn=arn)
    own_cloud.client("sqs").send_message(QueueUrl=url, MessageBody="once more ")
    eventually(started.exists)
    own_cloud.snapshot()

    kill(own_cloud)
    again(own_cloud)

    eventually(done.exists)
    assert done.read_text() == "once more 1"


def test_everything_but_objects_is_as_old_as_the_last_snapshot(own_cloud: Cloud, again: Again) -> None:
    make = Make(own_cloud)
    machine = make.machine("kept", {"Wait": {"Type": "Wait", "Seconds": 600, "End": True}})
    states = own_cloud.client("stepfunctions")
    running = states.start_execution(stateMachineArn=machine, name="running", input="{}")["executionArn"]
    url, _ = make.queue("kept")
    own_cloud.client("sqs").send_message(QueueUrl=url, MessageBody="kept")
    own_cloud.client("dynamodb").create_table(
        TableName="kept",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
    )
    own_cloud.client("dynamodb").put_item(TableName="kept", Item={"pk": {"S": "a"}})
    function = make.function("kept", "def handler(event, context):\n    return 'still here'")
    own_cloud.snapshot()

    kill(own_cloud)
    cloud = again(own_cloud)

    assert Make(cloud).call(function) == "still here"
    assert Make(cloud).receive(url) == "kept"
    assert cloud.client("dynamodb").get_item(TableName="kept", Key={"pk": {"S": "a"}})["Item"]
    described = cloud.client("stepfunctions").describe_execution(executionArn=running)
    assert (described["status"], described["error"]) == ("FAILED", "States.ServiceRestart")


def test_a_polite_stop_loses_nothing_at_all(own_cloud: Cloud, again: Again) -> None:
    url, _ = Make(own_cloud).queue("last-second")
    own_cloud.client("sqs").send_message(QueueUrl=url, MessageBody="kept")
    own_cloud.down()
    assert Make(again(own_cloud)).receive(url) == "kept"


def test_the_runner_waits_while_the_emulator_is_away(
    own_cloud: Cloud, again: Again, make_endpoint: type[Endpoint], tmp_path: Path, eventually: Eventually
) -> None:
    endpoint = make_endpoint(own_cloud, "away").create()
    go, started = tmp_path / "go", tmp_path / "started"
    endpoint.ask({"until": str(go), "started": str(started)}, key="0.json", InferenceId="a0")
    endpoint.ask({}, key="1.json", InferenceId="a1")
    eventually(started.exists)
    own_cloud.snapshot()

    kill(own_cloud)
    go.touch()
    again(own_cloud)

    assert {endpoint.succeeded()["inferenceId"] for _ in range(2)} == {"a0", "a1"}


@pytest.mark.parametrize("server", ["ministack", "sagemaker"])
def test_up_starts_only_what_is_dead(own_cloud: Cloud, again: Again, server: str) -> None:
    before = {each.name: (each.pid, each.url) for each in own_cloud.status().servers}
    kill(own_cloud, server)
    after = {each.name: (each.pid, each.url) for each in again(own_cloud).status().servers}
    other = next(name for name in before if name != server)
    assert after[other] == before[other]
    assert after[server][1] == before[server][1]
    assert after[server][0] != before[server][0]
