"""From a drawing that was read to a dataset version, through the page's own API."""

import urllib.error
import urllib.request
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from drawops.contracts.datasets import CreatedVersion, DataSource, NewPage
from drawops.contracts.events import SOURCE_DATASETS, SOURCE_LABELING
from drawops.contracts.labeling import LabelingState, Reason, TaskDocument
from drawops.contracts.labels import UNREADABLE, PageLabels
from drawops.contracts.reading import MediaType
from drawops.datasets.versions import create_version, load_manifest, load_page, put_picture
from drawops.labeling.store import Labeling
from drawops_cli.label.access import console_url, store_of
from drawops_cli.label.request import ask
from drawops_cli.label.scripted import Annotator
from drawops_vision.rasterise import render_page

from benchmarks.local_stack import Stack, eventually
from tests.local import drawings


def opened(stack: Stack, key: str, data: bytes) -> Labeling:
    """A drawing that was read and is labeling work."""
    dropped = stack.drop(key, data)
    revision = stack.ended(dropped)
    labeling = ask(stack.target, revision, 1, Reason.REQUESTED, "A test asks for it.")
    store = store_of(stack.target)

    def look() -> Labeling | None:
        found = store.labeling(labeling)
        return found if found is not None and found.state is LabelingState.OPEN else None

    return eventually(look, 60, lambda: f"not open: {store.labeling(labeling)}")


@pytest.fixture(scope="module")
def labeling(stack: Stack) -> Labeling:
    return opened(stack, "labeling/pump.png", drawings.png("PUMP P-4711"))


def test_the_page_and_its_files_come_from_the_same_address(stack: Stack) -> None:
    somebody = Annotator(stack.target, "mei")
    status, page, headers = somebody.request("GET", "")
    assert status == 200
    assert b"console/main.js" in page
    assert "script-src 'self'" in headers["Content-Security-Policy"]
    assert somebody.request("GET", "console/main.js")[0] == 200
    assert somebody.request("GET", "console/../handler.py")[0] == 404


def test_without_an_invitation_nobody_sees_anything(stack: Stack) -> None:
    request = urllib.request.Request(console_url(stack.target) + "api/tasks")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=60)
    assert refused.value.code == 401


def test_what_a_person_corrects_becomes_a_dataset_version(stack: Stack, labeling: Labeling) -> None:
    mei = Annotator(stack.target, "mei")
    (task,) = [
        one for one in mei.json("GET", "api/tasks")[1]["tasks"] if one["labeling_id"] == labeling.labeling_id
    ]
    status, document = mei.json("POST", f"api/tasks/{task['task_id']}/claim", {})
    assert status == 200
    claimed = TaskDocument.model_validate(document)

    # The picture is there, tile by tile.
    level = max(claimed.sheet.width, claimed.sheet.height).bit_length()
    pyramid = claimed.sheet.pyramid
    status, tile, headers = mei.request("GET", f"{pyramid.tiles.lstrip('/')}/{level}/0_0.{pyramid.format}")
    assert status == 200, tile
    assert headers["content-type"] == f"image/{pyramid.format}"
    assert tile[8:12] == b"WEBP"

    boxes = [{**box, "text": "PUMP P-4712", "state": "EDITED"} for box in document["boxes"]]
    quad = [[300, 20], [340, 20], [340, 36], [300, 36]]
    boxes.append({"id": "new-1", "quad": quad, "text": UNREADABLE, "state": "DRAWN"})
    status, saved = mei.json(
        "PUT", f"api/tasks/{claimed.task_id}", {"base_revision": claimed.revision, "boxes": boxes}
    )
    assert status == 200, saved
    other = [{**boxes[0], "text": "PUMP P-4713"}, *boxes[1:]]
    status, stale = mei.json(
        "PUT", f"api/tasks/{claimed.task_id}", {"base_revision": claimed.revision, "boxes": other}
    )
    assert (status, stale["code"], stale["saved_by"]) == (409, "STALE", "mei")
    status, submitted = mei.json(
        "POST", f"api/tasks/{claimed.task_id}/submit", {"base_revision": saved["revision"]}
    )
    assert (status, submitted["state"]) == (200, "SUBMITTED")

    event = eventually(
        lambda: [
            e for e in stack.received(SOURCE_LABELING) if e["detail"]["labeling_id"] == labeling.labeling_id
        ],
        30,
    )[0]
    assert event["detail-type"] == "LabelingSubmitted"
    (created,) = eventually(lambda: stack.received(SOURCE_DATASETS), 60, lambda: "no dataset version")
    detail = created["detail"]
    manifest = load_manifest(
        s3=stack.target.s3,
        bucket=stack.target.data_bucket,
        project=detail["project"],
        version=detail["version"],
    )
    (page,) = [page for page in manifest.pages if page.name == "labeling/pump.png"]
    data, labels = load_page(page, s3=stack.target.s3, bucket=stack.target.data_bucket)
    assert sorted(label.text for label in labels.labels) == [UNREADABLE, "PUMP P-4712"]
    assert render_page(data, page.image.page).shape[:2] == (page.height, page.width)
    done = store_of(stack.target).known(labeling.labeling_id)
    assert done.state is LabelingState.DONE


def test_a_page_that_the_drawing_does_not_have_fails_with_its_reason(stack: Stack) -> None:
    dropped = stack.drop("labeling/short.png", drawings.png("SHORT"))
    revision = stack.ended(dropped)
    ask(stack.target, revision, 9, Reason.REQUESTED, str(uuid.uuid4()))
    client = stack.target.client("stepfunctions")
    machine = stack.target.output("LabelingStateMachineArn")

    def failed() -> str | None:
        found = client.list_executions(stateMachineArn=machine, statusFilter="FAILED")["executions"]
        return found[0]["executionArn"] if found else None

    cause = client.describe_execution(executionArn=eventually(failed, 60))["cause"]
    assert "has no page 9" in cause


def test_two_exports_at_the_same_moment_lose_nothing(stack: Stack) -> None:
    """The local cloud's S3 really answers conditional writes at once; moto in the unit tests does not."""
    source = DataSource(name="generated", licence="CC0-1.0")

    def page(name: str) -> NewPage:
        image = put_picture(
            drawings.png(name), s3=stack.target.s3, bucket=stack.target.data_bucket, project="race",
            media_type=MediaType.PNG,
        )  # fmt: skip
        labels = PageLabels(width=560, height=200, labels=())
        return NewPage(name=name, group=name, source=source, image=image, labels=labels)

    def exported(name: str) -> CreatedVersion:
        return create_version(
            s3=stack.target.s3, bucket=stack.target.data_bucket, project="race", pages=[page(name)]
        )

    names = [f"EXPORT {number}" for number in range(6)]
    with ThreadPoolExecutor(len(names)) as pool:
        made = list(pool.map(exported, names))
    assert sorted(one.number for one in made) == [1, 2, 3, 4, 5, 6]
    last = max(made, key=lambda one: one.number)
    assert {page.name for page in last.manifest.pages} == set(names)
