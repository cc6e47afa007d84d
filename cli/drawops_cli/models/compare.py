"""`drawops models compare`."""

import tempfile
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from drawops.datasets import versions
from drawops.registry.packages import packages
from rich.text import Text

from drawops_cli.console import number, out, print_json, table
from drawops_cli.dataset import progress
from drawops_cli.failures import Failure
from drawops_cli.target import Profile, Region, Stack, Target, choose

if TYPE_CHECKING:
    from drawops_vision.gate.artifacts import Opened
    from drawops_vision.gate.pages import GatePage
    from drawops_vision.gate.slices import Judged

BRIEF = 12
"""Slices that the terminal shows; all are in the file."""


class Part(StrEnum):
    """Pages of a dataset version to read."""

    VAL = "val"
    TEST = "test"
    REGRESSION = "regression"


def compare(
    a: Annotated[
        str,
        typer.Argument(
            help="A package's number, NAME/VERSION, a model.tar.gz or a folder.", show_default=False
        ),
    ],
    b: Annotated[str, typer.Argument(help="The other one.", show_default=False)],
    labels: Annotated[
        Path | None, typer.Option(help="Label.txt in PaddleOCR's format, pictures beside it.", metavar="FILE")
    ] = None,
    project: Annotated[str | None, typer.Option(help="Read pages of this project instead.")] = None,
    version: Annotated[
        str | None, typer.Option(help="Its dataset version; by default the newest one.")
    ] = None,
    part: Annotated[Part, typer.Option(help="Which of its pages.")] = Part.REGRESSION,
    page: Annotated[Path, typer.Option("--out", help="HTML file to write.", dir_okay=False)] = Path(
        "results/models/compare.html"
    ),
    threads: Annotated[int, typer.Option(min=0, help="0: one a core.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the table as JSON.")] = False,
    profile: Profile = None,
    region: Region = None,
    stack: Stack = None,
) -> None:
    """Read the same drawings with two models and show what changed, slice by slice, with pictures.

    Both read here, on this machine. The table marks what B reads worse than A beyond 0.5 points and beyond
    chance, as the gate does; the HTML file has plots, all slices, and the texts that only one of them reads.

    \b
    Examples:
        drawops models compare 3 4 --project unit-40
        drawops models compare old.tar.gz new.tar.gz --labels Label.txt --out compared.html
    """
    if (labels is None) == (project is None):
        raise Failure("Name what to read: either --labels FILE or --project NAME.")
    remote = project is not None or not (Path(a).exists() and Path(b).exists())
    target = choose(profile, region, stack) if remote else None
    # ONNX Runtime, scipy and Matplotlib: no other verb should wait for them.
    from drawops_vision.gate import slices
    from drawops_vision.gate.allowances import Allowances
    from drawops_vision.gate.comparison import Side
    from drawops_vision.gate.comparison import compare as compared_by
    from drawops_vision.gate.page import comparison_html

    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        opened = [_opened(name, target, place / side) for name, side in ((a, "a"), (b, "b"))]
        pages = _of_labels(labels) if labels else _of_version(target, project, version, part, place / "pages")
        with progress.pages("read", 2 * len(pages)) as bar:
            left = Side(opened[0], threads).read(pages, [], bar.done)
            right = Side(opened[1], threads, left).read(pages, [], bar.done)
        names = (f"A ({_title(opened[0])})", f"B ({_title(opened[1])})")
        compared = compared_by(pages, [], left, right, names)
        judged = slices.table(compared.counted, Allowances())
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(comparison_html(compared, judged, names, []), encoding="utf-8")
    if as_json:
        print_json([one.row.model_dump(mode="json") for one in judged])
        return
    _print(judged, names)
    for report in compared.reports.values():
        out.print(Text.assemble((report.verdict, "bold"), f": {report.sentence}"), soft_wrap=True)
        out.print(f"only A reads {report.only_a_right} texts right, only B {report.only_b_right}")
    out.print(str(page), markup=False, soft_wrap=True)


def _title(opened: "Opened") -> str:
    manifest = opened.model.manifest
    return f"{manifest.name} {manifest.version}"


