"""Whatever is dropped ends in a result or in quarantine with a code and a sentence, through S3 and back."""

import json
from collections.abc import Callable, Iterator

import jsonschema
import pytest
from drawops.catalog import Revision, Status
from drawops.contracts.reading import DrawingResult
from drawops.keys import RevisionKeys

from benchmarks.local_stack import ROOT, Dropped, Stack, eventually
from tests.local import drawings
from tests.local.drawings import TEXT

PEAK_BYTES = 2 * 1000**3


@pytest.fixture(scope="module", autouse=True)
def memory(stack: Stack) -> Iterator[None]:
    """After all files of this module the inference process is still the same one, and has stayed small."""
    before = stack.container().pid
    yield
    assert stack.container().pid == before, "the inference process died meanwhile"
    peak = stack.container_peak()
    assert peak is None or peak < PEAK_BYTES


def texts(result: DrawingResult) -> list[list[str]]:
    return [[text.text for text in page.texts] for page in result.pages]


def assert_read(stack: Stack, dropped: Dropped, seconds: float = 60) -> DrawingResult:
    """Drawing PROCESSED, one execution, one event, a result that meets its contract; returns the result."""
    revision = stack.ended(dropped, seconds)
    assert (revision.status, revision.code, revision.reason) == (Status.PROCESSED, None, None)
    result = stack.result(revision)
    assert result.source.key == dropped.key
    assert result.source.sha256 == dropped.sha256
    event = stack.event(dropped)
    assert event["detail-type"] == "DrawingProcessed"
    assert event["detail"]["key"] == dropped.key
    assert event["detail"]["result_key"] == revision.result_key
    assert_one_execution(stack, dropped, "SUCCEEDED")
    return result


def assert_quarantined(stack: Stack, dropped: Dropped, code: str, *words: str) -> Revision:
    """Drawing QUARANTINED with this code and a sentence with these words: catalog, reason.json and event."""
    revision = stack.ended(dropped)
    assert (revision.status, revision.code) == (Status.QUARANTINED, code), revision.reason
    assert revision.reason is not None
    assert revision.reason[0].isupper()
    assert revision.reason.endswith(".")
    for word in words:
        assert word in revision.reason
    keys = RevisionKeys(revision.drawing_id, revision.revision)
    reason = json.loads(stack.data(keys.quarantine_reason))
    assert (reason["code"], reason["reason"], reason["key"]) == (code, revision.reason, dropped.key)
    event = stack.event(dropped)
    assert event["detail-type"] == "DrawingQuarantined"
    assert (event["detail"]["code"], event["detail"]["reason"]) == (code, revision.reason)
    assert_one_execution(stack, dropped, "FAILED")
    return revision


def assert_one_execution(stack: Stack, dropped: Dropped, status: str) -> None:
    (execution,) = stack.executions()[dropped.drawing_id]
    assert (execution.name, execution.status) == (dropped.execution_name(), status)


REFUSED: dict[str, tuple[Callable[[], bytes], str, tuple[str, ...]]] = {
    "empty.png": (lambda: b"", "EMPTY_FILE", ("no content",)),
    "text.png": (lambda: b"Dear Sir, the drawing follows by post.\n", "UNSUPPORTED_TYPE", ("PNG", "PDF")),
    "cut.png": (lambda: half(drawings.png()), "TRUNCATED_FILE", ("again",)),
    "cut.jpg": (lambda: half(drawings.jpeg()), "TRUNCATED_FILE", ("again",)),
    "cut.tif": (lambda: half(drawings.tiff(TEXT)), "TRUNCATED_FILE", ("cut off",)),
    "cut.pdf": (lambda: half(drawings.pdf()), "TRUNCATED_FILE", ("complete",)),
    "bomb.png": (drawings.png_bomb, "TOO_MANY_PIXELS", ("50000 x 50000", "300 dpi")),
    "500 pages.pdf": (lambda: drawings.blank_pdf(500), "TOO_MANY_PAGES", ("100 pages", "split")),
    "no pages.pdf": (lambda: drawings.blank_pdf(0), "NO_PAGES", ("no pages",)),
    "locked, RC4.pdf": (
        lambda: drawings.locked_pdf("secret", "x", "RC4-128"),
        "ENCRYPTED_PDF",
        ("password",),
    ),
    "locked, AES.pdf": (
        lambda: drawings.locked_pdf("secret", "x", "AES-256"),
        "ENCRYPTED_PDF",
        ("password",),
    ),
    "locked, certificate.pdf": (drawings.certificate_pdf, "ENCRYPTED_PDF", ("password",)),
    "one pixel.png": (
        lambda: drawings.encoded(drawings.paper(width=1, height=1), "PNG"),
        "TOO_FEW_PIXELS",
        ("1 x 1", "16"),
    ),
}


