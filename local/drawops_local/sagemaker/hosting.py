"""What runs behind endpoints: one container and a few threads that feed it from the endpoint's queue.

Each endpoint has a `Deployment`; UpdateEndpoint starts a second one beside it and switches. Requests belong
to the endpoint and stay in the store, so a switch, a crash of a container or of this process loses none.
"""

import contextlib
import datetime
import json
import logging
import shutil
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from drawops_local.credentials import REGION
from drawops_local.images import ImageNotFound, find_image
from drawops_local.sagemaker import endpoint_configs, endpoints, models
from drawops_local.sagemaker.containers import (
    Answer,
    Container,
    ContainerDied,
    ContainerFailed,
    ContainerTimedOut,
)
from drawops_local.sagemaker.model_data import ModelDataFailed, split_s3_uri, unpack_model
from drawops_local.sagemaker.operations import Runner, arn, now
from drawops_local.sagemaker.store import Document, Invocation

_log = logging.getLogger(__name__)

# AWS's defaults where the request or the configuration says nothing.
DEFAULT_CONCURRENCY = 4
DEFAULT_TTL_SECONDS = 21600
DEFAULT_TIMEOUT_SECONDS = 900
DEFAULT_STARTUP_SECONDS = 300
# A request that was in a container when it died is tried again alone: one more that dies is its own fault.
MAX_ATTEMPTS = 3
# Hanging costs the whole timeout each time.
MAX_TIMEOUTS = 2
_UNREACHABLE_WAIT = 0.5
_ALARM_SECONDS = 1.0
_MODELS = "endpoints"


class Unreachable(Exception):
    """S3 does not answer: nobody's fault, and no reason to fail a request."""


class Rejected(Exception):
    """The request failed for good; the message is its failureReason."""

    def __init__(self, reason: str, body: bytes = b"", content_type: str = "text/plain") -> None:
        super().__init__(reason)
        self.body = body or json.dumps({"error": reason}).encode()
        self.content_type = content_type


