"""Dataset versions in S3: make, list, load, compare.

**Order of writes.** Labels first, then the manifest, then one entry in the project's history. Only a version
in the history counts, so a crash on the way leaves nothing half made, and the same call again goes on.

**Two exports at once** both build on the newest version and both write history entry n + 1, if there is none
(S3's conditional write): one wins. The other builds on the winner and writes entry n + 2; with the same
content it finds nothing left to add. So nothing is lost, and no lock and no table is needed.

**Splits** go by the hash of a group's name, and a group that the parent knows stays where it is, whatever the
shares are now. A page that is known keeps its group, whatever name it comes under.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import ClientError
from pydantic import ValidationError

from drawops.contracts.datasets import (
    Counts,
    CreatedVersion,
    DatasetDiff,
    DatasetManifest,
    DataSource,
    HistoryEntry,
    NewPage,
    PageChange,
    PageEntry,
    PageImage,
    RegressionRule,
    RegressionSet,
    Split,
    SplitChange,
    SplitShares,
    Statistics,
    TextChange,
)
from drawops.contracts.labels import Label, PageLabels
from drawops.contracts.reading import Contract, MediaType
from drawops.datasets.geometry import overlapping_pairs
from drawops.errors import Conflict, Corrupt, Misconfigured, NotReady
from drawops.keys import DATASETS, DatasetKeys, page_id

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

DEFAULT_SHARES = SplitShares()
DEFAULT_REGRESSION = RegressionRule()

_TRIES = 20
"""Exports that may come in between before one gives up; each try is won by somebody."""
_WRITERS = 4
_RECENT = 20
"""History entries in which a repeated request is looked for."""
_SAME_TEXT_IOU = 0.5

_GONE = frozenset({"404", "NoSuchKey"})
_THERE_ALREADY = frozenset({"PreconditionFailed", "412"})
_AT_THE_SAME_MOMENT = frozenset({"ConditionalRequestConflict", "409"})

_C = TypeVar("_C", bound=Contract)


def canonical_json(document: Contract | Mapping[str, Any]) -> bytes:
    """The one way to write a document: sorted keys, no spaces, UTF-8. Hashes are taken of this."""
    plain = document.model_dump(mode="json") if isinstance(document, Contract) else document
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def split_of(group: str, shares: SplitShares = DEFAULT_SHARES) -> Split:
    """The split of a group that no version knows yet, by the SHA-256 of its name.

    Raises:
        Misconfigured: the shares leave nothing for training.
    """
    if shares.val + shares.test >= 1:
        raise Misconfigured("The shares of val and test must leave something for training.")
    place = int.from_bytes(hashlib.sha256(f"split\n{group}".encode()).digest()[:8]) / 2**64
    if place < shares.test:
        return Split.TEST
    return Split.VAL if place < shares.test + shares.val else Split.TRAIN


def put_picture(
    content: bytes, *, s3: "S3Client", bucket: str, project: str, media_type: MediaType, page: int = 1
) -> PageImage:
    """Store a picture under its hash, unless it is there already."""
    sha256 = hashlib.sha256(content).hexdigest()
    key = DatasetKeys(project).content(sha256)
    # Asked first: a refused write has sent the whole picture.
    if not _exists(s3, bucket, key):
        _put_once(s3, bucket, key, content, media_type.value)
    return PageImage(key=key, sha256=sha256, media_type=media_type, page=page)


def create_version(
    *,
    s3: "S3Client",
    bucket: str,
    project: str,
    pages: Sequence[NewPage],
    cleaning: Mapping[str, int] | None = None,
    shares: SplitShares = DEFAULT_SHARES,
    regression: RegressionRule = DEFAULT_REGRESSION,
    replace: bool = False,
    request: str = "",
) -> CreatedVersion:
    """Make the version that holds the newest version's pages and these.

    Args:
        s3: client.
        bucket: the data bucket.
        project: name of the project.
        pages: new ones, and known ones that were labelled again: their labels replace the older ones.
        cleaning: labels and pages that cleaning left out of `pages`, by rule; adds up over versions.
        shares: of the splits, for groups that are new.
        regression: when the regression set is drawn, if the project has none yet.
        replace: leave out the newest version's other pages, except those of the regression set.
        request: names the caller's request (an execution, a labeling), so that its repetition gets the
            answer `created=True` again instead of "nothing to do".

    Raises:
        NotReady: there are no pages.
        Misconfigured: a source has another licence than the one of that name in the newest version; or the
            shares are wrong.
        Corrupt: the newest version cannot be read.
        Conflict: too many others made versions at the same time; try again.
    """
    if not pages:
        raise NotReady("There are no labelled pages to make a version of.")
    keys = DatasetKeys(project)
    given = _unique(pages)
    documents = {found: canonical_json(page.labels) for found, page in given.items()}
    if request and (again := _made_before(s3, bucket, keys, request)):
        return again
    contents = {hashlib.sha256(document).hexdigest(): document for document in documents.values()}
    with ThreadPoolExecutor(_WRITERS) as writers:
        # list() raises what a writer raised.
        list(
            writers.map(
                lambda item: _put_once(s3, bucket, keys.content(item[0]), item[1], "application/json"),
                contents.items(),
            )
        )
    for _ in range(_TRIES):
        newest = newest_version(s3=s3, bucket=bucket, project=project)
        parent = (
            load_manifest(s3=s3, bucket=bucket, project=project, version=newest.version) if newest else None
        )
        entries, sources = _united(
            parent, given, documents, keys, shares, replace, _regression(s3, bucket, keys)
        )
        frozen = _freeze(s3, bucket, keys, entries, regression)
        entries = _with_regression(entries, frozen)
        if parent is not None and newest is not None and _is_same(parent, entries, sources):
            return _answer(keys, newest, parent, created=bool(request) and newest.request == request)
        manifest = build_manifest(
            project=project,
            pages=entries.values(),
            sources=sources,
            parent=parent.version if parent else None,
            cleaning=_added(parent.cleaning if parent else {}, cleaning or {}),
        )
        _put_once(s3, bucket, keys.manifest(manifest.version), canonical_json(manifest), "application/json")
        before = {page.page_id: page.labels_sha256 for page in parent.pages} if parent else {}
        entry = HistoryEntry(
            number=newest.number + 1 if newest else 1,
            version=manifest.version,
            parent=manifest.parent,
            created_at=datetime.now(UTC),
            request=request,
            pages=manifest.statistics.total.pages,
            texts=manifest.statistics.total.texts,
            new_texts=sum(
                page.texts for page in manifest.pages if before.get(page.page_id) != page.labels_sha256
            ),
        )
        if _put_once(s3, bucket, keys.history_entry(entry.number), canonical_json(entry), "application/json"):
            return _answer(keys, entry, manifest, created=True)
    raise Conflict(f"Others keep making versions of {project}; try again in a minute.")


def build_manifest(
    *,
    project: str,
    pages: Iterable[PageEntry],
    sources: Iterable[DataSource],
    parent: str | None = None,
    cleaning: Mapping[str, int] | None = None,
) -> DatasetManifest:
    """A manifest with its statistics, dictionary and version id, whatever the order of what is given."""
    ordered = tuple(sorted(pages, key=lambda page: page.page_id))
    document = {
        "schema_version": "1.0",
        "project": project,
        "parent": parent,
        "sources": tuple(sorted(sources, key=lambda source: source.name)),
        "dictionary": tuple(sorted({character for page in ordered for character in page.alphabet})),
        "cleaning": dict(sorted((cleaning or {}).items())),
        "statistics": _statistics(ordered),
        "pages": ordered,
    }
    unnamed = DatasetManifest.model_validate({**document, "version": "v-" + 20 * "0"})
    return unnamed.model_copy(update={"version": version_id(unnamed)})


def version_id(manifest: DatasetManifest) -> str:
    """`v-` and 80 bits of the SHA-256 of everything in a manifest but its version."""
    content = manifest.model_dump(mode="json", exclude={"version"})
    return "v-" + hashlib.sha256(canonical_json(content)).hexdigest()[:20]


def projects(*, s3: "S3Client", bucket: str) -> list[str]:
    """Names of all projects that have a data set."""
    found = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=DATASETS, Delimiter="/")
    return [
        each["Prefix"].removeprefix(DATASETS).rstrip("/")
        for answer in found
        for each in answer.get("CommonPrefixes", [])
    ]


def versions(*, s3: "S3Client", bucket: str, project: str) -> list[HistoryEntry]:
    """The history of a project, newest first.

    Raises:
        Corrupt: an entry cannot be read.
    """
    names = _history(s3, bucket, DatasetKeys(project))
    with ThreadPoolExecutor(_WRITERS) as readers:
        return list(readers.map(lambda key: _read(s3, bucket, key, HistoryEntry), reversed(names)))


def newest_version(*, s3: "S3Client", bucket: str, project: str) -> HistoryEntry | None:
    """The newest entry of a project's history; None when it has no version yet."""
    names = _history(s3, bucket, DatasetKeys(project))
    return _read(s3, bucket, names[-1], HistoryEntry) if names else None


