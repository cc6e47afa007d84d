"""Agreement is what the literature says it is, and finds the errors that were made."""

import pytest
from drawops.contracts.labeling import Box, BoxState
from drawops.labeling.agreement import Agreement, Rate, alpha, measure
from drawops.labeling.consolidation import Opinion, units


def opinion(who: str, texts: list[str], states: str = "") -> Opinion:
    """One person's texts side by side; 'e' in `states` marks an edited one, '.' an accepted one."""
    boxes = []
    for number, text in enumerate(texts):
        x = 100.0 * number
        quad = ((x, 0.0), (x + 80, 0.0), (x + 80, 20.0), (x, 20.0))
        state = BoxState.EDITED if states[number : number + 1] == "e" else BoxState.ACCEPTED
        boxes.append(Box(id=f"t{number}", quad=quad, text=text, state=state))
    return Opinion(who, tuple(boxes))


def agreement(*opinions: Opinion) -> Agreement:
    return measure(units(opinions))


def test_alpha_is_that_of_krippendorffs_own_example() -> None:
    # "Computing Krippendorff's Alpha-Reliability" (2011), example C: four observers, missing data.
    table: list[list[int | None]] = [
        [1, 1, None, 1], [2, 2, 3, 2], [3, 3, 3, 3], [3, 3, 3, 3], [2, 2, 2, 2], [1, 2, 3, 4],
        [4, 4, 4, 4], [1, 1, 2, 1], [2, 2, 2, 2], [None, 5, 5, 5], [None, None, 1, 1], [None, None, 3, None],
    ]  # fmt: skip
    found = alpha([value for value in unit if value is not None] for unit in table)
    assert found == pytest.approx(0.743, abs=0.0005)


def test_alpha_of_two_observers_and_two_values_is_that_of_example_a() -> None:
    one = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0]
    two = [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    assert alpha(zip(one, two, strict=True)) == pytest.approx(0.095, abs=0.0005)


def test_full_agreement_is_one_and_without_variety_nothing_can_be_said() -> None:
    assert alpha([["a", "a"], ["b", "b"]]) == 1
    assert alpha([["a", "a"], ["a", "a"]]) is None
    assert alpha([]) is None
    assert alpha([["a"], ["b"]]) is None


def test_the_same_texts_agree() -> None:
    found = agreement(opinion("ann", ["A", "B", "C"]), opinion("bob", ["A", "B", "C"]))
    assert (found.observed.value, found.strings, found.disputed) == (1.0, 1.0, 0)


def test_two_who_accept_everything_agree_on_strings_but_not_on_errors_found() -> None:
    careless = [str(number) for number in range(40)]
    found = agreement(opinion("ann", careless), opinion("bob", careless))
    assert found.strings == 1
    assert found.changes is None
    changed = [*careless[:38], "x", "y"]
    found = agreement(
        opinion("ann", changed, "." * 38 + "ee"), opinion("bob", careless), opinion("cid", careless)
    )
    assert found.strings is not None
    assert found.changes is not None
    assert found.strings > 0.9
    assert found.changes < 0.1


def test_who_differs_from_two_others_is_wrong() -> None:
    found = agreement(
        opinion("ann", ["A", "B", "C", "D"]),
        opinion("bob", ["A", "B", "C", "D"]),
        opinion("cid", ["A", "B", "X", "D"]),
    )
    assert found.errors["cid"] == Rate(4, 1)
    assert found.errors["ann"] == Rate(4, 0)


def test_a_text_that_one_does_not_have_is_a_disagreement() -> None:
    found = agreement(opinion("ann", ["A", "B"]), opinion("bob", ["A"]))
    assert found.observed == Rate(2, 1)
    assert found.disputed == 1


def test_what_only_one_looked_at_says_nothing_of_agreement() -> None:
    assert agreement(opinion("ann", ["A", "B"])).units == 0


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    # Wilson (1927); figures of Brown, Cai and DasGupta, Statistical Science 16 (2001) and direct computation.
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (5, 10, 0.2366, 0.7634), (1, 100, 0.0018, 0.0545)],
)
def test_intervals_are_wilsons(count: int, of: int, low: float, high: float) -> None:
    assert Rate(of, count).interval == pytest.approx((low, high), abs=5e-4)


def test_of_nothing_nothing_is_known() -> None:
    assert Rate(0, 0).value is None
    assert Rate(0, 0).interval == (0.0, 1.0)
