"""Downloads from a real HTTP server: whole, continued, checked."""

import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from drawops_cli.dataset.download import BLOCK, Unreachable, fetch
from drawops_cli.failures import Failure

CONTENT = bytes(range(256)) * 8000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Source:
    """What the server has, and how it behaves.

    Attributes:
        cut: bytes after which each answer breaks off; one entry an answer.
        ranges: the Range header of every request.
    """

    url: str = ""
    content: bytes = CONTENT
    etag: str = '"one"'
    status: int = 200
    takes_ranges: bool = True
    cut: list[int] = field(default_factory=list)
    ranges: list[str] = field(default_factory=list)
    redirect: bool = False


@pytest.fixture
def source() -> Iterator[Source]:
    state = Source()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.ranges.append(self.headers.get("Range", ""))
            if state.redirect and self.path == "/file":
                self.send_response(302)
                self.send_header("Location", "/other")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            if state.status != 200:
                self.send_error(state.status)
                return
            start = 0
            if state.takes_ranges and state.ranges[-1] and self.headers.get("If-Range") == state.etag:
                start = int(state.ranges[-1].removeprefix("bytes=").removesuffix("-"))
                if start >= len(state.content):
                    self.send_error(416)
                    return
                self.send_response(206)
                self.send_header(
                    "Content-Range", f"bytes {start}-{len(state.content) - 1}/{len(state.content)}"
                )
            else:
                self.send_response(200)
            body = state.content[start:]
            self.send_header("Content-Length", str(len(body)))
            if state.etag:
                self.send_header("ETag", state.etag)
            self.end_headers()
            self.wfile.write(body[: state.cut.pop(0)] if state.cut else body)

        def log_message(self, *_: object) -> None:
            """Stay quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}/file"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_file_arrives_whole_with_progress(source: Source, tmp_path: Path) -> None:
    shown: list[tuple[int, int | None]] = []

    found = fetch(
        source.url, tmp_path / "a" / "file.zip", SHA256, lambda done, total: shown.append((done, total))
    )

    assert found.path.read_bytes() == CONTENT
    assert (found.sha256, found.published) == (SHA256, True)
    assert shown[0] == (0, len(CONTENT))
    assert shown[-1] == (len(CONTENT), len(CONTENT))
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["file.zip"]


def test_a_download_that_breaks_off_goes_on_where_it_was(source: Source, tmp_path: Path) -> None:
    source.cut = [8 * BLOCK, 5 * BLOCK]

    fetch(source.url, tmp_path / "file.zip", SHA256, pause=0)

    assert (tmp_path / "file.zip").read_bytes() == CONTENT
    assert source.ranges == ["", f"bytes={8 * BLOCK}-", f"bytes={13 * BLOCK}-"]


def test_what_an_earlier_run_got_is_kept_and_continued(source: Source, tmp_path: Path) -> None:
    source.cut = [6 * BLOCK, 0, 0, 0, 0]
    with pytest.raises(Unreachable, match="cannot be fetched"):
        fetch(source.url, tmp_path / "file.zip", SHA256, pause=0)
    assert (tmp_path / "file.zip.part").stat().st_size == 6 * BLOCK
    source.ranges.clear()
    shown: list[int] = []

    fetch(source.url, tmp_path / "file.zip", SHA256, lambda done, total: shown.append(done))

    assert source.ranges == [f"bytes={6 * BLOCK}-"]
    assert shown[0] == 6 * BLOCK
    assert (tmp_path / "file.zip").read_bytes() == CONTENT


def test_a_file_that_changed_meanwhile_is_fetched_anew_not_glued(source: Source, tmp_path: Path) -> None:
    source.cut = [6 * BLOCK, 0, 0, 0, 0]
    with pytest.raises(Unreachable):
        fetch(source.url, tmp_path / "file.zip", pause=0)
    source.content, source.etag = CONTENT[::-1], '"two"'

    fetch(source.url, tmp_path / "file.zip", hashlib.sha256(CONTENT[::-1]).hexdigest())

    assert (tmp_path / "file.zip").read_bytes() == CONTENT[::-1]


@pytest.mark.parametrize("etag", ["", 'W/"weak"'])
def test_without_ranges_or_a_strong_tag_it_begins_anew(source: Source, tmp_path: Path, etag: str) -> None:
    source.cut, source.etag = [400_000], etag
    source.takes_ranges = False

    fetch(source.url, tmp_path / "file.zip", SHA256, pause=0)

    assert source.ranges == ["", ""]


def test_a_part_that_is_longer_than_the_file_is_thrown_away(source: Source, tmp_path: Path) -> None:
    (tmp_path / "file.zip.part").write_bytes(CONTENT + b"more")
    (tmp_path / "file.zip.part.json").write_text(json.dumps({"tag": source.etag}))

    fetch(source.url, tmp_path / "file.zip", SHA256, pause=0)

    assert (tmp_path / "file.zip").read_bytes() == CONTENT


def test_other_content_than_published_is_refused_and_removed(source: Source, tmp_path: Path) -> None:
    source.content = b"<html>please log in</html>"

    with pytest.raises(Failure, match=r"not what was published.*--from"):
        fetch(source.url, tmp_path / "file.zip", SHA256)

    assert list(tmp_path.iterdir()) == []


def test_where_nobody_publishes_a_checksum_the_first_one_seen_is_kept(source: Source, tmp_path: Path) -> None:
    found = fetch(source.url, tmp_path / "file.zip")
    assert (found.sha256, found.published) == (SHA256, False)
    assert json.loads((tmp_path / "checksums.json").read_bytes()) == {source.url: SHA256}
    (tmp_path / "file.zip").unlink()
    source.content = CONTENT[::-1]

    with pytest.raises(Failure, match="has changed at its source"):
        fetch(source.url, tmp_path / "file.zip")


def test_a_file_that_is_there_is_checked_and_not_fetched_again(source: Source, tmp_path: Path) -> None:
    (tmp_path / "file.zip").write_bytes(CONTENT)

    fetch(source.url, tmp_path / "file.zip", SHA256)

    assert source.ranges == []


def test_a_redirect_is_followed(source: Source, tmp_path: Path) -> None:
    source.redirect = True

    fetch(source.url, tmp_path / "file.zip", SHA256)

    assert (tmp_path / "file.zip").read_bytes() == CONTENT


@pytest.mark.parametrize("status", [403, 404, 500])
def test_a_refusal_of_the_server_is_told(source: Source, tmp_path: Path, status: int) -> None:
    source.status = status

    with pytest.raises(Failure, match=f"the server answers {status}"):
        fetch(source.url, tmp_path / "file.zip")


def test_where_there_is_no_network_it_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="is there a network"):
        fetch("http://127.0.0.1:9/file", tmp_path / "file.zip")
    with pytest.raises(Unreachable, match="is there a network"):
        fetch("http://no-such-host.invalid/file", tmp_path / "file.zip")