def _opened(name: str, target: Target | None, folder: Path) -> "Opened":
    """A model by file, folder, package number or NAME/VERSION."""
    from drawops.errors import Misconfigured
    from drawops_vision.gate.artifacts import open_artifact, open_folder

    try:
        if Path(name).is_dir():
            return open_folder(Path(name))
        if Path(name).is_file():
            return open_artifact(Path(name), folder)
    except Misconfigured as error:
        raise Failure(f"{name}: {error}") from error
    if target is None:
        raise Failure(f"{name} does not exist.")
    found = [
        one.model
        for one in packages(target.output("ModelPackageGroupName"), sagemaker=target.client("sagemaker"))
        if name in (str(one.number), f"{one.model.name}/{one.model.version}")
    ]
    if not found:
        raise Failure(f"{name} is neither a file nor a registered version; see `drawops models list`.")
    folder.mkdir(parents=True)
    archive = folder.parent / f"{folder.name}.tar.gz"
    target.s3.download_file(target.data_bucket, found[0].artifact_key, str(archive))
    try:
        return open_artifact(archive, folder)
    except Misconfigured as error:
        raise Failure(f"{name}: {error}") from error


def _of_labels(path: Path) -> "list[GatePage]":
    from drawops_vision.evaluation.scoring import read_labels
    from drawops_vision.gate.pages import of_labels

    try:
        found = read_labels(path)
    except (ValueError, OSError) as error:
        raise Failure(f"{error}") from error
    missing = [name for name in found if not (path.parent / name).is_file()]
    if missing:
        raise Failure(f"{path.parent / missing[0]} does not exist; pictures must lie beside the labels.")
    if not found:
        raise Failure(f"{path} has no sheets.")
    return list(of_labels(found, path.parent))


def _of_version(
    target: Target | None, project: str | None, version: str | None, part: Part, folder: Path
) -> "list[GatePage]":
    from drawops.contracts.datasets import Split
    from drawops_vision.gate.pages import of_stored

    assert target is not None  # a project is asked for, see above
    assert project is not None
    s3, bucket = target.s3, target.data_bucket
    if version is None:
        newest = versions.newest_version(s3=s3, bucket=bucket, project=project)
        if newest is None:
            raise Failure(f"Project {project} has no dataset version; `drawops dataset publish` makes one.")
        version = newest.version
    manifest = versions.load_manifest(s3=s3, bucket=bucket, project=project, version=version)
    wanted = [
        entry
        for entry in manifest.pages
        if (entry.regression if part is Part.REGRESSION else entry.split is Split(part.value))
    ]
    if not wanted:
        raise Failure(f"{version} of {project} has no {part.value} pages; choose others with --part.")
    folder.mkdir(parents=True)
    with progress.pages("fetch", len(wanted)) as bar:
        return [
            of_stored(entry, *versions.load_page(entry, s3=s3, bucket=bucket), folder, bar.done)
            for entry in wanted
        ]


def _print(judged: "Sequence[Judged]", names: tuple[str, str]) -> None:
    right = ("texts", "A", "B", "B - A", "95 %")
    listed = table("slice", "figure", *right, "", right=right, fold="slice", title=" and ".join(names))
    shown = [one for one in judged if one.row.delta is not None]
    whole = [one for one in shown if one.row.axis == "all"]
    rest = sorted(
        (one for one in shown if one.row.axis != "all"),
        key=lambda one: (one.row.passed, -abs(one.row.delta or 0.0)),
    )
    for one in (*whole, *rest[:BRIEF]):
        row = one.row
        interval = (
            f"{row.low:+.1f} to {row.high:+.1f}" if row.low is not None and row.high is not None else ""
        )
        listed.add_row(
            f"{row.axis}: {row.slice}",
            row.figure.upper() if row.figure != "recall" else row.figure,
            number(row.labels),
            number(row.approved, 1),
            number(row.candidate, 1),
            f"{row.delta:+.1f}",
            interval,
            Text("worse", "red") if not row.passed else "",
        )
    out.print(listed)
