"""The working format of a data set: a folder that PaddleOCR's own tools can work on.

    dataset.json    what it is: name, title, licence, attribution, source, how it was made, counts (`About`)
    Label.txt       one line a page: ``images/NAME<TAB>json`` (see `label_file`)
    images/         the pictures: PNG, JPEG or TIFF
    objects.jsonl   optional: what PaddleOCR has no place for, one JSON object a page (`SheetObjects`)

    >>> with DatasetFolder.create(Path("mine"), About(name="mine", licence="CC-BY-4.0")) as folder:
    ...     folder.write("a.png", png, labels)
    >>> for page in DatasetFolder.open(Path("mine")).pages():
    ...     print(page.name, len(page.labels))

Coordinates of labels are pixels of the page's picture as `drawops_vision.rasterise` gives it. A page stands
in `Label.txt` only after its picture lies in `images/`, so that a run that is cut off leaves whole pages.
"""

import contextlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Self

import pyvips  # type: ignore[import-untyped]
from drawops.contracts.datasets import Counts
from drawops.contracts.labels import Label
from drawops.contracts.reading import Contract, MediaType
from drawops.errors import InvalidInput
from drawops.limits import media_type
from pydantic import Field, ValidationError

from drawops_vision.datasets.label_file import Line, Problem, check_name, labels_of, line_of, read_lines

LABELS = "Label.txt"
ABOUT = "dataset.json"
IMAGES = "images"
OBJECTS = "objects.jsonl"
UNKNOWN_LICENCE = "NOASSERTION"
"""SPDX's word for: nobody says."""
_HEAD = 1024
_TURNED = 5
"""From this EXIF orientation on, width and height are exchanged."""


class About(Contract):
    """`dataset.json`: what a data set is and what may be done with it."""

    name: str = Field(min_length=1, description="Short: what `dataset list` calls it, or the folder's name.")
    title: str = ""
    licence: str = Field(
        default=UNKNOWN_LICENCE,
        description="SPDX identifier, or the licence's own name; NOASSERTION: unknown.",
    )
    attribution: str = Field(default="", description="Whom the licence wants named, in its words.")
    url: str = Field(default="", description="Where it was published.")
    made: str = Field(default="", description="How it was made, in a sentence: command, options, source.")
    counts: Counts = Counts()


class SheetObjects(Contract):
    """A line of `objects.jsonl`: what a data set says of a page besides its texts, as JSON."""

    name: str = Field(description="The page, as in Label.txt.")
    objects: dict[str, Any] = Field(description="By kind: symbols, lines, key_values …")


class BadDataset(ValueError):
    """The folder is no data set, or cannot become one; `str()` says what to do."""


