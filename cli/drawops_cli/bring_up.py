"""Bring the whole system up on the local cloud: environments, images, model, servers, stack, endpoint."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError
from drawops import keys
from drawops.contracts.training import DeploymentMode, ModelRef
from drawops.contracts.workflow import ReconcileReport, ReconcileRequest
from drawops_local import environments, images
from drawops_local.cloud import Cloud

from drawops_cli import deploying
from drawops_cli.failures import Failure
from drawops_cli.steps import Note, Steps
from drawops_cli.target import Target, on_local_cloud

INFERENCE = "inference"
TRAINING = "training"
_ENDPOINT_SECONDS = 300.0
_POLL_SECONDS = 0.3
# Everything that `sam build` and `sam deploy` look at.
_DEPLOYED = ("template.yaml", "samconfig.toml", "functions", "layers", "statemachines")
_RECORD = "deployed.json"


@dataclass(frozen=True)
class Artifact:
    """A model artifact on this machine, named as its manifest names it."""

    path: Path
    name: str
    version: str
    sha256: str

    @property
    def key(self) -> str:
        """Where it belongs in the data bucket."""
        return keys.model_artifact(self.name, self.version)

    @property
    def model(self) -> ModelRef:
        """The same as what is deployed."""
        return ModelRef(
            name=self.name, version=self.version, artifact_key=self.key, artifact_sha256=self.sha256
        )


def bring_up(
    root: Path,
    state: Path,
    steps: Steps,
    *,
    restore: bool = True,
    preferred_ports: Mapping[str, int] | None = None,
    training: bool = False,
) -> Target:
    """Do what is missing until drawings can be submitted; a second call finds nothing to do.

    Drawings that an earlier crash left hanging get moving again.

    Args:
        root: the project.
        state: the local cloud's state directory.
        restore: False wipes what an earlier local cloud left in `state`.
        preferred_ports: as for `Cloud.up`.
        training: build the training image too (several GB).

    Returns:
        The running stack.

    Raises:
        Failure: a step failed; so do `CloudFailed` and `EnvironmentFailed`.
    """
    _put_uv_on_path(root)
    with steps.step("tools") as note:
        for name in environments.TOOLS:
            environments.ensure_environment(root, name, note)
        note("MiniStack, SAM CLI")
    with steps.step("image") as note:
        image = images.build_image(root, INFERENCE, note)
        note(image.name)
    if training:
        with steps.step("training image") as note:
            note(images.build_image(root, TRAINING, note).name)
    with steps.step("model") as note:
        artifact = build_artifact(root, note)
        note(f"{artifact.name} {artifact.version}")
    with steps.step("local cloud") as note:
        if not restore:
            (state / _RECORD).unlink(missing_ok=True)
        cloud = Cloud.up(root, state, note, restore=restore, preferred_ports=preferred_ports)
        note(cloud.endpoint)
    with steps.step("stack") as note:
        target = _deployed(root, cloud, note)
        note(target.stack)
    with steps.step("endpoint") as note:
        _serve(target, cloud, artifact, image, note)
        note(f"{target.output('EndpointName')} InService")
    if restore:
        with steps.step("open drawings") as note:
            note(summary(reconcile(target, ReconcileRequest(sweep=True, grace_seconds=0))))
    return target


def reconcile(target: Target, request: ReconcileRequest) -> ReconcileReport:
    """Run the reconciler now.

    Raises:
        FunctionFailed: it raised.
    """
    function = target.output("ReconcileDrawingsFunctionName")
    return ReconcileReport.model_validate_json(target.invoke(function, request.model_dump_json().encode()))


def summary(report: ReconcileReport) -> str:
    """One line for people: how many drawings were resumed, restarted, started, quarantined."""
    counts = [f"{len(found)} {what}" for what, found in report if found]
    return ", ".join(counts) or "none left hanging"


def build_artifact(root: Path, note: Note) -> Artifact:
    """The baseline model, made once by the image's own Python from a hash-pinned wheel.

    Raises:
        Failure: it could not be made; the sentence ends with what the program said.
    """
    program = root / "containers" / INFERENCE / "baseline_model.py"
    recipe = root / "containers" / "vision" / "drawops_vision" / "artifact.py"
    made_from = hashlib.sha256(program.read_bytes() + recipe.read_bytes()).hexdigest()[:16]
    # The image's own interpreter: the program needs onnxruntime, the default environment has none.
    python = environments.python_of(images.images_directory(root) / INFERENCE / "environment")
    path = root / ".drawops" / "cache" / f"baseline-{made_from}.tar.gz"
    if not path.is_file():
        note("downloading the weights")
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{os.getpid()}")
        command = [str(python), str(program), "--out", str(unfinished)]
        try:
            done = subprocess.run(
                command, cwd=root, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
            )
            if done.returncode:
                raise Failure("The model artifact could not be made: " + _last_line(done.stderr))
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
    return artifact_at(path)


def artifact_at(path: Path) -> Artifact:
    """The artifact in a file, by its own manifest.

    Raises:
        Failure: it is none.
    """
    try:
        with tarfile.open(path) as tar:
            member = tar.extractfile("manifest.json")
            manifest = json.load(member) if member else {}
        name, version = str(manifest["name"]), str(manifest["version"])
    except (OSError, tarfile.TarError, KeyError, ValueError) as error:
        raise Failure(f"{path} is no model artifact ({error}). It must be a model.tar.gz.") from None
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return Artifact(path, name, version, sha256)


def _deployed(root: Path, cloud: Cloud, note: Note) -> Target:
    sources = _sources_digest(root)
    record = _read(cloud.state / _RECORD)
    if record.get("sources") == sources:
        try:
            return on_local_cloud(root, cloud)
        except Failure:
            note("the stack is gone; deploying it again")
    built = root / ".aws-sam" / "drawops-build.json"
    # .aws-sam belongs to the project, not to a cloud: two of them must not build into it at once.
    with environments.locked(root / ".drawops" / "sam-build"):
        is_built = (
            _read(built).get("sources") == sources and (root / ".aws-sam/build/template.yaml").is_file()
        )
        if not is_built:
            built.unlink(missing_ok=True)
        cloud.deploy(root, note, build=not is_built)
        built.write_text(json.dumps({"sources": sources}))
    _write(cloud.state / _RECORD, {**record, "sources": sources})
    return on_local_cloud(root, cloud)


def _serve(target: Target, cloud: Cloud, artifact: Artifact, image: images.Image, note: Note) -> None:
    """Bring the model into service that served before, or the baseline when none or an older one did."""
    endpoint, sagemaker = target.output("EndpointName"), target.client("sagemaker")
    record = _read(cloud.state / _RECORD)
    outdated = record.get("image") not in (None, image.digest)
    wanted, serving = artifact.model, deploying.store_of(target).serving()
    # A model that was trained here is not taken out of service by the one that comes with drawops.
    if serving and (serving.mode != DeploymentMode.BASELINE or serving.model.artifact_key == artifact.key):
        wanted = serving.model
    else:
        deploying.upload_once(target, artifact.path, wanted, note)
    found = _endpoint(sagemaker, endpoint)
    if found and (found["EndpointStatus"] == "Failed" or outdated):
        # Its processes run an image that is gone, or gave up: a new endpoint starts from what was built.
        note("replacing the endpoint")
        sagemaker.delete_endpoint(EndpointName=endpoint)
        _wait_until(
            lambda: _endpoint(sagemaker, endpoint) is None, f"Endpoint {endpoint} is still being deleted."
        )
        found = None
    if found is None or serving is None or serving.model != wanted:
        # What was approved here keeps its verdict; a baseline has none.
        trained = serving is not None and serving.mode != DeploymentMode.BASELINE
        mode = DeploymentMode.ROLLBACK if trained else DeploymentMode.BASELINE
        verdict = serving.verdict_key if serving and trained else None
        request = deploying.asked(wanted, mode, by="drawops up", reason="", verdict_key=verdict)
        deploying.deploy(target, request, note)
    _wait_until_settled(sagemaker, endpoint, note)
    _write(cloud.state / _RECORD, {**_read(cloud.state / _RECORD), "image": image.digest})


def _wait_until_settled(sagemaker: Any, endpoint: str, note: Note) -> None:  # noqa: ANN401
    def settled() -> bool:
        found = _endpoint(sagemaker, endpoint)
        if found is None:
            raise Failure(f"Endpoint {endpoint} is gone. Run `drawops up` again.")
        status = found["EndpointStatus"]
        note(f"{endpoint} {status}")
        if status == "Failed":
            reason = found.get("FailureReason", "no reason given")
            raise Failure(f"Endpoint {endpoint} failed: {reason}. See `drawops logs endpoint`.")
        return bool(status == "InService")

    _wait_until(settled, f"Endpoint {endpoint} is not in service. See `drawops logs endpoint`.")


def _wait_until(condition: Any, otherwise: str) -> None:  # noqa: ANN401
    deadline = time.monotonic() + _ENDPOINT_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise Failure(otherwise)
        time.sleep(_POLL_SECONDS)


def _endpoint(sagemaker: Any, endpoint: str) -> Any:  # noqa: ANN401
    try:
        return sagemaker.describe_endpoint(EndpointName=endpoint)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationException":
            return None
        raise


def _put_uv_on_path(root: Path) -> None:
    """`sam build` makes the layer with uv: take the user's, else the one that `make setup` installed."""
    if shutil.which("uv"):
        return
    for folder in (Path(sys.executable).parent, root / ".drawops" / "tools" / "bin"):
        if (folder / "uv").is_file():
            os.environ["PATH"] = os.pathsep.join([str(folder), os.environ.get("PATH", "")])
            return
    raise Failure("uv is missing. Run `make setup` once, or install uv yourself.")


def _sources_digest(root: Path) -> str:
    digest = hashlib.sha256()
    for name in _DEPLOYED:
        path = root / name
        for file in [path] if path.is_file() else sorted(path.rglob("*")):
            relative = file.relative_to(root)
            if not file.is_file() or "__pycache__" in relative.parts or ".egg-info" in str(relative):
                continue
            digest.update(str(relative).encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _read(path: Path) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return document


def _write(path: Path, document: Mapping[str, Any]) -> None:
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(document))
    temporary.replace(path)


def _last_line(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"