def load_manifest(*, s3: "S3Client", bucket: str, project: str, version: str) -> DatasetManifest:
    """A version's manifest, verified against the version's name.

    Raises:
        NotReady: there is no such version.
        Corrupt: the manifest is not what its name says.
    """
    key = DatasetKeys(project).manifest(version)
    try:
        body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] in _GONE:
            raise NotReady(f"Project {project} has no dataset version {version}.") from None
        raise
    manifest = _parsed(DatasetManifest, body, key)
    if manifest.version != version or manifest.project != project or version_id(manifest) != version:
        raise Corrupt(
            f"{key} is not what {version} was when it was made; restore the object's first version."
        )
    return manifest


def load_labels(page: PageEntry, *, s3: "S3Client", bucket: str) -> PageLabels:
    """The labels of a page, verified against their hash.

    Raises:
        Corrupt: they are missing or are not what the manifest says.
    """
    return _parsed(PageLabels, _verified(s3, bucket, page.labels_key, page.labels_sha256), page.labels_key)


def load_page(page: PageEntry, *, s3: "S3Client", bucket: str) -> tuple[bytes, PageLabels]:
    """The file that shows a page, and its labels, both verified against their hashes.

    Raises:
        Corrupt: one of them is missing or is not what the manifest says.
    """
    return _verified(s3, bucket, page.image.key, page.image.sha256), load_labels(page, s3=s3, bucket=bucket)


