"""`drawops dataset publish`."""

import json
import re
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from drawops.contracts.datasets import CreatedVersion, DataSource, NewPage, RegressionRule, SplitShares
from drawops.contracts.events import SOURCE_DATASETS, DatasetVersionCreated
from drawops.contracts.labels import PageLabels
from drawops.datasets.versions import create_version, put_picture
from drawops.errors import InvalidInput
from drawops.limits import media_type

from drawops_cli.console import err, number, out, print_json, table
from drawops_cli.dataset import progress
from drawops_cli.failures import Failure
from drawops_cli.target import Profile, Region, Stack, Target, choose

if TYPE_CHECKING:
    from drawops_vision.datasets.folder import DatasetFolder, LabelledPage

_PROJECT = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


def publish(
    folder: Annotated[Path, typer.Argument(help="A data set.", show_default=False)],
    project: Annotated[str, typer.Option(help="Whose versions it joins; a new name starts a project.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Leave out the newest version's other pages.")
    ] = False,
    val: Annotated[float, typer.Option(min=0, max=0.9, help="Share of new drawings for validation.")] = 0.1,
    test: Annotated[float, typer.Option(min=0, max=0.9, help="Share of new drawings for testing.")] = 0.1,
    regression_from: Annotated[
        int, typer.Option(min=1, help="Pages from which the frozen regression set is drawn.")
    ] = RegressionRule().from_pages,
    profile: Profile = None,
    region: Region = None,
    stack: Stack = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was made as JSON.")] = False,
) -> None:
    """Upload a data set as a new dataset version of a project.

    A version holds the pages of the one before and these; a page that was labelled again gets its new labels.
    It is named by its content, so the same data set again makes nothing new. Pages are split by drawing, and
    never change sides. The event DatasetVersionCreated tells of every new version.

    \b
    Examples:
        drawops dataset publish datasets/plant-clean --project unit-40
        drawops dataset publish datasets/plant-clean --project unit-40 --stack drawops-prod
    """
    if not _PROJECT.fullmatch(project):
        raise Failure("A project's name has lower-case letters, digits and dashes, at most 40.")
    if val + test >= 1:
        raise Failure("--val and --test must leave something for training.")
    # libvips; no other verb should wait for it.
    from drawops_vision.datasets.folder import BadDataset, DatasetFolder

    try:
        source = DatasetFolder.open(folder)
        cleaning = _cleaning(folder)
        target = choose(profile, region, stack)
        pages = _upload(source, target, project)
    except (BadDataset, OSError) as error:
        raise Failure(str(error)) from error
    if not pages:
        raise Failure(f"{folder} has no page that can be used; `drawops dataset inspect` says why.")
    made = create_version(
        s3=target.s3,
        bucket=target.data_bucket,
        project=project,
        pages=pages,
        cleaning=cleaning,
        shares=SplitShares(val=val, test=test),
        regression=RegressionRule(from_pages=regression_from),
        replace=replace,
        request=f"publish-{uuid.uuid4()}",
    )
    if made.created:
        tell(DatasetVersionCreated.of(made, target.data_bucket), target)
    if as_json:
        print_json(made.model_dump(mode="json", exclude={"manifest": {"pages"}}))
        return
    _print(made)


def _upload(source: "DatasetFolder", target: Target, project: str) -> list[NewPage]:
    """Put the pictures into the data bucket, and hand back what the version is made of."""
    from drawops_vision.datasets.label_file import Problem

    about = source.about
    origin = DataSource(name=about.name, licence=about.licence, attribution=about.attribution, url=about.url)
    found: list[NewPage] = []
    problems: list[Problem] = []
    with progress.pages("upload", about.counts.pages or None) as bar:
        for item in source.scan():
            if isinstance(item, Problem):
                problems.append(item)
                continue
            try:
                found.append(_page(item, origin, target, project))
            except InvalidInput as error:
                problems.append(Problem(item.name, error.sentence))
            bar.done()
    progress.show_problems(problems)
    return found


def _page(page: "LabelledPage", origin: DataSource, target: Target, project: str) -> NewPage:
    from drawops_vision.datasets.paddleocr import group_of

    content = page.image.read_bytes()
    width, height = page.size
    image = put_picture(
        content, s3=target.s3, bucket=target.data_bucket, project=project, media_type=media_type(content)
    )
    name = page.name.removeprefix("images/")
    return NewPage(
        name=name,
        group=f"{origin.name}/{group_of(name)}",
        source=origin,
        image=image,
        labels=PageLabels(width=width, height=height, labels=page.labels),
    )


def _cleaning(folder: Path) -> dict[str, int]:
    """What cleaning left out on the way, if the folder comes from there."""
    from drawops_vision.datasets.cleaning import REPORT, CleaningReport
    from pydantic import ValidationError

    try:
        report = CleaningReport.model_validate_json((folder / REPORT).read_bytes())
    except FileNotFoundError:
        return {}
    except ValidationError as error:
        raise Failure(f"{folder / REPORT} is broken; clean the data set again.") from error
    return {rule.value: count for rule, count in report.rejected.items()}


def tell(detail: DatasetVersionCreated, target: Target) -> None:
    """Send the event about a version that no workflow made.

    Raises:
        Failure: the event bus did not take it.
    """
    answer = target.client("events").put_events(
        Entries=[
            {
                "Source": SOURCE_DATASETS,
                "DetailType": type(detail).__name__,
                "Detail": json.dumps(detail.model_dump(mode="json")),
            }
        ]
    )
    if answer["FailedEntryCount"]:
        raise Failure(
            f"Version {detail.version} stands, but its event was not taken "
            f"({answer['Entries'][0].get('ErrorMessage')}): start what waits for it by hand."
        )


def _print(made: CreatedVersion) -> None:
    manifest = made.manifest
    if not made.created:
        out.print(f"{manifest.version} of {manifest.project} has this content already; nothing to do.")
        return
    shown = table("", "pages", "texts", right=("pages", "texts"), fold="", title=manifest.version)
    statistics = manifest.statistics
    for name, counts in (
        *((split.value, counts) for split, counts in statistics.by_split.items()),
        ("of test: regression", statistics.regression),
        ("all", statistics.total),
    ):
        shown.add_row(name, number(counts.pages), number(counts.texts))
    out.print(shown)
    before = f"after {manifest.parent}" if manifest.parent else "its first"
    out.print(
        f"Version {made.number} of {manifest.project}, {before}; {made.new_texts:,} texts are new.",
        soft_wrap=True,
    )
    for split, counts in statistics.by_split.items():
        if not counts.pages:
            err.print(
                f"No page is for {split.value} yet: drawings are split by a hash; more will fill it.",
                soft_wrap=True,
            )
