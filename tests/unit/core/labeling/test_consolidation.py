"""Answers of several people become one, or go back."""

import itertools
from random import Random

import pytest
from drawops.contracts.labeling import Box, BoxState, Quad
from drawops.contracts.labels import UNREADABLE
from drawops.labeling.consolidation import (
    Kind,
    Opinion,
    Unit,
    median_quad,
    overlay,
    place,
    proposals,
    question,
    turn,
    units,
)
from hypothesis import given, settings
from hypothesis import strategies as st


def quad(x: float, y: float = 100, width: float = 80, height: float = 20) -> Quad:
    return ((x, y), (x + width, y), (x + width, y + height), (x, y + height))


def box(
    name: str,
    text: str = "P-1",
    x: float = 100,
    state: BoxState = BoxState.ACCEPTED,
    where: Quad | None = None,
) -> Box:
    return Box(id=name, quad=where or quad(x), text=text, state=state)


def of(**boxes: Box | tuple[Box, ...]) -> list[Unit]:
    """Units of people by name."""
    return units(
        [Opinion(who, found if isinstance(found, tuple) else (found,)) for who, found in boxes.items()]
    )


def test_what_all_say_is_so() -> None:
    (unit,) = of(ann=box("t1"), bob=box("t1"))
    assert unit.winner == (Kind.TEXT, "P-1", 0)


def test_two_who_differ_are_sent_back_with_what_both_read() -> None:
    (unit,) = of(ann=box("t1", "P-1"), bob=box("t1", "P-I", state=BoxState.EDITED))
    assert unit.disputed
    asked = question(unit)
    assert (asked.id, asked.state, asked.proposals) == ("t1", BoxState.UNSURE, ("P-1", "P-I"))


def test_two_of_three_win() -> None:
    (unit,) = of(ann=box("t1", "P-1"), bob=box("t1", "P-I"), cid=box("t1", "P-1"))
    assert unit.winner == (Kind.TEXT, "P-1", 0)


def test_three_who_all_differ_are_sent_back() -> None:
    (unit,) = of(ann=box("t1", "1"), bob=box("t1", "I"), cid=box("t1", "l"))
    assert unit.disputed
    assert proposals(unit) == ("1", "I", "l")


def test_one_person_alone_is_believed() -> None:
    (unit,) = of(ann=box("t1", "P-9", state=BoxState.EDITED))
    assert unit.winner == (Kind.TEXT, "P-9", 0)


@pytest.mark.parametrize(("one", "other"), [("P-1 ", "P-1"), ("A  B", "A B"), ("Å", "Å")])
def test_blanks_at_the_ends_and_spellings_of_one_character_are_no_dispute(one: str, other: str) -> None:
    (unit,) = of(ann=box("t1", one), bob=box("t1", other))
    assert not unit.disputed


@pytest.mark.parametrize(("one", "other"), [("p-1", "P-1"), ("AB", "A B"), ("0", "O")])
def test_case_blanks_inside_and_look_alikes_are(one: str, other: str) -> None:
    (unit,) = of(ann=box("t1", one), bob=box("t1", other))
    assert unit.disputed


@pytest.mark.parametrize("state", [BoxState.SURE, BoxState.UNSURE])
def test_who_did_not_look_has_no_vote(state: BoxState) -> None:
    (unit,) = of(ann=box("t1", "P-1", state=state), bob=box("t1", "P-7", state=BoxState.EDITED))
    assert unit.winner == (Kind.TEXT, "P-7", 0)


def test_where_nobody_looked_nothing_is_disputed_and_nothing_decided() -> None:
    (unit,) = of(ann=box("t1", state=BoxState.SURE), bob=box("t1", state=BoxState.SURE))
    assert not unit.disputed
    assert unit.winner is None


def test_a_text_that_only_one_drew_is_disputed() -> None:
    (unit,) = of(ann=box("n1", "NEW", state=BoxState.DRAWN), bob=())
    assert unit.disputed
    assert proposals(unit) == ("NEW",)


def test_a_text_that_both_drew_is_one_text() -> None:
    (unit,) = of(ann=box("a-new", "NEW", 100, BoxState.DRAWN), bob=box("b-new", "NEW", 104, BoxState.DRAWN))
    assert unit.winner == (Kind.TEXT, "NEW", 0)
    assert place(unit) == quad(102)


def test_a_text_that_both_threw_away_is_gone() -> None:
    (unit,) = of(ann=box("t1", state=BoxState.DELETED), bob=box("t1", state=BoxState.DELETED))
    assert unit.winner == (Kind.NOTHING, "", 0)


def test_thrown_away_against_accepted_is_disputed() -> None:
    (unit,) = of(ann=box("t1", state=BoxState.DELETED), bob=box("t1"))
    assert unit.disputed


def test_who_throws_a_box_away_and_draws_it_anew_has_the_new_one() -> None:
    found = of(
        ann=(box("t1", state=BoxState.DELETED), box("n1", "P-2", 103, BoxState.DRAWN)),
        bob=box("t1", "P-2", state=BoxState.EDITED),
    )
    assert sorted(unit.winner or () for unit in found) == [(Kind.NOTHING, "", 0), (Kind.TEXT, "P-2", 0)]


