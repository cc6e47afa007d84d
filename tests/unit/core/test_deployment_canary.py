"""The canary lets a model through that reads the golden pages as the gate saw them, and no other."""

from typing import TYPE_CHECKING

import pytest
from drawops.contracts.deployment import CanaryAnswer, CanaryStarted
from drawops.contracts.reading import (
    DpiSource,
    MediaType,
    Model,
    Page,
    PageTimings,
    Quad,
    Reading,
    Text,
    TextSource,
    Timings,
)
from drawops.contracts.training import (
    DeploymentMode,
    DeploymentRequest,
    GoldenPage,
    GoldenText,
    ModelRef,
    Outcome,
    Verdict,
)
from drawops.deployment.canary import judge_canary, same_texts
from drawops.errors import Corrupt, JobFailed, NotReady
from drawops.keys import deployment_id, run_id

from tests.unit.core.conftest import DATA

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MODEL = ModelRef(name="m", version="2", artifact_key="models/m/2/model.tar.gz", artifact_sha256="0" * 64)
VERDICT = "training/t-1/gate/verdict.json"
REQUEST = DeploymentRequest(
    deployment_id=deployment_id("m", "now"), mode=DeploymentMode.CANARY, model=MODEL, verdict_key=VERDICT
)
OUT, FAILED = f"s3://{DATA}/inference/output/1.out", f"s3://{DATA}/inference/failure/1.out"
STARTED = CanaryStarted(
    endpoint_name="e-canary",
    answers=(CanaryAnswer(key="datasets/p/objects/1", output_location=OUT, failure_location=FAILED),),
)
STRINGS = [f"TAG-{number:03}" for number in range(100)]


def quad(row: int, dx: float = 0) -> Quad:
    y = 20.0 * row
    return ((10 + dx, y), (90 + dx, y), (90 + dx, y + 12), (10 + dx, y + 12))


def golden(strings: list[str]) -> tuple[GoldenText, ...]:
    return tuple(GoldenText(text=text, quad=quad(row)) for row, text in enumerate(strings))


def read(strings: list[str], dx: float = 0) -> tuple[Text, ...]:
    return tuple(
        Text(id=f"p1-t{row}", quad=quad(row, dx), text=text, confidence=1, angle=0, source=TextSource.OCR)
        for row, text in enumerate(strings)
    )


def put(s3: "S3Client", uri_or_key: str, body: str) -> None:
    s3.put_object(Bucket=DATA, Key=uri_or_key.removeprefix(f"s3://{DATA}/"), Body=body.encode())


def answer(s3: "S3Client", texts: tuple[Text, ...]) -> None:
    page = Page(
        number=1, width=100, height=3000, dpi=None, dpi_source=DpiSource.UNKNOWN, tiles=(), texts=texts,
        timings=PageTimings(decode=0, detect=0, recognise=0),
    )  # fmt: skip
    reading = Reading(
        media_type=MediaType.PNG, model=Model(name="m", version="2", sha256="0" * 64), pages=(page,),
        timings=Timings(total=1),
    )  # fmt: skip
    put(s3, OUT, reading.model_dump_json())


@pytest.fixture
def verdict(s3: "S3Client") -> Verdict:
    page = GoldenPage(
        page_id="p-1", name="plan.png", key="datasets/p/objects/1", media_type="image/png", page=1,
        texts=golden(STRINGS),
    )  # fmt: skip
    made = Verdict(
        run_id=run_id("p", "v", "r"), outcome=Outcome.PASSED, reasons=(), candidate=MODEL, approved=MODEL,
        project="p", dataset_version="v-" + "0" * 20, rows=(), metrics={}, golden=(page,), seconds=1,
        created_at="2026-11-25T00:00:00Z",  # type: ignore[arg-type]
    )  # fmt: skip
    put(s3, VERDICT, made.model_dump_json())
    return made


def test_the_same_texts_in_the_same_places_pass(s3: "S3Client", verdict: Verdict) -> None:
    answer(s3, read(STRINGS, dx=2))
    report = judge_canary(REQUEST, STARTED, s3=s3, data_bucket=DATA)
    assert (report.pages, report.texts, report.same, report.share) == (1, 100, 100, 1.0)


def test_one_text_in_a_hundred_may_differ(s3: "S3Client", verdict: Verdict) -> None:
    answer(s3, read(["TAG-O00", *STRINGS[1:]]))
    assert judge_canary(REQUEST, STARTED, s3=s3, data_bucket=DATA).share == 0.99


@pytest.mark.parametrize("texts", [
    read(["X", "Y", *STRINGS[2:]]),
    read(STRINGS[:98]),
    read([*STRINGS, "NEW 1", "NEW 2"]),
    read(STRINGS, dx=60),
    (),
])  # fmt: skip
def test_two_that_differ_are_missing_are_new_or_lie_elsewhere_do_not(
    texts: tuple[Text, ...], s3: "S3Client", verdict: Verdict
) -> None:
    answer(s3, texts)
    with pytest.raises(JobFailed, match="golden texts as the gate did; 99% are needed"):
        judge_canary(REQUEST, STARTED, s3=s3, data_bucket=DATA)


def test_a_difference_is_named(s3: "S3Client", verdict: Verdict) -> None:
    answer(s3, read(["X", "Y", *STRINGS[2:]]))
    with pytest.raises(JobFailed, match=r"On plan\.png, 'TAG-000' is not read as before"):
        judge_canary(REQUEST, STARTED, s3=s3, data_bucket=DATA)


def test_a_text_counts_once(s3: "S3Client") -> None:
    twice = (*read(["A"]), *read(["A"]))
    assert same_texts(golden(["A"]), twice) == {0}
    assert same_texts((*golden(["A"]), *golden(["A"])), read(["A"])) in ({0}, {1})


def test_an_answer_that_is_not_there_yet_is_waited_for(s3: "S3Client", verdict: Verdict) -> None:
    with pytest.raises(NotReady, match="not answered"):
        judge_canary(REQUEST, STARTED, s3=s3, data_bucket=DATA)


def test_what_the_container_said_is_handed_on(s3: "S3Client", verdict: Verdict) -> None:
    put(s3, FAILED, '{"code": "READING_FAILED", "message": "NaN"}')
    with pytest.raises(JobFailed, match="NaN"):
        judge_canary(REQUEST, STARTED, s3=s3, data_bucket=DATA)


def test_an_answer_that_is_no_reading_fails(s3: "S3Client", verdict: Verdict) -> None:
    put(s3, OUT, "{}")
    with pytest.raises(JobFailed, match="breaks the contract"):
        judge_canary(REQUEST, STARTED, s3=s3, data_bucket=DATA)


def test_a_verdict_that_is_gone_fails_before_anything_is_made(s3: "S3Client") -> None:
    with pytest.raises(Corrupt, match="missing; nothing was changed"):
        judge_canary(REQUEST, STARTED, s3=s3, data_bucket=DATA)


def test_without_a_verdict_there_is_nothing_to_read(s3: "S3Client") -> None:
    request = REQUEST.model_copy(update={"verdict_key": None})
    report = judge_canary(request, STARTED.model_copy(update={"answers": ()}), s3=s3, data_bucket=DATA)
    assert (report.pages, report.share) == (0, 1.0)
