"""A page's picture as a Deep Zoom pyramid."""

import io
import zipfile
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
from drawops.contracts.labeling import Area
from drawops.errors import Code, InvalidInput
from drawops_vision.pyramid import OVERLAP, TILE_SIZE, Order, szi
from drawops_vision.rasterise import render_page
from drawops_vision.sheets import generate

from tests.unit.vision.drawings import png, sheet

PAGE = png(sheet(("TANK-2001", 80, 200), width=1500, height=900))


def entries(made: bytes) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(made))


def grey_page(data: bytes) -> np.ndarray:
    page = render_page(data, 1)
    return page if page.ndim == 2 else cv2.cvtColor(page, cv2.COLOR_BGR2GRAY)


def decoded(data: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)


def test_the_pyramid_says_the_pages_size_and_stands_uncompressed() -> None:
    with entries(szi(PAGE, Order(1))) as archive:
        described = ElementTree.fromstring(archive.read("page/page.dzi"))
        size = described[0].attrib
        assert (size["Width"], size["Height"]) == ("1500", "900")
        assert described.attrib["TileSize"] == str(TILE_SIZE)
        assert described.attrib["Overlap"] == str(OVERLAP)
        # A tile must be readable by byte range, without unpacking.
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}


def test_the_finest_tiles_show_the_very_pixels_of_the_page() -> None:
    page = grey_page(PAGE)
    with entries(szi(PAGE, Order(1))) as archive:
        level = max(int(name.split("/")[2]) for name in archive.namelist() if name.endswith(".webp"))
        assert 2**level >= 1500 > 2 ** (level - 1)
        tile = decoded(archive.read(f"page/page_files/{level}/0_0.webp"))
    shown = page[: TILE_SIZE + OVERLAP, : TILE_SIZE + OVERLAP]
    assert tile.shape == shown.shape
    assert np.abs(tile.astype(int) - shown).mean() < 2


def test_a_page_of_a_vector_pdf_shows_its_text() -> None:
    made = generate(3, "A5", 100).pdf()
    with entries(szi(made, Order(1))) as archive:
        level = max(int(name.split("/")[2]) for name in archive.namelist() if name.endswith(".webp"))
        tiles = [name for name in archive.namelist() if name.startswith(f"page/page_files/{level}/")]
        ink = sum(int((decoded(archive.read(name)) < 128).sum()) for name in tiles if name.endswith(".webp"))
    assert ink == pytest.approx(int((grey_page(made) < 128).sum()), rel=0.1)


def test_parts_of_the_page_are_cut_out_exactly() -> None:
    order = Order.parse("page=1;areas=0_0_700_450,1400_800_300_300")
    with entries(szi(PAGE, order)) as archive:
        first = decoded(archive.read("areas/0_0_700_450.png"))
        assert np.array_equal(first, grey_page(PAGE)[:450, :700])
        # What lies beyond the page is left out.
        assert decoded(archive.read("areas/1400_800_300_300.png")).shape == (100, 100)


def test_an_order_names_page_and_areas() -> None:
    assert Order.parse("page=7") == Order(7)
    assert Order.parse("page=2;areas=1_2_3_4") == Order(2, (Area(x=1, y=2, width=3, height=4),))


@pytest.mark.parametrize(
    "attributes", ["", "page=0", "page=x", "page=1;areas=", "page=1;areas=1_2_3", "page=1;more=1", "page=1\n"]
)
def test_anything_else_is_refused(attributes: str) -> None:
    with pytest.raises(InvalidInput, match="page=NUMBER"):
        Order.parse(attributes)


def test_a_page_that_is_not_there_is_refused() -> None:
    with pytest.raises(InvalidInput) as refused:
        szi(PAGE, Order(2))
    assert refused.value.code is Code.NO_PAGES
