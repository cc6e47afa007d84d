#!/usr/bin/env python3
"""The inference container's program: the SageMaker hosting contract over HTTP.

    GET  /ping           200 once the models are loaded and warmed up, 503 before
    POST /invocations    body: the bytes of a drawing; answer: a `Reading` as JSON, or, with
                         `Accept: application/zip` and custom attributes `page=1` (and perhaps `;areas=…`),
                         that page's picture as a zipped Deep Zoom pyramid (`drawops_vision.pyramid`)
                         400 + `ReadingError`: the drawing is at fault (`drawops.errors.Code`)
                         500 + `ReadingError` READING_FAILED: we are; the log says why

SageMaker starts it as `serve`. Settings, from the environment:

    SAGEMAKER_BIND_TO_PORT    port (8080)
    SM_MODEL_DIR              where the platform has unpacked model.tar.gz (/opt/ml/model)
    OMP_NUM_THREADS           threads of a reading (one a core)
    DRAWOPS_BIND_HOST         address (0.0.0.0)
    DRAWOPS_MAX_BODY_BYTES    largest drawing taken (100 MiB)

One drawing is read at a time, for a reading takes all cores and up to 2 GB; others wait with their bodies
unread. The log is one JSON object a line and never holds anything of a drawing's content.
"""

import asyncio
import contextlib
import ctypes
import functools
import gc
import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from drawops.contracts.reading import ReadingError
from drawops.errors import Code, InvalidInput, Misconfigured
from drawops_vision.pyramid import Order, szi
from drawops_vision.reader import Reader
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

LOG = logging.getLogger("drawops.inference")
# SageMaker kills a container 30 s after asking it to stop. Until then a reading may end; what is left of the
# time is for giving it up in good order.
SHUTDOWN_SECONDS = 20
GIVE_UP_SECONDS = 5
# A client that sends nothing for this long does not keep others waiting any longer.
BODY_STALL_SECONDS = 60
# Identifies the request in SageMaker's own records.
INFERENCE_ID = "x-amzn-sagemaker-inference-id"
ATTRIBUTES = "x-amzn-sagemaker-custom-attributes"
PICTURE = "application/zip"


@dataclass(frozen=True)
class Settings:
    """What the environment says."""

    host: str
    port: int
    model_dir: Path
    threads: int
    max_body_bytes: int

    @classmethod
    def from_environment(cls) -> "Settings":
        """Read the settings.

        Raises:
            Misconfigured: a number is not one.
        """

        def number(name: str, default: int) -> int:
            text = os.environ.get(name, "")
            if not text:
                return default
            if not text.isdecimal():
                raise Misconfigured(f"{name} must be a whole number, not {text!r}.")
            return int(text)

        return cls(
            host=os.environ.get("DRAWOPS_BIND_HOST", "0.0.0.0"),
            port=number("SAGEMAKER_BIND_TO_PORT", 8080),
            model_dir=Path(os.environ.get("SM_MODEL_DIR", "/opt/ml/model")),
            threads=number("OMP_NUM_THREADS", 0),
            max_body_bytes=number("DRAWOPS_MAX_BODY_BYTES", 100 * 2**20),
        )


class JsonLines(logging.Formatter):
    """One JSON object a line; what is passed as `extra={"fields": {...}}` becomes keys."""

    def format(self, record: logging.LogRecord) -> str:
        """Format one record."""
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
            + f".{record.msecs:03.0f}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


class Abandoned(Exception):
    """Nobody waits for the reading any more: the client has gone or the program is stopping."""


