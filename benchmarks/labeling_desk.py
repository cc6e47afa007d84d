"""The web page with its real API on a loopback port: `drawops.labeling.http` over moto, drawn sheets.

The API lives below a prefix, as it does on the local cloud. Used by the tests here and by the benchmarks.
"""

import base64
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pyvips  # type: ignore[import-untyped]
import uvicorn
from drawops.contracts.events import LabelingSubmitted
from drawops.contracts.labeling import Area, Box, BoxState, Reason, TaskDocument
from drawops.contracts.reading import (
    DpiSource,
    DrawingResult,
    MediaType,
    Model,
    Page,
    PageTimings,
    Quad,
    Source,
    Text,
    TextSource,
    Timings,
)
from drawops.keys import LabelingKeys
from drawops.labeling import http
from drawops.labeling.invitations import Invitations
from drawops.labeling.opening import OpeningSettings, new_task, open_page, publish
from drawops.labeling.service import LabelingService
from drawops.labeling.store import LabelingStore
from drawops_console import HEADERS, asset
from drawops_vision.sheets import Sheet
from moto import mock_aws
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PREFIX = "/_aws/execute-api/a1b2c3d4e5/$default"
DATA, TABLE = "data", "labeling"
TABLE_DEFINITION: dict[str, Any] = {
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [
        {"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk", "state", "updated_at")
    ],
    "KeySchema": [
        {"AttributeName": "pk", "KeyType": "HASH"},
        {"AttributeName": "sk", "KeyType": "RANGE"},
    ],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "by_state",
            "KeySchema": [
                {"AttributeName": "state", "KeyType": "HASH"},
                {"AttributeName": "updated_at", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "ALL"},
        }
    ],
}


@dataclass(frozen=True)
class Reading:
    """What the model made of one text: its string and its confidence; below 0.9 it is unsure."""

    text: str
    quad: Quad
    confidence: float = 0.99


def pyramid(sheet: Sheet) -> bytes:
    """The sheet's picture as the container writes it: a Deep Zoom pyramid in a zip that is not compressed."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "page.zip"
        picture = pyvips.Image.new_from_array(sheet.image)
        picture.dzsave(
            str(target),
            basename="page",
            container="zip",
            compression=0,
            tile_size=512,
            overlap=1,
            suffix=".webp[Q=80]",
        )
        return target.read_bytes()


@dataclass
class Desk:
    """The running page: where it is, and everything behind it."""

    url: str
    store: LabelingStore
    service: LabelingService
    invitations: Invitations
    s3: Any
    saving: bool = True  # False: every save gets a 503
    requests: list[tuple[str, str, int]] = field(default_factory=list)
    submitted: list[LabelingSubmitted] = field(default_factory=list)

    def link(self, name: str, lifetime: timedelta = timedelta(days=1)) -> str:
        """The link that a person is given."""
        token, _ = self.invitations.issue(name, lifetime=lifetime)
        return f"{self.url}#token={token}"

    def open(
        self,
        picture: bytes,
        width: int,
        height: int,
        readings: Sequence[Reading],
        *,
        name: str = "unit 40/P&ID 4711.png",
        revision: str = "1" * 20,
        per_task: int = 1_000,
    ) -> list[str]:
        """Make a page work; gives the names of its tasks.

        Args:
            picture: see `pyramid`.
            per_task: unsure boxes of a task.
        """
        texts = tuple(
            Text(
                id=f"p1-t{number}",
                quad=reading.quad,
                text=reading.text,
                confidence=reading.confidence,
                angle=0,
                source=TextSource.OCR,
            )
            for number, reading in enumerate(readings)
        )
        result = DrawingResult(
            media_type=MediaType.PNG,
            model=Model(name="reader", version="1.0.0", sha256="0" * 64),
            pages=(
                Page(
                    number=1,
                    width=width,
                    height=height,
                    dpi_source=DpiSource.UNKNOWN,
                    tiles=(),
                    texts=texts,
                    timings=PageTimings(decode=0, detect=0, recognise=0),
                ),
            ),
            timings=Timings(total=0),
            drawing_id="d-" + "0" * 20,
            revision=revision,
            source=Source(bucket="raw", key=name, version_id=None, sha256="1" * 64, size=1),
        )
        labeling = open_page(
            result,
            1,
            reason=Reason.REQUESTED,
            s3=self.s3,
            store=self.store,
            data_bucket=DATA,
            settings=OpeningSettings(boxes_per_task=per_task),
        )
        key = LabelingKeys(labeling.labeling_id).pyramid
        self.s3.put_object(Bucket=DATA, Key=key, Body=picture)
        publish(labeling.labeling_id, s3=self.s3, store=self.store, data_bucket=DATA)
        return [task.task_id for task in self.store.tasks(labeling.labeling_id)]

    def task(self, task_id: str, annotator: str) -> TaskDocument:
        """What is saved of a task."""
        return self.service.get(annotator, task_id)

    def send_back(self, task_id: str, boxes: tuple[Box, ...], *, avoid: tuple[str, ...] = ()) -> str:
        """Begin the next round of a task that was handed in, with these boxes; gives the new task's name."""
        task = self.store.task(task_id)
        assert task is not None
        again = new_task(
            task.labeling_id,
            sheet_name=task.name,
            page=task.page,
            round_=task.round + 1,
            area_number=task.area_number,
            area=Area(**task.area.model_dump()),
            slot=1,
            boxes=boxes,
            s3=self.s3,
            data_bucket=DATA,
            avoid=avoid,
        )
        assert self.store.send_back(task.labeling_id, task.round, [again])
        return again.task_id


