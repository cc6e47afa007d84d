"""A dataset version holds what was labelled, once, for ever, and no export loses another's work."""

import hashlib
import json
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from drawops.contracts.datasets import (
    CreatedVersion,
    DatasetManifest,
    DataSource,
    NewPage,
    PageEntry,
    RegressionRule,
    Split,
    SplitShares,
)
from drawops.contracts.events import DatasetVersionCreated
from drawops.contracts.labels import Label, PageLabels
from drawops.contracts.reading import MediaType
from drawops.datasets import versions as v
from drawops.errors import Conflict, Corrupt, Misconfigured, NotReady
from drawops.keys import DatasetKeys
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

DATA, PROJECT = "data", "unit-40"
OWN = DataSource(name="own", licence="LicenseRef-own")
KEYS = DatasetKeys(PROJECT)


def label(text: str, x: float = 10, y: float = 10, number: int = 1) -> Label:
    return Label(id=f"t{number}", points=((x, y), (x + 60, y), (x + 60, y + 12), (x, y + 12)), text=text)


def labels(*texts: str) -> PageLabels:
    made = tuple(label(text, y=20.0 * number, number=number) for number, text in enumerate(texts))
    return PageLabels(width=400, height=300, labels=made)


def page(
    s3: "S3Client", name: str, *texts: str, group: str = "", content: bytes = b"", source: DataSource = OWN
) -> NewPage:
    image = v.put_picture(
        content or name.encode(), s3=s3, bucket=DATA, project=PROJECT, media_type=MediaType.PNG
    )
    return NewPage(name=name, group=group or name, source=source, image=image, labels=labels(*texts))


def create(s3: "S3Client", *pages: NewPage, **options: Any) -> CreatedVersion:  # noqa: ANN401
    return v.create_version(s3=s3, bucket=DATA, project=PROJECT, pages=pages, **options)


def names(manifest: DatasetManifest) -> set[str]:
    return {each.name for each in manifest.pages}


class Interrupted:
    """An S3 client during whose first write of a history entry something else happens."""

    def __init__(self, s3: "S3Client", meanwhile: Callable[[], object]) -> None:
        self._s3, self._meanwhile, self.times = s3, meanwhile, 0

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._s3, name)

    def put_object(self, **request: Any) -> Any:  # noqa: ANN401
        if request["Key"].startswith(KEYS.history) and not self.times:
            self.times += 1
            self._meanwhile()
        return self._s3.put_object(**request)


class Atomic:
    """S3 decides and writes in one step; moto, asked by several threads, does not."""

    def __init__(self, s3: "S3Client") -> None:
        self._s3, self._lock = s3, threading.Lock()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._s3, name)

    def put_object(self, **request: Any) -> Any:  # noqa: ANN401
        with self._lock:
            return self._s3.put_object(**request)


def test_a_version_holds_its_pages_and_can_be_loaded_again(s3: "S3Client") -> None:
    made = create(s3, page(s3, "a.png", "P-101", "###"), page(s3, "b.png", "Ø50", ""), cleaning={"EMPTY": 2})
    assert made.created
    assert made.number == 1
    assert made.new_texts == 2
    loaded = v.load_manifest(s3=s3, bucket=DATA, project=PROJECT, version=made.manifest.version)
    assert loaded == made.manifest
    assert loaded.parent is None
    assert loaded.dictionary == tuple(sorted(set("P-101Ø50")))
    assert loaded.cleaning == {"EMPTY": 2}
    total = loaded.statistics.total
    assert (total.pages, total.texts, total.characters, total.unreadable) == (2, 2, 8, 1)
    assert sum(counts.pages for counts in loaded.statistics.by_split.values()) == 2
    content, found = v.load_page(
        next(each for each in loaded.pages if each.name == "a.png"), s3=s3, bucket=DATA
    )
    assert content == b"a.png"
    assert [each.text for each in found.labels] == ["P-101", "###"]