def load_regression(*, s3: "S3Client", bucket: str, project: str) -> RegressionSet | None:
    """The project's frozen regression set; None when no version had enough pages yet."""
    return _regression(s3, bucket, DatasetKeys(project))


def diff(a: DatasetManifest, b: DatasetManifest, *, s3: "S3Client", bucket: str) -> DatasetDiff:
    """What changed from `a` to `b`. Only labels of pages that changed are loaded.

    Raises:
        Misconfigured: they belong to two projects.
        Corrupt: labels are missing or are not what a manifest says.
    """
    if a.project != b.project:
        raise Misconfigured(
            f"{a.version} is of project {a.project}, {b.version} of {b.project}; compare versions of one."
        )
    before, after = {page.page_id: page for page in a.pages}, {page.page_id: page for page in b.pages}
    both = [(before[page.page_id], page) for page in b.pages if page.page_id in before]
    relabelled = [(old, new) for old, new in both if old.labels_sha256 != new.labels_sha256]

    def change(pair: tuple[PageEntry, PageEntry]) -> PageChange:
        old, new = (load_labels(page, s3=s3, bucket=bucket) for page in pair)
        return page_change(pair[1].page_id, pair[1].name, old, new)

    with ThreadPoolExecutor(_WRITERS) as readers:
        changes = sorted(readers.map(change, relabelled), key=lambda each: each.name)
    added = [page for page in b.pages if page.page_id not in before]
    removed = [page for page in a.pages if page.page_id not in after]
    names_a, names_b = ({source.name for source in version.sources} for version in (a, b))
    return DatasetDiff(
        project=a.project,
        a=a.version,
        b=b.version,
        pages_added=tuple(sorted(page.name for page in added)),
        pages_removed=tuple(sorted(page.name for page in removed)),
        pages_relabelled=tuple(changes),
        texts_added=sum(page.texts for page in added) + sum(len(each.added) for each in changes),
        texts_removed=sum(page.texts for page in removed) + sum(len(each.removed) for each in changes),
        texts_changed=sum(len(each.changed) for each in changes),
        splits=tuple(
            SplitChange(page_id=new.page_id, name=new.name, before=_side(old), after=_side(new))
            for old, new in sorted(both, key=lambda pair: pair[1].name)
            if _side(old) != _side(new)
        ),
        sources_added=tuple(sorted(names_b - names_a)),
        sources_removed=tuple(sorted(names_a - names_b)),
        characters_gained=tuple(sorted(set(b.dictionary) - set(a.dictionary))),
        characters_lost=tuple(sorted(set(a.dictionary) - set(b.dictionary))),
        cleaning={
            rule: b.cleaning.get(rule, 0) - a.cleaning.get(rule, 0)
            for rule in sorted({*a.cleaning, *b.cleaning})
            if b.cleaning.get(rule, 0) != a.cleaning.get(rule, 0)
        },
    )


