"""Drawings that come while a model is deployed, and while it is taken back: is any lost, or read twice?

On a local cloud of its own: a second model (the baseline under another version) is approved and
deployed while small drawings are uploaded at a steady pace, then rolled back while more of them come.

    python -m benchmarks.deployment --drawings 60
"""

import argparse
import io
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from drawops.catalog import Status
from drawops.contracts.training import DeploymentMode
from drawops_cli import deploying
from PIL import Image, ImageDraw, ImageFont

from benchmarks import candidates
from benchmarks.local_stack import Dropped, Stack, all_ended, eventually, temporary_stack


@dataclass(frozen=True)
class Outcome:
    """What came of the drawings that were uploaded during one change.

    Attributes:
        seconds: from the approval or the command until the deployment's end.
        uploaded: drawings.
        lost: without a result.
        twice: written more than once.
        longest: seconds from an upload to its result, the longest.
        versions: how many were read by which model.
    """

    name: str
    seconds: float
    uploaded: int
    lost: int
    twice: int
    longest: float
    versions: Counter[str]


def picture(text: str) -> bytes:
    """A small drawing with one text."""
    page = Image.new("RGB", (560, 200), "white")
    ImageDraw.Draw(page).text((60, 80), text, fill="black", font=ImageFont.load_default(44))
    file = io.BytesIO()
    page.save(file, "PNG")
    return file.getvalue()


class Stream:
    """Uploads a drawing every `pause` seconds until stopped, `least` at least."""

    def __init__(self, stack: Stack, name: str, pause: float, least: int) -> None:
        self._stack, self._name, self._pause, self._least = stack, name, pause, least
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.dropped: list[tuple[float, Dropped]] = []

    def __enter__(self) -> "Stream":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set() or len(self.dropped) < self._least:
            number = len(self.dropped)
            dropped = self._stack.drop(
                f"{self._name}/{number:03}.png", picture(f"{self._name.upper()} {number}")
            )
            self.dropped.append((time.time(), dropped))
            time.sleep(self._pause)


def outcome(stack: Stack, name: str, seconds: float, stream: Stream) -> Outcome:
    """Wait for every drawing of a stream and count."""
    drawings = [dropped for _, dropped in stream.dropped]
    try:
        ended = all_ended(stack, drawings, 300)
    except AssertionError:
        ended = {
            found.drawing_id: found for status in Status for found in stack.target.catalog.by_status(status)
        }
    lost = twice = 0
    longest = 0.0
    versions: Counter[str] = Counter()
    for uploaded, dropped in stream.dropped:
        found = ended.get(dropped.drawing_id)
        if found is None or found.status is not Status.PROCESSED or found.result_key is None:
            lost += 1
            continue
        objects = stack.target.s3.list_object_versions(
            Bucket=stack.target.data_bucket, Prefix=found.result_key
        )
        written = objects["Versions"]
        twice += len(written) > 1
        longest = max(longest, written[-1]["LastModified"].timestamp() - uploaded)
        versions[found.model_version or "?"] += 1
    return Outcome(name, seconds, len(drawings), lost, twice, longest, versions)


def measure(stack: Stack, drawings: int, pause: float) -> list[Outcome]:
    """Deploy a second model under a stream of uploads, then go back under another."""
    target, store = stack.target, deploying.store_of(stack.target)
    content = picture("VALVE HV-101")
    revision = stack.ended(stack.drop("golden.png", content), 120)
    golden = candidates.golden_page(target, content, stack.result(revision).pages[0])
    with tempfile.TemporaryDirectory() as folder:
        package = candidates.register(target, candidates.repack("2.0.0", Path(folder)), (golden,))
    done = []
    with Stream(stack, "forward", pause, drawings) as stream:
        started = time.monotonic()
        candidates.approve(target, package)
        eventually(lambda: len([record for record in store.deployments() if record.ended]) == 2, 600)
        seconds = time.monotonic() - started
    serving = store.serving()
    assert serving is not None
    assert serving.model.version == "2.0.0", store.deployments()[0].failure
    assert serving.previous is not None
    done.append(outcome(stack, "deployment", seconds, stream))
    with Stream(stack, "back", pause, drawings) as stream:
        started = time.monotonic()
        back = deploying.asked(serving.previous, DeploymentMode.ROLLBACK, by="benchmark", reason="measured")
        deploying.deploy(target, back, lambda note: None)
        seconds = time.monotonic() - started
    done.append(outcome(stack, "rollback", seconds, stream))
    return done


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--drawings", type=int, default=60, help="at least so many for each change")
    parser.add_argument("--pause", type=float, default=2, help="seconds between two uploads")
    arguments = parser.parse_args()
    with temporary_stack() as stack:
        found = measure(stack, arguments.drawings, arguments.pause)
    print("| | took | uploaded | lost | read twice | longest wait | read by |")
    print("|---|---|---|---|---|---|---|")
    for each in found:
        by = ", ".join(f"{version}: {count}" for version, count in sorted(each.versions.items()))
        print(
            f"| {each.name} | {each.seconds:.0f} s | {each.uploaded} | {each.lost} | {each.twice} "
            f"| {each.longest:.0f} s | {by} |"
        )
    if any(each.lost or each.twice for each in found):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