class Hosting:
    """All deployments of this runner."""

    def __init__(self, threads: int, alarms: Any) -> None:  # noqa: ANN401
        self._threads = threads
        self._alarms = alarms
        self._deployments: dict[str, Deployment] = {}
        self._lock = threading.Lock()
        self._changes: dict[str, threading.Lock] = {}
        self._pool = ThreadPoolExecutor(max_workers=8, thread_name_prefix="deploy")
        self._stopping = threading.Event()
        self._runner: Runner | None = None

    @property
    def runner(self) -> Runner:
        """The runner this hosting belongs to (set once, before the first request)."""
        assert self._runner is not None
        return self._runner

    def resume(self, runner: Runner) -> None:
        """Take up the work of a runner that ended: containers, queues, half-done changes."""
        self._runner = runner
        # Models of the run before; what is needed is unpacked again.
        shutil.rmtree(runner.state / _MODELS, ignore_errors=True)
        again = runner.store.requeue_running()
        if again:
            _log.info("%d requests were being answered when the runner ended; they start again", again)
        for endpoint in runner.store.all(endpoints.KIND):
            status = endpoint["EndpointStatus"]
            if status == "Deleting":
                self.delete(endpoint["EndpointName"])
            elif status != "Failed":
                self.deploy(endpoint["EndpointName"])

    def announce(self, name: str) -> None:
        """Post the state-change event of an endpoint; call inside the transaction of the change."""
        document = self.runner.store.get(endpoints.KIND, name)
        if document is None:
            return
        detail = endpoints.description(self.runner, document)
        detail["EndpointStatus"] = _EVENT_STATUS.get(document["EndpointStatus"], document["EndpointStatus"])
        for member in ("CreationTime", "LastModifiedTime"):
            detail[member] = int(detail[member] * 1000)
        detail.pop("AsyncInferenceConfig", None)
        detail["Tags"] = {tag["Key"]: tag["Value"] for tag in document.get("Tags", [])}
        event = {
            "Source": "aws.sagemaker",
            "DetailType": "SageMaker Endpoint State Change",
            "Resources": [arn(endpoints.KIND, name)],
            "Detail": json.dumps(detail),
        }
        self.runner.store.post("event", event)
        self.runner.outbox.wake()

    def deploy(self, name: str) -> None:
        """Bring the endpoint to the configuration its document asks for, in the background."""
        self._pool.submit(self._guarded, self._deploy, name)

    def delete(self, name: str) -> None:
        """Stop an endpoint in the background and forget it."""
        deployment = self._deployments.get(name)
        if deployment is not None:
            deployment.stop_starting()
        self._pool.submit(self._guarded, self._delete, name)

    def wake(self, name: str) -> None:
        """There is a new request in the endpoint's queue."""
        deployment = self._deployments.get(name)
        if deployment is not None:
            deployment.wake()

    def processes(self) -> dict[str, int | None]:
        """Process id of each endpoint's container."""
        return {name: deployment.container.pid for name, deployment in self._deployments.items()}

    def stop(self) -> None:
        """Stop all containers; endpoints and queues stay in the store."""
        self._stopping.set()
        with self._lock:
            deployments = list(self._deployments.values())
        for deployment in deployments:
            deployment.stop(wait=False)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _guarded(self, change: Any, name: str) -> None:  # noqa: ANN401
        with self._lock:
            lock = self._changes.setdefault(name, threading.Lock())
        with lock:
            try:
                change(name)
            except Exception as error:  # noqa: BLE001 - the thread pool would swallow it
                _log.exception("changing endpoint %s failed", name)
                document = self.runner.store.get(endpoints.KIND, name)
                if document is not None and document["EndpointStatus"] in (
                    "Creating",
                    "Updating",
                    "RollingBack",
                ):
                    self._failed(name, document, f"{type(error).__name__}: {error}")

    def _deploy(self, name: str) -> None:
        store = self.runner.store
        document = store.get(endpoints.KIND, name)
        if document is None or document["EndpointStatus"] == "Deleting":
            return
        current = self._deployments.get(name)
        if current is None and document.get("PendingConfigName"):
            # The runner ended in the middle of an update: the old configuration serves meanwhile.
            current = self._started(name, document["EndpointConfigName"])
        wanted = document.get("PendingConfigName") or document["EndpointConfigName"]
        try:
            fresh = self._prepare(name, wanted)
        except (ContainerFailed, ImageNotFound, ModelDataFailed) as error:
            self._failed(name, document, str(error))
            return
        if self._stopping.is_set():
            fresh.stop(wait=False)
            return
        guard = document.get("PendingDeploymentConfig")
        switched = current is not None and guard is not None
        if current is not None and guard is not None and not self._baked(name, guard, current, fresh):
            return
        with store.transaction():
            changed = store.get(endpoints.KIND, name)
            if changed is None or changed["EndpointStatus"] == "Deleting":
                fresh.stop(wait=False)
                return
            store.change(
                endpoints.KIND,
                name,
                EndpointStatus="InService",
                EndpointConfigName=wanted,
                PendingConfigName=None,
                PendingDeploymentConfig=None,
                LastDeploymentConfig=guard or changed.get("LastDeploymentConfig"),
                FailureReason=None,
                LastModifiedTime=now(),
            )
            self.announce(name)
        if not switched:
            self._deployments[name] = fresh
            fresh.serve()
        if current is not None:
            current.stop(wait=True)

    def _baked(self, name: str, guard: Document, current: "Deployment", fresh: "Deployment") -> bool:
        """Let the new fleet serve while the old one waits; False when an alarm brought the old one back."""
        wait = guard.get("BlueGreenUpdatePolicy", {}).get("TerminationWaitInSeconds", 0)
        alarms = [
            alarm["AlarmName"] for alarm in guard.get("AutoRollbackConfiguration", {}).get("Alarms", [])
        ]
        self._deployments[name] = fresh
        fresh.serve()
        current.pause()
        until = now() + wait
        while True:
            ringing = self._ringing(alarms)
            if ringing:
                break
            if now() >= until:
                return True
            if self._stopping.wait(min(_ALARM_SECONDS, max(until - now(), 0.0))):
                return False  # the next runner begins the update again
        with self.runner.store.transaction():
            self.runner.store.change(
                endpoints.KIND, name, EndpointStatus="RollingBack", LastModifiedTime=now()
            )
            self.announce(name)
        self._deployments[name] = current
        current.serve()
        # Its running requests end, its waiting ones are the old fleet's.
        fresh.stop(wait=True)
        document = self.runner.store.get(endpoints.KIND, name)
        if document is not None:
            self._failed(
                name, document, f"Alarm {', '.join(ringing)} went off: the deployment was rolled back."
            )
        return False

    def _ringing(self, names: list[str]) -> list[str]:
        if not names:
            return []
        try:
            found = self._alarms.describe_alarms(AlarmNames=names, StateValue="ALARM")
        except (BotoCoreError, ClientError) as error:
            _log.warning("alarms %s cannot be read: %s", names, error)
            return []
        return [alarm["AlarmName"] for alarm in found["MetricAlarms"] + found.get("CompositeAlarms", [])]

    def _started(self, name: str, config: str) -> "Deployment | None":
        try:
            deployment = self._prepare(name, config)
        except (ContainerFailed, ImageNotFound, ModelDataFailed) as error:
            _log.error("the old configuration of %s does not start: %s", name, error)
            return None
        self._deployments[name] = deployment
        deployment.serve()
        return deployment

    def _prepare(self, name: str, config_name: str) -> "Deployment":
        store = self.runner.store
        config = store.get(endpoint_configs.KIND, config_name)
        if config is None:
            raise ContainerFailed(f"endpoint configuration {config_name} is gone")
        variant = config["ProductionVariants"][0]
        model = store.get(models.KIND, variant["ModelName"])
        if model is None:
            raise ContainerFailed(f"model {variant['ModelName']} is gone")
        definition = models.container_of(model)
        home = self.runner.state / _MODELS / name
        home.mkdir(parents=True, exist_ok=True)
        # A new directory each time: the deployment before may be using the same model.
        folder = Path(tempfile.mkdtemp(prefix=f"{variant['VariantName']}-", dir=home)) / "model"
        while True:
            try:
                unpack_model(self.runner.s3, definition.get("ModelDataUrl"), folder)
                break
            except BotoCoreError as error:
                _log.warning("model data of %s cannot be read yet: %s", name, error)
                if self._stopping.wait(_UNREACHABLE_WAIT):
                    raise ContainerFailed("the runner is stopping") from error
        container = Container(
            image=find_image(self.runner.images, definition["Image"]),
            model_directory=folder,
            own_variables=definition.get("Environment", {}),
            endpoint=name,
            log=self.runner.state / "logs" / f"{name}-{variant['VariantName']}.log",
            startup_seconds=variant.get(
                "ContainerStartupHealthCheckTimeoutInSeconds", DEFAULT_STARTUP_SECONDS
            ),
            threads=self._threads,
        )
        deployment = Deployment(self.runner, name, config, container)
        if name not in self._deployments:
            self._deployments[name] = deployment
        try:
            container.ensure_running()
        except ContainerFailed:
            if self._deployments.get(name) is deployment:
                del self._deployments[name]
            raise
        return deployment

    def _failed(self, name: str, document: Document, reason: str) -> None:
        _log.error("endpoint %s: %s", name, reason)
        if self._stopping.is_set():
            return
        # An endpoint with an old configuration keeps serving it: the update is rolled back.
        status = "InService" if document.get("PendingConfigName") else "Failed"
        with self.runner.store.transaction():
            now_known = self.runner.store.get(endpoints.KIND, name)
            if now_known is None or now_known["EndpointStatus"] == "Deleting":
                return
            self.runner.store.change(
                endpoints.KIND,
                name,
                EndpointStatus=status,
                FailureReason=reason[:1024],
                PendingConfigName=None,
                PendingDeploymentConfig=None,
                LastModifiedTime=now(),
            )
            self.announce(name)

    def _delete(self, name: str) -> None:
        deployment = self._deployments.pop(name, None)
        config: Document = {}
        document = self.runner.store.get(endpoints.KIND, name)
        if document is not None:
            config = self.runner.store.get(endpoint_configs.KIND, document["EndpointConfigName"]) or {}
        if deployment is not None:
            deployment.stop(wait=True)
        reason = f"Endpoint {name} was deleted before the request was processed."
        with self.runner.store.transaction():
            for invocation in self.runner.store.drop_queue(name):
                message = failure_message(invocation, reason)
                topic = _topic(config, "ErrorTopic")
                if topic:
                    self.runner.store.post("sns", {"topic": topic, "message": message})
            self.runner.store.remove(endpoints.KIND, name)
        shutil.rmtree(self.runner.state / _MODELS / name, ignore_errors=True)
        self.runner.outbox.wake()


