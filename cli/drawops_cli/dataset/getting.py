"""`drawops dataset get`."""

import sys
import tempfile
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from drawops_cli.console import err, out, print_json
from drawops_cli.dataset import place, progress
from drawops_cli.failures import Failure

if TYPE_CHECKING:
    from drawops_vision.datasets.conversion import Conversion
    from drawops_vision.datasets.known import Known

LICENCE_FILE = "LICENCE.txt"


class Name(StrEnum):
    """What `get` knows."""

    DATASET_PID = "dataset-pid"
    FUNSD = "funsd"
    SROIE = "sroie"
    DEXPI = "dexpi"


def get(
    name: Annotated[Name, typer.Argument(help="As in `drawops dataset list`.", show_default=False)],
    sources: Annotated[
        list[Path] | None,
        typer.Option("--from", help="What you fetched by hand: archive, folder, git clone; repeatable."),
    ] = None,
    target: Annotated[
        Path | None, typer.Option("--out", help="New folder; by default datasets/NAME.", file_okay=False)
    ] = None,
    accept: Annotated[
        bool, typer.Option("--accept-licence", help="Do not ask; you have read the licence.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was made as JSON.")] = False,
) -> None:
    """Fetch a published data set and convert it into the working format.

    The licence is shown first and kept with the data. A download that broke off is continued by the same
    command, and checked against the published SHA-256 where there is one. Without network, or for what only a
    person can fetch, name the files with --from.

    \b
    Examples:
        drawops dataset get funsd
        drawops dataset get dexpi --from TrainingTestCases/ --accept-licence
        drawops dataset get dataset-pid --from DigitizePID_Dataset-001.zip --from DigitizePID_Dataset-002.zip
    """
    from drawops_vision.datasets.known import KNOWN

    known = KNOWN[name.value]
    folder = target or place.root() / name.value
    if folder.exists() and any(folder.iterdir()):
        raise Failure(f"{folder} is there already. Remove it, or name another folder with --out.")
    for source in sources or ():
        if not source.exists():
            raise Failure(f"{source} does not exist.")
    _agree(known, accept)
    conversion = _make(known, sources or [], folder)
    progress.show_problems(conversion.problems, conversion.notes)
    about = conversion.target.about
    if as_json:
        print_json(about.model_dump(mode="json") | {"problems": [str(one) for one in conversion.problems]})
    else:
        counts = about.counts
        out.print(f"{folder}: {counts.pages:,} pages, {counts.texts:,} texts", markup=False, soft_wrap=True)


def _agree(known: "Known", accept: bool) -> None:
    """Show the licence, and have it accepted."""
    for line in _licence(known):
        err.print(line, markup=False, soft_wrap=True)
    if accept:
        return
    if not sys.stdin.isatty():
        raise Failure("Nobody can be asked here: read the licence above, then add --accept-licence.")
    if not typer.confirm("Do you accept this?", err=True):
        raise Failure("Nothing was fetched.")


def _licence(known: "Known") -> Sequence[str]:
    about = known.about
    return (
        about.title,
        f"Licence:     {about.licence}",
        f"             {known.terms}",
        f"Attribution: {about.attribution}",
        f"Page:        {known.page}",
    )


def _make(known: "Known", sources: Sequence[Path], folder: Path) -> "Conversion":
    """Fetch, unpack, convert."""
    from drawops_vision.datasets.archives import BadArchive
    from drawops_vision.datasets.conversion import Conversion
    from drawops_vision.datasets.folder import BadDataset, DatasetFolder

    downloads = place.root() / place.DOWNLOADS
    origin = f"from {', '.join(source.name for source in sources)}"
    if not sources:
        sources, origin = _download(known, downloads)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unpacked-", dir=folder.parent) as scratch:
        try:
            roots = _unpacked(sources, Path(scratch))
            made = known.about.model_copy(update={"made": f"Converted by drawops {origin}."})
            with DatasetFolder.create(folder, made) as target, progress.pages("convert") as bar:
                conversion = Conversion(target, bar.expect, bar.done)
                known.convert(roots, conversion)
        except (BadArchive, BadDataset) as error:
            raise Failure(str(error)) from error
        _keep_licence(known, roots, folder)
    return conversion


def _download(known: "Known", downloads: Path) -> tuple[list[Path], str]:
    """The files, and what is said of them in dataset.json."""
    from drawops_cli.dataset.download import Unreachable, fetch

    by_hand = (
        f"Fetch it by hand from {known.page} and run: "
        f"drawops dataset get {known.about.name} --from FILE-OR-FOLDER"
    )
    if not known.downloads:
        raise Failure(f"{known.about.title} cannot be fetched by a program. {by_hand}")
    found, said = [], []
    for one in known.downloads:
        with progress.transfer(one.name) as bar:
            try:
                fetched = fetch(one.url, downloads / one.name, one.sha256, bar.to)
            except Unreachable as error:
                raise Failure(f"{error} {by_hand}") from error
        how = "as published" if fetched.published else "as first seen here, none is published"
        said.append(f"{one.url} (SHA-256 {fetched.sha256}, {how})")
        found.append(fetched.path)
    return found, f"from {', '.join(said)}"


def _unpacked(sources: Sequence[Path], scratch: Path) -> list[Path]:
    """Folders with everything in them; archives, also those inside folders, are unpacked."""
    from drawops_vision.datasets.archives import is_archive, unpack

    roots: list[Path] = []
    for source in sources:
        if source.is_dir():
            roots.append(source)
            inside = sorted(path for path in (*source.glob("*"), *source.glob("*/*")) if is_archive(path))
        else:
            inside = [source]
        for archive in inside:
            into = scratch / str(len(roots))
            with progress.pages(f"unpack {archive.name}") as bar:
                unpack(archive, into, done=bar.done)
            roots.append(into)
    return roots


def _keep_licence(known: "Known", roots: Sequence[Path], folder: Path) -> None:
    """Write the terms beside the data, and copy the licence files that came with it."""
    (folder / LICENCE_FILE).write_text("\n".join(_licence(known)) + "\n", encoding="utf-8")
    for root in roots:
        for path in sorted((*root.glob("*"), *root.glob("*/*"))):
            if (
                path.is_file()
                and not path.is_symlink()
                and path.stem.lower() in ("license", "licence", "copying")
            ):
                copy = folder / f"original-{path.name}"
                if not copy.exists() and path.stat().st_size < 2**20:
                    copy.write_bytes(path.read_bytes())
