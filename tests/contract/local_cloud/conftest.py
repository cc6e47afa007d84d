# ruff: noqa: ANN401 - clients and JSON documents have no narrower type here
"""A real local cloud with a tiny stand-in container; what these tests say is what we rely on."""

import io
import json
import sys
import tarfile
import textwrap
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from drawops_local import processes
from drawops_local.cloud import Cloud

ROOT = Path(__file__).parents[3]

# A container that does what the request body tells it to.
STAND_IN = """
import http.server, json, os, pathlib, sys, time

assert sys.argv[1:] == ["serve"], sys.argv
if os.environ.get("FAIL_AT_START"):
    sys.exit("this container refuses to start")
MODEL = pathlib.Path(os.environ["SM_MODEL_DIR"])


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, document):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer(503 if os.environ.get("NEVER_READY") else 200, {})

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        order = json.loads(body)
        if "die_once" in order and not pathlib.Path(order["die_once"]).exists():
            pathlib.Path(order["die_once"]).touch()
            os._exit(9)
        if order.get("die"):
            os._exit(9)
        if "started" in order:
            pathlib.Path(order["started"]).touch()
        if "until" in order:
            while not pathlib.Path(order["until"]).exists():
                time.sleep(0.01)
        time.sleep(order.get("sleep", 0))
        if "log" in order:
            with open(order["log"], "a") as log:
                log.write(f"{time.time()} {order['name']}\\n")
        self.answer(order.get("status", 200), {
            "echo": order, "pid": os.getpid(), "model": (MODEL / "name.txt").read_text(),
            "content_type": self.headers["Content-Type"], "environment": dict(os.environ),
            "attributes": self.headers.get("X-Amzn-SageMaker-Custom-Attributes"),
        })


port = int(os.environ["SAGEMAKER_BIND_TO_PORT"])
http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""


# A training program that trains nothing: it counts steps, as its hyperparameters tell it to.
TRAIN = """
import json, os, pathlib, signal, sys, time

ROOT = pathlib.Path(os.environ["DRAWOPS_ML_ROOT"])
GIVEN = json.loads((ROOT / "input/config/hyperparameters.json").read_text())
CHECKPOINT = ROOT / "checkpoints" / "step"
told = False


def stop(*_):
    global told
    told = True


if "deaf" in GIVEN:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
else:
    signal.signal(signal.SIGTERM, stop)
(ROOT / "output" / "data" / "seen.json").write_text(json.dumps({
    "files": sorted(str(p.relative_to(ROOT)) for p in (ROOT / "input/data").rglob("*") if p.is_file()),
    "config": {p.name: json.loads(p.read_text()) for p in (ROOT / "input/config").iterdir()},
    "environment": dict(os.environ), "arguments": sys.argv[1:], "niceness": os.nice(0),
}))
if "fail" in GIVEN:
    (ROOT / "output" / "failure").write_text(GIVEN["fail"])
    sys.exit(3)
start = int(CHECKPOINT.read_text()) if CHECKPOINT.exists() else 0
print(f"starting at step={start}", flush=True)
for step in range(start, int(GIVEN.get("steps", 2))):
    print(f"step={step + 1} loss={1 / (step + 1):.3f}", flush=True)
    if CHECKPOINT.parent.is_dir():
        CHECKPOINT.with_suffix(".part").write_text(str(step + 1))
        CHECKPOINT.with_suffix(".part").replace(CHECKPOINT)
    time.sleep(float(GIVEN.get("seconds", 0)))
    if told:
        print("told to stop", flush=True)
        break
(ROOT / "model" / "weights.txt").write_text(f"{step + 1} steps from {start}")
(ROOT / "model" / "name.txt").write_text("stand-in")
"""
GATE = """
import json, os, pathlib, sys, time

