"""The real SageMaker Python SDK on the local cloud, as a user's notebook uses it."""

import json
import subprocess
from pathlib import Path

import pytest
from drawops_local import credentials, environments
from drawops_local.cloud import Cloud

from tests.contract.local_cloud.conftest import Make

ROOT = Path(__file__).parents[3]
# Or it tells AWS about every call.
QUIET = """
SchemaVersion: "1.0"
SageMaker: {PythonSDK: {Modules: {TelemetryOptOut: true}}}
"""


@pytest.mark.timeout(900)  # the SDK's environment is installed here
def test_a_notebook_trains_judges_registers_approves_deploys_and_asks(
    cloud: Cloud, make: Make, name: str, tmp_path: Path
) -> None:
    python = environments.python_of(environments.ensure_environment(ROOT, "sdk", lambda line: None))
    make.bucket(name)
    s3 = cloud.client("s3")
    s3.put_object(Bucket=name, Key="pages/1.png", Body=b"a picture")
    (tmp_path / "config.yaml").write_text(QUIET)
    surroundings = {
        **credentials.isolated_environment(),
        **cloud.environment(),
        # The SDK reads settings of the user's from there: a test must not.
        "HOME": str(tmp_path),
        "SAGEMAKER_USER_CONFIG_OVERRIDE": str(tmp_path / "config.yaml"),
        "SAGEMAKER_SUPPRESS_V2_WARNING": "1",
    }
    done = subprocess.run(
        [str(python), str(Path(__file__).with_name("notebook.py")), name, "said.json"],
        env=surroundings,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=840,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    said = json.loads((tmp_path / "said.json").read_text())
    assert said["status"] == "Completed"
    assert said["loss"] == 0.333
    assert said["model_data"].startswith(f"s3://{name}/out/{name}-")
    assert said["exit_message"] == "PASSED"
    assert said["versions"] == [1]
    assert said["registered"].endswith(f":model-package/{name}/1")
    assert (said["approval"], said["description"]) == ("Approved", "Reads better")
    assert said["metrics"] == {"metric.loss": "0.333"}
    assert said["echo"] == {"text": "P-101"}
    assert said["model"] == "stand-in"
    verdict = json.loads(s3.get_object(Bucket=name, Key="gate/verdict.json")["Body"].read())
    assert verdict["files"] == ["processing/input/candidate/model.tar.gz"]
