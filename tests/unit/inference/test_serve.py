"""The hosting contract, against the real program with the real models."""

import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from drawops.contracts.reading import Reading, ReadingError
from drawops.errors import Code
from drawops_vision import artifact

from tests.unit.vision.drawings import png, sheet

ROOT = Path(__file__).parents[3]
SMALL = png(sheet(("TANK-2001", 80, 200)))
# Hundreds of texts: a reading of several seconds.
LONG = png(
    sheet(
        *[("TANK-2001 LINE 75-HB-1380", x, y) for x in range(80, 2900, 700) for y in range(80, 4900, 60)],
        width=3000,
        height=5000,
    )
)


class Program:
    """A running serve.py and its log."""

    def __init__(self, log: Path, **environment: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        settings = {
            "SAGEMAKER_BIND_TO_PORT": str(self.port),
            "DRAWOPS_BIND_HOST": "127.0.0.1",
            "OMP_NUM_THREADS": "2",
        }
        self._log = log
        with log.open("w") as out:
            self.process = subprocess.Popen(
                [sys.executable, str(ROOT / "containers" / "inference" / "serve.py")],
                env=os.environ | settings | environment,
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def ping(self) -> int | None:
        """Status of /ping, None while nobody listens."""
        try:
            return self.request("GET", "/ping")[0]
        except ConnectionRefusedError:
            return None

    def read(self, body: bytes) -> tuple[int, bytes]:
        return self.request("POST", "/invocations", body)

    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._log.read_text().splitlines()]

    def messages(self) -> list[str]:
        return [line["message"] for line in self.log()]

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=60)


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def program(model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    program = Program(
        tmp_path_factory.mktemp("serve") / "log",
        SM_MODEL_DIR=str(model_dir),
        DRAWOPS_MAX_BODY_BYTES="2000000",
    )
    try:
        until(lambda: program.ping() == 200)
        yield program
    finally:
        program.process.kill()
        program.process.wait()


def error(answer: bytes) -> ReadingError:
    return ReadingError.model_validate_json(answer)


def test_ping_says_503_until_the_models_are_ready(model_dir: Path, tmp_path: Path) -> None:
    program = Program(tmp_path / "log", SM_MODEL_DIR=str(model_dir))
    try:
        seen: list[int | None] = []

        def ready() -> bool:
            seen.append(program.ping())
            return seen[-1] == 200

        until(ready)
        assert 503 in seen
        assert "ready" in program.messages()
    finally:
        program.process.kill()
        program.process.wait()


def test_a_drawing_is_answered_with_its_reading(program: Program) -> None:
    status, body = program.read(SMALL)
    assert status == 200
    reading = Reading.model_validate_json(body)
    assert [text.text for text in reading.pages[0].texts] == ["TANK-2001"]


def test_a_client_that_accepts_a_zip_gets_the_pages_picture(program: Program) -> None:
    order = {"Accept": "application/zip", "X-Amzn-SageMaker-Custom-Attributes": "page=1"}
    status, body = program.request("POST", "/invocations", SMALL, order)
    assert status == 200
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert "page/page.dzi" in archive.namelist()
    assert program.messages()[-1] == "drawn"


def test_an_order_for_a_picture_that_makes_no_sense_is_answered_with_400(program: Program) -> None:
    order = {"Accept": "application/zip", "X-Amzn-SageMaker-Custom-Attributes": "page=9"}
    status, body = program.request("POST", "/invocations", SMALL, order)
    assert status == 400
    assert error(body).code == Code.NO_PAGES


@pytest.mark.parametrize(
    ("body", "code"),
    [(b"", Code.EMPTY_FILE), (b"hello", Code.UNSUPPORTED_TYPE), (SMALL[:200], Code.TRUNCATED_FILE)],
)
def test_a_faulty_drawing_is_answered_with_400_its_code_and_advice(
    program: Program, body: bytes, code: Code
) -> None:
    status, answer = program.read(body)
    assert status == 400
    assert error(answer).code == code
    assert len(error(answer).message) > 20


def test_a_body_beyond_the_limit_is_refused(program: Program) -> None:
    status, answer = program.read(bytes(2_000_001))
    assert status == 400
    assert error(answer).code == Code.FILE_TOO_LARGE
    assert program.read(SMALL)[0] == 200


def test_other_paths_and_methods_are_refused(program: Program) -> None:
    assert program.request("GET", "/invocations")[0] == 405
    assert program.request("GET", "/else")[0] == 404


def test_ping_answers_quickly_during_a_reading(program: Program) -> None:
    with ThreadPoolExecutor() as pool:
        reading = pool.submit(program.read, LONG)
        slowest, pings = 0.0, 0
        while not reading.done():
            started = time.monotonic()
            assert program.ping() == 200
            slowest = max(slowest, time.monotonic() - started)
            pings += 1
            time.sleep(0.05)
        assert reading.result()[0] == 200
    assert pings > 10
    assert slowest < 2  # SageMaker gives up after 2 s


def test_requests_beyond_the_first_wait_for_their_turn(program: Program) -> None:
    before = len(program.log())
    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(program.read, [SMALL] * 6))
    assert [status for status, _ in answers] == [200] * 6
    waits = [line["waited"] for line in program.log()[before:] if line["message"] == "read"]
    assert len(waits) == 6
    assert max(waits) > 0


