"""From a fresh result to work for people, and what happens when that fails."""

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.stub import ANY, Stubber
from drawops.catalog import Catalog
from drawops.contracts.events import DrawingProcessed
from drawops.contracts.labeling import Area, Backend, LabelingState, Reason
from drawops.contracts.reading import DrawingResult
from drawops.contracts.workflow import LabelingFailure, OpenRequest
from drawops.errors import InvalidResult, NotReady
from drawops.keys import LabelingKeys, RevisionKeys, area_picture_key, labeling_id
from drawops.labeling.consideration import consider, start_labeling
from drawops.labeling.failure import fail
from drawops.labeling.opening import open_page
from drawops.labeling.picture import MAX_ATTRIBUTES, areas_to_cut, keep_picture, order_picture
from drawops.labeling.policy import ConfidencePolicy
from drawops.labeling.store import Labeling, LabelingStore

from tests.unit.core.conftest import client_of
from tests.unit.core.labeling.conftest import DATA
from tests.unit.core.labeling.pages import grid, szi

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:labeling"
ANSWER = f"s3://{DATA}/inference/output/1.out"


def processed(result: DrawingResult, s3: "S3Client") -> DrawingProcessed:
    key = RevisionKeys(result.drawing_id, result.revision).result
    s3.put_object(Bucket=DATA, Key=key, Body=result.model_dump_json().encode())
    return DrawingProcessed(
        id=f"{result.drawing_id}/{result.revision}", drawing_id=result.drawing_id, revision=result.revision,
        bucket="raw", key=result.source.key, result_bucket=DATA, result_key=key, pages=1, texts=12,
        mean_confidence=0.9, model_version="1.0.0",
    )  # fmt: skip


def request(result: DrawingResult, page: int = 1) -> OpenRequest:
    return OpenRequest(
        drawing_id=result.drawing_id, revision=result.revision, page=page, reason=Reason.REQUESTED
    )


@pytest.fixture
def stepfunctions() -> Stubber:
    return Stubber(boto3.client("stepfunctions"))


@pytest.fixture
def preparing(store: LabelingStore, s3: "S3Client") -> Labeling:
    return open_page(grid(), 1, reason=Reason.REQUESTED, s3=s3, store=store, data_bucket=DATA)


def test_a_doubtful_page_starts_the_workflow_under_the_labelings_name(
    s3: "S3Client", stepfunctions: Stubber
) -> None:
    result = grid(12, doubtful=6)
    name = labeling_id(result.drawing_id, result.revision, 1)
    stepfunctions.add_response(
        "start_execution",
        {"executionArn": "arn:aws:states:us-east-1:123456789012:execution:labeling:x", "startDate": 0},
        {"stateMachineArn": MACHINE, "name": name, "input": ANY},
    )
    with stepfunctions:
        chosen = consider(
            processed(result, s3), s3=s3, stepfunctions=client_of(stepfunctions), state_machine_arn=MACHINE,
            policy=ConfidencePolicy(),
        )  # fmt: skip
    assert chosen == [name]
    stepfunctions.assert_no_pending_responses()


def test_a_page_that_was_read_surely_starts_nothing(s3: "S3Client", stepfunctions: Stubber) -> None:
    with stepfunctions:
        assert not consider(
            processed(grid(12, doubtful=0), s3), s3=s3, stepfunctions=client_of(stepfunctions),
            state_machine_arn=MACHINE, policy=ConfidencePolicy(),
        )  # fmt: skip


def test_an_event_that_comes_twice_starts_one_workflow(stepfunctions: Stubber) -> None:
    stepfunctions.add_client_error("start_execution", "ExecutionAlreadyExists")
    with stepfunctions:
        assert start_labeling(
            request(grid()), stepfunctions=client_of(stepfunctions), state_machine_arn=MACHINE
        )


def test_a_result_that_is_not_there_is_not_ready(s3: "S3Client", stepfunctions: Stubber) -> None:
    event = processed(grid(), s3).model_copy(update={"result_key": "drawings/other/result.json"})
    with pytest.raises(NotReady, match="must be read first"):
        consider(
            event, s3=s3, stepfunctions=client_of(stepfunctions), state_machine_arn=MACHINE,
            policy=ConfidencePolicy(),
        )  # fmt: skip


