"""A labeling table and a read page, as moto knows them; and people who label."""

import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.client import BaseClient
from drawops.contracts.events import LabelingSubmitted
from drawops.contracts.labeling import Backend, Reason
from drawops.contracts.reading import DrawingResult
from drawops.keys import LabelingKeys
from drawops.labeling.invitations import Invitations
from drawops.labeling.opening import OpeningSettings, open_page, publish
from drawops.labeling.service import LabelingService
from drawops.labeling.store import LabelingStore

from tests.unit.core.conftest import create_table
from tests.unit.core.labeling.pages import DATA, Open, Opened, grid, szi

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

TABLE = "labeling"
KEY = b"0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def atomic(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every call is atomic, as on AWS; moto alone lets threads see each other's half-done calls."""
    real, one_at_a_time = vars(BaseClient)["_make_api_call"], threading.Lock()

    def call(self: BaseClient, operation_name: str, api_params: dict[str, Any]) -> Any:  # noqa: ANN401
        with one_at_a_time:
            return real(self, operation_name, api_params)

    monkeypatch.setattr(BaseClient, "_make_api_call", call)


@pytest.fixture
def table(aws: None, template: dict[str, Any]) -> "DynamoDBClient":
    """The labeling table exactly as template.yaml declares it."""
    client = boto3.client("dynamodb")
    create_table(client, TABLE, template["Resources"]["LabelingTable"]["Properties"])
    return client


@pytest.fixture
def store(table: "DynamoDBClient") -> LabelingStore:
    return LabelingStore(table, TABLE)


@pytest.fixture
def invitations(table: "DynamoDBClient") -> Invitations:
    return Invitations(table, TABLE, KEY)


@pytest.fixture
def announced() -> list[LabelingSubmitted]:
    return []


@pytest.fixture
def service(store: LabelingStore, s3: "S3Client", announced: list[LabelingSubmitted]) -> LabelingService:
    return LabelingService(store=store, s3=s3, data_bucket=DATA, announce=announced.append)


@pytest.fixture
def hasty(store: LabelingStore, s3: "S3Client", announced: list[LabelingSubmitted]) -> LabelingService:
    """The same, with claims that are over at once."""
    return LabelingService(
        store=store, s3=s3, data_bucket=DATA, announce=announced.append, lease=timedelta(microseconds=1)
    )


@pytest.fixture
def opened(store: LabelingStore, s3: "S3Client") -> Open:
    """Open and publish a page."""

    def opened(
        drawing: DrawingResult | None = None,
        backend: str = "own",
        name: str = "unit 40/sheet.png",
        **settings: Any,  # noqa: ANN401
    ) -> Opened:
        labeling = open_page(
            drawing or grid(name=name),
            1,
            reason=Reason.REQUESTED,
            s3=s3,
            store=store,
            data_bucket=DATA,
            backend=Backend(backend),
            settings=OpeningSettings(**settings),
        )
        s3.put_object(Bucket=DATA, Key=LabelingKeys(labeling.labeling_id).pyramid, Body=szi())
        labeling = publish(labeling.labeling_id, s3=s3, store=store, data_bucket=DATA)
        return Opened(labeling, [task.task_id for task in store.tasks(labeling.labeling_id)])

    return opened