ROOT = pathlib.Path(os.environ["DRAWOPS_ML_ROOT"])
found = sorted(str(p.relative_to(ROOT)) for p in (ROOT / "processing/input").rglob("*") if p.is_file())
verdict = {"files": found, "arguments": sys.argv[1:], "greeting": os.environ.get("GREETING")}
out = ROOT / "processing" / "output" / "verdict"
(out / "pictures").mkdir(exist_ok=True)
(out / "verdict.json").write_text(json.dumps(verdict))
(out / "pictures" / "1.txt").write_text("a picture")
(ROOT / "output" / "message").write_text(os.environ.get("MESSAGE", "PASSED"))
time.sleep(float(os.environ.get("SECONDS", "0")))
sys.exit(int(os.environ.get("CODE", "0")))
"""


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built images: one, ``drawops-stand-in:local``."""
    directory = tmp_path_factory.mktemp("images")
    program = directory / "stand-in" / "serve.py"
    program.parent.mkdir()
    program.write_text(STAND_IN)
    for name, source in (("train", TRAIN), ("gate", GATE)):
        (program.parent / name).write_text(source)
    manifest = {
        "name": "drawops-stand-in:local",
        "commands": {
            "serve": [sys.executable, str(program), "serve"],
            "train": [sys.executable, str(program.parent / "train")],
            "gate": [sys.executable, str(program.parent / "gate")],
            "python3": [sys.executable],
        },
        "working_directory": str(program.parent),
        "digest": "0",
    }
    (program.parent / "image.json").write_text(json.dumps(manifest))
    return directory


Eventually = Callable[..., Any]
Again = Callable[[Cloud], Cloud]


def start(state: Path, images: Path, **options: Any) -> Cloud:
    return Cloud.up(ROOT, state, lambda line: None, images_from=images, preferred_ports={}, **options)


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory, images: Path) -> Iterator[Cloud]:
    """The cloud that most tests share; names they use must be their own."""
    cloud = start(tmp_path_factory.mktemp("cloud") / "state", images)
    yield cloud
    cloud.down()
    assert processes.processes_of(cloud.state) == []


