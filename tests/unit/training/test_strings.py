import random
from collections import Counter

import pytest
from drawops_training import strings

KNOWN = set(strings.LATIN + strings.SYMBOLS + strings.common_chinese() + "：" + "".join(strings.UNITS) + " ")
MANY = 4000


@pytest.fixture(scope="module")
def drawn() -> list[str]:
    r = random.Random(5)
    return [strings.string(r) for _ in range(MANY)]


@pytest.mark.parametrize("make", [make for _, make in strings.MIX], ids=lambda make: str(make.__name__))
def test_every_kind_of_string_consists_of_known_characters(make: object) -> None:
    assert callable(make)
    r = random.Random(1)
    made = ["".join(make(r)) for _ in range(400)]
    assert all(made)
    assert set("".join(made)) <= KNOWN


def test_words_stand_one_space_apart_and_no_space_stands_at_an_end(drawn: list[str]) -> None:
    assert any(" " in text for text in drawn)
    for text in drawn:
        assert text == text.strip()
        assert "  " not in text
        assert text.isprintable()


def test_one_seed_gives_one_sequence_of_strings(drawn: list[str]) -> None:
    again, other = random.Random(5), random.Random(6)
    assert [strings.string(again) for _ in range(200)] == drawn[:200]
    assert [strings.string(other) for _ in range(200)] != drawn[:200]


def test_kinds_come_as_often_as_the_mix_says(monkeypatch: pytest.MonkeyPatch) -> None:
    def named(name: str) -> strings.Maker:
        return lambda r: name

    mix = tuple((share, named(make.__name__)) for share, make in strings.MIX)
    monkeypatch.setattr(strings, "MIX", mix)
    r = random.Random(2)
    seen = Counter(strings.string(r) for _ in range(20_000))
    expected = {make(r): share for share, make in mix}
    rest = 1 - sum(expected.values())
    if rest > 1e-9:  # pictures without text
        expected[""] = rest
    assert seen.keys() == expected.keys()
    for name, share in expected.items():
        # Four standard deviations of a share at 20,000 draws.
        assert seen[name] / 20_000 == pytest.approx(share, abs=4 * (share * (1 - share) / 20_000) ** 0.5), (
            name
        )


def test_what_the_mix_leaves_is_a_picture_without_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strings, "MIX", ((0.75, strings.tag),))
    r = random.Random(3)
    empty = sum(strings.string(r) == "" for _ in range(4000)) / 4000
    assert empty == pytest.approx(0.25, abs=0.03)


def test_the_shares_of_the_mix_are_not_more_than_all() -> None:
    assert sum(share for share, _ in strings.MIX) <= 1 + 1e-9


def test_degrees_are_keyed_in_as_two_characters(drawn: list[str]) -> None:
    assert any("°C" in text for text in drawn)
    assert not any("℃" in text for text in drawn)


def test_common_chinese_is_level_1_of_gb_2312() -> None:
    characters = strings.common_chinese()
    assert len(characters) == len(set(characters)) == 3755
    assert characters[0] == "啊"
    assert characters[-1] == "座"


def test_words_come_from_a_list_of_the_project_where_the_system_has_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def absent(*_: object, **__: object) -> None:
        raise FileNotFoundError

    monkeypatch.setattr("builtins.open", absent)
    assert strings.dictionary_words.__wrapped__() == tuple(strings.WORDS)
