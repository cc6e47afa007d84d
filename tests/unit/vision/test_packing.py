import itertools

import pytest
from drawops_vision.packing import GAP, pack, split
from hypothesis import given
from hypothesis import strategies as st

SIDE = 300
SIZES = st.lists(st.tuples(st.integers(1, SIDE), st.integers(1, SIDE)), max_size=40)


@given(SIZES)
def test_no_two_pictures_overlap_or_touch(sizes: list[tuple[int, int]]) -> None:
    places, _ = pack(sizes, SIDE)
    for (one, (w, h)), (other, (v, g)) in itertools.combinations(zip(places, sizes, strict=True), 2):
        apart_in_x = one.x + w + GAP <= other.x or other.x + v + GAP <= one.x
        apart_in_y = one.y + h + GAP <= other.y or other.y + g + GAP <= one.y
        assert one.canvas != other.canvas or apart_in_x or apart_in_y


@given(SIZES)
def test_every_picture_lies_within_what_its_canvas_is_said_to_use(sizes: list[tuple[int, int]]) -> None:
    places, used = pack(sizes, SIDE)
    assert len(places) == len(sizes)
    for place, (width, height) in zip(places, sizes, strict=True):
        right, bottom = used[place.canvas]
        assert min(place.x, place.y) >= 0
        assert place.x + width <= right <= SIDE
        assert place.y + height <= bottom <= SIDE


@given(SIZES)
def test_no_canvas_is_empty(sizes: list[tuple[int, int]]) -> None:
    places, used = pack(sizes, SIDE)
    assert {place.canvas for place in places} == set(range(len(used)))


def test_many_small_pictures_share_a_canvas() -> None:
    _, used = pack([(40, 20)] * 50, SIDE)
    assert len(used) == 1


@pytest.mark.parametrize("size", [(SIDE + 1, 10), (10, SIDE + 1)])
def test_a_picture_larger_than_a_canvas_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="larger than 300 px"):
        pack([(10, 10), size], SIDE)


@given(st.integers(1, 5000), st.integers(1, 700))
def test_a_length_is_cut_into_the_fewest_even_pieces(length: int, largest: int) -> None:
    pieces = split(length, largest)
    sizes = [stop - start for start, stop in pieces]
    assert [pieces[0][0], *(stop for _, stop in pieces)] == [*(start for start, _ in pieces), length]
    assert max(sizes) <= largest
    assert max(sizes) - min(sizes) <= 1
    assert len(pieces) == -(-length // largest)
