"""What PaddleOCR trains on: detection labels, recognition crops with ``rec_gt.txt``, and the dictionary.

One folder is the `data_dir` of everything, and is a data set in the working format itself:

    Label.txt, images/                  detection, all pages
    det_train.txt, det_val.txt, …       the same lines by split; pages without any label are in none of them,
                                        for PaddleOCR's loader fails on them
    rec_gt.txt, crop_img/               recognition, all crops: ``crop_img/NAME.png<TAB>string``
    rec_train.txt, rec_val.txt, …       the same lines by split
    dict.txt                            one character a line, in the order of code points, without the space
                                        (PaddleOCR adds it: use_space_char)
    left_out.jsonl                      every label without a crop, with the reason

Pages are split by group, never by crop: two crops of one sheet are alike (`side_of`).

Crops are cut here and not by PaddleOCR's tools. Those (`get_rotate_crop_image`) turn a crop that is at least
1.5 times as high as wide by 90 degrees counter-clockwise: text that reads upwards ends upside down, and a
lone 1 on its side. Here the label's first point decides, as it is the text's own top-left, and nothing else.
What PaddleOCR's tools cut from such a `Label.txt` is upright too, but for texts higher than wide: no order of
the points could help those.

PaddleOCR's detection training takes ``*`` for ``###`` (don't care). That cannot be escaped; it is counted.
"""

import json
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import cv2
import numpy as np
from drawops.contracts.datasets import Split
from drawops.contracts.labels import Label
from drawops.datasets.versions import split_of
from drawops.errors import InvalidInput
from numpy.typing import NDArray

from drawops_vision.datasets.folder import (
    LABELS,
    About,
    BadDataset,
    DatasetFolder,
    LabelledPage,
    picture_name,
)
from drawops_vision.datasets.label_file import Problem, line_of
from drawops_vision.rasterise import render_page
from drawops_vision.recognise import crop

CROPS = "crop_img"
REC = "rec_gt.txt"
DICTIONARY = "dict.txt"
LEFT_OUT = "left_out.jsonl"
DON_T_CARE = "*"
"""What PaddleOCR's `DetLabelEncode` ignores besides '###'."""
SMALLEST = 1.0
"""Pixels; a crop with a shorter side than this has nothing to show."""


