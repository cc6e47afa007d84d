import hashlib
import itertools
import random
from collections.abc import Iterator

import numpy as np
import pytest
from drawops_training import lines, strings, typefaces

COUNT = 250


@pytest.fixture
def _no_fonts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without a single font file: what every contributor has at least."""
    monkeypatch.setattr(typefaces, "_files", dict)


@pytest.fixture
def crops(_no_fonts: None) -> list[tuple[lines.Picture, str]]:
    return list(itertools.islice(lines.lines(7), COUNT))


def digest(crops: Iterator[tuple[lines.Picture, str]]) -> str:
    sha = hashlib.sha256()
    for picture, text in itertools.islice(crops, 60):
        sha.update(f"{picture.shape}{text}".encode())
        sha.update(picture.tobytes())
    return sha.hexdigest()


@pytest.mark.usefixtures("_no_fonts")
def test_one_seed_gives_one_sequence_of_pictures() -> None:
    assert digest(lines.lines(3)) == digest(lines.lines(3))
    assert digest(lines.lines(3)) != digest(lines.lines(4))


def test_lines_are_drawn_without_any_font_file(crops: list[tuple[lines.Picture, str]]) -> None:
    assert len(crops) == COUNT
    assert all(text.isascii() for _, text in crops)
    assert sum(bool(text) for _, text in crops) > 0.8 * COUNT


def test_pictures_are_grey_and_have_room_for_a_network(crops: list[tuple[lines.Picture, str]]) -> None:
    for picture, _ in crops:
        assert picture.dtype == np.uint8
        assert picture.ndim == 2
        assert min(picture.shape) >= 4


def test_nearly_all_text_is_dark_on_light(crops: list[tuple[lines.Picture, str]]) -> None:
    light = [bool(np.median(picture) > 127) for picture, text in crops if text]
    assert 0.85 < np.mean(light) < 1


def test_letters_show_in_pictures_of_text(crops: list[tuple[lines.Picture, str]]) -> None:
    # A threshold above faint ink loses all of it, as it does in a scanner; that must stay rare.
    shows = [bool(np.ptp(picture.astype(int)) > 40) for picture, text in crops if text]
    assert np.mean(shows) > 0.97


@pytest.mark.usefixtures("_no_fonts")
def test_text_upside_down_is_to_be_read_as_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strings, "string", lambda r: "P4F 27")
    r = random.Random(1)
    monkeypatch.setattr(lines, "UPSIDE_DOWN", 1.0)
    assert {made[1] for made in (lines.line(r) for _ in range(20)) if made} == {""}
    monkeypatch.setattr(lines, "UPSIDE_DOWN", 0.0)
    assert {made[1] for made in (lines.line(r) for _ in range(20)) if made} == {"P4F 27"}


@pytest.mark.usefixtures("_no_fonts")
def test_text_that_looks_the_same_upside_down_is_never_turned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strings, "string", lambda r: "OX 801")
    monkeypatch.setattr(lines, "UPSIDE_DOWN", 1.0)
    r = random.Random(1)
    assert {made[1] for made in (lines.line(r) for _ in range(20)) if made} == {"OX 801"}


def test_pieces_of_drawing_are_to_be_read_as_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strings, "string", lambda r: "")
    r = random.Random(1)
    made = [lines.line(r) for _ in range(60)]
    assert {one[1] for one in made if one} == {""}
    assert len({one[0].tobytes() for one in made if one}) > 40


def upright(
    text: str, monkeypatch: pytest.MonkeyPatch, face: str
) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    monkeypatch.setattr(typefaces, "HERSHEY", {face: 1})
    drawn = typefaces.letter(text, random.Random(1))
    assert drawn is not None
    return drawn.ink


@pytest.mark.usefixtures("_no_fonts")
@pytest.mark.parametrize("face", [name for name, weight in typefaces.HERSHEY.items() if weight])
def test_hershey_letters_stand_on_their_feet(monkeypatch: pytest.MonkeyPatch, face: str) -> None:
    ink = upright("L", monkeypatch, face)
    rows, columns = np.nonzero(ink)
    middle_y, middle_x = (rows.min() + rows.max()) / 2, (columns.min() + columns.max()) / 2
    assert ink[int(middle_y) + 1 :].sum() > 1.2 * ink[: int(middle_y)].sum()
    assert ink[:, : int(middle_x)].sum() > 1.2 * ink[:, int(middle_x) + 1 :].sum()


@pytest.mark.usefixtures("_no_fonts")
def test_the_height_of_capitals_is_told_as_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typefaces, "HERSHEY", {"futural": 1})
    drawn = typefaces.letter("H", random.Random(1))
    assert drawn is not None
    rows = np.flatnonzero(drawn.ink.max(axis=1) > 64)
    pen = 0.14 * typefaces.RENDERED_AT
    assert drawn.capital <= rows[-1] + 1 - rows[0] <= drawn.capital + pen + 2


@pytest.mark.usefixtures("_no_fonts")
@pytest.mark.parametrize("text", ["Ø12", "设计", "图号："])
def test_text_that_no_installed_face_has_is_not_drawn(text: str) -> None:
    assert typefaces.letter(text, random.Random(1)) is None


@pytest.mark.usefixtures("_no_fonts")
def test_faces_that_are_missing_are_named() -> None:
    assert set(typefaces.missing()) == {*typefaces.LATIN, *typefaces.CHINESE}
