"""AWS as moto knows it: buckets, catalog table, clients; and one uploaded drawing."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.stub import Stubber
from drawops.catalog import Catalog
from drawops.contracts.workflow import Upload
from moto import mock_aws

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

RAW, DATA, TABLE = "raw", "data", "catalog"
Put = Callable[..., Upload]


def client_of(stub: Stubber) -> Any:  # noqa: ANN401
    """The client behind a stub; botocore knows it only as `BaseClient`."""
    return stub.client


def create_table(client: "DynamoDBClient", name: str, declared: dict[str, Any]) -> None:
    """Make a table out of its properties in the template."""
    kept = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
    client.create_table(TableName=name, **{key: declared[key] for key in kept})


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    with mock_aws():
        yield


@pytest.fixture
def s3(aws: None) -> "S3Client":
    client = boto3.client("s3")
    for bucket in (RAW, DATA):
        client.create_bucket(Bucket=bucket)
        client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return client


@pytest.fixture
def dynamodb(aws: None, template: dict[str, Any]) -> "DynamoDBClient":
    """The catalog table exactly as template.yaml declares it."""
    client = boto3.client("dynamodb")
    create_table(client, TABLE, template["Resources"]["CatalogTable"]["Properties"])
    return client


@pytest.fixture
def catalog(dynamodb: "DynamoDBClient") -> Catalog:
    return Catalog(dynamodb, TABLE)


@pytest.fixture
def put(s3: "S3Client") -> Put:
    """Upload bytes and get the workflow's input for them."""

    def put(key: str = "sheet.png", body: bytes = b"drawing", attempt: int = 0) -> Upload:
        answer = s3.put_object(Bucket=RAW, Key=key, Body=body)
        return Upload(
            bucket=RAW,
            key=key,
            version_id=answer["VersionId"],
            etag=answer["ETag"].strip('"'),
            size=len(body),
            attempt=attempt,
        )

    return put