_EVENT_STATUS = {
    "Creating": "CREATING",
    "Updating": "UPDATING",
    "InService": "IN_SERVICE",
    "Failed": "FAILED",
    "Deleting": "DELETING",
    "RollingBack": "ROLLING_BACK",
}


class Deployment:
    """One configuration of an endpoint, running."""

    def __init__(self, runner: Runner, endpoint: str, config: Document, container: Container) -> None:
        self._runner = runner
        self._endpoint = endpoint
        self._config = config
        self.container = container
        asynchronous = config.get("AsyncInferenceConfig") or {}
        client = asynchronous.get("ClientConfig", {})
        self._concurrency = client.get("MaxConcurrentInvocationsPerInstance", DEFAULT_CONCURRENCY)
        self._stopping = threading.Event()
        self._condition = threading.Condition()
        self._running = 0
        self._alone = False
        self._workers: list[threading.Thread] = []
        self._timeouts: dict[int, int] = {}

    def serve(self) -> None:
        """Begin to take requests from the queue."""
        for number in range(self._concurrency):
            name = f"{self._endpoint}-{number}"
            worker = threading.Thread(target=self._work, name=name, daemon=True)
            self._workers.append(worker)
            worker.start()

    def wake(self) -> None:
        """Look into the queue."""
        with self._condition:
            self._condition.notify_all()

    def stop_starting(self) -> None:
        """Give up a container that is not ready yet."""
        if not self._workers:
            self._stopping.set()
            self.container.stop()

    def pause(self) -> None:
        """Take no more requests, let the running ones end, keep the container for `serve`."""
        self._stopping.set()
        self.wake()
        for worker in self._workers:
            worker.join()
        self._workers = []
        self._stopping.clear()

    def stop(self, *, wait: bool) -> None:
        """Take no more requests; with `wait`, let the running ones end before the container goes."""
        self._stopping.set()
        self.wake()
        if wait:
            for worker in self._workers:
                worker.join()
        self.container.stop()
        shutil.rmtree(self.container.model_directory.parent, ignore_errors=True)

    def _work(self) -> None:
        while not self._stopping.is_set():
            invocation = self._runner.store.claim(self._endpoint)
            if invocation is None:
                with self._condition:
                    # The timeout covers a request that arrived between the look and the wait.
                    self._condition.wait(timeout=0.5)
                continue
            try:
                with self._turn(alone=invocation.attempts > 0):
                    self._process(invocation)
            except Exception:  # noqa: BLE001 - a worker must not end, nor lose its request
                _log.exception("request %d of %s returns to the queue", invocation.number, self._endpoint)
                self._runner.store.give_back(invocation.number)
                self._stopping.wait(_UNREACHABLE_WAIT)

    @contextmanager
    def _turn(self, *, alone: bool) -> Iterator[None]:
        """A request that was in a dying container runs alone, so it cannot take others down with it again."""
        with self._condition:
            if alone:
                self._condition.wait_for(lambda: not self._alone)
                self._alone = True
                self._condition.wait_for(lambda: self._running == 0)
            else:
                self._condition.wait_for(lambda: not self._alone)
            self._running += 1
        try:
            yield
        finally:
            with self._condition:
                self._running -= 1
                if alone:
                    self._alone = False
                self._condition.notify_all()

    def _process(self, invocation: Invocation) -> None:
        try:
            answer = self._ask(invocation)
            self._store_result(invocation, answer)
        except Unreachable as error:
            _log.warning("request %d of %s waits: %s", invocation.number, self._endpoint, error)
            self._runner.store.give_back(invocation.number)
            self._stopping.wait(_UNREACHABLE_WAIT)
        except (ContainerDied, ContainerFailed, ContainerTimedOut) as error:
            self._after_crash(invocation, error)
        except Rejected as error:
            self._store_failure(invocation, error)

    def _ask(self, invocation: Invocation) -> Answer:
        request = invocation.request
        ttl = request.get("RequestTTLSeconds", DEFAULT_TTL_SECONDS)
        if now() - invocation.received > ttl:
            raise Rejected(f"ExpiredRequest: the request waited longer than its time to live of {ttl} s")
        body = self._read(request["InputLocation"])
        generation = self._ensure_container()
        headers = {"Content-Type": request.get("ContentType", "application/octet-stream")}
        for member, header in (
            ("Accept", "Accept"),
            ("CustomAttributes", "X-Amzn-SageMaker-Custom-Attributes"),
            ("InferenceId", "X-Amzn-SageMaker-Inference-Id"),
        ):
            if member in request:
                headers[header] = request[member]
        timeout = request.get("InvocationTimeoutSeconds", DEFAULT_TIMEOUT_SECONDS)
        try:
            answer = self.container.invoke(body, headers, timeout)
        except (ContainerDied, ContainerTimedOut):
            self.container.restart(generation)
            raise
        if answer.status >= 400:
            side = "client" if answer.status < 500 else "server"
            said = answer.body.decode(errors="replace")[:1024]
            raise Rejected(
                f'ModelError: Received {side} error ({answer.status}) from primary with message "{said}"',
                answer.body,
                answer.content_type,
            )
        return answer

    def _ensure_container(self) -> int:
        self.container.ensure_running()
        return self.container.generation

    def _after_crash(self, invocation: Invocation, error: Exception) -> None:
        if self._stopping.is_set():
            # The runner or the endpoint ended the container; the request is not to blame.
            self._runner.store.give_back(invocation.number)
            return
        attempts = self._runner.store.count_attempt(invocation.number)
        timeouts = self._timeouts.get(invocation.number, 0) + isinstance(error, ContainerTimedOut)
        self._timeouts[invocation.number] = timeouts
        _log.warning("request %d of %s, attempt %d: %s", invocation.number, self._endpoint, attempts, error)
        if attempts < MAX_ATTEMPTS and timeouts < MAX_TIMEOUTS:
            self._runner.store.give_back(invocation.number)
            self.wake()
            return
        kind = "ModelTimeout" if isinstance(error, ContainerTimedOut) else "ModelContainerFailure"
        self._store_failure(invocation, Rejected(f"{kind}: {error} (after {attempts} attempts)"))

    def _store_result(self, invocation: Invocation, answer: Answer) -> None:
        self._write(invocation.request["OutputLocation"], answer.body, answer.content_type)
        message = success_message(invocation, answer.content_type)
        self._finish(invocation, "completed", "SuccessTopic", message)

    def _store_failure(self, invocation: Invocation, error: Rejected) -> None:
        location = invocation.request.get("FailureLocation")
        if location:
            try:
                self._write(location, error.body, error.content_type)
            except Rejected as second:
                _log.error("the failure of request %d cannot be written: %s", invocation.number, second)
        self._finish(invocation, "failed", "ErrorTopic", failure_message(invocation, str(error)))

    def _finish(self, invocation: Invocation, status: str, topic_member: str, message: Document) -> None:
        topic = _topic(self._config, topic_member)
        messages = [("sns", {"topic": topic, "message": message})] if topic else []
        self._timeouts.pop(invocation.number, None)
        self._runner.store.finish(invocation.number, status, messages)
        self._runner.outbox.wake()

    def _read(self, location: str) -> bytes:
        bucket, key = split_s3_uri(location)
        with _s3_errors("read", location):
            content: bytes = self._runner.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
            return content

    def _write(self, location: str, body: bytes, content_type: str) -> None:
        bucket, key = split_s3_uri(location)
        with _s3_errors("write", location):
            self._runner.s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType=content_type)