def test_unreadable_is_an_answer() -> None:
    (unit,) = of(ann=box("t1", state=BoxState.UNREADABLE), bob=box("t1", UNREADABLE, state=BoxState.EDITED))
    assert unit.winner == (Kind.UNREADABLE, "", 0)
    (unit,) = of(ann=box("t1", state=BoxState.UNREADABLE), bob=box("t1"))
    assert unit.disputed
    assert proposals(unit) == (UNREADABLE, "P-1")


def test_upside_down_is_another_answer() -> None:
    upside_down = (quad(100)[2], quad(100)[3], quad(100)[0], quad(100)[1])
    assert turn(upside_down, quad(100)) == 2
    (unit,) = of(ann=box("t1", "619"), bob=box("t1", "619", where=upside_down))
    assert unit.disputed
    assert place(unit) == quad(100)


def test_one_of_three_who_is_far_off_does_not_move_the_place() -> None:
    (unit,) = of(ann=box("t1", x=100), bob=box("t1", x=101), cid=box("t1", x=125))
    assert place(unit) == quad(101)


def test_two_texts_of_one_person_never_become_one() -> None:
    found = of(
        ann=(box("t1", "A", 100), box("t2", "B", 110)),
        bob=box("t1", "A", 104),
    )
    assert len(found) == 2
    assert all(len([vote for vote in unit.votes.values() if vote.box]) <= 2 for unit in found)


def test_boxes_are_together_over_three_people_though_the_first_and_the_last_barely_overlap() -> None:
    (unit,) = of(
        ann=box("x", "A", 100, BoxState.DRAWN),
        bob=box("y", "A", 124, BoxState.DRAWN),
        cid=box("z", "A", 148, BoxState.DRAWN),
    )
    assert unit.winner == (Kind.TEXT, "A", 0)


def test_who_swaps_two_boxes_is_found_out() -> None:
    found = of(
        ann=(box("t1", "A", 100), box("t2", "B", 300)),
        bob=(box("t2", "A", 100), box("t1", "B", 300)),
    )
    assert [unit.winner for unit in found] == [(Kind.TEXT, "A", 0), (Kind.TEXT, "B", 0)]
    assert len({unit.id for unit in found}) == 2


def test_a_later_answer_decides() -> None:
    first = of(ann=box("t1", "1"), bob=box("t1", "I"))
    (settled,) = overlay(first, Opinion("cid", (box("t1", "I"),)))
    assert settled.winner == (Kind.TEXT, "I", 0)
    assert first[0].disputed, "what was first said stays as it was"


def test_one_person_has_one_vote_and_the_last_counts() -> None:
    first = of(ann=box("t1", "1"), bob=box("t1", "I"))
    (insists,) = overlay(first, Opinion("ann", (box("t1", "1"),)))
    assert insists.disputed
    (gives_in,) = overlay(first, Opinion("ann", (box("t1", "I"),)))
    assert gives_in.winner == (Kind.TEXT, "I", 0)


def test_what_a_later_answer_draws_is_taken() -> None:
    first = of(ann=box("t1", "A B"), bob=box("t1", "AB"))
    split = (box("t1", "A", state=BoxState.EDITED), box("n1", "B", 300, BoxState.DRAWN))
    _, new = overlay(first, Opinion("cid", split))
    assert new.winner == (Kind.TEXT, "B", 0)


@given(st.integers(0, 10_000), st.integers(2, 4))
@settings(max_examples=60, deadline=None)
def test_the_order_of_people_and_boxes_changes_nothing(seed: int, people: int) -> None:
    chance = Random(seed)
    opinions = []
    for who in range(people):
        boxes = [
            box(
                f"t{number}" if chance.random() < 0.8 else f"n{who}-{number}",
                chance.choice(["A", "B"]),
                90 * number + chance.uniform(-30, 30),
                chance.choice([BoxState.ACCEPTED, BoxState.EDITED, BoxState.DELETED, BoxState.SURE]),
            )
            for number in range(6)
        ]
        opinions.append(Opinion(f"person {who}", tuple(boxes)))
    wanted = {_said(unit) for unit in units(opinions)}
    for order in itertools.islice(itertools.permutations(opinions), 4):
        shuffled = [Opinion(one.annotator, tuple(chance.sample(one.boxes, len(one.boxes)))) for one in order]
        assert {_said(unit) for unit in units(shuffled)} == wanted


def _said(unit: Unit) -> tuple[object, ...]:
    boxes = {who: vote.box.id for who, vote in unit.votes.items() if vote.box is not None}
    return (*sorted(boxes.items()), unit.winner, unit.disputed)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=5))
def test_every_box_is_in_exactly_one_unit(counts: list[int]) -> None:
    opinions = [
        Opinion(f"p{who}", tuple(box(f"{who}-{n}", x=100 + 7 * n) for n in range(count)))
        for who, count in enumerate(counts)
    ]
    members = [
        vote.box.id for unit in units(opinions) for vote in unit.votes.values() if vote.box is not None
    ]
    assert sorted(members) == sorted(one.id for opinion in opinions for one in opinion.boxes)


def test_the_median_of_two_is_the_middle() -> None:
    assert median_quad([quad(100), quad(110)]) == quad(105)