def test_the_same_content_again_is_the_same_version_and_no_event(s3: "S3Client") -> None:
    pages = [page(s3, "a.png", "P-101"), page(s3, "b.png", "P-102")]
    first = create(s3, *pages)
    again = create(s3, *reversed(pages))
    assert not again.created
    assert again.manifest == first.manifest
    assert len(v.versions(s3=s3, bucket=DATA, project=PROJECT)) == 1
    part = create(s3, pages[0])
    assert not part.created
    assert part.manifest == first.manifest


def test_nothing_in_a_version_depends_on_when_or_where_it_was_made(s3: "S3Client") -> None:
    first = create(s3, page(s3, "a.png", "P-101"))
    for key in (KEYS.history_entry(1), first.manifest_key):
        s3.delete_object(Bucket=DATA, Key=key)
    assert create(s3, page(s3, "a.png", "P-101")).manifest == first.manifest


def test_a_repeated_request_is_told_again_that_it_made_a_version(s3: "S3Client") -> None:
    first = create(s3, page(s3, "a.png", "P-101"), request="execution-1")
    create(s3, page(s3, "b.png", "P-102"), request="execution-2")
    again = create(s3, page(s3, "a.png", "P-101"), request="execution-1")
    assert again == first
    assert again.created
    assert not create(s3, page(s3, "a.png", "P-101"), request="execution-3").created


def test_a_next_version_keeps_the_pages_of_the_one_before(s3: "S3Client") -> None:
    first = create(s3, page(s3, "a.png", "P-101"), cleaning={"EMPTY": 1})
    second = create(s3, page(s3, "b.png", "P-102"), cleaning={"EMPTY": 2, "OUTSIDE_PAGE": 1})
    assert second.manifest.parent == first.manifest.version
    assert names(second.manifest) == {"a.png", "b.png"}
    assert second.manifest.cleaning == {"EMPTY": 3, "OUTSIDE_PAGE": 1}
    assert second.new_texts == 1
    history = v.versions(s3=s3, bucket=DATA, project=PROJECT)
    assert [entry.version for entry in history] == [second.manifest.version, first.manifest.version]
    assert [entry.parent for entry in history] == [first.manifest.version, None]


def test_a_page_labelled_again_replaces_its_older_labels(s3: "S3Client") -> None:
    create(s3, page(s3, "a.png", "P-1O1"), page(s3, "b.png", "X"))
    second = create(s3, page(s3, "a.png", "P-101"))
    assert names(second.manifest) == {"a.png", "b.png"}
    assert "O" not in second.manifest.dictionary
    assert second.new_texts == 1
    (entry,) = (each for each in second.manifest.pages if each.name == "a.png")
    assert v.load_labels(entry, s3=s3, bucket=DATA).labels[0].text == "P-101"


def test_the_same_sheet_under_another_name_is_the_same_page_in_its_old_group(s3: "S3Client") -> None:
    create(s3, page(s3, "a.png", "P-101", group="drawing 1", content=b"sheet"))
    second = create(s3, page(s3, "copy of a.png", "P-102", group="drawing 2", content=b"sheet"))
    (entry,) = second.manifest.pages
    assert (entry.name, entry.group) == ("a.png", "drawing 1")


def test_pages_can_be_taken_out_but_those_of_the_regression_set_stay(s3: "S3Client") -> None:
    rule = RegressionRule(from_pages=1, share=1)
    held = _group_of(Split.TEST)
    create(s3, page(s3, "t.png", "T", group=held), page(s3, "a.png", "A", group="x"), regression=rule)
    second = create(s3, page(s3, "b.png", "B", group="y"), replace=True)
    assert names(second.manifest) == {"t.png", "b.png"}


def _group_of(split: Split, start: int = 0) -> str:
    return next(name for name in (f"g{i}" for i in range(start, start + 500)) if v.split_of(name) is split)


