"""A lost character is found, named, and not mistaken for an unlucky one."""

import random
from collections import Counter
from collections.abc import Sequence

import numpy as np
from drawops_vision.evaluation.predictions import Prediction
from drawops_vision.gate import characters
from drawops_vision.gate.allowances import Allowances
from drawops_vision.gate.charsets import CHARSETS, charset, charset_of_character
from drawops_vision.gate.counts import characters_right
from drawops_vision.gate.general import Drawn, Lettering, Picture, general

QUAD = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
DICTIONARY = [*"0123456789ABCDEFabcdef°", "阀", "门"]


def drawn(text: str, _: random.Random) -> Drawn | None:
    """A 'picture' that holds its string, so that a reader of it can be written down."""
    if "Ω" in text:
        return None  # no face has it
    codes = np.array([list(text.encode("utf-32-le"))], np.uint8)
    return np.repeat(codes, 20, axis=0), text


LETTERING = Lettering(mixed=lambda r: drawn(f"HV-{r.randint(100, 999)}", r), of_text=drawn)


def reading(pictures: Sequence[Picture], lacks: str = "") -> list[Prediction]:
    texts = [bytes(picture[0]).decode("utf-32-le") for picture in pictures]
    return [Prediction("".join(one for one in text if one not in lacks), QUAD, 0.9) for text in texts]


def look(suspected: dict[str, Counter[str]], lacks: str) -> list[characters.Lost]:
    return characters.look_again(
        suspected,
        [*"0123456789"],
        LETTERING,
        lambda pictures: (reading(pictures), reading(pictures, lacks)),
        "run",
        100,
        Allowances(),
    )


def test_what_is_not_read_any_more_is_lost_and_named() -> None:
    found = look({"8": Counter(stands=2, only_a=2), "3": Counter(stands=2, only_a=2)}, lacks="8")
    assert {one.character: one.lost for one in found} == {"8": True, "3": False}
    (reason,) = characters.reasons(found)
    assert "'8'" in reason.sentence
    assert "'3'" not in reason.sentence


def test_a_character_that_no_font_has_is_judged_by_what_was_read() -> None:
    found = look({"Ω": Counter(stands=30, only_a=30)}, lacks="Ω")
    assert found[0].lost
    found = look({"Ω": Counter(stands=3, only_a=3)}, lacks="Ω")
    assert not found[0].lost  # three of a hundred characters looked at is no proof


def test_suspects_are_what_the_candidate_alone_misses_the_likeliest_first() -> None:
    counts = {
        "A": Counter(stands=30, both=30),
        "B": Counter(stands=30, both=20, only_a=5, only_b=5),
        "C": Counter(stands=9, both=1, only_a=8),
        "D": Counter(stands=1, only_a=1),
        "E": Counter(stands=9, only_a=9),
    }
    assert list(characters.suspects([counts], 9, allowed="")) == ["E", "C", "D"]
    assert list(characters.suspects([counts], 1, allowed="E")) == ["C"]


def test_characters_are_counted_in_the_alignment_with_the_fewest_edits() -> None:
    assert characters_right("HV-1001", "HV1001") == [True, True, False, True, True, True, True]
    assert characters_right("R1", "") == [False, False]
    assert characters_right("", "R1") == []


def test_general_words_hold_every_block_of_the_dictionary() -> None:
    made = general(LETTERING, DICTIONARY, "run", 6)
    seen = {character for line in made.lines for character in line.text}
    assert set(DICTIONARY) <= seen
    assert made.undrawn == ()
    assert {line.group for line in made.lines} == set(range(6))


def test_the_same_run_draws_the_same_words_and_another_run_others() -> None:
    texts = [[line.text for line in general(LETTERING, DICTIONARY, run, 4).lines] for run in ("a", "a", "b")]
    assert texts[0] == texts[1]
    assert texts[0] != texts[2]


def test_a_block_that_cannot_be_drawn_is_named() -> None:
    made = general(LETTERING, ["1", "Ω"], "run", 3)
    assert made.undrawn == (charset_of_character("Ω"),)


def test_every_character_has_a_block_and_a_string_the_hardest() -> None:
    told = {"阀": "chinese", "Ж": "other script", "²": "symbols", "é": "accented", "e": "lower case"}
    told |= {"E": "upper case", "7": "digits", "-": "punctuation", "°": "symbols", "Ø": "symbols"}
    assert {one: charset_of_character(one) for one in told} == told
    assert set(told.values()) == set(CHARSETS)
    assert charset("PN 16 阀") == "chinese"
    assert charset("60 °C") == "symbols"