@contextlib.contextmanager
def _s3_errors(verb: str, location: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500) >= 500:
            raise Unreachable(f"cannot {verb} {location}: {code}") from error
        raise Rejected(f"ClientError: cannot {verb} {location}: {code}") from error
    except BotoCoreError as error:
        raise Unreachable(f"cannot {verb} {location}: {error}") from error


def success_message(invocation: Invocation, content_type: str) -> Document:
    """The message for SuccessTopic, in AWS's shape."""
    response = {"contentType": content_type, "outputLocation": invocation.request["OutputLocation"]}
    return {**_message(invocation, "Completed"), "responseParameters": response}


def failure_message(invocation: Invocation, reason: str) -> Document:
    """The message for ErrorTopic, in AWS's shape; the failure file is named when there is one."""
    message = {**_message(invocation, "Failed"), "failureReason": reason}
    location = invocation.request.get("FailureLocation")
    if location:
        message["responseParameters"] = {"contentType": "application/json", "outputLocation": location}
    return message


def _message(invocation: Invocation, status: str) -> Document:
    request = invocation.request
    return {
        "awsRegion": REGION,
        "eventTime": _iso(now()),
        "receivedTime": _iso(invocation.received),
        "invocationStatus": status,
        "requestParameters": {
            "contentType": request.get("ContentType", "application/octet-stream"),
            "endpointName": invocation.endpoint,
            "inputLocation": request["InputLocation"],
        },
        "inferenceId": request["InferenceId"],
        "eventVersion": "1.0",
        "eventSource": "aws:sagemaker",
        "eventName": "InferenceResult",
    }


def _iso(seconds: float) -> str:
    moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _topic(config: Document, member: str) -> str | None:
    output = (config.get("AsyncInferenceConfig") or {}).get("OutputConfig", {})
    topic: str | None = output.get("NotificationConfig", {}).get(member)
    return topic
