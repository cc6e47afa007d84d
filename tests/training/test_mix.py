"""What a batch is drawn from: labelled crops, and general words of everything that the parent can read."""

from collections import Counter

import numpy as np
import pytest
from drawops_training.examples import Example, Examples, Mix
from drawops_vision.gate.charsets import charset

pytestmark = pytest.mark.training
DICTIONARY = [*"0123456789ABCDEFGHabcdefgh-/.()äöü°±²"]


def some(count: int, text: str, kind: str = "") -> tuple[Example, ...]:
    """Blank crops of one string."""
    return tuple(Example(np.full((20, 60), 255, np.uint8), text, kind) for _ in range(count))


def examples(replay: tuple[Example, ...] = ()) -> Examples:
    """A dataset version of blank crops."""
    return Examples(some(5, "NEW"), replay, (), (), (), Counter())


def test_general_words_show_every_block_of_the_parents_dictionary() -> None:
    pool = Mix(examples(), 0.0, 0.9, 1, dictionary=DICTIONARY).pool(0, 400)
    blocks = Counter(charset(one.text) for one in pool if one.text not in ("", "NEW"))
    for block in ("digits", "upper case", "lower case", "punctuation", "accented", "symbols"):
        assert blocks[block] >= 10, block


def test_a_pool_is_the_same_however_often_it_is_drawn_and_another_is_another() -> None:
    mix = Mix(examples(some(3, "OLD", "a")), 0.3, 0.4, 7, dictionary=DICTIONARY)
    first, again, other = mix.pool(2, 60), mix.pool(2, 60), mix.pool(3, 60)
    assert [one.text for one in first] == [one.text for one in again] != [one.text for one in other]
    for one, two in zip(first, again, strict=True):
        assert np.array_equal(one.picture, two.picture)


def test_rare_slices_of_what_the_parent_knows_are_seen_more_often_than_their_share() -> None:
    replay = (*some(900, "OFTEN", "common"), *some(9, "RARELY", "rare"))
    seen = Counter(one.text for one in Mix(examples(replay), 0.9, 0.0, 3).pool(0, 1000))
    assert seen["RARELY"] / (seen["RARELY"] + seen["OFTEN"]) == pytest.approx(1 / 11, abs=0.04)
    assert 60 <= seen["NEW"] <= 150


def test_without_augmentation_crops_are_shown_as_they_were_cut() -> None:
    crop = np.random.default_rng(1).integers(0, 256, (24, 80), np.uint8)
    found = Examples((Example(crop, "A1"),), (), (), (), (), Counter())
    assert all(np.array_equal(one.picture, crop) for one in Mix(found, 0, 0, 1, augment=False).pool(0, 20))
    assert not all(np.array_equal(one.picture, crop) for one in Mix(found, 0, 0, 1).pool(0, 20))
