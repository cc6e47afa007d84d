"""The API answers what the page asks, and nothing else."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from drawops.contracts.labeling import BoxState, TaskDocument, TaskList
from drawops.labeling.http import answer
from drawops.labeling.invitations import Invitations
from drawops.labeling.service import LabelingService

from tests.unit.core.labeling.pages import Open, accept_all, as_json

Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def ask(service: LabelingService, invitations: Invitations) -> Ask:
    """Ask as a person; the body is JSON unless it is text."""
    tokens = {who: invitations.issue(who)[0] for who in ("ann", "bob")}

    def ask(
        method: str,
        path: str,
        body: object = None,
        *,
        who: str | None = "ann",
        encoded: bool = False,
        headers: dict[str, str] | None = None,
        stage: str = "$default",
    ) -> dict[str, Any]:
        text = body if isinstance(body, str) or body is None else json.dumps(body)
        event = {
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": path,
            "rawQueryString": "",
            "headers": headers
            if headers is not None
            else ({} if who is None else {"authorization": f"Bearer {tokens[who]}"}),
            "requestContext": {"http": {"method": method, "path": path}, "stage": stage},
            "isBase64Encoded": encoded,
        }
        if text is not None:
            event["body"] = base64.b64encode(text.encode()).decode() if encoded else text
        return answer(event, service=service, invitations=invitations)

    return ask


def refused(given: dict[str, Any], status: int, code: str) -> dict[str, Any]:
    problem = as_json(given["body"])
    assert (given["statusCode"], problem["code"]) == (status, code), problem
    assert problem["message"]
    return problem


def taken(ask: Ask) -> dict[str, Any]:
    return as_json(ask("POST", "/api/tasks/next")["body"])


def test_a_person_does_a_task_from_beginning_to_end(opened: Open, ask: Ask) -> None:
    opened()
    assert as_json(ask("GET", "/api/me")["body"])["annotator"] == "ann"
    tasks = TaskList.model_validate_json(ask("GET", "/api/tasks")["body"])
    name = tasks.tasks[0].task_id
    task = TaskDocument.model_validate_json(ask("POST", f"/api/tasks/{name}/claim")["body"])
    boxes = [box.model_dump(mode="json") for box in accept_all(task.boxes)]
    saved = ask(
        "PUT", f"/api/tasks/{name}", {"base_revision": 0, "boxes": boxes, "seconds": 3.5, "actions": 9}
    )
    assert as_json(saved["body"])["revision"] == 1
    assert as_json(ask("GET", f"/api/tasks/{name}")["body"])["boxes"] == boxes
    done = ask("POST", f"/api/tasks/{name}/submit", {"base_revision": 1})
    assert as_json(done["body"])["state"] == "SUBMITTED"
    refused(ask("POST", "/api/tasks/next"), 404, "NOT_FOUND")


def test_a_tile_comes_as_the_picture_it_is_and_may_be_kept(opened: Open, ask: Ask) -> None:
    opened()
    prefix = taken(ask)["sheet"]["pyramid"]["tiles"]
    got = ask("GET", f"{prefix}/10/3_2.webp")
    assert base64.b64decode(got["body"]) == b"tile 10/3_2" * 201
    assert got["isBase64Encoded"] is True
    assert got["headers"]["content-type"] == "image/webp"
    assert "immutable" in got["headers"]["cache-control"]
    for path in ("/10/9_9.webp", "/10/3_2.png", "/10/3_2.webp/..", "/../10/3_2.webp", "/-1/0_0.webp"):
        refused(ask("GET", prefix + path), 404, "NOT_FOUND")
    refused(ask("GET", f"{prefix}/10/3_2.webp", who="bob"), 403, "NOT_YOURS")
    refused(ask("GET", f"{prefix}/10/3_2.webp", who=None), 401, "UNAUTHORIZED")


def test_release_and_renewal(opened: Open, ask: Ask) -> None:
    opened()
    name = taken(ask)["task_id"]
    assert as_json(ask("POST", f"/api/tasks/{name}/renew")["body"])["state"] == "CLAIMED"
    assert as_json(ask("POST", f"/api/tasks/{name}/release")["body"])["state"] == "OPEN"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": "Basic YW5uOmFubg=="},
        {"authorization": "Bearer v1.e30.AAAA"},
        {"x-annotator": "ann"},
    ],
)
def test_who_shows_no_invitation_gets_nothing(headers: dict[str, str], opened: Open, ask: Ask) -> None:
    page = opened()
    for path in ("/api/me", "/api/tasks", f"/api/tasks/{page.task_ids[0]}", "/api/nothing"):
        given = ask("GET", path, headers=headers)
        refused(given, 401, "UNAUTHORIZED")
        assert given["headers"]["www-authenticate"] == "Bearer"


def test_someone_elses_task_is_refused(opened: Open, ask: Ask) -> None:
    opened()
    task = taken(ask)
    body = {"base_revision": 0, "boxes": task["boxes"]}
    refused(ask("PUT", f"/api/tasks/{task['task_id']}", body, who="bob"), 403, "NOT_YOURS")
    refused(ask("POST", f"/api/tasks/{task['task_id']}/claim", who="bob"), 403, "NOT_YOURS")


def test_a_stale_revision_hears_what_stands(opened: Open, ask: Ask) -> None:
    opened()
    task = taken(ask)
    path = f"/api/tasks/{task['task_id']}"
    for text in ("one", "two"):
        task["boxes"][0] |= {"text": text, "state": "EDITED"}
        given = ask("PUT", path, {"base_revision": 0, "boxes": task["boxes"]})
    problem = refused(given, 409, "STALE")
    assert (problem["revision"], problem["saved_by"]) == (1, "ann")


@pytest.mark.parametrize("encoded", [False, True])
def test_ten_megabytes_are_too_large(encoded: bool, opened: Open, ask: Ask) -> None:
    opened()
    name = taken(ask)["task_id"]
    body = '{"base_revision":0,"boxes":[' + " " * 10 * 2**20 + "]}"
    refused(ask("PUT", f"/api/tasks/{name}", body, encoded=encoded), 413, "TOO_LARGE")


def test_too_many_boxes_are_too_large(opened: Open, ask: Ask) -> None:
    opened()
    task = taken(ask)
    box = {"id": "b", "quad": [[1, 1], [2, 1], [2, 2], [1, 2]], "text": "", "state": "DRAWN"}
    boxes = [box | {"id": f"b{number}"} for number in range(5_001)]
    refused(
        ask("PUT", f"/api/tasks/{task['task_id']}", {"base_revision": 0, "boxes": boxes}), 413, "TOO_LARGE"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"text": "x" * 501},
        {"text": 7},
        {"text": None},
        {"state": "<b>"},
        {"id": "../../etc"},
        {"id": "x" * 65},
        {"quad": [[0, 0], [1, 0], [1, 1]]},
        {"quad": [[0, 0], [1, 0], [1, 1], [0, float("nan")]]},
        {"quad": [[0, 0], [1, 0], [1, 1], [0, float("inf")]]},
        {"quad": [[0, 0], [1, 0], [1, 1], [0, 1e400]]},
        {"confidence": 2},
        {"confidence": float("nan")},
        {"<script>": 1},
        {"proposals": ["x"] * 9},
    ],
)
def test_a_box_that_breaks_the_contract_is_refused(change: dict[str, Any], opened: Open, ask: Ask) -> None:
    opened()
    task = taken(ask)
    boxes = [task["boxes"][0] | change, *task["boxes"][1:]]
    given = ask("PUT", f"/api/tasks/{task['task_id']}", {"base_revision": 0, "boxes": boxes})
    if "proposals" in change:
        refused(given, 413, "TOO_LARGE")
    else:
        refused(given, 400, "INVALID")
    assert "script" not in given["body"]
    assert as_json(ask("GET", f"/api/tasks/{task['task_id']}")["body"])["revision"] == 0


@pytest.mark.parametrize(
    "body",
    [
        "",
        "null",
        "[]",
        "{",
        "\ud800",
        "[" * 100_000,
        '{"base_revision": 0}',
        '{"base_revision": -1, "boxes": []}',
        '{"base_revision": 0, "boxes": [], "seconds": NaN}',
        '{"base_revision": 0, "boxes": [], "seconds": -1}',
        '{"base_revision": 0, "boxes": [], "actions": 1e9}',
        '{"base_revision": 0, "boxes": [], "<img src=x onerror=alert(1)>": 1}',
        '{"base_revision": 0, "boxes": [], "seconds": "<svg onload=alert(1)>"}',
    ],
)
def test_a_body_that_breaks_the_contract_is_refused_and_not_repeated(
    body: str, opened: Open, ask: Ask
) -> None:
    opened()
    given = ask("PUT", f"/api/tasks/{taken(ask)['task_id']}", body)
    refused(given, 400, "INVALID")
    assert "alert" not in given["body"]


def test_a_body_that_is_not_base64_is_refused(opened: Open, ask: Ask, service: LabelingService) -> None:
    opened()
    name = taken(ask)["task_id"]
    given = ask("PUT", f"/api/tasks/{name}", {"base_revision": 0, "boxes": []}, encoded=True)
    refused(given, 400, "INVALID")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/api"),
        ("DELETE", "/api/tasks"),
        ("GET", "/api/tasks/../me"),
        ("GET", "/api/tasks/%2e%2e/me"),
        ("GET", "/api/tasks/<script>"),
        ("POST", "/api/tasks/x/approve"),
        ("GET", "/api/tasks/next"),
        ("", ""),
    ],
)
def test_what_is_not_there_is_not_found(method: str, path: str, ask: Ask) -> None:
    given = ask(method, path)
    refused(given, 404, "NOT_FOUND")
    assert "script" not in given["body"]


def test_an_event_without_anything_is_refused(service: LabelingService, invitations: Invitations) -> None:
    refused(answer({}, service=service, invitations=invitations), 401, "UNAUTHORIZED")


def test_a_stage_name_before_the_path_is_left_out(ask: Ask) -> None:
    assert ask("GET", "/live/api/me", stage="live")["statusCode"] == 200


def test_every_answer_says_that_it_is_neither_page_nor_to_be_kept(opened: Open, ask: Ask) -> None:
    opened()
    for given in (ask("GET", "/api/tasks"), ask("GET", "/nothing"), ask("GET", "/api/me", who=None)):
        headers = given["headers"]
        assert headers["content-type"].startswith("application/json")
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert "default-src 'none'" in headers["content-security-policy"]


def test_a_transcription_comes_back_character_for_character(opened: Open, ask: Ask) -> None:
    opened()
    task = taken(ask)
    odd = "</script><img src=x onerror=alert(1)>\u2028\u0000\t 锅炉 ⌀"
    task["boxes"][0] |= {"text": odd, "state": BoxState.EDITED}
    path = f"/api/tasks/{task['task_id']}"
    assert ask("PUT", path, {"base_revision": 0, "boxes": task["boxes"]})["statusCode"] == 200
    assert as_json(ask("GET", path)["body"])["boxes"][0]["text"] == odd