def _application(desk: Desk) -> Starlette:
    # moto's tables are plain dictionaries; Lambda, too, gives every process one request at a time.
    turn = threading.Lock()

    def api(request: Request, body: bytes) -> Response:
        path = request.url.path.removeprefix(PREFIX)
        if request.method == "PUT" and not desk.saving:
            return Response(status_code=503)
        event = {
            "version": "2.0",
            "rawPath": path,
            "headers": dict(request.headers),
            "requestContext": {"stage": "$default", "http": {"method": request.method, "path": path}},
            "body": base64.b64encode(body).decode(),
            "isBase64Encoded": True,
        }
        with turn:
            answer = http.answer(event, service=desk.service, invitations=desk.invitations)
        if "/tiles/" not in path:
            desk.requests.append((request.method, path, answer["statusCode"]))
        content = answer["body"]
        decoded = base64.b64decode(content) if answer.get("isBase64Encoded") else content.encode()
        return Response(decoded, answer["statusCode"], answer["headers"])

    async def answer_api(request: Request) -> Response:
        from starlette.concurrency import run_in_threadpool

        return await run_in_threadpool(api, request, await request.body())

    def answer_asset(request: Request) -> Response:
        try:
            found = asset(request.path_params.get("path", ""))
        except FileNotFoundError:
            return Response(status_code=404)
        headers = {**HEADERS, "Content-Type": found.media_type, "Cache-Control": found.cache_control}
        return Response(found.content, headers=headers | {"ETag": found.etag})

    return Starlette(
        routes=[
            Route(f"{PREFIX}/", answer_asset),
            Route(f"{PREFIX}/console/{{path:path}}", answer_asset),
            Route(f"{PREFIX}/api/{{path:path}}", answer_api, methods=["GET", "PUT", "POST"]),
        ]
    )


@contextmanager
def desk(lease: timedelta = timedelta(minutes=30)) -> Iterator[Desk]:
    """Serve the page on a free port of 127.0.0.1 until the block ends."""
    with mock_aws():
        client: DynamoDBClient = boto3.client("dynamodb", region_name="us-east-1")
        client.create_table(TableName=TABLE, **TABLE_DEFINITION)
        s3 = boto3.client("s3", region_name="us-east-1")
        s3.create_bucket(Bucket=DATA)
        store = LabelingStore(client, TABLE)
        submitted: list[LabelingSubmitted] = []
        service = LabelingService(
            store=store, s3=s3, data_bucket=DATA, announce=submitted.append, lease=lease
        )
        invitations = Invitations(client, TABLE, b"0123456789abcdef0123456789abcdef")
        running = Desk("", store, service, invitations, s3, submitted=submitted)
        config = uvicorn.Config(_application(running), host="127.0.0.1", port=0, log_level="warning")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            if not thread.is_alive():
                raise RuntimeError("the page's server did not start")
            thread.join(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        running.url = f"http://127.0.0.1:{port}{PREFIX}/"
        try:
            yield running
        finally:
            server.should_exit = True
            thread.join()


def changed(before: TaskDocument, after: TaskDocument) -> dict[str, Box]:
    """Boxes that were saved otherwise than they were, by name."""
    known = {box.id: box for box in before.boxes}
    return {box.id: box for box in after.boxes if known.get(box.id) != box}


def by_state(document: TaskDocument, state: BoxState) -> list[Box]:
    """Boxes of a task in one state."""
    return [box for box in document.boxes if box.state is state]