def page_change(page: str, name: str, before: PageLabels, after: PageLabels) -> PageChange:
    """Which texts of a page are new, gone, read differently or moved. The same text is one in the same place.

    Texts whose boxes do not overlap are told by their strings: a box drawn anew elsewhere has moved.
    """
    olds, news = list(before.labels), list(after.labels)
    pairs = overlapping_pairs([old.points for old in olds], [new.points for new in news], _SAME_TEXT_IOU)
    # The same string first: of two boxes on one place each keeps its own.
    pairs.sort(key=lambda pair: (olds[pair[0]].text != news[pair[1]].text, -pair[2], pair[0], pair[1]))
    left, right = dict(enumerate(olds)), dict(enumerate(news))
    matched: list[tuple[Label, Label]] = []
    for i, j, _ in pairs:
        if i in left and j in right:
            matched.append((left.pop(i), right.pop(j)))
    elsewhere: defaultdict[str, list[int]] = defaultdict(list)
    for j, label in right.items():
        elsewhere[label.text].append(j)
    for i, label in list(left.items()):
        if elsewhere[label.text]:
            matched.append((left.pop(i), right.pop(elsewhere[label.text].pop(0))))
    return PageChange(
        page_id=page,
        name=name,
        added=tuple(label.text for label in right.values()),
        removed=tuple(label.text for label in left.values()),
        changed=tuple(
            TextChange(before=old.text, after=new.text) for old, new in matched if old.text != new.text
        ),
        moved=sum(old.text == new.text and old.points != new.points for old, new in matched),
    )


def _side(page: PageEntry) -> str:
    return "regression" if page.regression else page.split.value


def _unique(pages: Sequence[NewPage]) -> dict[str, NewPage]:
    """Pages by id. One that comes twice counts once: its last labels, under its first name and group."""
    found: dict[str, NewPage] = {}
    for page in pages:
        name = page_id(page.image.sha256, page.image.page)
        first = found.get(name)
        found[name] = (
            page.model_copy(update={"name": first.name, "group": first.group, "image": first.image})
            if first
            else page
        )
    return found