def half(data: bytes) -> bytes:
    return data[: len(data) // 2]


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_cannot_be_read_is_refused_with_its_code_and_a_sentence(stack: Stack, name: str) -> None:
    make, code, words = REFUSED[name]
    assert_quarantined(stack, stack.drop(f"refused/{name}", make()), code, *words)


READ: dict[str, Callable[[], bytes]] = {
    "plain.png": drawings.png,
    "plain.jpg": drawings.jpeg,
    "plain.pdf": drawings.pdf,
    "cmyk.jpg": drawings.cmyk_jpeg,
    "16 bit.png": drawings.sixteen_bit_png,
    "alpha.png": drawings.transparent_png,
    "group 4.tif": drawings.bilevel_tiff,
    "a png.pdf": drawings.png,
    "a pdf.jpg": drawings.pdf,
    "no extension": lambda: drawings.tiff(TEXT),
    "owner password, RC4.pdf": lambda: drawings.locked_pdf("", "secret", "RC4-128"),
    "owner password, AES.pdf": lambda: drawings.locked_pdf("", "secret", "AES-256"),
}


@pytest.mark.parametrize("name", READ)
def test_an_unusual_file_is_read_by_its_content(stack: Stack, name: str) -> None:
    result = assert_read(stack, stack.drop(f"read/{name}", READ[name]()))
    assert texts(result) == [[TEXT]]


def test_a_result_meets_the_published_schema(stack: Stack) -> None:
    schema = json.loads((ROOT / "docs" / "reference" / "result-1.0.schema.json").read_text(encoding="utf-8"))
    revision = stack.ended(stack.drop("read/for the schema.png", drawings.png()))
    assert revision.result_key is not None
    jsonschema.validate(json.loads(stack.data(revision.result_key)), schema)


def test_a_turned_photo_is_read_upright(stack: Stack) -> None:
    result = assert_read(stack, stack.drop("read/turned.jpg", drawings.turned_jpeg()))
    (page,) = result.pages
    (text,) = page.texts
    assert (page.width, page.height) == drawings.paper().size
    assert text.text == TEXT
    assert abs(text.angle) < 2
    assert [warning.code for warning in result.warnings] == ["ROTATED_BY_EXIF"]


def test_each_page_of_a_tiff_is_read(stack: Stack) -> None:
    names = ["FEED TANK", "REACTOR", "STRIPPER"]
    result = assert_read(stack, stack.drop("read/three.tif", drawings.tiff(*names)))
    assert texts(result) == [[name] for name in names]


def test_a_scan_of_60_mb_is_read(stack: Stack) -> None:
    data = drawings.large_png()
    assert len(data) > 60 * 1000**2
    result = assert_read(stack, stack.drop("read/large.png", data), seconds=180)
    assert TEXT in texts(result)[0]


KEYS = {
    "spaces": "unit 40/sheet 1 .png",
    "Chinese": "锅炉/图纸 第1页.png",
    "plus and percent": "a+b/50%25 100%.png",
    "emoji": "🏭/👷‍♀️ pump.png",
    "markup and query": "a&b=c?d#e;<f>'\"|*.png",
    "dots and slashes": "a//b/./c.png",
    "no name": "folder only/.png",
    "900 bytes in one piece": "n" * 896 + ".png",
    "900 bytes of Chinese": "泵" * 300,
}


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_a_drawing_is_read_whatever_its_key(stack: Stack, key: str) -> None:
    result = assert_read(stack, stack.drop(key, drawings.png()))
    assert texts(result) == [[TEXT]]
    drawing = stack.target.catalog.drawing(result.drawing_id)
    assert drawing is not None
    assert drawing.key == key


def is_being_read(stack: Stack, dropped: Dropped) -> bool:
    revision = stack.revision_of(dropped)
    return revision is not None and revision.status is Status.READING


def test_a_drawing_overwritten_while_it_is_processed_keeps_both_results(stack: Stack) -> None:
    with stack.endpoint_held_up():
        first = stack.drop("overwritten.png", drawings.png("OLD PUMP"))
        eventually(lambda: is_being_read(stack, first), 30)
        second = stack.drop("overwritten.png", drawings.png("NEW PUMP"))
        eventually(lambda: is_being_read(stack, second), 30)
    for dropped, text in ((first, "OLD PUMP"), (second, "NEW PUMP")):
        revision = stack.ended(dropped)
        assert revision.status is Status.PROCESSED
        assert texts(stack.result(revision)) == [[text]]
    drawing = stack.target.catalog.drawing(first.drawing_id)
    assert drawing is not None
    assert drawing.current_revision == second.revisions[0]
    executions = stack.executions()[first.drawing_id]
    assert sorted(execution.name for execution in executions) == sorted(
        [first.execution_name(), second.execution_name()]
    )


def test_a_drawing_deleted_while_it_is_read_keeps_its_result(stack: Stack) -> None:
    with stack.endpoint_held_up():
        dropped = stack.drop("deleted too late.png", drawings.png())
        eventually(lambda: is_being_read(stack, dropped), 30)
        stack.target.s3.delete_object(
            Bucket=stack.target.raw_bucket, Key=dropped.key, VersionId=dropped.version_id
        )
    assert texts(assert_read(stack, dropped)) == [[TEXT]]


def test_a_drawing_deleted_before_it_is_read_is_not_read(stack: Stack) -> None:
    # Nothing takes uploads out of the queue until the delete marker is there.
    with stack.uploads_held_back():
        dropped = stack.drop("deleted.png", drawings.png())
        stack.target.s3.delete_object(Bucket=stack.target.raw_bucket, Key=dropped.key)
    assert_quarantined(stack, dropped, "DRAWING_DELETED", "deleted", "again")


def test_a_drawing_deleted_for_good_before_it_is_read_is_not_read(stack: Stack) -> None:
    with stack.uploads_held_back():
        dropped = stack.drop("deleted version.png", drawings.png())
        stack.target.s3.delete_object(
            Bucket=stack.target.raw_bucket, Key=dropped.key, VersionId=dropped.version_id
        )
    assert_quarantined(stack, dropped, "DRAWING_DELETED", "deleted", "again")