@pytest.fixture(scope="session", autouse=True)
def clock(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that a rule writes to every minute; made early, so that its test need not wait for it."""
    seen = tmp_path_factory.mktemp("clock") / "seen"
    source = """
    import json

    def handler(event, context):
        with open({path!r}, "a") as file:
            file.write(json.dumps(event) + "\\n")
    """.replace("{path!r}", repr(str(seen)))
    function = Make(cloud).function("clock", source)
    events = cloud.client("events")
    events.put_rule(Name="clock", ScheduleExpression="rate(1 minute)")
    events.put_targets(Rule="clock", Targets=[{"Id": "1", "Arn": function, "Input": '{"sweep": false}'}])
    return seen


@pytest.fixture
def own_cloud(tmp_path: Path, images: Path) -> Iterator[Cloud]:
    """A cloud that a test may kill."""
    cloud = start(tmp_path / "state", images)
    yield cloud
    cloud.down()
    assert processes.processes_of(cloud.state) == []


@pytest.fixture
def again(images: Path) -> Callable[[Cloud], Cloud]:
    """`up` once more, on the same state."""
    return lambda cloud: start(cloud.state, images)


def eventually(look: Callable[[], Any], seconds: float = 20) -> Any:
    """The first true value of `look`; fails when there is none in time."""
    deadline = time.monotonic() + seconds
    while True:
        value = look()
        if value:
            return value
        if time.monotonic() > deadline:
            pytest.fail(f"did not happen within {seconds} s; last seen: {value!r}")
        time.sleep(0.05)


@pytest.fixture(name="eventually")
def eventually_fixture() -> Callable[..., Any]:
    return eventually


@pytest.fixture
def name() -> str:
    """A name nobody else uses."""
    return f"t{uuid.uuid4().hex[:12]}"


class Make:
    """Makes what a test needs in a cloud."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud

    def function(self, name: str, source: str, *, layers: list[str] | None = None, **more: Any) -> str:
        """A Lambda function from its source; returns the ARN."""
        code = zipped({"handler.py": textwrap.dedent(source), **more.pop("files", {})})
        client = self.cloud.client("lambda")
        created = client.create_function(
            FunctionName=name,
            Runtime="python3.13",
            Handler="handler.handler",
            Role="arn:aws:iam::000000000000:role/r",
            Code={"ZipFile": code},
            Layers=layers or [],
            **{"Timeout": 20, **more},
        )
        client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
        return str(created["FunctionArn"])

    def call(self, function: str, event: Any = None) -> Any:
        answer = self.cloud.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event or {}))
        return json.loads(answer["Payload"].read())

    def queue(self, name: str, **attributes: str) -> tuple[str, str]:
        """URL and ARN."""
        sqs = self.cloud.client("sqs")
        url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        return url, arn

    def receive(self, url: str, seconds: float = 20) -> str:
        """The body of the next message, which is taken out of the queue."""
        sqs = self.cloud.client("sqs")
        messages = eventually(
            lambda: sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages"), seconds
        )
        sqs.delete_message(QueueUrl=url, ReceiptHandle=messages[0]["ReceiptHandle"])
        return str(messages[0]["Body"])

    def bucket(self, name: str, *, versioned: bool = False, events: bool = False) -> None:
        s3 = self.cloud.client("s3")
        s3.create_bucket(Bucket=name)
        if versioned:
            s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        if events:
            s3.put_bucket_notification_configuration(
                Bucket=name, NotificationConfiguration={"EventBridgeConfiguration": {}}
            )

    def rule(self, name: str, pattern: dict[str, Any], target: str) -> None:
        events = self.cloud.client("events")
        events.put_rule(Name=name, EventPattern=json.dumps(pattern))
        events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": target}])

    def machine(self, name: str, states: dict[str, Any], start_at: str | None = None) -> str:
        """A state machine in JSONata; returns the ARN."""
        definition = {"QueryLanguage": "JSONata", "StartAt": start_at or next(iter(states)), "States": states}
        created = self.cloud.client("stepfunctions").create_state_machine(
            name=name, definition=json.dumps(definition), roleArn="arn:aws:iam::000000000000:role/r"
        )
        return str(created["stateMachineArn"])

    def run(self, machine: str, given: Any = None, seconds: float = 20) -> dict[str, Any]:
        """Run to the end; returns DescribeExecution."""
        client = self.cloud.client("stepfunctions")
        execution = client.start_execution(stateMachineArn=machine, input=json.dumps(given or {}))
        arn = execution["executionArn"]
        ended = eventually(lambda: _ended(client.describe_execution(executionArn=arn)), seconds)
        return dict(ended)

    def topic(self, name: str, queue_arn: str | None = None) -> str:
        """A topic, its messages going raw to a queue; returns the ARN."""
        sns = self.cloud.client("sns")
        arn = sns.create_topic(Name=name)["TopicArn"]
        if queue_arn:
            sns.subscribe(
                TopicArn=arn, Protocol="sqs", Endpoint=queue_arn, Attributes={"RawMessageDelivery": "true"}
            )
        return str(arn)


def _ended(execution: dict[str, Any]) -> dict[str, Any] | None:
    return None if execution["status"] == "RUNNING" else execution


