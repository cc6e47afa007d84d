"""A deployed stack on a simulated AWS, and the command to run against it."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import boto3
import pytest
from botocore.exceptions import ClientError
from drawops import keys
from drawops.catalog import Catalog
from drawops.contracts.workflow import Upload
from drawops_cli.main import app
from moto import mock_aws
from typer.testing import CliRunner, Result

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

STACK = "drawops-test"
REGION: Literal["eu-central-1"] = "eu-central-1"

OUTPUTS = {
    "RawBucketName": "test-raw",
    "DataBucketName": "test-data",
    "CatalogTableName": "test-catalog",
    "FunctionsLogGroupName": "/drawops/test",
    "EndpointName": "drawops-test-ocr",
    "ReconcileDrawingsFunctionName": "reconcile-drawings-1234",
}


class CloudFormation:
    """The two answers of CloudFormation that the command reads; moto's own needs many more packages."""

    def __init__(self, resources: list[tuple[str, str, str]]) -> None:
        self._resources = resources

    def describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803 - the API's spelling
        if StackName != STACK:
            message = f"Stack with id {StackName} does not exist"
            raise ClientError({"Error": {"Code": "ValidationError", "Message": message}}, "DescribeStacks")
        outputs = [{"OutputKey": key, "OutputValue": value} for key, value in OUTPUTS.items()]
        return {"Stacks": [{"StackStatus": "CREATE_COMPLETE", "Outputs": outputs}]}

    def describe_stack_resources(self, StackName: str) -> dict[str, Any]:  # noqa: N803
        return {
            "StackResources": [
                {"ResourceType": kind, "LogicalResourceId": logical, "PhysicalResourceId": physical}
                for kind, logical, physical in self._resources
            ]
        }


@dataclass
class DeployedStack:
    """The simulated stack, with what its workflow would do."""

    catalog: Catalog
    s3: Any

    def drop(self, key: str, content: bytes) -> tuple[str, str]:
        """Upload and register as the workflow does; returns drawing id and revision."""
        put = self.s3.put_object(Bucket="test-raw", Key=key, Body=content)
        return self.register(key, content, put["VersionId"], put["ETag"].strip('"'))

    def register(self, key: str, content: bytes, version: str | None, etag: str) -> tuple[str, str]:
        """Register an object that was uploaded already."""
        upload = Upload(bucket="test-raw", key=key, version_id=version, etag=etag, size=len(content))
        sha256 = hashlib.sha256(content).hexdigest()
        drawing, revision = keys.drawing_id("test-raw", key), keys.revision(sha256)
        assert self.catalog.register(upload, drawing, revision, sha256)
        self.s3.put_object(Bucket="test-data", Key=keys.RevisionKeys(drawing, revision).source, Body=content)
        return drawing, revision

    def process(self, drawing: str, revision: str, reading: dict[str, Any]) -> None:
        """Store a result as the workflow does."""
        names = keys.RevisionKeys(drawing, revision)
        found = self.catalog.revision(drawing, revision)
        assert found is not None
        document = {
            **reading,
            "drawing_id": drawing,
            "revision": revision,
            "source": {
                "bucket": found.bucket,
                "key": found.key,
                "version_id": found.version_id,
                "sha256": found.sha256,
                "size": found.size,
            },
        }
        self.s3.put_object(Bucket="test-data", Key=names.result, Body=json.dumps(document).encode())
        self.s3.put_object(Bucket="test-data", Key=names.texts_csv, Body=b"id,page,text\n")
        texts = [text for page in reading["pages"] for text in page["texts"]]
        self.catalog.finish(
            drawing,
            revision,
            result_key=names.result,
            texts_csv_key=names.texts_csv,
            pages=len(reading["pages"]),
            texts=len(texts),
            mean_confidence=0.9,
            seconds=1.5,
            model_version="1.0.0",
            warnings=0,
        )

    def quarantine(self, drawing: str, revision: str, code: str, reason: str) -> None:
        """End in quarantine as the workflow does."""
        self.catalog.quarantine(drawing, revision, code, reason)
        key = keys.RevisionKeys(drawing, revision).quarantine_reason
        self.s3.put_object(Bucket="test-data", Key=key, Body=json.dumps({"code": code}).encode())


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[DeployedStack]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("DRAWOPS_STACK", STACK)
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        s3, dynamodb = boto3.client("s3"), boto3.client("dynamodb")
        for bucket in ("test-raw", "test-data"):
            s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_bucket_versioning(Bucket="test-raw", VersioningConfiguration={"Status": "Enabled"})
        create_catalog(dynamodb)
        queue = boto3.client("sqs").create_queue(QueueName="uploads")["QueueUrl"]
        boto3.client("logs").create_log_group(logGroupName="/drawops/test")
        cloudformation = CloudFormation(
            [
                ("AWS::SQS::Queue", "UploadQueue", queue),
                ("AWS::Lambda::Function", "RegisterDrawingFunction", "test-RegisterDrawingFunction-1A"),
                ("AWS::Lambda::Function", "CheckDrawingFunction", "test-CheckDrawingFunction-2B"),
            ]
        )
        make_client = boto3.session.Session.client

        def client(session: boto3.session.Session, service: str, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401
            if service == "cloudformation":
                return cloudformation
            return make_client(session, service, *arguments, **options)  # type: ignore[call-overload]

        monkeypatch.setattr(boto3.session.Session, "client", client)
        yield DeployedStack(Catalog(dynamodb, "test-catalog"), s3)


def create_catalog(dynamodb: "DynamoDBClient") -> None:
    """The table as template.yaml declares it."""
    names = ("pk", "sk", "status", "updated_at")
    dynamodb.create_table(
        TableName="test-catalog",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by_status",
                "KeySchema": [
                    {"AttributeName": "status", "KeyType": "HASH"},
                    {"AttributeName": "updated_at", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )


Run = Callable[..., Result]


@pytest.fixture
def run() -> Run:
    """Run `drawops` with these arguments."""

    def invoke(*arguments: str, **options: Any) -> Result:  # noqa: ANN401
        return CliRunner().invoke(app, [str(argument) for argument in arguments], **options)

    return invoke


@pytest.fixture
def reading() -> dict[str, Any]:
    """An answer of the inference container: one page of 64 x 48 pixels with two texts."""

    def text(number: int, string: str, left: int) -> dict[str, Any]:
        quad = [[left, 10], [left + 20, 10], [left + 20, 20], [left, 20]]
        return {
            "id": f"p1-t{number}",
            "quad": quad,
            "text": string,
            "confidence": 0.9,
            "angle": 0,
            "source": "ocr",
        }

    return {
        "media_type": "image/png",
        "model": {"name": "baseline", "version": "1.0.0", "sha256": "0" * 64},
        "pages": [
            {
                "number": 1,
                "width": 64,
                "height": 48,
                "dpi": 300,
                "dpi_source": "file",
                "tiles": [{"x": 0, "y": 0, "width": 64, "height": 48}],
                "texts": [text(1, "P-101", 5), text(2, "[bold]V-7[/]", 35)],
                "timings": {"decode": 0.1, "detect": 0.2, "recognise": 0.3},
            }
        ],
        "warnings": [{"code": "LOW_RESOLUTION", "message": "Page 1 is small.", "page": 1}],
        "timings": {"total": 0.6},
    }