@pytest.mark.parametrize("same", [False, True])
def test_of_two_exports_at_once_one_builds_on_the_other_and_nothing_is_lost(
    s3: "S3Client", same: bool
) -> None:
    create(s3, page(s3, "first.png", "F"))
    a = page(s3, "a.png", "P-101")
    b = a if same else page(s3, "b.png", "P-102")
    winners: list[CreatedVersion] = []
    interrupted = Interrupted(s3, lambda: winners.append(create(s3, b)))
    loser = create(interrupted, a)  # type: ignore[arg-type]
    assert interrupted.times == 1
    (winner,) = winners
    assert winner.created
    if same:
        assert not loser.created
        assert loser.manifest == winner.manifest
    else:
        assert loser.created
        assert loser.manifest.parent == winner.manifest.version
        assert names(loser.manifest) == {"first.png", "a.png", "b.png"}


def test_ten_exports_at_once_end_in_one_line_of_versions(s3: "S3Client") -> None:
    pages = [page(s3, f"{number}.png", f"P-{number}") for number in range(10)]
    together: Any = Atomic(s3)
    start = threading.Barrier(len(pages))

    def export(one: NewPage) -> CreatedVersion:
        start.wait()
        return create(together, one)

    with ThreadPoolExecutor(len(pages)) as threads:
        made = list(threads.map(export, pages))
    assert all(each.created for each in made)
    history = v.versions(s3=s3, bucket=DATA, project=PROJECT)
    assert [entry.number for entry in history] == list(range(10, 0, -1))
    assert [entry.parent for entry in history] == [*(entry.version for entry in history[1:]), None]
    newest = v.load_manifest(s3=s3, bucket=DATA, project=PROJECT, version=history[0].version)
    assert names(newest) == {f"{number}.png" for number in range(10)}


def test_whoever_is_always_second_gives_up_with_a_sentence(s3: "S3Client") -> None:
    class Unlucky(Atomic):
        def put_object(self, **request: Any) -> Any:  # noqa: ANN401
            if request["Key"].startswith(KEYS.history):
                answer = {"Error": {"Code": "PreconditionFailed", "Message": ""}}
                raise ClientError(answer, "PutObject")  # type: ignore[arg-type]
            return super().put_object(**request)

    unlucky: Any = Unlucky(s3)
    with pytest.raises(Conflict, match="try again"):
        create(unlucky, page(s3, "a.png", "A"))


def test_without_pages_there_is_no_version(s3: "S3Client") -> None:
    with pytest.raises(NotReady, match="no labelled pages"):
        create(s3)
    with pytest.raises(NotReady, match="no dataset version"):
        v.load_manifest(s3=s3, bucket=DATA, project=PROJECT, version="v-" + 20 * "0")


def test_a_licence_does_not_change_under_the_same_name(s3: "S3Client") -> None:
    create(s3, page(s3, "a.png", "A", source=DataSource(name="dexpi", licence="CC-BY-4.0")))
    with pytest.raises(Misconfigured, match=r"'dexpi' is under 'CC-BY-4\.0'"):
        create(s3, page(s3, "b.png", "B", source=DataSource(name="dexpi", licence="MIT")))


def test_a_tampered_or_missing_object_is_named(s3: "S3Client") -> None:
    made = create(s3, page(s3, "a.png", "P-101"))
    (entry,) = made.manifest.pages
    s3.put_object(Bucket=DATA, Key=entry.labels_key, Body=v.canonical_json(labels("P-999")))
    with pytest.raises(Corrupt, match=f"{entry.labels_key} was changed"):
        v.load_page(entry, s3=s3, bucket=DATA)
    s3.delete_object(Bucket=DATA, Key=entry.image.key)
    with pytest.raises(Corrupt, match=f"{entry.image.key} is missing"):
        v.load_page(entry, s3=s3, bucket=DATA)
    document = json.loads(v.canonical_json(made.manifest))
    document["pages"][0]["split"] = "val" if entry.split is not Split.VAL else "train"
    s3.put_object(Bucket=DATA, Key=made.manifest_key, Body=json.dumps(document).encode())
    with pytest.raises(Corrupt, match=r"manifest\.json is not what"):
        v.load_manifest(s3=s3, bucket=DATA, project=PROJECT, version=made.manifest.version)


