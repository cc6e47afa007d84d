"""Places come back from a worker as they were sent, and drawn ones become quads that read the right way."""

import math

import pytest
from drawops.contracts.labeling import Area, Quad
from drawops.datasets.geometry import angle, is_clockwise
from drawops.labeling.ground_truth.places import quad_of, to_area, to_page, turned, unmoved
from hypothesis import given
from hypothesis import strategies as st

AREA = Area(x=1_000, y=2_000, width=800, height=600)
QUAD: Quad = ((10.0, 20.0), (110.0, 20.0), (110.0, 40.0), (10.0, 40.0))


def rectangle(along: float, across: float, degrees: float) -> Quad:
    """A rectangle about (200, 200) that reads in direction `degrees`."""
    left, top = 200 - along / 2, 200 - across / 2
    corners = [(left, top), (left + along, top), (left + along, top + across), (left, top + across)]
    a, b, c, d = turned(corners, degrees, (200.0, 200.0))
    return a, b, c, d


def near(one: Quad | None, other: Quad) -> bool:
    return one is not None and all(math.dist(a, b) < 1e-6 for a, b in zip(one, other, strict=True))


@given(st.lists(st.tuples(st.integers(0, 6_400), st.integers(0, 4_800)), min_size=4, max_size=4))
def test_eighths_of_a_pixel_come_back_exactly(eighths: list[tuple[int, int]]) -> None:
    a, b, c, d = [(AREA.x + x / 8, AREA.y + y / 8) for x, y in eighths]
    assert to_page(to_area((a, b, c, d), AREA), AREA, (800, 600)) == [a, b, c, d]


def test_a_picture_that_the_browser_saw_at_half_size_is_scaled_back() -> None:
    assert to_page([(400.0, 300.0)], AREA, (400, 300)) == [(1_800.0, 2_600.0)]


@pytest.mark.parametrize("start", range(4))
@pytest.mark.parametrize("step", [1, -1])
def test_a_place_that_only_came_back_rounded_was_not_moved(start: int, step: int) -> None:
    back = [QUAD[(start + step * i) % 4] for i in range(4)]
    assert unmoved([(x + 0.4, y - 0.5) for x, y in back], QUAD)
    assert not unmoved([(x + 3, y) for x, y in back], QUAD)


def test_a_place_with_more_corners_was_moved() -> None:
    assert not unmoved([*QUAD, (60.0, 50.0)], QUAD)


@pytest.mark.parametrize("degrees", [0, 30, -30, 44, -44, -60, -90])
@pytest.mark.parametrize("start", range(4))
@pytest.mark.parametrize("step", [1, -1])
def test_a_drawn_place_reads_to_the_right_or_upwards(degrees: float, start: int, step: int) -> None:
    wanted = rectangle(100, 20, degrees)
    found = quad_of([wanted[(start + step * i) % 4] for i in range(4)])
    assert near(found, wanted)


def test_a_lone_character_reads_to_the_right() -> None:
    found = quad_of([(10.0, 40.0), (10.0, 10.0), (33.0, 10.0), (33.0, 40.0)])
    assert found == ((10.0, 10.0), (33.0, 10.0), (33.0, 40.0), (10.0, 40.0))


@pytest.mark.parametrize("degrees", [90, 180, -135])
def test_a_moved_place_keeps_its_own_first_corner(degrees: float) -> None:
    before = rectangle(100, 20, degrees)
    moved = [(x + 4, y + 3) for x, y in before]
    found = quad_of([moved[2], moved[1], moved[0], moved[3]], like=before)
    assert found is not None
    assert math.dist(found[0], moved[0]) < 1e-6
    assert is_clockwise(found)


@given(st.floats(40, 200), st.floats(5, 20), st.floats(-80, 40), st.lists(st.floats(0.05, 0.95), max_size=8))
def test_many_corners_become_the_smallest_rectangle_around_them(
    along: float, across: float, degrees: float, shares: list[float]
) -> None:
    wanted = rectangle(along, across, degrees)
    (ax, ay), (bx, by) = wanted[0], wanted[1]
    on_the_edge = [(ax + share * (bx - ax), ay + share * (by - ay)) for share in shares]
    found = quad_of([wanted[0], *sorted(on_the_edge), *wanted[1:], (200.0, 200.0)])
    assert found is not None
    assert all(min(math.dist(a, b) for b in wanted) < 1e-3 for a in found)
    if along > 1.6 * across and abs(degrees + 45) > 1:
        assert abs(angle(found) - degrees) < 1


@pytest.mark.parametrize(
    "points", [[(1.0, 1.0)], [(1.0, 1.0), (9.0, 9.0)], [(1.0, 1.0), (5.0, 5.0), (9.0, 9.0)]]
)
def test_points_that_enclose_nothing_are_no_place(points: list[tuple[float, float]]) -> None:
    assert quad_of(points) is None
