import itertools

import numpy as np
import pytest
from drawops_vision.tiling import spans, tiles
from hypothesis import given
from hypothesis import strategies as st


@st.composite
def cuts(draw: st.DrawFn) -> tuple[int, int, int]:
    margin = draw(st.integers(0, 200))
    return draw(st.integers(1, 60_000)), draw(st.integers(2 * margin + 1, 3000)), margin


@given(cuts())
def test_the_cores_cover_every_pixel_exactly_once(cut: tuple[int, int, int]) -> None:
    length, size, margin = cut
    found = spans(length, size, margin)
    assert found[0].core_start == 0
    assert found[-1].core_stop == length
    assert all(left.core_stop == right.core_start for left, right in itertools.pairwise(found))
    assert all(span.core_start < span.core_stop for span in found)


@given(cuts())
def test_no_tile_leaves_the_page_or_changes_size(cut: tuple[int, int, int]) -> None:
    length, size, margin = cut
    for span in spans(length, size, margin):
        assert 0 <= span.start < span.stop <= length
        assert span.stop - span.start == min(size, length)


@given(cuts())
def test_every_core_keeps_its_margin_save_at_the_border_of_the_page(cut: tuple[int, int, int]) -> None:
    length, size, margin = cut
    for span in spans(length, size, margin):
        assert span.start == 0 or span.core_start - span.start >= margin
        assert span.stop == length or span.stop - span.core_stop >= margin


@given(st.integers(1, 400), st.integers(1, 400), st.integers(21, 120), st.integers(0, 10))
def test_the_tiles_of_a_page_own_each_pixel_once(width: int, height: int, size: int, margin: int) -> None:
    owners = np.zeros((height, width), int)
    for tile in tiles(width, height, size, margin):
        owners[tile.y.core_start : tile.y.core_stop, tile.x.core_start : tile.x.core_stop] += 1
    assert (owners == 1).all()


@pytest.mark.parametrize(("length", "size", "margin"), [(0, 10, 1), (10, 10, 5), (10, 10, -1)])
def test_tiles_without_a_core_are_refused(length: int, size: int, margin: int) -> None:
    with pytest.raises(ValueError, match="cannot cut"):
        spans(length, size, margin)
