"""Find drawings in the catalog by what a person types: an id, the start of one, or an S3 key."""

from collections.abc import Iterable

from drawops import keys
from drawops.catalog import Revision, Status

from drawops_cli.failures import Failure
from drawops_cli.target import Target


def revisions_of(target: Target, wanted: str) -> list[Revision]:
    """All revisions of the drawing that `wanted` names, oldest first.

    Args:
        wanted: a drawing id, a unique beginning of one (with or without ``d-``), an S3 key or URI, or the
            last part of a key.

    Raises:
        Failure: no drawing, or more than one, is meant.
    """
    name = wanted.removeprefix(f"s3://{target.raw_bucket}/")
    by_key = keys.drawing_id(target.raw_bucket, name)
    exact = [wanted] if keys.DRAWING_ID.match(wanted) else []
    for drawing_id in [*exact, by_key]:
        if found := target.catalog.revisions(drawing_id):
            return found
    start = "d-" + wanted.removeprefix("d-")
    ids = {
        revision.drawing_id
        for revision in everything(target)
        if revision.drawing_id.startswith(start) or revision.key.rsplit("/", 1)[-1] == wanted
    }
    if not ids:
        raise Failure(f"There is no drawing {wanted}. `drawops results` lists them.")
    if len(ids) > 1:
        raise Failure(f"{wanted} could be {', '.join(sorted(ids)[:5])}. Type more of it.")
    return target.catalog.revisions(ids.pop())


def everything(target: Target, status: Status | None = None) -> list[Revision]:
    """Revisions in `status` (or in any), latest change last."""
    statuses = [status] if status else list(Status)
    found = [revision for each in statuses for revision in target.catalog.by_status(each)]
    return sorted(found, key=lambda revision: revision.updated_at)


def latest(revisions: Iterable[Revision]) -> list[Revision]:
    """Only the newest revision of each drawing, in the given order."""
    newest: dict[str, Revision] = {}
    for revision in revisions:
        known = newest.get(revision.drawing_id)
        if known is None or known.created_at <= revision.created_at:
            newest[revision.drawing_id] = revision
    chosen = {(revision.drawing_id, revision.revision) for revision in newest.values()}
    return [revision for revision in revisions if (revision.drawing_id, revision.revision) in chosen]


def short_ids(revisions: Iterable[Revision]) -> dict[str, str]:
    """The shortest beginnings (10 characters or more) that tell these drawings apart."""
    ids = sorted({revision.drawing_id for revision in revisions})
    length = 10
    while len({drawing_id[:length] for drawing_id in ids}) < len(ids):
        length += 1
    return {drawing_id: drawing_id[:length] for drawing_id in ids}