def ordered(labeling: Labeling, catalog: Catalog, areas: tuple[Area, ...] = ()) -> dict[str, Any]:
    """What the endpoint was asked."""
    asked: dict[str, Any] = {}
    runtime = boto3.client("sagemaker-runtime")
    with Stubber(runtime) as stub:
        stub.add_response("invoke_endpoint_async", {"OutputLocation": ANSWER, "InferenceId": "x"})
        runtime.meta.events.register(
            "before-parameter-build.sagemaker-runtime.*", lambda params, **_: asked.update(params)
        )
        order_picture(
            labeling, areas, "token", runtime=runtime, catalog=catalog, endpoint="ocr", data_bucket=DATA,
            timeout_seconds=900,
        )  # fmt: skip
    return asked


def test_the_picture_is_ordered_from_the_reading_endpoint(preparing: Labeling, catalog: Catalog) -> None:
    asked = ordered(preparing, catalog)
    assert asked["Accept"] == "application/zip"
    assert asked["CustomAttributes"] == "page=1"
    assert asked["ContentType"] == "image/png"
    assert (
        asked["InputLocation"] == f"s3://{DATA}/drawings/{preparing.drawing_id}/{preparing.revision}/source"
    )
    waiting = catalog.inference(preparing.labeling_id)
    assert waiting is not None
    assert (waiting.task_token, waiting.output_location) == ("token", ANSWER)


def test_a_backend_that_shows_pictures_gets_its_areas_cut_out(
    store: LabelingStore, s3: "S3Client", catalog: Catalog
) -> None:
    labeling = open_page(
        grid(), 1, reason=Reason.REQUESTED, s3=s3, store=store, data_bucket=DATA, backend=Backend.GROUND_TRUTH
    )
    asked = ordered(labeling, catalog, areas_to_cut(labeling, store))
    assert asked["CustomAttributes"] == "page=1;areas=0_0_2000_1200"


def test_our_own_page_needs_no_cut_outs(preparing: Labeling, store: LabelingStore) -> None:
    assert areas_to_cut(preparing, store) == ()


def test_more_areas_than_an_order_can_name_are_refused(preparing: Labeling, catalog: Catalog) -> None:
    areas = tuple(Area(x=1000 * i, y=0, width=1000, height=1000) for i in range(MAX_ATTRIBUTES // 10))
    with pytest.raises(InvalidResult, match="allow more boxes a task"):
        ordered(preparing, catalog, areas)


def with_cut_out(picture: bytes, name: str, content: bytes) -> bytes:
    file = io.BytesIO(picture)
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr(name, content)
    return file.getvalue()


def test_the_answer_is_kept_beside_the_tasks_and_people_may_come(
    preparing: Labeling, store: LabelingStore, s3: "S3Client"
) -> None:
    picture = with_cut_out(szi(), "areas/0_0_2000_1200.png", b"png")
    s3.put_object(Bucket=DATA, Key="inference/output/1.out", Body=picture)
    for _ in range(2):
        labeling = keep_picture(preparing.labeling_id, ANSWER, s3=s3, store=store, data_bucket=DATA)
    assert labeling.state is LabelingState.OPEN
    keys = LabelingKeys(preparing.labeling_id)
    assert s3.get_object(Bucket=DATA, Key=keys.pyramid)["Body"].read() == picture
    assert (
        s3.get_object(
            Bucket=DATA, Key=area_picture_key(labeling.labeling_id, Area(x=0, y=0, width=2000, height=1200))
        )["Body"].read()
        == b"png"
    )
    assert [task.name for task in store.claimable("mei")] == ["unit 40/sheet.png"]


def test_an_answer_that_is_no_picture_of_the_page_is_refused(
    preparing: Labeling, store: LabelingStore, s3: "S3Client"
) -> None:
    for wrong in (b"{}", szi(width=100)):
        s3.put_object(Bucket=DATA, Key="inference/output/1.out", Body=wrong)
        with pytest.raises(InvalidResult):
            keep_picture(preparing.labeling_id, ANSWER, s3=s3, store=store, data_bucket=DATA)
    assert store.known(preparing.labeling_id).state is LabelingState.PREPARING


def test_a_failure_is_recorded_with_its_reason_and_what_to_do(
    preparing: Labeling, store: LabelingStore
) -> None:
    cause = json.dumps({"errorType": "NotReady", "errorMessage": "Endpoint ocr takes no requests."})
    sentence = fail(LabelingFailure(request=request(grid()), error="NotReady", cause=cause), store=store)
    failed = store.known(preparing.labeling_id)
    assert failed.state is LabelingState.FAILED
    assert failed.failure == sentence
    assert "Endpoint ocr takes no requests." in sentence
    assert "drawops label request" in sentence


def test_a_failure_before_the_labeling_was_there_is_no_further_failure(store: LabelingStore) -> None:
    assert fail(
        LabelingFailure(request=request(grid()), error="InvalidResult", cause="no page 9"), store=store
    )