def zipped(files: dict[str, str]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return content.getvalue()


@pytest.fixture
def make(cloud: Cloud) -> Make:
    return Make(cloud)


class Endpoint:
    """An asynchronous endpoint of the stand-in container, with its bucket, topics and queues."""

    def __init__(self, cloud: Cloud, name: str, **options: Any) -> None:
        self.cloud, self.name, self.make = cloud, name, Make(cloud)
        self.make.bucket(name)
        self.success, success_arn = self.make.queue(f"{name}-success")
        self.failure, failure_arn = self.make.queue(f"{name}-failure")
        self.success_topic = self.make.topic(f"{name}-success", success_arn)
        self.error_topic = self.make.topic(f"{name}-error", failure_arn)
        self.model(name, "first")
        self.config(name, name, **options)
        self.sagemaker = cloud.client("sagemaker")
        self.runtime = cloud.client("sagemaker-runtime")
        self.s3 = cloud.client("s3")

    def model(self, name: str, text: str, **environment: str) -> None:
        """A model whose artifact holds `text`."""
        self.cloud.client("s3").put_object(
            Bucket=self.name, Key=f"models/{name}/model.tar.gz", Body=archive({"name.txt": text})
        )
        self.cloud.client("sagemaker").create_model(
            ModelName=name,
            ExecutionRoleArn="arn:aws:iam::000000000000:role/r",
            PrimaryContainer={
                "Image": "drawops-stand-in:local",
                "ModelDataUrl": f"s3://{self.name}/models/{name}/model.tar.gz",
                "Environment": environment,
            },
        )

    def config(self, name: str, model: str, *, concurrency: int = 1, startup: int = 60) -> None:
        self.cloud.client("sagemaker").create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[
                {
                    "VariantName": "primary",
                    "ModelName": model,
                    "InstanceType": "ml.m5.large",
                    "InitialInstanceCount": 1,
                    "ContainerStartupHealthCheckTimeoutInSeconds": startup,
                }
            ],
            AsyncInferenceConfig={
                "ClientConfig": {"MaxConcurrentInvocationsPerInstance": concurrency},
                "OutputConfig": {
                    "S3OutputPath": f"s3://{self.name}/output",
                    "S3FailurePath": f"s3://{self.name}/failure",
                    "NotificationConfig": {
                        "SuccessTopic": self.success_topic,
                        "ErrorTopic": self.error_topic,
                    },
                },
            },
        )

    def create(self) -> "Endpoint":
        self.sagemaker.create_endpoint(EndpointName=self.name, EndpointConfigName=self.name)
        self.settled()
        return self

    def settled(self) -> dict[str, Any]:
        """DescribeEndpoint as soon as nothing changes any more."""
        busy = ("Creating", "Updating", "Deleting")

        def look() -> dict[str, Any] | None:
            found: dict[str, Any] = self.sagemaker.describe_endpoint(EndpointName=self.name)
            return None if found["EndpointStatus"] in busy else found

        return dict(eventually(look))

    def ask(self, order: dict[str, Any], key: str = "request.json", **parameters: Any) -> dict[str, Any]:
        """InvokeEndpointAsync with `order` as the object that is read."""
        self.s3.put_object(Bucket=self.name, Key=key, Body=json.dumps(order).encode())
        answer: dict[str, Any] = self.runtime.invoke_endpoint_async(
            EndpointName=self.name,
            InputLocation=f"s3://{self.name}/{key}",
            ContentType="application/json",
            **parameters,
        )
        return answer

    def succeeded(self, seconds: float = 20) -> dict[str, Any]:
        return dict(json.loads(self.make.receive(self.success, seconds)))

    def failed(self, seconds: float = 20) -> dict[str, Any]:
        return dict(json.loads(self.make.receive(self.failure, seconds)))

    def read(self, location: str) -> Any:
        bucket, _, key = location.removeprefix("s3://").partition("/")
        return json.loads(self.s3.get_object(Bucket=bucket, Key=key)["Body"].read())

    def container(self) -> int:
        """Process id of the endpoint's container."""
        import urllib.request

        with urllib.request.urlopen(f"{self.cloud.sagemaker_endpoint}/ping") as response:
            return int(json.load(response)["containers"][self.name])


def archive(files: dict[str, str]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        for path, text in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return content.getvalue()


@pytest.fixture
def make_endpoint() -> type[Endpoint]:
    return Endpoint


@pytest.fixture(scope="session")
def endpoint(cloud: Cloud) -> Endpoint:
    """An endpoint that most tests share; nobody may leave it broken."""
    return Endpoint(cloud, "shared-endpoint", concurrency=2).create()