def _united(
    parent: DatasetManifest | None,
    given: Mapping[str, NewPage],
    documents: Mapping[str, bytes],
    keys: DatasetKeys,
    shares: SplitShares,
    replace: bool,
    frozen: RegressionSet | None,
) -> tuple[dict[str, PageEntry], list[DataSource]]:
    """The parent's pages and the given ones, split, and where they came from."""
    known = {page.page_id: page for page in parent.pages} if parent else {}
    splits = {page.group: page.split for page in known.values()}
    splits |= dict.fromkeys(frozen.groups if frozen else (), Split.TEST)
    entries = {page: entry for page, entry in known.items() if not replace or entry.regression}
    for page, labelled in given.items():
        group = known[page].group if page in known else labelled.group
        split = splits.get(group) or split_of(group, shares)
        entries[page] = _entry(page, labelled, group, split, documents[page], keys)
        if page in known:
            # The picture is the same whatever key it came under.
            entries[page] = entries[page].model_copy(
                update={"name": known[page].name, "image": known[page].image}
            )
    sources = {source.name: source for source in parent.sources} if parent else {}
    for labelled in given.values():
        there = sources.setdefault(labelled.source.name, labelled.source)
        if there.licence != labelled.source.licence:
            raise Misconfigured(
                f"Source {there.name!r} is under {there.licence!r} in this project and now comes under "
                f"{labelled.source.licence!r}; give it a name of its own."
            )
    used = {entry.source for entry in entries.values()}
    return entries, [source for name, source in sources.items() if name in used]


def _entry(
    page: str, labelled: NewPage, group: str, split: Split, document: bytes, keys: DatasetKeys
) -> PageEntry:
    texts = [label.text for label in labelled.labels.labels if not label.unreadable and label.text.strip()]
    sha256 = hashlib.sha256(document).hexdigest()
    return PageEntry(
        page_id=page,
        name=labelled.name,
        group=group,
        image=labelled.image,
        labels_key=keys.content(sha256),
        labels_sha256=sha256,
        width=labelled.labels.width,
        height=labelled.labels.height,
        split=split,
        source=labelled.source.name,
        texts=len(texts),
        characters=sum(map(len, texts)),
        unreadable=sum(label.unreadable for label in labelled.labels.labels),
        alphabet="".join(sorted(set().union(*texts))),
    )


def _freeze(
    s3: "S3Client", bucket: str, keys: DatasetKeys, entries: Mapping[str, PageEntry], rule: RegressionRule
) -> RegressionSet | None:
    """The project's regression set; drawn now, if there is none and there are enough pages."""
    if (there := _regression(s3, bucket, keys)) is not None:
        return there
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for entry in entries.values():
        if entry.split is Split.TEST:
            groups[entry.group].append(entry.page_id)
    if len(entries) < rule.from_pages or not groups:
        return None
    room = max(1, min(rule.at_most, round(rule.share * sum(map(len, groups.values())))))
    chosen: list[str] = []
    # Another hash than that of the splits, so that the choice among the test groups is an even one.
    for group in sorted(groups, key=lambda name: hashlib.sha256(f"regression\n{name}".encode()).digest()):
        if not chosen or sum(len(groups[each]) for each in (*chosen, group)) <= room:
            chosen.append(group)
    drawn = RegressionSet(
        project=keys.project,
        groups=tuple(sorted(chosen)),
        pages=tuple(sorted(page for group in chosen for page in groups[group])),
    )
    if _put_once(s3, bucket, keys.regression, canonical_json(drawn), "application/json"):
        return drawn
    return _regression(s3, bucket, keys)


def _with_regression(entries: Mapping[str, PageEntry], frozen: RegressionSet | None) -> dict[str, PageEntry]:
    if frozen is None:
        return dict(entries)
    pages, groups = set(frozen.pages), set(frozen.groups)
    return {
        page: entry.model_copy(
            update={
                "regression": page in pages,
                "split": Split.TEST if entry.group in groups or page in pages else entry.split,
            }
        )
        for page, entry in entries.items()
    }