@dataclass(frozen=True)
class Options:
    """How to export.

    Attributes:
        padding: added around recognition crops, as a fraction of the text's height.
        difficult: whether labels marked so are exported; without, they become don't-care regions for
            detection (``###``) and have no crop.
    """

    padding: float = 0.0
    difficult: bool = True


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        pages: in `Label.txt`.
        labels: in `Label.txt`.
        crops: lines of `rec_gt.txt`, each with its picture.
        by_split: crops of each split.
        dictionary: the characters.
        longest: characters of the longest string; PaddleOCR's `max_text_length` must not be less, for it
            leaves longer ones out in silence.
        left_out: labels without a crop, by reason.
        notes: sentences that a user should read.
        problems: of the source, as `DatasetFolder.problems`.
    """

    pages: int
    labels: int
    crops: int
    by_split: dict[Split, int]
    dictionary: tuple[str, ...]
    longest: int
    left_out: dict[str, int]
    notes: tuple[str, ...]
    problems: tuple[Problem, ...]


def export(
    source: DatasetFolder,
    out: Path,
    options: Options = Options(),
    done: Callable[[LabelledPage], None] = lambda page: None,
) -> Exported:
    """Write everything that PaddleOCR needs, and count it again.

    Args:
        source: the data set.
        out: a new or empty folder.
        options: see there.
        done: called after every page.

    Raises:
        BadDataset: `out` is not empty, or what was written does not agree with itself.
    """
    about = source.about.model_copy(update={"counts": About.model_fields["counts"].default})
    target = DatasetFolder.create(out, about)
    (out / CROPS).mkdir()
    writer = _Writer(out, options)
    problems: list[Problem] = []
    with target:
        for page in source.scan():
            if isinstance(page, Problem):
                problems.append(page)
                continue
            labels = page.labels if options.difficult else tuple(map(_without_difficult, page.labels))
            target.write(page.name, page.image, labels)
            try:
                writer.page(page)
            except InvalidInput as error:
                problems.append(Problem(LABELS, f"{page.name} cannot be drawn: {error.sentence}"))
                writer.leave_out(page, page.labels, "the picture cannot be read")
            writer.detection(page.name, labels)
            done(page)
    write_dictionary(writer.characters, out / DICTIONARY)
    check(out)
    counts = target.about.counts
    return Exported(
        pages=counts.pages,
        labels=writer.labels,
        crops=writer.crops,
        by_split=dict(writer.by_split),
        dictionary=tuple(sorted(writer.characters - {" "})),
        longest=writer.longest,
        left_out=dict(writer.reasons),
        notes=tuple(writer.notes()),
        problems=tuple(problems),
    )


def _without_difficult(label: Label) -> Label:
    return label.model_copy(update={"text": "###"}) if label.difficult else label


class _Writer:
    """Appends to the lists, page by page."""

    def __init__(self, out: Path, options: Options) -> None:
        self._out = out
        self._options = options
        self._stems: set[str] = set()
        self.characters: set[str] = set()
        self.labels = self.crops = self.longest = self._spaced = self._stars = self._empty = 0
        self.by_split: Counter[Split] = Counter()
        self.reasons: Counter[str] = Counter()
        for split in Split:
            (out / f"det_{split}.txt").touch()
            (out / f"rec_{split}.txt").touch()
        (out / REC).touch()

    def detection(self, name: str, labels: Sequence[Label]) -> None:
        """A page's line in the list of its split."""
        self.labels += len(labels)
        self._stars += sum(label.text == DON_T_CARE for label in labels)
        if labels:
            self._append(f"det_{side_of(name)}.txt", line_of(name, labels))
        else:
            self._empty += 1

    def page(self, page: LabelledPage) -> None:
        """A page's crops.

        Raises:
            InvalidInput: its picture is damaged.
        """
        pixels = render_page(page.image.read_bytes(), 1)
        stem = PurePosixPath(picture_name(f"{PurePosixPath(page.name).stem}.png", self._stems))
        self._stems.add(stem.name)
        split = side_of(page.name)
        lines = []
        for number, label in enumerate(page.labels, start=1):
            quad = quad_of(label)
            reason = self._reason(label) or _unseen(quad, pixels)
            if reason:
                self.leave_out(page, (label,), reason)
                continue
            text = self._line(label.text)
            name = f"{CROPS}/{stem.stem}_crop_{number}.png"
            cut = crop(pixels, quad, self._options.padding)
            (self._out / name).write_bytes(cv2.imencode(".png", cut)[1].tobytes())
            lines.append(f"{name}\t{text}\n")
            self.characters |= set(text)
            self.longest = max(self.longest, len(text))
        self._append(REC, "".join(lines))
        self._append(f"rec_{split}.txt", "".join(lines))
        self.crops += len(lines)
        self.by_split[split] += len(lines)

    def _reason(self, label: Label) -> str:
        """Why a label's string is nothing to learn from; empty when it is."""
        if label.unreadable:
            return "unreadable (###)"
        if label.difficult and not self._options.difficult:
            return "difficult"
        if not label.text.strip():
            return "no string"
        if any(
            unicodedata.category(letter) in ("Cc", "Zl", "Zp") and letter != "\t" for letter in label.text
        ):
            return "more than one line, or a control character"
        return ""

    def _line(self, text: str) -> str:
        """The string as a line of `rec_gt.txt` can hold it: a tab there would cut it off."""
        self._spaced += "\t" in text
        return text.replace("\t", " ")

    def leave_out(self, page: LabelledPage, labels: Sequence[Label], reason: str) -> None:
        """Write down that labels have no crop."""
        self.reasons[reason] += len(labels)
        entries = [
            {"page": page.name, "id": label.id, "text": label.text, "reason": reason} for label in labels
        ]
        self._append(LEFT_OUT, "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries))

    def _append(self, file: str, text: str) -> None:
        if text:
            with (self._out / file).open("a", encoding="utf-8", newline="\n") as opened:
                opened.write(text)

    def notes(self) -> Iterator[str]:
        """What a user should know."""
        if self._spaced:
            yield f"{self._spaced} strings hold tabs, which {REC} cannot: a space stands there instead."
        if self._stars:
            yield f"{self._stars} texts are a lone *, which PaddleOCR's detection training ignores like ###."
        if self._empty:
            yield f"{self._empty} pages have no labels; they are in no list, for PaddleOCR cannot load them."
        if self.longest > 25:
            yield f"The longest string has {self.longest} characters: set max_text_length to that or more."


def check(out: Path) -> None:
    """Hold an export against itself: as many crops as lines, each line with a string and a picture.

    PaddleOCR trains on what is there and says nothing of the rest.

    Raises:
        BadDataset: something does not agree; says what.
    """
    names = set()
    for name, _ in recognition_lines(out / REC):
        if name in names or not (out / name).stat().st_size:
            raise BadDataset(f"{out / REC}: {name} is there twice, or its picture is empty.")
        names.add(name)
    crops = sum(1 for _ in (out / CROPS).iterdir())
    if crops != len(names):
        raise BadDataset(f"{out} has {crops} crops for {len(names)} lines of {REC}; export it again.")
    split = sum(len(list(recognition_lines(out / f"rec_{split}.txt"))) for split in Split)
    if split != len(names):
        raise BadDataset(f"{out}: the splits hold {split} of the {len(names)} lines of {REC}.")


def recognition_lines(path: Path) -> Iterator[tuple[str, str]]:
    """Name and string of each line of a ``rec_gt.txt``.

    Raises:
        ValueError: a line is not ``name<TAB>string`` with one tab; says which.
    """
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            try:
                name, text = raw.decode("utf-8").removesuffix("\n").removesuffix("\r").split("\t")
            except ValueError as error:
                raise ValueError(f"{path}, line {number}: not name, tab, string") from error
            yield name, text


def write_dictionary(characters: set[str], path: Path) -> None:
    """One character a line in the order of code points, without the space.

    Raises:
        ValueError: one of them would break its line.
    """
    wanted = sorted(characters - {" "})
    for character in wanted:
        if len(character) != 1 or character in "\r\n":
            raise ValueError(f"a dictionary holds single characters, not {character!r}")
    path.write_bytes("".join(f"{character}\n" for character in wanted).encode())


def read_dictionary(path: Path) -> tuple[str, ...]:
    """The characters of a dictionary file in its order, as PaddleOCR reads it.

    Raises:
        ValueError: a line holds more than one character, or one is there twice.
    """
    found: dict[str, None] = {}
    for number, raw in enumerate(path.read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        character = raw.decode("utf-8").strip("\r")
        if not character:
            continue
        if len(character) != 1 or character in found:
            raise ValueError(f"{path}, line {number}: {character!r} is not one character, or there twice")
        found[character] = None
    return tuple(found)


def group_of(name: str) -> str:
    """What must stay on one side of a split: pages of one file are called ``plan#1.png``, ``plan#2.png`` …"""
    return PurePosixPath(name).stem.rpartition("#")[0] or PurePosixPath(name).stem


def side_of(name: str) -> Split:
    """The side that a page stands on, by its name: the same in every export.

    Pages in a folder called train, val or test stand there (a dataset version is written so); others go by a
    hash of their group's name, as the pages of dataset versions do.
    """
    folder = PurePosixPath(name).parent.name
    return Split(folder) if folder in set(Split) else split_of(group_of(name))


def quad_of(label: Label) -> NDArray[np.float32]:
    """4 x 2 pixels, clockwise from the text's own top-left; of a polygon its smallest rectangle.

    A polygon begins at the text's top-left, so its first half runs along the top and the second back along
    the bottom. The rectangle's corner to begin with is the one whose side points that way best.
    """
    points = np.array(label.points, np.float32)
    if len(points) == 4:
        return points
    half = len(points) // 2
    start = (points[0] + points[-1]) / 2
    along = (points[half - 1] + points[half]) / 2 - start if len(points) > 3 else points[1] - points[0]
    box = np.asarray(cv2.boxPoints(cv2.minAreaRect(points)), np.float32)
    # Clockwise in a picture, whose y runs down: the shoelace sum is positive.
    if np.sum(box[:, 0] * np.roll(box[:, 1], -1) - np.roll(box[:, 0], -1) * box[:, 1]) < 0:
        box = box[::-1]
    sides = np.roll(box, -1, axis=0) - box
    lengths = np.maximum(np.hypot(sides[:, 0], sides[:, 1]), 1e-9)
    return np.roll(box, -int(np.argmax(sides @ along / lengths)), axis=0)


def _unseen(quad: NDArray[np.float32], page: NDArray[np.uint8]) -> str:
    """Why a quad shows nothing; empty when it does."""
    sides = np.hypot(*(np.roll(quad, -1, axis=0) - quad).T)
    if (
        max(sides[0], sides[2]) < SMALLEST
        or max(sides[1], sides[3]) < SMALLEST
        or sides[0] == 0
        or sides[3] == 0
    ):
        return "no area"
    if max(sides) > 4 * max(page.shape[:2]):
        return "larger than the picture"
    low, high = quad.min(axis=0), quad.max(axis=0)
    if (high <= 0).any() or low[0] >= page.shape[1] or low[1] >= page.shape[0]:
        return "outside the picture"
    return ""


__all__ = [
    "Exported",
    "Options",
    "check",
    "export",
    "group_of",
    "quad_of",
    "read_dictionary",
    "recognition_lines",
    "side_of",
    "write_dictionary",
]
