"""The web page, as files that a function can serve: plain modules, style sheets and vendored libraries.

`index.html` belongs at the root of the API (`/`, with the trailing slash), everything else below `/console/`:
the page refers to both by relative addresses only, so the API may live below any prefix. `vendor/` holds
libraries of others, `vendor/manifest.json` says which (`make vendor` refreshes them).
"""

import hashlib
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import NamedTuple

__all__ = ["HEADERS", "Asset", "asset"]

MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
}

HEADERS = MappingProxyType(
    {
        "Content-Security-Policy": (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        ),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
)
"""To send with every file of the page: no script but its own, no request to anybody else."""


class Asset(NamedTuple):
    """One file of the page.

    Attributes:
        content: its bytes.
        media_type: value for the header Content-Type.
        cache_control: value for the header Cache-Control.
        etag: value for the header ETag; a request whose If-None-Match is equal may be answered with 304.
    """

    content: bytes
    media_type: str
    cache_control: str
    etag: str


@cache
def _names() -> frozenset[str]:
    """Paths of all files below `static`, with slashes."""
    root = files(__name__) / "static"
    found = set()
    folders = [(root, "")]
    while folders:
        folder, prefix = folders.pop()
        for entry in folder.iterdir():
            if entry.is_dir():
                folders.append((entry, f"{prefix}{entry.name}/"))
            else:
                found.add(prefix + entry.name)
    return frozenset(found)


@cache
def asset(path: str) -> Asset:
    """The file at `path`, relative to `static`, with slashes; `""` is `index.html`.

    Only files that are listed there are found, so no path leads out of the folder.

    Raises:
        FileNotFoundError: there is no such file.
    """
    name = path or "index.html"
    if name not in _names():
        raise FileNotFoundError("there is no such file on this page")
    content = (files(__name__) / "static").joinpath(*name.split("/")).read_bytes()
    suffix = name[name.rindex(".") :]
    # Modules import each other by name, so files of two deployments must not mix: a browser asks every time.
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    return Asset(content, MEDIA_TYPES[suffix], "no-cache", etag)
