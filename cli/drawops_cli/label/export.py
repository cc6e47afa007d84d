"""`drawops label export`."""

import json
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from drawops.contracts.events import DatasetVersionCreated
from drawops.contracts.workflow import ExportRequest, jsonable
from drawops.datasets.versions import load_manifest, newest_version
from rich.progress import track

from drawops_cli.console import err, out, print_json
from drawops_cli.dataset.publishing import tell
from drawops_cli.failures import Failure
from drawops_cli.target import Profile, Region, Stack, Target, choose

if TYPE_CHECKING:
    from drawops.contracts.datasets import DatasetManifest


def export(
    project: Annotated[str | None, typer.Option(help="Whose pages (default: the stack's project).")] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Also write the newest version here, in PaddleOCR's format.", file_okay=False
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    profile: Profile = None,
    region: Region = None,
    stack: Stack = None,
) -> None:
    """Make a dataset version of all pages that are done, without waiting for more. Versions never change.

    \b
    Examples:
        drawops label export
        drawops label export --out labels
    """
    target = choose(profile, region, stack)
    project = project or target.output("LabelingProjectName")
    made = _make(target, project)
    newest = newest_version(s3=target.s3, bucket=target.data_bucket, project=project)
    if newest is None:
        raise Failure(f"No page of project {project} is done yet. `drawops label status` says how far it is.")
    manifest = load_manifest(s3=target.s3, bucket=target.data_bucket, project=project, version=newest.version)
    if folder is not None:
        _write(target, manifest, folder)
    if as_json:
        print_json({"created": made is not None, **newest.model_dump(mode="json")})
        return
    total = manifest.statistics.total
    said = "new version" if made else "nothing new to export; the newest version is"
    out.print(f"{said} {project} {newest.version}: {total.pages} pages, {total.texts} texts", soft_wrap=True)
    for rule, count in manifest.cleaning.items():
        err.print(f"  left out: {count} {rule}", markup=False)


def _make(target: Target, project: str) -> DatasetVersionCreated | None:
    request = ExportRequest(project=project, force=True, request=str(uuid.uuid4()))
    answer = target.invoke(
        target.output("CreateDatasetVersionFunctionName"), json.dumps(jsonable(request)).encode()
    )
    detail = json.loads(answer)["event"]
    if detail is None:
        return None
    event = DatasetVersionCreated.model_validate(detail)
    # Within the workflow a state sends it; here nobody else would.
    tell(event, target)
    return event


def _write(target: Target, manifest: "DatasetManifest", folder: Path) -> None:
    # Drawing pages needs OpenCV and friends; no other verb should wait for them.
    from drawops_vision.datasets.folder import BadDataset
    from drawops_vision.datasets.version_folder import write_version

    try:
        pages = write_version(manifest, folder, s3=target.s3, bucket=target.data_bucket)
        for _ in track(pages, f"writing {folder}", total=len(manifest.pages), console=err):
            pass
    except BadDataset as error:
        raise Failure(str(error)) from error
    err.print(f"written to {folder}", markup=False)
