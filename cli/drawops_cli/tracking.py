"""Upload drawings and follow each one until it has a result or lies in quarantine."""

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from drawops import keys
from drawops.catalog import Catalog, Revision, Status

from drawops_cli.failures import Failure
from drawops_cli.target import Target

WAITING = "WAITING"
ENDED = (Status.PROCESSED, Status.QUARANTINED)
READABLE = (".pdf", ".png", ".jpg", ".jpeg", ".tif", ".tiff")
_POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Submission:
    """One uploaded file: which drawing it is, and which content."""

    key: str
    drawing_id: str
    version_id: str | None
    etag: str
    sha256: str
    uploaded_at: float = field(default_factory=time.monotonic)


@dataclass
class Progress:
    """What is known about a submission.

    Attributes:
        seconds: since the upload; stands still once ended.
    """

    submission: Submission
    revision: Revision | None = None
    seconds: float = 0.0

    @property
    def status(self) -> str:
        """A catalog status, or WAITING before the workflow has registered it."""
        return self.revision.status.value if self.revision else WAITING

    @property
    def ended(self) -> bool:
        """Whether it has a result or lies in quarantine."""
        return self.revision is not None and self.revision.status in ENDED


def files_by_key(paths: Iterable[Path], prefix: str, recursive: bool) -> dict[str, Path]:
    """Object keys of the files to upload: `prefix` + name, for a folder + path below it.

    Raises:
        Failure: a path does not exist, a folder comes without `recursive`, two files want one key, or
            there is nothing to upload.
    """
    found: dict[str, Path] = {}
    for path in paths:
        for file, name in _files(path, recursive):
            key = prefix + name
            if found.setdefault(key, file) != file:
                raise Failure(f"{found[key]} and {file} would both become {key}. Use another --prefix.")
            if len(key.encode()) > 1024:
                raise Failure(f"The key of {file} is longer than the 1,024 bytes that S3 allows. Shorten it.")
    if not found:
        raise Failure(f"No drawings found there (looked for {', '.join(READABLE)}).")
    return found


def _files(path: Path, recursive: bool) -> Iterator[tuple[Path, str]]:
    if path.is_dir():
        if not recursive:
            raise Failure(f"{path} is a folder. Add -r to submit the drawings in it.")
        for file in sorted(path.rglob("*")):
            hidden = any(part.startswith(".") for part in file.relative_to(path).parts)
            if file.is_file() and not hidden and file.suffix.lower() in READABLE:
                yield file, file.relative_to(path).as_posix()
    elif path.is_file():
        yield path, path.name
    else:
        raise Failure(f"There is no file {path}.")


def upload(target: Target, file: Path, key: str, sent: Callable[[int], object]) -> Submission:
    """Put one file into the raw bucket; `sent` gets the bytes of each part as they go."""
    with file.open("rb") as content:
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    bucket = target.raw_bucket
    target.s3.upload_file(str(file), bucket, key, Callback=sent)
    # upload_file says nothing about the version; a later one by somebody else would be followed instead.
    head = target.s3.head_object(Bucket=bucket, Key=key)
    return Submission(
        key=key,
        drawing_id=keys.drawing_id(bucket, key),
        version_id=head.get("VersionId"),
        etag=head["ETag"].strip('"'),
        sha256=sha256,
    )


def follow(
    catalog: Catalog,
    submissions: Sequence[Submission],
    timeout: float,
    changed: Callable[[Progress], object] = lambda progress: None,
) -> list[Progress]:
    """Watch the catalog until every submission has ended or `timeout` seconds have gone by.

    Args:
        changed: called whenever the status of one changes.

    Returns:
        One `Progress` a submission, in their order; some not ended when time ran out.
    """
    everything = [Progress(submission) for submission in submissions]
    # Revisions that were seen open: how they end is ours, whoever uploaded them.
    adopted: set[str] = set()
    deadline = time.monotonic() + timeout
    while True:
        for progress in everything:
            if not progress.ended:
                before = progress.status
                _look(catalog, progress, adopted)
                if progress.status != before:
                    changed(progress)
        if all(progress.ended for progress in everything) or time.monotonic() >= deadline:
            return everything
        time.sleep(_POLL_SECONDS)


def _look(catalog: Catalog, progress: Progress, adopted: set[str]) -> None:
    submission = progress.submission
    progress.seconds = time.monotonic() - submission.uploaded_at
    # A file that could not be hashed by the workflow (too large) is filed under its upload.
    for name in (
        keys.revision(submission.sha256),
        keys.upload_revision(submission.version_id, submission.etag),
    ):
        found = catalog.revision(submission.drawing_id, name)
        if found is None:
            continue
        own = (found.version_id, found.etag) == (submission.version_id, submission.etag)
        if found.status is Status.QUARANTINED and not own and submission.drawing_id not in adopted:
            # The same bytes failed before; this upload asks to try again and will be registered soon.
            continue
        if found.status not in ENDED:
            adopted.add(submission.drawing_id)
        progress.revision = found
        return