@dataclass(frozen=True)
class LabelledPage:
    """One page of a data set.

    Attributes:
        name: as in `Label.txt`: ``images/…``, with `/` between parts; unique in the data set.
        image: its picture.
        labels: what stands on it; may be empty.
    """

    name: str
    image: Path
    labels: tuple[Label, ...]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture in pixels, upright (EXIF); only its head is read.

        Raises:
            BadDataset: it is no picture.
        """
        try:
            picture = pyvips.Image.new_from_file(str(self.image), access="sequential")
        except pyvips.Error as error:
            raise BadDataset(f"{self.image} is no picture that can be read.") from error
        turned = picture.get("orientation") >= _TURNED if picture.get_typeof("orientation") else False
        return (picture.height, picture.width) if turned else (picture.width, picture.height)


class DatasetFolder:
    """A data set on disk. `open` one that is there, or `create` one and `write` its pages.

    As a context manager it writes the counts into `dataset.json` at the end (`close`); one that was created
    and got no page before an error is taken away again.

    Attributes:
        path: the folder.
        about: `dataset.json`; its counts are those of the last `close`.
    """

    def __init__(self, path: Path, about: About) -> None:
        self.path = path
        self.about = about
        self._names: set[str] | None = None
        self._written = Counts()
        self._is_new = False

    @classmethod
    def open(cls, path: Path) -> Self:
        """A data set that is there. A `Label.txt` with pictures beside it is enough.

        Raises:
            BadDataset: there is no `Label.txt`, or `dataset.json` is broken.
        """
        if not (path / LABELS).is_file():
            raise BadDataset(
                f"{path} is no data set: it has no {LABELS}. `drawops dataset import` converts other formats."
            )
        return cls(path, _about(path) or About(name=path.resolve().name or "dataset"))

    @classmethod
    def create(cls, path: Path, about: About) -> Self:
        """A new data set in a folder that is missing or empty.

        Raises:
            BadDataset: something lies there already.
        """
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise BadDataset(f"{path} is not empty; name a new folder.")
        (path / IMAGES).mkdir(parents=True)
        (path / LABELS).touch()
        folder = cls(path, about)
        folder._is_new = True
        folder._save_about(Counts())
        return folder

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and self._is_new and not self._written.pages:
            self._remove()
        else:
            self.close()

    def _remove(self) -> None:
        """Take away what `create` made; whatever else lies there stays."""
        for name in (LABELS, ABOUT):
            (self.path / name).unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # not empty: somebody else's
            (self.path / IMAGES).rmdir()
            self.path.rmdir()

    def pages(self) -> Iterator[LabelledPage]:
        """The pages that can be used, in the order of `Label.txt`; one in memory at a time."""
        return (item for item in self.scan() if isinstance(item, LabelledPage))

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What cannot be used, and why. Reads the whole data set; see `scan` for both in one go."""
        return tuple(item for item in self.scan() if isinstance(item, Problem))

    def scan(self) -> Iterator[LabelledPage | Problem]:
        """Pages and problems as they come. A page whose label is broken comes without it, after the problem.

        Pictures are only looked at as far as their first bytes.
        """
        if not (self.path / ABOUT).is_file():
            yield Problem(ABOUT, "missing: nobody says what the licence of these data is")
        root = self.path.resolve()
        for line in read_lines(self.path / LABELS):
            if isinstance(line, Problem):
                yield line
                continue
            image = self.path / line.name
            if reason := _unusable(image, root):
                yield Problem(LABELS, f"{line.name}: {reason}", line.number)
                continue
            yield from self._page(line, image)

    def _page(self, line: Line, image: Path) -> Iterator[LabelledPage | Problem]:
        labels, problems = labels_of(line, LABELS)
        yield from problems
        yield LabelledPage(line.name, image, labels)

    def write(
        self,
        name: str,
        image: bytes | Path,
        labels: Iterable[Label],
        objects: Mapping[str, Any] | None = None,
    ) -> LabelledPage:
        """Append a page.

        Args:
            name: of its picture, below `images/`; may begin with `images/`, as `LabelledPage.name` does.
            image: the picture's file, as bytes or to be copied.
            labels: in pixels of that picture.
            objects: for `objects.jsonl`, by kind.

        Raises:
            BadDataset: there is such a page already, or the picture is no PNG, JPEG or TIFF.
            ValueError: the name or the labels cannot be written (see `label_file.line_of`).
            OSError: the disk says no.
        """
        name = self._free(name)
        line = line_of(name, found := tuple(labels))
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name[:80]}.part")
        try:
            if isinstance(image, bytes):
                part.write_bytes(image)
            else:
                shutil.copyfile(image, part)
            if reason := _no_picture(part):
                raise BadDataset(f"{name}: {reason}")
            os.replace(part, target)
        finally:
            part.unlink(missing_ok=True)
        return self._append(name, target, found, line, objects)

    def add(
        self, name: str, labels: Iterable[Label], objects: Mapping[str, Any] | None = None
    ) -> LabelledPage:
        """Append a page whose picture lies in `images/` already; else as `write`."""
        name = self._free(name)
        line = line_of(name, found := tuple(labels))
        if reason := _unusable(self.path / name, self.path.resolve()):
            raise BadDataset(f"{name}: {reason}")
        return self._append(name, self.path / name, found, line, objects)

    def _free(self, name: str) -> str:
        """The page's name as in `Label.txt`, if there is no such page yet."""
        if not name.startswith(f"{IMAGES}/"):
            name = f"{IMAGES}/{name}"
        check_name(name)
        if self._names is None:
            lines = read_lines(self.path / LABELS)
            self._names = {line.name for line in lines if isinstance(line, Line)}
        if name in self._names:
            raise BadDataset(f"{self.path} has a page {name} already.")
        return name

    def _append(
        self,
        name: str,
        image: Path,
        labels: tuple[Label, ...],
        line: str,
        objects: Mapping[str, Any] | None,
    ) -> LabelledPage:
        if objects:
            entry = SheetObjects(name=name, objects=dict(objects))
            with (self.path / OBJECTS).open("a", encoding="utf-8", newline="\n") as file:
                file.write(json.dumps(entry.model_dump(), ensure_ascii=False, allow_nan=False) + "\n")
        with (self.path / LABELS).open("a", encoding="utf-8", newline="\n") as file:
            file.write(line)
        assert self._names is not None  # `_free` was asked
        self._names.add(name)
        self._written = sum_of((self._written, counts_of(labels)))
        return LabelledPage(name, image, labels)

    def objects(self) -> Iterator[SheetObjects | Problem]:
        """The lines of `objects.jsonl`, if there is one."""
        path = self.path / OBJECTS
        if not path.is_file():
            return
        with path.open("rb") as file:
            for number, raw in enumerate(file, start=1):
                try:
                    yield SheetObjects.model_validate_json(raw)
                except ValidationError as error:
                    first = error.errors(include_url=False, include_input=False)[0]
                    yield Problem(OBJECTS, first["msg"], number)

    def close(self) -> None:
        """Write `dataset.json` with the counts of what was written since it was opened, added to its own."""
        if self._written.pages:
            self._save_about(sum_of((self.about.counts, self._written)))
            self._written = Counts()

    def _save_about(self, counts: Counts) -> None:
        self.about = self.about.model_copy(update={"counts": counts})
        part = self.path / f".{ABOUT}.part"
        part.write_text(self.about.model_dump_json(indent=2) + "\n", encoding="utf-8")
        os.replace(part, self.path / ABOUT)


