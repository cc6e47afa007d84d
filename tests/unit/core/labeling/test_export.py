"""Pages that people are done with become a dataset version."""

from typing import TYPE_CHECKING

import pytest
from drawops.contracts.cleaning import CleanedPage, Rule
from drawops.contracts.labeling import Box, BoxState, SubmitRequest
from drawops.contracts.reading import DrawingResult
from drawops.contracts.workflow import ExportRequest
from drawops.datasets.versions import load_labels, load_manifest
from drawops.errors import NotReady
from drawops.keys import LabelingKeys, RevisionKeys
from drawops.labeling.completion import consolidate
from drawops.labeling.export import ExportSettings, export
from drawops.labeling.service import LabelingService
from drawops.labeling.store import LabelingStore

from tests.unit.core.labeling.conftest import DATA
from tests.unit.core.labeling.pages import Open, Opened, accept_all, grid

if TYPE_CHECKING:
    from drawops.contracts.datasets import CreatedVersion
    from mypy_boto3_s3 import S3Client

PROJECT = "default"


class People:
    """Open pages, do their tasks, ask for versions."""

    def __init__(self, opened: Open, service: LabelingService, store: LabelingStore, s3: "S3Client") -> None:
        self._opened, self._service, self._store, self.s3 = opened, service, store, s3

    def open(self, number: int) -> Opened:
        result = drawing(number)
        self.s3.put_object(
            Bucket=DATA,
            Key=RevisionKeys(result.drawing_id, result.revision).result,
            Body=result.model_dump_json().encode(),
        )
        return self._opened(result)

    def finish(self, page: Opened, *more: Box) -> None:
        """Accept everything, add boxes, hand in, consolidate."""
        for task in page.task_ids:
            document = self._service.claim("mei", task)
            boxes = (*accept_all(document.boxes), *more)
            request = SubmitRequest(base_revision=document.revision, boxes=boxes, seconds=60)
            self._service.submit("mei", task, request)
        consolidate(page.labeling.labeling_id, store=self._store, s3=self.s3, data_bucket=DATA)

    def export(self, minimum: int = 10, **request: object) -> "CreatedVersion | None":
        return export(
            ExportRequest.model_validate({"project": PROJECT, **request}),
            store=self._store,
            s3=self.s3,
            bucket=DATA,
            settings=ExportSettings(minimum_pages=minimum, licence="proprietary"),
        )


@pytest.fixture
def people(opened: Open, service: LabelingService, store: LabelingStore, s3: "S3Client") -> People:
    return People(opened, service, store, s3)


def drawing(number: int) -> DrawingResult:
    result = grid(12, doubtful=6)
    source = result.source.model_copy(update={"key": f"plan-{number}.png", "sha256": f"{number:064x}"})
    return result.model_copy(update={"drawing_id": f"d-{number:020x}", "source": source})


def test_a_version_is_made_when_no_page_is_open_any_more(people: People) -> None:
    first, second = people.open(1), people.open(2)
    people.finish(first)
    assert people.export(labeling_id=first.labeling.labeling_id) is None
    people.finish(second)
    made = people.export(labeling_id=second.labeling.labeling_id)
    assert made is not None
    assert made.created
    assert {page.name for page in made.manifest.pages} == {"plan-1.png", "plan-2.png"}
    assert {page.group for page in made.manifest.pages} == {f"d-{1:020x}", f"d-{2:020x}"}
    assert made.manifest.statistics.total.texts == 24


def test_enough_pages_make_a_version_although_others_are_open(people: People) -> None:
    pages = [people.open(number) for number in (1, 2, 3)]
    people.finish(pages[0])
    assert people.export(minimum=2) is None
    people.finish(pages[1])
    made = people.export(minimum=2)
    assert made is not None
    assert len(made.manifest.pages) == 2


def test_a_person_need_not_wait(people: People) -> None:
    first, _ = people.open(1), people.open(2)
    people.finish(first)
    assert people.export(force=True) is not None


def test_what_is_in_a_version_is_not_exported_again(people: People, store: LabelingStore) -> None:
    first = people.open(1)
    people.finish(first)
    made = people.export()
    assert made is not None
    assert store.known(first.labeling.labeling_id).dataset_version == made.manifest.version
    assert people.export(force=True) is None


def test_the_next_version_holds_the_pages_of_the_one_before(people: People) -> None:
    people.finish(people.open(1))
    first = people.export()
    people.finish(people.open(2))
    second = people.export()
    assert first is not None
    assert second is not None
    assert second.manifest.parent == first.manifest.version
    assert len(second.manifest.pages) == 2


def test_labels_are_cleaned_and_what_is_left_out_is_kept_with_its_reason(people: People) -> None:
    page = people.open(1)
    (x, y) = (1000.0, 900.0)
    empty = Box(
        id="new", quad=((x, y), (x + 80, y), (x + 80, y + 20), (x, y + 20)), text=" ", state=BoxState.DRAWN
    )
    people.finish(page, empty)
    made = people.export()
    assert made is not None
    assert made.manifest.cleaning == {Rule.EMPTY.value: 1}
    manifest = load_manifest(s3=people.s3, bucket=DATA, project=PROJECT, version=made.manifest.version)
    labels = load_labels(manifest.pages[0], s3=people.s3, bucket=DATA)
    assert len(labels.labels) == 12
    body = people.s3.get_object(Bucket=DATA, Key=LabelingKeys(page.labeling.labeling_id).cleaned)[
        "Body"
    ].read()
    (rejected,) = CleanedPage.model_validate_json(body).rejected
    assert rejected.label.id == "new"
    assert rejected.reason


def test_a_page_whose_labels_are_missing_is_named(people: People) -> None:
    page = people.open(1)
    people.finish(page)
    people.s3.delete_object(Bucket=DATA, Key=LabelingKeys(page.labeling.labeling_id).consolidated)
    with pytest.raises(NotReady, match=page.labeling.labeling_id):
        people.export()


def test_nothing_done_makes_no_version(people: People) -> None:
    people.open(1)
    assert people.export(force=True) is None
