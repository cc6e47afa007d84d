"""Areas share out a page's boxes."""

from random import Random

from drawops.contracts.labeling import Area, Quad
from drawops.labeling.areas import clamped, cut, holds, middle, share_out
from hypothesis import given, settings
from hypothesis import strategies as st

SIDES = st.integers(16, 20_000)


def around(x: float, y: float) -> Quad:
    return ((x - 40, y - 10), (x + 40, y - 10), (x + 40, y + 10), (x - 40, y + 10))


@st.composite
def pages(draw: st.DrawFn) -> tuple[int, int, list[tuple[Quad, bool]], int]:
    """Width, height, boxes (some stick out or lie on each other), boxes per area."""
    width, height = draw(SIDES), draw(SIDES)
    spread = draw(st.sampled_from([1, 7, 30_000]))
    points = draw(
        st.lists(st.tuples(st.integers(-50, spread), st.integers(-50, spread), st.booleans()), max_size=60)
    )
    boxes = [(around(x % (width + 60) - 30, y % (height + 60) - 30), work) for x, y, work in points]
    return width, height, boxes, draw(st.integers(1, 20))


@given(pages())
@settings(max_examples=150, deadline=None)
def test_areas_cover_the_page_and_do_not_overlap(page: tuple[int, int, list[tuple[Quad, bool]], int]) -> None:
    width, height, boxes, per_area = page
    areas = cut(width, height, boxes, per_area=per_area)
    assert sum(area.width * area.height for area in areas) == width * height
    for number, a in enumerate(areas):
        assert a.x + a.width <= width
        assert a.y + a.height <= height
        for b in areas[number + 1 :]:
            apart_x = a.x + a.width <= b.x or b.x + b.width <= a.x
            assert apart_x or a.y + a.height <= b.y or b.y + b.height <= a.y


@given(pages())
@settings(max_examples=150, deadline=None)
def test_every_box_belongs_to_exactly_one_area(page: tuple[int, int, list[tuple[Quad, bool]], int]) -> None:
    width, height, boxes, per_area = page
    quads = [quad for quad, _ in boxes]
    areas = cut(width, height, boxes, per_area=per_area)
    shares = share_out(areas, quads, width, height)
    assert sorted(index for share in shares for index in share) == list(range(len(quads)))
    for area, share in zip(areas, shares, strict=True):
        for index in share:
            owners = [one for one in areas if holds(one, clamped(middle(quads[index]), width, height))]
            assert owners == [area]


@given(st.integers(1, 60), st.integers(61, 400), st.builds(Random, st.integers(0, 10**6)))
@settings(max_examples=60, deadline=None)
def test_no_task_is_larger_than_asked_for_and_few_are_needed(
    per_area: int, count: int, chance: Random
) -> None:
    boxes = [(around(chance.random() * 9_000, chance.random() * 6_000), True) for _ in range(count)]
    areas = cut(9_000, 6_000, boxes, per_area=per_area)
    shares = share_out(areas, [quad for quad, _ in boxes], 9_000, 6_000)
    # Places are scattered, so every cut can be made where it is best, up to marks within one pixel.
    if per_area >= 10:
        assert max(len(share) for share in shares) <= per_area
        assert len(areas) <= 1.35 * count / per_area + 1


def test_a_page_without_texts_is_one_area() -> None:
    assert cut(800, 600, [], per_area=60) == (Area(x=0, y=0, width=800, height=600),)


def test_a_page_with_many_sure_texts_is_cut_as_well() -> None:
    boxes = [(around(20 + 3 * (n % 100), 20 + 10 * (n // 100)), False) for n in range(3_000)]
    assert len(cut(1_000, 1_000, boxes, per_area=60, most=1_500)) == 2


def test_boxes_that_lie_on_each_other_end_in_one_area() -> None:
    boxes = [(around(500, 500), True)] * 300
    areas = cut(1_000, 1_000, boxes, per_area=60)
    assert max(len(share) for share in share_out(areas, [quad for quad, _ in boxes], 1_000, 1_000)) == 300
