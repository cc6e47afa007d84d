"""The tuned model goes only so far from its parent that general words are read as before."""

import pytest
import torch
from drawops_training import retention
from drawops_vision.gate.charsets import CHARSETS

pytestmark = pytest.mark.training


class Line:
    """A network of one weight, which is read off directly: 0 is the parent, 1 what was tuned."""

    def __init__(self, chinese: float, whole: float) -> None:
        self.at = -1.0
        self.looks: list[float] = []
        self._loss = (chinese, whole)

    def place(self, weights: object) -> None:
        """Stand at a point of the line."""
        assert isinstance(weights, list)
        self.at = round(float(weights[0].item()), 6)

    def measure(self) -> dict[str, float]:
        """CER that grows as far as one goes from the parent."""
        self.looks.append(self.at)
        chinese, whole = self._loss
        return {"chinese": 0.1 + chinese * self.at, "all": 0.05 + whole * self.at}

    def settle(self) -> retention.Kept:
        """Find the point."""
        return retention.farthest([torch.zeros(1)], [torch.ones(1)], self.place, self.measure)


def test_a_tuning_that_forgets_nothing_is_taken_whole() -> None:
    line = Line(0.0, -0.01)
    kept = line.settle()
    assert kept.share == 1.0
    assert kept.holds
    assert line.at == 1.0


@pytest.mark.parametrize(
    ("chinese", "whole", "share"), [(0.02, 0.0, 0.5), (0.0, 0.01, 0.2), (0.012, 0.0, 0.8)]
)
def test_one_that_forgets_is_taken_as_far_as_nothing_is_lost(
    chinese: float, whole: float, share: float
) -> None:
    line = Line(chinese, whole)
    kept = line.settle()
    assert kept.share == share
    assert kept.holds
    assert line.at == share  # and that is what the network has
    assert kept.before == {"chinese": 0.1, "all": 0.05}
    assert len(line.looks) <= 7


def test_one_that_forgets_at_once_is_kept_at_a_tenth_and_said_to_lose() -> None:
    line = Line(1.0, 1.0)
    kept = line.settle()
    assert kept.share == 0.1
    assert not kept.holds
    assert line.at == 0.1


def test_general_words_of_every_block_are_drawn_and_the_same_again() -> None:
    dictionary = [*"0123456789ABCDEFabcdefäöü-/.°±Ω"]
    words = retention.drawn(dictionary, 3, 3)
    assert words.keys() <= CHARSETS.keys()
    assert {"digits", "upper case", "lower case", "punctuation"} <= words.keys()
    assert sum(map(len, words.values())) > 30
    again, other = retention.drawn(dictionary, 3, 3), retention.drawn(dictionary, 4, 3)
    texts = [[one.text for some in each.values() for one in some] for each in (words, again, other)]
    assert texts[0] == texts[1] != texts[2]


def test_cer_of_all_lines_weighs_blocks_by_their_characters() -> None:
    words = retention.drawn([*"0123456789"], 1, 2)
    cer = retention.with_all(dict.fromkeys(words, 0.25), words)
    assert cer["all"] == pytest.approx(0.25)
