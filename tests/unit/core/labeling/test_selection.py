"""Active selection takes uncertain pages of every sort, and none twice."""

import itertools
import math
import time
from random import Random

import pytest
from drawops.contracts.reading import Page
from drawops.labeling.selection import Candidate, candidate, features, select
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.core.labeling.pages import result, text


def page(strings: list[str], confidence: float = 0.9, height: float = 20) -> Page:
    texts = []
    for number, string in enumerate(strings):
        one = text(number, 50, 40 * number, confidence, string)
        x, y = one.quad[0]
        quad = ((x, y), (x + 80, y), (x + 80, y + height), (x, y + height))
        texts.append(one.model_copy(update={"quad": quad}))
    return result(texts).pages[0]


def sort_of_pages(kind: str, count: int, confidence: float = 0.8) -> list[Candidate]:
    """Pages that are read alike: tags, sentences or Chinese notes."""
    strings, height = {
        "tags": ("P-1{}", 20.0),
        "notes": ("all welds flush {}", 34.0),
        "chinese": ("锅炉给水泵{}", 48.0),
    }[kind]
    pages = [
        page([strings.format(100 + 7 * n + k) for k in range(20)], confidence, height) for n in range(count)
    ]
    return [candidate(f"{kind}-{number}", found) for number, found in enumerate(pages)]


def kinds(names: list[str]) -> set[str]:
    return {name.rpartition("-")[0] for name in names}


def test_every_sort_of_page_comes_before_any_comes_twice() -> None:
    pool = [*sort_of_pages("tags", 9), *sort_of_pages("notes", 6), *sort_of_pages("chinese", 4)]
    assert kinds(select(pool, 3)) == {"tags", "notes", "chinese"}


def test_what_is_labelled_already_is_neither_chosen_nor_needed_again() -> None:
    tags, notes = sort_of_pages("tags", 15), sort_of_pages("notes", 5)
    assert kinds(select([*tags, *notes], 1)) == {"tags"}
    assert kinds(select([*tags, *notes], 1, labelled=tags[:1])) == {"notes"}
    chosen = select([*tags, *notes], 20, labelled=tags[:3], exclude=["notes-0"])
    assert len(chosen) == 16
    assert not {"tags-0", "tags-1", "tags-2", "notes-0"} & set(chosen)


def test_of_pages_alike_the_uncertain_sort_comes_first() -> None:
    pool = [*sort_of_pages("tags", 10, 0.999), *sort_of_pages("notes", 10, 0.6)]
    assert kinds(select(pool, 1)) == {"notes"}


def test_few_pages_that_are_read_badly_come_before_many_that_are_read_as_usual() -> None:
    pool = [*sort_of_pages("tags", 60, 0.93), *sort_of_pages("notes", 3, 0.6)]
    assert kinds(select(pool, 1)) == {"notes"}


def test_asking_for_more_than_there_is_gives_all() -> None:
    pool = sort_of_pages("tags", 3)
    assert sorted(select(pool, 10)) == ["tags-0", "tags-1", "tags-2"]
    assert select([], 5) == []
    assert select(pool, 0) == []


def test_pages_without_texts_come_last() -> None:
    empty = candidate("empty-0", page([]))
    assert select([empty, *sort_of_pages("tags", 2)], 3)[-1] == "empty-0"


def test_features_are_alike_for_pages_alike() -> None:
    tags, notes = sort_of_pages("tags", 2), sort_of_pages("notes", 1)

    def cosine(one: Candidate, other: Candidate) -> float:
        return sum(a * b for a, b in zip(one.features, other.features, strict=True)) / 4

    assert cosine(tags[0], tags[1]) > 0.9 > cosine(tags[0], notes[0])
    assert cosine(tags[0], tags[0]) == pytest.approx(1)
    assert set(features(page([]))) == {0.0}


@given(st.integers(0, 1_000), st.integers(2, 7), st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_the_choice_is_within_1_minus_1_over_e_of_the_best(seed: int, size: int, count: int) -> None:
    chance = Random(seed)
    pool = [
        Candidate(f"p{n}", chance.uniform(0.1, 5), 10, tuple(chance.random() for _ in range(4)))
        for n in range(size)
    ]
    best = max(
        _worth(pool, names) for names in itertools.combinations([one.name for one in pool], min(count, size))
    )
    assert _worth(pool, tuple(select(pool, count))) >= (1 - 1 / 2.71828) * best - 1e-9


def _worth(pool: list[Candidate], names: tuple[str, ...]) -> float:
    """The function of the module's docstring, computed as it stands there."""
    known = {one.name: one.features for one in pool}
    usual = sorted(one.errors / one.texts for one in pool)[len(pool) // 4]

    def alike(a: str, b: str) -> float:
        return math.exp(-(math.dist(known[a], known[b]) ** 2) / 0.2)

    return sum(
        max(one.errors - usual * one.texts, one.errors / 10) * max(alike(one.name, name) for name in names)
        for one in pool
    )


@given(st.randoms(use_true_random=False))
@settings(max_examples=20, deadline=None)
def test_the_order_of_the_pool_does_not_matter(chance: Random) -> None:
    pool = [*sort_of_pages("tags", 5), *sort_of_pages("notes", 5)]
    shuffled = chance.sample(pool, len(pool))
    assert select(shuffled, 4) == select(pool, 4)


def test_a_large_pool_takes_seconds() -> None:
    chance = Random(1)
    pool = [
        Candidate(f"p{n}", chance.random(), 9, tuple(chance.random() for _ in range(154)))
        for n in range(1_200)
    ]
    began = time.process_time()
    assert len(select(pool, 50)) == 50
    assert time.process_time() - began < 60