def test_the_regression_set_is_drawn_once_from_whole_test_groups(s3: "S3Client") -> None:
    rule = RegressionRule(from_pages=60, share=0.5)

    def sheets(first: int, past: int) -> list[NewPage]:
        return [page(s3, f"{i}.png", f"T{i}", group=f"drawing {i // 2}") for i in range(first, past)]

    small = create(s3, *sheets(0, 50), regression=rule).manifest
    assert small.statistics.regression.pages == 0
    assert v.load_regression(s3=s3, bucket=DATA, project=PROJECT) is None
    enough = create(s3, *sheets(50, 120), regression=rule).manifest
    frozen = v.load_regression(s3=s3, bucket=DATA, project=PROJECT)
    assert frozen is not None
    flagged = [entry for entry in enough.pages if entry.regression]
    assert {entry.page_id for entry in flagged} == set(frozen.pages)
    assert {entry.group for entry in flagged} == set(frozen.groups)
    assert all(entry.split is Split.TEST for entry in flagged)
    test = [entry for entry in enough.pages if entry.split is Split.TEST]
    assert 0 < len(flagged) <= len(test) / 2 + 1
    assert all(entry.regression == (entry.group in frozen.groups) for entry in test)
    later = create(s3, *sheets(120, 300), regression=rule).manifest
    assert v.load_regression(s3=s3, bucket=DATA, project=PROJECT) == frozen
    assert {entry.page_id for entry in later.pages if entry.regression} == set(frozen.pages)
    # A new page of a frozen group is held out as well, but the set stays what it was.
    more = create(s3, page(s3, "new.png", "N", group=frozen.groups[0]), shares=SplitShares(val=0, test=0))
    (new,) = (entry for entry in more.manifest.pages if entry.name == "new.png")
    assert (new.split, new.regression) == (Split.TEST, False)


def test_a_group_never_changes_sides_even_when_the_shares_do(s3: "S3Client") -> None:
    first = create(s3, *(page(s3, f"{i}.png", "T", group=f"d{i}") for i in range(40))).manifest
    sides = {entry.group: entry.split for entry in first.pages}
    assert set(sides.values()) == set(Split)
    again = [page(s3, f"{i}-2.png", "T", group=f"d{i}") for i in range(80)]
    second = create(s3, *again, shares=SplitShares(val=0.5, test=0.4)).manifest
    assert all(sides[entry.group] is entry.split for entry in second.pages if entry.group in sides)


@given(st.lists(st.text(min_size=1), min_size=1, max_size=50), st.floats(0, 0.45), st.floats(0, 0.45))
def test_a_groups_split_depends_on_its_name_alone(groups: list[str], val: float, test: float) -> None:
    shares = SplitShares(val=val, test=test)
    found = {group: v.split_of(group, shares) for group in groups}
    assert all(v.split_of(group, shares) is split for group, split in found.items())
    # More room for val takes from train only.
    wider = SplitShares(val=min(0.5, val + 0.05), test=test)
    assert all(
        v.split_of(group, wider) is split for group, split in found.items() if split is not Split.TRAIN
    )


def test_splits_come_out_as_the_shares_say() -> None:
    found = [v.split_of(f"drawing {number}") for number in range(5000)]
    assert found.count(Split.TEST) == pytest.approx(500, abs=80)
    assert found.count(Split.VAL) == pytest.approx(500, abs=80)
    with pytest.raises(Misconfigured, match="something for training"):
        v.split_of("x", SplitShares(val=0.5, test=0.5))


strings = st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=8), max_size=4)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.text("abc", min_size=1, max_size=3), strings, min_size=1, max_size=5), st.randoms())
def test_a_version_is_named_by_its_content_and_by_nothing_else(
    texts: dict[str, list[str]], order: random.Random
) -> None:
    entries = [_entry(name, labels(*each)) for name, each in texts.items()]
    made = v.build_manifest(project=PROJECT, pages=entries, sources=[OWN])
    shuffled = entries.copy()
    order.shuffle(shuffled)
    assert v.build_manifest(project=PROJECT, pages=shuffled, sources=[OWN]) == made
    assert DatasetManifest.model_validate_json(v.canonical_json(made)) == made
    assert v.version_id(made) == made.version
    changed = [entries[0].model_copy(update={"labels_sha256": "0" * 64}), *entries[1:]]
    assert v.build_manifest(project=PROJECT, pages=changed, sources=[OWN]).version != made.version


