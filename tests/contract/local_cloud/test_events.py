"""What the workflows rely on of EventBridge, SNS and SQS."""

import json
import time
from pathlib import Path

import pytest

from tests.contract.local_cloud.conftest import Eventually, Make

KEYS = [
    "plain.png",
    "with space.pdf",
    "图纸/一号.png",
    "a+b.png",
    "100%.png",
    "50%25.png",
    "emoji 🚀 & ampersand.pdf",
    "k" * 900,
]

REMEMBER = """
import json, pathlib

def handler(event, context):
    with open({path!r}, "a") as file:
        file.write(json.dumps(event) + "\\n")
"""


@pytest.mark.parametrize("key", KEYS)
def test_an_upload_event_names_exactly_the_object_and_the_version(make: Make, name: str, key: str) -> None:
    make.bucket(name, versioned=True, events=True)
    url, arn = make.queue(name)
    pattern = {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {"bucket": {"name": [name]}},
    }
    make.rule(name, pattern, arn)
    s3 = make.cloud.client("s3")

    put = s3.put_object(Bucket=name, Key=key, Body=b"drawing")

    event = json.loads(make.receive(url))
    thing = event["detail"]["object"]
    assert event["detail"]["bucket"]["name"] == name
    assert thing["key"] == key
    assert thing["size"] == 7
    assert thing["version-id"] == put["VersionId"]
    assert thing["etag"] == put["ETag"].strip('"')
    assert int(thing["sequencer"], 16) > 0
    read = s3.get_object(Bucket=name, Key=thing["key"], VersionId=thing["version-id"])
    assert read["Body"].read() == b"drawing"


def test_a_later_version_has_a_greater_sequencer(make: Make, name: str) -> None:
    make.bucket(name, versioned=True, events=True)
    url, arn = make.queue(name)
    make.rule(name, {"source": ["aws.s3"], "detail": {"bucket": {"name": [name]}}}, arn)
    s3 = make.cloud.client("s3")
    seen = []
    for body in (b"one", b"two"):
        s3.put_object(Bucket=name, Key="same", Body=body)
        seen.append(json.loads(make.receive(url))["detail"]["object"])
    assert seen[0]["sequencer"] < seen[1]["sequencer"]
    assert seen[0]["version-id"] != seen[1]["version-id"]


def test_multipart_uploads_and_copies_send_events_too(make: Make, name: str) -> None:
    make.bucket(name, versioned=True, events=True)
    url, arn = make.queue(name)
    make.rule(name, {"source": ["aws.s3"], "detail": {"bucket": {"name": [name]}}}, arn)
    s3 = make.cloud.client("s3")
    upload = s3.create_multipart_upload(Bucket=name, Key="big")["UploadId"]
    part = s3.upload_part(Bucket=name, Key="big", UploadId=upload, PartNumber=1, Body=b"x" * 5_242_880)
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    done = s3.complete_multipart_upload(Bucket=name, Key="big", UploadId=upload, MultipartUpload=parts)
    first = json.loads(make.receive(url))["detail"]
    assert (first["object"]["key"], first["object"]["version-id"]) == ("big", done["VersionId"])
    assert first["reason"] == "CompleteMultipartUpload"
    copied = s3.copy_object(Bucket=name, Key="copy", CopySource={"Bucket": name, "Key": "big"})
    second = json.loads(make.receive(url))["detail"]
    assert (second["object"]["key"], second["object"]["version-id"]) == ("copy", copied["VersionId"])
    assert second["reason"] == "CopyObject"


def test_a_topic_calls_a_function(make: Make, name: str, tmp_path: Path, eventually: Eventually) -> None:
    seen = tmp_path / "seen"
    function = make.function(name, REMEMBER.format(path=str(seen)))
    topic = make.topic(name)
    sns = make.cloud.client("sns")
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function)
    sns.publish(TopicArn=topic, Message="hello")
    eventually(seen.exists)
    record = json.loads(seen.read_text())["Records"][0]
    assert record["EventSource"] == "aws:sns"
    assert record["Sns"]["Message"] == "hello"
    assert record["Sns"]["TopicArn"] == topic


def test_messages_that_a_function_reports_as_failed_come_again_and_end_in_the_dead_letter_queue(
    make: Make, name: str, tmp_path: Path, eventually: Eventually
) -> None:
    seen = tmp_path / "seen"
    dead, dead_arn = make.queue(f"{name}-dead")
    redrive = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 2})
    url, arn = make.queue(name, RedrivePolicy=redrive, VisibilityTimeout="1")
    source = f"""
    def handler(event, context):
        failed = []
        for record in event["Records"]:
            with open({str(seen)!r}, "a") as file:
                file.write(record["body"] + "\\n")
            if record["body"] == "bad":
                failed.append({{"itemIdentifier": record["messageId"]}})
        return {{"batchItemFailures": failed}}
    """
    function = make.function(name, source)
    mapping = make.cloud.client("lambda").create_event_source_mapping(
        FunctionName=function,
        EventSourceArn=arn,
        BatchSize=10,
        FunctionResponseTypes=["ReportBatchItemFailures"],
        ScalingConfig={"MaximumConcurrency": 2},
    )
    sqs = make.cloud.client("sqs")
    entries = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(["good", "bad", "fine"])]
    sqs.send_message_batch(QueueUrl=url, Entries=entries)
    assert make.receive(dead) == "bad"
    lines = seen.read_text().split()
    assert (lines.count("good"), lines.count("fine"), lines.count("bad")) == (1, 1, 2)
    make.cloud.client("lambda").delete_event_source_mapping(UUID=mapping["UUID"])


def test_no_more_batches_run_at_once_than_the_mapping_allows(
    make: Make, name: str, tmp_path: Path, eventually: Eventually
) -> None:
    log = tmp_path / "log"
    source = f"""
    import time

    def handler(event, context):
        started = time.time()
        time.sleep(0.3)
        with open({str(log)!r}, "a") as file:
            file.write(f"{{started}} {{time.time()}}\\n")
    """
    url, arn = make.queue(name)
    function = make.function(name, source)
    mapping = make.cloud.client("lambda").create_event_source_mapping(
        FunctionName=function, EventSourceArn=arn, BatchSize=1, ScalingConfig={"MaximumConcurrency": 2}
    )
    sqs = make.cloud.client("sqs")
    for number in range(8):
        sqs.send_message(QueueUrl=url, MessageBody=str(number))
    eventually(lambda: log.exists() and len(log.read_text().splitlines()) == 8)
    spans = [tuple(map(float, line.split())) for line in log.read_text().splitlines()]
    at_once = max(sum(start <= moment < end for start, end in spans) for moment, _ in spans)
    assert at_once == 2
    make.cloud.client("lambda").delete_event_source_mapping(UUID=mapping["UUID"])


def test_a_one_time_schedule_calls_a_function(
    make: Make, name: str, tmp_path: Path, eventually: Eventually
) -> None:
    seen = tmp_path / "seen"
    function = make.function(name, REMEMBER.format(path=str(seen)))
    at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() + 2))
    make.cloud.client("scheduler").create_schedule(
        Name=name,
        ScheduleExpression=f"at({at})",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": function, "RoleArn": "arn:aws:iam::000000000000:role/r", "Input": '{"n": 1}'},
    )
    eventually(seen.exists, 30)
    assert json.loads(seen.read_text()) == {"n": 1}
