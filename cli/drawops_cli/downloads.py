"""Write what is known about a drawing into a folder: result, table of texts, pictures, or the reason."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from drawops.catalog import Revision, Status
from drawops.contracts.reading import DrawingResult
from drawops.keys import RevisionKeys

from drawops_cli.target import Target


@dataclass(frozen=True)
class Downloaded:
    """Files written for one drawing."""

    revision: Revision
    files: tuple[Path, ...]


def folder_names(revisions: Iterable[Revision]) -> dict[tuple[str, str], str]:
    """A folder name for each revision: its key made safe for any file system, with its id where needed."""
    names: dict[tuple[str, str], str] = {}
    taken: set[str] = set()
    for revision in revisions:
        name = safe_name(revision.key)
        if name.lower() in taken:
            name = f"{name}-{revision.drawing_id[2:10]}-{revision.revision[:6]}"
        taken.add(name.lower())
        names[revision.drawing_id, revision.revision] = name
    return names


def safe_name(key: str) -> str:
    """`key` as one file name: no separators, no control characters, at most 150 bytes, never `.` or `..`."""
    name = re.sub(r'[\x00-\x1f\x7f/\\:*?"<>|]+', "_", key).strip(" .") or "_"
    return name.encode()[-150:].decode(errors="ignore")


def download(target: Target, revision: Revision, folder: Path) -> Downloaded:
    """Write ``result.json``, ``texts.csv`` and ``page-<n>.png``, or for quarantine ``reason.json``.

    A drawing that has not ended yet has no files.
    """
    keys = RevisionKeys(revision.drawing_id, revision.revision)
    if revision.status is Status.QUARANTINED:
        return Downloaded(revision, (_get(target, keys.quarantine_reason, folder / "reason.json"),))
    if revision.status is not Status.PROCESSED:
        return Downloaded(revision, ())
    files = [
        _get(target, keys.result, folder / "result.json"),
        _get(target, keys.texts_csv, folder / "texts.csv"),
    ]
    result = DrawingResult.model_validate_json(files[0].read_bytes())
    source = _body(target, keys.source)
    # Pictures need OpenCV and the PDF renderer; loading them takes longer than most verbs run.
    from drawops_vision import rasterise, render

    for page in result.pages:
        picture = folder / f"page-{page.number}.png"
        picture.write_bytes(render.overlay(rasterise.render_page(source, page.number), page))
        files.append(picture)
    return Downloaded(revision, tuple(files))


def load_result(target: Target, revision: Revision) -> DrawingResult:
    """The result document of a processed revision."""
    return DrawingResult.model_validate_json(
        _body(target, RevisionKeys(revision.drawing_id, revision.revision).result)
    )


def _get(target: Target, key: str, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_body(target, key))
    return path


def _body(target: Target, key: str) -> bytes:
    return target.s3.get_object(Bucket=target.data_bucket, Key=key)["Body"].read()