class Service:
    """The models and the queue in front of them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.reader: Reader | None = None
        self.failed = False
        self._turn = asyncio.Semaphore(1)
        self._closing = False
        self._stopping = threading.Event()

    def load(self) -> None:
        """Load and warm up the models.

        Raises:
            Misconfigured: the model folder is not an intact artifact.
        """
        started = time.perf_counter()
        reader = Reader(self.settings.model_dir, self.settings.threads)
        reader.warm_up()
        self.reader = reader
        fields = {"model": f"{reader.model.name}/{reader.model.version}", "seconds": _since(started)}
        LOG.info("ready", extra={"fields": fields})

    def close(self) -> None:
        """Begin no reading any more."""
        self._closing = True

    def stop(self) -> None:
        """Give up the reading in hand, if any, at its next tile."""
        self._stopping.set()

    async def ping(self, request: Request) -> Response:
        """Health check."""
        return Response(status_code=200 if self.reader is not None else 503)

    async def invocations(self, request: Request) -> Response:
        """Read one drawing or, when the client accepts application/zip, draw one of its pages."""
        started = time.perf_counter()
        fields: dict[str, object] = {"inference_id": request.headers.get(INFERENCE_ID)}
        try:
            async with self._turn:
                fields["waited"] = _since(started)
                answer, size = await self._answer(request)
                fields["bytes"] = size
        except (ClientDisconnect, Abandoned):
            LOG.warning("abandoned", extra={"fields": {**fields, "seconds": _since(started)}})
            return _refusal(503, Code.READING_FAILED, "The reading was given up; send the drawing again.")
        except TimeoutError:
            LOG.warning("body stalled", extra={"fields": fields})
            return _refusal(408, Code.READING_FAILED, "The drawing did not arrive in time; send it again.")
        except InvalidInput as error:
            fields |= {"code": error.code.value, "seconds": _since(started)}
            LOG.warning("refused", extra={"fields": fields})
            return _refusal(400, error.code, error.sentence)
        except Exception:
            # The border of the program: whatever went wrong, the client gets a sentence, the log the trace.
            LOG.exception("failed", extra={"fields": {**fields, "seconds": _since(started)}})
            return _refusal(
                500,
                Code.READING_FAILED,
                "The drawing could not be read because of a fault on our side; try again.",
            )
        fields |= {**answer.fields, "seconds": _since(started), "rss_mb": _resident_mb()}
        LOG.info(answer.done, extra={"fields": fields})
        return Response(answer.body, media_type=answer.media_type)

    async def _answer(self, request: Request) -> tuple["Answer", int]:
        """Take the body and work on it in a thread, giving up when the client goes away."""
        if self.reader is None or self._closing:
            raise Abandoned
        wanted: Work = _read
        if request.headers.get("accept") == PICTURE:
            wanted = functools.partial(_draw, Order.parse(request.headers.get(ATTRIBUTES, "")))
        data = await _body(request, self.settings.max_body_bytes)
        gone = threading.Event()

        def check() -> None:
            if gone.is_set() or self._stopping.is_set():
                raise Abandoned

        watch = asyncio.create_task(_disconnected(request))
        work = asyncio.create_task(asyncio.to_thread(_work_and_release, wanted, self.reader, data, check))
        try:
            await asyncio.wait({watch, work}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                gone.set()
            return await asyncio.shield(work), len(data)
        finally:
            gone.set()
            watch.cancel()
            # A cancelled request must not hand on its turn while its thread still works.
            await asyncio.wait({work})


@dataclass(frozen=True)
class Answer:
    """What goes back to the client, and what the log says of it: message `done` with `fields`."""

    body: str | bytes
    media_type: str
    done: str
    fields: dict[str, object]


Work = Callable[[Reader, bytes, Callable[[], None]], Answer]


def _read(reader: Reader, data: bytes, check: Callable[[], None]) -> Answer:
    reading = reader.read(data, check)
    fields: dict[str, object] = {
        "media_type": reading.media_type.value,
        "pages": len(reading.pages),
        "texts": sum(len(page.texts) for page in reading.pages),
    }
    return Answer(reading.model_dump_json(), "application/json", "read", fields)


def _draw(order: Order, _reader: Reader, data: bytes, _check: Callable[[], None]) -> Answer:
    picture = szi(data, order)
    return Answer(picture, PICTURE, "drawn", {"page": order.page, "picture_bytes": len(picture)})


def _work_and_release(work: Work, reader: Reader, data: bytes, check: Callable[[], None]) -> Answer:
    try:
        return work(reader, data, check)
    finally:
        _release_memory()


async def _body(request: Request, limit: int) -> bytes:
    """Read a request's body.

    Raises:
        InvalidInput: FILE_TOO_LARGE, as soon as that is known.
        TimeoutError: the client sends nothing any more.
    """
    too_large = InvalidInput(
        Code.FILE_TOO_LARGE,
        f"The file is larger than {limit / 2**20:.0f} MiB; save it with compression or split it.",
    )
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise too_large
    data = bytearray()
    chunks = request.stream()
    while True:
        try:
            async with asyncio.timeout(BODY_STALL_SECONDS):
                chunk = await anext(chunks)
        except StopAsyncIteration:
            return bytes(data)
        data += chunk
        if len(data) > limit:
            raise too_large


async def _disconnected(request: Request) -> None:
    """Return when the client has gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _refusal(status: int, code: Code, sentence: str) -> Response:
    body = ReadingError(code=code.value, message=sentence).model_dump_json()
    return Response(body, status_code=status, media_type="application/json")


def _release_memory() -> None:
    """Give the memory of a large page back to the system; glibc keeps what was freed in small pieces."""
    gc.collect()
    with contextlib.suppress(AttributeError, OSError):  # not glibc (macOS, musl)
        ctypes.CDLL(None).malloc_trim(0)


def _resident_mb() -> int | None:
    """Resident memory now, where the system tells."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") // 2**20


def _since(started: float) -> float:
    return round(time.perf_counter() - started, 3)


def application(service: Service) -> Starlette:
    """The ASGI application of a service."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        service.stop()

    routes = [
        Route("/ping", service.ping, methods=["GET"]),
        Route("/invocations", service.invocations, methods=["POST"]),
    ]
    return Starlette(routes=routes, lifespan=lifespan)


class Server(uvicorn.Server):
    """A uvicorn server that loads the models once it listens, and lets a reading end when told to stop."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service
        self._loading: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        """Listen, then load: /ping answers 503 meanwhile."""
        await super().startup(sockets)  # type: ignore[arg-type]
        self._loading = asyncio.create_task(self._load())

    async def _load(self) -> None:
        try:
            await asyncio.to_thread(self._service.load)
        except Exception:
            LOG.exception("cannot load the model")
            self._service.failed = True
            self.should_exit = True

    async def shutdown(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        """Close; the reading in hand may go on for a while."""
        self._service.close()
        asyncio.get_running_loop().call_later(SHUTDOWN_SECONDS, self._service.stop)
        await super().shutdown(sockets)  # type: ignore[arg-type]


def main() -> int:
    """Serve until SIGTERM or SIGINT; 1 when the models cannot be loaded."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    try:
        settings = Settings.from_environment()
    except Misconfigured:
        LOG.exception("wrong settings")
        return 1
    # uvicorn raises the signal that ended it once more when all is closed; that must not end us by a signal.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    service = Service(settings)
    config = uvicorn.Config(
        application(service),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS + GIVE_UP_SECONDS,
        server_header=False,
    )
    Server(config, service).run()
    return 1 if service.failed else 0


if __name__ == "__main__":
    sys.exit(main())