def _entry(name: str, found: PageLabels) -> PageEntry:
    sha256 = hashlib.sha256(v.canonical_json(found)).hexdigest()
    return PageEntry.model_validate(
        {
            "page_id": "p-" + hashlib.sha256(name.encode()).hexdigest()[:20],
            "name": name,
            "group": name,
            "image": {"key": name, "sha256": "1" * 64, "media_type": "image/png"},
            "labels_key": KEYS.content(sha256),
            "labels_sha256": sha256,
            "width": 400,
            "height": 300,
            "split": "train",
            "source": "own",
            "texts": 0,
            "characters": 0,
            "unreadable": 0,
            "alphabet": "",
        }
    )


def test_the_difference_names_pages_strings_characters_and_sources(s3: "S3Client") -> None:
    other = DataSource(name="dexpi", licence="CC-BY-4.0")
    first = create(s3, page(s3, "a.png", "P-1O1", "T-1", "GONE"), page(s3, "old.png", "~")).manifest
    second = create(
        s3,
        page(s3, "a.png", "P-101", "T-1"),
        page(s3, "b.png", "NEW", "Ø"),
        page(s3, "c.png", "T", source=other),
        replace=True,
        cleaning={"EMPTY": 3},
    ).manifest
    found = v.diff(first, second, s3=s3, bucket=DATA)
    assert found.pages_added == ("b.png", "c.png")
    assert found.pages_removed == ("old.png",)
    (change,) = found.pages_relabelled
    assert [(each.before, each.after) for each in change.changed] == [("P-1O1", "P-101")]
    assert (change.added, change.removed, change.moved) == ((), ("GONE",), 0)
    assert (found.texts_added, found.texts_removed, found.texts_changed) == (3, 2, 1)
    assert (found.sources_added, found.sources_removed) == (("dexpi",), ())
    assert "Ø" in found.characters_gained
    assert "~" in found.characters_lost
    assert found.cleaning == {"EMPTY": 3}
    same = v.diff(first, first, s3=s3, bucket=DATA)
    assert (same.pages_added, same.pages_removed, same.pages_relabelled, same.texts_changed) == (
        (),
        (),
        (),
        0,
    )


def test_a_text_that_moved_is_not_one_gone_and_one_new() -> None:
    before = PageLabels(width=400, height=300, labels=(label("A", 10, 10), label("B", 10, 40, number=2)))
    after = PageLabels(width=400, height=300, labels=(label("A", 200, 90), label("B", 11, 40, number=2)))
    change = v.page_change("p", "a.png", before, after)
    assert (change.added, change.removed, change.changed, change.moved) == ((), (), (), 2)


def test_two_texts_on_one_place_are_told_by_their_strings() -> None:
    before = PageLabels(width=400, height=300, labels=(label("A"), label("B", number=2)))
    after = PageLabels(width=400, height=300, labels=(label("B"), label("C", number=2)))
    change = v.page_change("p", "a.png", before, after)
    assert [(each.before, each.after) for each in change.changed] == [("A", "C")]


def test_the_event_says_which_version_and_how_much_is_new(s3: "S3Client") -> None:
    create(s3, page(s3, "a.png", "A", "B"))
    made = create(s3, page(s3, "b.png", "C"))
    event = DatasetVersionCreated.of(made, DATA)
    assert event.id == f"{PROJECT}/{made.manifest.version}"
    assert (event.pages, event.texts, event.new_texts) == (2, 3, 1)
    assert s3.get_object(Bucket=event.manifest_bucket, Key=event.manifest_key)


def test_every_project_is_found(s3: "S3Client") -> None:
    for project in ("b", "a"):
        v.create_version(s3=s3, bucket=DATA, project=project, pages=[page(s3, "x.png", "X")])
    assert v.projects(s3=s3, bucket=DATA) == ["a", "b", PROJECT]