def _is_same(
    parent: DatasetManifest, entries: Mapping[str, PageEntry], sources: Sequence[DataSource]
) -> bool:
    return (
        tuple(sorted(entries.values(), key=lambda page: page.page_id)) == parent.pages
        and tuple(sorted(sources, key=lambda source: source.name)) == parent.sources
    )


def _made_before(s3: "S3Client", bucket: str, keys: DatasetKeys, request: str) -> CreatedVersion | None:
    for key in reversed(_history(s3, bucket, keys)[-_RECENT:]):
        entry = _read(s3, bucket, key, HistoryEntry)
        if entry.request == request:
            made = load_manifest(s3=s3, bucket=bucket, project=keys.project, version=entry.version)
            return _answer(keys, entry, made, created=True)
    return None


def _answer(
    keys: DatasetKeys, entry: HistoryEntry, manifest: DatasetManifest, *, created: bool
) -> CreatedVersion:
    return CreatedVersion(
        created=created,
        number=entry.number,
        new_texts=entry.new_texts if created else 0,
        manifest_key=keys.manifest(manifest.version),
        manifest=manifest,
    )


def _added(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {rule: one.get(rule, 0) + other.get(rule, 0) for rule in sorted({*one, *other})}


def _statistics(pages: Sequence[PageEntry]) -> Statistics:
    return Statistics(
        total=_counts(pages),
        by_split={split: _counts([page for page in pages if page.split is split]) for split in Split},
        by_source={
            source: _counts([page for page in pages if page.source == source])
            for source in sorted({page.source for page in pages})
        },
        regression=_counts([page for page in pages if page.regression]),
    )


def _counts(pages: Sequence[PageEntry]) -> Counts:
    return Counts(
        pages=len(pages),
        texts=sum(page.texts for page in pages),
        characters=sum(page.characters for page in pages),
        unreadable=sum(page.unreadable for page in pages),
    )


def _history(s3: "S3Client", bucket: str, keys: DatasetKeys) -> list[str]:
    """Keys of the history, oldest first."""
    found = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=keys.history)
    return sorted(each["Key"] for answer in found for each in answer.get("Contents", []))


def _regression(s3: "S3Client", bucket: str, keys: DatasetKeys) -> RegressionSet | None:
    try:
        body = s3.get_object(Bucket=bucket, Key=keys.regression)["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] in _GONE:
            return None
        raise
    return _parsed(RegressionSet, body, keys.regression)


def _read(s3: "S3Client", bucket: str, key: str, contract: type[_C]) -> _C:
    return _parsed(contract, _body(s3, bucket, key), key)


def _verified(s3: "S3Client", bucket: str, key: str, sha256: str) -> bytes:
    body = _body(s3, bucket, key)
    if hashlib.sha256(body).hexdigest() != sha256:
        raise Corrupt(f"{key} was changed after it was labelled; restore the object's first version.")
    return body


def _body(s3: "S3Client", bucket: str, key: str) -> bytes:
    try:
        return s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] in _GONE:
            raise Corrupt(f"{key} is missing; restore the object, or make a version without it.") from None
        raise


def _parsed(contract: type[_C], body: bytes, key: str) -> _C:
    try:
        return contract.model_validate_json(body)
    except ValidationError as error:
        raise Corrupt(f"{key} is no {contract.__name__}; restore the object's first version.") from error


def _exists(s3: "S3Client", bucket: str, key: str) -> bool:
    try:
        s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] in _GONE:
            return False
        raise
    return True


def _put_once(s3: "S3Client", bucket: str, key: str, body: bytes, content_type: str) -> bool:
    """Write an object if there is none of this key; False when there is one."""
    for attempt in range(_TRIES):
        try:
            s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType=content_type, IfNoneMatch="*")
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in _THERE_ALREADY:
                return False
            # S3 says so when another conditional write to the key is under way: ask again how it ended.
            if code in _AT_THE_SAME_MOMENT and attempt + 1 < _TRIES:
                continue
            raise
        return True
    raise AssertionError("the last try returns or raises")
