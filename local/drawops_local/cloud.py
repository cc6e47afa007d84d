"""Start, watch and stop the local cloud, and deploy the template to it."""

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drawops_local import credentials, environments, images, processes

Progress = Callable[[str], None]
PREFERRED_PORTS = {"ministack": 4566, "sagemaker": 4570}
LOGS = "logs"
_RECORD = "cloud.json"
_START_SECONDS = 60.0
_BUSY_SECONDS = 20.0
# The last threads of a killed server let go of its port.
_PORT_SECONDS = 5.0
_MINISTACK_HEALTH = "/_drawops/health"
_MINISTACK_SNAPSHOT = "/_drawops/snapshot"
_SAGEMAKER_HEALTH = "/ping"


class CloudFailed(Exception):
    """The local cloud could not be started or used; the message says where to look."""


@dataclass(frozen=True)
class ServerStatus:
    """One of the two servers: `running` as a process, `healthy` when it answers."""

    name: str
    url: str
    pid: int | None
    running: bool
    healthy: bool


@dataclass(frozen=True)
class CloudStatus:
    """What is up; `up` means that both servers answer."""

    state: Path
    servers: tuple[ServerStatus, ...]

    @property
    def up(self) -> bool:
        """Both servers answer."""
        return bool(self.servers) and all(server.healthy for server in self.servers)


