"""Starting and stopping the local cloud."""

import concurrent.futures
import subprocess
import sys
from pathlib import Path

import pytest
from drawops_local import processes
from drawops_local.cloud import Cloud, CloudFailed

from tests.contract.local_cloud.conftest import ROOT, Again, Endpoint, Make, eventually, start


def test_a_second_up_changes_nothing(cloud: Cloud, again: Again) -> None:
    before = cloud.status()
    assert before.up
    assert again(cloud).status() == before


def test_two_ups_at_once_start_one_cloud(tmp_path: Path, images: Path) -> None:
    state = tmp_path / "state"
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        clouds = list(pool.map(lambda _: start(state, images), range(2)))
    try:
        assert clouds[0].status() == clouds[1].status()
        servers = [p for p in processes.processes_of(state) if p.ppid() not in _pids(state)]
        assert len(servers) == 2
    finally:
        clouds[0].down()


def test_down_leaves_no_process_and_no_temporary_file(
    own_cloud: Cloud, make_endpoint: type[Endpoint]
) -> None:
    make_endpoint(own_cloud, "left").create()
    source = "import subprocess\n\ndef handler(event, context):\n    subprocess.Popen(['sleep', '600'])\n"
    Make(own_cloud).call(Make(own_cloud).function("parent", source))
    assert len(processes.processes_of(own_cloud.state)) >= 5

    own_cloud.down()

    assert processes.processes_of(own_cloud.state) == []
    assert not (own_cloud.state / "tmp").exists()
    assert not own_cloud.status().up
    own_cloud.down()


def test_a_cloud_can_be_started_empty(own_cloud: Cloud, images: Path) -> None:
    Make(own_cloud).queue("old")
    with pytest.raises(CloudFailed, match="stop it before starting an empty one"):
        start(own_cloud.state, images, restore=False)
    own_cloud.down()
    fresh = start(own_cloud.state, images, restore=False)
    assert fresh.client("sqs").list_queues().get("QueueUrls", []) == []


def test_a_port_that_is_taken_is_named(own_cloud: Cloud, again: Again) -> None:
    own_cloud.down()
    port = int(own_cloud.endpoint.rsplit(":", 1)[1])
    command = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)]
    squatter = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        assert squatter.stdout is not None
        wait_until_listening(port)
        with pytest.raises(CloudFailed, match=f"port {port} of ministack is in use"):
            again(own_cloud)
    finally:
        squatter.kill()
        squatter.communicate()


def test_attaching_to_nothing_says_so(tmp_path: Path) -> None:
    with pytest.raises(CloudFailed, match="no local cloud was ever started"):
        Cloud.attach(tmp_path)


def test_an_aws_profile_of_the_user_is_ignored(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    config.write_text("[profile mine]\nregion = eu-central-1\nendpoint_url = http://192.0.2.1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_PROFILE", "mine")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://192.0.2.1")
    client = cloud.client("sts")
    assert client.get_caller_identity()["Account"] == "000000000000"
    assert client.meta.region_name == "us-east-1"


def test_nothing_of_the_users_environment_reaches_the_servers(
    tmp_path: Path, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "mine")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "real")
    monkeypatch.setenv("LAMBDA_EXECUTOR", "docker")
    cloud = start(tmp_path / "state", images)
    try:
        for process in processes.processes_of(cloud.state):
            environment = process.environ()
            assert "AWS_PROFILE" not in environment
            assert "LAMBDA_EXECUTOR" not in environment
            assert environment["AWS_SECRET_ACCESS_KEY"] == "test"
    finally:
        cloud.down()


def test_the_variables_for_other_programs_lead_to_this_cloud(cloud: Cloud) -> None:
    variables = cloud.environment()
    assert variables["AWS_ENDPOINT_URL"] == cloud.endpoint
    assert variables["AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME"] == cloud.sagemaker_endpoint
    program = "import boto3; print(boto3.client('sts').get_caller_identity()['Account'])"
    done = subprocess.run(
        [sys.executable, "-c", program], env=variables, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "000000000000"


def test_every_patch_is_in_place(cloud: Cloud) -> None:
    assert set(cloud.health()["patches"]) == {
        "yaml-definitions",
        "http-api-routes",
        "lambda-worker",
        "log-streams",
        "lambda-python",
        "lambda-slots",
        "sagemaker-events",
        "sagemaker-tasks",
        "object-versions",
        "callback-errors",
        "task-timeouts",
        "unfinished-messages",
        "journal",
        "snapshots",
    }


@pytest.mark.parametrize(
    ("change", "patch"),
    [
        ("from ministack.core import lambda_runtime as m; m._PYTHON_WORKER_SCRIPT = 'pass'", "lambda-worker"),
        ("from ministack.services import stepfunctions as m; del m._execute_task", "task-timeouts"),
        (
            "from ministack.services import eventbridge as m; m._put_events = lambda entries: None",
            "sagemaker-events",
        ),
        ("from importlib import metadata; metadata.version = lambda name: '9.9.9'", "launcher"),
    ],
)
def test_an_emulator_that_a_patch_does_not_fit_is_not_started(change: str, patch: str) -> None:
    python = ROOT / ".drawops" / "envs" / "ministack" / "bin" / "python"
    launcher = ROOT / "local" / "drawops_local" / "ministack" / "__main__.py"
    program = f"import runpy\n{change}\nrunpy.run_path({str(launcher)!r}, run_name='__main__')"
    done = subprocess.run(
        [python, "-c", program], env={}, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert f"patch {patch!r} does not fit this MiniStack" in done.stderr


def wait_until_listening(port: int) -> None:
    import socket

    def connects() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    eventually(connects)


def _pids(state: Path) -> set[int]:
    return {process.pid for process in processes.processes_of(state)}
