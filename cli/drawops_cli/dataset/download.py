"""Download one file: with progress, continued where it broke off, and checked.

What has arrived is kept as ``NAME.part``, with the server's ETag or date beside it (``NAME.part.json``), so
that a later run asks for the rest only (HTTP Range with If-Range, RFC 9110) and never glues two versions
together. A file without a published SHA-256 is held against the one that was seen first on this machine.
"""

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3

from drawops_cli.failures import Failure

BLOCK = 2**16
"""Bytes; what of a block has come when a connection breaks is lost."""
ATTEMPTS = 5
PAUSE = 1.0
"""Seconds before the second attempt; doubled for each one after."""
TIMEOUT = urllib3.Timeout(connect=15, read=60)
RETRIES = urllib3.Retry(connect=0, read=0, status=0, other=0, redirect=5)
"""Attempts are counted here, for a later one asks for the rest only."""
SEEN = "checksums.json"
Show = Callable[[int, int | None], None]


@dataclass(frozen=True)
class Fetched:
    """A file that arrived.

    Attributes:
        path: where it lies.
        sha256: of its content.
        published: whether that is what its publisher says; otherwise it is only what arrived here.
    """

    path: Path
    sha256: str
    published: bool


class Unreachable(Failure):
    """The server cannot be reached, or breaks off again and again."""


class _Broken(Exception):
    """The connection ended early; the rest can be asked for."""


class _Unusable(_Broken):
    """There is no rest of what has arrived; begin anew."""


def fetch(
    url: str,
    target: Path,
    sha256: str = "",
    show: Show = lambda done, total: None,
    pool: urllib3.PoolManager | None = None,
    pause: float = PAUSE,
) -> Fetched:
    """Download `url` to `target`, which may be there already.

    Args:
        url: http or https.
        target: the file; its folder is made.
        sha256: as published; empty: not known.
        show: called with bytes so far and bytes in all (None: not said).
        pool: connections; a new one by default.
        pause: seconds before the second attempt.

    Raises:
        Unreachable: no connection, or it broke off `ATTEMPTS` times; what arrived is kept.
        Failure: the server refuses, or the content is not what was published.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists():
        _download(url, target, show, pool or urllib3.PoolManager(retries=RETRIES, timeout=TIMEOUT), pause)
    found = _digest(target)
    if sha256 and found != sha256:
        target.unlink()
        raise Failure(
            f"{target.name} is not what was published: its SHA-256 is {found}, not {sha256}. It was removed; "
            "try again, or fetch it by hand and name it with --from."
        )
    seen = _seen(target.parent, url, found) if not sha256 else found
    if seen != found:
        raise Failure(
            f"{target.name} has changed at its source: SHA-256 {found}, and {seen} when it was first fetched "
            f"here. If that is all right, remove its line from {target.parent / SEEN}."
        )
    return Fetched(target, found, bool(sha256))


def _download(url: str, target: Path, show: Show, pool: urllib3.PoolManager, pause: float) -> None:
    part = target.with_name(f"{target.name}.part")
    for attempt in range(1, ATTEMPTS + 1):
        before = part.stat().st_size if part.exists() else 0
        try:
            _attempt(url, part, show, pool)
            part.replace(target)
            _tag_file(part).unlink(missing_ok=True)
        except _Unusable as error:
            part.unlink()
            if attempt == ATTEMPTS:
                raise Unreachable(f"{url} cannot be fetched: {error}.") from error
        except (_Broken, urllib3.exceptions.HTTPError) as error:
            came = (part.stat().st_size if part.exists() else 0) > before
            # Nothing at all came at the first try: the network is not there, and waiting will not bring it.
            if attempt == ATTEMPTS or (attempt == 1 and not came):
                raise Unreachable(f"{url} cannot be fetched: {_reason(error)}.") from error
            time.sleep(pause * 2 ** (attempt - 1))
        else:
            return


def _attempt(url: str, part: Path, show: Show, pool: urllib3.PoolManager) -> None:
    """One request, for all or for the rest."""
    have = part.stat().st_size if part.exists() else 0
    tag = _tag(part) if have else ""
    headers = {"Accept-Encoding": "identity"}
    if tag:
        headers |= {"Range": f"bytes={have}-", "If-Range": tag}
    answer = pool.request("GET", url, headers=headers, preload_content=False, redirect=True)
    try:
        if answer.status == 416 and tag:
            raise _Unusable("what had arrived is longer than the file")
        if answer.status not in (200, 206):
            raise Failure(f"{url} cannot be fetched: the server answers {answer.status} {answer.reason}.")
        total = _total(answer, have)
        if answer.status == 200:
            have = 0
        elif not str(answer.headers.get("Content-Range", "")).startswith(f"bytes {have}-"):
            raise _Unusable("the server sent another part than was asked for")
        else:
            total = total if total is None else total + have
        _tag_file(part).write_text(
            json.dumps({"tag": answer.headers.get("ETag") or answer.headers.get("Last-Modified") or ""})
        )
        with part.open("ab" if answer.status == 206 else "wb") as file:
            show(have, total)
            for block in answer.stream(BLOCK):
                file.write(block)
                have += len(block)
                show(have, total)
        if total is not None and have != total:
            raise _Broken(f"{have:,} of {total:,} bytes came")
    finally:
        answer.release_conn()


def _total(answer: Any, have: int) -> int | None:  # noqa: ANN401 - urllib3's response
    """Bytes of this answer's body."""
    length = answer.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() else None


def _tag_file(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _tag(part: Path) -> str:
    """The validator of what has arrived; a weak one cannot be used for ranges."""
    try:
        tag = json.loads(_tag_file(part).read_bytes())["tag"]
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return tag if isinstance(tag, str) and not tag.startswith("W/") else ""


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _seen(folder: Path, url: str, found: str) -> str:
    """The SHA-256 that `url` had when it was first fetched here."""
    path = folder / SEEN
    try:
        known = json.loads(path.read_bytes())
    except (OSError, ValueError):
        known = {}
    first = str(known.setdefault(url, found))
    path.write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")
    return first


def _reason(error: Exception) -> str:
    """What urllib3 says, in a few words."""
    if isinstance(error, urllib3.exceptions.MaxRetryError) and error.reason is not None:
        error = error.reason
    if isinstance(error, urllib3.exceptions.NameResolutionError):
        return "its name is not found (is there a network?)"
    if isinstance(error, urllib3.exceptions.NewConnectionError | urllib3.exceptions.ProxyError):
        return "no connection (is there a network?)"
    if isinstance(error, urllib3.exceptions.TimeoutError):
        return "the server does not answer in time"
    return " ".join(str(error).split())[:200]
