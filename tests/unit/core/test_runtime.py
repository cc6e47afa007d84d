"""What handlers share: settings, error names for retries, silence about drawings."""

from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from drawops import runtime
from drawops.errors import Code, InvalidInput, Misconfigured, Transient
from pydantic import BaseModel


class Settings(BaseModel):
    table: str
    limit: int = 3


def client_error(code: str, status: int = 400) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": "m"}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]
        "GetItem",
    )


def raising(error: Exception) -> Any:  # noqa: ANN401
    @runtime.entry_point
    def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
        raise error

    return handler


def test_settings_come_from_variables_in_capitals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TABLE", "t")
    monkeypatch.setenv("LIMIT", "7")
    assert runtime.settings(Settings) == Settings(table="t", limit=7)


def test_missing_and_wrong_settings_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TABLE", raising=False)
    monkeypatch.setenv("LIMIT", "many")
    with pytest.raises(Misconfigured, match="TABLE, LIMIT"):
        runtime.settings(Settings)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (client_error("ThrottlingException"), Transient),
        (client_error("Whatever", 503), Transient),
        (EndpointConnectionError(endpoint_url="x"), Transient),
        (client_error("AccessDenied"), Misconfigured),
        (client_error("ValidationException"), ClientError),
        (InvalidInput(Code.NO_PAGES, "s"), InvalidInput),
    ],
)
def test_faults_get_the_names_that_workflows_retry_on(error: Exception, expected: type[Exception]) -> None:
    with pytest.raises(expected):
        raising(error)({}, None)


def test_the_event_is_not_logged(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyError):
        raising(KeyError("x"))({"key": "secret-project.png"}, None)
    captured = capsys.readouterr()
    assert "secret-project" not in captured.out + captured.err
