"""Geometry in plain Python says what shapely says."""

import itertools
import math
import random
import time
from collections.abc import Sequence

import pytest
import shapely
from drawops.datasets import geometry
from hypothesis import given
from hypothesis import strategies as st
from shapely import affinity

Point = tuple[float, float]

whole = st.integers(-60, 60).map(float)
points = st.tuples(whole, whole)
shapes = st.lists(points, min_size=3, max_size=7)


@st.composite
def rectangles(draw: st.DrawFn) -> list[Point]:
    """Turned rectangles, clockwise from their own top-left."""
    width, height = draw(st.floats(1, 90)), draw(st.floats(1, 40))
    upright = shapely.Polygon([(0, 0), (width, 0), (width, height), (0, height)])
    turned = affinity.rotate(upright, draw(st.floats(-180, 180)), origin=(0, 0))
    moved = affinity.translate(turned, draw(st.floats(-50, 50)), draw(st.floats(-50, 50)))
    return [(x, y) for x, y in list(moved.exterior.coords)[:4]]


def overlap(a: Sequence[Point], b: Sequence[Point]) -> float:
    first, second = shapely.convex_hull(shapely.MultiPoint(a)), shapely.convex_hull(shapely.MultiPoint(b))
    union = first.union(second).area
    return first.intersection(second).area / union if union else 0.0


@given(rectangles(), rectangles())
def test_two_turned_boxes_overlap_as_shapely_says(a: list[Point], b: list[Point]) -> None:
    assert geometry.iou(a, b) == pytest.approx(overlap(a, b), abs=1e-7)


@given(shapes, shapes)
def test_any_two_shapes_overlap_as_their_hulls_do(a: list[Point], b: list[Point]) -> None:
    assert geometry.iou(a, b) == pytest.approx(overlap(a, b), abs=1e-9)
    assert geometry.iou(a, b) == pytest.approx(geometry.iou(b, a), abs=1e-9)


@given(shapes)
def test_area_and_direction_are_those_of_the_ring(shape: list[Point]) -> None:
    assert abs(geometry.signed_area(shape)) == pytest.approx(_shoelace_of_shapely(shape), abs=1e-9)
    if geometry.signed_area(shape) and not geometry.crosses_itself(shape):
        # shapely's y points up, so what runs clockwise on screen is counter-clockwise there.
        assert geometry.is_clockwise(shape) == shapely.LinearRing(shape).is_ccw


def _shoelace_of_shapely(shape: list[Point]) -> float:
    """Sum of signed triangles around the first point, each measured by shapely."""
    total = 0.0
    for a, b in itertools.pairwise(shape[1:]):
        triangle = [shape[0], a, b]
        area = shapely.Polygon(triangle).area
        total += area if area and shapely.LinearRing(triangle).is_ccw else -area
    return abs(total)


@given(shapes)
def test_an_outline_crosses_itself_when_shapely_calls_it_not_simple(shape: list[Point]) -> None:
    ring = [p for before, p in zip([shape[-1], *shape], shape, strict=False) if before != p]
    if len(ring) < 3:
        return
    assert geometry.crosses_itself(shape) == (not shapely.LinearRing(ring).is_simple)


@given(shapes, points)
def test_a_point_lies_inside_as_shapely_says(shape: list[Point], point: Point) -> None:
    if geometry.crosses_itself(shape) or not geometry.signed_area(shape):
        return
    polygon = shapely.Polygon(shape)
    if polygon.exterior.distance(shapely.Point(point)) > 1e-9:
        assert geometry.contains(shape, point) == polygon.contains(shapely.Point(point))


@given(shapes)
def test_bounds_and_hull_are_shapelys(shape: list[Point]) -> None:
    cloud = shapely.MultiPoint(shape)
    assert geometry.bounds(shape) == cloud.bounds
    hull = geometry.convex_hull(shape)
    assert len(set(hull)) == len(hull)
    expected = shapely.convex_hull(cloud)
    assert abs(geometry.signed_area(hull)) == pytest.approx(expected.area)
    if isinstance(expected, shapely.Polygon):
        assert set(hull) == set(expected.exterior.coords)
        assert geometry.is_clockwise(hull)


@given(st.floats(5, 200), st.floats(2, 40), st.floats(-179, 180))
def test_a_turned_box_keeps_its_sides_and_tells_its_angle(width: float, height: float, turn: float) -> None:
    c, s = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    corners = [(0.0, 0.0), (width, 0.0), (width, height), (0.0, height)]
    quad = [(100 + x * c - y * s, 50 + x * s + y * c) for x, y in corners]
    assert geometry.sides(quad) == pytest.approx((width, height))
    assert geometry.angle(quad) == pytest.approx(turn, abs=1e-6)


def test_a_polygon_of_eight_points_has_the_sides_of_its_text() -> None:
    upper = [(0.0, 0.0), (10.0, 0.0), (20.0, 0.0), (30.0, 0.0)]
    lower = [(30.0, 8.0), (20.0, 8.0), (10.0, 8.0), (0.0, 8.0)]
    assert geometry.sides(upper + lower) == (30.0, 8.0)
    assert geometry.angle(upper + lower) == 0.0


@given(st.lists(rectangles(), max_size=12), st.lists(rectangles(), max_size=12), st.floats(0.01, 0.9))
def test_the_grid_finds_exactly_the_pairs_that_trying_all_finds(
    a: list[list[Point]], b: list[list[Point]], at_least: float
) -> None:
    every = [(i, j, geometry.iou(first, second)) for i, first in enumerate(a) for j, second in enumerate(b)]
    assert geometry.overlapping_pairs(a, b, at_least) == [pair for pair in every if pair[2] >= at_least]


def test_boxes_as_large_as_the_page_or_larger_than_any_page_are_paired_too() -> None:
    small = [[(x, 0.0), (x + 10, 0.0), (x + 10, 5.0), (x, 5.0)] for x in (0.0, 1000.0, 4000.0)]
    sheet = [(0.0, 0.0), (5000.0, 0.0), (5000.0, 3000.0), (0.0, 3000.0)]
    absurd = [(-1e300, -1e300), (1e300, -1e300), (1e300, 1e300), (-1e300, 1e300)]
    found = geometry.overlapping_pairs([*small, sheet, absurd], [*small, sheet, absurd], 0.9)
    assert [(i, j) for i, j, _ in found][:4] == [(0, 0), (1, 1), (2, 2), (3, 3)]


def test_pairs_that_do_not_touch_cannot_be_asked_for() -> None:
    with pytest.raises(ValueError, match="above 0"):
        geometry.overlapping_pairs([], [], 0)


def test_800_boxes_of_three_annotators_are_paired_in_a_moment() -> None:
    draw = random.Random(1)

    def sheet() -> list[list[Point]]:
        found = []
        for i in range(800):
            x, y = (i % 20) * 350 + draw.uniform(-2, 2), (i // 20) * 110 + draw.uniform(-2, 2)
            w, h = (180, 28) if i % 5 else (28, 180)
            found.append([(x, y), (x + w, y), (x + w, y + h), (x, y + h)])
        return found

    first, second, third = sheet(), sheet(), sheet()
    started = time.process_time()
    pairs = [
        geometry.overlapping_pairs(a, b, 0.5) for a, b in ((first, second), (first, third), (second, third))
    ]
    spent = time.process_time() - started
    assert [len(each) for each in pairs] == [800, 800, 800]
    assert spent < 1.5, f"{spent:.2f} s"
