"""Active selection: which N pages of a pool are worth most when people label them.

A page is worth labelling when the model errs on it (uncertainty) and when what is learned there serves other
pages it errs on (representation) that nothing labelled serves already (diversity). All three are one
function, facility location with weights (Wei, Iyer and Bilmes, "Submodularity in Data Subset Selection and
Active Learning", ICML 2015):

    worth(S) = sum over pages i of  excess_i * max over j in S of  similarity(i, j)

excess_i are the errors to expect on page i (`drawops.labeling.policy`) beyond those that labels do not mend:
in whatever lettering, O is taken for 0, and strings under lines are read badly. What the best quarter of all
pages has a text is taken for them; otherwise the many pages that are read well outweigh the few that are not.
A tenth of its errors a page counts always, so that among pages alike there is an order, too. Pages that are
labelled already are in S from the beginning. Taking the best page again and again is within 1 - 1/e of the
best set (Nemhauser, Wolsey and Fisher, Mathematical Programming 14, 1978), and the gain of a page only falls,
so most need not be looked at again (Minoux's lazy greedy, 1978).

Two pages are alike when they are read alike: the same characters and patterns of them, heights of texts, and
confidences. Similarity is exp(-d * d / 0.2) of their distance d: pages of one office were 0.3 apart (median
of d * d, generated offices of `benchmarks/active_selection.py`), pages of two offices 0.9. Whole drawings lie
closer together: with 0.4, a page read well in the middle of many others was worth most
(`benchmarks/active_learning.py`).
"""

import heapq
import math
import zlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import mul

from drawops.contracts.reading import Page, TextSource
from drawops.datasets.geometry import sides
from drawops.labeling.policy import ConfidencePolicy, assess

_CHARACTERS, _PATTERNS, _HEIGHTS, _CONFIDENCES = 64, 64, 16, 10
_SCALE = 0.2
_USUAL = 0.25
"""Share of the pages whose errors a text are at most the usual ones."""
_ALWAYS = 0.1
"""Of its errors, what a page counts at least."""
_MOST = 600
"""Pages that are compared each with each; of a larger pool those with the most excess."""

Features = tuple[float, ...]


@dataclass(frozen=True)
class Candidate:
    """A page of the pool as selection sees it.

    Attributes:
        name: whatever the caller knows the page by.
        errors: expected on the page.
        texts: recognised on the page; those of a text layer do not count.
        features: see `features`.
    """

    name: str
    errors: float
    texts: int
    features: Features


def candidate(name: str, page: Page) -> Candidate:
    """A page as it was read, for `select`."""
    recognised = sum(text.source is not TextSource.TEXT_LAYER for text in page.texts)
    return Candidate(name, assess(page, ConfidencePolicy()).expected_errors, recognised, features(page))


def features(page: Page) -> Features:
    """What a page looks like, from its reading alone: four blocks, each of length 1 (0 for an empty page).

    Characters; pairs of character classes with the character itself for letters that are no Latin ones or
    signs (both hashed to a fixed size); heights of texts in pixels on a logarithmic scale; confidences in
    tenths, finer near 1.
    """
    characters, patterns = [0.0] * _CHARACTERS, [0.0] * _PATTERNS
    heights, confidences = [0.0] * _HEIGHTS, [0.0] * _CONFIDENCES
    for text in page.texts:
        for character in text.text:
            characters[_bucket(character, _CHARACTERS)] += 1
        for before, after in pairwise(f" {text.text} "):
            patterns[_bucket(_class(before) + _class(after), _PATTERNS)] += 1
        _, height = sides(text.quad)
        # A doubling of the height is four steps: 12 and 14 px already look different to a network.
        heights[min(max(round(4 * math.log2(max(height, 1.0) / 6)), 0), _HEIGHTS - 1)] += 1
        if text.source is not TextSource.TEXT_LAYER:
            # Steps of sqrt(1 - c): most of what tells pages apart lies close to 1.
            confidences[min(int(math.sqrt(1 - text.confidence) * _CONFIDENCES), _CONFIDENCES - 1)] += 1
    return tuple(
        value
        for block in (characters, patterns, heights, confidences)
        for value in _unit([*map(math.sqrt, block)])
    )


def select(
    pool: Iterable[Candidate],
    count: int,
    *,
    labelled: Sequence[Candidate] = (),
    exclude: Collection[str] = (),
) -> list[str]:
    """The names of `count` pages to label next, the most valuable first; fewer when the pool has fewer.

    The order of `pool` does not matter.

    Args:
        labelled: pages that need no labels any more and serve others like them.
        exclude: names that are not to be chosen (being labelled now, labelled elsewhere).
    """
    gone = {page.name for page in labelled} | set(exclude)
    left = [page for page in pool if page.name not in gone]
    if not left:
        return []
    usual = _usual([*left, *labelled])
    pages = sorted(left, key=lambda page: (-_excess(page, usual), page.name))[:_MOST]
    vectors = [page.features for page in pages]
    served = [0.0] * len(pages)
    for page in labelled:
        alike = [_similarity(page.features, other) for other in vectors]
        served = list(map(max, served, alike))
    weights = [_excess(page, usual) for page in pages]
    rows = _each_with_each(vectors)

    def gain(chosen: int) -> float:
        return sum(
            weight * max(0.0, new - old)
            for weight, new, old in zip(weights, rows[chosen], served, strict=True)
        )

    # Ties go to the page with more excess, then by name: that is their order in `pages`.
    heap = [(-gain(index), index) for index in range(len(pages))]
    heapq.heapify(heap)
    chosen: list[int] = []
    while heap and len(chosen) < count:
        _, index = heapq.heappop(heap)
        fresh = -gain(index)
        if heap and (fresh, index) > heap[0]:
            heapq.heappush(heap, (fresh, index))
            continue
        chosen.append(index)
        served = list(map(max, served, rows[index]))
    return [pages[index].name for index in chosen]


def _usual(pages: Sequence[Candidate]) -> float:
    """Errors a text that are expected on pages which the model knows."""
    rates = sorted(page.errors / page.texts for page in pages if page.texts)
    return rates[int(_USUAL * len(rates))] if rates else 0.0


def _excess(page: Candidate, usual: float) -> float:
    return max(page.errors - usual * page.texts, _ALWAYS * page.errors)


def _each_with_each(vectors: Sequence[Sequence[float]]) -> list[list[float]]:
    """Similarities of all pages; of a page with itself 1."""
    rows = [[0.0] * len(vectors) for _ in vectors]
    for i, one in enumerate(vectors):
        rows[i][i] = 1.0
        for j in range(i):
            rows[i][j] = rows[j][i] = _similarity(one, vectors[j])
    return rows


def _class(character: str) -> str:
    if character.isdigit():
        return "0"
    if character.isalpha() and character.isascii():
        return "A" if character.isupper() else "a"
    return character


def _bucket(text: str, size: int) -> int:
    # Python's own hash changes from process to process.
    return zlib.crc32(text.encode("utf-8", "surrogatepass")) % size


def _unit(values: Sequence[float]) -> list[float]:
    length = math.sqrt(sum(map(mul, values, values)))
    return [value / length for value in values] if length else list(values)


def _similarity(one: Sequence[float], other: Sequence[float]) -> float:
    """1 for pages that are read the same, falling to 0 with their distance."""
    apart: float = sum((a - b) * (a - b) for a, b in zip(one, other, strict=True))
    return math.exp(-apart / _SCALE)