class Cloud:
    """A local cloud with its state directory.

    The record ``<state>/cloud.json`` holds the project root, the ports and, for each server, the process id
    with its start time. Ports stay the same as long as the state directory lives, because the state itself
    (queue URLs, endpoints in deployed functions) names them.
    """

    def __init__(self, state: Path) -> None:
        self.state = state.resolve()

    # -- life ---------------------------------------------------------------------------------------

    @classmethod
    def up(
        cls,
        root: Path,
        state: Path | None = None,
        progress: Progress = print,
        *,
        restore: bool = True,
        images_from: Path | None = None,
        settings: Mapping[str, str] | None = None,
        preferred_ports: Mapping[str, int] | None = None,
    ) -> "Cloud":
        """Start what is not running and wait until it answers; a second call changes nothing.

        Args:
            root: the project root.
            state: where the cloud keeps everything; default ``<root>/.drawops/cloud``.
            progress: gets a line for each step.
            restore: keep the state of the last run; False starts empty (refused while it is up).
            images_from: directory of built images; default ``<root>/.drawops/images``.
            settings: further environment variables of MiniStack and the Lambda functions in it.
            preferred_ports: ports to take when they are free, by server name; 0 or absent: any.

        Raises:
            CloudFailed: a server did not come up; the message holds the end of its log.
        """
        cloud = cls(state or root / ".drawops" / "cloud")
        cloud.state.mkdir(parents=True, exist_ok=True)
        ministack = environments.ensure_environment(root, "ministack", progress)
        functions = environments.ensure_environment(root, "lambda", progress)
        with cloud._locked():
            if not restore:
                cloud._forget_state()
            record = cloud._read_record() or {"servers": {}}
            wanted = PREFERRED_PORTS if preferred_ports is None else preferred_ports
            ports = record.setdefault("ports", {})
            for name in PREFERRED_PORTS:
                if name not in ports:
                    ports[name] = _unused_port(wanted.get(name, 0), set(ports.values()))
            record["root"] = str(root.resolve())
            if settings is not None:
                record["settings"] = dict(settings)
            record["lambda_python"] = str(environments.python_of(functions))
            record["images"] = str((images_from or images.images_directory(root)).resolve())
            cloud._write_record(record)
            cloud._start("ministack", cloud._ministack_command(ministack), record, progress)
            cloud._start("sagemaker", cloud._sagemaker_command(record), record, progress)
        return cloud

    @classmethod
    def attach(cls, state: Path) -> "Cloud":
        """The cloud with this state directory, running or not.

        Raises:
            CloudFailed: there never was one.
        """
        cloud = cls(state)
        if cloud._read_record() is None:
            raise CloudFailed(f"no local cloud was ever started in {state}")
        return cloud

    def down(self, progress: Progress = lambda line: None) -> None:
        """Save the state and stop everything that belongs to this cloud, grandchildren included."""
        with self._locked():
            record = self._read_record()
            if record is None:
                return
            if self._healthy("ministack", record):
                # Without this snapshot the last second would be lost; the journal only covers events.
                with contextlib.suppress(CloudFailed):
                    self.snapshot()
            self._stop_all()
            record["servers"] = {}
            self._write_record(record)
            shutil.rmtree(self.state / "tmp", ignore_errors=True)
        progress("local cloud: stopped")

    def status(self) -> CloudStatus:
        """What runs and answers now."""
        record = self._read_record()
        if record is None:
            return CloudStatus(self.state, ())
        return CloudStatus(self.state, tuple(self._server_status(name, record) for name in PREFERRED_PORTS))

    # -- use ----------------------------------------------------------------------------------------

    @property
    def endpoint(self) -> str:
        """URL of everything but SageMaker and application auto scaling."""
        return self._url("ministack", self._record())

    @property
    def sagemaker_endpoint(self) -> str:
        """URL of the SageMaker runner."""
        return self._url("sagemaker", self._record())

    def environment(self) -> dict[str, str]:
        """Variables that make any AWS client use this cloud, with dummy credentials and no profile.

        A caller that passes its own environment on should drop its ``AWS_*`` variables first
        (`credentials.without_aws`).
        """
        return {**credentials.aws_variables(), **self._endpoint_variables(self._record())}

    def client(self, service: str) -> Any:  # noqa: ANN401
        """A boto3 client of this cloud, whatever AWS profile the user has."""
        elsewhere = ("sagemaker", "sagemaker-runtime", "application-autoscaling")
        return credentials.local_client(
            service, self.sagemaker_endpoint if service in elsewhere else self.endpoint
        )

    def snapshot(self) -> float:
        """Save the state of MiniStack's services now; returns the seconds it took.

        Raises:
            CloudFailed: MiniStack does not answer.
        """
        answer = _request(self.endpoint + _MINISTACK_SNAPSHOT, method="POST")
        return float(answer["seconds"])

    def health(self) -> dict[str, Any]:
        """MiniStack's own account of itself: patches, Lambda workers, snapshots.

        Raises:
            CloudFailed: MiniStack does not answer.
        """
        return _request(self.endpoint + _MINISTACK_HEALTH)

    def deploy(
        self,
        root: Path,
        progress: Progress = print,
        *,
        template: Path | None = None,
        build: bool = True,
        parameters: Mapping[str, str] | None = None,
    ) -> None:
        """``sam build`` and ``sam deploy --config-env local`` against this cloud.

        Args:
            parameters: of the template, besides those that samconfig.toml sets for the local cloud.

        Raises:
            CloudFailed: SAM failed; the message holds the end of what it said, the log all of it.
        """
        sam = environments.program_of(environments.ensure_environment(root, "sam", progress), "sam")
        variables = self._sam_environment(root, sam)
        self._ensure_artifact_bucket(root)
        if build:
            progress("sam build")
            source = ["--template-file", str(template)] if template else []
            self._run_sam([str(sam), "build", *source], root, variables, "sam-build")
        progress("sam deploy --config-env local")
        arguments = [
            "deploy",
            "--config-env",
            "local",
            "--no-confirm-changeset",
            "--no-fail-on-empty-changeset",
        ]
        if parameters:
            # SAM takes either the file's parameters or the command line's, never both.
            overrides = {
                **dict(item.split("=", 1) for item in self._settings(root).get("parameter_overrides", [])),
                **parameters,
            }
            arguments += ["--parameter-overrides", *(f"{name}={value}" for name, value in overrides.items())]
        self._run_sam([str(sam), *arguments], root, variables, "sam-deploy")
        self.snapshot()

    # -- processes ----------------------------------------------------------------------------------

    def _ministack_command(self, environment: Path) -> list[str]:
        program = Path(__file__).parent / "ministack" / "__main__.py"
        return [str(environments.python_of(environment)), str(program)]

    def _sagemaker_command(self, record: Mapping[str, Any]) -> list[str]:
        return [
            *(sys.executable, "-m", "drawops_local.sagemaker"),
            *("--port", str(record["ports"]["sagemaker"])),
            *("--state", str(self.state / "sagemaker")),
            *("--images", record["images"]),
            *("--aws-endpoint", self._url("ministack", record)),
        ]

    def _environment_of(self, name: str, record: Mapping[str, Any]) -> dict[str, str]:
        temporary = self.state / "tmp" / name
        temporary.mkdir(parents=True, exist_ok=True)
        own = {processes.MARKER: str(self.state), "TMPDIR": str(temporary)}
        if name == "sagemaker":
            return credentials.isolated_environment(**own)
        directory = self.state / "ministack"
        return credentials.isolated_environment(
            **own,
            **self._endpoint_variables(record),
            GATEWAY_PORT=str(record["ports"]["ministack"]),
            PERSIST_STATE="1",
            STATE_DIR=str(directory / "services"),
            S3_DATA_DIR=str(directory / "s3"),
            LOCAL_SNAPSHOT_DIR=str(directory / "snapshots"),
            LOCAL_LAMBDA_PYTHON=record["lambda_python"],
            **record.get("settings", {}),
        )

    def _start(self, name: str, command: list[str], record: dict[str, Any], progress: Progress) -> None:
        status = self._server_status(name, record)
        if status.healthy or (status.running and self._answers_late(name, record, progress)):
            return
        started_at = time.monotonic()
        # What a killed server left behind would work on the same queue and the same files.
        known = record["servers"].get(name)
        if known:
            processes.stop_known(known["pid"], known["started"])
        processes.stop(self._remains(name))
        shutil.rmtree(self.state / "tmp" / name, ignore_errors=True)
        port = record["ports"][name]
        deadline = time.monotonic() + _PORT_SECONDS
        while not processes.is_free(port) and time.monotonic() < deadline:
            time.sleep(0.02)
        if not processes.is_free(port):
            raise CloudFailed(f"port {port} of {name} is in use by another program; stop it, then try again")
        progress(f"{name}: starting on port {port}")
        log = self.state / LOGS / f"{name}.log"
        environment = {**self._environment_of(name, record), f"{processes.MARKER}_SERVER": name}
        pid = processes.start_detached(command, environment, log, self.state)
        record["servers"][name] = {"pid": pid, "started": processes.start_time(pid)}
        self._write_record(record)
        self._wait_until_healthy(name, record, log)
        progress(f"{name}: ready after {time.monotonic() - started_at:.1f} s")

    def _answers_late(self, name: str, record: Mapping[str, Any], progress: Progress) -> bool:
        """Whether a busy server answers after all; one that does not hangs."""
        progress(f"{name}: runs but does not answer; waiting for it")
        deadline = time.monotonic() + _BUSY_SECONDS
        while time.monotonic() < deadline:
            if self._healthy(name, record):
                return True
            server = record["servers"][name]
            if not processes.is_running(server["pid"], server["started"]):
                return False
            time.sleep(0.1)
        return False

    def _wait_until_healthy(self, name: str, record: Mapping[str, Any], log: Path) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not self._healthy(name, record):
            server = record["servers"][name]
            if not processes.is_running(server["pid"], server["started"]):
                raise CloudFailed(f"{name} ended while starting:\n{_tail(log)}")
            if time.monotonic() > deadline:
                raise CloudFailed(f"{name} did not answer within {_START_SECONDS:.0f} s:\n{_tail(log)}")
            time.sleep(0.05)

    def _remains(self, name: str) -> list[Any]:
        found = []
        for process in processes.processes_of(self.state):
            with contextlib.suppress(Exception):
                if process.environ().get(f"{processes.MARKER}_SERVER") == name:
                    found.append(process)
        return found

    def _stop_all(self) -> None:
        runner = self.state / "sagemaker"
        if runner.is_dir():
            # Tells the next runner which programs of jobs ended only because everything did.
            (runner / "down").touch()
        for server in (self._read_record() or {"servers": {}})["servers"].values():
            processes.stop_known(server["pid"], server["started"])
        # The servers went first, so that they start nothing new; now whatever they had started.
        processes.stop(processes.processes_of(self.state))

    def _server_status(self, name: str, record: Mapping[str, Any]) -> ServerStatus:
        server = record["servers"].get(name)
        running = bool(server) and processes.is_running(server["pid"], server["started"])
        healthy = running and self._healthy(name, record)
        return ServerStatus(
            name, self._url(name, record), server["pid"] if running else None, running, healthy
        )

    def _healthy(self, name: str, record: Mapping[str, Any]) -> bool:
        path = _MINISTACK_HEALTH if name == "ministack" else _SAGEMAKER_HEALTH
        try:
            answer = _request(self._url(name, record) + path, timeout=5)
        except CloudFailed:
            return False
        # Another cloud, or another program, may have taken the port.
        server = record["servers"].get(name)
        return bool(server) and answer.get("pid") == server["pid"]

    # -- records ------------------------------------------------------------------------------------

    def _url(self, name: str, record: Mapping[str, Any]) -> str:
        return f"http://127.0.0.1:{record['ports'][name]}"

    def _endpoint_variables(self, record: Mapping[str, Any]) -> dict[str, str]:
        sagemaker = self._url("sagemaker", record)
        return {
            "AWS_ENDPOINT_URL": self._url("ministack", record),
            "AWS_ENDPOINT_URL_SAGEMAKER": sagemaker,
            "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": sagemaker,
            "AWS_ENDPOINT_URL_APPLICATION_AUTO_SCALING": sagemaker,
        }

    def _record(self) -> dict[str, Any]:
        record = self._read_record()
        if record is None:
            raise CloudFailed(f"no local cloud was ever started in {self.state}")
        return record

    def _read_record(self) -> dict[str, Any] | None:
        try:
            record: dict[str, Any] = json.loads((self.state / _RECORD).read_text())
        except FileNotFoundError:
            return None
        return record

    def _write_record(self, record: Mapping[str, Any]) -> None:
        temporary = self.state / f"{_RECORD}.new"
        temporary.write_text(json.dumps(record, indent=2))
        temporary.replace(self.state / _RECORD)

    def _forget_state(self) -> None:
        if self.status().up:
            raise CloudFailed("the local cloud is up; stop it before starting an empty one")
        self._stop_all()
        for name in ("ministack", "sagemaker", "tmp", LOGS):
            shutil.rmtree(self.state / name, ignore_errors=True)
        (self.state / _RECORD).unlink(missing_ok=True)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.state.mkdir(parents=True, exist_ok=True)
        with open(self.state / "lock", "w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    # -- sam ----------------------------------------------------------------------------------------

    @staticmethod
    def _settings(root: Path) -> dict[str, Any]:
        """The ``local`` section of samconfig.toml for ``sam deploy``."""
        settings = tomllib.loads((root / "samconfig.toml").read_text())
        found: dict[str, Any] = settings.get("local", {}).get("deploy", {}).get("parameters", {})
        return found

    def _ensure_artifact_bucket(self, root: Path) -> None:
        """Create the bucket that the ``local`` section of samconfig.toml uploads to."""
        bucket = self._settings(root).get("s3_bucket")
        if bucket:
            # In us-east-1 creating one's own bucket again succeeds.
            self.client("s3").create_bucket(Bucket=bucket)

    def _sam_environment(self, root: Path, sam: Path) -> dict[str, str]:
        home = self.state / "sam"
        home.mkdir(parents=True, exist_ok=True)
        variables = credentials.without_aws(os.environ)
        for name in ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME"):
            variables.pop(name, None)
        variables.update(self.environment())
        uv = environments.find_uv()
        if uv:
            variables["UV"] = " ".join(uv)
        variables.update(
            SAM_CLI_TELEMETRY="0",
            __SAM_CLI_APP_DIR=str(home),
            SAM_CLI_POLL_DELAY="0.5",
            # For the layer's makefile: wheels must fit the interpreter that runs the functions here.
            LAYER_PYTHON=str(environments.python_of(environments.environment_path(root, "lambda"))),
        )
        return variables

    def _run_sam(self, command: list[str], root: Path, variables: dict[str, str], name: str) -> None:
        log = self.state / LOGS / f"{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        # SAM leaves its temporary folders where they are.
        with open(log, "wb") as output, tempfile.TemporaryDirectory(dir=self.state) as temporary:
            done = subprocess.run(
                command,
                cwd=root,
                env={**variables, "TMPDIR": temporary},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if done.returncode:
            raise CloudFailed(f"{name} failed (all of it in {log}):\n{_tail(log, 30)}")


def _request(url: str, method: str = "GET", timeout: float = 60) -> dict[str, Any]:
    # No proxy: the user's HTTP_PROXY must not get to see a request to this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(url, method=method), timeout=timeout) as response:
            answer: dict[str, Any] = json.loads(response.read())
    except (OSError, ValueError) as error:
        raise CloudFailed(f"{url} does not answer: {error}") from error
    return answer


def _unused_port(preferred: int, taken: set[int]) -> int:
    port = processes.free_port(preferred)
    return port if port not in taken else _unused_port(0, taken)


def _tail(log: Path, lines: int = 20) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
