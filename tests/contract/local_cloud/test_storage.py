# ruff: noqa: ANN401 - clients and JSON documents have no narrower type here
"""What the workflows rely on of S3 and DynamoDB."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.local_cloud.conftest import Make


@pytest.mark.parametrize("key", ["plain", "with space + plus", "图纸 100%.png", "a/../b", "🚀/50%25"])
def test_a_version_is_copied_by_its_id_while_newer_ones_exist(make: Make, name: str, key: str) -> None:
    make.bucket(name, versioned=True)
    s3 = make.cloud.client("s3")
    first = s3.put_object(Bucket=name, Key=key, Body=b"one", Metadata={"by": "me"})["VersionId"]
    s3.put_object(Bucket=name, Key=key, Body=b"two")
    source = {"Bucket": name, "Key": key, "VersionId": first}
    s3.copy_object(Bucket=name, Key="copied", CopySource=source)
    copied = s3.get_object(Bucket=name, Key="copied")
    assert (copied["Body"].read(), copied["Metadata"]) == (b"one", {"by": "me"})
    assert s3.get_object(Bucket=name, Key=key)["Body"].read() == b"two"


def test_a_deleted_object_is_hidden_and_its_versions_stay(make: Make, name: str) -> None:
    make.bucket(name, versioned=True)
    s3 = make.cloud.client("s3")
    version = s3.put_object(Bucket=name, Key="key", Body=b"one")["VersionId"]
    marker = s3.delete_object(Bucket=name, Key="key")
    assert marker["DeleteMarker"] is True
    with pytest.raises(ClientError, match="NoSuchKey"):
        s3.get_object(Bucket=name, Key="key")
    assert s3.get_object(Bucket=name, Key="key", VersionId=version)["Body"].read() == b"one"
    s3.delete_object(Bucket=name, Key="key", VersionId=marker["VersionId"])
    assert s3.get_object(Bucket=name, Key="key")["Body"].read() == b"one"


def test_a_range_of_an_object_can_be_read(make: Make, name: str) -> None:
    make.bucket(name)
    s3 = make.cloud.client("s3")
    s3.put_object(Bucket=name, Key="key", Body=b"0123456789")
    answer = s3.get_object(Bucket=name, Key="key", Range="bytes=2-4")
    assert (answer["Body"].read(), answer["ContentRange"]) == (b"234", "bytes 2-4/10")


def test_an_object_is_written_only_if_there_is_none(make: Make, name: str) -> None:
    make.bucket(name)
    s3 = make.cloud.client("s3")
    s3.put_object(Bucket=name, Key="key", Body=b"one", IfNoneMatch="*")
    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3.put_object(Bucket=name, Key="key", Body=b"two", IfNoneMatch="*")


@pytest.fixture
def table(make: Make, name: str) -> Any:
    """A catalog-like table with an index by status and a time to live."""
    dynamodb = make.cloud.client("dynamodb")
    attributes = ("pk", "sk", "status", "updated_at")
    dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": each, "AttributeType": "S"} for each in attributes],
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
    dynamodb.update_time_to_live(
        TableName=name, TimeToLiveSpecification={"AttributeName": "expires_at", "Enabled": True}
    )
    return dynamodb


def item(pk: str, **attributes: str) -> dict[str, dict[str, str]]:
    return {
        "pk": {"S": pk},
        "sk": {"S": "revision"},
        **{key: {"S": each} for key, each in attributes.items()},
    }


def test_only_the_first_writer_of_a_conditional_put_wins(table: Any, name: str) -> None:
    condition = "attribute_not_exists(pk)"
    table.put_item(TableName=name, Item=item("a", by="first"), ConditionExpression=condition)
    with pytest.raises(ClientError) as refused:
        table.put_item(
            TableName=name,
            Item=item("a", by="second"),
            ConditionExpression=condition,
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    assert refused.value.response["Error"]["Code"] == "ConditionalCheckFailedException"
    found: Any = dict(refused.value.response)["Item"]
    assert found["by"] == {"S": "first"}
    assert table.get_item(TableName=name, Key=item("a"))["Item"]["by"] == {"S": "first"}


def test_a_conditional_update_returns_what_it_wrote(table: Any, name: str) -> None:
    table.put_item(TableName=name, Item=item("a", status="READING"))
    update = {
        "TableName": name,
        "Key": item("a"),
        "UpdateExpression": "SET #s = :new ADD attempts :one",
        "ConditionExpression": "#s = :old",
        "ExpressionAttributeNames": {"#s": "status"},
        "ExpressionAttributeValues": {":new": {"S": "DONE"}, ":old": {"S": "READING"}, ":one": {"N": "1"}},
        "ReturnValues": "ALL_NEW",
    }
    written = table.update_item(**update)["Attributes"]
    assert (written["status"], written["attempts"]) == ({"S": "DONE"}, {"N": "1"})
    with pytest.raises(ClientError, match="ConditionalCheckFailedException"):
        table.update_item(**update)


def test_an_index_lists_items_by_status_in_order_and_in_pages(table: Any, name: str) -> None:
    for number in (3, 1, 2):
        table.put_item(TableName=name, Item=item(f"p{number}", status="OPEN", updated_at=f"2026-0{number}"))
    table.put_item(TableName=name, Item=item("other", status="DONE", updated_at="2026-01"))
    query = {
        "TableName": name,
        "IndexName": "by_status",
        "KeyConditionExpression": "#s = :s AND updated_at < :t",
        "ExpressionAttributeNames": {"#s": "status"},
        "ExpressionAttributeValues": {":s": {"S": "OPEN"}, ":t": {"S": "2026-09"}},
    }
    pages = table.get_paginator("query").paginate(**query, PaginationConfig={"PageSize": 2})
    assert [[each["pk"]["S"] for each in page["Items"]] for page in pages] == [["p1", "p2"], ["p3"]]


def test_time_to_live_is_described(table: Any, name: str) -> None:
    described = table.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    assert described == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}