def counts_of(labels: Iterable[Label]) -> Counts:
    """The counts of one page: labels that say something, their characters, and labels that are ``###``."""
    found = list(labels)
    texts = [label for label in found if label.text.strip() and not label.unreadable]
    return Counts(
        pages=1,
        texts=len(texts),
        characters=sum(len(label.text) for label in texts),
        unreadable=sum(label.unreadable for label in found),
    )


def sum_of(counts: Iterable[Counts]) -> Counts:
    """Counts added up."""
    total = dict.fromkeys(Counts.model_fields, 0)
    for one in counts:
        for field in total:
            total[field] += getattr(one, field)
    return Counts(**total)


def picture_name(name: str, taken: Iterable[str] = ()) -> str:
    """A name for a picture that every file system and every reader of label files takes, not among `taken`.

    Letters of all scripts stay; what separates paths, controls terminals or stands for others does not.
    """
    stem, suffix = PurePosixPath(name).stem, PurePosixPath(name).suffix.lower()
    safe = "".join(letter if letter.isprintable() and letter not in '/\\:*?"<>|' else "_" for letter in stem)
    # A name of one blank or dots only would be another file, a leading bracket a list of names (PaddleOCR).
    safe = safe.strip(" .").replace("[", "(").replace("]", ")") or "page"
    safe = safe.encode()[-180:].decode(errors="ignore")
    used = {one.casefold() for one in taken}
    candidate, number = safe, 1
    while f"{candidate}{suffix}".casefold() in used:
        number += 1
        candidate = f"{safe}-{number}"
    return f"{candidate}{suffix}"


def _about(path: Path) -> About | None:
    try:
        return About.model_validate_json((path / ABOUT).read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise BadDataset(f"{path / ABOUT} is broken: {place or 'it'}: {first['msg']}") from error


def _unusable(image: Path, root: Path) -> str:
    """Why a picture that `Label.txt` names cannot be used; empty when it can."""
    try:
        inside = image.resolve().is_relative_to(root)
    except (OSError, RuntimeError):  # a link to itself
        inside = False
    if not inside:
        return "a link leads out of the data set"
    if not image.is_file():
        return "the picture is missing"
    return _no_picture(image)


def _no_picture(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(_HEAD)
    with contextlib.suppress(InvalidInput):
        if media_type(head) is not MediaType.PDF:
            return ""
    return "the file is empty" if not head else "the file is no PNG, JPEG or TIFF"
