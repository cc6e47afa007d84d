"""Which deployment a person asks for."""

import json
import tarfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from drawops.contracts.deployment import Serving
from drawops.contracts.training import DeploymentMode, ModelRef
from drawops_cli.bring_up import artifact_at
from drawops_cli.failures import Failure
from drawops_cli.models import deployments
from drawops_cli.target import Target

TARGET = Target("test", "test", {}, None, lambda service: Identity())


class Identity:
    def get_caller_identity(self) -> dict[str, Any]:
        return {"Arn": "arn:aws:iam::123456789012:user/mei"}


def serving(mode: DeploymentMode) -> Serving:
    model = ModelRef(name="m", version="2", artifact_key="models/m/2/model.tar.gz", artifact_sha256="0" * 64)
    return Serving(
        endpoint_name="e", endpoint_config_name="c", model=model, mode=mode, deployment_id="dep-1", at="now",
        verdict_key="training/t/gate/verdict.json",
    )  # fmt: skip


def packed(folder: Path) -> Path:
    path = folder / "model.tar.gz"
    content = json.dumps({"name": "m", "version": "3"}).encode()
    with tarfile.open(path, "w:gz") as tar:
        member = tarfile.TarInfo("manifest.json")
        member.size = len(content)
        tar.addfile(member, BytesIO(content))
    return path


def test_a_file_is_deployed_as_the_baseline_by_whoever_signs(tmp_path: Path) -> None:
    request = deployments._first(TARGET, packed(tmp_path), None, "first")
    assert (request.mode, request.model.version) == (DeploymentMode.BASELINE, "3")
    assert request.model.artifact_key == "models/m/3/model.tar.gz"
    assert (request.requested_by, request.reason) == ("arn:aws:iam::123456789012:user/mei", "first")


def test_a_file_does_not_replace_what_was_approved_here(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="an earlier one by `drawops models rollback`"):
        deployments._first(TARGET, packed(tmp_path), serving(DeploymentMode.CANARY), "")


def test_without_a_file_what_serves_is_deployed_again_with_its_smoke_test() -> None:
    request = deployments._again(TARGET, serving(DeploymentMode.CANARY), "")
    assert (request.mode, request.model.version) == (DeploymentMode.ROLLBACK, "2")
    assert request.verdict_key == "training/t/gate/verdict.json"


def test_without_a_file_and_without_a_model_there_is_nothing_to_deploy() -> None:
    with pytest.raises(Failure, match="Name the model's file"):
        deployments._again(TARGET, None, "")


def test_a_file_that_is_no_artifact_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.tar.gz"
    path.write_bytes(b"nothing")
    with pytest.raises(Failure, match="is no model artifact"):
        artifact_at(path)