def test_a_client_that_goes_away_does_not_keep_the_next_one_waiting(program: Program) -> None:
    before = program.messages().count("abandoned")
    connection = HTTPConnection("127.0.0.1", program.port)
    connection.request("POST", "/invocations", LONG)
    threading.Event().wait(1)  # into the reading
    connection.close()
    started = time.monotonic()
    assert program.read(SMALL)[0] == 200
    assert time.monotonic() - started < 6
    assert program.messages().count("abandoned") == before + 1


def test_a_client_that_goes_away_in_the_middle_of_its_body_leaves_no_trace(program: Program) -> None:
    with socket.create_connection(("127.0.0.1", program.port)) as client:
        client.sendall(b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf")
        threading.Event().wait(0.3)
    assert program.read(SMALL)[0] == 200


def test_memory_returns_between_requests(program: Program) -> None:
    for _ in range(3):
        assert program.read(LONG)[0] == 200
    resident = [line["rss_mb"] for line in program.log() if line["message"] == "read"]
    assert max(resident[-3:]) < 400
    # Pages are some 40 MB each; the allocator itself keeps up to 30 MB more from one time to the next.
    assert resident[-1] < resident[-3] + 60


def test_the_log_is_json_without_what_stands_on_the_drawing(program: Program) -> None:
    program.read(SMALL)
    lines = program.log()
    assert all({"time", "level", "message"} <= line.keys() for line in lines)
    assert "TANK" not in json.dumps(lines)


def test_sigterm_lets_the_reading_in_hand_end_and_the_program_with_0(model_dir: Path, tmp_path: Path) -> None:
    program = Program(tmp_path / "log", SM_MODEL_DIR=str(model_dir))
    until(lambda: program.ping() == 200)
    with ThreadPoolExecutor() as pool:
        # Two tiles: the program allows it 20 s, also where other tests take the processor.
        reading = pool.submit(program.read, png(sheet(("TANK-2001", 80, 200), width=2300, height=1200)))
        threading.Event().wait(0.3)
        assert program.stop() == 0
        assert reading.result()[0] == 200


def test_ctrl_c_ends_an_idle_program_at_once(model_dir: Path, tmp_path: Path) -> None:
    program = Program(tmp_path / "log", SM_MODEL_DIR=str(model_dir))
    until(lambda: program.ping() == 200)
    started = time.monotonic()
    assert program.stop(signal.SIGINT) == 0
    assert time.monotonic() - started < 5


def test_a_broken_model_ends_the_program_with_the_reason(tmp_path: Path) -> None:
    program = Program(tmp_path / "log", SM_MODEL_DIR=str(tmp_path))
    assert program.process.wait(timeout=60) == 1
    (line,) = [line for line in program.log() if line["message"] == "cannot load the model"]
    assert "manifest.json" in line["exception"]


def test_a_setting_that_is_no_number_is_named(tmp_path: Path) -> None:
    program = Program(tmp_path / "log", DRAWOPS_MAX_BODY_BYTES="much")
    assert program.process.wait(timeout=60) == 1
    assert "DRAWOPS_MAX_BODY_BYTES" in program.log()[0]["exception"]


def test_our_own_faults_are_500_without_a_stack_trace(model_dir: Path, tmp_path: Path) -> None:
    """A model packed with a dictionary that is too short for its network fails on the first text."""
    for file in artifact.FILES:
        (tmp_path / file).write_bytes((model_dir / file).read_bytes())
    characters = (tmp_path / artifact.DICTIONARY).read_text().split("\n")[:10]
    (tmp_path / artifact.DICTIONARY).write_text("\n".join(characters) + "\n")
    artifact.write_manifest(tmp_path, name="cut", version="1.0.0")
    program = Program(tmp_path / "log", SM_MODEL_DIR=str(tmp_path))
    try:
        until(lambda: program.ping() == 200)
        status, answer = program.read(SMALL)
        assert status == 500
        assert error(answer).code == Code.READING_FAILED
        assert b"Traceback" not in answer
        assert b"IndexError" not in answer
        (line,) = [line for line in program.log() if line["message"] == "failed"]
        assert "IndexError" in line["exception"]
        assert program.ping() == 200
    finally:
        program.process.kill()
        program.process.wait()
