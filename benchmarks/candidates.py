"""Candidates without a training: the baseline packed again, good and broken, with a verdict.

The benchmark of deployments and their tests share it.
"""

import hashlib
import tempfile
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from drawops import keys
from drawops.contracts.reading import Page
from drawops.contracts.training import GoldenPage, GoldenText, ModelRef, Outcome, Verdict
from drawops.registry import packages
from drawops_cli import deploying
from drawops_cli.bring_up import build_artifact
from drawops_cli.target import Target
from drawops_vision import artifact

from benchmarks.local_stack import ROOT

PROJECT = "drawings"
_DATASET = "v-0123456789abcdef0123"


class Fault(StrEnum):
    """What is wrong with a candidate."""

    NONE = "none"
    DICTIONARY = "dictionary in another order"
    NETWORK = "a network that cannot be loaded"


def repack(version: str, folder: Path, fault: Fault = Fault.NONE) -> Path:
    """The baseline's artifact under another version; its manifest vouches for whatever is in it."""
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / f"model-{version}.tar.gz"
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        content = Path(temporary)
        made = artifact.unpack_verified(build_artifact(ROOT, lambda note: None).path, content)
        if fault is Fault.DICTIONARY:
            characters = (content / artifact.DICTIONARY).read_bytes().decode().removesuffix("\n").split("\n")
            characters = [*characters[1:], characters[0]]
            (content / artifact.DICTIONARY).write_bytes(("\n".join(characters) + "\n").encode())
        if fault is Fault.NETWORK:
            (content / artifact.RECOGNITION).write_bytes(b"no network")
        artifact.write_manifest(
            content,
            name=made.name,
            version=version,
            parent=f"{made.name}/{made.version}",
            preprocessing=made.preprocessing,
            thresholds=made.thresholds,
            calibration=made.calibration,
        )
        artifact.pack(content, archive)
    return archive


def golden_page(target: Target, content: bytes, page: Page) -> GoldenPage:
    """A page as it was read, kept in the data bucket as a data set keeps its pictures."""
    sha256 = hashlib.sha256(content).hexdigest()
    key = keys.DatasetKeys(PROJECT).content(sha256)
    target.s3.put_object(Bucket=target.data_bucket, Key=key, Body=content)
    return GoldenPage(
        page_id=keys.page_id(sha256, page.number),
        name="golden.png",
        key=key,
        media_type="image/png",
        page=page.number,
        texts=tuple(GoldenText(text=text.text, quad=text.quad) for text in page.texts),
    )


def register(target: Target, archive: Path, golden: tuple[GoldenPage, ...]) -> packages.Package:
    """Upload a candidate with a verdict that lets it through, and register it as waiting for approval."""
    with tempfile.TemporaryDirectory() as temporary:
        made = artifact.unpack_verified(archive, Path(temporary))
    model = ModelRef(
        name=made.name,
        version=made.version,
        artifact_key=keys.model_artifact(made.name, made.version),
        artifact_sha256=hashlib.sha256(archive.read_bytes()).hexdigest(),
        project=PROJECT,
        dataset_version=None,
    )
    deploying.upload_once(target, archive, model, lambda note: None)
    run = keys.run_id(PROJECT, "", made.version)
    serving = deploying.store_of(target).serving()
    assert serving is not None
    verdict = Verdict(
        run_id=run,
        outcome=Outcome.PASSED,
        reasons=(),
        candidate=model,
        approved=serving.model,
        project=PROJECT,
        dataset_version=_DATASET,
        rows=(),
        metrics={"new_f1": 0.9},
        golden=golden,
        seconds=1,
        created_at=datetime.now(UTC),
    )
    key = keys.TrainingKeys(run).verdict
    target.s3.put_object(Bucket=target.data_bucket, Key=key, Body=verdict.model_dump_json().encode())
    return packages.register(
        target.output("ModelPackageGroupName"),
        model,
        bucket=target.data_bucket,
        image="drawops-inference:local",
        approval=packages.PENDING,
        description="The baseline under another version.",
        stated=packages.properties(
            model, parent_version=made.parent, run_id=run, verdict_key=key, metrics=verdict.metrics
        ),
        sagemaker=target.client("sagemaker"),
    )


def approve(target: Target, package: packages.Package, status: str = packages.APPROVED) -> None:
    """What anybody with the SageMaker permission may do."""
    target.client("sagemaker").update_model_package(
        ModelPackageArn=package.arn, ModelApprovalStatus=status, ApprovalDescription="looks good"
    )
